//! Matrices in blocks of 32 inputs, as generators keep their weights: bytes or half bytes with a scale per output and block, or
//! plain f32.
//!
//! Weights are widened to f32 as they are used, and inputs stay f32: what a block format loses is lost when the file is written,
//! not here. A result is the sum, over the blocks in order, of `scale * Σ weight * input`, each block's sum taken input by input
//! with fused multiply-adds. That order holds in every form and for any number of rows, so a row gives the same bits alone, among
//! others, and on every processor: a prompt may be read in one go, in parts, or token by token.

use std::ops::Range;

use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, vectors};
use crate::widen::Widen;

mod storage;

use storage::{Block, Bytes, Floats, Nibbles, Widened};

/// Inputs of a block.
pub const BLOCK: usize = 32;
/// Outputs of a panel: four vectors, whose bytes of one input are a cache line.
pub const PANEL: usize = 4 * LANES;
/// Vectors of a panel.
const VECTORS: usize = PANEL / LANES;
/// Rows that a tile takes together: with a pair of registers of outputs they fill 12 of the 16 of AVX2, with four 24 of the 32
/// of AVX-512.
const ROWS: usize = 6;
/// Blocks whose widened weights are held at a time: 64 KiB for a panel, so that a quarter of it stays in the first cache.
const HELD: usize = 8;

/// How many blocks before its use a block is fetched.
const AHEAD: usize = 4;

/// One output's weights for a block of inputs, or more of them: what [`BlockMatrix::new`] is given row by row.
#[derive(Debug)]
pub enum Row<'a> {
    /// `scale * weight`: a weight per input, a scale per block as the bits of an f16.
    Bytes {
        /// A weight per input.
        weights: &'a [i8],
        /// A scale per block.
        scales: &'a [u16],
    },
    /// `scale * weight + least`: a weight of 0..=15 per input, per block a scale as the bits of an f16, and a least value.
    Nibbles {
        /// A weight per input.
        weights: &'a [u8],
        /// A scale per block.
        scales: &'a [u16],
        /// A least value per block.
        least: &'a [f32],
    },
    /// Plain values.
    Floats(&'a [f32]),
}

/// How the weights of a matrix are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// [`Row::Bytes`]: 1.06 bytes a weight.
    Bytes,
    /// [`Row::Nibbles`]: 0.69 bytes a weight.
    Nibbles,
    /// [`Row::Floats`]: 4 bytes a weight.
    Floats,
}

/// Panel by panel, in it block by block.
#[derive(Debug)]
enum Blocks {
    Bytes(Vec<Bytes>),
    Nibbles(Vec<Nibbles>),
    Floats(Vec<Floats>),
}

/// A matrix of [outputs, inputs] in blocks.
#[derive(Debug)]
pub struct BlockMatrix {
    inputs: usize,
    outputs: usize,
    blocks: Blocks,
}

/// Buffers that calls share.
#[derive(Debug, Default)]
pub struct BlockScratch {
    /// The widened weights of a panel: [vector, block].
    widened: Vec<Widened>,
    /// [rows, panel].
    totals: Vec<[[f32; LANES]; VECTORS]>,
    /// The sum of each block of each row: [rows, blocks].
    sums: Vec<f32>,
}

impl BlockMatrix {
    /// A matrix of zeros, to be filled with [`BlockMatrix::set`].
    ///
    /// # Panics
    /// Where `inputs` is 0 or no multiple of [`BLOCK`], or there are no outputs.
    pub fn new(storage: Storage, inputs: usize, outputs: usize) -> Self {
        assert!(inputs > 0 && inputs.is_multiple_of(BLOCK), "{inputs} inputs are no whole blocks");
        assert!(outputs > 0, "a matrix without outputs");
        let count = outputs.div_ceil(PANEL) * (inputs / BLOCK);
        let blocks = match storage {
            Storage::Bytes => Blocks::Bytes(vec![Bytes { scales: [0; PANEL], weights: [[0; PANEL]; BLOCK] }; count]),
            Storage::Nibbles => {
                let zeros = Nibbles { scales: [0; PANEL], least: [0.0; PANEL], weights: [[0; PANEL]; BLOCK / 2] };
                Blocks::Nibbles(vec![zeros; count])
            }
            Storage::Floats => Blocks::Floats(vec![Floats { weights: [[0.0; PANEL]; BLOCK] }; count]),
        };
        Self { inputs, outputs, blocks }
    }

