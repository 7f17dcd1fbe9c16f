//! Delivery over the real store: at least once, in order, never again once it worked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::tests::{data, record_with, start};
use super::*;
use crate::case::connector::{Attempt, Connector, Parcel};
use crate::case::event::CaseEvent;
use crate::case::event::tests::event;
use crate::case::outbox::{SCHEDULE, deliver};
use crate::digest::Digest;
use crate::ledger::{Access, CaseCandidate, DocumentRecord, FlagCandidate};

const TARGET: &str = "cases";
const START: i64 = 1_800_000_000;

/// A receiver that answers by a script, then takes everything. What it took counts once it is flushed.
#[derive(Default)]
struct Scripted {
    script: Vec<Attempt>,
    unflushed: Vec<String>,
    took: Vec<String>,
    asked: Vec<String>,
    flush_fails: bool,
}

impl Connector for Scripted {
    fn hand_over(&mut self, parcel: &Parcel) -> Attempt {
        self.asked.push(parcel.id.clone());
        assert_eq!(serde_json::from_str::<CaseEvent>(&parcel.body).unwrap().id, parcel.id);
        let attempt = if self.script.is_empty() { Attempt::Delivered { remote_id: None } } else { self.script.remove(0) };
        if matches!(attempt, Attempt::Delivered { .. }) {
            self.unflushed.push(parcel.id.clone());
        }
        attempt
    }

    fn flush(&mut self) -> Result<(), String> {
        if self.flush_fails {
            self.unflushed.clear();
            return Err("no space left".to_owned());
        }
        self.took.append(&mut self.unflushed);
        Ok(())
    }

    fn holds(&mut self) -> Result<Option<BTreeSet<String>>, String> {
        Ok(Some(self.took.iter().cloned().collect()))
    }
}

fn retry(after_seconds: Option<u64>) -> Attempt {
    Attempt::Retry { status: "503 Service Unavailable".to_owned(), after_seconds }
}

/// A data folder with a document in which one label each is flagged.
struct Cases {
    _folder: tempfile::TempDir,
    ledger: Ledger,
    document: DocumentRecord,
}

impl Cases {
    fn new() -> Self {
        let (folder, ledger) = data();
        let document = record_with(&ledger, "bank");
        Self { _folder: folder, ledger, document }
    }

    /// Records these labels, each with a score: a changed score makes another revision, an absent label a withdrawal.
    fn record(&mut self, labels: &[(&str, f32)]) {
        let candidates: Vec<FlagCandidate> = labels.iter().map(|(label, score)| candidate(label, *score)).collect();
        let cases = labels.iter().enumerate().map(|(at, (label, score))| CaseCandidate {
            label: (*label).to_owned(),
            candidates: vec![at],
            event: event(label, &format!("evidence of {label}"), *score),
        });
        let cases = cases.collect();
        let run = start(&mut self.ledger);
        self.ledger
            .record_document(&run, &self.document, &Digest::of(b"state"), &candidates, cases, &[TARGET.to_owned()])
            .unwrap();
    }

    fn deliver(&mut self, connector: &mut Scripted, now: i64) -> crate::case::outbox::DeliveryReport {
        deliver(&mut self.ledger, TARGET, connector, now).unwrap()
    }

    fn states(&self) -> Vec<DeliveryState> {
        let mut rows = self.ledger.outbox(None, 1000).unwrap();
        rows.reverse();
        rows.iter().map(|row| row.state).collect()
    }

    fn row(&self) -> OutboxRow {
        self.ledger.outbox(None, 1).unwrap().pop().unwrap()
    }
}

fn candidate(label: &str, score: f32) -> FlagCandidate {
    let evidence = format!("evidence of {label}");
    FlagCandidate {
        label: label.to_owned(),
        score,
        threshold: 0.5,
        method: "head".to_owned(),
        evidence_sha256: Digest::of(evidence.as_bytes()),
        evidence,
        passage: 1,
        span: (0, 4),
        page: Some(1),
        page_label: None,
        section: None,
        words: Vec::new(),
        verdicts: Vec::new(),
        ocr_confidence: None,
    }
}

