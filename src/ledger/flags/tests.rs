//! Identity over time: flags and cases through re-runs, better extractors, amended filings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use super::super::tests::{data, record_with, start};
use super::*;
use crate::case::event::tests::event;
use crate::case::event::{CaseEvent, Status};
use crate::ledger::{AuditKind, Ledger, ReviewState};

fn candidate(label: &str, evidence: &str, page: u32) -> FlagCandidate {
    FlagCandidate {
        label: label.to_owned(),
        score: 0.9,
        threshold: 0.5,
        method: "head".to_owned(),
        evidence: evidence.to_owned(),
        evidence_sha256: Digest::of(evidence.as_bytes()),
        passage: page * 3,
        span: (0, evidence.chars().count() as u32),
        page: Some(page),
        page_label: None,
        section: None,
        words: Vec::new(),
        verdicts: Vec::new(),
        ocr_confidence: None,
    }
}

fn case(candidates: &[FlagCandidate], members: &[usize]) -> CaseCandidate {
    let strongest = &candidates[members[0]];
    let event = event(&strongest.label, &strongest.evidence, strongest.score);
    CaseCandidate { label: strongest.label.clone(), candidates: members.to_vec(), event }
}

/// Records candidates of a document, all of a label in one case.
fn record(ledger: &mut Ledger, document: &DocumentRecord, candidates: &[FlagCandidate]) -> FlagCounts {
    let run = start(ledger);
    let labels: BTreeSet<&String> = candidates.iter().map(|candidate| &candidate.label).collect();
    let cases = labels.into_iter().map(|label| {
        let members: Vec<usize> = (0..candidates.len()).filter(|&at| candidates[at].label == *label).collect();
        case(candidates, &members)
    });
    let cases = cases.collect();
    let targets = ["spool".to_owned()];
    ledger.record_document(&run, document, &Digest::of(b"state"), candidates, cases, &targets).unwrap().0
}

fn live(ledger: &Ledger) -> Vec<FlagRecord> {
    ledger.flags(&FlagFilter::default()).unwrap()
}

fn counts(live: u32, new: u32, updated: u32, withdrawn: u32, queued: u32) -> FlagCounts {
    FlagCounts { live, new, updated, withdrawn, queued }
}

const CLOUD: &str = "The core banking system runs at one cloud provider and there is no viable exit plan for it today.";

#[test]
fn recording_the_same_again_changes_nothing() {
    let (_folder, mut ledger) = data();
    let document = record_with(&ledger, "bank");
    // A sentence that many pages repeat: each stays the flag of its page.
    let mut candidates: Vec<FlagCandidate> = (1..=12).map(|page| candidate("third-party-dependency", CLOUD, page)).collect();
    candidates.push(candidate("credit-risk", "Loans went bad in every segment of the book.", 3));
    assert_eq!(record(&mut ledger, &document, &candidates), counts(13, 13, 0, 0, 2));
    let (flags, events) = (live(&ledger), ledger.events().unwrap());
    for _ in 0..3 {
        assert_eq!(record(&mut ledger, &document, &candidates), counts(13, 0, 0, 0, 0));
    }
    assert_eq!((live(&ledger), ledger.events().unwrap()), (flags, events));
}

#[test]
fn evidence_that_moved_or_was_read_better_continues_its_flag() {
    let (_folder, mut ledger) = data();
    let document = record_with(&ledger, "bank");
    record(&mut ledger, &document, &[candidate("third-party-dependency", CLOUD, 4)]);
    let before = live(&ledger).pop().unwrap();
    let better = "the core banking system runs at one cloud provider, and there is no viable exit plan for it";
    assert_eq!(record(&mut ledger, &document, &[candidate("third-party-dependency", better, 5)]), counts(1, 0, 1, 0, 1));
    let after = live(&ledger).pop().unwrap();
    assert_eq!((&after.id, after.revision, after.finding.page), (&before.id, 2, Some(5)));
    let history = ledger.flag_history(&after.id).unwrap();
    let changes: Vec<_> = history.iter().map(|revision| (revision.revision, revision.change.as_str())).collect();
    assert_eq!(changes, [(1, "new"), (2, "updated")]);
    assert_eq!(history[0].finding.evidence, CLOUD);
}

