//! The canonical event.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::*;

/// An event as a case under `label` with one passage would make.
pub(crate) fn event(label: &str, quote: &str, score: f32) -> CaseEvent {
    let sha256 = Digest::of(b"document").to_string();
    let data = CaseData {
        flag_id: String::new(),
        revision: 0,
        status: Status::New,
        severity: Severity::High,
        priority_reason: "rule".to_owned(),
        document: EventDocument {
            sha256: sha256.clone(),
            title: Some("Annual report".to_owned()),
            document_type: Some("annual-report".to_owned()),
            language: "en".to_owned(),
            period: Some("2025".to_owned()),
            filed_on: None,
            source_uri: Some("in/report.pdf".to_owned()),
            pages: 212,
        },
        institution: None,
        target: Target {
            source: format!("urn:sha256:{sha256}"),
            selector: vec![
                Selector::TextQuoteSelector { exact: quote.to_owned(), prefix: "a".to_owned(), suffix: "b".to_owned() },
                Selector::TextPositionSelector { start: 1, end: 9 },
                Selector::page(41),
            ],
            page: Some(41),
            boxes: vec![[72.0, 310.5, 523.0, 352.0]],
            section: None,
            passage: 3,
            text_sha256: Digest::of(quote.as_bytes()).to_string(),
            score,
        },
        further_targets: Vec::new(),
        passages: 1,
        labels: vec![EventLabel {
            id: label.to_owned(),
            taxonomy: "0.1.0".to_owned(),
            score,
            threshold: 0.5,
            method: "model".to_owned(),
            detector: "head".to_owned(),
            weak: false,
            evidence: vec![(1, 9)],
            attribution: Vec::new(),
        }],
        summary: Vec::new(),
        change: None,
        warnings: Vec::new(),
        provenance: Provenance {
            run_id: "01J".to_owned(),
            activity: "prov:Activity".to_owned(),
            models: vec![EventModel { id: "e5".to_owned(), sha256: sha256.clone(), role: "encoder".to_owned() }],
            params_sha256: sha256.clone(),
            software: "0.1.0".to_owned(),
            derived_from: vec![sha256],
            audit_seq: None,
            audit_hash: None,
        },
        review: Review::default(),
        links: Links { view: None, evidence_pdf: None },
        handling: Handling { classification: Some("restricted".to_owned()), tlp: None },
    };
    CaseEvent::new(&CaseSpec::default(), "disclosures", "2026-01-01T00:00:00Z".to_owned(), data)
}

#[test]
fn the_envelope_is_a_cloud_event() {
    let event = event("credit-risk", "Loans went bad.", 0.9).stamped("flg_01J", 3, Status::Updated);
    let value = serde_json::to_value(&event).unwrap();
    assert_eq!(value["specversion"], "1.0");
    assert_eq!(value["id"], "flg_01J:3");
    assert_eq!(value["type"], "suptech.passage.updated.v1");
    assert_eq!(value["source"], "urn:suptech:local/disclosures");
    assert_eq!(value["subject"], format!("doc:{}/p41", &Digest::of(b"document").to_string()[..12]));
    assert_eq!(value["data"]["flag_id"], "flg_01J");
    assert_eq!(value["data"]["status"], "updated");
    assert_eq!(
        value["data"]["target"]["selector"][2],
        json!({ "type": "FragmentSelector", "conformsTo": "http://tools.ietf.org/rfc/rfc3778", "value": "page=41" })
    );
    assert_eq!(serde_json::from_value::<CaseEvent>(value).unwrap(), event);
}

#[test]
fn only_what_a_reader_sees_raises_a_revision() {
    let first = event("credit-risk", "Loans went bad.", 0.903);
    let mut same = event("credit-risk", "Loans went bad.", 0.901).stamped("flg_x", 9, Status::Updated);
    same.time = "2027-01-01T00:00:00Z".to_owned();
    same.data.provenance.run_id = "another".to_owned();
    same.data.document.source_uri = Some("moved/report.pdf".to_owned());
    same.data.target.selector[1] = Selector::TextPositionSelector { start: 100, end: 108 };
    same.data.target.boxes.clear();
    assert_eq!(first.content_digest(), same.content_digest());
    for other in [event("credit-risk", "Loans went bad.", 0.5), event("credit-risk", "Loans went very bad.", 0.9)] {
        assert_ne!(first.content_digest(), other.content_digest());
    }
}

#[test]
fn the_schema_names_what_events_hold() {
    let schema = schema();
    let event = serde_json::to_value(event("credit-risk", "Loans went bad.", 0.9)).unwrap();
    for key in event.as_object().unwrap().keys() {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
}
