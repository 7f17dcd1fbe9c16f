//! What people decided about flags. Reviews are added, never changed: the last one of a flag counts, and a case that the flag is
//! part of is told.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::audit::AuditKind;
use super::{Ledger, LedgerError, Result, cases, now};

/// A person's decision on a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewState {
    /// The passage carries the label.
    Confirmed,
    /// It does not.
    Rejected,
}

impl ReviewState {
    /// The state as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
        }
    }
}

/// A review of a flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReviewRecord {
    /// The flag.
    pub flag: String,
    /// The revision of the flag that was seen.
    pub revision: u32,
    /// What was decided.
    pub state: ReviewState,
    /// By whom.
    pub reviewer: String,
    /// Why.
    pub note: Option<String>,
    /// When (RFC 3339, UTC).
    pub time: String,
}

impl Ledger {
    /// Records a review of a flag as it stands, with an entry in the audit chain and, where it changes what is decided about the
    /// flag's case, an event for the targets of the last run. None where there is no such flag.
    pub fn review(&mut self, flag: &str, state: ReviewState, reviewer: &str, note: Option<&str>) -> Result<Option<ReviewRecord>> {
        let targets = self.latest_cases()?.map(|(_, spec)| spec.targets()).unwrap_or_default();
        let transaction = self.database.transaction()?;
        let revision: Option<u32> =
            transaction.query_row("SELECT revision FROM flag WHERE id = ?1", [flag], |row| row.get(0)).optional()?;
        let Some(revision) = revision else { return Ok(None) };
        let record = ReviewRecord {
            flag: flag.to_owned(),
            revision,
            state,
            reviewer: reviewer.to_owned(),
            note: note.map(str::to_owned),
            time: now(),
        };
        transaction.execute(
            "INSERT INTO review (flag, revision, state, reviewer, note, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![record.flag, record.revision, state.name(), record.reviewer, record.note, record.time],
        )?;
        let decision = super::audit::append(&transaction, AuditKind::Review, &serde_json::json!(record))?;
        if let Some(event) = cases::carry_review(&transaction, flag)? {
            cases::keep_event(&transaction, event, decision, &targets)?;
        }
        transaction.commit()?;
        Ok(Some(record))
    }

    /// The reviews of a flag, oldest first.
    pub fn reviews(&self, flag: &str) -> Result<Vec<ReviewRecord>> {
        let mut query = self
            .database
            .prepare_cached("SELECT flag, revision, state, reviewer, note, time FROM review WHERE flag = ?1 ORDER BY sequence")?;
        let rows = query.query_map([flag], record)?;
        rows.map(|row| row?).collect()
    }
}

/// The last review of a flag.
pub(super) fn last(transaction: &Transaction<'_>, flag: &str) -> Result<Option<ReviewRecord>> {
    transaction
        .prepare_cached(
            "SELECT flag, revision, state, reviewer, note, time FROM review WHERE flag = ?1 ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([flag], record)
        .optional()?
        .transpose()
}

fn record(row: &Row<'_>) -> rusqlite::Result<Result<ReviewRecord>> {
    let state: String = row.get(2)?;
    let Some(state) = [ReviewState::Confirmed, ReviewState::Rejected].into_iter().find(|known| known.name() == state) else {
        return Ok(Err(LedgerError::Corrupt { what: "a review".to_owned(), detail: format!("unknown state {state:?}") }));
    };
    Ok(Ok(ReviewRecord {
        flag: row.get(0)?,
        revision: row.get(1)?,
        state,
        reviewer: row.get(3)?,
        note: row.get(4)?,
        time: row.get(5)?,
    }))
}