#[test]
fn chinese_evidence_is_matched_by_its_characters() {
    let (_folder, mut ledger) = data();
    let document = record_with(&ledger, "bank");
    record(
        &mut ledger,
        &document,
        &[candidate("third-party-dependency", "核心系統委由單一雲端業者代管，尚無可行之退場計畫。", 4)],
    );
    let again = [candidate("third-party-dependency", "本行核心系統委由單一雲端業者代管，尚無可行之退場計畫", 4)];
    assert_eq!(record(&mut ledger, &document, &again), counts(1, 0, 1, 0, 1));
    let other = [candidate("third-party-dependency", "主要委外廠商集中於三家，已訂定替代方案並定期演練。", 4)];
    assert_eq!(record(&mut ledger, &document, &other), counts(1, 1, 0, 1, 1));
}

#[test]
fn a_label_that_is_found_no_more_is_withdrawn_and_comes_back_as_the_same_case() {
    let (_folder, mut ledger) = data();
    let document = record_with(&ledger, "bank");
    let candidates = [candidate("credit-risk", "Loans went bad in every segment of the book.", 3)];
    record(&mut ledger, &document, &candidates);
    let case = ledger.cases().unwrap().pop().unwrap();
    assert_eq!(record(&mut ledger, &document, &[]), counts(0, 0, 0, 1, 1));
    let withdrawn = ledger.cases().unwrap().pop().unwrap();
    assert_eq!((&withdrawn.id, withdrawn.revision, withdrawn.event.data.status), (&case.id, 2, Status::Withdrawn));
    assert_eq!(record(&mut ledger, &document, &[]), counts(0, 0, 0, 0, 0), "a withdrawal is said once");
    // The flag is a new one, since only live flags are continued; the case is the one that the receiver knows.
    assert_eq!(record(&mut ledger, &document, &candidates), counts(1, 1, 0, 0, 1));
    let again = ledger.cases().unwrap().pop().unwrap();
    assert_eq!((&again.id, again.revision, again.event.data.status), (&case.id, 3, Status::Updated));
    assert_eq!(live(&ledger)[0].case_id, Some(case.id));
}

#[test]
fn a_case_lives_on_when_the_flag_it_was_opened_with_does_not() {
    let (_folder, mut ledger) = data();
    let document = record_with(&ledger, "bank");
    let both = [
        candidate("credit-risk", "Loans went bad in every segment.", 3),
        candidate("credit-risk", "Provisions doubled within a year.", 9),
    ];
    record(&mut ledger, &document, &both);
    let case = ledger.cases().unwrap().pop().unwrap();
    assert_eq!(record(&mut ledger, &document, &both[1..]), counts(1, 0, 0, 1, 1));
    let after = ledger.cases().unwrap();
    assert_eq!((after.len(), &after[0].id, after[0].revision), (1, &case.id, 2));
}

#[test]
fn an_amended_filing_inherits_flags_and_the_superseded_one_takes_none_back() {
    let (_folder, mut ledger) = data();
    let first = DocumentRecord {
        filing: Some("F-7".to_owned()),
        filed_at: Some("2026-03-01".to_owned()),
        ..record_with(&ledger, "first")
    };
    let amended = DocumentRecord {
        filing: Some("F-7".to_owned()),
        filed_at: Some("2026-04-01".to_owned()),
        ..record_with(&ledger, "amended")
    };
    let (old, new) = (candidate("third-party-dependency", CLOUD, 4), candidate("third-party-dependency", CLOUD, 6));
    record(&mut ledger, &first, &[old.clone(), candidate("credit-risk", "Loans went bad in every segment.", 9)]);
    let before = live(&ledger);
    assert_eq!(record(&mut ledger, &amended, std::slice::from_ref(&new)), counts(1, 0, 1, 1, 2));
    let after = live(&ledger);
    assert_eq!((after.len(), after[0].document, after[0].revision), (1, amended.digest, 2));
    assert!(before.iter().any(|flag| flag.id == after[0].id));
    // A changed threshold judges both again, in whatever order.
    assert_eq!(record(&mut ledger, &first, &[old]), counts(0, 0, 0, 0, 0));
    assert_eq!(record(&mut ledger, &amended, &[new]), counts(1, 0, 0, 0, 0));
    assert_eq!(live(&ledger), after);
    assert_eq!(ledger.superseded_by(&first).unwrap(), Some(amended.digest));
    assert_eq!(ledger.superseded_by(&amended).unwrap(), None);
    assert_eq!(ledger.lineage(&amended).unwrap(), [first.digest]);
    let cases = ledger.cases().unwrap();
    assert_eq!(cases.iter().filter(|case| case.state == "open").count(), 1);
}

