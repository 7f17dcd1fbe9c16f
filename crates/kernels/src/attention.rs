//! Attention within each sequence of a packed batch: no padding, no mask.

use crate::product::{Panels, Rows, Sink, multiply};
use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, Simd, exp, vectors_mut};

/// Queries whose scores are held together: whole blocks of six and of eight, in the first cache for passages of usual length.
const QUERIES: usize = 24;

/// How a row of query, key and value is parted among heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Heads.
    pub count: usize,
    /// The width of one: a multiple of 16.
    pub width: usize,
}

/// Buffers that calls share.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    /// The keys of a head: panel by panel of sixteen keys, in it dimension by dimension.
    keys: Vec<[f32; LANES]>,
    /// The values of a head: panel by panel of sixteen dimensions, in it key by key.
    values: Vec<[f32; LANES]>,
    /// [queries, keys padded to whole panels].
    scores: Vec<f32>,
}

dispatched!(fn attention_dispatched(qkv: &[f32], heads: Heads, lengths: &[usize], scratch: &mut AttentionScratch, context: &mut [f32]) => body);

/// `context = softmax(query * keyᵀ / √width) * value` for each head of each sequence.
///
/// `qkv` holds, token by token, the queries of all heads, then their keys, then their values; `lengths` the tokens of each
/// sequence; `context` gets the heads' results side by side: [tokens, heads * width].
///
/// # Panics
/// Where the sizes do not fit each other or the head width is no multiple of 16.
pub fn attention(
    profile: Profile,
    qkv: &[f32],
    heads: Heads,
    lengths: &[usize],
    scratch: &mut AttentionScratch,
    context: &mut [f32],
) {
    let (tokens, width) = (lengths.iter().sum::<usize>(), heads.count * heads.width);
    assert!(heads.width > 0 && heads.width.is_multiple_of(LANES), "the head width is no multiple of {LANES}");
    assert_eq!(qkv.len(), tokens * 3 * width, "query, key and value have another size");
    assert_eq!(context.len(), tokens * width, "the context has another size");
    attention_dispatched(profile, qkv, heads, lengths, scratch, context);
}

#[inline(always)]
fn body<S: Simd>(simd: S, qkv: &[f32], heads: Heads, lengths: &[usize], scratch: &mut AttentionScratch, context: &mut [f32]) {
    let width = heads.count * heads.width;
    let mut first = 0;
    for &length in lengths {
        let qkv = &qkv[first * 3 * width..][..length * 3 * width];
        let context = &mut context[first * width..][..length * width];
        for head in 0..heads.count {
            one_head(simd, qkv, heads, head, length, scratch, context);
        }
        first += length;
    }
}

#[inline(always)]
fn one_head<S: Simd>(
    simd: S,
    qkv: &[f32],
    heads: Heads,
    head: usize,
    length: usize,
    scratch: &mut AttentionScratch,
    context: &mut [f32],
) {
    let (width, start) = (heads.count * heads.width, head * heads.width);
    let padded = length.next_multiple_of(LANES);
    pack(qkv, heads, head, length, scratch);
    scratch.scores.resize(QUERIES * padded, 0.0);
    let AttentionScratch { keys, values, scores } = scratch;
    let scale = 1.0 / (heads.width as f32).sqrt();
    for first in (0..length).step_by(QUERIES) {
        let count = (length - first).min(QUERIES);
        let queries = Rows { values: &qkv[first * 3 * width + start..], stride: 3 * width, depth: heads.width, count };
        let mut factors = [1.0; QUERIES];
        let panels = Panels { vectors: keys, stride: heads.width, count: padded / LANES };
        multiply(simd, queries, panels, Scaled { factors: &factors, stride: padded, target: scores });
        for (row, factor) in scores.chunks_exact_mut(padded).zip(&mut factors).take(count) {
            *factor = 1.0 / softmax(simd, row, length, scale);
        }
        let weights = Rows { values: scores, stride: padded, depth: length, count };
        let target = &mut context[first * width + start..];
        let panels = Panels { vectors: values, stride: length, count: heads.width / LANES };
        multiply(simd, weights, panels, Scaled { factors: &factors, stride: width, target });
    }
}

/// Rows `stride` apart, each multiplied by its factor.
struct Scaled<'a> {
    factors: &'a [f32; QUERIES],
    stride: usize,
    target: &'a mut [f32],
}

impl<S: Simd> Sink<S> for Scaled<'_> {
    #[inline(always)]
    fn take(&mut self, simd: S, row: usize, panel: usize, results: S::Vector) {
        if let Some(target) = self.target[row * self.stride + panel * LANES..].first_chunk_mut::<LANES>() {
            simd.store(simd.mul(results, simd.splat(self.factors[row])), target);
        }
    }
}

/// Lays out the keys and the values of a head in panels.
#[inline(always)]
fn pack(qkv: &[f32], heads: Heads, head: usize, length: usize, scratch: &mut AttentionScratch) {
    let (width, start) = (heads.count * heads.width, head * heads.width);
    scratch.keys.resize(length.div_ceil(LANES) * heads.width, [0.0; LANES]);
    scratch.values.resize(length * heads.width / LANES, [0.0; LANES]);
    // Beyond the last key there is nothing to multiply with.
    if let Some(last) = scratch.keys.len().checked_sub(heads.width) {
        scratch.keys[last..].fill([0.0; LANES]);
    }
    for (token, row) in qkv.chunks_exact(3 * width).enumerate() {
        let panel = &mut scratch.keys[token / LANES * heads.width..][..heads.width];
        for (vector, key) in panel.iter_mut().zip(&row[width + start..][..heads.width]) {
            vector[token % LANES] = *key;
        }
        let (parts, _) = row[2 * width + start..][..heads.width].as_chunks::<LANES>();
        for (part, values) in parts.iter().enumerate() {
            scratch.values[part * length + token] = *values;
        }
    }
}

/// `row = e^(scale * (row - largest))` over `length` values, zeros behind them; gives the sum.
#[inline(always)]
fn softmax<S: Simd>(simd: S, row: &mut [f32], length: usize, scale: f32) -> f32 {
    row[length..].fill(f32::MIN);
    let row = vectors_mut(row);
    let mut largest = simd.splat(f32::MIN);
    for values in row.iter() {
        largest = simd.max(simd.load(values), largest);
    }
    let (largest, scale) = (simd.splat(simd.largest(largest)), simd.splat(scale));
    let mut sum = simd.splat(0.0);
    for (index, values) in row.iter_mut().enumerate() {
        let value = exp(simd, simd.mul(simd.sub(simd.load(values), largest), scale));
        simd.store(value, values);
        if (index + 1) * LANES > length {
            values[length - index * LANES..].fill(0.0);
        }
        sum = simd.add(sum, simd.load(values));
    }
    simd.sum(sum)
}
