//! `run`: what a batch leaves, what it does not do twice, and what it does when it is stopped.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::context::{TestContext, binary, fixture_argument};
use crate::library::{READABLE, library, shipped_pipeline};

#[test]
fn a_batch_ends_with_a_state_and_a_remedy_for_every_input() {
    let library = library();
    assert_eq!(library.run.code, 3, "{:?}", library.run);
    let report = library.context.latest_report();
    let state_of = |stem: &str| {
        let states = report["input_states"].as_array().unwrap();
        let found = states.iter().find(|state| state["path"].as_str().unwrap().ends_with(&format!("/{stem}.pdf")));
        found.unwrap_or_else(|| panic!("{stem} is not in the report:\n{report:#}")).clone()
    };
    for stem in READABLE {
        assert_eq!(state_of(stem)["state"], "done", "{stem}: {}", state_of(stem));
    }
    for (stem, reason, remedy) in [
        ("truncated", "damaged", ""),
        ("zero-bytes", "empty", ""),
        ("picture", "not-pdf", ""),
        ("password-protected", "password-protected", "--password-file"),
    ] {
        let state = state_of(stem);
        assert_eq!((state["state"].as_str(), state["reason"].as_str()), (Some("quarantined"), Some(reason)), "{state}");
        assert!(state["remedy"].as_str().is_some_and(|said| !said.is_empty() && said.contains(remedy)), "{state}");
        // People see the same.
        let line = library.run.stdout.lines().find(|line| line.contains("QUARANTINE") && line.contains(&format!("{stem}.pdf")));
        assert!(line.is_some_and(|line| line.contains(reason)), "{stem}:\n{}", library.run.stdout);
    }
    assert_eq!(report["inputs"]["total"], 13);
    assert_eq!(report["inputs"]["done"], READABLE.len());
    assert_eq!(report["inputs"]["quarantined"], 4);
    // The scan without text is an unread page, by its number.
    assert_eq!(state_of("hidden-instructions")["unread_pages"], serde_json::json!([2]));
    assert_eq!(report["pages"]["unread"], 1);
    assert_eq!(report["exit"], 3);
    // What ran, and how its weights are stored.
    assert_eq!(report["models"].as_object().unwrap().len(), report["quantisation"].as_object().unwrap().len());
    assert_eq!(report["quantisation"]["risk-labels"], "f32");
    assert!(report["flags"]["new"].as_u64().unwrap() > 10, "{}", report["flags"]);
    assert!(!library.run.stdout.contains('\u{1b}'), "no escape sequences in a pipe");
}

#[test]
fn a_run_without_faults_ends_with_0() {
    let context = TestContext::new();
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    context.run(&["run", &shipped_pipeline("minutes.toml"), &file]).expect_code(0);
    assert_eq!(context.latest_report()["inputs"]["done"], 1);
}

#[test]
fn a_second_run_does_nothing() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "");
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    context.run(&["run", &pipeline, &file]).expect_code(0);
    let (first, artefacts) = (context.latest_report(), context.artefacts());
    context.run(&["run", &pipeline, &file]).expect_code(0);
    let second = context.latest_report();
    assert_ne!(first["run"], second["run"]);
    assert_eq!(second["inputs"]["unchanged"], 1, "{}", second["inputs"]);
    assert_eq!((&second["flags"]["new"], &second["flags"]["updated"]), (&0.into(), &0.into()));
    assert_eq!(pages_worked_on(&second, "judge"), 0);
    assert_eq!(pages_worked_on(&second, "read"), 0);
    assert!(artefacts == context.artefacts(), "a second run makes no artefact and changes none");
}

#[test]
fn a_changed_threshold_runs_only_what_depends_on_it() {
    let context = TestContext::new();
    let file = fixture_argument("two-columns-ai-bulletin.pdf");
    let pipeline = context.pipeline("test.toml", "");
    context.run(&["run", &pipeline, &file]).expect_code(0);
    let (first, artefacts) = (context.latest_report(), context.artefacts());
    context.pipeline("test.toml", "[finding.thresholds]\n\"model-homogeneity-herding\" = 1.0\n");
    context.run(&["run", &pipeline, &file]).expect_code(0);
    let second = context.latest_report();
    assert_eq!(pages_worked_on(&second, "read"), 0, "the file is not read again: {}", second["speed"]);
    assert_ne!(first["flags"]["live"], second["flags"]["live"], "{} {}", first["flags"], second["flags"]);
    for (name, bytes) in artefacts {
        assert!(context.artefacts().get(&name) == Some(&bytes), "{name} was changed or removed");
    }
}

#[test]
fn the_same_bytes_under_two_names_are_one_document() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "");
    context.copy_fixture("policy-board-minutes-2024-03.pdf", "inbox/a.pdf");
    context.copy_fixture("policy-board-minutes-2024-03.pdf", "inbox/b.pdf");
    context.run(&["run", &pipeline, "inbox"]).expect_code(0);
    let report = context.latest_report();
    assert_eq!((&report["inputs"]["done"], &report["inputs"]["duplicate"]), (&1.into(), &1.into()), "{}", report["inputs"]);
}

