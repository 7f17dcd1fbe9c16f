//! The encoder on the kernels: packed sequences without padding, one pass over the weights for all of them.

use std::sync::{Mutex, PoisonError};

use scrutineer_kernels::{
    Activation, AttentionScratch, Buffer, Columns, Heads, Levels, PackedLinear, Profile, SingleLinear, attention, layer_norm,
};

use super::arithmetic::Arithmetic;
use super::checkpoint::Linear;
use super::weights::{EncoderWeights, Layer, Sequence};

/// Rows that go through the feed-forward part together, so that its wide inner rows stay in the cache: whole blocks of six and of
/// eight rows, which the kernels take at once.
const INNER_ROWS: usize = 144;

/// Columns of levels beyond the inputs of a layer in bytes, for the inputs that are far larger than the rest.
const FURTHER_COLUMNS: usize = 16;

/// Sequences and tokens of each that the inputs are measured on.
const SAMPLE: [usize; 2] = [2, 32];

/// The layers, laid out for the kernels. A sequence's states have the same bits whatever it is evaluated beside.
#[derive(Debug)]
pub(super) struct PackedEncoder {
    arithmetic: Arithmetic,
    profile: Profile,
    layers: Vec<PackedLayer>,
    /// Buffers of threads that are done: what is allocated once need not be cleared again.
    idle: Mutex<Vec<Scratch>>,
}

#[derive(Debug)]
struct PackedLayer {
    /// Query, key and value in one, head by head: [3 * width, width].
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
#[derive(Debug, Default)]
struct Scratch {
    levels: Levels,
    qkv: Buffer,
    attention: AttentionScratch,
    context: Buffer,
    projected: Buffer,
    inner: Buffer,
}

/// The linear layers of a layer, in their order.
#[derive(Clone, Copy, Debug)]
enum Part {
    Qkv,
    AttentionOut,
    Up,
    Down,
}

impl PackedEncoder {
    /// Products of bytes, everything between them in f32.
    ///
    /// Which inputs of a layer are far larger than the rest is seen by running a sample of tokens through the layers, one by one,
    /// while they are laid out. Such channels are a model's own and nearly the same for all tokens, so any tokens tell:
    /// the first of the vocabulary, where the special ones are, and others spread over it.
    pub(super) fn in_bytes(weights: &EncoderWeights, profile: Profile) -> Self {
        let [count, length] = SAMPLE;
        let (length, ids) = (length.min(weights.config.most_tokens()), weights.config.vocab_size as u32);
        let step = ids / (count * length) as u32;
        let sample: Vec<Vec<u32>> = (0..count)
            .map(|sequence| {
                let spread = |at: usize| if sequence == 0 { at as u32 } else { (at * count + sequence) as u32 * step };
                (0..length).map(|at| spread(at) % ids).collect()
            })
            .collect();
        let sample: Vec<Sequence<'_>> = sample.iter().map(|ids| Sequence::of(ids)).collect();
        let (mut states, lengths) = embedded(weights, &sample, profile);
        let pass = Pass { profile, weights, lengths: &lengths };
        let mut scratch = Scratch::default();
        let layers = weights.layers.iter().map(|layer| {
            let mut largest: [Vec<f32>; 4] = Default::default();
            let mut note = |part: Part, input: &[f32], width: usize| {
                let largest = &mut largest[part as usize];
                largest.resize(width, 0.0);
                for row in input.chunks_exact(width) {
                    largest.iter_mut().zip(row).for_each(|(largest, value)| *largest = largest.max(value.abs()));
                }
            };
            let plain = PackedLayer::new(layer, |_, layers| bytes(layers, Columns::plain(joined(layers).0)));
            pass.through(&plain, layer, &mut states, &mut scratch, &mut note);
            PackedLayer::new(layer, |part, layers| bytes(layers, Columns::spread(&largest[part as usize], FURTHER_COLUMNS)))
        });
        Self { arithmetic: Arithmetic::Bytes(profile), profile, layers: layers.collect(), idle: Mutex::default() }
    }

    /// Everything in f32.
    pub(super) fn in_single(weights: &EncoderWeights, profile: Profile) -> Self {
        let layers = weights.layers.iter().map(|layer| PackedLayer::new(layer, |_, layers| single(layers)));
        Self { arithmetic: Arithmetic::Single(profile), profile, layers: layers.collect(), idle: Mutex::default() }
    }

