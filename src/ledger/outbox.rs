//! The outbox in the database: rows are written in the transaction that recorded the flags they speak of.

use std::collections::BTreeMap;

use rusqlite::{Row, params};

use super::audit::AuditKind;
use super::{Ledger, LedgerError, Result, now};
use crate::case::outbox::{DeliveryState, OutboxRow, OutboxStore};

/// The target that every event is kept for, so that `cases export` gives all of them whatever the connectors are.
pub(super) const EXPORT: &str = "";

const COLUMNS: &str = "sequence, case_id, revision, target, event, state, attempts, next_attempt, last_status";

impl Ledger {
    /// All events in the order in which they were made, each as one line of JSON.
    pub fn events(&self) -> Result<Vec<String>> {
        let mut query = self.database.prepare("SELECT event FROM outbox WHERE target = ?1 ORDER BY sequence")?;
        let rows = query.query_map([EXPORT], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The rows of the outbox in a state, or in any, newest first.
    pub fn outbox(&self, state: Option<DeliveryState>, limit: usize) -> Result<Vec<OutboxRow>> {
        let mut query = self.database.prepare(&format!(
            "SELECT {COLUMNS} FROM outbox WHERE target <> ?1 AND (?2 IS NULL OR state = ?2) ORDER BY sequence DESC LIMIT ?3"
        ))?;
        let rows = query.query_map(params![EXPORT, state.map(DeliveryState::name), limit as i64], row)?;
        rows.map(|row| row?).collect()
    }

    /// Rows by state over all targets.
    pub fn outbox_counts(&self) -> Result<BTreeMap<String, u32>> {
        let mut query = self.database.prepare("SELECT state, count(*) FROM outbox WHERE target <> ?1 GROUP BY state")?;
        let rows = query.query_map([EXPORT], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Sends dead rows again (one, or all), or drops them. Returns how many.
    pub fn settle_dead(&mut self, sequence: Option<i64>, state: DeliveryState) -> Result<u32> {
        let transaction = self.database.transaction()?;
        let changed = transaction.execute(
            "UPDATE outbox SET state = ?2, attempts = 0, next_attempt = 0 WHERE state = 'dead' AND (?1 IS NULL OR sequence = ?1)",
            params![sequence, state.name()],
        )?;
        let payload = serde_json::json!({ "outbox": sequence, "dead_rows_now": state, "rows": changed });
        super::audit::append(&transaction, AuditKind::Operator, &payload)?;
        transaction.commit()?;
        Ok(changed as u32)
    }
}

impl OutboxStore for Ledger {
    type Error = LedgerError;

    fn due(&self, target: &str, now: i64) -> Result<Vec<OutboxRow>> {
        let mut query = self.database.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM outbox AS this WHERE target = ?1
               AND (state = 'sending' OR (state IN ('pending', 'retry') AND next_attempt <= ?2))
               AND NOT EXISTS (SELECT 1 FROM outbox AS older WHERE older.target = ?1 AND older.case_id = this.case_id
                 AND older.revision < this.revision AND older.state IN ('pending', 'sending', 'retry'))
             ORDER BY sequence LIMIT 500"
        ))?;
        let rows = query.query_map(params![target, now], row)?;
        rows.map(|row| row?).collect()
    }

    fn supersede(&mut self, target: &str) -> Result<u32> {
        let changed = self.database.execute(
            "UPDATE outbox AS this SET state = 'superseded' WHERE target = ?1 AND state IN ('pending', 'retry')
               AND EXISTS (SELECT 1 FROM outbox AS newer WHERE newer.target = ?1 AND newer.case_id = this.case_id
                 AND newer.revision > this.revision AND newer.state IN ('pending', 'retry'))",
            [target],
        )?;
        Ok(changed as u32)
    }

    fn settle(&mut self, row: &OutboxRow, remote_id: Option<&str>) -> Result<()> {
        let transaction = self.database.transaction()?;
        transaction.execute(
            "UPDATE outbox SET state = ?2, attempts = ?3, next_attempt = ?4, last_status = ?5, remote_id = coalesce(?6, remote_id) WHERE sequence = ?1",
            params![row.sequence, row.state.name(), row.attempts, row.due, row.last_status, remote_id],
        )?;
        if row.state != DeliveryState::Sending {
            let payload = serde_json::json!({
                "case": row.case_id, "revision": row.revision, "target": row.target, "state": row.state,
                "attempt": row.attempts, "status": row.last_status, "time": now(),
            });
            super::audit::append(&transaction, AuditKind::Delivery, &payload)?;
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
    }))
}
