//! Linear layers in bytes: weights of int8 with a scale per output, input rows of seven-bit levels with a scale and a zero point per
//! row.
//!
//! With `input = scale * (level - zero)` and `weight = scale * i8` a product of a row and an output's weights is
//! `row scale * output scale * (Σ level * i8 - zero * Σ i8)`: the sums are whole numbers below 2^31, so every form gives the same.
//! (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2.3;
//! here the activations' range is taken from each row as it comes, so a row's result depends on no other row.)
//!
//! Levels have seven bits, so that sums of a few products fit into 16 bits: AVX2 multiplies 32 bytes at once, but with sums that
//! saturate. What the bit costs in precision, [`Columns`] bring back.

use crate::buffer::Buffer;
use crate::columns::Columns;
use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, Simd, gelu, vectors_mut};
use crate::slabs::Slabs;

/// Outputs of a panel: four vectors.
const PANEL: usize = 4 * LANES;
/// Inputs that one instruction takes together.
const GROUP: usize = 4;
/// Rows that a tile takes together: with four vectors of outputs they fill 24 registers of a 512-bit file.
const ROWS: usize = 6;
/// The highest level.
const HIGHEST: f32 = 127.0;
/// Steps that a row's range takes: one less, so that the ends stay within the levels wherever the zero point is rounded to. An end
/// that is cut off would cost each share of a spread input a step.
const STEPS: f32 = 126.0;
/// The longest row whose sums stay below 2^31 after the correction, with room: 2 * 127 * 128 * 2^16 < 2^31.
const LONGEST: usize = 1 << 16;
/// The most that positive, or negative, weights of four inputs may sum to: 258 * 127 < 2^15.
const TAME: i32 = 258;

/// Weights of four neighbouring inputs for sixteen neighbouring outputs, output by output.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Chunk(pub(crate) [i8; 64]);

/// What the chunks lack of a weight: see [`tame`].
#[derive(Clone, Copy, Debug)]
struct Rest {
    column: u32,
    /// Of the panel's outputs.
    output: u16,
    weight: i16,
}

/// What follows a linear layer in the same pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// The exact GELU.
    Gelu,
}

/// The weights of a linear layer, laid out for the kernels.
#[derive(Debug)]
pub struct PackedLinear {
    columns: Columns,
    outputs: usize,
    panels: Vec<Panel>,
}

/// The weights of 64 outputs; those beyond the last are zeros.
#[derive(Debug)]
struct Panel {
    /// Four parts of sixteen outputs, in each chunk by chunk of four inputs: each part is one stream.
    chunks: Vec<Chunk>,
    rests: Vec<Rest>,
    scales: [[f32; LANES]; 4],
    biases: [[f32; LANES]; 4],
    sums: [[i32; LANES]; 4],
}

impl PackedLinear {
    /// Packs a matrix of [outputs, inputs], given row by row as each output's weights with their scale, and a bias per output.
    ///
    /// # Panics
    /// Where the rows are not `biases.len()` rows of as many weights as `columns` has inputs, or there are no columns or more than
    /// 65,536.
    pub fn new(columns: Columns, rows: &[(&[i8], f32)], biases: &[f32]) -> Self {
        let (inputs, stride) = (columns.inputs(), columns.stride());
        assert!((1..=LONGEST).contains(&stride), "{inputs} inputs: a sum could overflow");
        let (outputs, groups) = (biases.len(), stride / GROUP);
        let empty = || Panel {
            chunks: vec![Chunk([0; 64]); 4 * groups],
            rests: Vec::new(),
            scales: [[0.0; LANES]; 4],
            biases: [[0.0; LANES]; 4],
            sums: [[0; LANES]; 4],
        };
        let mut panels: Vec<Panel> = (0..outputs.div_ceil(PANEL)).map(|_| empty()).collect();
        assert_eq!(rows.len(), outputs, "the rows do not fit the layer");
        let mut row = vec![0_i8; stride];
        for (output, (weights, scale)) in rows.iter().enumerate() {
            row[..inputs].copy_from_slice(weights);
            row[inputs..].iter_mut().zip(columns.further()).for_each(|(weight, input)| *weight = weights[*input]);
            let (panel, place) = (&mut panels[output / PANEL], output % PANEL);
            let (vector, lane) = (place / LANES, place % LANES);
            panel.scales[vector][lane] = *scale;
            panel.biases[vector][lane] = biases[output];
            panel.sums[vector][lane] = row.iter().map(|weight| i32::from(*weight)).sum();
            tame(&mut row, |column, weight| panel.rests.push(Rest { column: column as u32, output: place as u16, weight }));
            for (group, weights) in row.as_chunks::<GROUP>().0.iter().enumerate() {
                panel.chunks[vector * groups + group].0[lane * GROUP..][..GROUP].copy_from_slice(weights);
            }
        }
        Self { columns, outputs, panels }
    }

