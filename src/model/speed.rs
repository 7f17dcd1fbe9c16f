//! How fast models are on this machine: an encoder's tokens per second by length of text, a generator's reading and writing.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ModelError;
use super::encoder::Encoder;
use super::generator::sampling::Sampling;
use super::generator::{LanguageModel, Limits, Progress, Session};

/// Text as in filings, English and Chinese, cut to the length that is asked for.
const ENGLISH: &str = "Operational resilience depends on a few outside providers whose failure would interrupt payments and reporting, \
    and no exit plan has been tested in the year under review. ";
const CHINESE: &str = "本公司主要資訊系統集中於少數外部業者，倘其服務中斷，將影響支付與申報作業，且本年度尚未測試退場計畫。";

/// Texts that are encoded together, as a run does.
const BATCH: usize = 8;

/// A measured speed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// Tokens per text, special tokens included.
    pub tokens: usize,
    /// Threads that encoded at once.
    pub threads: usize,
    /// Texts per second of wall time, all threads together.
    pub texts_per_second: f64,
    /// Tokens per second of wall time, all threads together.
    pub tokens_per_second: f64,
}

/// Measures for about `time`, after one batch per thread that is not counted.
///
/// # Errors
/// What the encoder says.
pub fn measure(encoder: &Encoder, tokens: usize, threads: usize, time: Duration) -> Result<Speed, ModelError> {
    let texts = texts(encoder, tokens);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (done, seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || -> Result<(), ModelError> {
        let start = Instant::now();
        while start.elapsed() < time {
            let encoded = encoder.encode(&texts)?;
            done.fetch_add(encoded.len(), Ordering::Relaxed);
            seen.fetch_add(encoded.iter().map(|text| text.tokens.len()).sum(), Ordering::Relaxed);
        }
        Ok(())
    };
    let parallel = |work: &(dyn Fn() -> Result<(), ModelError> + Sync)| -> Result<(), ModelError> {
        thread::scope(|scope| {
            let threads: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            // A thread that panicked has shown why.
            threads.into_iter().filter_map(|thread| thread.join().ok()).fold(own, Result::and)
        })
    };
    parallel(&|| encoder.encode(&texts).map(|_| ()))?;
    let start = Instant::now();
    parallel(&work)?;
    let seconds = start.elapsed().as_secs_f64();
    let (done, seen) = (done.into_inner(), seen.into_inner());
    let tokens = seen.checked_div(done).unwrap_or(tokens);
    Ok(Speed { tokens, threads, texts_per_second: done as f64 / seconds, tokens_per_second: seen as f64 / seconds })
}

/// A measured speed of a generator, in wall time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WritingSpeed {
    /// Threads that shared the work.
    pub threads: usize,
    /// Tokens of the prompt.
    pub read_tokens: usize,
    /// Tokens of the prompt per second.
    pub read_tokens_per_second: f64,
    /// Tokens written.
    pub written_tokens: usize,
    /// Tokens written per second; none where the model ended at once.
    pub written_tokens_per_second: Option<f64>,
}

/// Measures one prompt of `read` tokens and up to `write` tokens after it, fewer where the model sees no more; `threads` are those
/// that the model was loaded with.
///
/// # Errors
/// What the model says.
pub fn measure_writing(model: &LanguageModel, threads: usize, read: usize, write: usize) -> Result<WritingSpeed, ModelError> {
    let mut session = model.session(read + write + 1)?;
    let read = read.min(session.capacity() / 2).max(1);
    let tokenizer = model.tokenizer();
    let text = tokenizer.encode(ENGLISH);
    let prompt: Vec<u32> = tokenizer.begin().into_iter().chain(text.iter().copied().cycle()).take(read).collect();
    // As summaries are written; the repetition that the rule forbids would end the writing early.
    let sampling = Sampling { no_repeat: 6, ..Sampling::default() };
    // Once for the buffers.
    let few = Limits { max_tokens: 1, ..Limits::default() };
    session.generate(&prompt, &sampling, &few, &mut |_| ControlFlow::Continue(()))?;
    let start = Instant::now();
    let Timed { tokens, reading, writing } = timed(&mut session, &prompt, &sampling, write, || start.elapsed())?;
    let written = tokens.len();
    Ok(WritingSpeed {
        threads,
        read_tokens: prompt.len(),
        read_tokens_per_second: prompt.len() as f64 / reading.as_secs_f64(),
        written_tokens: written,
        written_tokens_per_second: (written > 0).then(|| written as f64 / writing.as_secs_f64()),
    })
}

/// What a model wrote after a prompt, and what reading and writing took.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// The tokens written.
    pub tokens: Vec<u32>,
    /// Reading the prompt.
    pub reading: Duration,
    /// Writing after it.
    pub writing: Duration,
}

/// Times up to `write` tokens after a prompt, of which nothing is known from before, by a clock.
///
/// # Errors
/// What the model says.
pub fn timed(
    session: &mut Session<'_>,
    prompt: &[u32],
    sampling: &Sampling,
    write: usize,
    clock: impl Fn() -> Duration,
) -> Result<Timed, ModelError> {
    session.forget();
    let start = clock();
    let mut read = start;
    let limits = Limits { max_tokens: write, ..Limits::default() };
    let generated = session.generate(prompt, sampling, &limits, &mut |progress| {
        if matches!(progress, Progress::Prompt { .. }) {
            read = clock();
        }
        ControlFlow::Continue(())
    })?;
    Ok(Timed { tokens: generated.tokens, reading: read - start, writing: clock() - read })
}

/// A batch of texts of about so many tokens, half in each language.
fn texts(encoder: &Encoder, tokens: usize) -> Vec<String> {
    // The prefix and the special tokens are part of what is encoded.
    let room = tokens.saturating_sub(4).max(1);
    let pair = [ENGLISH, CHINESE].map(|text| {
        let mut cut = String::new();
        let pieces = text.split_inclusive([' ', '，', '、']).cycle();
        for piece in pieces {
            cut.push_str(piece);
            if encoder.count_tokens(&cut) >= room {
                break;
            }
        }
        cut
    });
    pair.into_iter().cycle().take(BATCH).collect()
}
