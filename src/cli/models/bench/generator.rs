//! A generator's speed, reading and writing, and what it adds to a batch of documents.

use serde::Serialize;

use super::super::super::Exit;
use super::{Bench, thread_counts};
use crate::config::Config;
use crate::error::{OrFail, Result};
use crate::model::arithmetic::Arithmetic;
use crate::model::generator::LanguageModel;
use crate::model::registry::{ModelCard, Registry};
use crate::model::speed::{self, WritingSpeed};

/// A summary's sections, as pipelines ship.
const SECTIONS: u32 = 8;
/// Tokens of a section's evidence: three quotations of about 100 tokens.
const READ: usize = 300;
/// Tokens written for a section: three sentences.
const WRITTEN: usize = 100;

/// What the generator adds to a batch.
#[derive(Serialize)]
struct Estimate {
    documents: u32,
    sections_per_document: u32,
    tokens_read_per_section: usize,
    tokens_written_per_section: usize,
    /// None where the model ended at once, so that its writing was not measured.
    seconds: Option<f64>,
}

/// Measures the generator of a card.
pub(super) fn run(card: &ModelCard, registry: &Registry, documents: u32, config: &Config) -> Result<Exit> {
    let cannot = || format!("cannot measure `{}`", card.name);
    let arithmetic = Arithmetic::from_environment().or_fail(cannot)?;
    let mut speeds = Vec::new();
    let mut identity = None;
    for threads in thread_counts() {
        let model = LanguageModel::load(registry, &card.name, arithmetic, threads).or_fail(cannot)?;
        speeds.push(speed::measure_writing(&model, threads, READ, WRITTEN).or_fail(cannot)?);
        identity = Some((model.digest(), model.profile()));
    }
    let Some((sha256, kernel_profile)) = identity else { return Ok(Exit::Done) };
    let sections = f64::from(documents) * f64::from(SECTIONS);
    let times = speeds
        .iter()
        .filter_map(|speed| Some(READ as f64 / speed.read_tokens_per_second + WRITTEN as f64 / speed.written_tokens_per_second?));
    let bench = Bench {
        model: &card.name,
        sha256,
        quantisation: card.quantisation(),
        kernel_profile,
        threads: speeds.iter().map(|speed| speed.threads).max().unwrap_or(1),
        estimate: Estimate {
            documents,
            sections_per_document: SECTIONS,
            tokens_read_per_section: READ,
            tokens_written_per_section: WRITTEN,
            seconds: times.map(|seconds| seconds * sections).reduce(f64::min),
        },
        speeds,
    };
    bench.show(|bench| table(bench, config), config)
}

fn table(bench: &Bench<'_, WritingSpeed, Estimate>, config: &Config) -> String {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let (read, written) = (say("read tokens/s", "讀取詞元/秒"), say("written tokens/s", "寫出詞元/秒"));
    let mut out = format!("{:>8} {read:>16} {written:>18}\n", say("threads", "執行緒"));
    for speed in &bench.speeds {
        let written = speed.written_tokens_per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
        out += &format!("{:>8} {:>16.1} {written:>18}\n", speed.threads, speed.read_tokens_per_second);
    }
    let Estimate { documents, sections_per_document, tokens_read_per_section, tokens_written_per_section, seconds } =
        bench.estimate;
    out += &format!(
        "{documents} {} × {sections_per_document} {} × ({tokens_read_per_section} {} + {tokens_written_per_section} {}): ",
        say("documents", "份文件"),
        say("sections", "節"),
        say("tokens read", "詞元讀取"),
        say("written", "詞元寫出"),
    );
    out += &match seconds {
        Some(seconds) => format!(
            "{} {seconds:.0} s{}\n",
            say("about", "約"),
            say("; most documents have fewer sections", "；多數文件的節數較少")
        ),
        None => say("not known, as the model ended at once\n", "無法估計：模型隨即結束\n").to_owned(),
    };
    out
}
