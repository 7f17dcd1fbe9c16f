//! Linear layers in f32: weights in panels of sixteen outputs.

use crate::buffer::Buffer;
use crate::int8::Activation;
use crate::product::{Panels, Rows, Sink, multiply};
use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, Simd, gelu, vectors, vectors_mut};
use crate::slabs::Slabs;

/// Rows that are taken through all weights together, in bytes: they stay in the second cache while the weights pass.
const BLOCK_BYTES: usize = 192 << 10;
/// Steps of the sums that are taken together, where a vector is one register and where it is more: the weights for so many, of
/// three panels or of one, stay in the first cache while the rows pass.
const STEPS: [usize; 2] = [128, 192];
/// Panels that are taken together: as many as [`multiply`] takes at most.
const PANELS: usize = 3;

/// The weights of a linear layer in f32, laid out for the kernels.
#[derive(Debug)]
pub struct SingleLinear {
    inputs: usize,
    outputs: usize,
    /// Panel by panel of sixteen outputs, in it input by input.
    panels: Buffer,
    /// Per output, padded to whole panels.
    biases: Vec<[f32; LANES]>,
}

impl SingleLinear {
    /// Lays out a matrix of [outputs, inputs], row by row, and a bias per output.
    ///
    /// # Panics
    /// Where the rows are not `biases.len()` rows of `inputs` weights, or `inputs` is 0.
    pub fn new(inputs: usize, weights: &[f32], biases: &[f32]) -> Self {
        assert!(inputs > 0, "a layer without inputs");
        let outputs = biases.len();
        assert_eq!(weights.len(), outputs * inputs, "the rows do not fit the layer");
        let count = outputs.div_ceil(LANES);
        let mut laid = Self { inputs, outputs, panels: Buffer::zeros(count * inputs * LANES), biases: vec![[0.0; LANES]; count] };
        laid.biases.as_flattened_mut()[..outputs].copy_from_slice(biases);
        for (output, weights) in weights.chunks_exact(inputs).enumerate() {
            let panel = &mut vectors_mut(&mut laid.panels)[output / LANES * inputs..][..inputs];
            for (vector, weight) in panel.iter_mut().zip(weights) {
                vector[output % LANES] = *weight;
            }
        }
        laid
    }

    /// The length of a row that goes in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The length of a row that comes out.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `output = activation(input * weightᵀ + bias)`: [rows, outputs].
    ///
    /// # Panics
    /// Where the input is no whole number of rows, or the output has another size.
    pub fn apply(&self, profile: Profile, input: &[f32], activation: Activation, output: &mut [f32]) {
        self.apply_in_slabs(profile, input, activation, self.outputs, output);
    }

    /// As [`SingleLinear::apply`], with the results of `width` neighbouring outputs together: [outputs / width, rows, width].
    ///
    /// # Panics
    /// Where the input is no whole number of rows, the output has another size, or the width is no multiple of 16 that divides the
    /// outputs.
    pub fn apply_in_slabs(&self, profile: Profile, input: &[f32], activation: Activation, width: usize, output: &mut [f32]) {
        assert!(input.len().is_multiple_of(self.inputs), "the input is no whole number of rows");
        let slabs = Slabs::new(input.len() / self.inputs, self.outputs, width);
        assert_eq!(output.len(), slabs.len(), "the output has another size");
        single_dispatched(profile, self, input, activation, slabs, output);
    }
}

dispatched!(fn single_dispatched(weights: &SingleLinear, input: &[f32], activation: Activation, slabs: Slabs, output: &mut [f32]) => single);

#[inline(always)]
fn single<S: Simd>(simd: S, weights: &SingleLinear, input: &[f32], activation: Activation, slabs: Slabs, output: &mut [f32]) {
    let inputs = weights.inputs;
    let steps = STEPS[usize::from(!S::WIDE)];
    // Whole blocks of six and of eight rows.
    let block = (BLOCK_BYTES / size_of::<f32>() / inputs).next_multiple_of(24);
    let mut partial = vec![[[0.0; LANES]; PANELS]; block.min(input.len() / inputs)];
    for (index, input) in input.chunks(block * inputs).enumerate() {
        let count = input.len() / inputs;
        for (group, panels) in vectors(&weights.panels).chunks(PANELS * inputs).enumerate() {
            for first in (0..inputs).step_by(steps) {
                let depth = (inputs - first).min(steps);
                let rows = Rows { values: &input[first..], stride: inputs, depth, count };
                let panels = Panels { vectors: &panels[first..], stride: inputs, count: panels.len() / inputs };
                let biases = &weights.biases[group * PANELS..];
                let (begun, ended) = (first > 0, first + depth == inputs);
                let columns = weights.outputs - group * PANELS * LANES;
                let starts = [0, 1, 2].map(|panel| slabs.start((group * PANELS + panel) * LANES) + slabs.row(index * block));
                let (partial, target) = (&mut partial[..count], &mut *output);
                multiply(
                    simd,
                    rows,
                    panels,
                    Outputs { begun, ended, partial, biases, activation, slabs, columns, starts, target },
                );
            }
        }
    }
}

/// Rows of outputs: sums that go on from what the steps before left; to whole sums the bias is added and the activation applied.
struct Outputs<'a> {
    begun: bool,
    ended: bool,
    partial: &'a mut [[[f32; LANES]; PANELS]],
    biases: &'a [[f32; LANES]],
    activation: Activation,
    slabs: Slabs,
    /// Outputs from the panels' first on.
    columns: usize,
    /// Where the first row's results of each panel begin.
    starts: [usize; PANELS],
    target: &'a mut [f32],
}

impl<S: Simd> Sink<S> for Outputs<'_> {
    #[inline(always)]
    fn begin(&self, simd: S, row: usize, panel: usize) -> S::Vector {
        if self.begun { simd.load(&self.partial[row][panel]) } else { simd.splat(0.0) }
    }

    #[inline(always)]
    fn take(&mut self, simd: S, row: usize, panel: usize, results: S::Vector) {
        if !self.ended {
            return simd.store(results, &mut self.partial[row][panel]);
        }
        let mut value = simd.add(results, simd.load(&self.biases[panel]));
        if self.activation == Activation::Gelu {
            value = gelu(simd, value);
        }
        let target = &mut self.target[self.starts[panel] + self.slabs.row(row)..];
        let columns = self.columns - panel * LANES;
        if columns < LANES {
            let mut last = [0.0; LANES];
            simd.store(value, &mut last);
            target[..columns].copy_from_slice(&last[..columns]);
        } else if let Some(target) = target.first_chunk_mut() {
            simd.store(value, target);
        }
    }
}
