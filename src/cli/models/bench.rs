//! `scrutineer models bench`: how fast a model is on this machine, and how long a batch would take it.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::super::{Exit, print, print_json};
use super::{Catalogue, Found};
use crate::config::Config;
use crate::digest::Digest;
use crate::error::{Error, OrFail, Result};
use crate::model::encoder::{self, Encoder};
use crate::model::speed::{self, Speed};

/// Measures an encoder's speed on this machine, and estimates what it adds to a batch
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    scrutineer models bench\n  \
    scrutineer models bench --pages 5000 --tokens-per-page 500 --json\n\n\
    SCRUTINEER_KERNELS names another arithmetic: portable, avx2, avx512, reference. Nothing else should be running meanwhile.")]
pub(super) struct Arguments {
    /// The model
    #[arg(value_name = "NAME", default_value = encoder::DEFAULT)]
    name: String,
    /// The pages of the batch whose time is estimated
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pages: u32,
    /// Tokens per page of that batch
    #[arg(long, value_name = "N", default_value_t = TOKENS_PER_PAGE)]
    tokens_per_page: u32,
    /// The lengths of text that are measured, in tokens
    #[arg(long, value_name = "TOKENS", value_delimiter = ',', default_values_t = [32_u32, 128, 256], value_parser = clap::value_parser!(u32).range(8..=512))]
    lengths: Vec<u32>,
    /// How long each figure is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,
}

/// About the mean over filings: 793 on 2,071 pages (docs/models.md).
const TOKENS_PER_PAGE: u32 = 800;

/// A passage has about so many tokens: a batch's time is estimated from the measured length that is nearest.
const USUAL: usize = 128;

#[derive(Serialize)]
struct Bench<'a> {
    model: &'a str,
    sha256: Digest,
    quantisation: &'a str,
    kernel_profile: &'static str,
    threads: usize,
    speeds: Vec<Measured>,
    estimate: Estimate,
}

#[derive(Serialize)]
struct Measured {
    length: usize,
    #[serde(flatten)]
    speed: Speed,
}

/// What the encoder adds to a batch; reading, summaries and records come on top.
#[derive(Serialize)]
struct Estimate {
    pages: u32,
    tokens_per_page: u32,
    seconds: f64,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        if !(0.05..=60.0).contains(&self.seconds) {
            return Err(Error::usage("--seconds is between 0.05 and 60"));
        }
        let catalogue = Catalogue::open(config)?;
        let card = match catalogue.find(&self.name)? {
            Found::Described(card) if card.task == "embedding" => card,
            Found::Described(card) => {
                return Err(Error::usage(format!("`{}` is a model for {}: encoders are measured", card.name, card.task))
                    .remedy("name one whose task is embedding; `scrutineer models list` shows them"));
            }
            Found::Recommended(model) => {
                return Err(Error::usage(format!("`{}` is not on this machine", model.name))
                    .remedy(format!("`scrutineer models show {}` says how to fetch it", model.name)));
            }
        };
        let encoder = Encoder::load(&catalogue.registry, &card.name).or_fail(|| format!("cannot load `{}`", card.name))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut threads = vec![1, cores];
        threads.dedup();
        let mut speeds = Vec::new();
        for length in self.lengths.iter().map(|length| *length as usize) {
            for &threads in &threads {
                let speed = speed::measure(&encoder, length, threads, Duration::from_secs_f64(self.seconds))
                    .or_fail(|| "the encoder cannot be measured".to_owned())?;
                speeds.push(Measured { length, speed });
            }
        }
        let nearest = speeds.iter().map(|measured| measured.length).min_by_key(|length| length.abs_diff(USUAL));
        let usual = speeds.iter().filter(|measured| Some(measured.length) == nearest);
        let per_second = usual.map(|measured| measured.speed.tokens_per_second).fold(0.0, f64::max);
        let tokens = f64::from(self.pages) * f64::from(self.tokens_per_page);
        let bench = Bench {
            model: &card.name,
            sha256: encoder.digest(),
            quantisation: card.quantisation(),
            kernel_profile: encoder.profile(),
            threads: cores,
            speeds,
            estimate: Estimate {
                pages: self.pages,
                tokens_per_page: self.tokens_per_page,
                seconds: if per_second > 0.0 { tokens / per_second } else { 0.0 },
            },
        };
        if config.json {
            print_json(&bench)?;
        } else {
            print(&render(&bench, config));
        }
        Ok(Exit::Done)
    }
}

fn render(bench: &Bench<'_>, config: &Config) -> String {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let mut out = format!(
        "{}  {}  {} {}  SHA-256 {}\n",
        bench.model,
        bench.quantisation,
        say("kernels", "運算核心"),
        bench.kernel_profile,
        bench.sha256.short()
    );
    out += &format!(
        "{:>8} {:>8} {:>12} {:>12}\n",
        say("tokens", "詞元"),
        say("threads", "執行緒"),
        say("texts/s", "段/秒"),
        say("tokens/s", "詞元/秒")
    );
    for Measured { length, speed } in &bench.speeds {
        out += &format!("{length:>8} {:>8} {:>12.1} {:>12.0}\n", speed.threads, speed.texts_per_second, speed.tokens_per_second);
    }
    let Estimate { pages, tokens_per_page, seconds } = bench.estimate;
    out += &format!(
        "{pages} {} × {tokens_per_page} {}: {} {seconds:.0} s {} {} {}\n",
        say("pages", "頁"),
        say("tokens per page", "詞元/頁"),
        say("about", "約"),
        say("of the encoder on", "（編碼器，"),
        bench.threads,
        say("threads; reading, summaries and records come on top", "執行緒）；讀取、摘要與記錄另計"),
    );
    out
}