#[test]
fn what_was_delivered_is_not_sent_again() {
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9), ("b", 0.8)]);
    let mut receiver = Scripted::default();
    assert_eq!(cases.deliver(&mut receiver, START).delivered, 2);
    assert_eq!(cases.deliver(&mut receiver, START + 1_000_000).delivered, 0);
    cases.record(&[("a", 0.9), ("b", 0.8)]);
    assert_eq!(cases.deliver(&mut receiver, START + 2_000_000).delivered, 0);
    assert_eq!(receiver.asked.len(), 2);
    assert_eq!(cases.ledger.delivered_to(TARGET).unwrap(), receiver.took.into_iter().collect());
}

#[test]
fn failures_follow_the_schedule_and_end_dead() {
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9)]);
    let mut receiver = Scripted { script: vec![retry(None); SCHEDULE.len()], ..Scripted::default() };
    let mut now = START;
    for (attempt, least) in SCHEDULE.into_iter().enumerate().skip(1) {
        let report = cases.deliver(&mut receiver, now);
        assert_eq!((report.retry, report.dead), (1, 0), "attempt {attempt}");
        let row = cases.row();
        let pause = row.due - now;
        assert!((least..=least * 11 / 10).contains(&pause), "attempt {attempt}: {pause}");
        let early = cases.deliver(&mut receiver, row.due - 1);
        assert_eq!((early.retry, early.delivered), (0, 0));
        // The breaker pauses after five failures in a row for five minutes: the schedule is longer by then.
        now = row.due.max(cases.ledger.gate(TARGET).unwrap().paused_until);
    }
    assert_eq!(cases.deliver(&mut receiver, now).dead, 1);
    let row = cases.row();
    assert_eq!((row.state, row.attempts), (DeliveryState::Dead, 10));
    assert!(row.last_status.unwrap().contains("503"));
    // A person sends it again.
    assert_eq!(cases.ledger.settle_dead(Some(row.sequence), DeliveryState::Pending).unwrap(), 1);
    cases.ledger.enable_target(TARGET).unwrap();
    assert_eq!(cases.deliver(&mut receiver, now).delivered, 1);
    let attempts = cases.ledger.audit_entries(Some("delivery"), 100).unwrap();
    assert_eq!(attempts.len(), 11, "every attempt is in the chain");
    assert_eq!(cases.ledger.verify_audit(None).unwrap().faults, []);
}

#[test]
fn retry_after_is_honoured_up_to_a_day() {
    for (asked, least, most) in [(1_000, 1_000, 1_000), (1, 5, 6), (u64::MAX, 86_400, 86_400)] {
        let mut cases = Cases::new();
        cases.record(&[("a", 0.9)]);
        cases.deliver(&mut Scripted { script: vec![retry(Some(asked))], ..Scripted::default() }, START);
        let pause = cases.row().due - START;
        assert!((least..=most).contains(&pause), "{asked}: {pause}");
    }
}

#[test]
fn a_receiver_that_is_gone_is_disabled_until_a_person_enables_it() {
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9), ("b", 0.8), ("c", 0.7)]);
    let gone = Attempt::Gone { status: "410 Gone".to_owned() };
    let mut receiver = Scripted { script: vec![Attempt::Delivered { remote_id: None }, gone], ..Scripted::default() };
    let report = cases.deliver(&mut receiver, START);
    assert_eq!((report.delivered, report.dead), (1, 1));
    assert!(report.stopped.unwrap().contains("410"));
    assert_eq!(cases.deliver(&mut receiver, START + 1_000_000).delivered, 0);
    assert_eq!(cases.states(), [DeliveryState::Delivered, DeliveryState::Dead, DeliveryState::Pending]);
    assert!(cases.ledger.outbox_targets().unwrap()[0].gate.disabled.is_some());
    cases.ledger.enable_target(TARGET).unwrap();
    assert_eq!(cases.deliver(&mut receiver, START + 1_000_000).delivered, 1);
}