    /// The length of a row that goes in.
    pub fn inputs(&self) -> usize {
        self.columns.inputs()
    }

    /// The length of a row that comes out.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `output = activation(input * weightᵀ + bias)`: [rows, outputs].
    ///
    /// # Panics
    /// Where the input is no whole number of rows, or the output has another size.
    pub fn apply(&self, profile: Profile, input: &[f32], activation: Activation, levels: &mut Levels, output: &mut [f32]) {
        self.apply_in_slabs(profile, input, activation, levels, self.outputs, output);
    }

    /// As [`PackedLinear::apply`], with the results of `width` neighbouring outputs together: [outputs / width, rows, width].
    ///
    /// # Panics
    /// Where the input is no whole number of rows, the output has another size, or the width is no multiple of 16 that divides the
    /// outputs.
    pub fn apply_in_slabs(
        &self,
        profile: Profile,
        input: &[f32],
        activation: Activation,
        levels: &mut Levels,
        width: usize,
        output: &mut [f32],
    ) {
        assert!(input.len().is_multiple_of(self.inputs()), "the input is no whole number of rows");
        let slabs = Slabs::new(input.len() / self.inputs(), self.outputs, width);
        assert_eq!(output.len(), slabs.len(), "the output has another size");
        linear_dispatched(profile, self, input, activation, levels, slabs, output);
    }
}

/// Takes from the weights of an output what would let sums of four products leave 16 bits, and hands it to `rest` with its column.
fn tame(row: &mut [i8], mut rest: impl FnMut(usize, i16)) {
    // What AVX2 adds up in 16 bits.
    const TOGETHER: [[usize; 4]; 2] = [[0, 1, 4, 5], [2, 3, 6, 7]];
    for (index, groups) in row.as_chunks_mut::<{ 2 * GROUP }>().0.iter_mut().enumerate() {
        for columns in TOGETHER {
            for sign in [1, -1] {
                let size = |weight: i8| (sign * i32::from(weight)).max(0);
                let mut excess = -TAME;
                for column in columns {
                    excess += size(groups[column]);
                }
                while excess > 0 {
                    let largest = columns.into_iter().max_by_key(|&column| size(groups[column])).unwrap_or_default();
                    let part = excess.min(size(groups[largest]));
                    excess -= part;
                    groups[largest] = (i32::from(groups[largest]) - sign * part) as i8;
                    rest(2 * GROUP * index + largest, (sign * part) as i16);
                }
            }
        }
    }
}

/// Rows of levels, each with its scale and zero point: a buffer that calls share.
#[derive(Debug, Default)]
pub struct Levels {
    /// Rows of a layer's columns.
    levels: Vec<u8>,
    scales: Vec<f32>,
    zeros: Vec<i32>,
    /// A row of inputs by columns.
    expanded: Buffer,
}

dispatched!(fn linear_dispatched(weights: &PackedLinear, input: &[f32], activation: Activation, levels: &mut Levels, slabs: Slabs, output: &mut [f32]) => linear);

/// Each row's range, zero included, is spread over the levels.
#[inline(always)]
fn quantise<S: Simd>(simd: S, values: &[f32], columns: &Columns, target: &mut Levels) {
    let (inputs, stride) = (columns.inputs(), columns.stride());
    let rows = values.len() / inputs;
    let Levels { levels, scales, zeros, expanded } = target;
    levels.resize(rows * stride, 0);
    scales.resize(rows, 0.0);
    zeros.resize(rows, 0);
    expanded.resize(stride);
    // Columns that stand for no input may hold what a wider layer left there: their share of 0 does not make up for what is not
    // finite.
    expanded[inputs..].fill(0.0);
    let expanded = vectors_mut(expanded);
    let places = scales.iter_mut().zip(zeros);
    for ((values, levels), (scale, zero)) in values.chunks_exact(inputs).zip(levels.chunks_exact_mut(stride)).zip(places) {
        let (whole, rest) = values.as_chunks::<LANES>();
        let (first, last) = expanded.split_at_mut(whole.len());
        let (shares, last_shares) = columns.shares().split_at(whole.len());
        let mut ends = [simd.splat(0.0); 2];
        for ((vector, values), share) in first.iter_mut().zip(whole).zip(shares) {
            simd.store(shared(simd, values, share, &mut ends), vector);
        }
        let others = last.as_flattened_mut();
        others[..rest.len()].copy_from_slice(rest);
        others[rest.len()..].iter_mut().zip(columns.further()).for_each(|(target, input)| *target = values[*input]);
        for (vector, share) in last.iter_mut().zip(last_shares) {
            simd.store(shared(simd, vector, share, &mut ends), vector);
        }
        let (smallest, largest) = (simd.smallest(ends[0]), simd.largest(ends[1]));
        let range = largest - smallest;
        let (step, inverse) = if range > f32::MIN_POSITIVE { (range / STEPS, STEPS / range) } else { (0.0, 0.0) };
        // A whole number, so that a value of 0 becomes the zero point exactly.
        let middle = (-smallest * inverse).ceil().clamp(0.0, HIGHEST);
        let levels = levels.as_chunks_mut::<LANES>().0.iter_mut();
        for ((levels, vector), offset) in levels.zip(&*expanded).zip(columns.offsets()) {
            let origin = simd.add(simd.splat(middle), simd.load(offset));
            let level = simd.fma(simd.load(vector), simd.splat(inverse), origin);
            simd.store_levels(simd.min(simd.max(level, simd.splat(0.0)), simd.splat(HIGHEST)), levels);
        }
        *scale = step;
        *zero = middle as i32;
    }
}

