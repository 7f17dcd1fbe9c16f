//! What holds for every command: folders, output form, language of output. Resolved from arguments and environment in one place.

use std::path::{Path, PathBuf};

/// The language of headings, labels and reasons. Quotations stay in the source's language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum UiLanguage {
    /// English.
    #[default]
    #[value(name = "en")]
    English,
    /// Traditional Chinese.
    #[value(name = "zh-TW")]
    TraditionalChinese,
}

impl UiLanguage {
    /// The one of two wordings that the reader wants.
    pub fn pick<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::TraditionalChinese => chinese,
        }
    }
}

/// Settings that hold for every command.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// The folder with the models, where one was named.
    pub models: Option<PathBuf>,
    /// Machine-readable output.
    pub json: bool,
    /// The language of headings, labels and reasons.
    pub ui_language: UiLanguage,
    /// No progress display.
    pub quiet: bool,
}

impl Config {
    /// Where the shipped models are: `--models` or SCRUTINEER_MODELS, beside the executable, then the source tree. None where
    /// no such folder exists.
    pub fn models_folder(&self) -> Option<PathBuf> {
        self.models.clone().or_else(|| shipped_folder("models"))
    }

    /// Where models that were fetched are kept.
    pub fn model_store(&self) -> PathBuf {
        self.data.join("models")
    }

    /// Where the taxonomy is, unless a pipeline file names another: `pipelines/taxonomy.toml`, found like the models.
    pub fn taxonomy_file(&self) -> Option<PathBuf> {
        shipped_folder("pipelines").map(|folder| folder.join("taxonomy.toml"))
    }
}

/// A folder that ships with the program: beside the executable, else in the source tree it was built from.
fn shipped_folder(name: &str) -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join(name)));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    beside.into_iter().chain([source]).find(|folder| folder.is_dir())
}
