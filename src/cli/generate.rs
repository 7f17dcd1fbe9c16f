//! `scrutineer generate`: a language model on one prompt, to try it out.

use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::terminal::harmless;
use crate::config::Config;
use crate::error::{Error, OrFail, Result};
use crate::model::ModelError;
use crate::model::arithmetic::Arithmetic;
use crate::model::generator::sampling::Sampling;
use crate::model::generator::{Finish, Generated, LanguageModel, Limits, Progress};
use crate::model::registry::Registry;

/// Have a local language model (GGUF: Llama, Qwen 3, Gemma 3) write text after a prompt, to try it out
///
/// The text is a model's own: it rests on no document and nothing checks it. Summaries that are checked come from
/// `scrutineer run` with a pipeline file whose [summary] names a generator.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scrutineer generate --model gemma-3-270m --prompt 'The supervisor said that' --max-tokens 40\n  \
                        scrutineer generate --model models/qwen3.gguf --prompt - < prompt.txt --temperature 0.7 --seed 3 --json"
)]
pub(super) struct Arguments {
    /// A model of the registry, or a GGUF file
    #[arg(long, value_name = "NAME|FILE.gguf")]
    model: String,
    /// What it is asked, or the text that a base model goes on with; `-` for standard input
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// What it is told to do with the prompt
    #[arg(long, value_name = "TEXT", default_value = "")]
    instruction: String,
    /// The most tokens written
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_tokens: usize,
    /// Tokens of prompt and answer that there is room for
    #[arg(long, value_name = "N", default_value_t = 4096)]
    context: usize,
    /// 0 for the likeliest words; above, words are drawn
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    temperature: f32,
    /// What draws: the same seed draws the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Draw among so many of the likeliest tokens; 0 for all
    #[arg(long, value_name = "N", default_value_t = 40)]
    top_k: usize,
    /// Draw among the likeliest tokens that together have this probability
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    top_p: f32,
    /// Draw among tokens with at least this part of the likeliest one's probability
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    min_p: f32,
    /// Divide the scores of tokens said lately by this
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    repeat_penalty: f32,
    /// Say no run of so many tokens twice; 0 for no such rule
    #[arg(long, value_name = "N", default_value_t = 0)]
    no_repeat: usize,
    /// Stop before this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Threads (default: one per core); their number changes no word
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    schema: &'static str,
    model: ModelView<'a>,
    text: &'a str,
    finish: Finish,
    prompt_tokens: usize,
    tokens: usize,
    sampling: &'a Sampling,
    /// Seconds of wall time.
    seconds: Seconds,
}

#[derive(Serialize)]
struct ModelView<'a> {
    name: &'a str,
    sha256: String,
    registered: bool,
    chat_form: &'static str,
    kernel_profile: &'static str,
    weight_bytes: usize,
    notes: &'a [String],
}

#[derive(Clone, Copy, Serialize)]
struct Seconds {
    load: f64,
    prompt: f64,
    answer: f64,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let prompt = if self.prompt == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).or_usage(|| "cannot read the prompt from standard input".to_owned())?;
            text
        } else {
            self.prompt.clone()
        };
        let start = Instant::now();
        let model = self.load(config)?;
        let load = start.elapsed().as_secs_f64();
        let notes = model.notes();
        if !config.json && !config.quiet {
            notes.iter().for_each(|note| eprintln!("note: {note}"));
        }
        let tokens = model.form().prompt(model.tokenizer(), &self.instruction, &prompt);
        let (generated, seconds) = self.write(&model, &tokens, load, config.json)?;
        if config.json {
            super::print_json(&Answer {
                schema: "scrutineer-generation/1",
                model: ModelView {
                    name: model.name(),
                    sha256: model.digest().to_string(),
                    registered: model.is_registered(),
                    chat_form: model.form().name(),
                    kernel_profile: model.profile(),
                    weight_bytes: model.weight_bytes(),
                    notes: &notes,
                },
                text: &generated.text,
                finish: generated.finish,
                prompt_tokens: generated.prompt_tokens,
                tokens: generated.tokens.len(),
                sampling: &self.sampling(),
                seconds,
            })?;
        } else {
            println!("");
        }
        if generated.finish == Finish::Cancelled {
            return Err(Error::interrupted("stopped before the model had ended"));
        }
        Ok(Exit::Done)
    }

    fn load(&self, config: &Config) -> Result<LanguageModel> {
        let threads = self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let path = Path::new(&self.model);
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf")) {
            return LanguageModel::open(path, threads).or_usage(|| "cannot load the model".to_owned());
        }
        let registry = Registry::installed(config).or_usage(|| "cannot load the model".to_owned())?;
        let arithmetic = Arithmetic::from_environment().or_usage(|| "cannot load the model".to_owned())?;
        LanguageModel::load(&registry, &self.model, arithmetic, threads).map_err(|error| {
            let writing: Vec<&str> =
                registry.models().iter().filter(|card| card.task == "generation").map(|card| card.name.as_str()).collect();
            let known = if writing.is_empty() { "none".to_owned() } else { writing.join(", ") };
            Error::usage("cannot load the model").because(error).remedy(format!(
                "models of the registry that write: {known}; a file that it does not describe is named by its path"
            ))
        })
    }

    fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            seed: self.seed,
            repeat_penalty: self.repeat_penalty,
            no_repeat: self.no_repeat,
        }
    }

    /// Writes, shown word by word unless the answer goes out as JSON. The first Ctrl-C stops it.
    fn write(&self, model: &LanguageModel, prompt: &[u32], load: f64, json: bool) -> Result<(Generated, Seconds)> {
        let stop = super::run::on_interrupt()?;
        let sampling = self.sampling();
        if let Some(fault) = sampling.fault() {
            return Err(Error::usage(fault));
        }
        let limits = Limits { max_tokens: self.max_tokens, stops: self.stop.clone(), sentences: None };
        let mut session = model.session(self.context).or_usage(|| "there is no room for the model's work".to_owned())?;
        let start = Instant::now();
        let mut prompt_seconds = 0.0;
        let generated = session.generate(prompt, &sampling, &limits, &mut |progress| {
            match progress {
                Progress::Prompt { .. } => prompt_seconds = start.elapsed().as_secs_f64(),
                Progress::Text(text) if !json => {
                    // A reader who has closed the pipe misses nothing that matters.
                    let mut out = std::io::stdout().lock();
                    let _ = out.write_all(harmless(text).as_bytes()).and_then(|()| out.flush());
                }
                Progress::Text(_) => {}
            }
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let generated = generated.map_err(|error| {
            let remedy = "give a shorter prompt, or more room with --context, up to what the model was trained for";
            let fits = !matches!(error, ModelError::Prompt { .. });
            let failed = Error::usage("the model cannot answer").because(error);
            if fits { failed } else { failed.remedy(remedy) }
        })?;
        let answer = start.elapsed().as_secs_f64() - prompt_seconds;
        Ok((generated, Seconds { load, prompt: prompt_seconds, answer }))
    }
}
