//! `scrutineer worker`: the process in which a PDF is parsed. Started by the program itself; not for people.

use clap::Args;

use super::Exit;
use crate::config::Config;
use crate::document::worker;
use crate::error::{OrFail, Result};

/// Reads one PDF from standard input for another scrutineer process
#[derive(Debug, Args)]
pub(super) struct Arguments {}

impl Arguments {
    pub(super) fn run(self, _config: &Config) -> Result<Exit> {
        worker::serve().or_fail(|| "the worker lost its parent".to_owned())?;
        Ok(Exit::Done)
    }
}
