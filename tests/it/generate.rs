//! Language models: tried out on a prompt, and writing summaries that nobody sees unchecked.

use std::path::{Path, PathBuf};

use scrutineer::digest::Digest;

use crate::context::{TestContext, fixture_argument};

/// A tiny model of random weights (training/make_generators.py): what it writes is rubbish.
fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generators/qwen3.gguf")
}

#[test]
fn a_file_is_tried_out_and_a_seed_says_the_same() {
    let context = TestContext::new();
    let file = tiny().to_string_lossy().into_owned();
    let arguments = ["generate", "--model", &file, "--prompt", "the bank", "--max-tokens", "12", "--temperature", "1", "--json"];
    let said = context.run(&arguments).expect_code(0).json();
    assert_eq!(said["schema"], "scrutineer-generation/1");
    assert_eq!((&said["model"]["registered"], &said["model"]["chat_form"]), (&false.into(), &"chatml".into()));
    assert!(said["tokens"].as_u64().is_some_and(|tokens| tokens <= 12), "{said}");
    assert!(said["model"]["notes"][0].as_str().is_some_and(|note| note.contains("no registry")), "{said}");
    assert_eq!(context.run(&arguments).json()["text"], said["text"]);
    // From standard input, as text.
    let mut command = context.command(&["generate", "--model", &file, "--prompt", "-", "--max-tokens", "3"]);
    let finished = context.finish(command.write_stdin("the bank")).expect_code(0);
    assert!(finished.stderr.contains("no registry"), "{finished:?}");
}

#[test]
fn what_cannot_be_run_is_named() {
    let context = TestContext::new();
    let broken = context.write("broken.gguf", b"GGUF\x03\0\0\0").to_string_lossy().into_owned();
    let file = tiny().to_string_lossy().into_owned();
    for (arguments, words) in [
        (vec!["--model", "nobody", "--prompt", "a"], "does not describe a model `nobody`"),
        (vec!["--model", "e5-small-enzh", "--prompt", "a"], "lists no GGUF file"),
        (vec!["--model", "absent.gguf", "--prompt", "a"], "absent.gguf"),
        (vec!["--model", &broken, "--prompt", "a"], "broken.gguf"),
        (vec!["--model", &file, "--prompt", "a", "--top-p", "0"], "top-p"),
        (vec!["--model", &file, "--prompt", "a long prompt", "--context", "8"], "room for 1 to 7"),
    ] {
        let finished = context.run(&[&["generate"], arguments.as_slice()].concat()).expect_code(2);
        assert!(finished.stderr.contains(words), "{arguments:?}:\n{}", finished.stderr);
    }
}

/// The shipped models beside a generator of random weights, in a registry of the test's own.
#[cfg(unix)]
fn models_with_generator(context: &TestContext) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let registry = std::fs::read_to_string(shipped.join("models.toml")).unwrap();
    let bytes = std::fs::read(tiny()).unwrap();
    let card = format!(
        "\n[[model]]\nname = \"tiny-writer\"\ntask = \"generation\"\narchitecture = \"qwen3\"\norigin = \"training/make_generators.py\"\n\
         revision = \"1\"\nlicence = \"Apache-2.0\"\nlanguages = [\"en\"]\ntraining_data = \"none\"\nintended_use = \"tests\"\n\
         limits = \"random weights\"\nowner = \"the tests\"\nmateriality = \"low\"\nvalidator = \"nobody\"\nvalidated = \"2026-11-30\"\n\
         review_by = \"2027-11-30\"\nstatus = \"candidate\"\n[[model.file]]\npath = \"tiny.gguf\"\nbytes = {}\nsha256 = \"{}\"\n",
        bytes.len(),
        Digest::of(&bytes)
    );
    context.write("models/models.toml", registry + &card);
    let folder = context.path("models");
    for name in ["e5-small-enzh", "heads"] {
        std::os::unix::fs::symlink(shipped.join(name), folder.join(name)).unwrap();
    }
    std::fs::copy(tiny(), folder.join("tiny.gguf")).unwrap();
    folder
}

