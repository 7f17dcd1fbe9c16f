//! Flags over time. A flag's id is minted once; what a better extractor, another model or an amended filing finds again
//! continues it, and what is found no more is withdrawn.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction, params};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::audit::AuditKind;
use super::documents::{self, DocumentRecord};
use super::runs::RunRecord;
use super::{Ledger, LedgerError, Result};
use crate::case::event::{CaseEvent, Status};
use crate::case::outbox::DeliveryState;
use crate::digest::Digest;
use crate::language::shingles::Shingles;

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
    /// The ordinal of the passage.
    pub passage: u32,
    /// The file page of the evidence, from 1.
    pub page: Option<u32>,
    /// The printed label of that page.
    pub page_label: Option<String>,
    /// The innermost heading above it.
    pub section: Option<String>,
    /// The words that drove the decision.
    pub words: Vec<String>,
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

/// A case that the rules chose: its label, its flags (as places in the candidates), its event without id and revision.
pub struct CaseCandidate {
    /// The label.
    pub label: String,
    /// The candidates in the case, strongest first.
    pub candidates: Vec<usize>,
    /// The event.
    pub event: CaseEvent,
}

/// Evidence that shares this much of the longer text is the same evidence.
const SAME_EVIDENCE: f32 = 0.5;

impl Ledger {
    /// Records what a run made of a document, in one transaction: its row, its flags, its cases with their events for `targets`,
    /// and the decision in the audit chain. Recording the same again changes nothing but the document's row. Returns the counts
    /// and the document's new sequence.
    pub fn record_document(
        &mut self,
        run: &RunRecord,
        record: &DocumentRecord,
        state: &Digest,
        candidates: &[FlagCandidate],
        cases: Vec<CaseCandidate>,
        targets: &[String],
    ) -> Result<(FlagCounts, u64)> {
        let lineage = self.lineage(record)?;
        let artefacts: BTreeMap<&str, Option<Digest>> = record
            .keys
            .in_order()
            .into_iter()
            .map(|(stage, key)| Ok((stage, self.artefact_content(&key)?)))
            .collect::<Result<_>>()?;
        let transaction = self.database.transaction()?;
        let sequence = documents::upsert(&transaction, run.number, record, state)?;
        let mut counts = FlagCounts::default();
        let ids = reconcile_flags(&transaction, run, &record.digest, &lineage, candidates, &mut counts)?;
        reconcile_cases(&transaction, &record.digest, &lineage, &ids, cases, targets, &mut counts)?;
        let payload = serde_json::json!({
            "run": run.id, "document": record.digest, "stem": record.stem, "state": state, "artefacts": artefacts, "flags": counts,
        });
        super::audit::append(&transaction, AuditKind::Decision, &payload)?;
        transaction.commit()?;
        Ok((counts, sequence))
    }

    /// The flags that a filter wants, strongest first.
    pub fn flags(&self, filter: &FlagFilter) -> Result<Vec<FlagRecord>> {
        let mut query = self.database.prepare(
            "SELECT id, document, label, revision, state, content, record, case_id FROM flag
             WHERE (?1 IS NULL OR document = ?1) AND (?2 OR state = 'live')",
        )?;
        let document = filter.document.map(|digest| digest.as_bytes().to_vec());
        let rows = query.query_map(params![document, filter.withdrawn], stored)?;
        let mut flags = Vec::new();
        for row in rows {
            let record = row?.record()?;
            let labelled = filter.labels.is_empty() || filter.labels.contains(&record.finding.label);
            if labelled && record.finding.score >= filter.min_score {
                flags.push(record);
            }
        }
        flags.sort_by(|a, b| b.finding.score.total_cmp(&a.finding.score).then_with(|| a.id.cmp(&b.id)));
        Ok(flags)
    }
}

/// A flag's row.
struct Stored {
    id: String,
    document: Digest,
    revision: u32,
    state: String,
    content: Digest,
    record: String,
    case_id: Option<String>,
}

impl Stored {
    fn finding(&self) -> Result<FlagCandidate> {
        serde_json::from_str(&self.record)
            .map_err(|error| LedgerError::Corrupt { what: format!("flag {}", self.id), detail: error.to_string() })
    }