#[test]
fn five_failures_in_a_row_pause_a_target() {
    let mut cases = Cases::new();
    let labels: Vec<String> = (0..8).map(|number| format!("label-{number}")).collect();
    cases.record(&labels.iter().map(|label| (label.as_str(), 0.9)).collect::<Vec<_>>());
    let mut receiver = Scripted { script: vec![retry(None); 5], ..Scripted::default() };
    let report = cases.deliver(&mut receiver, START);
    assert!(report.retry == 5 && report.stopped.is_some(), "{report:?}");
    assert_eq!(receiver.asked.len(), 5);
    assert_eq!(cases.deliver(&mut receiver, START + 60).delivered, 0);
    assert_eq!(cases.deliver(&mut receiver, START + 600).delivered, 8);
}

#[test]
fn a_newer_revision_goes_in_place_of_an_unsent_older_one() {
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9)]);
    cases.record(&[("a", 0.7)]);
    let mut receiver = Scripted::default();
    let report = cases.deliver(&mut receiver, START);
    assert_eq!((report.delivered, report.superseded), (1, 1));
    assert!(receiver.took[0].ends_with(":2"));
    // A dead one that was overtaken is not sent after the newer one.
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9)]);
    let refused = Attempt::Refused { status: "400 Bad Request: no such field".to_owned() };
    let mut receiver = Scripted { script: vec![refused], ..Scripted::default() };
    assert_eq!(cases.deliver(&mut receiver, START).dead, 1);
    cases.record(&[("a", 0.7)]);
    assert_eq!(cases.deliver(&mut receiver, START).delivered, 1);
    assert_eq!(cases.ledger.settle_dead(None, DeliveryState::Pending).unwrap(), 1);
    assert_eq!(cases.states(), [DeliveryState::Superseded, DeliveryState::Delivered]);
}

#[test]
fn a_case_that_was_never_sent_is_withdrawn_without_a_word() {
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9)]);
    cases.record(&[]);
    let mut receiver = Scripted::default();
    assert_eq!(cases.deliver(&mut receiver, START).delivered, 0);
    assert_eq!(cases.states(), [DeliveryState::Superseded, DeliveryState::Withdrawn]);
    // One that may have arrived is withdrawn aloud.
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9)]);
    cases.deliver(&mut Scripted { script: vec![retry(None)], ..Scripted::default() }, START);
    cases.record(&[]);
    assert_eq!(cases.deliver(&mut receiver, START + 60).delivered, 1);
    assert_eq!(cases.states(), [DeliveryState::Superseded, DeliveryState::Delivered]);
}

#[test]
fn what_could_not_be_flushed_is_tried_again() {
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9), ("b", 0.8)]);
    let mut receiver = Scripted { flush_fails: true, ..Scripted::default() };
    let report = cases.deliver(&mut receiver, START);
    assert!(report.retry == 2 && report.stopped.is_some(), "{report:?}");
    receiver.flush_fails = false;
    assert_eq!(cases.deliver(&mut receiver, START + 60).delivered, 2);
}

#[test]
fn a_connector_that_came_later_gets_the_open_cases() {
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9), ("b", 0.8)]);
    cases.record(&[("a", 0.7)]);
    assert_eq!(cases.ledger.queue_open_cases("later").unwrap(), 1);
    assert_eq!(cases.ledger.queue_open_cases("later").unwrap(), 0);
    let due = cases.ledger.due_for("later", START).unwrap();
    assert_eq!((due.len(), due[0].revision), (1, 2));
}

#[test]
fn a_preview_shows_what_a_delivery_sends() {
    let mut cases = Cases::new();
    cases.record(&[("a", 0.9), ("b", 0.8)]);
    cases.record(&[("a", 0.7), ("b", 0.8)]);
    let previewed: Vec<String> = cases.ledger.due_for(TARGET, START).unwrap().iter().map(OutboxRow::event_id).collect();
    let mut receiver = Scripted::default();
    cases.deliver(&mut receiver, START);
    assert_eq!(previewed.into_iter().collect::<BTreeSet<_>>(), receiver.took.into_iter().collect());
}

