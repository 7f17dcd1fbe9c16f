//! What can be asked of a data folder after a run: every answer leads back to a page.

use serde_json::Value;

use crate::context::{Finished, TestContext};
use crate::library::library;

fn ask(arguments: &[&str]) -> Finished {
    library().context.run(arguments)
}

#[test]
fn a_summary_quotes_what_stands_on_the_page() {
    let summary = ask(&["summary", "harbour-bank-annual-report-2023", "--json"]).expect_code(0).json();
    assert_eq!(summary["coverage"]["pages"], 8);
    let pages = pages_of("harbour-bank-annual-report-2023");
    let mut citations = 0;
    for section in summary["sections"].as_array().unwrap() {
        for sentence in section["sentences"].as_array().unwrap() {
            assert!(["quoted", "generated"].contains(&sentence["origin"].as_str().unwrap()), "{sentence}");
            assert!(
                ["supported", "contradicted", "not-found", "not-checkable"].contains(&sentence["verdict"].as_str().unwrap()),
                "{sentence}"
            );
            let cited = sentence["citations"].as_array().unwrap();
            assert!(!cited.is_empty(), "no sentence without its source: {sentence}");
            for citation in cited {
                let page = citation["page"].as_u64().expect("a page") as usize;
                let quote = citation["quote"].as_str().unwrap();
                assert!(squeezed(&pages[page - 1]).contains(&squeezed(quote)), "page {page} does not say: {quote}");
                assert!(!citation["boxes"].as_array().unwrap().is_empty(), "{citation}");
                citations += 1;
            }
        }
    }
    assert!(citations >= 5, "{summary:#}");
}

#[test]
fn a_summary_says_what_was_not_found_and_not_read() {
    let text = ask(&["summary", "hidden-instructions"]).expect_code(0).stdout;
    assert!(text.contains("p.2"), "the unread page is named:\n{text}");
    assert!(!text.to_lowercase().contains("no risk"), "never `no risk`:\n{text}");
    assert!(!text.contains("Ignore all previous instructions") || text.contains("hidden"), "{text}");
    let chinese = ask(&["summary", "hidden-instructions", "--ui-lang", "zh-TW"]).expect_code(0).stdout;
    assert!(chinese.contains("風險摘要"), "{chinese}");
}

#[test]
fn hidden_text_moves_no_other_flag() {
    let findings = ask(&["findings", "--json"]).expect_code(0).stdout;
    assert!(!findings.contains("liquidity is excellent") || findings.contains("hidden"), "{findings}");
    let page = ask(&["show", "hidden-instructions", "--page", "1"]).expect_code(0).stdout;
    assert!(page.contains("Ignore all previous instructions"), "people see what was hidden:\n{page}");
    assert!(page.to_lowercase().contains("hidden"), "and that it was hidden:\n{page}");
}

#[test]
fn findings_can_be_narrowed_to_a_label() {
    let all = ask(&["findings"]).expect_code(0).stdout;
    let one = ask(&["findings", "--label", "third-party-dependency", "--json"]).expect_code(0).stdout;
    assert!(one.contains("third-party-dependency"));
    assert!(!one.contains("\"credit-risk\""), "{one}");
    assert!(one.len() < ask(&["findings", "--json"]).expect_code(0).stdout.len());
    assert!(all.contains("harbour-bank-annual-report-2023"), "{all}");
}

#[test]
fn a_page_can_be_shown_and_a_page_that_is_not_there_is_usage() {
    let page = ask(&["show", "harbour-bank-annual-report-2023", "--page", "6"]).expect_code(0).stdout;
    assert!(page.contains("There is no viable exit strategy"), "{page}");
    ask(&["show", "harbour-bank-annual-report-2023"]).expect_code(0);
    ask(&["show", "harbour-bank-annual-report-2023", "--page", "99"]).expect_code(2);
}

#[test]
fn a_document_is_named_by_stem_or_digest_and_ambiguity_lists_the_candidates() {
    let summary = ask(&["summary", "no-xref", "--json"]).expect_code(0).json();
    let digest = summary["document"]["sha256"].as_str().unwrap().to_owned();
    let by_digest = ask(&["summary", &digest[..8], "--json"]).expect_code(0).json();
    assert_eq!(by_digest["document"]["stem"], "no-xref");
    let unknown = ask(&["summary", "annual-report-of-nobody"]).expect_code(2);
    assert!(unknown.stderr.contains("annual-report-of-nobody"), "{}", unknown.stderr);
}

#[test]
fn search_finds_in_both_languages() {
    let english = ask(&["search", "third-party AND cloud", "--json"]).expect_code(0).stdout;
    assert!(english.contains("harbour-bank") || english.contains("two-columns") || english.contains("encrypted"), "{english}");
    let chinese = ask(&["search", "退場計畫"]).expect_code(0).stdout;
    assert!(chinese.contains("formosa-river-bank-annual-report-113"), "{chinese}");
    // Simplified finds Traditional.
    let simplified = ask(&["search", "流动性覆盖比率"]).expect_code(0).stdout;
    assert!(simplified.contains("formosa-river-bank-annual-report-113"), "{simplified}");
    let narrowed = ask(&["search", "exposures", "--language", "zh", "--json"]).stdout;
    assert!(!narrowed.contains("harbour"), "{narrowed}");
}

