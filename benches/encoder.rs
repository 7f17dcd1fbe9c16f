//! The encoder's speed on one thread: sequences and tokens per second of processor time, for every arithmetic that runs here.
//!
//! `cargo bench --bench encoder [-- ARITHMETIC…]`: sequences of 32, 128 and 256 tokens, and mixed lengths as in filings. What other
//! programs do at the same time takes no processor time of this thread, so the figures hold on a busy machine, save for caches
//! and clock. `cargo bench -p scrutineer-kernels` shows where the time goes. Two further uses:
//!
//! - `-- --serve ARITHMETIC`: evaluates token ids from standard input, line by line: how `benches/compare/onnxruntime_pairs.py`
//!   holds the encoder against onnxruntime, turn and turn about;
//! - `-- --tokens`: reads texts from standard input and writes their token ids, line by line.

// A bench without its models has nothing to say: it stops.
#![allow(clippy::expect_used)]

mod clock;

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use clock::processor_time;
use scrutineer::model::arithmetic::Arithmetic;
use scrutineer::model::encoder::{DEFAULT, Encoder};
use scrutineer::model::input::Role;
use scrutineer::model::registry::Registry;
use scrutineer::model::weights::Sequence;

const ENGLISH: &str = "The bank depends on a small number of third-party providers for its core systems, and an outage at one of \
    them could interrupt payments, delay reporting to the supervisor and lead to losses that its insurance does not cover. ";
const CHINESE: &str = "本行核心系統委由單一雲端業者代管，尚無可行之退場計畫；如該業者服務中斷，將影響支付業務及對主管機關之申報，並可能造成保險未涵蓋之損失。";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let names: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with("--")).collect();
    let mut arithmetics = Arithmetic::available();
    if !names.is_empty() {
        arithmetics = names.iter().map(|name| Arithmetic::named(name).expect("an arithmetic that runs here")).collect();
    }
    if arguments.iter().any(|argument| argument == "--serve") {
        serve(&loaded(arithmetics[0]));
    } else if arguments.iter().any(|argument| argument == "--tokens") {
        write_tokens(&loaded(arithmetics[0]));
    } else {
        table(&arithmetics);
    }
}

fn loaded(arithmetic: Arithmetic) -> Encoder {
    let registry = Registry::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).expect("the shipped models");
    Encoder::load_with(&registry, DEFAULT, arithmetic).expect("the shipped encoder")
}

fn table(arithmetics: &[Arithmetic]) {
    println!("{:14} {:>10} {:>8} {:>12} {:>12}", "arithmetic", "tokens", "texts", "texts/s", "tokens/s");
    for &arithmetic in arithmetics {
        let encoder = loaded(arithmetic);
        for (name, sequences) in workloads(&encoder) {
            let tokens: usize = sequences.iter().map(Vec::len).sum();
            let sequences: Vec<Sequence<'_>> = sequences.iter().map(|ids| Sequence::of(ids)).collect();
            // Once to warm up, then until a second has been spent.
            encoder.runtime().states(&sequences).expect("the sequences can be evaluated");
            let (start, clock, mut rounds) = (processor_time(), Instant::now(), 0);
            while rounds == 0 || processor_time().saturating_sub(start) < Duration::from_secs(1) && clock.elapsed().as_secs() < 20
            {
                encoder.runtime().states(&sequences).expect("the sequences can be evaluated");
                rounds += 1;
            }
            let spent = processor_time().saturating_sub(start).as_secs_f64();
            let per_second = |count: usize| (count * rounds) as f64 / spent;
            let (texts, tokens) = (per_second(sequences.len()), per_second(tokens));
            println!("{:14} {name:>10} {:>8} {texts:>12.1} {tokens:>12.0}", arithmetic.name(), sequences.len());
        }
    }
    let encoder = loaded(arithmetics[0]);
    let text = ENGLISH.repeat(40) + &CHINESE.repeat(40);
    let start = processor_time();
    let count: usize = (0..20).map(|_| encoder.count_tokens(&text)).sum();
    println!("tokeniser: {:.0} tokens/s", count as f64 / processor_time().saturating_sub(start).as_secs_f64());
}

/// One evaluation for each line of standard input, a JSON list of lists of token ids; a line of what came out, for comparison:
/// the first sequence's mean state.
fn serve(encoder: &Encoder) {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let sequences: Vec<Vec<u32>> = serde_json::from_str(&line.expect("a line")).expect("a list of lists of token ids");
        let sequences: Vec<Sequence<'_>> = sequences.iter().map(|ids| Sequence::of(ids)).collect();
        let states = encoder.runtime().states(&sequences).expect("the sequences can be evaluated");
        let mut mean = vec![0.0_f32; encoder.width()];
        for state in states[0].chunks_exact(encoder.width()) {
            mean.iter_mut().zip(state).for_each(|(sum, value)| *sum += value);
        }
        serde_json::to_writer(&mut out, &mean).expect("standard output");
        out.write_all(b"\n").and_then(|()| out.flush()).expect("standard output");
    }
}

/// The token ids of each line of standard input, as a passage.
fn write_tokens(encoder: &Encoder) {
    for line in std::io::stdin().lock().lines() {
        let ids = encoder.token_ids(Role::Passage, &line.expect("a line")).expect("the text can be tokenised");
        println!("{}", serde_json::to_string(&ids).expect("numbers"));
    }
}

/// Token ids of texts of a number of tokens with prefix and special tokens, and of mixed lengths.
fn workloads(encoder: &Encoder) -> Vec<(String, Vec<Vec<u32>>)> {
    let of_length = |tokens: usize, text: &str| {
        let mut ids = encoder.token_ids(Role::Passage, &text.repeat(12)).expect("the text can be tokenised");
        ids.drain(tokens - 1..ids.len() - 1);
        ids
    };
    let mut workloads: Vec<(String, Vec<Vec<u32>>)> = [32, 128, 256]
        .iter()
        .map(|&tokens| {
            let pair = [ENGLISH, CHINESE].map(|text| of_length(tokens, text));
            (tokens.to_string(), pair.iter().cycle().take(8).cloned().collect())
        })
        .collect();
    let mixed = [12, 150, 40, 90, 200, 25, 128, 60, 110, 180].map(|tokens| of_length(tokens, ENGLISH)).to_vec();
    workloads.push(("mixed".to_owned(), mixed));
    workloads
}
