//! Cases over time: one per document and label that the rules chose, opened under the id of its strongest flag and kept under it
//! while a later version of the filing, or a later run, finds the label there. Each change that a reader sees makes one event.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;

use super::identity::Place;
use super::reviews::{self, ReviewState};
use super::{Ledger, LedgerError, Result, now};
use crate::case::event::{CaseEvent, Review, Status};
use crate::case::outbox::DeliveryState;
use crate::digest::Digest;

/// A case that the rules chose: its label, its flags (as places in the candidates), its event without id and revision.
pub struct CaseCandidate {
    /// The label.
    pub label: String,
    /// The candidates in the case, strongest first.
    pub candidates: Vec<usize>,
    /// The event.
    pub event: CaseEvent,
}

/// A case as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseRecord {
    /// Its id.
    pub id: String,
    /// The document.
    pub document: Digest,
    /// The stem of the document's file name.
    pub stem: String,
    /// The label.
    pub label: String,
    /// Its revision.
    pub revision: u32,
    /// `open` or `withdrawn`.
    pub state: String,
    /// Its last event.
    pub event: CaseEvent,
}

const OPEN: &str = "open";
const WITHDRAWN: &str = "withdrawn";

impl Ledger {
    /// The cases, open ones first, by document and label.
    pub fn cases(&self) -> Result<Vec<CaseRecord>> {
        let mut query = self.database.prepare(
            "SELECT c.id, c.document, d.stem, c.label, c.revision, c.state, e.event FROM case_group AS c
             JOIN document AS d ON d.digest = c.document
             JOIN case_event AS e ON e.case_id = c.id AND e.revision = c.revision
             ORDER BY c.state, d.stem, c.document, c.label, c.id",
        )?;
        let rows = query.query_map([], |row| {
            let event: String = row.get(6)?;
            let document = Digest::from_bytes(row.get(1)?);
            Ok((row.get(0)?, document, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, event))
        })?;
        rows.map(|row| {
            let (id, document, stem, label, revision, state, event): (String, _, _, _, _, _, String) = row?;
            let event = parse(&id, &event)?;
            Ok(CaseRecord { id, document, stem, label, revision, state, event })
        })
        .collect()
    }
}

/// Brings the cases of a document to what the rules chose; returns an event for each change. The events are to be kept with
/// [`keep_event`] in the same transaction.
pub(super) fn reconcile(
    transaction: &Transaction<'_>,
    place: &Place,
    flags: &[String],
    chosen: Vec<CaseCandidate>,
) -> Result<Vec<CaseEvent>> {
    let mut known = cases_of(transaction, place)?;
    let mut events = Vec::new();
    for mut candidate in chosen {
        let members: Vec<&String> = candidate.candidates.iter().filter_map(|&place| flags.get(place)).collect();
        let Some(&strongest) = members.first() else { continue };
        candidate.event.data.review = review_of(transaction, &members)?;
        let content = candidate.event.content_digest();
        let before = known.iter().position(|case| case.label == candidate.label).map(|at| known.remove(at));
        let (id, event) = match before {
            Some(case) if case.open && case.content == content && case.document == place.document => (case.id, None),
            // One that was withdrawn comes back as what it was: the receiver knows it.
            Some(case) => {
                let event = candidate.event.stamped(&case.id, case.revision + 1, Status::Updated);
                (case.id, Some(event))
            }
            None => (strongest.clone(), Some(candidate.event.stamped(strongest, 1, Status::New))),
        };
        if let Some(event) = event {
            keep(transaction, &place.document, &candidate.label, OPEN, &content, &event)?;
            events.push(event);
        }
        release_flags(transaction, &id)?;
        for flag in members {
            transaction.prepare_cached("UPDATE flag SET case_id = ?2 WHERE id = ?1")?.execute([flag, &id])?;
        }
    }
    for case in known.into_iter().filter(|case| case.open) {
        events.push(withdraw(transaction, &case)?);
    }
    Ok(events)
}

