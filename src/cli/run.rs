//! `scrutineer run`: a batch of filings through a pipeline.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use super::Exit;
use crate::config::Config;
use crate::error::{Error, OrFail, Result};
use crate::pipeline::spec::Pipeline;
use crate::pipeline::{self, RunOptions, inputs};

/// Reads filings and minutes: flags, cited summaries, a search index and case events, in one resumable batch
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline file
    #[arg(value_name = "PIPELINE")]
    pipeline: PathBuf,
    /// Files, folders and globs
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// A CSV of filings: path, filing_id, institution, institution_id, lei, type, period, filed_at, supersedes
    #[arg(long, value_name = "CSV")]
    manifest: Option<PathBuf>,
    /// A file whose first line is the password of protected files
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Try quarantined files again even where the reason would last
    #[arg(long)]
    retry_quarantined: bool,
    /// Write the signed checkpoint of the audit chain here too, outside the data folder
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Evaluate models in plain f32, by none of the program's own kernels: slow, for evidence that they decide alike
    #[arg(long)]
    reference: bool,
}

const EXAMPLES: &str = "Examples:\n  scrutineer run pipelines/disclosures.toml fixtures/\n  scrutineer run pipelines/minutes.toml 'minutes/**/*.pdf' \
                        --data /srv/scrutineer\n  scrutineer run pipelines/disclosures.toml --manifest filings.csv --checkpoint \
                        /evidence/tonight.json\n\nThe same command again does what is left and nothing else; Ctrl-C finishes the documents in \
                        hand.";

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let (pipeline, taxonomy) = Pipeline::load(&self.pipeline, config.taxonomy_file())?;
        let inputs = inputs::collect(&self.inputs, self.manifest.as_deref())?;
        let options = RunOptions {
            password: super::password(self.password_file.as_deref())?,
            retry_quarantined: self.retry_quarantined,
            checkpoint: self.checkpoint.clone(),
            reference: self.reference,
        };
        execute(config, &pipeline, &taxonomy, inputs, &options)
    }
}

/// Runs a batch, shows its report, and says how to go on where it was stopped.
pub(super) fn execute(
    config: &Config,
    pipeline: &Pipeline,
    taxonomy: &crate::finding::taxonomy::Taxonomy,
    inputs: inputs::Inputs,
    options: &RunOptions,
) -> Result<Exit> {
    let stop = on_interrupt()?;
    let report = pipeline::run(config, pipeline, taxonomy, inputs, options, &stop)?;
    if config.json {
        super::print_json(&report)?;
    } else {
        super::print(&super::report::render(&report, config.ui_language));
    }
    match report.exit {
        0 => Ok(Exit::Done),
        130 => Err(Error::interrupted(format!("stopped with {} inputs not started", report.inputs.not_started))
            .remedy("run the same command again: it goes on where this run stopped")),
        _ => Ok(Exit::Incomplete),
    }
}

/// A flag that the first Ctrl-C (or termination signal) sets; the second ends the process.
pub(super) fn on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            #[allow(clippy::disallowed_methods)] // the second Ctrl-C means now: the ledger survives a kill
            std::process::exit(130);
        }
        eprintln!(
            "stopping: the documents in hand are finished first; press Ctrl-C again to stop at once (nothing done is lost)"
        );
    })
    .or_fail(|| "cannot listen for Ctrl-C".to_owned())?;
    Ok(stop)
}
