//! `scrutineer audit` over a data folder that a run filled, and one that somebody changed.

use std::path::PathBuf;

use serde_json::json;

use crate::cases::fill;
use crate::context::TestContext;

fn artefacts(context: &TestContext) -> Vec<PathBuf> {
    fn below(folder: PathBuf, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    below(context.path("data/artefacts"), &mut found);
    found
}

#[test]
fn a_whole_chain_holds_and_is_listed() {
    let context = TestContext::new();
    fill(&context.path("data"), &json!([]), &[("credit-risk", 0.9)]);
    let verified = context.run(&["audit", "verify", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!((&verified["holds"], &verified["report"]["checkpoints"]), (&json!(true), &json!(1)));
    let entries = context.run(&["audit", "list", "--kind", "decision", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!(entries[0]["payload"]["stem"], "bank");
    context.run(&["audit", "checkpoint", "--out", "today.json", "--data", "data"]).expect_code(0);
    context.run(&["audit", "verify", "--checkpoint", "today.json", "--data", "data"]).expect_code(0);
    context.run(&["audit", "verify", "--checkpoint", "absent.json", "--data", "data"]).expect_code(2);
    context.run(&["audit", "verify", "--data", "nowhere"]).expect_code(2);
}

#[test]
fn a_changed_artefact_is_named() {
    let context = TestContext::new();
    fill(&context.path("data"), &json!([]), &[("credit-risk", 0.9)]);
    let path = artefacts(&context).pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let found = context.run(&["audit", "verify", "--data", "data"]).expect_code(4);
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(found.stdout.contains(&name) && found.stdout.contains("changed on disk"), "{}", found.stdout);
}

#[test]
fn a_folder_that_was_put_back_is_found_by_a_checkpoint_from_outside() {
    let context = TestContext::new();
    let data = context.path("data");
    fill(&data, &json!([]), &[("credit-risk", 0.9)]);
    std::fs::copy(data.join("ledger.sqlite"), context.path("before.sqlite")).unwrap();
    let checkpoint = fill(&data, &json!([]), &[("credit-risk", 0.9), ("cyber-risk", 0.6)]);
    std::fs::rename(checkpoint, context.path("outside.json")).unwrap();
    context.run(&["audit", "verify", "--checkpoint", "outside.json", "--data", "data"]).expect_code(0);
    // Somebody puts the state from before the second run back.
    std::fs::copy(context.path("before.sqlite"), data.join("ledger.sqlite")).unwrap();
    context.run(&["audit", "verify", "--data", "data"]).expect_code(0);
    let found = context.run(&["audit", "verify", "--checkpoint", "outside.json", "--data", "data"]).expect_code(4);
    assert!(found.stdout.contains("cut short or computed anew"), "{}", found.stdout);
}

#[test]
fn a_database_that_is_garbage_does_not_hold() {
    let context = TestContext::new();
    fill(&context.path("data"), &json!([]), &[("credit-risk", 0.9)]);
    let path = context.path("data/ledger.sqlite");
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    std::fs::write(&path, vec![b'x'; length]).unwrap();
    context.run(&["audit", "verify", "--data", "data"]).expect_code(4);
}

#[test]
fn a_changed_or_missing_report_is_named() {
    let context = TestContext::new();
    fill(&context.path("data"), &json!([]), &[("credit-risk", 0.9)]);
    let report = context.path("data/runs/R-0001/report.json");
    let kept = std::fs::read(&report).unwrap();
    std::fs::write(&report, "{\"exit\": 0}").unwrap();
    let found = context.run(&["audit", "verify", "--data", "data"]).expect_code(4);
    assert!(found.stdout.contains("the report of run R-0001") && found.stdout.contains("was changed"), "{}", found.stdout);
    std::fs::remove_file(&report).unwrap();
    let found = context.run(&["audit", "verify", "--data", "data"]).expect_code(4);
    assert!(found.stdout.contains("the report of run R-0001") && found.stdout.contains("is gone"), "{}", found.stdout);
    std::fs::write(&report, kept).unwrap();
    let verified = context.run(&["audit", "verify", "--json", "--data", "data"]).expect_code(0).json();
    assert_eq!(verified["report"]["reports"], 1);
}
