//! The rules of ARCHITECTURE.md, as tests: what a compiler does not hold. Each message says what to do.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{SourceFile, files_below, root, rust_files};

/// The stages in the order of the flow: each may import those before it.
const STAGES: [&str; 8] = ["document", "passage", "finding", "summary", "verdict", "index", "insight", "case"];

/// What every module may import. They import no stage.
const FOUNDATIONS: [&str; 7] = ["config", "digest", "durable", "error", "language", "model", "telemetry"];

/// Crates that stand for one concern, and the modules that may name them.
const OWNED_CRATES: [(&str, &[&str]); 9] = [
    ("rusqlite", &["ledger"]),
    ("lopdf", &["document"]),
    ("hayro_interpret", &["document"]),
    ("tantivy", &["index"]),
    ("candle_core", &["model"]),
    ("reqwest", &["case", "model"]),
    ("zip", &["model"]),
    ("tokio", &["case", "model", "pipeline", "server", "cli"]),
    ("clap", &["cli", "config", "main"]),
];

#[test]
fn modules_import_only_what_the_flow_allows() {
    let mut faults = Vec::new();
    for file in SourceFile::all_of("src") {
        let module = file.module();
        for (line, imported) in file.crate_paths() {
            if !may_import(&module, &imported) {
                faults.push(format!("{}:{line}: `{module}` imports `{imported}`", file.name));
            }
        }
    }
    assert_none(
        faults,
        "a stage imports only the stages before it (document, passage, finding, summary, verdict, index, insight, case) and the \
         foundations (config, digest, error, language, model, telemetry), which import no stage; only pipeline, server and cli see \
         the ledger; only main sees cli. Move the shared type to the earlier stage, or let the later one implement a small trait",
    );
}

#[test]
fn the_import_rule_knows_right_from_wrong() {
    for (module, imported, allowed) in [
        ("finding", "passage", true),
        ("passage", "finding", false),
        ("verdict", "ledger", false),
        ("ledger", "case", true),
        ("ledger", "pipeline", false),
        ("language", "document", false),
        ("language", "error", true),
        ("pipeline", "ledger", true),
        ("pipeline", "cli", false),
        ("main", "cli", true),
        ("cli", "pipeline", true),
    ] {
        assert_eq!(may_import(module, imported), allowed, "{module} -> {imported}");
    }
    let file = SourceFile::parse(
        "src/x/mod.rs",
        "// crate::a\nuse crate::{b::C, d, e::{F, G}};\nfn f() { crate::h::i(\"crate::j\") }\n#[cfg(test)]\nmod tests { use crate::k; }\n",
    );
    let imported: Vec<String> = file.crate_paths().into_iter().map(|(_, name)| name).collect();
    assert_eq!(imported, ["b", "d", "e", "h"]);
}

#[test]
fn a_foreign_crate_is_named_by_its_owner_alone() {
    let mut faults = Vec::new();
    for file in SourceFile::all_of("src") {
        let module = file.module();
        for (name, owners) in OWNED_CRATES.iter().filter(|(_, owners)| !owners.contains(&module.as_str())) {
            for line in file.lines_with(&format!("{name}::")) {
                faults.push(format!("{}:{line}: names `{name}`, which belongs to {owners:?}", file.name));
            }
        }
    }
    assert_none(
        faults,
        "wrap what is needed in a function or type of the owning module, so that the crate can be replaced there",
    );
}

#[test]
fn only_the_outer_modules_are_async() {
    let mut faults = Vec::new();
    for file in
        SourceFile::all_of("src").into_iter().filter(|file| !["pipeline", "server", "cli", "case"].contains(&&*file.module()))
    {
        faults.extend(file.lines_with("async fn ").into_iter().map(|line| format!("{}:{line}", file.name)));
    }
    assert_none(faults, "stages are plain functions over values: only pipeline, server, cli and the adapters of case are async");
}

#[test]
fn data_never_panics() {
    let mut faults = Vec::new();
    for file in SourceFile::all_of("src").into_iter().chain(SourceFile::all_of("crates")) {
        for call in [
            ".unwrap()",
            ".expect(",
            "panic!(",
            "todo!(",
            "unimplemented!(",
            "dbg!(",
            "allow(clippy::unwrap_used",
            "allow(clippy::expect_used",
            "allow(clippy::panic",
        ] {
            faults.extend(file.lines_with(call).into_iter().map(|line| format!("{}:{line}: {call}", file.name)));
        }
    }
    assert_none(
        faults,
        "return a typed error, or make the case impossible by a type; tests may panic, inside `#[cfg(test)] mod tests`",
    );
}

