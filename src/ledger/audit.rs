//! The audit chain: each entry's hash covers the one before it.
//!
//! A changed entry breaks its own hash, a removed or reordered one the next entry's. A chain that was cut short or computed
//! anew is whole in itself: only a [`super::Checkpoint`] kept outside the data folder shows it.
//!
//! An entry's hash is the SHA-256 of its canonical JSON (keys sorted, no white space) with the keys `kind`, `payload`,
//! `previous`, `sequence` and `time`, so that an auditor can verify an export with any JSON library.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Ledger, Result, now};
use crate::digest::Digest;

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditKind {
    /// A run started: pipeline, models, version.
    RunStarted,
    /// A run ended: exit code, digest of the report.
    RunEnded,
    /// A document was judged: digests of its artefacts, what changed about its flags.
    Decision,
    /// A file went into quarantine, or came out of it.
    Quarantine,
    /// An event was handed over, or an attempt failed.
    Delivery,
    /// A person judged a flag.
    Review,
    /// What the installation is set up with: the signing key, a disabled target.
    Configuration,
    /// A person changed something: a dropped event, a retry.
    Operator,
    /// A model was fetched into the data folder, or removed from it.
    Model,
    /// Something lost was made again: an artefact that was gone or changed, what a dead writer left behind.
    Recovery,
}

impl AuditKind {
    /// The kind as the chain names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RunStarted => "run-started",
            Self::RunEnded => "run-ended",
            Self::Decision => "decision",
            Self::Quarantine => "quarantine",
            Self::Delivery => "delivery",
            Self::Review => "review",
            Self::Configuration => "configuration",
            Self::Operator => "operator",
            Self::Model => "model",
            Self::Recovery => "recovery",
        }
    }
}

/// An entry of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place, from 1 without gaps.
    pub sequence: u64,
    /// When it was written (RFC 3339, UTC); order is by sequence, never by this.
    pub time: String,
    /// What it records.
    pub kind: String,
    /// The record.
    pub payload: Value,
    /// The hash of the entry before it; of the first one, zeros.
    pub previous: Digest,
    /// Its own hash.
    pub hash: Digest,
}

/// What the first entry follows.
pub(super) const START: Digest = Digest::from_bytes([0; 32]);

/// An entry as it lies in the database: the payload is the text that was hashed.
pub(super) struct RawEntry {
    pub(super) sequence: u64,
    pub(super) time: String,
    pub(super) kind: String,
    pub(super) payload: String,
    pub(super) previous: Digest,
    pub(super) hash: Digest,
}

impl RawEntry {
    /// The hash that follows from the entry and what it stands behind.
    pub(super) fn computed_hash(&self) -> Digest {
        let [kind, time] = [&self.kind, &self.time].map(|text| Value::from(text.as_str()));
        let (payload, previous, sequence) = (&self.payload, &self.previous, self.sequence);
        let text =
            format!(r#"{{"kind":{kind},"payload":{payload},"previous":"{previous}","sequence":{sequence},"time":{time}}}"#);
        Digest::of(text.as_bytes())
    }
}

/// Appends an entry within a transaction: it stands or falls with what it records. Returns its sequence and hash.
pub(super) fn append(transaction: &Transaction<'_>, kind: AuditKind, payload: &Value) -> Result<(u64, Digest)> {
    let last = transaction
        .prepare_cached("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)))
        .optional()?;
    let (sequence, previous) = last.map_or((0, START), |(sequence, hash)| (sequence.unsigned_abs(), Digest::from_bytes(hash)));
    let mut entry = RawEntry {
        sequence: sequence + 1,
        time: now(),
        kind: kind.name().to_owned(),
        payload: canonical(payload),
        previous,
        hash: START,
    };
    entry.hash = entry.computed_hash();
    transaction
        .prepare_cached("INSERT INTO audit (sequence, time, kind, payload, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            entry.sequence as i64,
            entry.time,
            entry.kind,
            entry.payload,
            entry.previous.as_bytes(),
            entry.hash.as_bytes()
        ])?;
    Ok((entry.sequence, entry.hash))
}

/// The sequence that the next entry of the chain will have.
pub(super) fn next_sequence(transaction: &Transaction<'_>) -> Result<u64> {
    let last: Option<i64> = transaction.query_row("SELECT max(sequence) FROM audit", [], |row| row.get(0))?;
    Ok(last.unwrap_or(0).unsigned_abs() + 1)
}

/// JSON in one form per value: keys in order of their code points, no white space.
pub(super) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(&mut out, value);
    out
}

fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(out, value);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(out, item);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

impl Ledger {
    /// Appends an entry by itself; returns its sequence.
    pub fn audit(&mut self, kind: AuditKind, payload: &Value) -> Result<u64> {
        let transaction = self.database.transaction()?;
        let (sequence, _) = append(&transaction, kind, payload)?;
        transaction.commit()?;
        Ok(sequence)
    }

    /// The last `limit` entries, oldest first; of one kind, where one is named.
    pub fn audit_entries(&self, kind: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>> {
        let mut query = self.database.prepare(
            "SELECT sequence, time, kind, payload, previous, hash FROM audit WHERE ?1 IS NULL OR kind = ?1
             ORDER BY sequence DESC LIMIT ?2",
        )?;
        let rows = query.query_map(params![kind, limit as i64], raw)?;
        let mut entries = rows
            .map(|row| {
                let RawEntry { sequence, time, kind, payload, previous, hash } = row?;
                // A payload that is no JSON was tampered with; `verify_audit` says so, a list still shows it.
                let payload = serde_json::from_str(&payload).unwrap_or(Value::String(payload));
                Ok(AuditEntry { sequence, time, kind, payload, previous, hash })
            })
            .collect::<Result<Vec<_>>>()?;
        entries.reverse();
        Ok(entries)
    }
}

pub(super) fn raw(row: &rusqlite::Row<'_>) -> rusqlite::Result<RawEntry> {
    Ok(RawEntry {
        sequence: row.get::<_, i64>(0)?.unsigned_abs(),
        time: row.get(1)?,
        kind: row.get(2)?,
        payload: row.get(3)?,
        previous: Digest::from_bytes(row.get(4)?),
        hash: Digest::from_bytes(row.get(5)?),
    })
}
