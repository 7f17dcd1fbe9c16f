//! Events from passages and findings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::case::event::EventModel;
use crate::case::rules::Severity;
use crate::digest::Digest;
use crate::document::BoundingBox;
use crate::finding::Contribution;
use crate::language::Language;
use crate::passage::{Anchor, PassageKind};

fn passage(ordinal: u32, text: &str) -> Passage {
    let anchor = |span: Span, page| Anchor {
        span,
        page,
        bbox: BoundingBox { x0: 72.0, y0: 100.0, x1: 500.0, y1: 112.0 },
        edges: vec![500.0; span.of(text).chars().count()],
        vertical: false,
    };
    Passage {
        document: Digest::of(b"d"),
        ordinal,
        kind: PassageKind::Text,
        heading_path: vec!["Risk".to_owned(), "Funding".to_owned()],
        text: text.to_owned(),
        language: Language::TraditionalChinese,
        sentences: Vec::new(),
        anchors: vec![anchor(Span::new(0..text.len()), 41)],
    }
}

fn finding(passage: &Passage, evidence: std::ops::Range<usize>, score: f32) -> Finding {
    Finding {
        label: "liquidity-funding-risk".to_owned(),
        passage: passage.ordinal,
        score,
        threshold: 0.5,
        method: Method::ZeroShot,
        evidence: vec![Span::new(evidence)],
        attribution: vec![Contribution { span: Span::new(0..6), weight: 0.4 }],
    }
}

fn subject() -> Subject<'static> {
    let sha256 = Digest::of(b"d").to_string();
    Subject {
        labels_weak: &[],
        pipeline: "disclosures",
        time: "2026-01-01T00:00:00Z".to_owned(),
        taxonomy_version: "0.1.0",
        document: EventDocument {
            sha256: sha256.clone(),
            title: None,
            document_type: None,
            language: "zh-Hant".to_owned(),
            period: None,
            filed_on: None,
            source_uri: None,
            pages: 50,
        },
        institution: None,
        warnings: vec!["hidden-text".to_owned()],
        provenance: Provenance {
            run_id: "r".to_owned(),
            activity: "prov:Activity".to_owned(),
            models: vec![EventModel { id: "e5".to_owned(), sha256: sha256.clone(), role: "encoder".to_owned() }],
            params_sha256: sha256.clone(),
            software: "0.1.0".to_owned(),
            derived_from: vec![sha256],
            audit_seq: None,
            audit_hash: None,
        },
    }
}

fn group(flags: Vec<usize>) -> Group {
    Group {
        label: "liquidity-funding-risk".to_owned(),
        severity: Severity::High,
        classification: None,
        rule: "funding".to_owned(),
        flags,
    }
}

#[test]
fn the_strongest_passage_is_the_target_and_the_rest_follow() {
    let passages = [passage(0, "存款流失。資金吃緊。"), passage(1, "流動性枯竭，本行依賴短期資金。")];
    let findings = [finding(&passages[0], 0..15, 0.7), finding(&passages[1], 0..15, 0.9)];
    let flags: Vec<Flagged<'_>> = findings.iter().zip(&passages).map(|(finding, passage)| Flagged { finding, passage }).collect();
    let spec = CaseSpec {
        view_link: Some("https://host/d/{document}#p{page}".to_owned()),
        classification: Some("restricted".to_owned()),
        ..CaseSpec::default()
    };
    let event = draft(&spec, &subject(), &group(vec![1, 0]), &flags, Vec::new()).unwrap();
    let data = &event.data;
    assert_eq!((data.target.quote(), data.target.page), ("流動性枯竭", Some(41)));
    assert_eq!(data.target.section.as_deref(), Some("Funding"));
    match &data.target.selector[..] {
        [
            Selector::TextQuoteSelector { prefix, suffix, .. },
            Selector::TextPositionSelector { start: 0, end: 5 },
            Selector::FragmentSelector { value, .. },
        ] => {
            assert_eq!((prefix.as_str(), suffix.as_str(), value.as_str()), ("", "，本行依賴短期資金。", "page=41"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((data.further_targets.len(), data.further_targets[0].quote()), (1, "存款流失。"));
    assert_eq!(data.labels[0].attribution[0].span, (0, 2));
    assert_eq!((data.labels[0].method.as_str(), data.labels[0].detector.as_str()), ("model", "zero-shot"));
    assert_eq!(data.links.view, Some(format!("https://host/d/{}#p41", Digest::of(b"d"))));
    assert_eq!(data.handling.classification.as_deref(), Some("restricted"));
    assert!(draft(&spec, &subject(), &group(Vec::new()), &flags, Vec::new()).is_none());
}

#[test]
fn quotes_are_cut_between_characters_and_events_stay_small() {
    let text = "流動性風險".repeat(400);
    let passages: Vec<Passage> = (0..60).map(|ordinal| passage(ordinal, &text)).collect();
    let findings: Vec<Finding> = passages.iter().map(|passage| finding(passage, 0..text.len(), 0.9)).collect();
    let flags: Vec<Flagged<'_>> = findings.iter().zip(&passages).map(|(finding, passage)| Flagged { finding, passage }).collect();
    let event = draft(&CaseSpec::default(), &subject(), &group((0..60).collect()), &flags, Vec::new()).unwrap();
    let quote = event.data.target.quote();
    assert!(quote.len() <= LONGEST_QUOTE && quote.len() > LONGEST_QUOTE - 3 && text.starts_with(quote));
    assert_eq!(event.data.passages, 60);
    assert!(!event.data.further_targets.is_empty() && event.data.further_targets.len() <= MOST_TARGETS);
    let body = serde_json::to_vec(&event.stamped("flg_01ARZ3NDEKTSV4RRFFQ69G5FAV", 1, Status::New)).unwrap();
    assert!(body.len() <= LARGEST_EVENT, "{}", body.len());
}

#[test]
fn a_sentence_shows_the_worst_of_each_kind_of_check() {
    let source = passage(4, "備抵呆帳增加10.2%。");
    let check = |kind, result| crate::verdict::Check { kind, result, claim: Span::new(0..0), detail: String::new() };
    let verdict = Verdict {
        outcome: Outcome::Contradicted,
        score: 0.1,
        checks: vec![
            check(CheckKind::Percentage, CheckResult::Matched),
            check(CheckKind::Percentage, CheckResult::Conflicting),
            check(CheckKind::Name, CheckResult::Matched),
        ],
        unsupported: Vec::new(),
        evidence: Vec::new(),
    };
    let span = Span::new(0..source.text.len());
    let citation = Citation { passage: 4, span, locations: locate(&source, span) };
    let sentence = EventSentence::new("備抵呆帳增加12%。", Origin::Generated, Some(&verdict), &[citation], &[source]);
    assert_eq!((sentence.verdict, sentence.evidence_pages), (Outcome::Contradicted, vec![41]));
    assert_eq!(
        sentence.checks,
        BTreeMap::from([("names".to_owned(), "ok".to_owned()), ("percentages".to_owned(), "conflicting".to_owned())])
    );
    assert!(matches!(&sentence.evidence[0], Selector::TextQuoteSelector { exact, .. } if exact == "備抵呆帳增加10.2%。"));
    let unchecked = EventSentence::new("無", Origin::Quoted, None, &[], &[]);
    assert_eq!(unchecked.verdict, Outcome::NotCheckable, "what was not checked is never supported");
}
