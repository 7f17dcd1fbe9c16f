//! Attention within each sequence of a packed batch: no padding, no mask.

use crate::buffer::Buffer;
use crate::product::{Panels, Rows, Sink, multiply};
use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, Simd, exp, vectors, vectors_mut};

/// Queries whose scores are held together: whole blocks of six and of eight, in the first cache for passages of usual length.
const QUERIES: usize = 24;

/// How queries, keys and values are parted among heads.
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
    keys: Buffer,
    /// The values of a head: panel by panel of sixteen dimensions, in it key by key.
    values: Buffer,
    /// [queries, keys padded to whole panels].
    scores: Buffer,
}

dispatched!(fn attention_dispatched(qkv: &[f32], heads: Heads, lengths: &[usize], scratch: &mut AttentionScratch, context: &mut [f32]) => body);

/// `context = softmax(query * keyᵀ / √width) * value` for each head of each sequence.
///
/// `qkv` holds the queries of all heads, head by head, then their keys, then their values: [3 * heads, tokens, width]; `lengths`
/// the tokens of each sequence; `context` gets the heads' results side by side: [tokens, heads * width].
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
    let slab = lengths.iter().sum::<usize>() * heads.width;
    let mut first = 0;
    for &length in lengths.iter().filter(|length| **length > 0) {
        let context = &mut context[first * width..][..length * width];
        for head in 0..heads.count {
            let part = |slabs: usize| &qkv[(slabs + head) * slab + first * heads.width..][..length * heads.width];
            let [queries, keys, values] = [part(0), part(heads.count), part(2 * heads.count)];
            pack(keys, values, heads.width, scratch);
            one_head(simd, queries, heads, length, scratch, &mut context[head * heads.width..]);
        }
        first += length;
    }
}

/// The context of a head, whose rows lie among those of the others.
#[inline(always)]
fn one_head<S: Simd>(simd: S, queries: &[f32], heads: Heads, length: usize, scratch: &mut AttentionScratch, context: &mut [f32]) {
    let width = heads.count * heads.width;
    let padded = length.next_multiple_of(LANES);
    scratch.scores.resize(QUERIES * padded);
    let AttentionScratch { keys, values, scores } = scratch;
    let scale = 1.0 / (heads.width as f32).sqrt();
    for first in (0..length).step_by(QUERIES) {
        let count = (length - first).min(QUERIES);
        let queries = Rows { values: &queries[first * heads.width..], stride: heads.width, depth: heads.width, count };
        let mut factors = [1.0; QUERIES];
        let panels = Panels { vectors: vectors(keys), stride: heads.width, count: padded / LANES };
        multiply(simd, queries, panels, Scaled { factors: &factors, stride: padded, target: scores });
        for (row, factor) in scores.chunks_exact_mut(padded).zip(&mut factors).take(count) {
            *factor = 1.0 / softmax(simd, row, length, scale);
        }
        let weights = Rows { values: scores, stride: padded, depth: length, count };
        let target = &mut context[first * width..];
        let panels = Panels { vectors: vectors(values), stride: length, count: heads.width / LANES };
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
fn pack(keys: &[f32], values: &[f32], width: usize, scratch: &mut AttentionScratch) {
    let length = keys.len() / width;
    let AttentionScratch { keys: key_panels, values: value_panels, .. } = scratch;
    key_panels.resize(length.next_multiple_of(LANES) * width);
    value_panels.resize(length * width);
    let (key_panels, value_panels) = (vectors_mut(key_panels), vectors_mut(value_panels));
    // Beyond the last key there is nothing to multiply with.
    if let Some(last) = key_panels.len().checked_sub(width) {
        key_panels[last..].fill([0.0; LANES]);
    }
    for (token, key) in keys.chunks_exact(width).enumerate() {
        let panel = &mut key_panels[token / LANES * width..][..width];
        for (vector, key) in panel.iter_mut().zip(key) {
            vector[token % LANES] = *key;
        }
    }
    for (token, value) in values.chunks_exact(width).enumerate() {
        for (part, value) in vectors(value).iter().enumerate() {
            value_panels[part * length + token] = *value;
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
    let Some((last, whole)) = row.split_last_mut() else { return 0.0 };
    for values in whole {
        let value = exp(simd, simd.mul(simd.sub(simd.load(values), largest), scale));
        simd.store(value, values);
        sum = simd.add(sum, value);
    }
    simd.store(exp(simd, simd.mul(simd.sub(simd.load(last), largest), scale)), last);
    last[(length - 1) % LANES + 1..].fill(0.0);
    simd.sum(simd.add(sum, simd.load(last)))
}
