//! The parts of a decoder layer that are no products with weights: normalisation, rotary positions, gates, and attention over
//! keys and values that are kept.

use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, Simd, exp, vectors, vectors_mut};
use crate::widen::{Widen, sigmoid};

/// Queries taken together: those of the heads that share a key, of one row or more.
const QUERIES: usize = 4;

/// `target = source / rms(source) * weight`, for each row of `weight.len()` (Zhang and Sennrich 2019).
///
/// # Panics
/// Where the lengths do not fit each other, or the width is no multiple of 16.
pub fn rms_norm(profile: Profile, source: &[f32], weight: &[f32], epsilon: f32, target: &mut [f32]) {
    let width = weight.len();
    assert!(width > 0 && width.is_multiple_of(LANES), "the width is no multiple of {LANES}");
    assert!(source.len().is_multiple_of(width) && source.len() == target.len(), "the rows do not fit");
    rms_norm_dispatched(profile, source, weight, epsilon, target);
}

/// As [`rms_norm`], in place.
///
/// # Panics
/// As there.
pub fn rms_norm_in_place(profile: Profile, rows: &mut [f32], weight: &[f32], epsilon: f32) {
    let width = weight.len();
    assert!(width > 0 && width.is_multiple_of(LANES), "the width is no multiple of {LANES}");
    assert!(rows.len().is_multiple_of(width), "the rows do not fit");
    rms_norm_in_place_dispatched(profile, rows, weight, epsilon);
}

/// `target += other`.
///
/// # Panics
/// Where the lengths differ, or are no multiple of 16.
pub fn add(profile: Profile, target: &mut [f32], other: &[f32]) {
    assert!(target.len() == other.len() && target.len().is_multiple_of(LANES), "the rows do not fit");
    add_dispatched(profile, target, other);
}

/// What a gate does to its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// x * σ(x).
    Silu,
    /// GELU in its approximation by tanh: x * σ(2 √(2/π) (x + 0.044715 x³)).
    GeluTanh,
}

/// `gate = f(gate) * up`.
///
/// # Panics
/// Where the lengths differ, or are no multiple of 16.
pub fn gated(profile: Profile, function: Gate, gate: &mut [f32], up: &[f32]) {
    assert!(gate.len() == up.len() && gate.len().is_multiple_of(LANES), "the rows do not fit");
    gated_dispatched(profile, function, gate, up);
}

/// Which numbers of a head form the pairs that rotary positions turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// The number `i` with `i + width / 2` (GPT-NeoX).
    Halves,
    /// Each even number with the next (the original form; GGUF permutes Llama's weights to it).
    Neighbours,
}

/// Turns each pair of each head by its position's angle (Su et al. 2021): `cosines` and `sines` hold, row by row, a value for each
/// pair of a head, and every head of a row is turned alike.
///
/// # Panics
/// Where `rows` is no whole number of rows of whole heads, or the tables have another size.
pub fn rotate(profile: Profile, rows: &mut [f32], head: usize, pairs: Pairs, cosines: &[f32], sines: &[f32]) {
    assert!(head > 0 && head.is_multiple_of(2), "a head of {head} has no whole pairs");
    let positions = cosines.len() / (head / 2);
    assert!(positions > 0 && cosines.len() == positions * (head / 2) && sines.len() == cosines.len(), "the tables do not fit");
    assert!(rows.len().is_multiple_of(positions * head), "the rows do not fit");
    rotate_dispatched(profile, rows, head, pairs, cosines, sines);
}

/// How queries are parted among heads, and heads among those that have keys and values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryHeads {
    /// Heads of a query.
    pub count: usize,
    /// Heads of a key and a value: `count` is a multiple of it.
    pub shared: usize,
    /// The width of one: a multiple of 16.
    pub width: usize,
    /// What a product of query and key is multiplied by.
    pub scale: f32,
    /// The positions that a query sees, itself included; all before it where there is none.
    pub window: Option<usize>,
}

/// Keys and values kept: head by head, in it position by position: [shared heads, capacity, width].
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The keys.
    pub keys: &'a [f32],
    /// The values.
    pub values: &'a [f32],
    /// The positions that there is room for.
    pub capacity: usize,
}

/// Attention of rows of queries, the first at position `first`, over what is kept: `context` gets the heads' results side by side,
/// [rows, heads * width]. A row sees its own position and those before it, within the window. Each row's result has the same bits
/// whatever rows it comes with.
///
/// # Panics
/// Where the sizes do not fit each other, or a position is beyond the capacity.
pub fn attention_over(
    profile: Profile,
    queries: &[f32],
    first: usize,
    heads: QueryHeads,
    kept: Kept<'_>,
    scores: &mut Vec<f32>,
    context: &mut [f32],
) {
    let width = heads.count * heads.width;
    assert!(heads.width > 0 && heads.width.is_multiple_of(LANES), "the head width is no multiple of {LANES}");
    assert!(heads.shared > 0 && heads.count.is_multiple_of(heads.shared), "heads cannot be shared evenly");
    assert!(heads.window != Some(0), "a window without positions");
    assert!(queries.len().is_multiple_of(width) && context.len() == queries.len(), "the rows do not fit");
    assert!(first + queries.len() / width <= kept.capacity, "a position is beyond the capacity");
    let size = heads.shared * kept.capacity * heads.width;
    assert!(kept.keys.len() == size && kept.values.len() == size, "keys and values have another size");
    attention_dispatched(profile, queries, first, heads, kept, scores, context);
}