#[test]
fn an_earlier_version_that_comes_in_late_raises_no_flags() {
    let (_folder, mut ledger) = data();
    let amended = DocumentRecord {
        filing: Some("F-7".to_owned()),
        filed_at: Some("2026-04-01".to_owned()),
        ..record_with(&ledger, "amended")
    };
    let first = DocumentRecord {
        filing: Some("F-7".to_owned()),
        filed_at: Some("2026-03-01".to_owned()),
        ..record_with(&ledger, "first")
    };
    record(&mut ledger, &amended, &[candidate("third-party-dependency", CLOUD, 6)]);
    let flags = live(&ledger);
    assert_eq!(record(&mut ledger, &first, &[candidate("third-party-dependency", CLOUD, 4)]), FlagCounts::default());
    assert_eq!(live(&ledger), flags);
}

#[test]
fn what_a_manifest_says_outright_beats_days_and_order() {
    let (_folder, mut ledger) = data();
    let first = record_with(&ledger, "first");
    let second = DocumentRecord { supersedes: Some(first.digest), ..record_with(&ledger, "second") };
    let third = DocumentRecord { supersedes: Some(second.digest), ..record_with(&ledger, "third") };
    for document in [&third, &first, &second] {
        record(&mut ledger, document, &[candidate("third-party-dependency", CLOUD, 4)]);
    }
    assert_eq!(
        ledger.lineage(&third).unwrap().into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([first.digest, second.digest])
    );
    assert_eq!(ledger.superseded_by(&first).unwrap(), Some(third.digest));
    assert_eq!(live(&ledger).iter().map(|flag| flag.document).collect::<Vec<_>>(), [third.digest]);
    // Two that claim to replace each other: the later one to come in counts.
    let a = DocumentRecord { supersedes: Some(Digest::of(b"b")), ..record_with(&ledger, "a") };
    let b = DocumentRecord { supersedes: Some(a.digest), ..record_with(&ledger, "b") };
    record(&mut ledger, &a, &[]);
    record(&mut ledger, &b, &[]);
    assert_eq!((ledger.superseded_by(&a).unwrap(), ledger.superseded_by(&b).unwrap()), (Some(b.digest), None));
}

#[test]
fn events_point_to_the_entry_of_their_decision() {
    let (_folder, mut ledger) = data();
    let document = record_with(&ledger, "bank");
    record(&mut ledger, &document, &[candidate("credit-risk", "Loans went bad in every segment.", 3)]);
    let event: CaseEvent = serde_json::from_str(&ledger.events().unwrap()[0]).unwrap();
    let decision = ledger.audit_entries(Some(AuditKind::Decision.name()), 1).unwrap().pop().unwrap();
    assert_eq!(event.data.provenance.audit_seq, Some(decision.sequence));
    assert_eq!(event.data.provenance.audit_hash, Some(decision.hash.to_string()));
    assert!(event.id.starts_with("flg_") && event.id.ends_with(":1") && event.id.len() == 32);
}

#[test]
fn reviews_are_added_and_name_the_revision_that_was_seen() {
    let (_folder, mut ledger) = data();
    let document = record_with(&ledger, "bank");
    record(&mut ledger, &document, &[candidate("third-party-dependency", CLOUD, 4)]);
    let id = live(&ledger)[0].id.clone();
    assert_eq!(ledger.review("flg_none", ReviewState::Confirmed, "analyst", None).unwrap(), None);
    ledger.review(&id, ReviewState::Rejected, "analyst", Some("boilerplate")).unwrap().unwrap();
    record(&mut ledger, &document, &[candidate("third-party-dependency", CLOUD, 5)]);
    ledger.review(&id, ReviewState::Confirmed, "head of unit", None).unwrap().unwrap();
    let seen: Vec<_> = ledger.reviews(&id).unwrap().into_iter().map(|review| (review.revision, review.state)).collect();
    assert_eq!(seen, [(1, ReviewState::Rejected), (2, ReviewState::Confirmed)]);
    assert_eq!(ledger.audit_entries(Some("review"), 9).unwrap().len(), 2);
}
