//! `scrutineer cases` over a data folder that a run filled.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;

use scrutineer::case::event::{
    CaseData, CaseEvent, EventDocument, EventLabel, Handling, Links, Provenance, Review, Selector, Status, Target,
};
use scrutineer::case::rules::{CaseSpec, Severity};
use scrutineer::digest::Digest;
use scrutineer::ledger::{
    Access, ArtefactKey, CaseCandidate, DocumentRecord, FlagCandidate, Ledger, PageTally, RunStart, StageKeys,
};
use serde_json::{Value, json};

use crate::context::TestContext;

/// Fills a data folder as a run does: a document, a flag per label, a case for each, a signed checkpoint. Returns its path.
pub fn fill(data: &Path, connectors: &Value, labels: &[(&str, f32)]) -> std::path::PathBuf {
    let mut ledger = Ledger::open(data, Access::Writer).unwrap();
    let spec: CaseSpec = serde_json::from_value(json!({ "connector": connectors })).unwrap();
    let run = ledger
        .start_run(&RunStart {
            pipeline: "disclosures@41ab".to_owned(),
            pipeline_digest: Digest::of(b"pipeline"),
            cases: serde_json::to_string(&spec).unwrap(),
            models: BTreeMap::new(),
            quantisation: Default::default(),
            kernel_profile: "portable".to_owned(),
        })
        .unwrap();
    let key = ArtefactKey::new("passages", 1, &[], "{}", &[], "portable");
    ledger.keep_artefact(&key, &"text").unwrap();
    let keys = key.digest();
    let record = DocumentRecord {
        digest: Digest::of(b"bank"),
        stem: "bank".to_owned(),
        title: None,
        institution: None,
        institution_id: None,
        lei: None,
        document_type: None,
        period: None,
        filing: None,
        filed_at: None,
        supersedes: None,
        language: "en".to_owned(),
        pages: PageTally::default(),
        scans: 0,
        warnings: Vec::new(),
        labels_sought: Vec::new(),
        labels_weak: Vec::new(),
        keys: StageKeys { document: keys, passages: keys, scores: keys, findings: keys, summary: keys },
        in_review: 0,
        sentences: BTreeMap::new(),
    };
    let flags: Vec<FlagCandidate> = labels.iter().map(|(label, score)| flag(label, *score)).collect();
    let cases = labels.iter().enumerate().map(|(at, (label, score))| CaseCandidate {
        label: (*label).to_owned(),
        candidates: vec![at],
        event: event(&spec, label, *score),
    });
    let cases = cases.collect();
    ledger.record_document(&run, &record, &Digest::of(b"state"), &flags, cases, &spec.targets()).unwrap();
    ledger.end_run(&run, 0, |_| Ok("{}".to_owned())).unwrap();
    let checkpoint = ledger.run_folder(&run).join("checkpoint.json");
    ledger.checkpoint(&checkpoint).unwrap();
    checkpoint
}

fn evidence(label: &str) -> String {
    format!("The bank reports {label} on page 41. \u{1b}[31m")
}

fn flag(label: &str, score: f32) -> FlagCandidate {
    let evidence = evidence(label);
    FlagCandidate {
        label: label.to_owned(),
        score,
        threshold: 0.5,
        method: "head".to_owned(),
        evidence_sha256: Digest::of(evidence.as_bytes()),
        evidence,
        passage: 3,
        span: (0, 10),
        page: Some(41),
        page_label: None,
        section: None,
        words: Vec::new(),
        verdicts: Vec::new(),
        ocr_confidence: None,
    }
}

fn event(spec: &CaseSpec, label: &str, score: f32) -> CaseEvent {
    let sha256 = Digest::of(b"bank").to_string();
    let data = CaseData {
        flag_id: String::new(),
        revision: 0,
        status: Status::New,
        severity: if score > 0.8 { Severity::High } else { Severity::Low },
        priority_reason: "rule".to_owned(),
        document: EventDocument {
            sha256: sha256.clone(),
            title: None,
            document_type: None,
            language: "en".to_owned(),
            period: None,
            filed_on: None,
            source_uri: None,
            pages: 50,
        },
        institution: None,
        target: Target {
            source: format!("urn:sha256:{sha256}"),
            selector: vec![Selector::TextQuoteSelector { exact: evidence(label), prefix: String::new(), suffix: String::new() }],
            page: Some(41),
            boxes: Vec::new(),
            section: None,
            passage: 3,
            text_sha256: sha256.clone(),
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
            evidence: Vec::new(),
            attribution: Vec::new(),
        }],
        summary: Vec::new(),
        change: None,
        warnings: Vec::new(),
        provenance: Provenance {
            run_id: "01J".to_owned(),
            activity: "prov:Activity".to_owned(),
            models: Vec::new(),
            params_sha256: sha256.clone(),
            software: "0.1.0".to_owned(),
            derived_from: vec![sha256],
            audit_seq: None,
            audit_hash: None,
        },
        review: Review::default(),
        links: Links { view: None, evidence_pdf: None },
        handling: Handling { classification: None, tlp: None },
    };
    CaseEvent::new(spec, "disclosures", "2026-01-01T00:00:00Z".to_owned(), data)
}

