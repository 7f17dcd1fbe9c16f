//! A folder with a registry of a test's own: a model of two small files that can be fetched, and one that is only recommended.

use std::path::PathBuf;

use assert_cmd::Command;
use sha2::{Digest, Sha256};

use crate::context::TestContext;

/// The commit that the registry pins.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The large file of the model.
pub fn weights() -> Vec<u8> {
    (0..60_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// The small one.
pub const CONFIG: &[u8] = b"{\"model_type\": \"bert\"}\n";

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A context with `models/models.toml` and `models/recommended.toml`; `source` is the TOML of the model's sources.
pub fn context(source: &str) -> TestContext {
    let context = TestContext::new();
    let file = |name: &str, bytes: &[u8]| {
        format!("[[model.file]]\npath = \"tiny/{name}\"\nbytes = {}\nsha256 = \"{}\"\n", bytes.len(), sha256(bytes))
    };
    let card = format!(
        "schema = \"scrutineer-models/1\"\n[[model]]\nname = \"tiny\"\ntask = \"embedding\"\narchitecture = \"BERT | 1 layer\"\n\
         quantisation = \"int8\"\norigin = \"made for a test\"\nrevision = \"{COMMIT}\"\nlicence = \"MIT\"\nlanguages = [\"en\", \"zh-Hant\"]\n\
         training_data = \"none\"\nintended_use = \"tests\"\nlimits = \"knows nothing\"\nowner = \"the tests\"\nmateriality = \"low\"\n\
         validator = \"nobody\"\nreview_by = \"2999-01-01\"\nstatus = \"candidate\"\n[model.evaluation]\nmicro_f1 = 0.5\n{}{}{source}\n",
        file("config.json", CONFIG),
        file("weights.safetensors", &weights()),
    );
    context.write("models/models.toml", card);
    context.write(
        "models/recommended.toml",
        "schema = \"scrutineer-recommended/1\"\n[[recommendation]]\nname = \"big\"\ntask = \"generation\"\narchitecture = \"decoder\"\n\
         quantisation = \"Q4_K_M\"\nrepository = \"maker/big-GGUF\"\nfiles = [\"config.json\", \"big.gguf\"]\nabout_megabytes = 2500\n\
         licence = \"Apache-2.0\"\ngated = true\nlanguages = [\"en\"]\ntraining_data = \"not said\"\nintended_use = \"summaries\"\n\
         limits = \"slow\"\nneeds = \"a GPU\"\nmateriality = \"high\"\n",
    );
    context
}

/// The TOML of a hub as the model's source.
pub fn hub() -> String {
    format!("[[model.source]]\nkind = \"hub\"\nrepository = \"maker/tiny\"\nrevision = \"{COMMIT}\"\n")
}

/// `scrutineer models …` over the folder of a context.
pub fn models(context: &TestContext, arguments: &[&str]) -> Command {
    let mut command = context.command(&["models"]);
    command.args(arguments).args(["--models", "models"]);
    command
}

/// The files in the store, without the lock of those who change it.
pub fn stored(context: &TestContext) -> Vec<String> {
    fn below(folder: PathBuf, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(path, files) } else { files.push(path) }
        }
    }
    let store = context.path("scrutineer-data/models");
    let mut files = Vec::new();
    below(store.clone(), &mut files);
    let mut names: Vec<String> = files.iter().map(|path| path.strip_prefix(&store).unwrap().display().to_string()).collect();
    names.retain(|name| name != ".incoming/lock");
    names.sort();
    names
}

/// The last entry of the audit chain about models.
pub fn last_change(context: &TestContext) -> serde_json::Value {
    let entries = context.run(&["audit", "list", "--kind", "model", "--json"]).expect_code(0).json();
    entries.as_array().unwrap().last().unwrap()["payload"].clone()
}
