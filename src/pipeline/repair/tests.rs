//! A scripted generator's sentences through the check: what is true is released, what is not never reaches a reader.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::digest::Digest;
use crate::finding::{Finding, Method};
use crate::language::Span;
use crate::passage::{PassageKind, Sentence};
use crate::summary::{Draft, Evidence, Generator, GeneratorError, Options, draft, summarise};

const CAPITAL: &str = "The Common Equity Tier 1 ratio fell to 13.2% at the end of 2024 from 14.0% a year earlier.";
const LOSSES: &str = "Loan losses rose to EUR 310 million, mostly in commercial property.";

fn passage(ordinal: u32, text: &str) -> Passage {
    Passage {
        document: Digest::of(b"bank"),
        ordinal,
        kind: PassageKind::Text,
        heading_path: Vec::new(),
        text: text.to_owned(),
        language: Language::English,
        sentences: vec![Sentence { span: Span::new(0..text.len()) }],
        anchors: Vec::new(),
    }
}

/// Writes what it is told to, whatever it is shown.
struct Scripted(Vec<Draft>);

impl Generator for Scripted {
    fn generate(&self, _: &str, _: Language, _: &[Evidence], _: usize) -> Result<Vec<Draft>, GeneratorError> {
        if self.0.is_empty() { Err(GeneratorError("out of memory".to_owned())) } else { Ok(self.0.clone()) }
    }
}

/// The checked section for one label on both passages, with these drafts in place of quotations.
fn checked(drafts: &[(&str, &[usize])]) -> CheckedSummary {
    let passages = [passage(0, CAPITAL), passage(1, LOSSES)];
    let findings = passages.each_ref().map(|passage| Finding {
        label: "credit-risk".to_owned(),
        passage: passage.ordinal,
        score: 0.9 - 0.1 * passage.ordinal as f32,
        threshold: 0.5,
        method: Method::Head,
        evidence: vec![passage.sentences[0].span],
        attribution: Vec::new(),
    });
    let extract = summarise(&passages, &findings, &Options::default());
    let drafts = drafts.iter().map(|(text, cites)| Draft { text: (*text).to_owned(), cites: cites.to_vec() });
    check_and_repair(draft(&extract, &passages, &Scripted(drafts.collect())).summary, &passages, true)
}

fn shown(summary: &CheckedSummary) -> Vec<&str> {
    let sentences = summary.sections.iter().flat_map(|section| &section.sentences);
    sentences.filter(|checked| checked.fate != Fate::Dropped).map(|checked| checked.sentence.text.as_str()).collect()
}

#[test]
fn a_true_sentence_is_released_as_written() {
    let written = "The Common Equity Tier 1 ratio fell to 13.2% at the end of 2024.";
    let summary = checked(&[(written, &[0])]);
    assert_eq!(shown(&summary), [written]);
    assert_eq!((summary.counts.generated, summary.counts.supported, summary.counts.released), (1, 1, 1));
    assert_eq!(summary.sections[0].sentences[0].fate, Fate::Released);
}

#[test]
fn a_wrong_figure_a_denial_and_an_invention_are_replaced_by_what_the_source_says() {
    for wrong in [
        "The Common Equity Tier 1 ratio fell to 12.3% at the end of 2024.",
        "The Common Equity Tier 1 ratio did not fall at the end of 2024.",
        "The Common Equity Tier 1 ratio fell to 13.2% at the end of 2021.",
        "The supervisor fined the bank USD 40 million for sanctions breaches.",
    ] {
        let summary = checked(&[(wrong, &[0])]);
        assert_eq!(shown(&summary), [CAPITAL], "{wrong}");
        let sentence = &summary.sections[0].sentences[0];
        assert_eq!((sentence.sentence.origin, sentence.verdict.outcome), (Origin::Quoted, Outcome::Supported), "{wrong}");
        // What failed stays on record, with what it failed with.
        let Fate::Replaced { generated, verdict } = &sentence.fate else { unreachable!("{wrong}: {:?}", sentence.fate) };
        assert_eq!(generated, wrong);
        assert_ne!(verdict.outcome, Outcome::Supported);
        assert_eq!((summary.counts.generated, summary.counts.released, summary.counts.replaced), (1, 0, 1), "{wrong}");
    }
}

#[test]
fn what_fails_on_evidence_that_is_quoted_already_is_dropped_and_kept_on_record() {
    let summary = checked(&[
        ("The Common Equity Tier 1 ratio fell to 12.3% at the end of 2024.", &[0]),
        ("The Common Equity Tier 1 ratio rose to 15.9% at the end of 2024.", &[0]),
    ]);
    assert_eq!(shown(&summary), [CAPITAL]);
    assert_eq!((summary.counts.replaced, summary.counts.dropped), (1, 1));
    let dropped = &summary.sections[0].sentences[1];
    assert!(dropped.fate == Fate::Dropped && dropped.verdict.outcome != Outcome::Supported, "{dropped:?}");
}

#[test]
fn a_failing_sentence_gives_way_to_the_first_evidence_that_is_not_quoted_yet() {
    let summary = checked(&[
        ("The Common Equity Tier 1 ratio fell to 12.3% at the end of 2024.", &[0]),
        ("Loan losses rose to EUR 130 million as the ratio fell.", &[0, 1]),
    ]);
    assert_eq!(shown(&summary), [CAPITAL, LOSSES]);
}

#[test]
fn without_a_usable_sentence_the_quotations_stay() {
    // The generator fails; it cites nothing; it cites what it was not shown.
    for drafts in [&[][..], &[("Capital fell.", &[][..])], &[("Capital fell.", &[7][..])]] {
        let summary = checked(drafts);
        assert_eq!(shown(&summary), [CAPITAL, LOSSES], "{drafts:?}");
        assert_eq!((summary.counts.generated, summary.counts.quoted), (0, 2), "{drafts:?}");
    }
}