    /// Sets the weights of one output.
    ///
    /// # Panics
    /// Where the row is of another storage or length than the matrix, or the output is none of it.
    pub fn set(&mut self, output: usize, row: &Row<'_>) {
        assert!(output < self.outputs, "no output {output}");
        let per_panel = self.inputs / BLOCK;
        let (first, lane) = (output / PANEL * per_panel, output % PANEL);
        match (&mut self.blocks, row) {
            (Blocks::Bytes(blocks), Row::Bytes { weights, scales }) => {
                assert!(weights.len() == self.inputs && scales.len() == per_panel, "the row does not fit the matrix");
                let (weights, _) = weights.as_chunks::<BLOCK>();
                for ((block, weights), scale) in blocks[first..][..per_panel].iter_mut().zip(weights).zip(*scales) {
                    block.scales[lane] = *scale;
                    block.weights.iter_mut().zip(weights).for_each(|(target, weight)| target[lane] = *weight);
                }
            }
            (Blocks::Nibbles(blocks), Row::Nibbles { weights, scales, least }) => {
                let fits = weights.len() == self.inputs && scales.len() == per_panel && least.len() == per_panel;
                assert!(fits, "the row does not fit the matrix");
                let (weights, _) = weights.as_chunks::<BLOCK>();
                let blocks = blocks[first..][..per_panel].iter_mut();
                for (((block, weights), scale), least) in blocks.zip(weights).zip(*scales).zip(*least) {
                    (block.scales[lane], block.least[lane]) = (*scale, *least);
                    let (pairs, _) = weights.as_chunks::<2>();
                    let targets = block.weights.iter_mut();
                    targets.zip(pairs).for_each(|(target, pair)| target[lane] = (pair[0] & 15) | (pair[1] << 4));
                }
            }
            (Blocks::Floats(blocks), Row::Floats(weights)) => {
                assert_eq!(weights.len(), self.inputs, "the row does not fit the matrix");
                let (weights, _) = weights.as_chunks::<BLOCK>();
                for (block, weights) in blocks[first..][..per_panel].iter_mut().zip(weights) {
                    block.weights.iter_mut().zip(weights).for_each(|(target, weight)| target[lane] = *weight);
                }
            }
            _ => unreachable!("the row is of another storage than the matrix"),
        }
    }

    /// The length of a row that goes in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The length of a row that comes out.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The bytes that the weights take.
    pub fn bytes(&self) -> usize {
        match &self.blocks {
            Blocks::Bytes(blocks) => size_of_val(blocks.as_slice()),
            Blocks::Nibbles(blocks) => size_of_val(blocks.as_slice()),
            Blocks::Floats(blocks) => size_of_val(blocks.as_slice()),
        }
    }

    /// The weights of one output in f32: a row of an embedding.
    ///
    /// # Panics
    /// Where the output is none of the matrix, or `target` is not as long as an input row.
    pub fn weights(&self, output: usize, target: &mut [f32]) {
        assert!(output < self.outputs, "no output {output}");
        assert_eq!(target.len(), self.inputs, "the target has another length");
        let per_panel = self.inputs / BLOCK;
        let (first, lane) = (output / PANEL * per_panel, output % PANEL);
        for (index, target) in target.chunks_exact_mut(BLOCK).enumerate() {
            match &self.blocks {
                Blocks::Bytes(blocks) => {
                    let block = &blocks[first + index];
                    let scale = half(block.scales[lane]);
                    target
                        .iter_mut()
                        .zip(&block.weights)
                        .for_each(|(target, weights)| *target = scale * f32::from(weights[lane]));
                }
                Blocks::Nibbles(blocks) => {
                    let block = &blocks[first + index];
                    let (scale, least) = (half(block.scales[lane]), block.least[lane]);
                    let (pairs, _) = target.as_chunks_mut::<2>();
                    for (pair, weights) in pairs.iter_mut().zip(&block.weights) {
                        let weights = weights[lane];
                        *pair = [weights & 15, weights >> 4].map(|weight| scale.mul_add(f32::from(weight), least));
                    }
                }
                Blocks::Floats(blocks) => {
                    let block = &blocks[first + index];
                    target.iter_mut().zip(&block.weights).for_each(|(target, weights)| *target = weights[lane]);
                }
            }
        }
    }

