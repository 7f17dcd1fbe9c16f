//! Texts -> states: the encoder as the product runs it.
//!
//! Texts are packed one after another, without padding, and evaluated on the calling thread; a passage's result has the same bits
//! whatever it is evaluated beside. Callers that have cores to spare call from several threads: the weights are shared.

use candle_core::{Device, Tensor};

use super::ModelError;
use super::arithmetic::Arithmetic;
use super::input::Role;
use super::registry::Registry;
use super::runtime::Runtime;
use super::tokenizer::{Tokenizer, Tokens};
use super::weights::Sequence;
use crate::digest::Digest;
use crate::language::Span;

/// The shipped encoder's name in the registry.
pub const DEFAULT: &str = "e5-small-enzh";

/// A bilingual text encoder.
pub struct Encoder {
    runtime: Runtime,
    tokenizer: Tokenizer,
    digest: Digest,
}

/// A text as the encoder sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// The bytes of the text that each token stands for; empty for special tokens and the prefix.
    pub tokens: Vec<Span>,
    /// The last layer's state of each token: tokens x width, token by token.
    pub states: Vec<f32>,
    /// The plain mean of the states over all tokens; not normalised.
    pub pooled: Vec<f32>,
    /// Whether the text was longer than the encoder reads.
    pub truncated: bool,
}

impl Encoded {
    /// The states as a Candle tensor, [tokens, width].
    ///
    /// # Errors
    /// What Candle says.
    pub fn tensor(&self) -> Result<Tensor, ModelError> {
        Ok(Tensor::from_slice(&self.states, (self.tokens.len(), self.pooled.len()), &Device::Cpu)?)
    }
}

impl Encoder {
    /// Loads a model of the registry; its files' digests are checked. It is evaluated by the fastest kernels, unless the
    /// environment names an [`Arithmetic`].
    ///
    /// # Errors
    /// What [`Registry::load`] and the files' contents give.
    pub fn load(registry: &Registry, name: &str) -> Result<Self, ModelError> {
        Self::load_with(registry, name, Arithmetic::from_environment()?)
    }

    /// As [`Encoder::load`], evaluated in the arithmetic given.
    ///
    /// # Errors
    /// What [`Registry::load`] and the files' contents give.
    pub fn load_with(registry: &Registry, name: &str, arithmetic: Arithmetic) -> Result<Self, ModelError> {
        let mut files = registry.load(name)?;
        let tokenizer = Tokenizer::load(&mut files)?;
        let runtime = Runtime::load(&mut files, arithmetic)?;
        Ok(Self { runtime, tokenizer, digest: files.digest() })
    }

    /// The digest over the model's files.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The width of a state.
    pub fn width(&self) -> usize {
        self.runtime.width()
    }

    /// The arithmetic that evaluates the model, as run records name it.
    pub fn profile(&self) -> &'static str {
        self.arithmetic().name()
    }

    /// The arithmetic that evaluates the model.
    pub fn arithmetic(&self) -> Arithmetic {
        self.runtime.arithmetic()
    }

    /// What turns token ids into states, for who has ids.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The token ids of a text in a role, special tokens included.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn token_ids(&self, role: Role, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(self.tokenizer.tokens(role, text, self.runtime.most_tokens())?.ids)
    }

    /// The number of tokens of a text, without prefix and special tokens.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokenizer.count(text)
    }

    /// Encodes texts of documents.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, ModelError> {
        self.evaluate(Role::Passage, texts, Runtime::states)
    }

    /// As [`Encoder::encode`], in f32 where the arithmetic is one of bytes: for decisions that the rounding of bytes could turn.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn encode_in_single(&self, texts: &[&str]) -> Result<Vec<Encoded>, ModelError> {
        self.evaluate(Role::Passage, texts, Runtime::states_in_single)
    }

    /// The embedding of each text in a role: the mean state at unit length.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn embed(&self, role: Role, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        // Pack by pack, so that the states of a long list need not be held together.
        let mut embeddings = Vec::with_capacity(texts.len());
        for texts in texts.chunks(64) {
            embeddings.extend(self.evaluate(role, texts, Runtime::states)?.into_iter().map(|encoded| unit(encoded.pooled)));
        }
        Ok(embeddings)
    }

    fn evaluate(
        &self,
        role: Role,
        texts: &[&str],
        states: impl Fn(&Runtime, &[Sequence<'_>]) -> Result<Vec<Vec<f32>>, ModelError>,
    ) -> Result<Vec<Encoded>, ModelError> {
        let most = self.runtime.most_tokens();
        let tokens: Vec<Tokens> = texts.iter().map(|text| self.tokenizer.tokens(role, text, most)).collect::<Result<_, _>>()?;
        let sequences: Vec<Sequence<'_>> = tokens.iter().map(|tokens| Sequence::of(&tokens.ids)).collect();
        let states = states(&self.runtime, &sequences)?;
        Ok(tokens.into_iter().zip(states).map(|(tokens, states)| self.encoded(tokens, states)).collect())
    }

    fn encoded(&self, tokens: Tokens, states: Vec<f32>) -> Encoded {
        let mut pooled = vec![0.0; self.width()];
        for state in states.chunks_exact(self.width()) {
            pooled.iter_mut().zip(state).for_each(|(sum, value)| *sum += value);
        }
        let count = tokens.ids.len() as f32;
        pooled.iter_mut().for_each(|sum| *sum /= count);
        Encoded { tokens: tokens.spans, states, pooled, truncated: tokens.truncated }
    }
}

/// A vector at unit length.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|value| *value /= norm);
    vector
}

#[cfg(test)]
mod tests;
