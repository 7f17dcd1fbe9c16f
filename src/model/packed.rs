//! The encoder in bytes: packed sequences without padding, one pass over the weights for all of them.

use scrutineer_kernels::{Activation, AttentionScratch, Heads, PackedLinear, Profile, Quantised, attention, layer_norm};

use super::weights::{BertWeights, Layer, Linear};

/// Rows that go through the feed-forward part together, so that its wide inner rows stay in the cache.
const INNER_ROWS: usize = 128;

/// The layers, laid out for the kernels. A sequence's states have the same bits whatever it is evaluated beside.
#[derive(Debug)]
pub(super) struct PackedBert {
    profile: Profile,
    layers: Vec<PackedLayer>,
}

#[derive(Debug)]
struct PackedLayer {
    /// Query, key and value in one: [3 * width, width].
    qkv: PackedLinear,
    attention_out: PackedLinear,
    up: PackedLinear,
    down: PackedLinear,
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

impl PackedBert {
    pub(super) fn new(weights: &BertWeights, profile: Profile) -> Self {
        let layers = weights.layers.iter().map(|layer| PackedLayer {
            qkv: packed(&layer.qkv),
            attention_out: packed([&layer.attention_out]),
            up: packed([&layer.up]),
            down: packed([&layer.down]),
        });
        Self { profile, layers: layers.collect() }
    }

    pub(super) fn profile(&self) -> Profile {
        self.profile
    }

    /// The last layer's states of sequences of token ids, one after the other: [tokens, width].
    pub(super) fn states(&self, weights: &BertWeights, sequences: &[&[u32]]) -> Vec<f32> {
        let width = weights.config.hidden_size;
        let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let mut states = vec![0.0; lengths.iter().sum::<usize>() * width];
        let mut first = 0;
        for (ids, length) in sequences.iter().zip(&lengths) {
            weights.add_embeddings(ids, &mut states[first * width..][..length * width]);
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
        weights: &BertWeights,
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

    fn linear(
        &self,
        layer: &PackedLinear,
        activation: Activation,
        input: &[f32],
        quantised: &mut Quantised,
        output: &mut Vec<f32>,
    ) {
        quantised.take(self.profile, input, layer.inputs());
        output.resize(input.len() / layer.inputs() * layer.outputs(), 0.0);
        layer.apply(self.profile, quantised, activation, output);
    }
}

/// Layers of the same input as one.
fn packed<'a>(layers: impl IntoIterator<Item = &'a Linear> + Clone) -> PackedLinear {
    let inputs = layers.clone().into_iter().map(|layer| layer.weight.width()).next().unwrap_or(1);
    let biases: Vec<f32> = layers.clone().into_iter().flat_map(|layer| layer.bias.iter().copied()).collect();
    PackedLinear::new(inputs, layers.into_iter().flat_map(|layer| layer.weight.iter()), &biases)
}
