//! Models as an operator meets them: what there is, whether it holds, what is known of it, how fast it is.

use crate::context::TestContext;
use crate::model_folder::{CONFIG, context, hub, last_change, models, sha256, stored, weights};

/// A context whose model was fetched from a directory.
fn fetched() -> TestContext {
    let context = context(&hub());
    context.write("disk/config.json", CONFIG);
    context.write("disk/weights.safetensors", weights());
    let mut pull = models(&context, &["pull", "tiny", "--from", "disk", "--by", "A. Lin"]);
    context.finish(&mut pull).expect_code(0);
    context
}

#[test]
fn the_list_says_what_there_is_and_where() {
    let context = context(&hub());
    let list = context.finish(&mut models(&context, &["list"])).expect_code(0);
    insta::assert_snapshot!("model_list", list.stdout);
    let context = fetched();
    let list = context.finish(&mut models(&context, &["list", "--json"])).expect_code(0).json();
    assert_eq!((&list[0]["name"], &list[0]["whereabouts"]), (&"tiny".into(), &"data-folder".into()));
    assert_eq!(
        (&list[1]["name"], &list[1]["whereabouts"], &list[1]["sha256"]),
        (&"big".into(), &"not-fetched".into(), &().into())
    );
}

#[test]
fn a_card_is_a_document_for_the_model_risk_file() {
    let context = context(&hub());
    let card = context.finish(&mut models(&context, &["card", "tiny"])).expect_code(0);
    insta::with_settings!({ filters => vec![(r"scrutineer \d+\.\d+\.\d+", "scrutineer [VERSION]")] }, {
        insta::assert_snapshot!("model_card", card.stdout);
    });
    let written = context.finish(&mut models(&context, &["card", "tiny", "--out", "card.md"])).expect_code(0);
    assert!(written.stdout.contains("card.md"), "{written:?}");
    assert_eq!(std::fs::read_to_string(context.path("card.md")).unwrap(), card.stdout);
    let chinese = context.finish(&mut models(&context, &["card", "big", "--ui-lang", "zh-TW"])).expect_code(0);
    assert!(chinese.stdout.contains("## 模型風險") && chinese.stdout.contains("--trust-first-fetch"), "{}", chinese.stdout);
}

#[test]
fn show_tells_all_and_names_near_misses() {
    let context = fetched();
    let shown = context.finish(&mut models(&context, &["show", "tiny"])).expect_code(0).stdout;
    for word in ["the tests", "A. Lin", "directory disk", &sha256(CONFIG), "knows nothing", "micro f1"] {
        assert!(shown.contains(word), "{word}:\n{shown}");
    }
    let json = context.finish(&mut models(&context, &["show", "tiny", "--json"])).expect_code(0).json();
    assert_eq!((&json["received"]["trust"], &json["materiality"]), (&"registry".into(), &"low".into()));
    let wrong = context.finish(&mut models(&context, &["show", "tinny"])).expect_code(2);
    assert!(wrong.stderr.contains("did you mean `tiny`"), "{}", wrong.stderr);
}

#[test]
fn verify_reads_every_file_and_fails_on_a_changed_one() {
    let context = fetched();
    let good = context.finish(&mut models(&context, &["verify"])).expect_code(0);
    assert!(good.stdout.contains("ok") && good.stdout.contains("tiny/config.json"), "{}", good.stdout);
    let path = context.path("scrutineer-data/models/tiny/weights.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let bad = context.finish(&mut models(&context, &["verify", "tiny", "--json"])).expect_code(4).json();
    let states: Vec<&str> = bad[0]["files"].as_array().unwrap().iter().map(|file| file["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["ok", "changed"]);
    assert!(bad[0]["remedy"].as_str().unwrap().contains("models pull tiny"), "{bad}");
    // A fetch repairs it.
    context.finish(&mut models(&context, &["pull", "tiny", "--from", "disk"])).expect_code(0);
    context.finish(&mut models(&context, &["verify", "tiny"])).expect_code(0);
}

#[test]
fn what_was_not_fetched_is_no_fault_unless_asked_for() {
    let context = context(&hub());
    let all = context.finish(&mut models(&context, &["verify"])).expect_code(0);
    assert!(all.stdout.contains("not-fetched"), "{}", all.stdout);
    context.finish(&mut models(&context, &["verify", "tiny"])).expect_code(4);
    let big = context.finish(&mut models(&context, &["verify", "big"])).expect_code(2);
    assert!(big.stderr.contains("not fetched") || big.stderr.contains("nothing to verify"), "{}", big.stderr);
}

#[test]
fn remove_asks_first_and_touches_the_data_folder_alone() {
    let context = fetched();
    let asked = context.finish(&mut models(&context, &["remove", "tiny"])).expect_code(2);
    assert!(asked.stderr.contains("--yes") && asked.stderr.contains("2 files"), "{}", asked.stderr);
    assert_eq!(stored(&context), ["models.toml", "tiny/config.json", "tiny/weights.safetensors"]);
    context.finish(&mut models(&context, &["remove", "tiny", "--yes", "--by", "A. Lin"])).expect_code(0);
    assert_eq!(stored(&context), ["models.toml"]);
    let change = last_change(&context);
    assert_eq!((&change["action"], &change["model"], &change["by"]), (&"removed".into(), &"tiny".into(), &"A. Lin".into()));
    let again = context.finish(&mut models(&context, &["remove", "tiny", "--yes"])).expect_code(2);
    assert!(again.stderr.contains("not in the data folder"), "{}", again.stderr);
    context.run(&["audit", "verify"]).expect_code(0);
    // What ships is not removed.
    context.write("models/tiny/config.json", CONFIG);
    context.write("models/tiny/weights.safetensors", weights());
    context.finish(&mut models(&context, &["remove", "tiny", "--yes"])).expect_code(2);
    assert!(context.path("models/tiny/config.json").is_file());
}

#[test]
fn bench_names_model_and_kernels_and_estimates_a_batch() {
    let context = TestContext::new();
    let bench = context
        .run(&["models", "bench", "--seconds", "0.05", "--lengths", "16,32", "--pages", "10", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(bench["model"], "e5-small-enzh");
    assert!(bench["kernel_profile"].is_string() && bench["quantisation"].as_str().unwrap().contains("int8"), "{bench}");
    let speeds = bench["speeds"].as_array().unwrap();
    assert!(speeds.iter().all(|speed| speed["tokens_per_second"].as_f64().unwrap() > 0.0), "{bench}");
    assert!([16, 32].iter().all(|length| speeds.iter().any(|speed| speed["length"] == *length)), "{bench}");
    // The texts have about the length that is named.
    assert!(speeds.iter().all(|speed| speed["tokens"].as_f64().unwrap() / speed["length"].as_f64().unwrap() < 2.0), "{bench}");
    assert!(bench["estimate"]["seconds"].as_f64().unwrap() > 0.0);
    let other = context.run(&["models", "bench", "risk-labels"]).expect_code(2);
    assert!(other.stderr.contains("classification-head"), "{}", other.stderr);
}
