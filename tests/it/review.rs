//! `scrutineer review`: what a person decides shows in flags, summaries and case events, once.

use serde_json::{Value, json};

use crate::cases::fill;
use crate::context::{TestContext, fixture_argument};
use crate::library::shipped_pipeline;

const DATA: [&str; 2] = ["--data", "data"];

fn json_of(context: &TestContext, arguments: &[&str]) -> Value {
    context.run(&[arguments, &["--json"], &DATA].concat()).expect_code(0).json()
}

/// The events as they would be delivered, in order.
fn events(context: &TestContext) -> Vec<Value> {
    context.run(&[&["cases", "export", "--out", "events.ndjson"][..], &DATA].concat()).expect_code(0);
    let text = std::fs::read_to_string(context.path("events.ndjson")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_review_reaches_the_case_once_and_stands_in_the_audit_chain() {
    let context = TestContext::new();
    fill(&context.path("data"), &json!([{ "name": "spool", "kind": "spool", "folder": "out" }]), &[("credit-risk", 0.9)]);
    let flag = json_of(&context, &["findings"])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(json_of(&context, &["findings", "--unreviewed"]).as_array().unwrap().len(), 1);
    let before = events(&context);

    let reject = ["review", "reject", &flag, "--by", "A. Lin", "--note", "boilerplate"];
    context.run(&[&reject[..], &DATA].concat()).expect_code(0);
    let after = events(&context);
    assert_eq!(after.len(), before.len() + 1);
    let last = &after[after.len() - 1];
    assert_eq!((&last["data"]["review"]["state"], &last["data"]["review"]["by"]), (&json!("rejected"), &json!("A. Lin")));
    assert_eq!((&last["type"], &last["data"]["revision"]), (&json!("suptech.passage.updated.v1"), &json!(2)));
    // The event names the entry of the review.
    let entry = &json_of(&context, &["audit", "list", "--kind", "review"])[0];
    assert_eq!(
        (&last["data"]["provenance"]["audit_seq"], &entry["payload"]["note"]),
        (&entry["sequence"], &json!("boilerplate"))
    );
    let listed = context.run(&[&["findings"][..], &DATA].concat()).expect_code(0);
    assert!(listed.stdout.contains("rejected by A. Lin") && listed.stdout.contains("boilerplate"), "{}", listed.stdout);
    assert_eq!(json_of(&context, &["findings", "--unreviewed"]), json!([]));
    context.run(&[&["audit", "verify"][..], &DATA].concat()).expect_code(0);
}

#[test]
fn a_review_of_an_unknown_flag_or_by_nobody_is_refused() {
    let context = TestContext::new();
    context.run(&["review", "confirm", "flg_x", "--by", "A. Lin", "--data", "nowhere"]).expect_code(2);
    assert!(!context.path("nowhere").exists());
    fill(&context.path("data"), &json!([]), &[("credit-risk", 0.9)]);
    let refused = context.run(&["review", "confirm", "flg_x", "--by", "A. Lin", "--data", "data"]).expect_code(2);
    assert!(refused.stderr.contains("scrutineer findings"), "{}", refused.stderr);
    let flag = json_of(&context, &["findings"])[0]["id"].as_str().unwrap().to_owned();
    context.run(&["review", "confirm", &flag, "--by", " ", "--data", "data"]).expect_code(2);
    context.run(&["review", "confirm", &flag, "--data", "data"]).expect_code(2);
    // One unknown id among several: nothing is recorded.
    context.run(&["review", "confirm", &flag, "flg_x", "--by", "A. Lin", "--data", "data"]).expect_code(2);
    assert_eq!(json_of(&context, &["audit", "list", "--kind", "review"]), json!([]));
}

#[test]
fn a_review_outlives_the_next_run_and_a_summary_names_the_run_that_judged_it() {
    let context = TestContext::new();
    let (minutes, report) = ("policy-board-minutes-2024-03", "harbour-bank-annual-report-2024");
    let pipeline = shipped_pipeline("disclosures.toml");
    for stem in [minutes, report] {
        context.run(&["run", &pipeline, &fixture_argument(&format!("{stem}.pdf")), "--data", "data"]).expect_code(0);
    }
    let summary = |stem: &str| json_of(&context, &["summary", stem]);
    assert_eq!((&summary(minutes)["run"], &summary(report)["run"]), (&json!("R-0001"), &json!("R-0002")));
    assert_eq!(summary(report)["reviewed"], false);
    let flags = json_of(&context, &["findings", "--doc", report]);
    let in_case = flags.as_array().unwrap().iter().find(|flag| flag["case_id"].is_string()).expect("a flag in a case");
    context.run(&["review", "confirm", in_case["id"].as_str().unwrap(), "--by", "A. Lin", "--data", "data"]).expect_code(0);
    assert_eq!((&summary(report)["reviewed"], &summary(minutes)["reviewed"]), (&json!(true), &json!(false)));
    let before = events(&context);
    // Judged again under another threshold that changes none of its flags: the case keeps its review, and nothing is sent again.
    let text = std::fs::read_to_string(&pipeline).unwrap();
    context.write("again.toml", text.replace("[finding.thresholds]", "[finding.thresholds]\n\"mp-dissent\" = 0.9"));
    std::fs::copy(shipped_pipeline("taxonomy.toml"), context.path("taxonomy.toml")).unwrap();
    context.run(&["run", "again.toml", &fixture_argument(&format!("{report}.pdf")), "--data", "data"]).expect_code(0);
    assert_eq!(summary(report)["run"], "R-0003");
    assert_eq!(events(&context), before);
}