dispatched!(fn rms_norm_dispatched(source: &[f32], weight: &[f32], epsilon: f32, target: &mut [f32]) => rms_norm_of);
dispatched!(fn rms_norm_in_place_dispatched(rows: &mut [f32], weight: &[f32], epsilon: f32) => rms_norm_within);
dispatched!(fn add_dispatched(target: &mut [f32], other: &[f32]) => add_of);
dispatched!(fn gated_dispatched(function: Gate, gate: &mut [f32], up: &[f32]) => gated_of);
dispatched!(fn rotate_dispatched(rows: &mut [f32], head: usize, pairs: Pairs, cosines: &[f32], sines: &[f32]) => rotate_of);
dispatched!(fn attention_dispatched(queries: &[f32], first: usize, heads: QueryHeads, kept: Kept<'_>, scores: &mut Vec<f32>, context: &mut [f32]) => attention);

#[inline(always)]
fn rms_norm_of<S: Widen>(simd: S, source: &[f32], weight: &[f32], epsilon: f32, target: &mut [f32]) {
    let width = weight.len();
    for (source, target) in source.chunks_exact(width).zip(target.chunks_exact_mut(width)) {
        let factor = inverse_rms(simd, source, epsilon);
        for ((source, weight), target) in vectors(source).iter().zip(vectors(weight)).zip(vectors_mut(target)) {
            simd.store(simd.mul(simd.mul(simd.load(source), factor), simd.load(weight)), target);
        }
    }
}

#[inline(always)]
fn rms_norm_within<S: Widen>(simd: S, rows: &mut [f32], weight: &[f32], epsilon: f32) {
    for row in rows.chunks_exact_mut(weight.len()) {
        let factor = inverse_rms(simd, row, epsilon);
        for (values, weight) in vectors_mut(row).iter_mut().zip(vectors(weight)) {
            simd.store(simd.mul(simd.mul(simd.load(values), factor), simd.load(weight)), values);
        }
    }
}

#[inline(always)]
fn inverse_rms<S: Simd>(simd: S, row: &[f32], epsilon: f32) -> S::Vector {
    let mut squares = simd.splat(0.0);
    for values in vectors(row) {
        let values = simd.load(values);
        squares = simd.fma(values, values, squares);
    }
    simd.splat(1.0 / (simd.sum(squares) / row.len() as f32 + epsilon).sqrt())
}

#[inline(always)]
fn add_of<S: Simd>(simd: S, target: &mut [f32], other: &[f32]) {
    for (target, other) in vectors_mut(target).iter_mut().zip(vectors(other)) {
        simd.store(simd.add(simd.load(target), simd.load(other)), target);
    }
}

#[inline(always)]
fn gated_of<S: Widen>(simd: S, function: Gate, gate: &mut [f32], up: &[f32]) {
    for (gate, up) in vectors_mut(gate).iter_mut().zip(vectors(up)) {
        let x = simd.load(gate);
        let argument = match function {
            Gate::Silu => x,
            Gate::GeluTanh => {
                // 2 √(2/π), and that times 0.044715.
                let cubic = simd.fma(simd.mul(x, x), simd.splat(0.071_354_82), simd.splat(1.595_769_1));
                simd.mul(x, cubic)
            }
        };
        let value = simd.mul(simd.mul(x, sigmoid(simd, argument)), simd.load(up));
        simd.store(value, gate);
    }
}

#[inline(always)]
fn rotate_of<S: Simd>(_: S, rows: &mut [f32], head: usize, pairs: Pairs, cosines: &[f32], sines: &[f32]) {
    let half = head / 2;
    let row = rows.len() / (cosines.len() / half);
    for ((row, cosines), sines) in rows.chunks_exact_mut(row).zip(cosines.chunks_exact(half)).zip(sines.chunks_exact(half)) {
        for head in row.chunks_exact_mut(head) {
            match pairs {
                Pairs::Halves => {
                    let (low, high) = head.split_at_mut(half);
                    for (((low, high), cosine), sine) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
                        (*low, *high) = (*low * cosine - *high * sine, *low * sine + *high * cosine);
                    }
                }
                Pairs::Neighbours => {
                    for ((pair, cosine), sine) in head.as_chunks_mut::<2>().0.iter_mut().zip(cosines).zip(sines) {
                        *pair = [pair[0] * cosine - pair[1] * sine, pair[0] * sine + pair[1] * cosine];
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn attention<S: Widen>(
    simd: S,
    queries: &[f32],
    first: usize,
    heads: QueryHeads,
    kept: Kept<'_>,
    scores: &mut Vec<f32>,
    context: &mut [f32],
) {
    let rows = queries.len() / (heads.count * heads.width);
    let group = heads.count / heads.shared;
    let size = kept.capacity * heads.width;
    for shared in 0..heads.shared {
        let keys = &kept.keys[shared * size..][..size];
        let values = &kept.values[shared * size..][..size];
        // The queries that read these keys: row by row, in it head by head.
        let mut start = 0;
        while start < rows * group {
            let block = QueryBlock::new(start, rows * group, group, shared, first, heads);
            block.attend(simd, queries, keys, values, scores, context);
            start += QUERIES;
        }
    }
}

/// Some queries over the same keys, each with the positions that it sees. The last block has its last query several times.
struct QueryBlock {
    heads: QueryHeads,
    /// Where each query begins among the rows.
    places: [usize; QUERIES],
    /// The first position and the one after the last that each sees.
    seen: [(usize, usize); QUERIES],
    count: usize,
}

impl QueryBlock {
    #[inline(always)]
    fn new(start: usize, all: usize, group: usize, shared: usize, first: usize, heads: QueryHeads) -> Self {
        let (mut places, mut seen) = ([0; QUERIES], [(0, 0); QUERIES]);
        for offset in 0..QUERIES {
            let query = (start + offset).min(all - 1);
            let (row, head) = (query / group, shared * group + query % group);
            let end = first + row + 1;
            places[offset] = (row * heads.count + head) * heads.width;
            seen[offset] = (heads.window.map_or(0, |window| end.saturating_sub(window)), end);
        }
        Self { heads, places, seen, count: (all - start).min(QUERIES) }
    }

    #[inline(always)]
    fn attend<S: Widen>(
        &self,
        simd: S,
        queries: &[f32],
        keys: &[f32],
        values: &[f32],
        scores: &mut Vec<f32>,
        context: &mut [f32],
    ) {
        let width = self.heads.width;
        // Lanes are told by absolute position, so that a query's sums do not depend on its neighbours.
        let from = self.seen.iter().map(|seen| seen.0).min().unwrap_or(0);
        let end = self.seen.iter().map(|seen| seen.1).max().unwrap_or(0);
        let base = from / LANES * LANES;
        let padded = (end - base).next_multiple_of(LANES);
        scores.resize(QUERIES * padded, 0.0);
        let queries = self.places.map(|place| vectors(&queries[place..][..width]));
        for position in from..end {
            let mut sums = [simd.splat(0.0); QUERIES];
            for (part, key) in vectors(&keys[position * width..][..width]).iter().enumerate() {
                let key = simd.load(key);
                for (sum, query) in sums.iter_mut().zip(queries) {
                    *sum = simd.fma(simd.load(&query[part]), key, *sum);
                }
            }
            for (query, sum) in sums.iter().enumerate() {
                scores[query * padded + position - base] = simd.sum(*sum);
            }
        }
        let mut factors = [0.0; QUERIES];
        for (query, factor) in factors.iter_mut().enumerate() {
            let (first, last) = (self.seen[query].0 - base, self.seen[query].1 - base);
            *factor = 1.0 / softmax(simd, &mut scores[query * padded..][..padded], first, last, self.heads.scale);
        }
        for part in 0..width / LANES {
            let mut sums = [simd.splat(0.0); QUERIES];
            for position in from..end {
                let value = simd.load(&vectors(&values[position * width..][..width])[part]);
                for (query, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.fma(simd.splat(scores[query * padded + position - base]), value, *sum);
                }
            }
            for query in 0..self.count {
                let target = &mut context[self.places[query]..][..width];
                simd.store(simd.mul(sums[query], simd.splat(factors[query])), &mut vectors_mut(target)[part]);
            }
        }
    }
}

/// `row[first..end] = e^(scale * (row - largest))`, zeros around it; gives the sum.
#[inline(always)]
fn softmax<S: Simd>(simd: S, row: &mut [f32], first: usize, end: usize, scale: f32) -> f32 {
    let (base, padded) = (first / LANES * LANES, end.next_multiple_of(LANES));
    row[..base].fill(0.0);
    row[base..first].fill(f32::MIN);
    row[end..padded].fill(f32::MIN);
    row[padded..].fill(0.0);
    let row = vectors_mut(&mut row[base..padded]);
    let mut largest = simd.splat(f32::MIN);
    for values in row.iter() {
        largest = simd.max(simd.load(values), largest);
    }
    let (largest, scale) = (simd.splat(simd.largest(largest)), simd.splat(scale));
    let mut sum = simd.splat(0.0);
    for (index, values) in row.iter_mut().enumerate() {
        simd.store(exp(simd, simd.mul(simd.sub(simd.load(values), largest), scale)), values);
        let start = base + index * LANES;
        if start < first {
            values[..first - start].fill(0.0);
        }
        if start + LANES > end {
            values[end - start..].fill(0.0);
        }
        sum = simd.add(sum, simd.load(values));
    }
    simd.sum(sum)
}

#[cfg(test)]
mod tests;
