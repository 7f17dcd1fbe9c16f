//! `scrutineer search`.

use clap::Args;

use super::Exit;
use crate::config::Config;
use crate::error::{Error, Result};

/// Not there yet.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

impl Arguments {
    pub(super) fn run(self, _config: &Config) -> Result<Exit> {
        Err(Error::failure("not there yet"))
    }
}
