//! `verify` and `classify`: the checker and the classifier alone, on text from anywhere.

use serde_json::Value;

use crate::context::{TestContext, fixture_argument};

/// The verdicts that `verify` gives the sentences of a summary on a document.
fn verdicts(source: &str, summary: &str) -> Vec<String> {
    let context = TestContext::new();
    let finished =
        context.run(&["verify", "--source", &fixture_argument(source), "--summary", &fixture_argument(summary), "--json"]);
    let answer = finished.expect_code(4).json();
    let rows = answer.as_array().or_else(|| answer["sentences"].as_array()).unwrap_or_else(|| panic!("{answer}"));
    rows.iter().map(|row| row["verdict"].as_str().unwrap_or_else(|| panic!("{row}")).to_owned()).collect()
}

/// True sentences are supported; a wrong figure is contradicted; what is denied or not in the report is never supported.
#[track_caller]
fn assert_told_apart(verdicts: &[String], true_sentences: &[usize], wrong_figures: &[usize]) {
    for (index, verdict) in verdicts.iter().enumerate() {
        let sentence = index + 1;
        if true_sentences.contains(&sentence) {
            assert_eq!(verdict, "supported", "sentence {sentence} of {verdicts:?}");
        } else if wrong_figures.contains(&sentence) {
            assert_eq!(verdict, "contradicted", "sentence {sentence} of {verdicts:?}");
        } else {
            assert_ne!(verdict, "supported", "sentence {sentence} of {verdicts:?}");
        }
    }
    assert_eq!(verdicts.len(), 5);
}

#[test]
fn true_false_and_unfounded_sentences_about_an_english_report_are_told_apart() {
    let verdicts = verdicts("harbour-bank-annual-report-2023.pdf", "summaries/harbour-bank-2023.txt");
    assert_told_apart(&verdicts, &[1, 2], &[3]);
    assert_eq!(verdicts[3], "contradicted", "a denial of what the report says");
}

#[test]
fn true_false_and_unfounded_sentences_about_a_chinese_report_are_told_apart() {
    let verdicts = verdicts("formosa-river-bank-annual-report-113.pdf", "summaries/formosa-river-bank-113.txt");
    assert_told_apart(&verdicts, &[1, 3], &[2]);
}

#[test]
fn a_figure_parted_from_its_unit_by_a_line_end_is_the_same_figure() {
    let context = TestContext::new();
    context.write("source.txt", "Profit before tax fell by 4.2\nper cent to US$552.0\nmillion, because costs rose.\n");
    context.write("summary.txt", "Profit before tax fell by 4.2 per cent to US$552.0 million.\n");
    let answer = context.run(&["verify", "--source", "source.txt", "--summary", "summary.txt", "--json"]).expect_code(0).json();
    assert_eq!(answer["sentences"][0]["verdict"], "supported", "{answer:#}");
}

#[test]
fn verify_rows_keep_their_order_and_a_bad_row_its_place() {
    let context = TestContext::new();
    context.write(
        "in.jsonl",
        concat!(
            "{\"id\": 1, \"source\": \"Revenue rose by 5 per cent to US$20 million.\", \"claim\": \"Revenue rose by 5%.\"}\n",
            "{\"id\": \"two\", \"source\": \"no claim here\"}\n",
            "{\"id\": 3, \"source\": \"營收成長5%。\", \"claim\": \"營收衰退5%。\", \"lang\": \"zh\"}\n"
        ),
    );
    context.run(&["verify", "--jsonl", "in.jsonl", "--out", "out.jsonl"]);
    let rows = rows(&context, "out.jsonl");
    assert_eq!(rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [Value::from(1), "two".into(), 3.into()]);
    assert!(rows[0]["score"].as_f64().unwrap() > rows[2]["score"].as_f64().unwrap(), "{rows:?}");
    assert!(rows[1]["error"].is_string() && rows[1]["score"].as_f64() == Some(0.0), "{}", rows[1]);
    assert_eq!(rows[2]["verdict"], "contradicted", "{}", rows[2]);
}

#[test]
fn classify_gives_every_label_a_score_and_evidence_in_code_points() {
    let context = TestContext::new();
    let text = "本行核心系統委外至單一雲端業者，目前尚無可行之退場計畫。";
    context.write(
        "in.jsonl",
        format!(
            "{}\n{}\n{}\n",
            serde_json::json!({"id": "a", "text": text}),
            serde_json::json!({"id": "b"}),
            serde_json::json!({"id": "c", "text": "The canteen serves soup on Mondays."})
        ),
    );
    context.run(&["classify", "--jsonl", "in.jsonl", "--out", "out.jsonl"]);
    let rows = rows(&context, "out.jsonl");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["scores"].as_object().unwrap().len(), 30, "a score for every label");
    assert!(rows[0]["labels"].as_array().unwrap().contains(&"third-party-dependency".into()), "{}", rows[0]);
    let span = rows[0]["evidence"]["third-party-dependency"][0].as_array().unwrap();
    assert!(span[1].as_u64().unwrap() as usize <= text.chars().count(), "{}", rows[0]);
    assert!(rows[1]["error"].is_string() && rows[1]["labels"] == serde_json::json!([]), "{}", rows[1]);
    assert_eq!(rows[2]["labels"], serde_json::json!([]), "{}", rows[2]);
}

fn rows(context: &TestContext, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(context.path(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