/// What happens to an outbox.
#[derive(Clone, Debug)]
enum Step {
    /// A run: which labels are found, with which score.
    Record([Option<u8>; 3]),
    /// A delivery with the receiver's next answers.
    Deliver(Vec<u8>),
    /// The process dies while an event is under way, before (`false`) or after the receiver took it.
    Crash(bool),
    /// A person sends dead rows again, and opens the target.
    Revive,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let label = prop_oneof![Just(None), (50_u8..100).prop_map(Some)];
    let step = prop_oneof![
        prop::array::uniform3(label).prop_map(Step::Record),
        prop::collection::vec(0_u8..8, 0..6).prop_map(Step::Deliver),
        any::<bool>().prop_map(Step::Crash),
        Just(Step::Revive),
    ];
    prop::collection::vec(step, 1..14)
}

fn answer(code: u8) -> Attempt {
    match code {
        0 | 1 => retry(None),
        2 => retry(Some(100)),
        3 => Attempt::Refused { status: "400".to_owned() },
        4 => Attempt::Gone { status: "410".to_owned() },
        _ => Attempt::Delivered { remote_id: None },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn order_and_completeness_hold_through_failures_and_crashes(steps in steps()) {
        let mut cases = Cases::new();
        let (mut receiver, mut now) = (Scripted::default(), START);
        // Hand-overs that a crash repeats: the receiver tells them by their id.
        let mut repeated: BTreeMap<String, usize> = BTreeMap::new();
        for step in steps {
            now += 100_000;
            match step {
                Step::Record(scores) => {
                    let found: Vec<(&str, f32)> = ["a", "b", "c"].into_iter().zip(scores)
                        .filter_map(|(label, score)| Some((label, f32::from(score?) / 100.0))).collect();
                    cases.record(&found);
                }
                Step::Deliver(answers) => {
                    receiver.script = answers.into_iter().map(answer).collect();
                    cases.deliver(&mut receiver, now);
                    receiver.script.clear();
                }
                Step::Crash(taken) => {
                    if let Some(mut row) = cases.ledger.due(TARGET, now).unwrap().into_iter().next() {
                        row.state = DeliveryState::Sending;
                        row.attempts += 1;
                        cases.ledger.settle(&row, None).unwrap();
                        if taken {
                            receiver.took.push(row.event_id());
                            *repeated.entry(row.event_id()).or_default() += 1;
                        }
                    }
                    // A new process opens the same folder.
                    let folder = cases.ledger.folder().to_owned();
                    let reader = Ledger::open(&folder, Access::Reader).unwrap();
                    drop(std::mem::replace(&mut cases.ledger, reader));
                    cases.ledger = Ledger::open(&folder, Access::Writer).unwrap();
                }
                Step::Revive => {
                    cases.ledger.enable_target(TARGET).unwrap();
                    cases.ledger.settle_dead(None, DeliveryState::Pending).unwrap();
                }
            }
        }
        // Everything works in the end.
        cases.ledger.enable_target(TARGET).unwrap();
        cases.ledger.settle_dead(None, DeliveryState::Pending).unwrap();
        cases.deliver(&mut receiver, now + 10_000_000);

        for state in cases.states() {
            prop_assert!(matches!(state, DeliveryState::Delivered | DeliveryState::Superseded | DeliveryState::Withdrawn), "{state:?}");
        }
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for id in &receiver.took {
            let (case, revision) = id.split_once(':').unwrap();
            let revision: u32 = revision.parse().unwrap();
            prop_assert!(last.insert(case, revision).is_none_or(|before| before <= revision), "{:?}", receiver.took);
            *times.entry(id).or_default() += 1;
        }
        for (id, count) in times {
            prop_assert!(count <= 1 + repeated.get(id).copied().unwrap_or(0), "{id} was taken {count} times");
        }
        // The receiver knows the last word on every case that it ever heard of, and of every open one.
        for case in cases.ledger.cases().unwrap() {
            match last.get(case.id.as_str()) {
                Some(revision) => prop_assert_eq!(*revision, case.revision),
                None => prop_assert_eq!(case.state, "withdrawn"),
            }
        }
        prop_assert_eq!(cases.ledger.verify_audit(None).unwrap().faults, []);
    }
}
