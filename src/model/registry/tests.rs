#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A registry with one model of two small files, and what is put behind its last field.
fn folder(also: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("small")).unwrap();
    fs::write(folder.path().join("small/weights.safetensors"), b"weights").unwrap();
    fs::write(folder.path().join("small/config.json"), b"{}").unwrap();
    fs::write(folder.path().join("models.toml"), text(also)).unwrap();
    folder
}

fn text(also: &str) -> String {
    let file = |path: &str, bytes: &[u8]| {
        format!("[[model.file]]\npath = \"{path}\"\nbytes = {}\nsha256 = \"{}\"\n", bytes.len(), Digest::of(bytes))
    };
    format!(
        "schema = \"{SCHEMA}\"\n[[model]]\nname = \"small\"\ntask = \"embedding\"\narchitecture = \"a\"\norigin = \"o\"\nrevision = \"r\"\n\
         licence = \"MIT\"\nlanguages = [\"en\"]\ntraining_data = \"t\"\nintended_use = \"u\"\nlimits = \"l\"\nowner = \"w\"\n\
         materiality = \"low\"\nvalidator = \"v\"\nreview_by = \"2999-01-01\"\nstatus = \"candidate\"\n{}{}{also}",
        file("small/weights.safetensors", b"weights"),
        file("small/config.json", b"{}"),
    )
}

fn open(folder: &TempDir) -> Registry {
    Registry::open(folder.path()).unwrap()
}

/// The store under a data folder that holds `card` with the two files.
fn stored(card: &ModelCard) -> (TempDir, Store) {
    let data = tempfile::tempdir().unwrap();
    let store = Store::new(data.path().join("models"));
    let staging = store.stage().unwrap();
    let staged: Vec<_> = card
        .file
        .iter()
        .map(|file| {
            let path = staging.path(&file.name());
            fs::write(&path, if file.name() == "config.json" { &b"{}"[..] } else { b"weights" }).unwrap();
            (path, file.clone())
        })
        .collect();
    store.keep(&staging, card, &staged).unwrap();
    (data, store)
}

#[test]
fn what_ships_is_verified_and_loaded() {
    let folder = folder("");
    let registry = open(&folder);
    let card = registry.card("small").unwrap();
    assert_eq!(registry.whereabouts(card), Whereabouts::Distribution);
    assert!(registry.verify(card).iter().all(|(_, state)| *state == FileState::Holds));
    assert_eq!(&*registry.load("small").unwrap().take("config.json").unwrap(), b"{}");
    assert!(registry.card("large").is_err());
}

#[test]
fn a_changed_or_missing_file_is_told_apart() {
    let folder = folder("");
    fs::write(folder.path().join("small/weights.safetensors"), b"weighty").unwrap();
    fs::remove_file(folder.path().join("small/config.json")).unwrap();
    let registry = open(&folder);
    let states: Vec<FileState> = registry.verify(registry.card("small").unwrap()).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [FileState::Changed { bytes: 7, sha256: Digest::of(b"weighty") }, FileState::Missing]);
    assert!(matches!(registry.load("small"), Err(ModelError::Tampered { .. })));
    assert_eq!(registry.whereabouts(registry.card("small").unwrap()), Whereabouts::Incomplete);
}

#[test]
fn a_model_that_can_be_fetched_says_so_where_it_is_missing() {
    let folder = folder("[[model.source]]\nkind = \"hub\"\nrepository = \"a/b\"\n");
    fs::remove_dir_all(folder.path().join("small")).unwrap();
    let error = open(&folder).load("small").unwrap_err();
    assert!(matches!(error, ModelError::NotFetched { .. }) && error.to_string().contains("models pull small"), "{error}");
}

#[test]
fn the_store_adds_models_and_where_they_came_from() {
    let folder = folder("");
    let mut card = open(&folder).card("small").unwrap().clone();
    card.received =
        Some(Received { on: "2026-11-30T00:00:00Z".to_owned(), by: None, from: "hub a/b".to_owned(), trust: Trust::FirstFetch });
    // A model of the same name keeps the card that ships; another one is added.
    let other = ModelCard { name: "other".to_owned(), ..card.clone() };
    let (_data, store) = stored(&card);
    fs::remove_dir_all(folder.path().join("small")).unwrap();
    let staging = store.stage().unwrap();
    store.keep(&staging, &other, &[]).unwrap();
    let registry = open(&folder).with_store(&store).unwrap();
    assert_eq!(registry.models().iter().map(|card| card.name.as_str()).collect::<Vec<_>>(), ["small", "other"]);
    let small = registry.card("small").unwrap();
    assert_eq!(small.received, card.received);
    assert_eq!(registry.whereabouts(small), Whereabouts::DataFolder);
    registry.load("small").unwrap();
    // Taken away, with the folder that is empty then.
    let removed = store.remove(&staging, &card).unwrap();
    assert_eq!((removed.files.len(), removed.bytes), (2, 9));
    assert!(!store.folder().join("small").exists());
    assert_eq!(store.cards().unwrap().len(), 1);
}