#[test]
fn unsafe_code_lives_in_the_kernels_alone() {
    let mut faults = Vec::new();
    for file in SourceFile::all_of("src") {
        for words in ["unsafe {", "unsafe fn", "unsafe impl", "allow(unsafe_code"] {
            faults.extend(file.lines_with(words).into_iter().map(|line| format!("{}:{line}: {words}", file.name)));
        }
    }
    if !read("src/lib.rs").contains("#![forbid(unsafe_code)]") {
        faults.push("src/lib.rs: lacks #![forbid(unsafe_code)]".to_owned());
    }
    assert_none(faults, "put it in crates/kernels with a safe function around it and a SAFETY comment");
}

#[test]
fn files_stay_readable() {
    let mut faults = Vec::new();
    for path in rust_files(&["src", "crates", "tests", "examples", "benches"]) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        let limit = if path.ends_with("src/main.rs") { 60 } else { 500 };
        if lines > limit {
            faults.push(format!("{}: {lines} lines, at most {limit}", shown(&path)));
        }
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if ["util", "utils", "helper", "helpers", "manager", "common", "misc", "core"].contains(&&*stem) {
            faults.push(format!("{}: a file is named by the noun it holds", shown(&path)));
        }
    }
    assert_none(faults, "split the file by responsibility and name the parts by what they are");
}

#[test]
fn every_file_says_what_it_is() {
    let faults = rust_files(&["src", "crates", "tests", "examples", "benches"])
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs") && !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| shown(&path))
        .collect();
    assert_none(faults, "begin the file with a `//!` line that says what it holds");
}

#[test]
fn errors_are_in_lower_case_without_a_full_stop() {
    let mut faults = Vec::new();
    for path in rust_files(&["src", "crates"]) {
        for (index, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let Some(message) = line.trim().strip_prefix("#[error(\"").and_then(|rest| rest.split("\")]").next()) else {
                continue;
            };
            let mut characters = message.chars();
            let shouts = characters.next().is_some_and(char::is_uppercase) && characters.next().is_some_and(char::is_lowercase);
            if shouts || message.trim_end().ends_with('.') {
                faults.push(format!("{}:{}: {message}", shown(&path), index + 1));
            }
        }
    }
    assert_none(faults, "write error messages in lower case without a full stop: they are put after `error: ` and `because `");
}

#[test]
fn stages_have_a_version() {
    let faults = ["document", "passage", "finding", "summary", "verdict"]
        .iter()
        .filter(|stage| {
            let files = files_below(&root().join("src").join(stage));
            !files.iter().any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("pub const VERSION: u32")))
        })
        .map(|stage| format!("src/{stage}"))
        .collect();
    assert_none(
        faults,
        "give the stage a `pub const VERSION: u32`, which is part of its artefacts' key: raise it whenever output changes",
    );
}

#[test]
fn what_is_left_to_do_is_explained() {
    let mut faults = Vec::new();
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    for path in rust_files(&["src", "crates", "tests", "examples", "benches"]) {
        for (index, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            for mark in &marks {
                let explained =
                    line.split_once(mark.as_str()).is_none_or(|(_, rest)| rest.trim_start_matches([':', ' ']).len() >= 20);
                if !explained {
                    faults.push(format!("{}:{}", shown(&path), index + 1));
                }
            }
        }
    }
    assert_none(faults, "say after the mark what is missing and when it matters, or do it");
}

#[test]
fn the_architecture_names_every_module() {
    let architecture = read("ARCHITECTURE.md");
    let mut faults: Vec<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|module| {
            !["lib", "main"].contains(&module.as_str())
                && !architecture.contains(&format!("`{module}"))
                && !architecture.contains(&format!("{module}/"))
        })
        .map(|module| format!("ARCHITECTURE.md: does not name the module `{module}`"))
        .collect();
    let readme = read("README.md");
    for command in ["cargo run --release -- run pipelines/disclosures.toml fixtures/", "cargo test"] {
        if !readme.contains(command) {
            faults.push(format!("README.md: lacks `{command}`"));
        }
    }
    assert_none(faults, "describe it in a line of the code map, with what may not be done there");
}

