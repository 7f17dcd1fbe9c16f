//! The outbox in the database: rows are written in the transaction that recorded the flags they speak of.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::audit::AuditKind;
use super::{Ledger, LedgerError, Result, now};
use crate::case::outbox::{DeliveryState, Gate, OutboxRow, OutboxStore};

/// What waits for one target, and whether anything goes to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutboxTarget {
    /// The connector's name.
    pub target: String,
    /// Rows by state.
    pub rows: BTreeMap<String, u32>,
    /// When the next attempt is due (seconds since 1970); none where nothing waits for one.
    pub next_attempt: Option<i64>,
    /// Whether the target takes events.
    pub gate: Gate,
}

const COLUMNS: &str = "this.sequence, e.case_id, e.revision, this.target, e.event, this.state, this.attempts, \
                       this.next_attempt, this.last_status, e.status";

const FROM: &str = "FROM outbox AS this JOIN case_event AS e ON e.sequence = this.event";

impl Ledger {
    /// All events in the order in which they were made, each as one line of JSON.
    pub fn events(&self) -> Result<Vec<String>> {
        let mut query = self.database.prepare("SELECT event FROM case_event ORDER BY sequence")?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The rows of the outbox in a state, or in any, newest first.
    pub fn outbox(&self, state: Option<DeliveryState>, limit: usize) -> Result<Vec<OutboxRow>> {
        let query = format!("SELECT {COLUMNS} {FROM} WHERE ?1 IS NULL OR this.state = ?1 ORDER BY this.sequence DESC LIMIT ?2");
        let mut query = self.database.prepare(&query)?;
        let rows = query.query_map(params![state.map(DeliveryState::name), limit as i64], row)?;
        rows.map(|row| row?).collect()
    }

    /// Rows by state over all targets.
    pub fn outbox_counts(&self) -> Result<BTreeMap<String, u32>> {
        let mut query = self.database.prepare("SELECT state, count(*) FROM outbox GROUP BY state")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The targets that events were ever queued for, by name.
    pub fn outbox_targets(&self) -> Result<Vec<OutboxTarget>> {
        let mut query = self.database.prepare(
            "SELECT target, state, count(*), min(CASE WHEN state IN ('pending', 'sending', 'retry') THEN next_attempt END)
             FROM outbox GROUP BY target, state ORDER BY target, state",
        )?;
        let rows = query.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?, row.get::<_, Option<i64>>(3)?))
        })?;
        let mut targets: Vec<OutboxTarget> = Vec::new();
        for row in rows {
            let (target, state, count, next) = row?;
            if targets.last().is_none_or(|last| last.target != target) {
                let gate = self.gate(&target)?;
                targets.push(OutboxTarget { target, rows: BTreeMap::new(), next_attempt: None, gate });
            }
            if let Some(last) = targets.last_mut() {
                last.rows.insert(state, count);
                last.next_attempt = [last.next_attempt, next].into_iter().flatten().min();
            }
        }
        Ok(targets)
    }

    /// The rows that a delivery to a target at `now` (seconds since 1970) would send: of each case the newest.
    pub fn due_for(&self, target: &str, now: i64) -> Result<Vec<OutboxRow>> {
        let mut query = self.database.prepare_cached(&format!(
            "SELECT {COLUMNS} {FROM} WHERE this.target = ?1
               AND (this.state = 'sending' OR (this.state IN ('pending', 'retry') AND this.next_attempt <= ?2))
               AND NOT EXISTS (SELECT 1 FROM outbox AS newer JOIN case_event AS n ON n.sequence = newer.event
                 WHERE newer.target = ?1 AND n.case_id = e.case_id AND n.revision > e.revision
                   AND newer.state IN ('pending', 'retry'))
             ORDER BY this.sequence"
        ))?;
        let rows = query.query_map(params![target, now], row)?;
        rows.map(|row| row?).collect()
    }

    /// The event ids that a target took, by the outbox.
    pub fn delivered_to(&self, target: &str) -> Result<BTreeSet<String>> {
        let query = format!("SELECT e.case_id || ':' || e.revision {FROM} WHERE this.target = ?1 AND this.state = 'delivered'");
        let mut query = self.database.prepare_cached(&query)?;
        let rows = query.query_map([target], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Sends dead rows again (one, or all), or drops them. A row that a newer revision of its case has overtaken is not sent
    /// again: it becomes superseded. Returns how many rows changed.
    pub fn settle_dead(&mut self, sequence: Option<i64>, state: DeliveryState) -> Result<u32> {
        let transaction = self.database.transaction()?;
        let changed = transaction.execute(
            "UPDATE outbox AS this SET attempts = 0, next_attempt = 0, state = CASE
               WHEN ?2 = 'pending' AND EXISTS (
                 SELECT 1 FROM outbox AS newer JOIN case_event AS n ON n.sequence = newer.event
                   JOIN case_event AS mine ON mine.sequence = this.event
                 WHERE newer.target = this.target AND n.case_id = mine.case_id AND n.revision > mine.revision
                   AND newer.state IN ('pending', 'sending', 'retry', 'delivered'))
               THEN 'superseded' ELSE ?2 END
             WHERE state = 'dead' AND (?1 IS NULL OR sequence = ?1)",
            params![sequence, state.name()],
        )?;
        if changed > 0 {
            let payload = serde_json::json!({ "outbox": sequence, "dead_rows_now": state, "rows": changed });
            super::audit::append(&transaction, AuditKind::Operator, &payload)?;
        }
        transaction.commit()?;
        Ok(changed as u32)
    }

    /// Opens a target again that was disabled or paused.
    pub fn enable_target(&mut self, target: &str) -> Result<()> {
        self.set_gate(target, &Gate::default())
    }

    /// Queues the last event of every open case for a target that never got one of it: a connector that was added later. Returns
    /// how many.
    pub fn queue_open_cases(&mut self, target: &str) -> Result<u32> {
        let transaction = self.database.transaction()?;
        let queued = transaction.execute(
            "INSERT INTO outbox (event, target, state, attempts, next_attempt)
             SELECT e.sequence, ?1, 'pending', 0, 0 FROM case_group AS c
               JOIN case_event AS e ON e.case_id = c.id AND e.revision = c.revision
             WHERE c.state = 'open' AND NOT EXISTS (
               SELECT 1 FROM outbox AS o JOIN case_event AS earlier ON earlier.sequence = o.event
               WHERE o.target = ?1 AND earlier.case_id = c.id)
             ORDER BY e.sequence",
            [target],
        )?;
        if queued > 0 {
            let payload = serde_json::json!({ "target": target, "open_cases_queued": queued });
            super::audit::append(&transaction, AuditKind::Operator, &payload)?;
        }
        transaction.commit()?;
        Ok(queued as u32)
    }
}

impl OutboxStore for Ledger {
    type Error = LedgerError;

    fn due(&self, target: &str, now: i64) -> Result<Vec<OutboxRow>> {
        let mut query = self.database.prepare_cached(&format!(
            "SELECT {COLUMNS} {FROM} WHERE this.target = ?1
               AND (this.state = 'sending' OR (this.state IN ('pending', 'retry') AND this.next_attempt <= ?2))
               AND NOT EXISTS (SELECT 1 FROM outbox AS older JOIN case_event AS o ON o.sequence = older.event
                 WHERE older.target = ?1 AND o.case_id = e.case_id AND o.revision < e.revision
                   AND older.state IN ('pending', 'sending', 'retry'))
             ORDER BY this.sequence LIMIT 500"
        ))?;
        let rows = query.query_map(params![target, now], row)?;
        rows.map(|row| row?).collect()
    }

    fn supersede(&mut self, target: &str) -> Result<u32> {
        let transaction = self.database.transaction()?;
        let changed = transaction.execute(
            "UPDATE outbox AS this SET state = 'superseded' WHERE target = ?1 AND state IN ('pending', 'retry')
               AND EXISTS (SELECT 1 FROM outbox AS newer JOIN case_event AS n ON n.sequence = newer.event
                   JOIN case_event AS mine ON mine.sequence = this.event
                 WHERE newer.target = ?1 AND n.case_id = mine.case_id AND n.revision > mine.revision
                   AND newer.state IN ('pending', 'retry'))",
            [target],
        )?;
        // A receiver that never heard of a case needs no word of its withdrawal. One that was tried may have heard of it.
        transaction.execute(
            "UPDATE outbox AS this SET state = 'withdrawn' WHERE target = ?1 AND state = 'pending' AND attempts = 0
               AND (SELECT status FROM case_event WHERE sequence = this.event) = 'withdrawn'
               AND NOT EXISTS (SELECT 1 FROM delivery_attempt AS tried JOIN outbox AS older ON older.sequence = tried.outbox
                   JOIN case_event AS o ON o.sequence = older.event JOIN case_event AS mine ON mine.sequence = this.event
                 WHERE older.target = ?1 AND o.case_id = mine.case_id)",
            [target],
        )?;
        transaction.commit()?;
        Ok(changed as u32)
    }

    fn settle(&mut self, row: &OutboxRow, remote_id: Option<&str>) -> Result<()> {
        let transaction = self.database.transaction()?;
        transaction
            .prepare_cached(
                "UPDATE outbox SET state = ?2, attempts = ?3, next_attempt = ?4, last_status = ?5,
                   remote_id = coalesce(?6, remote_id) WHERE sequence = ?1",
            )?
            .execute(params![row.sequence, row.state.name(), row.attempts, row.due, row.last_status, remote_id])?;
        transaction
            .prepare_cached("INSERT INTO delivery_attempt (outbox, attempt, time, state, status) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![row.sequence, row.attempts, now(), row.state.name(), row.last_status])?;
        if row.state != DeliveryState::Sending {
            let payload = serde_json::json!({
                "case": row.case_id, "revision": row.revision, "target": row.target, "state": row.state,
                "attempt": row.attempts, "status": row.last_status, "remote_id": remote_id,
            });
            super::audit::append(&transaction, AuditKind::Delivery, &payload)?;
        }
        Ok(transaction.commit()?)
    }

    fn gate(&self, target: &str) -> Result<Gate> {
        let mut query = self.database.prepare_cached("SELECT disabled, failures, paused_until FROM target WHERE name = ?1")?;
        let gate =
            query.query_row([target], |row| Ok(Gate { disabled: row.get(0)?, failures: row.get(1)?, paused_until: row.get(2)? }));
        Ok(gate.optional()?.unwrap_or_default())
    }

    fn set_gate(&mut self, target: &str, gate: &Gate) -> Result<()> {
        let before = self.gate(target)?;
        if before == *gate {
            return Ok(());
        }
        let transaction = self.database.transaction()?;
        transaction.execute(
            "INSERT INTO target (name, disabled, failures, paused_until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET disabled = excluded.disabled, failures = excluded.failures,
               paused_until = excluded.paused_until",
            params![target, gate.disabled, gate.failures, gate.paused_until],
        )?;
        if before.disabled != gate.disabled {
            let payload = serde_json::json!({ "target": target, "disabled": gate.disabled });
            super::audit::append(&transaction, AuditKind::Configuration, &payload)?;
        }
        Ok(transaction.commit()?)
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<Result<OutboxRow>> {
    let state: String = row.get(5)?;
    let Some(state) = DeliveryState::named(&state) else {
        return Ok(Err(LedgerError::Corrupt { what: "an outbox row".to_owned(), detail: format!("unknown state {state:?}") }));
    };
    Ok(Ok(OutboxRow {
        sequence: row.get(0)?,
        case_id: row.get(1)?,
        revision: row.get(2)?,
        target: row.get(3)?,
        event: row.get(4)?,
        state,
        attempts: row.get(6)?,
        due: row.get(7)?,
        last_status: row.get(8)?,
        status: row.get(9)?,
    }))
}

#[cfg(test)]
mod tests;