#[test]
fn one_process_at_a_time_changes_the_store() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::new(data.path().join("models"));
    let held = store.stage().unwrap();
    assert!(matches!(store.stage(), Err(StoreError::Busy(_))));
    drop(held);
    store.stage().unwrap();
}

#[test]
fn a_wrong_registry_is_refused_with_its_place() {
    let refused = |text: String| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("models.toml"), text).unwrap();
        Registry::open(folder.path()).unwrap_err().to_string()
    };
    let hub = |also: &str| text(&format!("[[model.source]]\nkind = \"hub\"\n{also}\n"));
    let wheel = |package: &str, bytes: u64| {
        text(&format!(
            "[[model.source]]\nkind = \"wheel\"\nversion = \"1\"\nmember = [{{ package = \"{package}\", path = \"p\", bytes = {bytes}, file = \"config.json\" }}]\n"
        ))
    };
    for (text, word) in [
        (text("").replace("models/1", "models/2"), "scrutineer-models/2"),
        (text("").replace("small/config.json", "../config.json"), "outside"),
        (text("").replace("small/config.json", "/etc/config.json"), "outside"),
        (text("").replace("small/config.json", "small/.config.json"), "hidden"),
        (text("").replace("weights.safetensors", "weights.bin"), "safetensors"),
        (text("").replace("bytes = 2\n", "bytes = 99999999999\n"), "more than"),
        (text("").replace("2999-01-01", "soon"), "review_by"),
        (text("").replace("\"low\"", "\"some\""), "line"),
        (text("").replace("name = \"small\"", "name = \"../small\""), "name"),
        (text("colour = 1\n"), "colour"),
        (text("").replace("small/weights.safetensors", "small/config.json"), "two files"),
        (hub("repository = \"https://host/a\""), "repository"),
        (hub("repository = \"a/../b\""), "repository"),
        (hub("repository = \"a/b\"\nrevision = \"../c\""), "revision"),
        (wheel("--index", 2), "package"),
        (wheel("name @ https://host", 2), "package"),
        (wheel("name", u64::MAX >> 1), "add up"),
    ] {
        let message = refused(text);
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[test]
fn the_shipped_registry_and_recommendations_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let registry = Registry::open(&folder).unwrap();
    assert!(registry.models().iter().all(|card| card.quantisation.is_some()));
    let recommendations = Recommendations::open(&folder).unwrap();
    assert!(recommendations.models().iter().all(|model| registry.card(&model.name).is_err()));
    let tasks: Vec<&str> = recommendations.models().iter().map(|model| model.task.as_str()).collect();
    assert!(["embedding", "entailment", "generation"].iter().all(|task| tasks.contains(task)));
}

#[test]
fn a_recommendation_becomes_a_candidate_that_is_due_for_review() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let recommendations = Recommendations::open(&folder).unwrap();
    let received = Received {
        on: "2026-11-30T10:00:00Z".to_owned(),
        by: Some("A. Lin".to_owned()),
        from: "hub".to_owned(),
        trust: Trust::FirstFetch,
    };
    let file = ModelFile { path: "qwen3-4b/Qwen3-4B-Q4_K_M.gguf".into(), bytes: 1, sha256: Digest::of(b"x") };
    let card = recommendations.get("qwen3-4b").unwrap().card("c0ffee".to_owned(), vec![file], received);
    card.check().unwrap();
    assert_eq!((card.status, card.review_by.as_str(), &card.validated), (Status::Candidate, "2026-11-30", &None));
    assert!(card.review_is_overdue(jiff::civil::date(2026, 12, 1)));
    assert!(!card.review_is_overdue(jiff::civil::date(2026, 11, 30)));
}

proptest! {
    /// A registry file is written by hand, and the store's by a program that may be killed.
    #[test]
    fn no_text_crashes_the_reader(at in 0_usize..1200, with in any::<u8>(), cut in 0_usize..1200) {
        let mut bytes = text("[[model.source]]\nkind = \"hub\"\nrepository = \"a/b\"\n").into_bytes();
        let length = bytes.len();
        bytes[at % length] = with;
        bytes.truncate(length - cut % length);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("models.toml"), bytes).unwrap();
        let _ = Registry::open(folder.path());
    }

    /// Whatever a card says, its files lie in the folder.
    #[test]
    fn no_path_leads_outside(path in "[./a-z\\\\:~ ]{0,20}(\\.json)?") {
        if card::check_path(Path::new(&path)).is_ok() {
            let joined = Path::new("/store").join(&path);
            prop_assert!(joined.starts_with("/store") && !joined.components().any(|part| part.as_os_str() == ".."));
        }
    }
}