    pub(super) fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// The last layer's states of sequences, one after the other: [tokens, width].
    pub(super) fn states(&self, weights: &EncoderWeights, sequences: &[Sequence<'_>]) -> Buffer {
        let (mut states, lengths) = embedded(weights, sequences, self.profile);
        let pass = Pass { profile: self.profile, weights, lengths: &lengths };
        // Whatever a thread that panicked left in them is overwritten.
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = idle().pop().unwrap_or_default();
        for (packed, layer) in self.layers.iter().zip(&weights.layers) {
            pass.through(packed, layer, &mut states, &mut scratch, &mut |_, _, _| ());
        }
        idle().push(scratch);
        states
    }
}

impl PackedLayer {
    fn new(layer: &Layer, lay_out: impl Fn(Part, &[&Linear]) -> Matrix) -> Self {
        Self {
            qkv: lay_out(Part::Qkv, &layer.qkv.each_ref()),
            attention_out: lay_out(Part::AttentionOut, &[&layer.attention_out]),
            up: lay_out(Part::Up, &[&layer.up]),
            down: lay_out(Part::Down, &[&layer.down]),
        }
    }
}

/// What goes into the first layer, [tokens, width], and the tokens of each sequence.
fn embedded(weights: &EncoderWeights, sequences: &[Sequence<'_>], profile: Profile) -> (Buffer, Vec<usize>) {
    let width = weights.config.hidden_size;
    let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.ids.len()).collect();
    let mut states = Buffer::zeros(lengths.iter().sum::<usize>() * width);
    let mut first = 0;
    for (sequence, length) in sequences.iter().zip(&lengths) {
        weights.add_embeddings(*sequence, &mut states[first * width..][..length * width]);
        first += length;
    }
    layer_norm(profile, &mut states, None, &weights.norm.weight, &weights.norm.bias, weights.epsilon());
    (states, lengths)
}

/// Sequences on their way through the layers.
struct Pass<'a> {
    profile: Profile,
    weights: &'a EncoderWeights,
    /// The tokens of each sequence.
    lengths: &'a [usize],
}

impl Pass<'_> {
    /// Takes states through a layer. `note` sees what goes into each linear layer, with the length of its rows.
    fn through(
        &self,
        packed: &PackedLayer,
        layer: &Layer,
        states: &mut [f32],
        scratch: &mut Scratch,
        note: &mut impl FnMut(Part, &[f32], usize),
    ) {
        let (width, count) = (self.weights.config.hidden_size, self.weights.config.num_attention_heads);
        let heads = Heads { count, width: width / count };
        let Scratch { levels, qkv, attention: attention_scratch, context, projected, inner } = scratch;
        note(Part::Qkv, states, width);
        packed.qkv.apply_in_slabs(self.profile, Activation::Identity, states, levels, heads.width, qkv);
        context.resize(states.len());
        attention(self.profile, qkv, heads, self.lengths, attention_scratch, context);
        note(Part::AttentionOut, context, width);
        packed.attention_out.apply(self.profile, Activation::Identity, context, levels, projected);
        let norm = &layer.attention_norm;
        layer_norm(self.profile, states, Some(projected), &norm.weight, &norm.bias, self.weights.epsilon());
        for states in states.chunks_mut(INNER_ROWS * width) {
            note(Part::Up, states, width);
            packed.up.apply(self.profile, Activation::Gelu, states, levels, inner);
            note(Part::Down, inner, self.weights.config.intermediate_size);
            packed.down.apply(self.profile, Activation::Identity, inner, levels, projected);
            let norm = &layer.norm;
            layer_norm(self.profile, states, Some(projected), &norm.weight, &norm.bias, self.weights.epsilon());
        }
    }
}

impl Matrix {
    fn apply(&self, profile: Profile, activation: Activation, input: &[f32], levels: &mut Levels, output: &mut Buffer) {
        self.apply_in_slabs(profile, activation, input, levels, self.size()[1], output);
    }

    /// As [`Matrix::apply`], the results of `width` neighbouring outputs together.
    fn apply_in_slabs(
        &self,
        profile: Profile,
        activation: Activation,
        input: &[f32],
        levels: &mut Levels,
        width: usize,
        output: &mut Buffer,
    ) {
        let [inputs, outputs] = self.size();
        output.resize(input.len() / inputs * outputs);
        match self {
            Self::Bytes(layer) => layer.apply_in_slabs(profile, input, activation, levels, width, output),
            Self::Single(layer) => layer.apply_in_slabs(profile, input, activation, width, output),
        }
    }

    /// Inputs and outputs.
    fn size(&self) -> [usize; 2] {
        match self {
            Self::Bytes(layer) => [layer.inputs(), layer.outputs()],
            Self::Single(layer) => [layer.inputs(), layer.outputs()],
        }
    }
}

/// Layers of the same input as one, in bytes.
fn bytes(layers: &[&Linear], columns: Columns) -> Matrix {
    let (_, biases) = joined(layers);
    let levels: Vec<_> = layers.iter().flat_map(|layer| layer.weight.levels()).collect();
    let rows: Vec<_> = levels.iter().map(|(row, scale)| (&**row, *scale)).collect();
    Matrix::Bytes(PackedLinear::new(columns, &rows, &biases))
}

/// Layers of the same input as one, in f32.
fn single(layers: &[&Linear]) -> Matrix {
    let (inputs, biases) = joined(layers);
    let values = layers.iter().map(|layer| layer.weight.to_f32()).collect::<Vec<_>>().concat();
    Matrix::Single(SingleLinear::new(inputs, &values, &biases))
}

/// The inputs that layers have in common, and all their biases.
fn joined(layers: &[&Linear]) -> (usize, Vec<f32>) {
    let inputs = layers.first().map_or(1, |layer| layer.weight.width());
    (inputs, layers.iter().flat_map(|layer| layer.bias.iter().copied()).collect())
}