/// Brings a case to what people decided about its flags after `flag` was reviewed. None where the flag is in no open case, or
/// where the decision on the case stays as it is. The event is to be kept with [`keep_event`] in the same transaction.
pub(super) fn carry_review(transaction: &Transaction<'_>, flag: &str) -> Result<Option<CaseEvent>> {
    let case = transaction
        .prepare_cached(
            "SELECT c.id, c.document, c.label, c.revision, c.state, c.content FROM case_group AS c
             JOIN flag AS f ON f.case_id = c.id WHERE f.id = ?1",
        )?
        .query_row([flag], stored)
        .optional()?;
    let Some(case) = case.filter(|case| case.open) else { return Ok(None) };
    let members: Vec<String> = transaction
        .prepare_cached("SELECT id FROM flag WHERE case_id = ?1 ORDER BY id")?
        .query_map([&case.id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut event = last_event(transaction, &case.id)?;
    event.data.review = review_of(transaction, &members.iter().collect::<Vec<_>>())?;
    let content = event.content_digest();
    if content == case.content {
        return Ok(None);
    }
    let mut event = event.stamped(&case.id, case.revision + 1, Status::Updated);
    event.time = now();
    keep(transaction, &case.document, &case.label, OPEN, &content, &event)?;
    Ok(Some(event))
}

/// What people decided about a case: confirmed where one of its flags is, rejected where all of them are. The last review of a
/// flag counts.
fn review_of(transaction: &Transaction<'_>, flags: &[&String]) -> Result<Review> {
    let mut last = Vec::new();
    for flag in flags {
        last.push(reviews::last(transaction, flag)?);
    }
    let confirmed = last.iter().flatten().any(|review| review.state == ReviewState::Confirmed);
    if !confirmed && last.iter().any(Option::is_none) {
        return Ok(Review::default());
    }
    let state = if confirmed { ReviewState::Confirmed } else { ReviewState::Rejected };
    let deciding = last.into_iter().flatten().filter(|review| review.state == state).max_by(|a, b| a.time.cmp(&b.time));
    Ok(deciding.map_or_else(Review::default, |review| Review {
        state: review.state.name().to_owned(),
        by: Some(review.reviewer),
        at: Some(review.time),
    }))
}

/// Keeps an event with the audit entry of the decision it rests on, and puts it into the outbox of every target.
pub(super) fn keep_event(
    transaction: &Transaction<'_>,
    mut event: CaseEvent,
    decision: (u64, Digest),
    targets: &[String],
) -> Result<()> {
    let provenance = &mut event.data.provenance;
    (provenance.audit_seq, provenance.audit_hash) = (Some(decision.0), Some(decision.1.to_string()));
    let body = serde_json::to_string(&event)
        .map_err(|error| LedgerError::Corrupt { what: "an event".to_owned(), detail: error.to_string() })?;
    transaction
        .prepare_cached("INSERT INTO case_event (case_id, revision, status, event, created) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![event.data.flag_id, event.data.revision, event.data.status.name(), body, now()])?;
    let sequence = transaction.last_insert_rowid();
    for target in targets {
        transaction
            .prepare_cached("INSERT INTO outbox (event, target, state, attempts, next_attempt) VALUES (?1, ?2, ?3, 0, 0)")?
            .execute(params![sequence, target, DeliveryState::Pending.name()])?;
    }
    Ok(())
}

/// A case's row.
struct StoredCase {
    id: String,
    document: Digest,
    label: String,
    revision: u32,
    open: bool,
    content: Digest,
}

/// The cases of a document and of earlier versions of its filing: open ones first, the document's own first among them.
fn cases_of(transaction: &Transaction<'_>, place: &Place) -> Result<Vec<StoredCase>> {
    let mut cases = Vec::new();
    for document in place.documents() {
        let mut query = transaction.prepare_cached(
            "SELECT id, document, label, revision, state, content FROM case_group WHERE document = ?1 ORDER BY id",
        )?;
        let rows = query.query_map([document.as_bytes()], stored)?;
        cases.extend(rows.collect::<Result<Vec<_>, _>>()?);
    }
    // A stable sort: the order above stays among open ones and among withdrawn ones.
    cases.sort_by_key(|case| !case.open);
    Ok(cases)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredCase> {
    Ok(StoredCase {
        id: row.get(0)?,
        document: Digest::from_bytes(row.get(1)?),
        label: row.get(2)?,
        revision: row.get(3)?,
        open: row.get::<_, String>(4)? == OPEN,
        content: Digest::from_bytes(row.get(5)?),
    })
}

/// Withdraws a case. The event repeats the case as it was last, so that the receiver knows which one is meant.
fn withdraw(transaction: &Transaction<'_>, case: &StoredCase) -> Result<CaseEvent> {
    let mut event = last_event(transaction, &case.id)?.stamped(&case.id, case.revision + 1, Status::Withdrawn);
    event.time = now();
    keep(transaction, &case.document, &case.label, WITHDRAWN, &event.content_digest(), &event)?;
    release_flags(transaction, &case.id)?;
    Ok(event)
}

fn last_event(transaction: &Transaction<'_>, case: &str) -> Result<CaseEvent> {
    let last: String = transaction
        .prepare_cached("SELECT event FROM case_event WHERE case_id = ?1 ORDER BY revision DESC LIMIT 1")?
        .query_row([case], |row| row.get(0))
        .optional()?
        .ok_or_else(|| LedgerError::Corrupt { what: format!("case {case}"), detail: "it has no event".to_owned() })?;
    parse(case, &last)
}

fn release_flags(transaction: &Transaction<'_>, case: &str) -> Result<()> {
    transaction.prepare_cached("UPDATE flag SET case_id = NULL WHERE case_id = ?1")?.execute([case])?;
    Ok(())
}

fn keep(
    transaction: &Transaction<'_>,
    document: &Digest,
    label: &str,
    state: &str,
    content: &Digest,
    event: &CaseEvent,
) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO case_group (id, document, label, revision, state, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET document = excluded.document, revision = excluded.revision, state = excluded.state,
               content = excluded.content",
        )?
        .execute(params![event.data.flag_id, document.as_bytes(), label, event.data.revision, state, content.as_bytes()])?;
    Ok(())
}

fn parse(id: &str, event: &str) -> Result<CaseEvent> {
    serde_json::from_str(event)
        .map_err(|error| LedgerError::Corrupt { what: format!("an event of case {id}"), detail: error.to_string() })
}
