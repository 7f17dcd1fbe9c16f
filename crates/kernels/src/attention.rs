//! Attention within each sequence of a packed batch: no padding, no mask.

use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, Simd, exp, vectors, vectors_mut};

/// Queries taken together: with four vectors of keys they fill 24 registers of a 512-bit file.
const QUERIES: usize = 6;

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
    /// The keys of a head, transposed: [head width, keys padded to whole vectors].
    keys: Vec<f32>,
    /// The values of a head: [keys, head width].
    values: Vec<f32>,
    /// [queries, padded keys].
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
    scratch.keys.resize(heads.width * padded, 0.0);
    scratch.values.resize(length * heads.width, 0.0);
    scratch.scores.resize(QUERIES * padded, 0.0);
    for (token, row) in qkv.chunks_exact(3 * width).enumerate() {
        for (target, key) in scratch.keys.chunks_exact_mut(padded).zip(&row[width + start..][..heads.width]) {
            target[token] = *key;
        }
        scratch.values[token * heads.width..][..heads.width].copy_from_slice(&row[2 * width + start..][..heads.width]);
    }
    for row in scratch.keys.chunks_exact_mut(padded) {
        row[length..].fill(0.0);
    }
    let scale = 1.0 / (heads.width as f32).sqrt();
    let mut first = 0;
    while first < length {
        // The last block takes its last query several times: no other code for the rest, and so the same bits.
        let mut queries: [&[f32]; QUERIES] = [&[]; QUERIES];
        for (offset, query) in queries.iter_mut().enumerate() {
            let token = (first + offset).min(length - 1);
            *query = &qkv[token * 3 * width + start..][..heads.width];
        }
        scores(simd, queries, &scratch.keys, padded, &mut scratch.scores);
        let mut factors = [0.0; QUERIES];
        for (row, factor) in scratch.scores.chunks_exact_mut(padded).zip(&mut factors) {
            *factor = 1.0 / softmax(simd, row, length, scale);
        }
        let valid = (length - first).min(QUERIES);
        for part in (0..heads.width).step_by(LANES) {
            let sums = weighted(simd, &scratch.scores, padded, &scratch.values, heads.width, part, length);
            for (offset, sum) in sums.iter().enumerate().take(valid) {
                let target = &mut context[(first + offset) * width + start + part..];
                if let Some(target) = target.first_chunk_mut::<LANES>() {
                    simd.store(simd.mul(*sum, simd.splat(factors[offset])), target);
                }
            }
        }
        first += QUERIES;
    }
}

/// `target = queries * keys`, both over the head's width.
#[inline(always)]
fn scores<S: Simd>(simd: S, queries: [&[f32]; QUERIES], keys: &[f32], padded: usize, target: &mut [f32]) {
    let mut column = 0;
    while column + 4 * LANES <= padded {
        score_block::<S, 4>(simd, queries, keys, padded, column, target);
        column += 4 * LANES;
    }
    while column < padded {
        score_block::<S, 1>(simd, queries, keys, padded, column, target);
        column += LANES;
    }
}

#[inline(always)]
fn score_block<S: Simd, const N: usize>(
    simd: S,
    queries: [&[f32]; QUERIES],
    keys: &[f32],
    padded: usize,
    column: usize,
    target: &mut [f32],
) {
    let mut sums = [[simd.splat(0.0); N]; QUERIES];
    for (dimension, keys) in keys.chunks_exact(padded).enumerate() {
        let keys = vectors(&keys[column..][..N * LANES]);
        for (query, sums) in queries.iter().zip(&mut sums) {
            let query = simd.splat(query[dimension]);
            for (sum, keys) in sums.iter_mut().zip(keys) {
                *sum = simd.fma(query, simd.load(keys), *sum);
            }
        }
    }
    for (row, sums) in target.chunks_exact_mut(padded).zip(&sums) {
        for (target, sum) in vectors_mut(&mut row[column..][..N * LANES]).iter_mut().zip(sums) {
            simd.store(*sum, target);
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

/// `scores * values` for sixteen columns of the values.
#[inline(always)]
fn weighted<S: Simd>(
    simd: S,
    scores: &[f32],
    padded: usize,
    values: &[f32],
    width: usize,
    part: usize,
    length: usize,
) -> [S::Vector; QUERIES] {
    let mut rows: [&[f32]; QUERIES] = [&[]; QUERIES];
    for (row, scores) in rows.iter_mut().zip(scores.chunks_exact(padded)) {
        *row = &scores[..length];
    }
    let mut sums = [simd.splat(0.0); QUERIES];
    for (key, values) in values.chunks_exact(width).take(length).enumerate() {
        if let Some(values) = values[part..].first_chunk::<LANES>() {
            let values = simd.load(values);
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = simd.fma(simd.splat(row[key]), values, *sum);
            }
        }
    }
    sums
}
