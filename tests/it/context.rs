//! A folder, an empty environment and the binary: what every test starts from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A fresh folder in which the binary runs. Nothing of the tester's environment reaches it.
pub struct TestContext {
    folder: PathBuf,
    /// Removes the folder at the end, where it is the test's own.
    _guard: Option<TempDir>,
}

/// What a command left: its exit code and what it wrote, with what differs between runs replaced.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl TestContext {
    pub fn new() -> Self {
        let guard = TempDir::new().unwrap();
        Self { folder: guard.path().to_owned(), _guard: Some(guard) }
    }

    /// The same over a folder that stays.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, _guard: None }
    }

    /// The binary with some arguments, in the folder, with an empty environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(&self.folder).env_clear();
        // Whether OCR is installed on the machine must not matter, either.
        command.env("SCRUTINEER_TESSERACT", "no-ocr-in-tests");
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.finish(&mut self.command(arguments))
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: &mut Command) -> Finished {
        let output = command.output().unwrap();
        self.finished(&output)
    }

    /// What a process left.
    pub fn finished(&self, output: &Output) -> Finished {
        let text = |bytes: &[u8]| self.without_paths(std::str::from_utf8(bytes).expect("output is UTF-8"));
        Finished { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Copies a fixture into the folder under a name, and gives its path.
    pub fn copy_fixture(&self, fixture_name: &str, name: &str) -> PathBuf {
        let target = self.path(name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(fixture(fixture_name), &target).unwrap();
        target
    }

    /// Writes a file in the folder, and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let target = self.path(name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(&target, content).unwrap();
        target
    }

    /// A test's own pipeline file: the given tables after the head that every one has.
    pub fn pipeline(&self, name: &str, tables: &str) -> String {
        self.write(name, format!("schema = \"scrutineer-pipeline/1\"\nname = \"test\"\n{tables}\n"));
        name.to_owned()
    }

    /// The report of the latest run in the data folder.
    pub fn latest_report(&self) -> Value {
        let runs = self.path("scrutineer-data/runs");
        let mut names: Vec<PathBuf> = std::fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let latest = names.iter().rev().map(|run| run.join("report.json")).find(|report| report.is_file());
        let latest = latest.expect("a run with a report");
        serde_json::from_str(&std::fs::read_to_string(latest).unwrap()).unwrap()
    }

    /// Every artefact in the data folder by its name.
    pub fn artefacts(&self) -> BTreeMap<String, Vec<u8>> {
        files_below(&self.path("scrutineer-data/artefacts"))
            .into_iter()
            .map(|path| (path.strip_prefix(&self.folder).unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
            .collect()
    }

    /// A JSON file in the folder.
    pub fn json(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn without_paths(&self, text: &str) -> String {
        text.replace(&*self.folder.to_string_lossy(), "[FOLDER]").replace(env!("CARGO_MANIFEST_DIR"), "[PROJECT]")
    }
}

impl Finished {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("standard output is not JSON: {error}\n{self:?}"))
    }

    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "standard output:\n{}\nstandard error:\n{}", self.stdout, self.stderr);
        self
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_scrutineer"))
}

/// A file under `fixtures/`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The same as text, for arguments.
pub fn fixture_argument(name: &str) -> String {
    fixture(name).to_string_lossy().into_owned()
}