#[test]
fn a_killed_run_resumes_and_ends_like_a_clean_one() {
    let files = [
        "harbour-bank-annual-report-2023.pdf",
        "harbour-bank-annual-report-2024.pdf",
        "formosa-river-bank-annual-report-113.pdf",
    ];
    let arguments = |context: &TestContext| {
        let mut arguments = vec!["run".to_owned(), context.pipeline("test.toml", ""), "--quiet".to_owned()];
        arguments.extend(files.iter().map(|file| fixture_argument(file)));
        arguments
    };
    let clean = TestContext::new();
    let started = Instant::now();
    clean.run(&arguments(&clean).iter().map(String::as_str).collect::<Vec<_>>()).expect_code(0);
    let whole = started.elapsed();

    let killed = TestContext::new();
    // Once early, and once while the rest is done.
    for share in [0.4, 0.7] {
        let mut child = start(&killed, &arguments(&killed), None);
        std::thread::sleep(whole.mul_f64(share));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    killed.run(&arguments(&killed).iter().map(String::as_str).collect::<Vec<_>>()).expect_code(0);

    let (one, other) = (clean.artefacts(), killed.artefacts());
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    assert!(one == other, "the artefacts of a resumed run differ from those of a clean one");
    let flags = |context: &TestContext| facts(&context.run(&["findings", "--json"]).expect_code(0).json());
    assert_eq!(flags(&clean), flags(&killed));
    let hits =
        |context: &TestContext| context.run(&["search", "exposures", "--json"]).expect_code(0).stdout.matches("\"page\"").count();
    assert_eq!(hits(&clean), hits(&killed));
    killed.run(&["audit", "verify"]).expect_code(0);
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "[document]\ntimeout_seconds = 3\n");
    // More documents than are in hand at once, and those in hand hang: some have not begun when the signal comes.
    let folder = context.path("filings");
    std::fs::create_dir(&folder).unwrap();
    let original = std::fs::read(fixture_argument("policy-board-minutes-2024-03.pdf")).unwrap();
    for copy in 0..2 * std::thread::available_parallelism().unwrap().get() + 1 {
        let bytes = [original.as_slice(), format!("\n% copy {copy}\n").as_bytes()].concat();
        std::fs::write(folder.join(format!("{copy}.pdf")), bytes).unwrap();
    }
    let arguments = ["run".to_owned(), pipeline, "filings".to_owned()];
    let child = start(&context, &arguments, Some("hang"));
    std::thread::sleep(Duration::from_millis(900));
    interrupt(&child);
    let finished = context.finished(&child.wait_with_output().unwrap()).expect_code(130);
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("resume") || said.contains("again"), "it says how to go on:\n{said}");
    // And it does go on, in time enough for a busy machine.
    context.pipeline("test.toml", "[document]\ntimeout_seconds = 300\n");
    context.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).expect_code(0);
}

#[test]
fn a_hanging_reader_costs_its_document_alone_and_is_tried_again() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "[document]\ntimeout_seconds = 1\n");
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    let mut command = context.command(&["run", &pipeline, &file]);
    let finished = context.finish(command.env("SCRUTINEER_WORKER_FAULT", "hang")).expect_code(3);
    let state = context.latest_report()["input_states"][0].clone();
    assert_eq!(state["reason"], "timed-out", "{state}");
    assert!(state["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{state}");
    assert!(finished.stdout.contains("timed-out"), "{}", finished.stdout);
    // A time-out is an attempt, not a result: the next run tries again.
    context.pipeline("test.toml", "[document]\ntimeout_seconds = 300\n");
    context.run(&["run", &pipeline, &file]).expect_code(0);
    assert_eq!(context.latest_report()["inputs"]["done"], 1);
}

#[test]
fn a_data_folder_has_one_writer() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "[document]\ntimeout_seconds = 20\n");
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    let arguments = ["run".to_owned(), pipeline.clone(), file.clone()];
    let mut first = std::process::Command::new(binary());
    first.args(&arguments).current_dir(context.path("")).env_clear().env("SCRUTINEER_WORKER_FAULT", "hang");
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let second = context.run(&["run", &pipeline, &file]);
    first.kill().unwrap();
    first.wait().unwrap();
    let second = second.expect_code(2);
    assert!(second.stderr.contains(&first.id().to_string()), "it names the process that holds the folder:\n{}", second.stderr);
}

/// How many pages a stage worked on in a run.
fn pages_worked_on(report: &Value, stage: &str) -> u64 {
    report["speed"]["stages"][stage]["pages"].as_u64().unwrap_or(0)
}

/// What findings say, without what differs between runs: ids that are minted, and times.
fn facts(findings: &Value) -> Vec<String> {
    let list = findings.as_array().or_else(|| findings["findings"].as_array()).or_else(|| findings["flags"].as_array());
    let mut facts: Vec<String> = list
        .unwrap_or_else(|| panic!("a list of findings: {findings}"))
        .iter()
        .map(|finding| {
            ["stem", "document", "label", "passage", "score", "page", "quote"].map(|key| finding[key].to_string()).join(" ")
        })
        .collect();
    facts.sort();
    assert!(!facts.is_empty());
    facts
}

fn start(context: &TestContext, arguments: &[String], fault: Option<&str>) -> Child {
    let mut command = std::process::Command::new(binary());
    command.args(arguments).current_dir(context.path("")).env_clear().envs(fault.map(|fault| ("SCRUTINEER_WORKER_FAULT", fault)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What Ctrl-C sends.
fn interrupt(child: &Child) {
    let status = std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(status.success());
}
