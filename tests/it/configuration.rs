//! Wrong pipeline files, missing and tampered models: exit code 2 or 1, with the place and the remedy.

use std::path::Path;

use crate::context::{TestContext, fixture_argument};

#[test]
fn a_wrong_pipeline_file_is_named_with_line_and_key() {
    let context = TestContext::new();
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    let head = "schema = \"scrutineer-pipeline/1\"\nname = \"test\"\n";
    for (content, words) in [
        ("name = \"test\"\n".to_owned(), &["test.toml", "schema"][..]),
        (format!("{head}[finding\n"), &["test.toml", "line 3"]),
        (format!("{head}colour = 1\n"), &["test.toml", "line 3", "colour"]),
        (format!("{head}[document]\ntimeout_seconds = \"long\"\n"), &["test.toml", "line 4", "timeout_seconds"]),
        (format!("{head}[document]\ntimeout_seconds = 0\n"), &["test.toml", "timeout_seconds"]),
        (format!("{head}[finding]\nlabels = [\"credit-rsk\"]\n"), &["test.toml", "line 4", "credit-rsk", "credit-risk"]),
        (format!("{head}[finding.thresholds]\n\"credit-risk\" = 1.5\n"), &["test.toml", "line 4", "credit-risk", "1.5"]),
        (format!("{head}[passage]\ntarget_tokens = 9\n"), &["test.toml", "line 4", "target_tokens"]),
        (head.replace("pipeline/1", "pipeline/9"), &["test.toml", "line 1", "scrutineer-pipeline/9"]),
    ] {
        context.write("test.toml", &content);
        let finished = context.run(&["run", "test.toml", &file]).expect_code(2);
        for word in words {
            assert!(finished.stderr.contains(word), "the message should say {word:?} of\n{content}\n{}", finished.stderr);
        }
        assert!(!context.path("scrutineer-data").join("runs").exists(), "nothing was begun");
    }
}

#[test]
fn a_missing_pipeline_or_input_is_usage() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "");
    let finished = context.run(&["run", "nowhere.toml", "."]).expect_code(2);
    assert!(finished.stderr.contains("nowhere.toml"), "{}", finished.stderr);
    let finished = context.run(&["run", &pipeline, "nowhere.pdf"]).expect_code(2);
    assert!(finished.stderr.contains("nowhere.pdf"), "{}", finished.stderr);
    std::fs::create_dir(context.path("empty")).unwrap();
    context.run(&["run", &pipeline, "empty"]).expect_code(2);
}

#[test]
fn a_missing_model_is_named_with_the_way_to_get_it() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "");
    std::fs::create_dir(context.path("models")).unwrap();
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    let finished = context.run(&["run", &pipeline, &file, "--models", "models"]);
    assert!([1, 2].contains(&finished.code), "{finished:?}");
    assert!(finished.stderr.contains("--models"), "it says what to do:\n{}", finished.stderr);
}

#[test]
fn a_tampered_model_file_stops_the_run_by_its_digest() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut files = Vec::new();
    copy_folder(&shipped, &context.path("models"), &mut files);
    // One bit of the largest file: weights.
    let largest = files.into_iter().max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    let finished = context.run(&["run", &pipeline, &file, "--models", "models"]);
    assert!([1, 2].contains(&finished.code), "{finished:?}");
    let name = largest.file_name().unwrap().to_string_lossy().into_owned();
    assert!(finished.stderr.contains(&name), "it names the file {name}:\n{}", finished.stderr);
    assert!(finished.stderr.contains("digest") || finished.stderr.contains("SHA-256"), "{}", finished.stderr);
    assert!(finished.stderr.contains("restore"), "it says what to do:\n{}", finished.stderr);
}

fn copy_folder(from: &Path, to: &Path, files: &mut Vec<std::path::PathBuf>) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_folder(&path, &target, files);
        } else {
            std::fs::copy(&path, &target).unwrap();
            files.push(target);
        }
    }
}
