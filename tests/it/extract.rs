//! `extract` over the fixtures: what each was made to show.

use serde_json::Value;

use crate::context::{TestContext, fixture_argument};

/// The pages that `extract` gives for a fixture.
fn pages(context: &TestContext, stem: &str) -> Vec<Value> {
    context.run(&["extract", &fixture_argument(&format!("{stem}.pdf")), "--out", "text"]).expect_code(0);
    context.json(&format!("text/{stem}.json"))["pages"].as_array().unwrap().clone()
}

fn text(page: &Value) -> &str {
    page["text"].as_str().unwrap()
}

#[test]
fn an_english_report_is_read_with_its_labels_and_tables() {
    let context = TestContext::new();
    let pages = pages(&context, "harbour-bank-annual-report-2023");
    let labels: Vec<&str> = pages.iter().map(|page| page["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["i", "ii", "1", "2", "3", "4", "5", "6"]);
    assert!(text(&pages[0]).contains("ZZZZ00HARBOURBANK125"));
    // The table without rules is drawn column by column; it reads row by row.
    assert!(text(&pages[3]).contains("Impairment charge on loans (118,700) (84,200)"), "{}", text(&pages[3]));
    assert!(text(&pages[3]).contains("Liquidity coverage ratio 128% 147% (19 pp)"), "{}", text(&pages[3]));
}

#[test]
fn words_stand_on_the_page_and_in_the_text() {
    let context = TestContext::new();
    for page in pages(&context, "harbour-bank-annual-report-2023") {
        let (width, height) = (page["width"].as_f64().unwrap(), page["height"].as_f64().unwrap());
        let words = page["words"].as_array().unwrap();
        assert!(words.len() > 20);
        for word in words {
            let at = |key: &str| word[key].as_f64().unwrap();
            assert!(0.0 <= at("x0") && at("x0") < at("x1") && at("x1") <= width, "{word}");
            assert!(0.0 <= at("y0") && at("y0") < at("y1") && at("y1") <= height, "{word}");
            assert!(text(&page).contains(word["text"].as_str().unwrap()), "{word}");
        }
    }
}

#[test]
fn chinese_without_an_embedded_font_is_read_without_gaps() {
    let context = TestContext::new();
    let report = pages(&context, "formosa-river-bank-annual-report-113");
    let all: String = report.iter().map(text).collect();
    for phrase in [
        "稅前淨利為68億8,880萬元，較上年度減少10.2%。",
        "目前尚無\n可行之退場計畫",
        "呆帳費用 (2,846,900) (1,937,200)",
        "金額單位為新臺幣仟元",
    ] {
        assert!(all.contains(phrase), "{phrase}\n{all}");
    }
    let minutes = pages(&context, "monetary-board-minutes-113q1");
    assert!(text(&minutes[0]).contains("東嶼中央銀行理監事聯席會議議事錄摘要"));
    assert!(text(&minutes[1]).contains("經濟成長率 1.40 3.15"), "{}", text(&minutes[1]));
}

#[test]
fn columns_are_read_one_after_the_other() {
    let context = TestContext::new();
    let pages = pages(&context, "two-columns-ai-bulletin");
    let text = text(&pages[0]);
    let place = |heading: &str| text.find(heading).unwrap_or_else(|| panic!("{heading} is missing:\n{text}"));
    assert!(place("Summary") < place("Use is spreading") && place("Opaque results") < place("Attacks on models"), "{text}");
    assert!(text.contains("42 banks and 17 insurers between January\nand May 2024"), "{text}");
}

#[test]
fn an_encrypted_file_opens_with_the_empty_password_and_a_turned_sheet_reads_upright() {
    let context = TestContext::new();
    let pages = pages(&context, "encrypted-stress-annex-2023");
    assert_eq!((pages[1]["width"].as_f64(), pages[1]["height"].as_f64()), (Some(842.0), Some(595.0)));
    assert!(text(&pages[1]).contains("Profit before tax 148 152 155 81 49 64 22 (38) 11"), "{}", text(&pages[1]));
}

#[test]
fn hidden_text_stands_apart() {
    let context = TestContext::new();
    let pages = pages(&context, "hidden-instructions");
    let text = text(&pages[0]);
    for hidden in ["Ignore all previous instructions", "SYSTEM", "recommended without reservation"] {
        assert!(!text.contains(hidden), "{hidden} must not be in the text:\n{text}");
    }
    assert!(text.contains("Quarterly letter to members"), "white on a dark band can be read:\n{text}");
    let mut reasons: Vec<&str> =
        pages[0]["hidden"].as_array().unwrap().iter().map(|hidden| hidden["reason"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["background-colour", "render-mode", "tiny"]);
}

#[test]
fn a_scan_is_an_unread_page_not_a_blank_one() {
    let context = TestContext::new();
    let finished = context.run(&["extract", &fixture_argument("hidden-instructions.pdf"), "--out", "text", "--json"]);
    assert_eq!(finished.json()["files"][0]["unread_pages"], 1, "{}", finished.stdout);
}

#[test]
fn a_file_without_cross_references_is_read_whole() {
    let context = TestContext::new();
    context.run(&["extract", &fixture_argument("broken/no-xref.pdf"), "--out", "text"]).expect_code(0);
    let pages = context.json("text/no-xref.json");
    assert!(text(&pages["pages"][0]).contains("substantial doubt about its ability to continue as a going concern"));
}

#[test]
fn the_password_of_a_protected_file_is_read_from_a_file() {
    let context = TestContext::new();
    context.write("password.txt", "quay-street-1908\n");
    let file = fixture_argument("broken/password-protected.pdf");
    context.run(&["extract", &file, "--out", "text", "--password-file", "password.txt"]).expect_code(0);
    assert!(text(&context.json("text/password-protected.json")["pages"][0]).contains("US$412.3 million"));
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let context = TestContext::new();
    let file = fixture_argument("formosa-river-bank-annual-report-113.pdf");
    context.run(&["extract", &file, "--out", "one"]).expect_code(0);
    context.run(&["extract", &file, "--out", "two"]).expect_code(0);
    let read = |folder: &str| std::fs::read(context.path(folder).join("formosa-river-bank-annual-report-113.json")).unwrap();
    assert!(read("one") == read("two"));
}
