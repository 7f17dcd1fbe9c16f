//! A prompt read, and text written after it, token by token.

use std::ops::ControlFlow;

use super::LanguageModel;
use super::memory::Memory;
use super::network::{Buffers, ROWS};
use super::sampling::{Sampler, Sampling, loops};
use super::spoken::Spoken;
use crate::language::Language;
use crate::model::ModelError;

/// Room for more keys and values than this is refused: 16 GiB.
const MOST_BYTES: usize = 16 << 30;

/// When a model stops, besides where it says that it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most tokens written.
    pub max_tokens: usize,
    /// Texts after which nothing is wanted; they are not part of the result.
    pub stops: Vec<String>,
    /// The most sentences, in a language; nothing after them is part of the result.
    pub sentences: Option<(usize, Language)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_tokens: 256, stops: Vec::new(), sentences: None }
    }
}

/// What a caller is told while it waits; it may stop the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// So many tokens of the prompt are read, of all.
    Prompt {
        /// Read.
        read: usize,
        /// All.
        all: usize,
    },
    /// Text was written that will not be taken back.
    Text(&'a str),
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// It said that it has ended.
    Ended,
    /// One of the stop texts came.
    Stop,
    /// The sentences are written.
    Sentences,
    /// The most tokens are written.
    Length,
    /// The session has no room left.
    Full,
    /// It said the same over and over.
    Loop,
    /// The caller stopped it.
    Cancelled,
}

/// What a model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The text.
    pub text: String,
    /// The tokens written, those beyond a stop included.
    pub tokens: Vec<u32>,
    /// Why it stopped.
    pub finish: Finish,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of those, the ones known from before, which were not read again.
    pub reused_tokens: usize,
}

/// A model at work: what it has read is kept, so that a prompt that begins like the one before is read from where it differs.
pub struct Session<'a> {
    model: &'a LanguageModel,
    memory: Memory,
    buffers: Buffers,
}

impl<'a> Session<'a> {
    pub(super) fn new(model: &'a LanguageModel, capacity: usize) -> Result<Self, ModelError> {
        let shape = &model.network.shape;
        let fits = capacity > 1 && Memory::bytes(shape, capacity).is_some_and(|bytes| bytes <= MOST_BYTES);
        if !fits {
            return Err(ModelError::Malformed {
                model: model.name.clone(),
                detail: format!("room for {capacity} tokens: from 2 tokens to 16 GiB can be had"),
            });
        }
        let memory = Memory::new(shape, model.network.rope_factors.as_deref(), capacity);
        Ok(Self { model, memory, buffers: Buffers::default() })
    }

    /// The tokens that there is room for.
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Forgets everything that was read.
    pub fn forget(&mut self) {
        self.memory.truncate(0);
    }

    /// The scores of the token after a prompt, and how many of its tokens were known from before. `part` tokens go through the
    /// layers at a time; their number changes no bit.
    ///
    /// # Errors
    /// A prompt that is empty, too long, or holds what is no token; `None` where the caller stopped it.
    fn prompt(
        &mut self,
        tokens: &[u32],
        part: usize,
        watch: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Option<(Vec<f32>, usize)>, ModelError> {
        let room = self.memory.capacity() - 1;
        if tokens.is_empty() || tokens.len() > room {
            return Err(ModelError::Prompt { model: self.model.name.clone(), tokens: tokens.len(), room });
        }
        let vocabulary = self.model.network.shape.vocabulary;
        if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
            let detail = format!("{token} is none of its {vocabulary} tokens");
            return Err(ModelError::Malformed { model: self.model.name.clone(), detail });
        }
        let same = tokens.iter().zip(self.memory.tokens()).take_while(|(new, kept)| new == kept).count();
        // The last one is read again in any case: its scores are wanted.
        let known = same.min(tokens.len() - 1);
        self.memory.truncate(known);
        let mut logits = Vec::new();
        for tokens_of_part in tokens[known..].chunks(part.clamp(1, ROWS)) {
            let last = self.memory.len() + tokens_of_part.len() == tokens.len();
            let wanted = last.then_some(&mut logits);
            self.model.network.read(tokens_of_part, &mut self.memory, &mut self.buffers, &self.model.compute, wanted);
            if watch(Progress::Prompt { read: self.memory.len(), all: tokens.len() }).is_break() {
                return Ok(None);
            }
        }
        Ok(Some((logits, known)))
    }

    /// The scores of the token after a prompt, its tokens taken `part` at a time.
    ///
    /// # Errors
    /// A prompt that is empty, too long, or holds what is no token.
    pub fn scores(&mut self, tokens: &[u32], part: usize) -> Result<Vec<f32>, ModelError> {
        let read = self.prompt(tokens, part, &mut |_| ControlFlow::Continue(()))?;
        Ok(read.map(|(logits, _)| logits).unwrap_or_default())
    }

    /// Writes text after a prompt. `watch` is told of every step, and stops the work where it breaks.
    ///
    /// # Errors
    /// A prompt that is empty, too long, or holds what is no token; settings that make no sense; a model whose numbers overflow.
    pub fn generate(
        &mut self,
        prompt: &[u32],
        sampling: &Sampling,
        limits: &Limits,
        watch: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Generated, ModelError> {
        if let Some(fault) = sampling.fault() {
            return Err(ModelError::Malformed { model: self.model.name.clone(), detail: fault.to_owned() });
        }
        let mut generated = Generated {
            text: String::new(),
            tokens: Vec::new(),
            finish: Finish::Cancelled,
            prompt_tokens: prompt.len(),
            reused_tokens: 0,
        };
        let Some((mut logits, known)) = self.prompt(prompt, ROWS, watch)? else { return Ok(generated) };
        generated.reused_tokens = known;
        let mut sampler = Sampler::new(sampling.clone());
        let mut spoken = Spoken::new(limits);
        generated.finish = loop {
            if generated.tokens.len() >= limits.max_tokens {
                break Finish::Length;
            }
            let Some(token) = self.choose(&mut logits, &mut sampler, &generated.tokens)? else { break Finish::Ended };
            generated.tokens.push(token);
            if let Some(finish) = spoken.hear(self.model.tokenizer.bytes(token)) {
                break finish;
            }
            if loops(&generated.tokens) {
                break Finish::Loop;
            }
            if watch(Progress::Text(spoken.fresh())).is_break() {
                break Finish::Cancelled;
            }
            if self.memory.len() >= self.memory.capacity() {
                break Finish::Full;
            }
            let Self { model, memory, buffers } = self;
            model.network.read(&[token], memory, buffers, &model.compute, Some(&mut logits));
        };
        spoken.end();
        let _ = watch(Progress::Text(spoken.fresh()));
        generated.text = spoken.into_text();
        Ok(generated)
    }

    /// The next token; none where the model ends.
    fn choose(&self, logits: &mut [f32], sampler: &mut Sampler, said: &[u32]) -> Result<Option<u32>, ModelError> {
        let model = self.model;
        if logits.iter().any(|score| !score.is_finite()) {
            let detail = "its numbers overflow: the file is damaged, or its weights are out of bounds";
            return Err(ModelError::Malformed { model: model.name.clone(), detail: detail.to_owned() });
        }
        for token in model.tokenizer.unspoken() {
            if let Some(score) = logits.get_mut(token as usize) {
                *score = f32::NEG_INFINITY;
            }
        }
        let token = sampler.next(logits, said);
        Ok((!model.tokenizer.is_end(token)).then_some(token))
    }
}