#[test]
fn cases_are_listed_and_exported_as_cloud_events() {
    let context = TestContext::new();
    fill(&context.path("data"), &json!([]), &[("credit-risk", 0.9), ("cyber-risk", 0.6)]);
    let listed = context.run(&["cases", "list", "--data", "data"]).expect_code(0);
    assert!(listed.stdout.contains("credit-risk") && listed.stdout.contains("p.41"), "{}", listed.stdout);
    assert!(!listed.stdout.contains('\u{1b}'), "document text must not drive the terminal");
    let high = context.run(&["cases", "list", "--severity", "high", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!(high.as_array().unwrap().len(), 1);
    context.run(&["cases", "export", "--out", "cases.ndjson", "--data", "data"]).expect_code(0);
    let text = std::fs::read_to_string(context.path("cases.ndjson")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event["specversion"] == "1.0" && event["type"] == "suptech.passage.flagged.v1"));
    let piped = context.run(&["cases", "export", "--out", "-", "--data", "data"]).expect_code(0);
    assert_eq!(piped.stdout, text, "the same again, and nothing else on standard output");
}

#[test]
fn a_spool_is_filled_once_and_reconciled() {
    let context = TestContext::new();
    let connectors = json!([{ "kind": "spool", "name": "gap", "folder": "spool" }]);
    fill(&context.path("data"), &connectors, &[("credit-risk", 0.9), ("cyber-risk", 0.6)]);
    let preview = context.run(&["cases", "deliver", "--dry-run", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!(preview["would_send"].as_array().unwrap().len(), 2);
    let first = context.run(&["cases", "deliver", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!(first["connectors"][0]["delivered"], 2);
    let second = context.run(&["cases", "deliver", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!(second["connectors"][0]["delivered"], 0);
    let manifest = context.json("data/spool/manifest.json");
    let files = manifest["files"].as_object().unwrap();
    assert_eq!(files.len(), 1);
    for (name, entry) in files {
        let bytes = std::fs::read(context.path("data/spool").join(name)).unwrap();
        assert_eq!(entry["sha256"], Digest::of(&bytes).to_string());
    }
    context.run(&["cases", "reconcile", "--data", "data"]).expect_code(0);
    for name in files.keys() {
        std::fs::remove_file(context.path("data/spool").join(name)).unwrap();
    }
    std::fs::remove_file(context.path("data/spool/manifest.json")).unwrap();
    let differs = context.run(&["cases", "reconcile", "--json", "--data", "data"]).expect_code(4).json();
    assert_eq!(differs["connectors"][0]["missing"].as_array().unwrap().len(), 2);
}

/// Answers one request with a status, and gives its headers and body.
fn answer_once(listener: &TcpListener, status: &str) -> (BTreeMap<String, String>, String) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some((name, value)) = line.trim().split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        line.clear();
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    (headers, String::from_utf8(body).unwrap())
}

#[test]
fn a_refused_webhook_event_is_dead_until_a_person_sends_it_again() {
    let context = TestContext::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let secret = "whsec_c2NydXRpbmVlci10ZXN0LWtleS1udW1iZXItdHdvLWFiY2Q=";
    let secret_file = context.write("secret", secret);
    let connectors = json!([{ "kind": "webhook", "name": "desk", "url": url, "secret_file": secret_file }]);
    fill(&context.path("data"), &connectors, &[("credit-risk", 0.9)]);
    let requests = std::thread::spawn(move || ["400 Bad Request", "200 OK"].map(|status| answer_once(&listener, status)));
    let refused = context.run(&["cases", "deliver", "--data", "data", "-vv"]).expect_code(3);
    assert!(!refused.stderr.contains(secret) && !refused.stdout.contains(secret));
    let dead = context.run(&["cases", "dead", "list", "--json", "--data", "data"]).expect_code(0).json();
    let row = dead[0]["sequence"].to_string();
    assert!(dead[0]["last_status"].as_str().unwrap().starts_with("400"), "{dead}");
    context.run(&["cases", "dead", "retry", "9999", "--data", "data"]).expect_code(2);
    context.run(&["cases", "dead", "retry", &row, "--data", "data"]).expect_code(0);
    let again = context.run(&["cases", "deliver", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!(again["connectors"][0]["delivered"], 1);
    let [first, second] = requests.join().unwrap();
    assert_eq!(first.1, second.1, "the same bytes over all tries");
    assert_eq!(first.0["webhook-id"], second.0["webhook-id"]);
    assert!(second.0["webhook-signature"].starts_with("v1,"));
    let outbox = context.run(&["cases", "outbox", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!(outbox[0]["rows"]["delivered"], 1);
    context.run(&["audit", "verify", "--data", "data"]).expect_code(0);
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let context = TestContext::new();
    let none = context.run(&["cases", "list", "--data", "nowhere"]).expect_code(2);
    assert!(none.stderr.contains("scrutineer run"), "{}", none.stderr);
    fill(&context.path("data"), &json!([]), &[]);
    let unconnected = context.run(&["cases", "deliver", "--data", "data"]).expect_code(2);
    assert!(unconnected.stderr.contains("case.connector"), "{}", unconnected.stderr);
    let connectors =
        json!([{ "kind": "webhook", "name": "desk", "url": "https://desk.example/in", "secret_file": "/no/such/file" }]);
    fill(&context.path("data"), &connectors, &[("credit-risk", 0.9)]);
    let secretless = context.run(&["cases", "deliver", "--data", "data"]).expect_code(2);
    assert!(secretless.stderr.contains("/no/such/file"), "{}", secretless.stderr);
}

#[test]
fn a_writer_that_is_at_work_is_named() {
    let context = TestContext::new();
    fill(&context.path("data"), &json!([{ "kind": "spool", "name": "gap", "folder": "spool" }]), &[("credit-risk", 0.9)]);
    let held = Ledger::open(&context.path("data"), Access::Writer).unwrap();
    let locked = context.run(&["cases", "deliver", "--data", "data"]).expect_code(2);
    assert!(locked.stderr.contains(&format!("process {}", std::process::id())), "{}", locked.stderr);
    context.run(&["cases", "list", "--data", "data"]).expect_code(0);
    drop(held);
    context.run(&["cases", "deliver", "--data", "data"]).expect_code(0);
}