/// The shares of sixteen columns, which the smallest and the largest so far take in.
#[inline(always)]
fn shared<S: Simd>(simd: S, values: &[f32; LANES], share: &[f32; LANES], ends: &mut [S::Vector; 2]) -> S::Vector {
    let shared = simd.mul(simd.load(values), simd.load(share));
    *ends = [simd.min(shared, ends[0]), simd.max(shared, ends[1])];
    shared
}

#[inline(always)]
fn linear<S: Simd>(
    simd: S,
    weights: &PackedLinear,
    input: &[f32],
    activation: Activation,
    levels: &mut Levels,
    slabs: Slabs,
    output: &mut [f32],
) {
    quantise(simd, input, &weights.columns, levels);
    let rows = levels.scales.len();
    for (index, panel) in weights.panels.iter().enumerate() {
        let first = index * PANEL;
        let columns = (weights.outputs - first).min(PANEL);
        let target = Target { activation, slabs, columns, starts: [0, 1, 2, 3].map(|part| slabs.start(first + part * LANES)) };
        let mut row = 0;
        while row + ROWS <= rows {
            tile::<S, ROWS>(simd, panel, levels, row, &target, output);
            row += ROWS;
        }
        // Fewer rows at the end: the same sums, so the same bits.
        match rows - row {
            1 => tile::<S, 1>(simd, panel, levels, row, &target, output),
            2 => tile::<S, 2>(simd, panel, levels, row, &target, output),
            3 => tile::<S, 3>(simd, panel, levels, row, &target, output),
            4 => tile::<S, 4>(simd, panel, levels, row, &target, output),
            5 => tile::<S, 5>(simd, panel, levels, row, &target, output),
            _ => {}
        }
    }
}

/// Where the results of a panel go.
struct Target {
    activation: Activation,
    slabs: Slabs,
    /// Outputs of the panel.
    columns: usize,
    /// Where the first row's results of each part begin.
    starts: [usize; 4],
}

/// The results of `R` rows for the outputs of a panel.
#[inline(always)]
fn tile<S: Simd, const R: usize>(simd: S, panel: &Panel, levels: &Levels, first: usize, target: &Target, output: &mut [f32]) {
    let stride = panel.chunks.len() / 4 * GROUP;
    let mut rows: [&[u8]; R] = [&[]; R];
    for (offset, row) in rows.iter_mut().enumerate() {
        *row = &levels.levels[(first + offset) * stride..][..stride];
    }
    let mut sums = [[[0i32; LANES]; 4]; R];
    simd.tile(rows, &panel.chunks, &mut sums);
    for rest in &panel.rests {
        for (sums, row) in sums.iter_mut().zip(rows) {
            sums.as_flattened_mut()[usize::from(rest.output)] += i32::from(rest.weight) * i32::from(row[rest.column as usize]);
        }
    }
    for (offset, sums) in sums.iter().enumerate() {
        let row = first + offset;
        let (row_scale, zero) = (simd.splat(levels.scales[row]), levels.zeros[row]);
        let mut results = [row_scale; 4];
        for part in 0..4 {
            let scaled = simd.mul(simd.centred(&sums[part], zero, &panel.sums[part]), row_scale);
            results[part] = simd.fma(scaled, simd.load(&panel.scales[part]), simd.load(&panel.biases[part]));
        }
        if target.activation == Activation::Gelu {
            results = gelus(simd, results);
        }
        for part in 0..4 {
            let start = target.starts[part] + target.slabs.row(row);
            match target.columns.saturating_sub(part * LANES) {
                0 => {}
                LANES.. => {
                    if let Some(target) = output[start..].first_chunk_mut() {
                        simd.store(results[part], target);
                    }
                }
                columns => {
                    let mut last = [0.0; LANES];
                    simd.store(results[part], &mut last);
                    output[start..][..columns].copy_from_slice(&last[..columns]);
                }
            }
        }
    }
}

/// The GELU of four vectors: side by side, so that none waits for another.
#[inline(always)]
fn gelus<S: Simd>(simd: S, [a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 4] {
    [gelu(simd, a), gelu(simd, b), gelu(simd, c), gelu(simd, d)]
}
