//! `scrutineer quarantine`: files that could not be read, and another try.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Exit;
use super::terminal::harmless;
use crate::config::Config;
use crate::error::{Error, OrFail, Result};
use crate::ledger::QuarantineRecord;
use crate::pipeline::RunOptions;
use crate::pipeline::archive::Archive;
use crate::pipeline::inputs;
use crate::pipeline::spec::Pipeline;

/// The files that could not be read: why, and what to do about each; `retry` tries them again
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scrutineer quarantine\n  scrutineer quarantine retry filings/bank7.pdf --password-file secret.txt\n  scrutineer quarantine retry"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The files in quarantine (what `quarantine` alone does)
    List,
    /// Tries files again: those named, or all
    Retry {
        /// The files, by their path or their name; all where none is named
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// A file whose first line is the password of protected files
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// The pipeline file to run them through (default: the shipped one named like the last run's, else disclosures.toml)
        #[arg(long, value_name = "PIPELINE")]
        pipeline: Option<PathBuf>,
    },
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let cannot = || "cannot read the ledger".to_owned();
        let (rows, last_run) = {
            let archive = Archive::open(config)?;
            (archive.ledger().quarantined().or_fail(cannot)?, archive.ledger().runs(1).or_fail(cannot)?.into_iter().next())
        };
        match self.action.unwrap_or(Action::List) {
            Action::List if config.json => super::print_json(&rows)?,
            Action::List => super::print(&render(&rows)),
            Action::Retry { files, password_file, pipeline } => {
                let chosen = chosen(&rows, &files)?;
                if chosen.is_empty() {
                    super::print("nothing is in quarantine\n");
                    return Ok(Exit::Done);
                }
                let pipeline = match pipeline {
                    Some(pipeline) => pipeline,
                    None => shipped(config, last_run.as_ref().map_or("", |run| &run.pipeline))?,
                };
                let (pipeline, taxonomy) = Pipeline::load(&pipeline, config.taxonomy_file())?;
                let inputs = inputs::collect(&chosen, None)?;
                let options = RunOptions {
                    password: super::password(password_file.as_deref())?,
                    retry_quarantined: true,
                    ..RunOptions::default()
                };
                return super::run::execute(config, &pipeline, &taxonomy, inputs, &options);
            }
        }
        Ok(Exit::Done)
    }
}

/// The shipped pipeline file with the name of a run's pipeline (`disclosures@41ab`), else `disclosures.toml`.
fn shipped(config: &Config, run: &str) -> Result<PathBuf> {
    let folder = config.taxonomy_file().and_then(|file| file.parent().map(Path::to_owned));
    let folder = folder.ok_or_else(|| Error::usage("no pipeline file was shipped").remedy("name one with --pipeline FILE"))?;
    let name = run.split('@').next().unwrap_or_default();
    let named = folder.join(name).with_extension("toml");
    Ok(if !name.is_empty() && named.is_file() { named } else { folder.join("disclosures.toml") })
}

fn chosen(rows: &[QuarantineRecord], files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if files.is_empty() {
        return Ok(rows.iter().map(|row| PathBuf::from(&row.path)).collect());
    }
    let find = |file: &PathBuf| {
        let by_name =
            |row: &&QuarantineRecord| Path::new(&row.path) == file || Path::new(&row.path).file_name() == Some(file.as_os_str());
        let row = rows.iter().find(by_name);
        row.map(|row| PathBuf::from(&row.path)).ok_or_else(|| {
            Error::usage(format!("{} is not in quarantine", file.display())).remedy("`scrutineer quarantine` lists the files")
        })
    };
    files.iter().map(find).collect()
}

fn render(rows: &[QuarantineRecord]) -> String {
    if rows.is_empty() {
        return "nothing is in quarantine\n".to_owned();
    }
    let row = |row: &QuarantineRecord| {
        format!(
            "{}  {}: {}\n  tried {} times, last {}\n  → {}\n",
            harmless(&row.path),
            row.reason,
            harmless(&row.message),
            row.attempts,
            row.last_seen,
            harmless(&row.remedy)
        )
    };
    rows.iter().map(row).collect()
}