#[test]
fn every_pipeline_file_is_documented() {
    let pages: String = ["README.md", "ARCHITECTURE.md"]
        .iter()
        .map(|page| read(page))
        .chain(files_below(&root().join("docs")).iter().filter_map(|path| fs::read_to_string(path).ok()))
        .collect();
    let faults = files_below(&root().join("pipelines"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter(|path| !pages.contains(&*path.file_name().unwrap().to_string_lossy()))
        .map(|path| shown(&path))
        .collect();
    assert_none(faults, "name the file in README.md or under docs/, and say when to use it");
}

#[test]
fn the_changelog_has_the_version_in_hand() {
    let changelog = read("CHANGELOG.md");
    let version = env!("CARGO_PKG_VERSION");
    let known = changelog.lines().any(|line| line.starts_with("## ") && (line.contains("Unreleased") || line.contains(version)));
    assert!(known, "CHANGELOG.md: add a section `## Unreleased` or `## {version}` that tells users what changed");
}

#[test]
fn the_fixtures_are_listed_and_small() {
    let folder = root().join("fixtures");
    let readme = read("fixtures/README.md");
    let files = files_below(&folder);
    let faults = files
        .iter()
        .map(|path| path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "README.md" && !name.starts_with("sources/") && !readme.contains(&format!("`{name}`")))
        .collect();
    assert_none(faults, "list the file in fixtures/README.md and say what it is for; all text in it must be made up");
    let bytes: u64 = files.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes < 1 << 20, "fixtures/ holds {bytes} bytes: keep it under a megabyte, git keeps every version");
}

#[test]
fn dependencies_come_from_the_public_index() {
    let mut faults: Vec<String> = read("Cargo.lock")
        .lines()
        .filter(|line| line.starts_with("source = ") && !line.contains("registry+https://github.com/rust-lang/crates.io-index"))
        .map(|line| format!("Cargo.lock: {line}"))
        .collect();
    // Written in parts, so that this file does not find itself.
    let banned = [["index", "-url"], ["[source", ".crates-io]"], ["[regis", "tries"], ["/wo", "rk/"], ["art", "ifactory"]]
        .map(|parts| parts.concat());
    for path in text_files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for word in banned.iter().filter(|word| text.contains(word.as_str())) {
            faults.push(format!("{}: contains `{word}`", shown(&path)));
        }
    }
    assert_none(
        faults,
        "name no private registry, mirror or path of one machine: the project must build from public sources anywhere",
    );
}

#[test]
fn large_files_stay_in_bounds() {
    let faults = text_files()
        .into_iter()
        .filter_map(|path| Some((fs::metadata(&path).ok()?.len(), path)))
        .filter(|(bytes, _)| *bytes > 45_000_000)
        .map(|(bytes, path)| format!("{}: {bytes} bytes", shown(&path)))
        .collect();
    assert_none(faults, "split the file in shards under 45 MB: git keeps every version whole");
}

fn may_import(module: &str, imported: &str) -> bool {
    if module == imported || FOUNDATIONS.contains(&imported) {
        return true;
    }
    let place = |name: &str| STAGES.iter().position(|stage| *stage == name);
    match module {
        "main" => imported == "cli",
        "cli" => imported != "main",
        "server" => !["cli", "main"].contains(&imported),
        "pipeline" => place(imported).is_some() || imported == "ledger",
        "ledger" => place(imported).is_some(),
        stage => match (place(stage), place(imported)) {
            (Some(here), Some(there)) => there < here,
            _ => false,
        },
    }
}

fn assert_none(faults: Vec<String>, remedy: &str) {
    assert!(faults.is_empty(), "\n{}\n{} faults: {remedy}\n", faults.join("\n"), faults.len());
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}: the project needs this file"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Every file that belongs to the project.
fn text_files() -> Vec<PathBuf> {
    let kept = [
        "src",
        "crates",
        "tests",
        "examples",
        "benches",
        "pipelines",
        "models",
        "fixtures",
        "training",
        "docs",
        ".ci",
        ".config",
        ".cargo",
    ];
    let mut files: Vec<PathBuf> = kept.iter().flat_map(|folder| files_below(&root().join(folder))).collect();
    files.extend(
        fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file() && !path.ends_with(".git")),
    );
    files
}