#[test]
fn search_batch_keeps_a_row_for_every_question() {
    let context = &library().context;
    context.write(
        "questions.jsonl",
        concat!(
            "{\"qid\": \"a\", \"question\": \"Which provider runs core banking?\", \"doc\": \"harbour-bank-annual-report-2023\"}\n",
            "{\"qid\": \"b\", \"query\": \"title:(((\"}\n",
            "{\"qid\": \"c\", \"question\": \"逾放比率是多少？\", \"doc\": \"formosa-river-bank-annual-report-113\"}\n"
        ),
    );
    ask(&["search", "--batch", "questions.jsonl", "--out", "hits.jsonl", "--per-document"]);
    let text = std::fs::read_to_string(context.path("hits.jsonl")).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| row["qid"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(rows[0]["hits"][0]["doc"], "harbour-bank-annual-report-2023", "{}", rows[0]);
    assert!(rows[0]["hits"][0]["page_index"].is_u64());
    assert!(rows[1]["error"].is_string() && rows[1]["hits"] == serde_json::json!([]), "{}", rows[1]);
    assert_eq!(rows[2]["hits"][0]["doc"], "formosa-river-bank-annual-report-113", "{}", rows[2]);
}

#[test]
fn cases_are_exported_as_cloud_events_once_each() {
    let context = &library().context;
    ask(&["cases", "list"]).expect_code(0);
    ask(&["cases", "export", "--out", "events.jsonl"]).expect_code(0);
    let text = std::fs::read_to_string(context.path("events.jsonl")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!events.is_empty());
    let mut ids: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    for event in &events {
        assert_eq!(event["specversion"], "1.0");
        assert!(event["source"].is_string() && event["type"].is_string() && event["data"].is_object(), "{event}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "an id names one event");
}

#[test]
fn status_quarantine_and_doctor_answer() {
    let status = ask(&["status"]).expect_code(0).stdout;
    assert!(status.contains("R-0001"), "{status}");
    let quarantine = ask(&["quarantine", "--json"]).expect_code(0).stdout;
    for stem in ["truncated", "zero-bytes", "picture", "password-protected"] {
        assert!(quarantine.contains(stem), "{quarantine}");
    }
    let doctor = ask(&["doctor"]).expect_code(0).stdout;
    assert!(doctor.contains("e5-small-enzh"), "{doctor}");
    assert!(doctor.contains(env!("CARGO_PKG_VERSION")), "{doctor}");
}

#[test]
fn every_reading_command_speaks_json() {
    for arguments in [
        &["status"][..],
        &["doctor"],
        &["quarantine"],
        &["findings"],
        &["cases", "list"],
        &["show", "no-xref"],
        &["show", "no-xref", "--page", "1"],
        &["summary", "no-xref"],
        &["search", "lease"],
        &["audit", "verify"],
    ] {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let finished = ask(&arguments).expect_code(0);
        assert!(finished.json().is_object() || finished.json().is_array(), "{arguments:?}");
    }
}

#[test]
fn the_audit_chain_holds_until_an_artefact_is_touched() {
    ask(&["audit", "verify"]).expect_code(0);
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "");
    context.run(&["run", &pipeline, &crate::context::fixture_argument("broken/no-xref.pdf")]).expect_code(0);
    context.run(&["audit", "verify"]).expect_code(0);
    let (name, mut bytes) = context.artefacts().into_iter().next().unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(context.path(&name), bytes).unwrap();
    let finished = context.run(&["audit", "verify"]).expect_code(4);
    assert!(!format!("{}{}", finished.stdout, finished.stderr).is_empty());
}

#[test]
fn a_protected_file_is_read_when_its_password_is_given() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "");
    context.copy_fixture("broken/password-protected.pdf", "inbox/letter.pdf");
    context.run(&["run", &pipeline, "inbox"]).expect_code(3);
    context.write("password.txt", "quay-street-1908\n");
    context.run(&["quarantine", "retry", "inbox/letter.pdf", "--password-file", "password.txt"]).expect_code(0);
    assert!(!context.run(&["quarantine", "--json"]).expect_code(0).stdout.contains("letter.pdf"));
    context.run(&["summary", "letter"]).expect_code(0);
}

/// The text of each page of a document, as `extract` gives it.
fn pages_of(stem: &str) -> Vec<String> {
    let context = TestContext::new();
    let file = crate::context::fixture_argument(&format!("{stem}.pdf"));
    context.run(&["extract", &file, "--out", "text"]).expect_code(0);
    let extracted = context.json(&format!("text/{stem}.json"));
    extracted["pages"].as_array().unwrap().iter().map(|page| page["text"].as_str().unwrap().to_owned()).collect()
}

/// Without white space and hyphens, which change at line ends.
fn squeezed(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace() && *character != '-').collect()
}

#[test]
fn a_label_that_the_model_is_weak_for_is_marked_wherever_it_is_shown() {
    let context = &library().context;
    let findings = context.run(&["findings", "--label", "credit-risk", "--json"]).expect_code(0).json();
    assert!(findings.as_array().unwrap().iter().all(|flag| flag["weak"] == true), "{findings}");
    let strong = context.run(&["findings", "--label", "cyber-risk", "--json"]).expect_code(0).json();
    assert!(!strong.as_array().unwrap().is_empty() && strong.as_array().unwrap().iter().all(|flag| flag["weak"] == false));
    let listed = context.run(&["findings", "--label", "credit-risk"]).expect_code(0);
    assert!(listed.stdout.contains("weak label: read the passage before acting"), "{}", listed.stdout);
    let summary = context.run(&["summary", "harbour-bank-annual-report-2023", "--json"]).expect_code(0).json();
    let sections = summary["sections"].as_array().unwrap();
    assert!(sections.iter().any(|section| section["label"] == "credit-risk" && section["weak"] == true), "{sections:#?}");
    assert!(sections.iter().any(|section| section["label"] == "cyber-risk" && section["weak"] == false), "{sections:#?}");
}
