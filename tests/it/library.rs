//! A data folder in which the fixtures were read once: what the tests of reading commands share.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::context::{Finished, TestContext, fixture_argument};

/// The folder with the data, and how the run ended.
pub struct Library {
    pub context: TestContext,
    pub run: Finished,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let context = TestContext::in_folder(fresh_folder());
    let pipeline = shipped_pipeline("disclosures.toml");
    let run = context.run(&["run", &pipeline, &fixture_argument(""), "--quiet"]);
    Library { context, run }
});

/// The shared data folder, made by the first test that asks.
pub fn library() -> &'static Library {
    &LIBRARY
}

/// A pipeline file that is shipped with the product.
pub fn shipped_pipeline(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name).to_string_lossy().into_owned()
}

/// The stems of the fixtures that can be read, in order.
pub const READABLE: [&str; 9] = [
    "encrypted-stress-annex-2023",
    "formosa-river-bank-annual-report-113",
    "harbour-bank-annual-report-2023",
    "harbour-bank-annual-report-2024",
    "hidden-instructions",
    "monetary-board-minutes-113q1",
    "no-xref",
    "policy-board-minutes-2024-03",
    "two-columns-ai-bulletin",
];

/// A folder under the target folder that no other process uses. Folders that dead processes left there are removed: a static
/// is never dropped.
fn fresh_folder() -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(base).unwrap();
    for entry in std::fs::read_dir(base).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix("library-").and_then(|id| id.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let folder = base.join(format!("library-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
