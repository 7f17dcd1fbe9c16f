//! The arithmetics decide alike, and the record says which one decided.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::context::{TestContext, fixture_argument};
use crate::library::shipped_pipeline;

/// Paragraphs of the fixtures' sources, in both languages: what passages are made of.
fn passages() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sources");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let paragraphs = texts.flat_map(|text| text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>());
    let passages: Vec<String> = paragraphs.filter(|text| (40..260).contains(&text.chars().count())).step_by(4).take(24).collect();
    assert!(passages.len() >= 20 && passages.iter().any(|text| text.contains('行')), "{} passages", passages.len());
    passages
}

/// What `classify` says of texts in an arithmetic: the row of each text.
fn classified(texts: &[String], variable: Option<&str>, arguments: &[&str]) -> Vec<Value> {
    let context = TestContext::new();
    let rows = texts.iter().enumerate().map(|(id, text)| json!({"id": id, "text": text}).to_string());
    fs::write(context.path("in.jsonl"), rows.collect::<Vec<_>>().join("\n")).unwrap();
    let mut command = context.command(&["classify", "--jsonl", "in.jsonl", "--out", "out.jsonl"]);
    command.args(arguments);
    if let Some(name) = variable {
        command.env("SCRUTINEER_KERNELS", name);
    }
    context.finish(&mut command).expect_code(0);
    fs::read_to_string(context.path("out.jsonl")).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn scores(row: &Value) -> BTreeMap<String, f64> {
    serde_json::from_value(row["scores"].clone()).unwrap()
}

fn labels(row: &Value) -> Vec<&str> {
    row["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect()
}

#[test]
fn bytes_and_f32_decide_alike() {
    let texts = passages();
    let (bytes, single) = (classified(&texts, None, &[]), classified(&texts, Some("f32"), &[]));
    let (mut decisions, mut changed) = (0, 0);
    for (bytes, single) in bytes.iter().zip(&single) {
        decisions += scores(bytes).len();
        changed += labels(bytes).iter().filter(|label| !labels(single).contains(label)).count();
        changed += labels(single).iter().filter(|label| !labels(bytes).contains(label)).count();
    }
    assert!(texts.len() * 20 < decisions, "every label is a decision");
    assert!(changed * 200 <= decisions, "{changed} of {decisions} decisions changed: more than one in 200");
    // Two implementations of the same f32 arithmetic: no decision may differ.
    let reference = classified(&texts[..6], None, &["--reference"]);
    for (single, reference) in single.iter().zip(&reference) {
        assert_eq!(labels(single), labels(reference), "{single}");
        for (label, score) in scores(single) {
            assert!((score - scores(reference)[&label]).abs() < 1e-3, "{label}: {score} and {}", scores(reference)[&label]);
        }
    }
}

#[test]
fn every_form_of_the_kernels_decides_alike() {
    // The portable form is slow, and its bits are those of the others (crates/kernels): short passages will do.
    let texts = ["An outage at the cloud provider stopped payments.".to_owned(), "本行核心系統集中於單一雲端業者。".to_owned()];
    let expected = classified(&texts, None, &[]);
    for form in ["portable", "avx2", "avx512"] {
        if form == "portable" || runs_here(form) {
            assert_eq!(classified(&texts, Some(form), &[]), expected, "{form}");
        }
    }
}

fn runs_here(form: &str) -> bool {
    let context = TestContext::new();
    let mut command = context.command(&["doctor", "--json"]);
    let finished = context.finish(command.env("SCRUTINEER_KERNELS", form));
    !finished.stdout.contains("is no arithmetic that this processor can run")
}

#[test]
fn a_run_says_which_arithmetic_judged() {
    let context = TestContext::new();
    let file = fixture_argument("monetary-board-minutes-113q1.pdf");
    context.run(&["run", &shipped_pipeline("minutes.toml"), &file]).expect_code(0);
    let fast = context.latest_report();
    context.run(&["run", &shipped_pipeline("minutes.toml"), &file, "--reference"]).expect_code(0);
    let reference = context.latest_report();
    assert_eq!(reference["kernel_profile"], "reference-f32");
    assert_ne!(fast["kernel_profile"], reference["kernel_profile"]);
    // The document is judged again, and no second flag is opened.
    assert_eq!(reference["inputs"]["done"], 1);
    assert_eq!(reference["flags"]["new"], 0, "{}", reference["flags"]);
}

/// The flags that models raised in the minutes of a fixture, by label and evidence, each with its score.
fn flags(context: &TestContext, thresholds: &str, variable: Option<&str>) -> BTreeMap<[String; 2], f64> {
    let pipeline = context.pipeline("test.toml", thresholds);
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    let mut command = context.command(&["run", &pipeline, &file, "--quiet"]);
    if let Some(name) = variable {
        command.env("SCRUTINEER_KERNELS", name);
    }
    context.finish(&mut command).expect_code(0);
    let flags = context.run(&["findings", "--json"]).expect_code(0).json();
    let by_model = flags.as_array().unwrap().iter().filter(|flag| flag["method"] != "rule");
    let text = |flag: &Value, field: &str| flag[field].as_str().unwrap().to_owned();
    by_model.map(|flag| ([text(flag, "label"), text(flag, "evidence")], flag["score"].as_f64().unwrap())).collect()
}

#[test]
fn a_run_judges_again_in_f32_what_rounding_could_turn() {
    let (bytes, single) = (flags(&TestContext::new(), "", None), flags(&TestContext::new(), "", Some("f32")));
    // A passage far from its threshold keeps the score of bytes; with a threshold beside it, it gets that of f32.
    let differs =
        |(key, score): (&[String; 2], &f64)| single.get(key).filter(|other| *other != score).map(|other| (key.clone(), *other));
    let (key, in_f32) = bytes.iter().find_map(differs).expect("a score that the arithmetics give differently");
    let threshold = bytes[&key].min(in_f32) - 1e-4;
    let settled = flags(&TestContext::new(), &format!("[finding.thresholds]\n\"{}\" = {threshold}\n", key[0]), None);
    assert_eq!(settled[&key], in_f32, "{key:?}: {} in bytes", bytes[&key]);
}
