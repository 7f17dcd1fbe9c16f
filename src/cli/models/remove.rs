//! `scrutineer models remove`: a model out of the data folder.

use clap::Args;

use super::super::{Exit, print_json};
use super::{Catalogue, Found, StoreChange, size};
use crate::cli::terminal::harmless;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Access, AuditKind, Ledger};
use crate::model::registry::ModelCard;
use crate::model::sources::SourceError;

/// Removes a model from the data folder; what ships with the program is never touched
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    scrutineer models remove gemma3-270m\n  \
    scrutineer models remove gemma3-270m --yes --by 'A. Lin'\n\n\
    Without --yes it says what would be lost, and removes nothing. Runs keep the digests of the models that they used, and their \
    results; such a run can be repeated only once the same files are here again.")]
pub(super) struct Arguments {
    /// The model
    #[arg(value_name = "NAME")]
    name: String,
    /// Removes it
    #[arg(long)]
    yes: bool,
    /// Who removes it: kept in the audit chain
    #[arg(long, value_name = "NAME", env = "SCRUTINEER_OPERATOR", hide_env_values = true)]
    by: Option<String>,
}

/// More runs than a data folder gathers in years.
const MOST_RUNS: usize = 1 << 20;

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let catalogue = Catalogue::open(config)?;
        let Found::Described(card) = catalogue.find(&self.name)? else {
            return Err(Error::usage(format!("`{}` was not fetched: there is nothing to remove", self.name)));
        };
        let stored: Vec<_> = card.file.iter().filter(|file| catalogue.store.path_of(file).exists()).collect();
        if stored.is_empty() {
            return Err(Error::usage(format!("`{}` is not in the data folder", self.name))
                .remedy("what ships with the program is removed with the program; to keep a model from running, set its status to retired"));
        }
        let mut ledger = Ledger::open(&config.data, Access::Writer)?;
        let runs = runs_with(&ledger, card)?;
        if !self.yes {
            let bytes = stored.iter().map(|file| file.bytes).sum();
            let used = match runs.as_slice() {
                [] => "no recorded run used it".to_owned(),
                [latest, ..] => format!(
                    "{} used it, {latest} the last; what they found stays, and cannot be repeated without it",
                    counted(runs.len(), "recorded run")
                ),
            };
            let fetch = if card.source.is_empty() {
                "it can only be brought back from a directory"
            } else {
                "`models pull` can fetch it again"
            };
            return Err(Error::usage(format!(
                "removing `{}` deletes {} ({}): {used}; {fetch}",
                card.name,
                counted(stored.len(), "file"),
                size(bytes)
            ))
            .remedy("say --yes to remove it"));
        }
        let by = self.by.as_deref().map(str::trim).filter(|by| !by.is_empty());
        let staging = catalogue.store.stage().map_err(SourceError::Store)?;
        let removed = catalogue.store.remove(&staging, card).map_err(SourceError::Store)?;
        let sequence = ledger.audit(AuditKind::Model, &serde_json::json!(StoreChange::new("removed", card, by)))?;
        if config.json {
            print_json(&serde_json::json!({
                "model": card.name, "sha256": card.digest(), "removed": removed.files, "bytes": removed.bytes, "runs": runs,
                "audit_sequence": sequence,
            }))?;
            return Ok(Exit::Done);
        }
        let say = |english, chinese| config.ui_language.pick(english, chinese);
        println!("{}  {}  {}", card.name, say("removed", "已移除"), size(removed.bytes));
        removed.files.iter().for_each(|path| println!("    {}", harmless(&path.to_string_lossy())));
        println!("    {} {sequence}", say("audit entry", "稽核紀錄"));
        Ok(Exit::Done)
    }
}

/// The runs that used this very model, newest first.
fn runs_with(ledger: &Ledger, card: &ModelCard) -> Result<Vec<String>> {
    let digest = card.digest().to_string();
    let runs = ledger.runs(MOST_RUNS)?.into_iter().filter(|run| run.models.values().any(|model| *model == digest));
    Ok(runs.map(|run| run.name()).collect())
}

/// `1 file`, `2 files`.
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