    /// `output = input * weightᵀ` for rows of input: [rows, outputs].
    ///
    /// # Panics
    /// Where the input is no whole number of rows, or the output has another size.
    pub fn apply(&self, profile: Profile, input: &[f32], scratch: &mut BlockScratch, output: &mut [f32]) {
        assert!(input.len().is_multiple_of(self.inputs), "the input has rows of another length");
        assert_eq!(output.len(), input.len() / self.inputs * self.outputs, "the output has another size");
        product_dispatched(profile, self, 0..self.outputs.div_ceil(PANEL), input, scratch, output);
    }

    /// Part of the product of one row: the outputs from `first`, a multiple of [`PANEL`], as many as `output` holds.
    ///
    /// # Panics
    /// Where the input is not one row, or the part begins within a panel or goes beyond the outputs.
    pub fn apply_part(&self, profile: Profile, input: &[f32], first: usize, scratch: &mut BlockScratch, output: &mut [f32]) {
        assert_eq!(input.len(), self.inputs, "the input is not one row");
        assert!(first.is_multiple_of(PANEL) && first + output.len() <= self.outputs, "no such outputs");
        let panels = first / PANEL..(first + output.len()).div_ceil(PANEL);
        product_dispatched(profile, self, panels, input, scratch, output);
    }
}

/// The value of an f16 that is finite and not negative, by its bits.
fn half(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 13) * HALF_RANGE
}

/// 2^112: what the exponent of an f16 lacks when its bits are read as those of an f32.
pub(crate) const HALF_RANGE: f32 = 5.192_296_9e33;

dispatched!(fn product_dispatched(matrix: &BlockMatrix, panels: Range<usize>, input: &[f32], scratch: &mut BlockScratch, output: &mut [f32]) => product);

#[inline(always)]
fn product<S: Widen>(
    simd: S,
    matrix: &BlockMatrix,
    panels: Range<usize>,
    input: &[f32],
    scratch: &mut BlockScratch,
    output: &mut [f32],
) {
    match &matrix.blocks {
        Blocks::Bytes(blocks) => product_of(simd, matrix, blocks, panels, input, scratch, output),
        Blocks::Nibbles(blocks) => product_of(simd, matrix, blocks, panels, input, scratch, output),
        Blocks::Floats(blocks) => product_of(simd, matrix, blocks, panels, input, scratch, output),
    }
}

#[inline(always)]
fn product_of<S: Widen, B: Block>(
    simd: S,
    matrix: &BlockMatrix,
    blocks: &[B],
    panels: Range<usize>,
    input: &[f32],
    scratch: &mut BlockScratch,
    output: &mut [f32],
) {
    let (inputs, per_panel) = (matrix.inputs, matrix.inputs / BLOCK);
    let rows = input.len() / inputs;
    let width = output.len() / rows.max(1);
    let first = panels.start * PANEL;
    scratch.sums.clear();
    if B::HAS_LEAST {
        scratch.sums.extend(input.chunks_exact(BLOCK).map(|block| {
            let [low, high] = [0, 1].map(|half| simd.load(&vectors(block)[half]));
            simd.sum(simd.add(low, high))
        }));
    }
    scratch.totals.resize(rows, [[0.0; LANES]; VECTORS]);
    for panel in panels {
        let ahead = &blocks[panel * per_panel..];
        let blocks = &ahead[..per_panel];
        scratch.totals.fill([[0.0; LANES]; VECTORS]);
        if rows == 1 {
            row(simd, ahead, input, &scratch.sums, &mut scratch.totals[0]);
        } else {
            many(simd, blocks, input, scratch);
        }
        let start = panel * PANEL - first;
        let count = (width - start).min(PANEL);
        for (totals, output) in scratch.totals.iter().zip(output.chunks_exact_mut(width)) {
            output[start..][..count].copy_from_slice(&totals.as_flattened()[..count]);
        }
    }
}

