//! Columns of levels: which of them stand for an input of a layer in bytes.
//!
//! A row is quantised by one scale, so a few inputs that are far larger than the rest (transformers have such channels, and the
//! same ones for every token: Sun et al. 2024, "Massive Activations in Large Language Models") would leave the rest a handful of
//! levels. Such an input is spread over several columns with the same weights, each of which takes a share of it: the range of a
//! row becomes that of the shares, and the shares together tell the large input as finely as any other.

use std::cmp::Ordering;

use crate::simd::LANES;

/// How the inputs of a layer are taken into columns of levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    inputs: usize,
    /// The inputs of the columns that follow the first of each input.
    further: Vec<usize>,
    /// Per column, padded to whole vectors: what of its input it takes.
    shares: Vec<[f32; LANES]>,
    /// Per column: what is added to its share, in levels, before it is rounded. The shares `x / n + (k - (n - 1) / 2) / n` of an
    /// input, rounded each for itself, sum to `x` rounded (Hermite's identity), so nothing is lost by spreading.
    offsets: Vec<[f32; LANES]>,
}

impl Columns {
    /// One column for each input.
    pub fn plain(inputs: usize) -> Self {
        Self::new(inputs, &[])
    }

    /// `further` columns more than inputs, for the inputs whose values are the largest: `magnitudes` says how large each may be
    /// expected to be. What is not finite counts as 0.
    pub fn spread(magnitudes: &[f32], further: usize) -> Self {
        let mut counts = vec![1.0_f32; magnitudes.len()];
        let mut extra = Vec::with_capacity(further);
        let share = |input: usize, counts: &[f32]| {
            let magnitude = magnitudes[input];
            if magnitude.is_finite() { magnitude.abs() / counts[input] } else { 0.0 }
        };
        for _ in 0..further {
            // The first of equals, so that the choice is the same everywhere.
            let largest = (0..magnitudes.len()).max_by(|&a, &b| match share(a, &counts).total_cmp(&share(b, &counts)) {
                Ordering::Equal => b.cmp(&a),
                unequal => unequal,
            });
            let Some(largest) = largest else { break };
            counts[largest] += 1.0;
            extra.push(largest);
        }
        Self::new(magnitudes.len(), &extra)
    }

    fn new(inputs: usize, further: &[usize]) -> Self {
        let vectors = (inputs + further.len()).div_ceil(LANES);
        let mut columns =
            Self { inputs, further: further.to_vec(), shares: vec![[0.0; LANES]; vectors], offsets: vec![[0.0; LANES]; vectors] };
        let mut counts = vec![1_usize; inputs];
        further.iter().for_each(|input| counts[*input] += 1);
        let mut placed = vec![0_usize; inputs];
        for (column, input) in (0..inputs).chain(further.iter().copied()).enumerate() {
            let count = counts[input] as f32;
            columns.shares.as_flattened_mut()[column] = 1.0 / count;
            columns.offsets.as_flattened_mut()[column] = (placed[input] as f32 - (count - 1.0) / 2.0) / count;
            placed[input] += 1;
        }
        columns
    }

    /// The length of a row that goes in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The inputs that have further columns, once for each.
    pub(crate) fn further(&self) -> &[usize] {
        &self.further
    }

    /// Columns, padded to whole vectors.
    pub(crate) fn stride(&self) -> usize {
        self.shares.len() * LANES
    }

    pub(crate) fn shares(&self) -> &[[f32; LANES]] {
        &self.shares
    }

    pub(crate) fn offsets(&self) -> &[[f32; LANES]] {
        &self.offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_inputs_get_the_further_columns() {
        let columns = Columns::spread(&[1.0, 40.0, 1.5, 6.0, f32::NAN], 6);
        // 40 over six columns is 6.7, and 6 alone less.
        assert_eq!(columns.further(), [1; 6]);
        let columns = Columns::spread(&[1.0, 4.0, -6.0], 3);
        assert_eq!(columns.further(), [2, 1, 2]);
        assert_eq!(columns.shares()[0][..7], [1.0, 0.5, 1.0 / 3.0, 1.0 / 3.0, 0.5, 1.0 / 3.0, 0.0]);
        assert_eq!(Columns::spread(&[3.0, 2.0], 0), Columns::plain(2));
        assert_eq!(Columns::spread(&[], 3), Columns::plain(0));
    }

    #[test]
    fn shares_sum_to_what_was_shared() {
        for count in 1..9 {
            let columns = Columns::spread(&[1.0], count - 1);
            for step in -400..400 {
                let value = step as f32 * 0.173;
                let shares = columns.shares()[0].iter().zip(&columns.offsets()[0]).take(count);
                let sum: f32 = shares.map(|(share, offset)| (value * share + offset).round_ties_even()).sum();
                assert!((sum - value).abs() <= 0.5 + 1e-4, "{value} over {count}: {sum}");
            }
        }
    }
}
