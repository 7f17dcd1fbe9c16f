//! Wrong usage ends with exit code 2 and says what is wrong.

use crate::context::{TestContext, fixture_argument};

#[test]
fn wrong_arguments_end_with_2() {
    let context = TestContext::new();
    for (arguments, message) in [
        (&[][..], "Usage"),
        (&["investigate"], "unrecognized subcommand"),
        (&["extract"], "FILE"),
        (&["extract", "a.pdf"], "--out"),
        (&["extract", "a.pdf", "--out", "x", "--ui-lang", "fr"], "possible values: en, zh-TW"),
        (&["classify"], "Usage"),
        (&["verify"], "Usage"),
        (&["run"], "PIPELINE"),
        (&["show"], "DOC"),
        (&["extract", "--verbosely"], "--verbosely"),
    ] {
        let finished = context.run(arguments).expect_code(2);
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(said.contains(message), "{arguments:?} should mention {message:?}:\n{said}");
    }
}

#[test]
fn two_files_of_one_stem_are_refused() {
    let context = TestContext::new();
    context.copy_fixture("policy-board-minutes-2024-03.pdf", "a/minutes.pdf");
    context.copy_fixture("monetary-board-minutes-113q1.pdf", "b/minutes.pdf");
    let finished = context.run(&["extract", "a/minutes.pdf", "b/minutes.pdf", "--out", "text"]).expect_code(2);
    assert!(finished.stderr.contains("minutes.json"), "{}", finished.stderr);
    assert!(!context.path("text/minutes.json").exists());
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_fault() {
    let context = TestContext::new();
    let mut child = std::process::Command::new(crate::context::binary())
        .args(["extract", &fixture_argument("policy-board-minutes-2024-03.pdf"), "--out", "text", "--json"])
        .current_dir(context.path(""))
        .env_clear()
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
}
