//! `search` over the fixtures, as people and scripts use it.

use serde_json::Value;

use crate::context::{Finished, TestContext};
use crate::library::library;

fn search(arguments: &[&str]) -> Finished {
    library().context.run(&[&["search"], arguments].concat())
}

fn hits(arguments: &[&str]) -> Vec<Value> {
    let found = search(&[arguments, &["--json"]].concat()).expect_code(0).json();
    found["hits"].as_array().unwrap().clone()
}

#[test]
fn a_hit_leads_to_the_words_on_the_page() {
    for query in ["\"viable exit strategy\" AND doc:harbour*", "「退場計畫」", "「退场计划」 AND lang:zh"] {
        let hit = hits(&[query]).remove(0);
        let snippet: Vec<char> = hit["snippet"].as_str().unwrap().chars().collect();
        let marked = |range: &Value| {
            let at = |nth: usize| range[nth].as_u64().unwrap() as usize;
            snippet[at(0)..at(1)].iter().collect::<String>()
        };
        let words = marked(&hit["highlights"][0]);
        assert!(["viable exit strategy", "退場計畫"].contains(&words.as_str()), "{query}: {words}");
        let location = &hit["locations"][0];
        assert_eq!(location["page"], hit["page"], "{query}");
        let bbox = &location["boxes"][0];
        assert!(bbox["x1"].as_f64() > bbox["x0"].as_f64() && bbox["y1"].as_f64() > bbox["y0"].as_f64(), "{query}: {bbox}");
    }
}

#[test]
fn filters_narrow_as_arguments_and_in_the_query() {
    let all = hits(&["bank", "--limit", "100"]).len();
    for arguments in [
        &["bank", "--type", "annual-report", "--limit", "100"][..],
        &["bank AND institution:harbour", "--limit", "100"],
        &["bank", "--label", "third-party-dependency", "--limit", "100"],
        &["bank AND page:1", "--limit", "100"],
    ] {
        let some = hits(arguments).len();
        assert!(0 < some && some < all, "{arguments:?}: {some} of {all}");
    }
    assert!(hits(&["bank", "--language", "zh"]).is_empty());
    assert!(hits(&["bank", "--min-score", "0.5"]).iter().all(|hit| hit["labels"][0]["score"].as_f64() >= Some(0.5)));
}

#[test]
fn people_get_plain_lines_in_a_pipe() {
    let shown = search(&["cloud", "--facets", "--group"]).expect_code(0).stdout;
    assert!(!shown.contains('\u{1b}'), "{shown}");
    for part in ["harbour-bank-annual-report-2023  p.", "*cloud*", "institutions: ", "passages"] {
        assert!(shown.contains(part), "{part} is missing:\n{shown}");
    }
    let chinese = search(&["雲端", "--ui-lang", "zh-TW"]).expect_code(0).stdout;
    assert!(chinese.contains("*雲端*") && chinese.contains(" 段"), "{chinese}");
}

#[test]
fn hidden_text_is_marked_as_such() {
    let shown = search(&["instructions AND kind:hidden"]).expect_code(0).stdout;
    assert!(shown.contains("hidden text"), "{shown}");
}

#[test]
fn no_hit_is_no_error() {
    let shown = search(&["xylophone"]).expect_code(0).stdout;
    assert!(shown.contains("no passage matches"), "{shown}");
}

#[test]
fn a_wrong_query_says_where_and_what_to_do() {
    for (query, character) in
        [("cloud AND (bank", "character 11"), ("nofield:x", "character 1"), ("雲端 AND 「委外", "character 8")]
    {
        let refused = search(&[query]).expect_code(2).stderr;
        assert!(refused.contains(character) && refused.contains("help:"), "{query}: {refused}");
    }
}

#[test]
fn without_a_data_folder_the_remedy_is_told() {
    let refused = TestContext::new().run(&["search", "cloud"]).expect_code(2).stderr;
    assert!(refused.contains("scrutineer run"), "{refused}");
}

#[test]
fn a_batch_looks_in_the_documents_it_is_told_to() {
    let context = &library().context;
    let question = "{\"qid\": \"a\", \"question\": \"Is there an exit strategy for the cloud provider?\", \"doc\": \"DOC\"}\n";
    let text =
        question.replace("DOC", "harbour-bank-annual-report-2024") + &question.replace(", \"doc\": \"DOC\"", "") + "no JSON\n";
    context.write("per-document.jsonl", text);
    search(&["--batch", "per-document.jsonl", "--out", "per-document-hits.jsonl", "--per-document"]).expect_code(0);
    let rows = std::fs::read_to_string(context.path("per-document-hits.jsonl")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let hits = rows[0]["hits"].as_array().unwrap();
    assert!(!hits.is_empty() && hits.iter().all(|hit| hit["doc"] == "harbour-bank-annual-report-2024"), "{rows:?}");
    assert!(rows[1..].iter().all(|row| row["error"].is_string() && row["hits"] == serde_json::json!([])), "{rows:?}");
    assert_eq!(rows.len(), 3);
}
