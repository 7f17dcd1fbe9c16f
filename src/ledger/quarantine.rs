//! Files that could not be read: why, and what to do about each.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::audit::AuditKind;
use super::documents::digest_column;
use super::{Ledger, Result, now};
use crate::digest::Digest;

/// A file in quarantine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuarantineRecord {
    /// The path.
    pub path: String,
    /// The file's digest, where it could be read.
    pub document: Option<Digest>,
    /// A stable code.
    pub reason: String,
    /// For people.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether another try of the same bytes by the same program would end the same way.
    pub lasting: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first met.
    pub first_seen: String,
    /// When it was last tried.
    pub last_seen: String,
}

const COLUMNS: &str = "document, path, reason, message, remedy, lasting, attempts, first_seen, last_seen";

impl Ledger {
    /// Puts a file into quarantine, or counts another try.
    pub fn quarantine(
        &mut self,
        path: &str,
        document: Option<Digest>,
        reason: &str,
        message: &str,
        remedy: &str,
        lasting: bool,
    ) -> Result<()> {
        let transaction = self.database.transaction()?;
        let digest = document.map(|digest| digest.as_bytes().to_vec());
        transaction.execute(
            "INSERT INTO quarantine (path, document, reason, message, remedy, lasting, attempts, first_seen, last_seen, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7, ?8)
             ON CONFLICT (path) DO UPDATE SET document = excluded.document, reason = excluded.reason, message = excluded.message,
               remedy = excluded.remedy, lasting = excluded.lasting, attempts = attempts + 1, last_seen = excluded.last_seen,
               version = excluded.version",
            params![path, digest, reason, message, remedy, lasting, now(), env!("CARGO_PKG_VERSION")],
        )?;
        let payload = serde_json::json!({ "path": path, "sha256": document, "reason": reason, "message": message });
        super::audit::append(&transaction, AuditKind::Quarantine, &payload)?;
        Ok(transaction.commit()?)
    }

    /// Takes a file out of quarantine, because it was read.
    pub fn release(&mut self, path: &str) -> Result<()> {
        let transaction = self.database.transaction()?;
        if transaction.execute("DELETE FROM quarantine WHERE path = ?1", [path])? > 0 {
            super::audit::append(&transaction, AuditKind::Quarantine, &serde_json::json!({ "path": path, "released": true }))?;
        }
        Ok(transaction.commit()?)
    }

    /// All files in quarantine, by path.
    pub fn quarantined(&self) -> Result<Vec<QuarantineRecord>> {
        let mut query = self.database.prepare(&format!("SELECT {COLUMNS} FROM quarantine ORDER BY path"))?;
        let rows = query.query_map([], record)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The quarantine row that makes another try pointless: the same path and bytes, a lasting reason, this version of the program.
    pub fn lasting_quarantine(&self, path: &str, document: &Digest) -> Result<Option<QuarantineRecord>> {
        let query = format!("SELECT {COLUMNS} FROM quarantine WHERE path = ?1 AND document = ?2 AND lasting AND version = ?3");
        let mut query = self.database.prepare_cached(&query)?;
        Ok(query.query_row(params![path, document.as_bytes(), env!("CARGO_PKG_VERSION")], record).optional()?)
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<QuarantineRecord> {
    Ok(QuarantineRecord {
        document: row.get::<_, Option<Vec<u8>>>(0)?.map(|_| digest_column(row)).transpose()?,
        path: row.get(1)?,
        reason: row.get(2)?,
        message: row.get(3)?,
        remedy: row.get(4)?,
        lasting: row.get(5)?,
        attempts: row.get(6)?,
        first_seen: row.get(7)?,
        last_seen: row.get(8)?,
    })
}
