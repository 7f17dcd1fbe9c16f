//! A generator's speed on one thread: tokens per second of processor time, reading a prompt and writing after it.
//!
//! `cargo bench --bench generator -- MODEL.gguf` reads 256 tokens and writes 32, as `../shared/anchors/models.md` does. Without a file
//! there is nothing to measure: no generator ships. One further use:
//!
//! - `-- --serve MODEL.gguf`: for each line of standard input, a JSON list of token ids and how many to write after them, one line
//!   with the tokens and what both parts took: how `benches/compare/llamacpp_pairs.py` holds the generator against llama.cpp.

// A bench without its model has nothing to say: it stops.
#![allow(clippy::expect_used)]

mod clock;

use std::io::{BufRead, Write};
use std::path::Path;

use clock::processor_time;
use scrutineer::model::generator::sampling::Sampling;
use scrutineer::model::generator::{LanguageModel, Session};
use scrutineer::model::speed;
use serde::Serialize;

const TEXT: &str = "The bank depends on a small number of third-party providers for its core systems, and an outage at one of them could \
    interrupt payments, delay reporting to the supervisor and lead to losses that its insurance does not cover. ";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(file) = arguments.iter().find(|argument| !argument.starts_with("--")) else {
        println!("generator: name a GGUF file to measure: cargo bench --bench generator -- MODEL.gguf");
        return;
    };
    let model = LanguageModel::open(Path::new(file), 1).expect("a model that can be run");
    if arguments.iter().any(|argument| argument == "--serve") {
        serve(&model);
    } else {
        let text = model.tokenizer().encode(TEXT);
        let prompt: Vec<u32> = model.tokenizer().begin().into_iter().chain(text.iter().copied().cycle()).take(256).collect();
        let mut session = model.session(512).expect("room for the prompt");
        println!("{:>18} {:>18}   {}", "read tokens/s", "written tokens/s", model.profile());
        for _ in 0..5 {
            let run = measured(&mut session, &prompt, 32);
            let rate = |count: usize, seconds: f64| count as f64 / seconds;
            println!("{:>18.1} {:>18.1}", rate(prompt.len(), run.read_seconds), rate(run.tokens.len(), run.write_seconds));
        }
    }
}

#[derive(Serialize)]
struct Run {
    tokens: Vec<u32>,
    /// Processor time of this thread.
    read_seconds: f64,
    write_seconds: f64,
}

/// The likeliest tokens after a prompt of which nothing is known from before.
fn measured(session: &mut Session<'_>, prompt: &[u32], write: usize) -> Run {
    let timed = speed::timed(session, prompt, &Sampling::default(), write, processor_time).expect("the prompt can be read");
    Run { tokens: timed.tokens, read_seconds: timed.reading.as_secs_f64(), write_seconds: timed.writing.as_secs_f64() }
}

fn serve(model: &LanguageModel) {
    let mut session = model.session(2048).expect("room for prompts");
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let (prompt, write): (Vec<u32>, usize) = serde_json::from_str(&line.expect("a line")).expect("token ids and a number");
        serde_json::to_writer(&mut out, &measured(&mut session, &prompt, write)).expect("standard output");
        out.write_all(b"\n").and_then(|()| out.flush()).expect("standard output");
    }
}
