//! `scrutineer pipeline`: checks a pipeline file, or prints what one may hold.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;
use crate::config::Config;
use crate::error::Result;
use crate::pipeline::spec::{Pipeline, PipelineSpec};

/// Checks a pipeline file, or prints the JSON schema of one
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scrutineer pipeline check pipelines/disclosures.toml\n  scrutineer pipeline schema > pipeline.schema.json"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Says whether a pipeline file is valid; names file, line and key where it is not
    Check {
        /// The pipeline file
        #[arg(value_name = "PIPELINE")]
        file: PathBuf,
    },
    /// Prints the JSON schema of a pipeline file
    Schema,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        match self.action {
            Action::Check { file } => {
                let (pipeline, _) = Pipeline::load(&file, config.taxonomy_file())?;
                if config.json {
                    super::print_json(&pipeline.spec)?;
                } else {
                    super::print(&format!("{} is valid: {}\n", file.display(), pipeline.name_at_digest()));
                }
            }
            Action::Schema => super::print_json(&schemars::schema_for!(PipelineSpec))?,
        }
        Ok(Exit::Done)
    }
}
