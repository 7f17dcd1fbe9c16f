//! A claim laid against a source sentence: the heaviest common subsequence of their tokens, and the gaps between matched tokens.
//!
//! In a gap stands what the claim changed: a number for another number, a word for its opposite, a negation where there was none.

use super::tokens::{Analysis, TokenKind};

/// No more tokens of a claim or sentence than this are aligned.
const LONGEST: usize = 400;
/// What a matched negation is worth, so that negations align with each other.
const NEGATION_WORTH: f32 = 0.3;
/// The least worth of a matched token.
const LEAST_WORTH: f32 = 0.05;

/// An alignment of a claim with a sentence.
#[derive(Clone, Debug, Default)]
pub(super) struct Alignment {
    /// Matched tokens: index in the claim, index in the sentence; ascending in both.
    pub(super) matched: Vec<(usize, usize)>,
    /// The share of the claim's weight that is matched in order.
    pub(super) share: f32,
    /// The longest run of tokens matched without a gap on either side, as a share of the claim's tokens.
    pub(super) longest_run: f32,
}

/// A stretch between two matched tokens (or before the first, after the last).
#[derive(Clone, Debug)]
pub(super) struct Gap {
    /// Tokens of the claim.
    pub(super) claim: std::ops::Range<usize>,
    /// Tokens of the sentence.
    pub(super) sentence: std::ops::Range<usize>,
    /// Whether matched tokens stand on both sides.
    pub(super) is_inner: bool,
}

impl Gap {
    /// Whether what stands on both sides is in the same place: between matched tokens, or a short tail or head.
    pub(super) fn is_same_place(&self) -> bool {
        self.is_inner || self.claim.len() <= 3 && self.sentence.len() <= 3
    }
}

/// Aligns `claim`, whose tokens weigh `weights`, with `sentence`.
pub(super) fn align(claim: &Analysis, weights: &[f32], sentence: &Analysis) -> Alignment {
    let rows = claim.tokens.len().min(LONGEST);
    let columns = sentence.tokens.len().min(LONGEST);
    if rows == 0 || columns == 0 {
        return Alignment::default();
    }
    let worth =
        |row: usize| if claim.tokens[row].kind == TokenKind::Negation { NEGATION_WORTH } else { weights[row].max(LEAST_WORTH) };
    let width = columns + 1;
    let mut best = vec![0.0_f32; (rows + 1) * width];
    for row in (0..rows).rev() {
        let key = claim.tokens[row].key;
        let gain = worth(row);
        for column in (0..columns).rev() {
            let skip = best[(row + 1) * width + column].max(best[row * width + column + 1]);
            best[row * width + column] =
                if key == sentence.tokens[column].key { skip.max(best[(row + 1) * width + column + 1] + gain) } else { skip };
        }
    }
    let mut matched = Vec::new();
    let (mut row, mut column) = (0, 0);
    while row < rows && column < columns {
        let here = best[row * width + column];
        let is_match =
            claim.tokens[row].key == sentence.tokens[column].key && here == best[(row + 1) * width + column + 1] + worth(row);
        if is_match {
            matched.push((row, column));
            row += 1;
            column += 1;
        } else if here == best[(row + 1) * width + column] {
            row += 1;
        } else {
            column += 1;
        }
    }
    let total: f32 = weights.iter().sum();
    let share = if total > 0.0 { matched.iter().map(|(row, _)| weights[*row]).sum::<f32>() / total } else { 0.0 };
    let mut longest = usize::from(!matched.is_empty());
    let mut run = longest;
    for pair in matched.windows(2) {
        run = if pair[1].0 == pair[0].0 + 1 && pair[1].1 == pair[0].1 + 1 { run + 1 } else { 1 };
        longest = longest.max(run);
    }
    Alignment { matched, share, longest_run: longest as f32 / rows as f32 }
}

impl Alignment {
    /// The gaps in order; those with tokens of neither side are left out.
    pub(super) fn gaps(&self, claim: &Analysis, sentence: &Analysis) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let (mut row, mut column) = (0, 0);
        let ends = [(claim.tokens.len(), sentence.tokens.len())];
        for (index, (next_row, next_column)) in self.matched.iter().chain(&ends).enumerate() {
            if *next_row > row || *next_column > column {
                let is_inner = index > 0 && index < self.matched.len();
                gaps.push(Gap { claim: row..(*next_row).max(row), sentence: column..(*next_column).max(column), is_inner });
            }
            row = next_row + 1;
            column = next_column + 1;
        }
        gaps
    }

    /// Whether the token of the claim is matched.
    pub(super) fn matches(&self, row: usize) -> bool {
        self.matched.binary_search_by_key(&row, |(row, _)| *row).is_ok()
    }
}
