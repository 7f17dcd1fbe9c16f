//! The encoder's speed on one thread: tokens and sequences per second of processor time, for every arithmetic that runs here.
//!
//! `cargo bench --bench encoder [-- ARITHMETIC…]`: sequences of 32, 128 and 256 tokens, and mixed lengths as in filings.
//! Tokenising is part of it, and measured by itself at the end. `cargo bench -p scrutineer-kernels` shows where the time goes.

// A bench without its models has nothing to say: it stops.
#![allow(clippy::expect_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use scrutineer::model::arithmetic::Arithmetic;
use scrutineer::model::encoder::{DEFAULT, Encoder};
use scrutineer::model::registry::Registry;
use scrutineer_kernels::Profile;

const ENGLISH: &str = "The bank depends on a small number of third-party providers for its core systems, and an outage at one of \
    them could interrupt payments, delay reporting to the supervisor and lead to losses that its insurance does not cover. ";
const CHINESE: &str = "本行核心系統委由單一雲端業者代管，尚無可行之退場計畫；如該業者服務中斷，將影響支付業務及對主管機關之申報，並可能造成保險未涵蓋之損失。";

fn main() {
    let names: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let mut arithmetics: Vec<Arithmetic> = Profile::available().into_iter().map(Arithmetic::Kernels).collect();
    arithmetics.push(Arithmetic::Reference);
    if !names.is_empty() {
        arithmetics = names.iter().filter_map(|name| Arithmetic::named(name).ok()).collect();
    }
    let registry = Registry::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).expect("the shipped models");
    println!("{:14} {:>10} {:>8} {:>12} {:>12}", "arithmetic", "tokens", "texts", "texts/s", "tokens/s");
    for arithmetic in arithmetics {
        let encoder = Encoder::load_with(&registry, DEFAULT, arithmetic).expect("the shipped encoder");
        for (name, texts) in workloads(&encoder) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let (mut texts_done, mut tokens_done, mut spent) = (0, 0, Duration::ZERO);
            // Once to warm up, then until a second has been spent.
            while spent < Duration::from_secs(1) {
                let start = Instant::now();
                let encoded = encoder.encode(&texts).expect("the texts can be encoded");
                spent += start.elapsed();
                texts_done += texts.len();
                tokens_done += encoded.iter().map(|encoded| encoded.tokens.len()).sum::<usize>();
            }
            let per_second = |count: usize| count as f64 / spent.as_secs_f64();
            println!(
                "{:14} {name:>10} {:>8} {:>12.1} {:>12.0}",
                arithmetic.name(),
                texts.len(),
                per_second(texts_done),
                per_second(tokens_done)
            );
        }
    }
    let encoder = Encoder::load(&registry, DEFAULT).expect("the shipped encoder");
    let text = ENGLISH.repeat(40) + &CHINESE.repeat(40);
    let start = Instant::now();
    let count: usize = (0..20).map(|_| encoder.count_tokens(&text)).sum();
    println!("tokeniser: {:.0} tokens/s", count as f64 / start.elapsed().as_secs_f64());
}

/// Texts of a number of tokens with prefix and special tokens, and of mixed lengths.
fn workloads(encoder: &Encoder) -> Vec<(String, Vec<String>)> {
    let of_length = |tokens: usize, text: &str| {
        let text = text.repeat(12);
        let mut cut = String::new();
        for character in text.chars() {
            cut.push(character);
            if character == ' ' || !character.is_ascii() {
                let encoded = encoder.count_tokens(&cut) + 4;
                if encoded >= tokens {
                    break;
                }
            }
        }
        cut
    };
    let mut workloads: Vec<(String, Vec<String>)> = [32, 128, 256]
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
