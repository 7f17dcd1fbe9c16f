//! Texts -> states: the encoder as the product runs it.
//!
//! Each text is evaluated by itself, on the calling thread and without padding, so a passage's result has the same bits
//! whatever it is evaluated beside. Callers that have cores to spare call from several threads: the weights are shared.

use candle_core::{Device, Tensor};
use scrutineer_kernels::{self as kernels, Matrix, MatrixMut, multiply};

use super::ModelError;
use super::input::Role;
use super::registry::Registry;
use super::tokenizer::{Tokenizer, Tokens};
use super::weights::{BertWeights, Layer, Linear};
use crate::digest::Digest;
use crate::language::Span;

/// The shipped encoder's name in the registry.
pub const DEFAULT: &str = "e5-small-enzh";

/// A bilingual text encoder.
pub struct Encoder {
    weights: BertWeights,
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
    /// Loads a model of the registry; its files' digests are checked.
    ///
    /// # Errors
    /// What [`Registry::load`] and the files' contents give.
    pub fn load(registry: &Registry, name: &str) -> Result<Self, ModelError> {
        let mut files = registry.load(name)?;
        let tokenizer = Tokenizer::load(&mut files)?;
        let weights = BertWeights::load(&mut files)?;
        Ok(Self { weights, tokenizer, digest: files.digest() })
    }

    /// The digest over the model's files.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The width of a state.
    pub fn width(&self) -> usize {
        self.weights.config.hidden_size
    }

    /// The arithmetic that runs on this processor, as run records name it.
    pub fn profile(&self) -> &'static str {
        kernels::profile().name()
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
        texts.iter().map(|text| Ok(self.evaluate(self.tokens(Role::Passage, text)?))).collect()
    }

    /// The embedding of each text in a role: the mean state at unit length.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn embed(&self, role: Role, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        texts.iter().map(|text| Ok(unit(self.evaluate(self.tokens(role, text)?).pooled))).collect()
    }

    pub(super) fn tokens(&self, role: Role, text: &str) -> Result<Tokens, ModelError> {
        self.tokenizer.tokens(role, text, self.weights.config.max_position_embeddings)
    }

    pub(super) fn weights(&self) -> &BertWeights {
        &self.weights
    }

    fn evaluate(&self, tokens: Tokens) -> Encoded {
        let width = self.width();
        let mut states = self.weights.embedded(&tokens.ids);
        let mut scratch = Scratch::default();
        for layer in &self.weights.layers {
            self.weights.apply(layer, &mut states, &mut scratch);
        }
        let mut pooled = vec![0.0; width];
        for state in states.chunks_exact(width) {
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

/// Buffers that layers share.
#[derive(Default)]
struct Scratch {
    qkv: Vec<f32>,
    scores: Vec<f32>,
    context: Vec<f32>,
    projected: Vec<f32>,
    inner: Vec<f32>,
}

impl BertWeights {
    /// The embeddings of tokens with their positions, normalised: [tokens, width].
    pub(super) fn embedded(&self, ids: &[u32]) -> Vec<f32> {
        let width = self.config.hidden_size;
        let mut states = vec![0.0; ids.len() * width];
        for ((state, &id), position) in states.chunks_exact_mut(width).zip(ids).zip(self.positions.chunks_exact(width)) {
            self.tokens.add(id, state);
            state.iter_mut().zip(position).for_each(|(state, position)| *state += position);
        }
        let nothing = vec![0.0; states.len()];
        let no_bias = vec![0.0; width];
        kernels::layer_norm(&mut states, &nothing, &no_bias, &self.norm.weight, &self.norm.bias, self.epsilon());
        states
    }

    fn epsilon(&self) -> f32 {
        self.config.layer_norm_eps as f32
    }

    fn apply(&self, layer: &Layer, states: &mut [f32], scratch: &mut Scratch) {
        let (width, heads) = (self.config.hidden_size, self.config.num_attention_heads);
        let head = width / heads;
        let tokens = states.len() / width;
        linear(states, &layer.qkv, width, &mut scratch.qkv);
        for row in scratch.qkv.chunks_exact_mut(3 * width) {
            row.iter_mut().zip(&layer.qkv.bias).for_each(|(value, bias)| *value += bias);
        }
        scratch.scores.resize(tokens * tokens, 0.0);
        scratch.context.resize(tokens * width, 0.0);
        for start in (0..width).step_by(head) {
            let part = |offset: usize| Matrix::new(&scratch.qkv[offset + start..], tokens, head, 3 * width);
            let (query, key, value) = (part(0), part(width), part(2 * width));
            multiply(MatrixMut::new(&mut scratch.scores, tokens, tokens, tokens), query, key.transposed(), false);
            kernels::softmax_rows(&mut scratch.scores, tokens, 1.0 / (head as f32).sqrt());
            let scores = Matrix::new(&scratch.scores, tokens, tokens, tokens);
            multiply(MatrixMut::new(&mut scratch.context[start..], tokens, head, width), scores, value, false);
        }
        linear(&scratch.context, &layer.attention_out, width, &mut scratch.projected);
        let norm = &layer.attention_norm;
        kernels::layer_norm(states, &scratch.projected, &layer.attention_out.bias, &norm.weight, &norm.bias, self.epsilon());
        linear(states, &layer.up, width, &mut scratch.inner);
        kernels::gelu(&mut scratch.inner, &layer.up.bias);
        linear(&scratch.inner, &layer.down, self.config.intermediate_size, &mut scratch.projected);
        let norm = &layer.norm;
        kernels::layer_norm(states, &scratch.projected, &layer.down.bias, &norm.weight, &norm.bias, self.epsilon());
    }
}

/// `out = input * weightᵀ`, without the bias: [rows, out].
fn linear(input: &[f32], linear: &Linear, width: usize, out: &mut Vec<f32>) {
    let (rows, outputs) = (input.len() / width, linear.bias.len());
    out.resize(rows * outputs, 0.0);
    let weight = Matrix::new(&linear.weight, outputs, width, width);
    multiply(MatrixMut::new(out, rows, outputs, outputs), Matrix::new(input, rows, width, width), weight.transposed(), false);
}

#[cfg(test)]
mod tests;
