//! Documents as judged, and where their bytes were seen.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{Ledger, LedgerError, Result, now};
use crate::digest::Digest;

/// A document as the last run that judged it left it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// The file name without its ending.
    pub stem: String,
    /// The title.
    pub title: Option<String>,
    /// The reporting institution.
    pub institution: Option<String>,
    /// The authority's own id of the institution.
    pub institution_id: Option<String>,
    /// The Legal Entity Identifier, where the manifest declares one.
    pub lei: Option<String>,
    /// The type of document.
    pub document_type: Option<String>,
    /// The reporting period.
    pub period: Option<String>,
    /// The authority's own id of the filing.
    pub filing: Option<String>,
    /// When it was filed.
    pub filed_at: Option<String>,
    /// The digest of the version that this one replaces.
    pub supersedes: Option<Digest>,
    /// BCP 47 tag of the language of most of its text.
    pub language: String,
    /// The pages by how they were read.
    pub pages: PageTally,
    /// Pages that OCR alone can read, whether or not it did.
    #[serde(default)]
    pub scans: u32,
    /// What the report says about the file.
    pub warnings: Vec<String>,
    /// The labels that were looked for.
    #[serde(default)]
    pub labels_sought: Vec<String>,
    /// Those of them that the model is weak for: too few examples, or a low F1 on unseen documents.
    #[serde(default)]
    pub labels_weak: Vec<String>,
    /// The keys of its artefacts.
    pub keys: StageKeys,
    /// Flags that wait for review: under no rule, or above the number of cases per document.
    pub in_review: u32,
    /// The sentences of its summary, as counted by the check.
    pub sentences: BTreeMap<String, u32>,
}

/// Pages by how they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageTally {
    /// All of them.
    pub total: u32,
    /// From the text layer.
    pub text: u32,
    /// By OCR.
    pub ocr: u32,
    /// With nothing printed on them.
    pub blank: u32,
    /// The numbers of those unread, from 1.
    pub unread: Vec<u32>,
}

/// The keys of a document's artefacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageKeys {
    /// The document as read.
    pub document: Digest,
    /// Its passages.
    pub passages: Digest,
    /// What the models say of them.
    pub scores: Digest,
    /// Its findings.
    pub findings: Digest,
    /// Its checked summary.
    pub summary: Digest,
}

impl StageKeys {
    /// The keys in the order of the flow.
    pub fn in_order(&self) -> [(&'static str, Digest); 5] {
        [
            ("document", self.document),
            ("passages", self.passages),
            ("scores", self.scores),
            ("findings", self.findings),
            ("summary", self.summary),
        ]
    }
}

impl Ledger {
    /// The document with this digest, with its state: the digest of all settings that it was judged under.
    pub fn document(&self, digest: &Digest) -> Result<Option<(DocumentRecord, Digest)>> {
        let mut query = self.database.prepare_cached("SELECT record, state FROM document WHERE digest = ?1")?;
        let row =
            query.query_row([digest.as_bytes()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, [u8; 32]>(1)?))).optional()?;
        row.map(|(record, state)| Ok((parse(&record)?, Digest::from_bytes(state)))).transpose()
    }

    /// The number of the run that judged a document last.
    pub fn judged_by(&self, digest: &Digest) -> Result<Option<i64>> {
        let mut query = self.database.prepare_cached("SELECT run FROM document WHERE digest = ?1")?;
        Ok(query.query_row([digest.as_bytes()], |row| row.get(0)).optional()?)
    }

    /// All documents, by stem.
    pub fn documents(&self) -> Result<Vec<DocumentRecord>> {
        let mut query = self.database.prepare("SELECT record FROM document ORDER BY stem, digest")?;
        let rows = query.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|record| parse(&record?)).collect()
    }

    /// The documents judged after a sequence, in its order: those that an index which is at that sequence lacks.
    pub fn documents_after(&self, sequence: u64) -> Result<Vec<(DocumentRecord, u64)>> {
        let mut query = self.database.prepare("SELECT record, sequence FROM document WHERE sequence > ?1 ORDER BY sequence")?;
        let rows = query.query_map([sequence as i64], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        rows.map(|row| {
            let (record, sequence) = row?;
            Ok((parse(&record)?, sequence.unsigned_abs()))
        })
        .collect()
    }

    /// The documents that a name means: a stem, or the first 8 or more digits of a digest. Several stems may be the same.
    pub fn documents_named(&self, name: &str) -> Result<Vec<DocumentRecord>> {
        let prefix =
            (name.len() >= 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| format!("{}%", name.to_lowercase()));
        let mut query = self.database.prepare(
            "SELECT record FROM document WHERE stem = ?1 OR (?2 IS NOT NULL AND lower(hex(digest)) LIKE ?2) ORDER BY stem, digest LIMIT 20",
        )?;
        let rows = query.query_map(params![name, prefix], |row| row.get::<_, String>(0))?;
        rows.map(|record| parse(&record?)).collect()
    }

    /// Where a document's bytes were seen.
    pub fn sources(&self, digest: &Digest) -> Result<Vec<String>> {
        let mut query = self.database.prepare_cached("SELECT uri FROM source WHERE document = ?1 ORDER BY uri")?;
        let rows = query.query_map([digest.as_bytes()], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The document whose bytes were last seen at a path.
    pub fn source(&self, uri: &str) -> Result<Option<Digest>> {
        let mut query = self.database.prepare_cached("SELECT document FROM source WHERE uri = ?1")?;
        Ok(query.query_row([uri], digest_column).optional()?)
    }

    /// Records that a document's bytes were seen at a path.
    pub fn record_source(&mut self, uri: &str, digest: &Digest) -> Result<()> {
        self.database.execute(
            "INSERT INTO source (uri, document, first_seen, last_seen) VALUES (?1, ?2, ?3, ?3)
             ON CONFLICT (uri) DO UPDATE SET document = excluded.document, last_seen = excluded.last_seen",
            params![uri, digest.as_bytes(), now()],
        )?;
        Ok(())
    }
}

/// Writes a document's row; its new sequence tells the index that it has to catch up.
pub(super) fn upsert(transaction: &Transaction<'_>, run: i64, record: &DocumentRecord, state: &Digest) -> Result<u64> {
    let sequence: i64 = transaction.query_row("SELECT coalesce(max(sequence), 0) + 1 FROM document", [], |row| row.get(0))?;
    let supersedes = record.supersedes.map(|digest| digest.as_bytes().to_vec());
    transaction
        .prepare_cached(
            "INSERT INTO document (digest, sequence, entered, stem, state, run, filing, filed_at, supersedes, record)
             VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (digest) DO UPDATE SET sequence = excluded.sequence, stem = excluded.stem, state = excluded.state,
               run = excluded.run, filing = excluded.filing, filed_at = excluded.filed_at, supersedes = excluded.supersedes,
               record = excluded.record",
        )?
        .execute(params![
            record.digest.as_bytes(),
            sequence,
            record.stem,
            state.as_bytes(),
            run,
            record.filing,
            record.filed_at,
            supersedes,
            serde_json::json!(record).to_string()
        ])?;
    Ok(sequence.unsigned_abs())
}

pub(super) fn digest_column(row: &Row<'_>) -> rusqlite::Result<Digest> {
    row.get::<_, [u8; 32]>(0).map(Digest::from_bytes)
}

fn parse(record: &str) -> Result<DocumentRecord> {
    let corrupt = |error: serde_json::Error| LedgerError::Corrupt { what: "a document".to_owned(), detail: error.to_string() };
    serde_json::from_str(record).map_err(corrupt)
}