#[cfg(unix)]
#[test]
fn rubbish_never_reaches_a_summary_and_the_report_says_so() {
    let context = TestContext::new();
    let models = models_with_generator(&context).to_string_lossy().into_owned();
    let pipeline = context.pipeline("test.toml", "[summary]\ngenerator = \"tiny-writer\"\n");
    let file = fixture_argument("policy-board-minutes-2024-03.pdf");
    let finished = context.run(&["run", &pipeline, &file, "--models", &models, "--quiet"]).expect_code(0);
    let report = context.latest_report();
    let sentences = &report["sentences"];
    assert_eq!(sentences["released"], 0, "{sentences}");
    assert_eq!(
        sentences["generated"].as_u64().unwrap(),
        sentences["replaced"].as_u64().unwrap() + sentences["dropped"].as_u64().unwrap(),
        "{sentences}"
    );
    assert!(sentences["uncited"].as_u64().unwrap() > 0 && sentences["quoted"].as_u64().unwrap() > 0, "{sentences}");
    assert!(finished.stdout.contains("thrown away unread"), "{}", finished.stdout);
    // The run names the model that wrote, and no model that did not run.
    let named: Vec<&String> = report["models"].as_object().unwrap().keys().collect();
    assert!(named.contains(&&"tiny-writer".to_owned()) && named.len() == 3, "{named:?}");
    // What is shown are quotations.
    let summary = context.run(&["summary", "policy-board-minutes-2024-03", "--models", &models, "--json"]).expect_code(0).json();
    let sections = summary["sections"].as_array().unwrap();
    let shown: Vec<&serde_json::Value> = sections.iter().flat_map(|section| section["sentences"].as_array().unwrap()).collect();
    assert!(!shown.is_empty() && shown.iter().all(|sentence| sentence["origin"] == "quoted"), "{shown:?}");
    // Another generator is another summary: without one it is made anew, with the same one it is not.
    let again = context.run(&["run", &pipeline, &file, "--models", &models, "--quiet"]).expect_code(0);
    assert!(!again.stdout.is_empty());
    assert_eq!(context.latest_report()["inputs"]["unchanged"], 1);
    context.pipeline("test.toml", "");
    context.run(&["run", "test.toml", &file, "--models", &models, "--quiet"]).expect_code(0);
    assert_eq!(context.latest_report()["inputs"]["done"], 1);
    assert_eq!(context.latest_report()["sentences"]["uncited"], 0);
}

#[cfg(unix)]
#[test]
fn bench_measures_reading_and_writing_and_estimates_a_batch() {
    let context = TestContext::new();
    let models = models_with_generator(&context).to_string_lossy().into_owned();
    let arguments = ["models", "bench", "tiny-writer", "--documents", "10", "--models", &models];
    let bench = context.run(&[&arguments[..], &["--json"]].concat()).expect_code(0).json();
    assert_eq!((&bench["model"], &bench["estimate"]["documents"]), (&"tiny-writer".into(), &10.into()));
    for speed in bench["speeds"].as_array().unwrap() {
        assert!(speed["read_tokens"].as_u64().unwrap() > 1 && speed["read_tokens_per_second"].as_f64().unwrap() > 0.0, "{bench}");
        let written = speed["written_tokens"].as_u64().unwrap();
        assert_eq!(written > 0, speed["written_tokens_per_second"].is_number(), "{bench}");
    }
    assert!(bench["estimate"]["seconds"].as_f64().is_none_or(|seconds| seconds > 0.0), "{bench}");
    let shown = context.run(&arguments).expect_code(0).stdout;
    assert!(shown.contains("10 documents × 8 sections"), "{shown}");
}

#[test]
fn a_generator_that_is_not_there_ends_with_2_and_a_remedy() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "[summary]\ngenerator = \"nobody\"\n");
    let finished = context.run(&["run", &pipeline, &fixture_argument("policy-board-minutes-2024-03.pdf")]).expect_code(2);
    assert!(finished.stderr.contains("generator `nobody`") && finished.stderr.contains("models.toml"), "{}", finished.stderr);
}
