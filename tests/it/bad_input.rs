//! Broken and hostile files: each costs itself alone, with a reason that a person can act on.

use crate::context::{TestContext, fixture_argument};
use crate::press;

#[test]
fn a_bad_file_is_named_with_its_reason_and_keeps_its_row() {
    let context = TestContext::new();
    let cases = [
        ("truncated", "damaged"),
        ("zero-bytes", "the file is empty"),
        ("picture", "not a PDF (it looks like PNG image)"),
        ("password-protected", "protected by a password"),
    ];
    let mut arguments = vec!["extract".to_owned(), fixture_argument("policy-board-minutes-2024-03.pdf")];
    arguments.extend(cases.iter().map(|(stem, _)| fixture_argument(&format!("broken/{stem}.pdf"))));
    arguments.extend(["--out".to_owned(), "text".to_owned()]);
    let finished = context.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).expect_code(3);
    for (stem, reason) in cases {
        let line = finished
            .stderr
            .lines()
            .find(|line| line.contains(&format!("{stem}.pdf")))
            .unwrap_or_else(|| panic!("{stem}: {}", finished.stderr));
        assert!(line.contains(reason), "{line}");
        let row = context.json(&format!("text/{stem}.json"));
        assert_eq!(row["pages"], serde_json::json!([]), "{stem}");
        assert!(row["error"].as_str().unwrap().contains(reason), "{row}");
    }
    // The good file beside them is read.
    assert_eq!(context.json("text/policy-board-minutes-2024-03.json")["pages"].as_array().unwrap().len(), 2);
}

#[test]
fn a_missing_file_keeps_its_row() {
    let context = TestContext::new();
    let finished = context.run(&["extract", "nowhere.pdf", "--out", "text"]).expect_code(3);
    assert!(finished.stderr.contains("nowhere.pdf"), "{}", finished.stderr);
    assert!(context.json("text/nowhere.json")["error"].is_string());
}

#[test]
fn a_wrong_password_is_named() {
    let context = TestContext::new();
    context.write("password.txt", "quay-street-1909\n");
    let file = fixture_argument("broken/password-protected.pdf");
    let finished = context.run(&["extract", &file, "--out", "text", "--password-file", "password.txt"]).expect_code(3);
    assert!(finished.stderr.contains("password"), "{}", finished.stderr);
}

#[test]
fn a_reader_that_fails_costs_its_document_alone() {
    let context = TestContext::new();
    for (fault, reason) in [("crash", "crashed"), ("oom", "memory"), ("rubbish", "crashed")] {
        let file = fixture_argument("policy-board-minutes-2024-03.pdf");
        let mut command = context.command(&["extract", &file, "--out", "text"]);
        let finished = context.finish(command.env("SCRUTINEER_WORKER_FAULT", fault)).expect_code(3);
        assert!(finished.stderr.contains(reason), "{fault}: {}", finished.stderr);
        assert!(context.json("text/policy-board-minutes-2024-03.json")["error"].is_string());
    }
}

#[test]
fn hostile_files_end_within_their_bounds() {
    let context = TestContext::new();
    for hostile in press::hostile() {
        // Twelve levels of ten draws each take seconds even where the bound on operators is met: one page of it is enough.
        let file = context.write(hostile.path, &hostile.bytes);
        let finished = context.run(&["extract", &file.to_string_lossy(), "--out", "text"]);
        assert!([0, 3].contains(&finished.code), "{}: {finished:?}", hostile.path);
        assert!(!finished.stderr.contains("panicked"), "{}: {}", hostile.path, finished.stderr);
        let row = context.json(&format!("text/{}", hostile.path.replace(".pdf", ".json")));
        let pages = row["pages"].as_array().unwrap();
        assert!(pages.len() <= 1 || row["error"].is_string(), "{}: {} pages", hostile.path, pages.len());
        assert!(pages.iter().all(|page| page["text"].as_str().unwrap().len() < 10_000), "{}", hostile.path);
    }
}

#[test]
fn what_a_file_is_called_cannot_write_elsewhere_or_into_the_terminal() {
    let context = TestContext::new();
    let name = "\u{1b}[31mred\u{202e}fdp.pdf";
    context.copy_fixture("broken/zero-bytes.pdf", name);
    let finished = context.run(&["extract", name, "--out", "text"]).expect_code(3);
    for output in [&finished.stdout, &finished.stderr] {
        assert!(!output.contains('\u{1b}') && !output.contains('\u{202e}'), "{output:?}");
    }
}