    fn record(self) -> Result<FlagRecord> {
        Ok(FlagRecord {
            finding: self.finding()?,
            id: self.id,
            document: self.document,
            revision: self.revision,
            state: if self.state == "live" { FlagState::Live } else { FlagState::Withdrawn },
            case_id: self.case_id,
        })
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: row.get(0)?,
        document: Digest::from_bytes(row.get(1)?),
        revision: row.get(3)?,
        state: row.get(4)?,
        content: Digest::from_bytes(row.get(5)?),
        record: row.get(6)?,
        case_id: row.get(7)?,
    })
}

/// Matches candidates to live flags of the document and of earlier versions of its filing; returns the id of each candidate.
fn reconcile_flags(
    transaction: &Transaction<'_>,
    run: &RunRecord,
    document: &Digest,
    lineage: &[Digest],
    candidates: &[FlagCandidate],
    counts: &mut FlagCounts,
) -> Result<Vec<String>> {
    let mut known = Vec::new();
    for of in std::iter::once(document).chain(lineage) {
        let mut query = transaction.prepare_cached(
            "SELECT id, document, label, revision, state, content, record, case_id FROM flag WHERE document = ?1 AND state = 'live' ORDER BY id",
        )?;
        for row in query.query_map([of.as_bytes()], stored)? {
            let row = row?;
            let finding = row.finding()?;
            let shingles = Shingles::of(&finding.evidence);
            known.push((row, finding, shingles));
        }
    }
    let shingles: Vec<Shingles> = candidates.iter().map(|candidate| Shingles::of(&candidate.evidence)).collect();
    // The best pairs first; each flag and each candidate is used once.
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        for (of, (_, finding, known_shingles)) in
            known.iter().enumerate().filter(|(_, (_, finding, _))| finding.label == candidate.label)
        {
            let overlap = if finding.evidence == candidate.evidence { 1.0 } else { known_shingles.overlap(&shingles[at]) };
            if overlap >= SAME_EVIDENCE {
                pairs.push((overlap, at, of));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut matched: Vec<Option<usize>> = vec![None; candidates.len()];
    let mut used = vec![false; known.len()];
    for (_, at, of) in pairs {
        if matched[at].is_none() && !used[of] {
            matched[at] = Some(of);
            used[of] = true;
        }
    }
    let mut ids = Vec::with_capacity(candidates.len());
    for (candidate, matched) in candidates.iter().zip(matched) {
        let content = content(candidate, document);
        let record = serde_json::json!(candidate).to_string();
        counts.live += 1;
        match matched.map(|of| &known[of].0) {
            Some(flag) => {
                let changed = flag.content != content;
                counts.updated += u32::from(changed);
                transaction.prepare_cached(
                    "UPDATE flag SET document = ?2, revision = revision + ?3, content = ?4, record = ?5, last_run = ?6 WHERE id = ?1",
                )?.execute(params![flag.id, document.as_bytes(), changed, content.as_bytes(), record, run.number])?;
                ids.push(flag.id.clone());
            }
            None => {
                counts.new += 1;
                let id = format!("flg_{}", Ulid::new());
                transaction
                    .prepare_cached(
                        "INSERT INTO flag (id, document, label, revision, state, content, record, first_run, last_run)
                     VALUES (?1, ?2, ?3, 1, 'live', ?4, ?5, ?6, ?6)",
                    )?
                    .execute(params![id, document.as_bytes(), candidate.label, content.as_bytes(), record, run.number])?;
                ids.push(id);
            }
        }
    }
    for ((flag, _, _), used) in known.iter().zip(used) {
        if !used {
            counts.withdrawn += 1;
            transaction
                .prepare_cached("UPDATE flag SET state = 'withdrawn', revision = revision + 1, last_run = ?2 WHERE id = ?1")?
                .execute(params![flag.id, run.number])?;
        }
    }
    Ok(ids)
}

/// What a reader sees of a flag. The score counts to the second digit.
fn content(candidate: &FlagCandidate, document: &Digest) -> Digest {
    let score = ((candidate.score * 100.0).round() as i64).to_le_bytes();
    let page = candidate.page.unwrap_or(0).to_le_bytes();
    Digest::of_parts([candidate.label.as_bytes(), &score, candidate.evidence.as_bytes(), &page, document.as_bytes()])
}

/// Brings the cases of a document to what the rules chose, one event per change and target.
fn reconcile_cases(
    transaction: &Transaction<'_>,
    document: &Digest,
    lineage: &[Digest],
    ids: &[String],
    cases: Vec<CaseCandidate>,
    targets: &[String],
    counts: &mut FlagCounts,
) -> Result<()> {
    let mut open = open_cases(transaction, document, lineage)?;
    for change in cases {
        let Some(&strongest) = change.candidates.first() else { continue };
        let content = change.event.content_digest();
        let found = open.iter().position(|(_, label, _, _)| *label == change.label).map(|place| open.remove(place));
        let (id, event) = match found {
            Some((id, _, _, known)) if known == content => (id, None),
            Some((id, _, revision, _)) => {
                let event = change.event.stamped(&id, revision + 1, Status::Updated);
                (id, Some(event))
            }
            None => {
                let id = ids[strongest].clone();
                // A case that was withdrawn comes back under its own id, with the next revision.
                let before: Option<u32> = rusqlite::OptionalExtension::optional(transaction.query_row(
                    "SELECT revision FROM case_group WHERE id = ?1",
                    [&id],
                    |row| row.get(0),
                ))?;
                let status = if before.is_some() { Status::Updated } else { Status::New };
                let event = change.event.stamped(&id, before.unwrap_or(0) + 1, status);
                (id, Some(event))
            }
        };
        for &candidate in &change.candidates {
            transaction.prepare_cached("UPDATE flag SET case_id = ?2 WHERE id = ?1")?.execute([&ids[candidate], &id])?;
        }
        if let Some(event) = event {
            keep_case(transaction, document, &change.label, "open", &content, &event)?;
            queue(transaction, &event, targets, counts)?;
        }
    }
    for (id, label, revision, _) in open {
        let last: Option<String> = rusqlite::OptionalExtension::optional(transaction.query_row(
            "SELECT event FROM outbox WHERE case_id = ?1 ORDER BY revision DESC LIMIT 1",
            [&id],
            |row| row.get(0),
        ))?;
        transaction
            .execute("UPDATE case_group SET state = 'withdrawn', revision = ?2 WHERE id = ?1", params![id, revision + 1])?;
        // The withdrawal repeats the case as it was last sent, so that the receiver knows which one is meant.
        let event = last.and_then(|last| serde_json::from_str::<CaseEvent>(&last).ok());
        if let Some(event) = event {
            let mut event = event.stamped(&id, revision + 1, Status::Withdrawn);
            event.time = super::now();
            keep_case(transaction, document, &label, "withdrawn", &event.content_digest(), &event)?;
            queue(transaction, &event, targets, counts)?;
        }
    }
    Ok(())
}

/// The open cases of a document and of earlier versions of its filing: id, label, revision, content.
fn open_cases(
    transaction: &Transaction<'_>,
    document: &Digest,
    lineage: &[Digest],
) -> Result<Vec<(String, String, u32, Digest)>> {
    let mut open = Vec::new();
    for of in std::iter::once(document).chain(lineage) {
        let mut query = transaction.prepare_cached(
            "SELECT id, label, revision, content FROM case_group WHERE document = ?1 AND state = 'open' ORDER BY id",
        )?;
        let rows = query
            .query_map([of.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, Digest::from_bytes(row.get(3)?))))?;
        open.extend(rows.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(open)
}

fn keep_case(
    transaction: &Transaction<'_>,
    document: &Digest,
    label: &str,
    state: &str,
    content: &Digest,
    event: &CaseEvent,
) -> Result<()> {
    transaction.execute(
        "INSERT INTO case_group (id, document, label, revision, state, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET document = excluded.document, revision = excluded.revision, state = excluded.state, content = excluded.content",
        params![event.data.flag_id, document.as_bytes(), label, event.data.revision, state, content.as_bytes()],
    )?;
    Ok(())
}

/// Puts an event into the outbox of every target; with none configured, into the one that `cases export` reads.
fn queue(transaction: &Transaction<'_>, event: &CaseEvent, targets: &[String], counts: &mut FlagCounts) -> Result<()> {
    let body = serde_json::to_string(event)
        .map_err(|error| LedgerError::Corrupt { what: "an event".to_owned(), detail: error.to_string() })?;
    let export = [super::outbox::EXPORT.to_owned()];
    for target in export.iter().chain(targets) {
        let state = if target == super::outbox::EXPORT { "export" } else { DeliveryState::Pending.name() };
        transaction.execute(
            "INSERT OR IGNORE INTO outbox (case_id, revision, target, event, state, attempts, next_attempt, created)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6)",
            params![event.data.flag_id, event.data.revision, target, body, state, super::now()],
        )?;
    }
    counts.queued += 1;
    Ok(())
}
