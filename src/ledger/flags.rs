//! Flags over time. A flag's id is minted once; what a better extractor, another model or an amended filing finds again
//! continues it, and what is found no more is withdrawn.

use std::collections::BTreeMap;

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::audit::AuditKind;
use super::cases::{self, CaseCandidate};
use super::documents::{self, DocumentRecord};
use super::identity::{self, Place};
use super::runs::RunRecord;
use super::versions::Family;
use super::{Ledger, LedgerError, Result};
use crate::digest::Digest;
use crate::finding::Finding;
use crate::language::Span;
use crate::language::offsets::CodePoints;
use crate::passage::{Passage, locate};
use crate::verdict::Outcome;

/// A finding as it is to be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlagCandidate {
    /// The label.
    pub label: String,
    /// The calibrated score.
    pub score: f32,
    /// The threshold it reached.
    pub threshold: f32,
    /// `head`, `zero-shot` or `rule`.
    pub method: String,
    /// The evidence as text: what identity over time rests on.
    pub evidence: String,
    /// SHA-256 of the evidence.
    pub evidence_sha256: Digest,
    /// The ordinal of the passage.
    pub passage: u32,
    /// The strongest piece of evidence in the passage's text, in code points.
    pub span: (u32, u32),
    /// The file page of the evidence, from 1.
    pub page: Option<u32>,
    /// The printed label of that page.
    pub page_label: Option<String>,
    /// The innermost heading above it.
    pub section: Option<String>,
    /// The words that drove the decision.
    pub words: Vec<String>,
    /// The check results of the summary's sentences that rest on it.
    pub verdicts: Vec<Outcome>,
    /// How sure OCR was of that page, in percent; none where the text is the file's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocr_confidence: Option<u8>,
}

/// The most words that a flag names as those that drove the decision.
const MOST_WORDS: usize = 6;

impl FlagCandidate {
    /// A finding with its place on the page. `page_label` gives the printed label of a file page.
    pub fn new(finding: &Finding, passage: &Passage, page_label: &dyn Fn(u32) -> Option<String>, verdicts: Vec<Outcome>) -> Self {
        let whole = Span::new(0..passage.text.len());
        let strongest = finding.evidence.first().copied().unwrap_or(whole);
        let spans = if finding.evidence.is_empty() { &[whole] } else { finding.evidence.as_slice() };
        let evidence = spans.iter().map(|span| span.of(&passage.text)).collect::<Vec<_>>().join(" … ");
        let page = locate(passage, strongest).first().map(|location| location.page).or(passage.pages().map(|(first, _)| first));
        Self {
            label: finding.label.clone(),
            score: finding.score,
            threshold: finding.threshold,
            method: finding.method.name().to_owned(),
            evidence_sha256: Digest::of(evidence.as_bytes()),
            evidence,
            passage: passage.ordinal,
            span: CodePoints::new(&passage.text).span_to_code_points(strongest),
            page,
            page_label: page.and_then(page_label),
            section: passage.heading_path.last().cloned(),
            words: finding
                .attribution
                .iter()
                .filter(|contribution| contribution.weight > 0.0)
                .take(MOST_WORDS)
                .map(|contribution| contribution.span.of(&passage.text).to_owned())
                .collect(),
            verdicts,
            ocr_confidence: None,
        }
    }
}

/// A flag.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlagRecord {
    /// `flg_` and a ULID.
    pub id: String,
    /// The document that it is in now.
    pub document: Digest,
    /// Raised with every change that a reader would see.
    pub revision: u32,
    /// Whether it is live.
    pub state: FlagState,
    /// The finding.
    #[serde(flatten)]
    pub finding: FlagCandidate,
    /// The case that it is part of.
    pub case_id: Option<String>,
}

/// Whether a flag is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlagState {
    /// Found by the last run that judged its document.
    Live,
    /// No longer found.
    Withdrawn,
}

impl FlagState {
    /// The state as the database names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A flag as it was at one revision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlagRevision {
    /// The revision.
    pub revision: u32,
    /// When it was made (RFC 3339, UTC).
    pub time: String,
    /// The number of the run that made it.
    pub run: i64,
    /// `new`, `updated` or `withdrawn`.
    pub change: String,
    /// The document that it was in.
    pub document: Digest,
    /// The finding as it was.
    #[serde(flatten)]
    pub finding: FlagCandidate,
}

/// Which flags are wanted.
#[derive(Clone, Debug, Default)]
pub struct FlagFilter {
    /// One document.
    pub document: Option<Digest>,
    /// Some labels; all where empty.
    pub labels: Vec<String>,
    /// The least score.
    pub min_score: f32,
    /// Withdrawn ones too.
    pub withdrawn: bool,
}

/// How the flags of a document changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlagCounts {
    /// Live now.
    pub live: u32,
    /// Raised.
    pub new: u32,
    /// Continued with a change that a reader sees.
    pub updated: u32,
    /// No longer found.
    pub withdrawn: u32,
    /// Events put into the outbox.
    pub queued: u32,
}

