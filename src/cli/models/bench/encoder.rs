//! An encoder's speed by length of text, and what it adds to a batch of pages.

use std::time::Duration;

use serde::Serialize;

use super::super::super::Exit;
use super::{Bench, thread_counts};
use crate::config::Config;
use crate::error::{OrFail, Result};
use crate::model::encoder::Encoder;
use crate::model::registry::{ModelCard, Registry};
use crate::model::speed::{self, Speed};

/// A passage has about so many tokens: a batch's time is estimated from the measured length that is nearest.
const USUAL: usize = 128;

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

/// Measures the encoder of a card, each length for `time`; the estimate is for pages and tokens per page.
pub(super) fn run(
    card: &ModelCard,
    registry: &Registry,
    lengths: &[usize],
    time: Duration,
    [pages, tokens_per_page]: [u32; 2],
    config: &Config,
) -> Result<Exit> {
    let encoder = Encoder::load(registry, &card.name).or_fail(|| format!("cannot load `{}`", card.name))?;
    let threads = thread_counts();
    let mut speeds = Vec::new();
    for &length in lengths {
        for &threads in &threads {
            let speed =
                speed::measure(&encoder, length, threads, time).or_fail(|| "the encoder cannot be measured".to_owned())?;
            speeds.push(Measured { length, speed });
        }
    }
    let nearest = lengths.iter().copied().min_by_key(|length| length.abs_diff(USUAL));
    let usual = speeds.iter().filter(|measured| Some(measured.length) == nearest);
    let per_second = usual.map(|measured| measured.speed.tokens_per_second).fold(0.0, f64::max);
    let tokens = f64::from(pages) * f64::from(tokens_per_page);
    let bench = Bench {
        model: &card.name,
        sha256: encoder.digest(),
        quantisation: card.quantisation(),
        kernel_profile: encoder.profile(),
        threads: threads.iter().copied().max().unwrap_or(1),
        speeds,
        estimate: Estimate { pages, tokens_per_page, seconds: if per_second > 0.0 { tokens / per_second } else { 0.0 } },
    };
    bench.show(|bench| table(bench, config), config)
}

fn table(bench: &Bench<'_, Measured, Estimate>, config: &Config) -> String {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let mut out = format!(
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
