//! Which finding continues which flag.
//!
//! Evidence that shares half its words with a live flag of the same label, in the same document or an earlier version of its
//! filing, is that flag: the best pairs are matched first, and among equals those that stand closest together.

use rusqlite::{Transaction, params};
use ulid::Ulid;

use super::flags::{COLUMNS, FlagCandidate, FlagCounts, FlagState, StoredFlag};
use super::runs::RunRecord;
use super::{Result, now};
use crate::digest::Digest;
use crate::language::shingles::Shingles;

/// The document whose flags are reconciled, and the earlier versions of its filing.
pub(super) struct Place {
    pub(super) document: Digest,
    pub(super) lineage: Vec<Digest>,
}

impl Place {
    /// The document, then the earlier versions.
    pub(super) fn documents(&self) -> impl Iterator<Item = &Digest> {
        std::iter::once(&self.document).chain(&self.lineage)
    }
}

/// Evidence that shares this much of the longer text is the same evidence.
const SAME_EVIDENCE: f32 = 0.5;

/// A live flag with what it is matched by.
struct Known {
    flag: StoredFlag,
    finding: FlagCandidate,
    shingles: Shingles,
}

/// Matches candidates to live flags, revises those that changed, mints those that are new, withdraws the rest. Returns the id of
/// each candidate.
pub(super) fn reconcile(
    transaction: &Transaction<'_>,
    run: &RunRecord,
    place: &Place,
    candidates: &[FlagCandidate],
    counts: &mut FlagCounts,
) -> Result<Vec<String>> {
    let known = live_flags(transaction, place)?;
    let matched = best_matches(candidates, &known);
    let mut ids = Vec::with_capacity(candidates.len());
    for (candidate, matched) in candidates.iter().zip(&matched) {
        counts.live += 1;
        ids.push(match matched.and_then(|at| known.get(at)) {
            Some(known) => continue_flag(transaction, run, &place.document, &known.flag, candidate, counts)?,
            None => mint(transaction, run, &place.document, candidate, counts)?,
        });
    }
    for (_, known) in known.iter().enumerate().filter(|(at, _)| !matched.contains(&Some(*at))) {
        withdraw(transaction, run, &known.flag, counts)?;
    }
    Ok(ids)
}

fn live_flags(transaction: &Transaction<'_>, place: &Place) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    for document in place.documents() {
        let query = format!("SELECT {COLUMNS} FROM flag WHERE document = ?1 AND state = 'live' ORDER BY id");
        let mut query = transaction.prepare_cached(&query)?;
        for row in query.query_map([document.as_bytes()], StoredFlag::of)? {
            let flag = row?;
            let finding = flag.finding()?;
            let shingles = Shingles::of(&finding.evidence);
            known.push(Known { flag, finding, shingles });
        }
    }
    Ok(known)
}

/// For each candidate the live flag that it continues; each flag and each candidate is used once.
fn best_matches(candidates: &[FlagCandidate], known: &[Known]) -> Vec<Option<usize>> {
    let mut pairs: Vec<(f32, (u32, u32), usize, usize)> = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let shingles = Shingles::of(&candidate.evidence);
        for (of, known) in known.iter().enumerate().filter(|(_, known)| known.finding.label == candidate.label) {
            let same = known.finding.evidence == candidate.evidence;
            let overlap = if same { 1.0 } else { known.shingles.overlap(&shingles) };
            if overlap >= SAME_EVIDENCE {
                pairs.push((overlap, distance(candidate, &known.finding), at, of));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (a.1, a.2, a.3).cmp(&(b.1, b.2, b.3))));
    let mut matched: Vec<Option<usize>> = vec![None; candidates.len()];
    let mut used = vec![false; known.len()];
    for (_, _, at, of) in pairs {
        if matched[at].is_none() && !used[of] {
            matched[at] = Some(of);
            used[of] = true;
        }
    }
    matched
}

/// How far apart two pieces of evidence stand: pages, then passages. A sentence that every page repeats stays the flag of its
/// page.
fn distance(a: &FlagCandidate, b: &FlagCandidate) -> (u32, u32) {
    (a.page.unwrap_or(0).abs_diff(b.page.unwrap_or(0)), a.passage.abs_diff(b.passage))
}

fn continue_flag(
    transaction: &Transaction<'_>,
    run: &RunRecord,
    document: &Digest,
    flag: &StoredFlag,
    candidate: &FlagCandidate,
    counts: &mut FlagCounts,
) -> Result<String> {
    let content = content(candidate, document);
    let changed = flag.content != content;
    let record = serde_json::json!(candidate).to_string();
    let revision = flag.revision + u32::from(changed);
    transaction
        .prepare_cached("UPDATE flag SET document = ?2, revision = ?3, content = ?4, record = ?5, last_run = ?6 WHERE id = ?1")?
        .execute(params![flag.id, document.as_bytes(), revision, content.as_bytes(), record, run.number])?;
    if changed {
        counts.updated += 1;
        keep_revision(transaction, run, (&flag.id, revision, "updated"), document, &record)?;
    }
    Ok(flag.id.clone())
}

fn mint(
    transaction: &Transaction<'_>,
    run: &RunRecord,
    document: &Digest,
    candidate: &FlagCandidate,
    counts: &mut FlagCounts,
) -> Result<String> {
    counts.new += 1;
    let id = format!("flg_{}", Ulid::new());
    let content = content(candidate, document);
    let record = serde_json::json!(candidate).to_string();
    transaction
        .prepare_cached(
            "INSERT INTO flag (id, document, label, revision, state, content, record, first_run, last_run)
             VALUES (?1, ?2, ?3, 1, 'live', ?4, ?5, ?6, ?6)",
        )?
        .execute(params![id, document.as_bytes(), candidate.label, content.as_bytes(), record, run.number])?;
    keep_revision(transaction, run, (&id, 1, "new"), document, &record)?;
    Ok(id)
}

fn withdraw(transaction: &Transaction<'_>, run: &RunRecord, flag: &StoredFlag, counts: &mut FlagCounts) -> Result<()> {
    counts.withdrawn += 1;
    let revision = flag.revision + 1;
    transaction.prepare_cached("UPDATE flag SET state = ?2, revision = ?3, last_run = ?4 WHERE id = ?1")?.execute(params![
        flag.id,
        FlagState::Withdrawn.name(),
        revision,
        run.number
    ])?;
    keep_revision(transaction, run, (&flag.id, revision, "withdrawn"), &flag.document, &flag.record)
}

fn keep_revision(
    transaction: &Transaction<'_>,
    run: &RunRecord,
    (flag, revision, change): (&str, u32, &str),
    document: &Digest,
    record: &str,
) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO flag_revision (flag, revision, time, run, change, document, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![flag, revision, now(), run.number, change, document.as_bytes(), record])?;
    Ok(())
}

/// The digest of what a reader sees of a flag. The score counts to the second digit: a rebuilt model moves the third.
fn content(candidate: &FlagCandidate, document: &Digest) -> Digest {
    let score = (candidate.score * 100.0).round() as i64;
    let verdicts = serde_json::json!(candidate.verdicts).to_string();
    Digest::of_parts([
        candidate.label.as_bytes(),
        &score.to_le_bytes(),
        candidate.evidence.as_bytes(),
        &candidate.page.unwrap_or(0).to_le_bytes(),
        verdicts.as_bytes(),
        document.as_bytes(),
    ])
}