/// One row: the weights are widened on their way, and read once. `blocks` are those of its panel and those after it.
#[inline(always)]
fn row<S: Widen, B: Block>(simd: S, blocks: &[B], input: &[f32], sums: &[f32], totals: &mut [[f32; LANES]; VECTORS]) {
    let mut held = totals.each_ref().map(|total| simd.load(total));
    let (input, _) = input.as_chunks::<BLOCK>();
    for (index, (block, input)) in blocks.iter().zip(input).enumerate() {
        // The processor itself stops fetching ahead at the end of a page, about where a block ends.
        if let Some(soon) = blocks.get(index + AHEAD) {
            simd.fetch(soon);
        }
        let products = block.products(simd, input);
        for vector in 0..VECTORS {
            held[vector] = block.scaled(simd, vector, products[vector], held[vector]);
            if B::HAS_LEAST {
                held[vector] = block.raised(simd, vector, sums[index], held[vector]);
            }
        }
    }
    totals.iter_mut().zip(held).for_each(|(target, total)| simd.store(total, target));
}

/// Many rows: some blocks of the panel at a time are widened for all of them.
#[inline(always)]
fn many<S: Widen, B: Block>(simd: S, blocks: &[B], input: &[f32], scratch: &mut BlockScratch) {
    let inputs = blocks.len() * BLOCK;
    let rows = input.len() / inputs;
    for (part, blocks) in blocks.chunks(HELD).enumerate() {
        let first_block = part * HELD;
        scratch.widened.resize(VECTORS * HELD, [[0.0; LANES]; BLOCK]);
        for (index, block) in blocks.iter().enumerate() {
            for vector in 0..VECTORS {
                block.widen(simd, vector, &mut scratch.widened[vector * HELD + index]);
            }
        }
        let mut vector = 0;
        while vector < VECTORS {
            let mut row = 0;
            while row < rows {
                // The last tile takes its last row several times, and keeps it once.
                let count = (rows - row).min(ROWS);
                let inputs = Inputs { values: input, width: inputs, row, rows, first_block };
                if S::TILE == VECTORS {
                    tile::<S, B, VECTORS>(simd, blocks, &inputs, vector, count, scratch);
                } else {
                    tile::<S, B, 1>(simd, blocks, &inputs, vector, count, scratch);
                }
                row += ROWS;
            }
            vector += if S::TILE == VECTORS { VECTORS } else { 1 };
        }
    }
}

/// The rows of a tile.
struct Inputs<'a> {
    values: &'a [f32],
    width: usize,
    row: usize,
    rows: usize,
    first_block: usize,
}

/// Adds the products of up to six rows with some blocks, for `V` vectors of outputs, to the totals.
#[inline(always)]
fn tile<S: Widen, B: Block, const V: usize>(
    simd: S,
    blocks: &[B],
    inputs: &Inputs<'_>,
    vector: usize,
    count: usize,
    scratch: &mut BlockScratch,
) {
    let BlockScratch { widened, totals, sums } = scratch;
    let per_row = inputs.width / BLOCK;
    let mut rows: [&[[f32; BLOCK]]; ROWS] = [&[]; ROWS];
    for (offset, row) in rows.iter_mut().enumerate() {
        let at = (inputs.row + offset).min(inputs.rows - 1) * inputs.width + inputs.first_block * BLOCK;
        *row = inputs.values[at..][..blocks.len() * BLOCK].as_chunks::<BLOCK>().0;
    }
    for (index, block) in blocks.iter().enumerate() {
        let mut products = [[simd.splat(0.0); V]; ROWS];
        let mut weights: [&Widened; V] = [&widened[0]; V];
        weights.iter_mut().enumerate().for_each(|(offset, held)| *held = &widened[(vector + offset) * HELD + index]);
        let inputs_of = rows.map(|row| &row[index]);
        for step in 0..BLOCK {
            let weights = weights.map(|weights| simd.load(&weights[step]));
            for (products, input) in products.iter_mut().zip(inputs_of) {
                let input = simd.splat(input[step]);
                products.iter_mut().zip(weights).for_each(|(product, weights)| *product = simd.fma(input, weights, *product));
            }
        }
        for (offset, products) in products.iter().enumerate().take(count) {
            let totals = &mut totals[inputs.row + offset];
            for (part, product) in products.iter().enumerate() {
                let total = &mut totals[vector + part];
                let mut sum = block.scaled(simd, vector + part, *product, simd.load(total));
                if B::HAS_LEAST {
                    let block_sum = sums[(inputs.row + offset) * per_row + inputs.first_block + index];
                    sum = block.raised(simd, vector + part, block_sum, sum);
                }
                simd.store(sum, total);
            }
        }
    }
}

#[cfg(test)]
mod tests;
