//! Linear layers in bytes: weights of int8 with a scale per output, input rows of u8 with a scale and a zero point per row.
//!
//! With `input = scale * (u8 - zero)` and `weight = scale * i8` a product of a row and an output's weights is
//! `row scale * output scale * (Σ u8 * i8 - zero * Σ i8)`: the sums are whole numbers below 2^31, so every form gives the same.
//! (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2.3;
//! here the activations' range is taken from each row as it comes, so a row's result depends on no other row.)

use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, Simd, gelu, vectors};

/// Outputs of a panel: four vectors.
const PANEL: usize = 4 * LANES;
/// Bytes of a row are padded to whole groups of this many, which one instruction takes together.
const GROUP: usize = 4;
/// Rows that a tile takes together: with four vectors of outputs they fill 24 registers of a 512-bit file.
const ROWS: usize = 6;
/// The longest row whose sums stay below 2^31 after the correction, with room: 2 * 255 * 128 * 2^15 < 2^31.
const LONGEST: usize = 1 << 15;

/// Weights of four neighbouring inputs for sixteen neighbouring outputs, output by output.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Chunk(pub(crate) [i8; 64]);

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
    inputs: usize,
    outputs: usize,
    /// Panel by panel of 64 outputs, in it four parts of sixteen, in each chunk by chunk of four inputs: each part is one stream.
    chunks: Vec<Chunk>,
    /// Per output, padded to whole panels.
    scales: Vec<[f32; LANES]>,
    biases: Vec<[f32; LANES]>,
    sums: Vec<[i32; LANES]>,
}

impl PackedLinear {
    /// Packs a matrix of [outputs, inputs], given row by row as each output's weights with their scale, and a bias per output.
    ///
    /// # Panics
    /// Where the rows are not `biases.len()` rows of `inputs` weights, or `inputs` is 0 or above 32,768.
    pub fn new<'a>(inputs: usize, rows: impl Iterator<Item = (&'a [i8], f32)>, biases: &[f32]) -> Self {
        assert!((1..=LONGEST).contains(&inputs), "{inputs} inputs: a sum could overflow");
        let outputs = biases.len();
        let groups = inputs.div_ceil(GROUP);
        let padded = outputs.next_multiple_of(PANEL);
        let mut packed = Self {
            inputs,
            outputs,
            chunks: vec![Chunk([0; 64]); padded / PANEL * groups * 4],
            scales: vec![[0.0; LANES]; padded / LANES],
            biases: vec![[0.0; LANES]; padded / LANES],
            sums: vec![[0; LANES]; padded / LANES],
        };
        packed.biases.as_flattened_mut()[..outputs].copy_from_slice(biases);
        let mut count = 0;
        for (output, (weights, scale)) in rows.enumerate() {
            assert!(output < outputs && weights.len() == inputs, "the rows do not fit the layer");
            let (panel, vector, lane) = (output / PANEL, output % PANEL / LANES, output % LANES);
            for (group, weights) in weights.chunks(GROUP).enumerate() {
                let chunk = &mut packed.chunks[(panel * 4 + vector) * groups + group];
                chunk.0[lane * GROUP..][..weights.len()].copy_from_slice(weights);
            }
            packed.scales[output / LANES][lane] = scale;
            packed.sums[output / LANES][lane] = weights.iter().map(|weight| i32::from(*weight)).sum();
            count += 1;
        }
        assert_eq!(count, outputs, "the rows do not fit the layer");
        packed
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
    /// Where the input has rows of another length or was taken by another form, or the output has another size.
    pub fn apply(&self, profile: Profile, input: &Quantised, activation: Activation, output: &mut [f32]) {
        assert_eq!(input.width, self.inputs, "the input has rows of another length");
        assert_eq!(input.profile, Some(profile), "the input was taken by another form");
        assert_eq!(output.len(), input.rows() * self.outputs, "the output has another size");
        linear_dispatched(profile, self, input, activation, output);
    }
}

/// Rows of u8, each with its scale and zero point.
#[derive(Debug, Default)]
pub struct Quantised {
    width: usize,
    /// The form whose levels these are.
    profile: Option<Profile>,
    /// Rows of `width` levels padded to whole groups, for the forms that multiply bytes…
    pub(crate) bytes: Vec<u8>,
    /// …and for the one that multiplies 16-bit words.
    #[cfg(target_arch = "x86_64")]
    pub(crate) words: Vec<i16>,
    scales: Vec<f32>,
    zeros: Vec<i32>,
}

impl Quantised {
    /// Takes rows of `width`: each row's range, zero included, is spread over 0..=255.
    ///
    /// # Panics
    /// Where `values` is no whole number of rows.
    pub fn take(&mut self, profile: Profile, values: &[f32], width: usize) {
        assert!(width > 0 && values.len().is_multiple_of(width), "values are no whole rows");
        let rows = values.len() / width;
        self.width = width;
        self.profile = Some(profile);
        self.scales.resize(rows, 0.0);
        self.zeros.resize(rows, 0);
        quantise_dispatched(profile, values, self);
    }

    fn rows(&self) -> usize {
        self.scales.len()
    }

    fn stride(&self) -> usize {
        self.width.next_multiple_of(GROUP)
    }
}

dispatched!(fn quantise_dispatched(values: &[f32], target: &mut Quantised) => quantise);
dispatched!(fn linear_dispatched(weights: &PackedLinear, input: &Quantised, activation: Activation, output: &mut [f32]) => linear);

