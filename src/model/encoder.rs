//! Texts -> states: the encoder as the product runs it.
//!
//! Texts are packed one after another, without padding, and evaluated on the calling thread; a passage's result has the same bits
//! whatever it is evaluated beside. Callers that have cores to spare call from several threads: the weights are shared.

use candle_core::{Device, Tensor};

use super::ModelError;
use super::arithmetic::Arithmetic;
use super::input::Role;
use super::packed::PackedBert;
use super::reference::Reference;
use super::registry::Registry;
use super::tokenizer::{Tokenizer, Tokens};
use super::weights::BertWeights;
use crate::digest::Digest;
use crate::language::Span;

/// The shipped encoder's name in the registry.
pub const DEFAULT: &str = "e5-small-enzh";

/// Tokens that are evaluated together: enough that reading the weights costs little, few enough that the states stay in the cache.
const PACK: usize = 512;

/// A bilingual text encoder.
pub struct Encoder {
    weights: BertWeights,
    runtime: Runtime,
    tokenizer: Tokenizer,
    digest: Digest,
}

enum Runtime {
    Packed(PackedBert),
    Reference(Reference),
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
        let weights = BertWeights::load(&mut files)?;
        let runtime = match arithmetic {
            Arithmetic::Kernels(profile) => Runtime::Packed(PackedBert::new(&weights, profile)),
            Arithmetic::Reference => Runtime::Reference(Reference::new(&weights)?),
        };
        Ok(Self { weights, runtime, tokenizer, digest: files.digest() })
    }

    /// The digest over the model's files.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The width of a state.
    pub fn width(&self) -> usize {
        self.weights.config.hidden_size
    }

    /// The arithmetic that evaluates the model, as run records name it.
    pub fn profile(&self) -> &'static str {
        self.arithmetic().name()
    }

    /// The arithmetic that evaluates the model.
    pub fn arithmetic(&self) -> Arithmetic {
        match &self.runtime {
            Runtime::Packed(packed) => Arithmetic::Kernels(packed.profile()),
            Runtime::Reference(_) => Arithmetic::Reference,
        }
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
        self.evaluate(Role::Passage, texts)
    }

    /// The embedding of each text in a role: the mean state at unit length.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn embed(&self, role: Role, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        // Pack by pack, so that the states of a long list need not be held together.
        let mut embeddings = Vec::with_capacity(texts.len());
        for texts in texts.chunks(64) {
            embeddings.extend(self.evaluate(role, texts)?.into_iter().map(|encoded| unit(encoded.pooled)));
        }
        Ok(embeddings)
    }

    fn evaluate(&self, role: Role, texts: &[&str]) -> Result<Vec<Encoded>, ModelError> {
        let most = self.weights.config.max_position_embeddings;
        let tokens: Vec<Tokens> = texts.iter().map(|text| self.tokenizer.tokens(role, text, most)).collect::<Result<_, _>>()?;
        let mut encoded = Vec::with_capacity(texts.len());
        let mut rest = tokens.into_iter().peekable();
        while rest.peek().is_some() {
            let mut pack: Vec<Tokens> = Vec::new();
            let mut count = 0;
            while let Some(next) = rest.next_if(|next| pack.is_empty() || count + next.ids.len() <= PACK) {
                count += next.ids.len();
                pack.push(next);
            }
            let ids: Vec<&[u32]> = pack.iter().map(|tokens| tokens.ids.as_slice()).collect();
            let states = self.states(&ids)?;
            let mut states = states.as_slice();
            for tokens in pack {
                let (own, others) = states.split_at(tokens.ids.len() * self.width());
                states = others;
                encoded.push(self.encoded(tokens, own));
            }
        }
        Ok(encoded)
    }

    /// The states of sequences, one after the other.
    fn states(&self, sequences: &[&[u32]]) -> Result<Vec<f32>, ModelError> {
        match &self.runtime {
            Runtime::Packed(packed) => Ok(packed.states(&self.weights, sequences)),
            Runtime::Reference(reference) => {
                let mut states = Vec::new();
                for ids in sequences {
                    states.extend(reference.states(&self.weights, ids)?.flatten_all()?.to_vec1::<f32>()?);
                }
                Ok(states)
            }
        }
    }

    fn encoded(&self, tokens: Tokens, states: &[f32]) -> Encoded {
        let mut pooled = vec![0.0; self.width()];
        for state in states.chunks_exact(self.width()) {
            pooled.iter_mut().zip(state).for_each(|(sum, value)| *sum += value);
        }
        let count = tokens.ids.len() as f32;
        pooled.iter_mut().for_each(|sum| *sum /= count);
        Encoded { tokens: tokens.spans, states: states.to_vec(), pooled, truncated: tokens.truncated }
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
