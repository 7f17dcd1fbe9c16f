//! The encoder on the kernels: packed sequences without padding, one pass over the weights for all of them.

use scrutineer_kernels::{
    Activation, AttentionScratch, Heads, PackedLinear, Profile, Quantised, SingleLinear, attention, layer_norm,
};

use super::arithmetic::Arithmetic;
use super::checkpoint::Linear;
use super::weights::{EncoderWeights, Layer, Sequence};

/// Rows that go through the feed-forward part together, so that its wide inner rows stay in the cache: whole blocks of six and of
/// eight rows, which the kernels take at once.
const INNER_ROWS: usize = 144;

/// The layers, laid out for the kernels. A sequence's states have the same bits whatever it is evaluated beside.
#[derive(Debug)]
pub(super) struct PackedEncoder {
    arithmetic: Arithmetic,
    profile: Profile,
    layers: Vec<PackedLayer>,
}

#[derive(Debug)]
struct PackedLayer {
    /// Query, key and value in one: [3 * width, width].
    qkv: Matrix,
    attention_out: Matrix,
    up: Matrix,
    down: Matrix,
}

/// The weights of a linear layer.
#[derive(Debug)]
enum Matrix {
    Bytes(PackedLinear),
    Single(SingleLinear),
}

/// Buffers that layers share.
#[derive(Default)]
struct Scratch {
    quantised: Quantised,
    qkv: Vec<f32>,
    attention: AttentionScratch,
    context: Vec<f32>,
    projected: Vec<f32>,
    inner: Vec<f32>,
}

impl PackedEncoder {
    /// Products of bytes, everything between them in f32.
    pub(super) fn in_bytes(weights: &EncoderWeights, profile: Profile) -> Self {
        Self::new(weights, Arithmetic::Bytes(profile), profile, bytes)
    }

    /// Everything in f32.
    pub(super) fn in_single(weights: &EncoderWeights, profile: Profile) -> Self {
        Self::new(weights, Arithmetic::Single(profile), profile, single)
    }

    fn new(weights: &EncoderWeights, arithmetic: Arithmetic, profile: Profile, lay_out: fn(&[&Linear]) -> Matrix) -> Self {
        let layers = weights.layers.iter().map(|layer| PackedLayer {
            qkv: lay_out(&layer.qkv.each_ref()),
            attention_out: lay_out(&[&layer.attention_out]),
            up: lay_out(&[&layer.up]),
            down: lay_out(&[&layer.down]),
        });
        Self { arithmetic, profile, layers: layers.collect() }
    }

    pub(super) fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// The last layer's states of sequences, one after the other: [tokens, width].
    pub(super) fn states(&self, weights: &EncoderWeights, sequences: &[Sequence<'_>]) -> Vec<f32> {
        let width = weights.config.hidden_size;
        let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.ids.len()).collect();
        let mut states = vec![0.0; lengths.iter().sum::<usize>() * width];
        let mut first = 0;
        for (sequence, length) in sequences.iter().zip(&lengths) {
            weights.add_embeddings(*sequence, &mut states[first * width..][..length * width]);
            first += length;
        }
        layer_norm(self.profile, &mut states, None, &weights.norm.weight, &weights.norm.bias, weights.epsilon());
        let mut scratch = Scratch::default();
        for (packed, layer) in self.layers.iter().zip(&weights.layers) {
            self.apply(packed, layer, weights, &lengths, &mut states, &mut scratch);
        }
        states
    }

    fn apply(
        &self,
        packed: &PackedLayer,
        layer: &Layer,
        weights: &EncoderWeights,
        lengths: &[usize],
        states: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (width, count) = (weights.config.hidden_size, weights.config.num_attention_heads);
        let heads = Heads { count, width: width / count };
        let Scratch { quantised, qkv, attention: attention_scratch, context, projected, inner } = scratch;
        self.linear(&packed.qkv, Activation::Identity, states, quantised, qkv);
        context.resize(states.len(), 0.0);
        attention(self.profile, qkv, heads, lengths, attention_scratch, context);
        self.linear(&packed.attention_out, Activation::Identity, context, quantised, projected);
        let norm = &layer.attention_norm;
        layer_norm(self.profile, states, Some(projected), &norm.weight, &norm.bias, weights.epsilon());
        for states in states.chunks_mut(INNER_ROWS * width) {
            self.linear(&packed.up, Activation::Gelu, states, quantised, inner);
            self.linear(&packed.down, Activation::Identity, inner, quantised, projected);
            let norm = &layer.norm;
            layer_norm(self.profile, states, Some(projected), &norm.weight, &norm.bias, weights.epsilon());
        }
    }

    fn linear(&self, matrix: &Matrix, activation: Activation, input: &[f32], quantised: &mut Quantised, output: &mut Vec<f32>) {
        let (inputs, outputs) = match matrix {
            Matrix::Bytes(layer) => (layer.inputs(), layer.outputs()),
            Matrix::Single(layer) => (layer.inputs(), layer.outputs()),
        };
        output.resize(input.len() / inputs * outputs, 0.0);
        match matrix {
            Matrix::Bytes(layer) => {
                quantised.take(self.profile, input, inputs);
                layer.apply(self.profile, quantised, activation, output);
            }
            Matrix::Single(layer) => layer.apply(self.profile, input, activation, output),
        }
    }
}

/// Layers of the same input as one, in bytes.
fn bytes(layers: &[&Linear]) -> Matrix {
    let (inputs, biases) = joined(layers);
    let rows: Vec<_> = layers.iter().flat_map(|layer| layer.weight.levels()).collect();
    Matrix::Bytes(PackedLinear::new(inputs, rows.iter().map(|(row, scale)| (&**row, *scale)), &biases))
}

/// Layers of the same input as one, in f32.
fn single(layers: &[&Linear]) -> Matrix {
    let (inputs, biases) = joined(layers);
    let values: Vec<f32> = layers.iter().flat_map(|layer| layer.weight.to_f32()).collect();
    Matrix::Single(SingleLinear::new(inputs, values.chunks_exact(inputs), &biases))
}

/// The inputs that layers have in common, and all their biases.
fn joined(layers: &[&Linear]) -> (usize, Vec<f32>) {
    let inputs = layers.first().map_or(1, |layer| layer.weight.width());
    (inputs, layers.iter().flat_map(|layer| layer.bias.iter().copied()).collect())
}