#[inline(always)]
fn quantise<S: Simd>(simd: S, values: &[f32], target: &mut Quantised) {
    let (width, stride) = (target.width, target.stride());
    // Taken out while scales and zero points are written beside them.
    let mut levels = std::mem::take(simd.levels_mut(target));
    levels.resize(values.len() / width * stride, S::Level::default());
    let rows = values.chunks_exact(width).zip(levels.chunks_exact_mut(stride));
    for ((values, levels), (scale, zero)) in rows.zip(target.scales.iter_mut().zip(&mut target.zeros)) {
        let whole = width / LANES * LANES;
        let (mut smallest, mut largest) = (simd.splat(0.0), simd.splat(0.0));
        for vector in vectors(&values[..whole]) {
            let vector = simd.load(vector);
            smallest = simd.min(vector, smallest);
            largest = simd.max(vector, largest);
        }
        let rest = padded(&values[whole..]);
        let smallest = simd.smallest(simd.min(simd.load(&rest), smallest));
        let largest = simd.largest(simd.max(simd.load(&rest), largest));
        let range = largest - smallest;
        let (step, inverse) = if range > f32::MIN_POSITIVE { (range / 255.0, 255.0 / range) } else { (0.0, 0.0) };
        // Rounded as the values are, so that a value of 0 becomes the zero point exactly.
        let middle = (-smallest * inverse).round_ties_even().clamp(0.0, 255.0);
        let (chunks, _) = levels[..whole].as_chunks_mut::<LANES>();
        let spread = |vector| {
            let value = simd.fma(simd.load(vector), simd.splat(inverse), simd.splat(middle));
            simd.min(simd.max(value, simd.splat(0.0)), simd.splat(255.0))
        };
        for (levels, vector) in chunks.iter_mut().zip(vectors(&values[..whole])) {
            simd.store_levels(spread(vector), levels);
        }
        if whole < width {
            let mut last = [S::Level::default(); LANES];
            simd.store_levels(spread(&rest), &mut last);
            levels[whole..width].copy_from_slice(&last[..width - whole]);
        }
        *scale = step;
        *zero = middle as i32;
    }
    *simd.levels_mut(target) = levels;
}

#[inline(always)]
fn linear<S: Simd>(simd: S, weights: &PackedLinear, input: &Quantised, activation: Activation, output: &mut [f32]) {
    let panel_length = weights.inputs.div_ceil(GROUP) * 4;
    for (index, panel) in weights.chunks.chunks_exact(panel_length).enumerate() {
        let mut row = 0;
        while row + ROWS <= input.rows() {
            tile::<S, ROWS>(simd, weights, input, activation, output, (index, panel), row);
            row += ROWS;
        }
        // Fewer rows at the end: the same sums, so the same bits.
        match input.rows() - row {
            1 => tile::<S, 1>(simd, weights, input, activation, output, (index, panel), row),
            2 => tile::<S, 2>(simd, weights, input, activation, output, (index, panel), row),
            3 => tile::<S, 3>(simd, weights, input, activation, output, (index, panel), row),
            4 => tile::<S, 4>(simd, weights, input, activation, output, (index, panel), row),
            5 => tile::<S, 5>(simd, weights, input, activation, output, (index, panel), row),
            _ => {}
        }
    }
}

/// The results of `R` rows for the outputs of a panel.
#[inline(always)]
fn tile<S: Simd, const R: usize>(
    simd: S,
    weights: &PackedLinear,
    input: &Quantised,
    activation: Activation,
    output: &mut [f32],
    (index, panel): (usize, &[Chunk]),
    first: usize,
) {
    let (stride, levels) = (input.stride(), simd.levels(input));
    let mut rows: [&[S::Level]; R] = [&[]; R];
    for (offset, row) in rows.iter_mut().enumerate() {
        *row = &levels[(first + offset) * stride..][..stride];
    }
    let mut sums = [[[0i32; LANES]; 4]; R];
    simd.tile(rows, panel, &mut sums);
    let vectors = 4 * index..4 * index + 4;
    let (scales, biases) = (&weights.scales[vectors.clone()], &weights.biases[vectors.clone()]);
    let column_sums = &weights.sums[vectors];
    let start = index * PANEL;
    let columns = (weights.outputs - start).min(PANEL);
    for (offset, sums) in sums.iter().enumerate() {
        let row = first + offset;
        let (row_scale, zero) = (simd.splat(input.scales[row]), input.zeros[row]);
        let mut results = [row_scale; 4];
        for part in 0..4 {
            let scaled = simd.mul(simd.centred(&sums[part], zero, &column_sums[part]), row_scale);
            results[part] = simd.fma(scaled, simd.load(&scales[part]), simd.load(&biases[part]));
        }
        if activation == Activation::Gelu {
            results = gelus(simd, results);
        }
        let target = &mut output[row * weights.outputs + start..][..columns];
        let (whole, rest) = target.as_chunks_mut::<LANES>();
        if let Some(whole) = whole.first_chunk_mut::<4>() {
            // The usual case without a branch for each vector.
            for part in 0..4 {
                simd.store(results[part], &mut whole[part]);
            }
        } else {
            for (part, target) in whole.iter_mut().enumerate() {
                simd.store(results[part], target);
            }
            if !rest.is_empty() {
                let mut last = [0.0; LANES];
                simd.store(results[whole.len()], &mut last);
                rest.copy_from_slice(&last[..rest.len()]);
            }
        }
    }
}

/// The GELU of four vectors: side by side, so that none waits for another.
#[inline(always)]
fn gelus<S: Simd>(simd: S, [a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 4] {
    [gelu(simd, a), gelu(simd, b), gelu(simd, c), gelu(simd, d)]
}

/// Fewer than sixteen values, zeros behind them.
#[inline(always)]
fn padded(values: &[f32]) -> [f32; LANES] {
    let mut padded = [0.0; LANES];
    padded[..values.len()].copy_from_slice(values);
    padded
}
