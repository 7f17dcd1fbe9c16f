//! `scrutineer models bench`: how fast a model is on this machine, and how long a batch would take it.

mod encoder;
mod generator;

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::super::{Exit, print, print_json};
use super::{Catalogue, Found};
use crate::config::Config;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::model::encoder::DEFAULT;

/// Measures a model's speed on this machine, and estimates what it adds to a batch
///
/// An encoder reads passages: its estimate is for --pages. A generator writes the summaries' sentences: its estimate is for
/// --documents.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    scrutineer models bench\n  \
    scrutineer models bench --pages 5000 --tokens-per-page 500 --json\n  \
    scrutineer models bench gemma3-270m --documents 400\n\n\
    SCRUTINEER_KERNELS names another arithmetic: portable, avx2, avx512, reference. Nothing else should be running meanwhile.")]
pub(super) struct Arguments {
    /// The model
    #[arg(value_name = "NAME", default_value = DEFAULT)]
    name: String,
    /// The pages of the batch whose time is estimated, for an encoder
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pages: u32,
    /// Tokens per page of that batch
    #[arg(long, value_name = "N", default_value_t = TOKENS_PER_PAGE)]
    tokens_per_page: u32,
    /// The lengths of text that an encoder is measured at, in tokens
    #[arg(long, value_name = "TOKENS", value_delimiter = ',', default_values_t = [32_u32, 128, 256], value_parser = clap::value_parser!(u32).range(8..=512))]
    lengths: Vec<u32>,
    /// How long each figure of an encoder is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,
    /// The documents of the batch whose time is estimated, for a generator
    #[arg(long, value_name = "N", default_value_t = 100)]
    documents: u32,
}

/// About the mean over filings: 793 on 2,071 pages (docs/models.md).
const TOKENS_PER_PAGE: u32 = 800;

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        if !(0.05..=60.0).contains(&self.seconds) {
            return Err(Error::usage("--seconds is between 0.05 and 60"));
        }
        let catalogue = Catalogue::open(config)?;
        match catalogue.find(&self.name)? {
            Found::Described(card) if card.task == "embedding" => {
                let lengths: Vec<usize> = self.lengths.iter().map(|length| *length as usize).collect();
                let time = Duration::from_secs_f64(self.seconds);
                encoder::run(card, &catalogue.registry, &lengths, time, [self.pages, self.tokens_per_page], config)
            }
            Found::Described(card) if card.task == "generation" => {
                generator::run(card, &catalogue.registry, self.documents, config)
            }
            Found::Described(card) => {
                Err(Error::usage(format!("`{}` is a model for {}: encoders and generators are measured", card.name, card.task))
                    .remedy("name one whose task is embedding or generation; `scrutineer models list` shows them"))
            }
            Found::Recommended(model) => Err(Error::usage(format!("`{}` is not on this machine", model.name))
                .remedy(format!("`scrutineer models show {}` says how to fetch it", model.name))),
        }
    }
}

/// What was measured of a model, and what that makes of a batch.
#[derive(Serialize)]
struct Bench<'a, Speed, Estimate> {
    model: &'a str,
    sha256: Digest,
    quantisation: &'a str,
    kernel_profile: &'static str,
    threads: usize,
    speeds: Vec<Speed>,
    estimate: Estimate,
}

impl<Speed: Serialize, Estimate: Serialize> Bench<'_, Speed, Estimate> {
    /// Prints it: as JSON, or a line on the model above `table`.
    fn show(&self, table: impl FnOnce(&Self) -> String, config: &Config) -> Result<Exit> {
        if config.json {
            print_json(self)?;
            return Ok(Exit::Done);
        }
        let (model, quantisation, profile, digest) = (self.model, self.quantisation, self.kernel_profile, self.sha256.short());
        let kernels = config.ui_language.pick("kernels", "運算核心");
        print(&format!("{model}  {quantisation}  {kernels} {profile}  SHA-256 {digest}\n{}", table(self)));
        Ok(Exit::Done)
    }
}

/// One thread, and all cores.
fn thread_counts() -> Vec<usize> {
    let mut counts = vec![1, std::thread::available_parallelism().map_or(1, usize::from)];
    counts.dedup();
    counts
}