impl Ledger {
    /// Records what a run made of a document, in one transaction: its row, its flags, its cases with their events for `targets`,
    /// and the decision in the audit chain. Recording the same again changes nothing but the document's row and the chain. A
    /// document that a later version of its filing supersedes raises nothing: its flags went on to that version, and those that
    /// it still holds (because the versions came in out of order) are withdrawn. Returns the counts and the document's new sequence.
    ///
    /// # Errors
    /// A failure of the database; then nothing is recorded.
    pub fn record_document(
        &mut self,
        run: &RunRecord,
        record: &DocumentRecord,
        state: &Digest,
        candidates: &[FlagCandidate],
        cases: Vec<CaseCandidate>,
        targets: &[String],
    ) -> Result<(FlagCounts, u64)> {
        let artefacts: BTreeMap<&str, Option<Digest>> = record
            .keys
            .in_order()
            .into_iter()
            .map(|(stage, key)| Ok((stage, self.artefact_content(&key)?)))
            .collect::<Result<_>>()?;
        let transaction = self.database.transaction()?;
        let family = Family::of(&transaction, record)?;
        let sequence = documents::upsert(&transaction, run.number, record, state)?;
        let superseded_by = family.newest_after();
        let (candidates, cases) = if superseded_by.is_some() { (&[][..], Vec::new()) } else { (candidates, cases) };
        let place = Place { document: record.digest, lineage: family.earlier() };
        let mut counts = FlagCounts::default();
        let ids = identity::reconcile(&transaction, run, &place, candidates, &mut counts)?;
        let events = cases::reconcile(&transaction, &place, &ids, cases)?;
        counts.queued = events.len() as u32;
        let payload = serde_json::json!({
            "run": run.id, "document": record.digest, "stem": record.stem, "state": state, "artefacts": artefacts,
            "flags": counts, "superseded_by": superseded_by,
        });
        let decision = super::audit::append(&transaction, AuditKind::Decision, &payload)?;
        for event in events {
            cases::keep_event(&transaction, event, decision, targets)?;
        }
        transaction.commit()?;
        Ok((counts, sequence))
    }

    /// Every revision of a flag, oldest first; none where there is no such flag.
    pub fn flag_history(&self, id: &str) -> Result<Vec<FlagRevision>> {
        let mut query = self.database.prepare_cached(
            "SELECT revision, time, run, change, document, record FROM flag_revision WHERE flag = ?1 ORDER BY revision",
        )?;
        let rows = query.query_map([id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, Digest::from_bytes(row.get(4)?), row.get::<_, String>(5)?))
        })?;
        rows.map(|row| {
            let (revision, time, run, change, document, record) = row?;
            Ok(FlagRevision { revision, time, run, change, document, finding: finding_of(id, &record)? })
        })
        .collect()
    }

    /// The flags that a filter wants, strongest first.
    pub fn flags(&self, filter: &FlagFilter) -> Result<Vec<FlagRecord>> {
        let mut query = self
            .database
            .prepare(&format!("SELECT {COLUMNS} FROM flag WHERE (?1 IS NULL OR document = ?1) AND (?2 OR state = 'live')"))?;
        let document = filter.document.map(|digest| digest.as_bytes().to_vec());
        let rows = query.query_map(params![document, filter.withdrawn], StoredFlag::of)?;
        let mut flags = Vec::new();
        for row in rows {
            let record = row?.into_record()?;
            let labelled = filter.labels.is_empty() || filter.labels.contains(&record.finding.label);
            if labelled && record.finding.score >= filter.min_score {
                flags.push(record);
            }
        }
        flags.sort_by(|a, b| b.finding.score.total_cmp(&a.finding.score).then_with(|| a.id.cmp(&b.id)));
        Ok(flags)
    }
}

/// The columns of [`StoredFlag`].
pub(super) const COLUMNS: &str = "id, document, revision, state, content, record, case_id";

/// A flag's row.
pub(super) struct StoredFlag {
    pub(super) id: String,
    pub(super) document: Digest,
    pub(super) revision: u32,
    state: String,
    pub(super) content: Digest,
    pub(super) record: String,
    case_id: Option<String>,
}

impl StoredFlag {
    /// The flag of a row with [`COLUMNS`].
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            document: Digest::from_bytes(row.get(1)?),
            revision: row.get(2)?,
            state: row.get(3)?,
            content: Digest::from_bytes(row.get(4)?),
            record: row.get(5)?,
            case_id: row.get(6)?,
        })
    }

    /// The finding in it.
    pub(super) fn finding(&self) -> Result<FlagCandidate> {
        finding_of(&self.id, &self.record)
    }

    fn into_record(self) -> Result<FlagRecord> {
        Ok(FlagRecord {
            finding: self.finding()?,
            id: self.id,
            document: self.document,
            revision: self.revision,
            state: if self.state == FlagState::Live.name() { FlagState::Live } else { FlagState::Withdrawn },
            case_id: self.case_id,
        })
    }
}

fn finding_of(id: &str, record: &str) -> Result<FlagCandidate> {
    serde_json::from_str(record).map_err(|error| LedgerError::Corrupt { what: format!("flag {id}"), detail: error.to_string() })
}

#[cfg(test)]
mod tests;
