//! The source prepared for checking, and the sentences of it that a claim should be judged by.

use std::collections::HashMap;

use super::Source;
use super::tokens::{self, Analysis, TokenKind};

/// How many sentences are aligned with a claim.
const CANDIDATES: usize = 5;
/// How much a cited sentence is preferred.
const CITED_BONUS: f32 = 1.15;
/// How much a cosine similarity counts beside lexical coverage in ranking.
const SIMILARITY_WEIGHT: f32 = 0.5;

/// A source with its sentences analysed: made once, used for all claims about it.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) source: &'a Source,
    pub(super) sentences: Vec<Analysis>,
    /// Key of a token -> the sentences that hold it, ascending.
    postings: HashMap<u64, Vec<u32>>,
    /// Adjacent pairs of tokens anywhere in the source.
    pairs: HashMap<(u64, u64), ()>,
    /// Scales that each sentence's table declares: from the sentence or one of the few before it.
    pub(super) scales: Vec<Vec<f64>>,
}

/// A sentence that may carry the claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) sentence: u32,
    /// The share of the claim's weight that the sentence holds.
    pub(super) coverage: f32,
    pub(super) rank: f32,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        let sentences: Vec<Analysis> = source.sentences.iter().map(|sentence| tokens::analyse(&sentence.text)).collect();
        let mut postings: HashMap<u64, Vec<u32>> = HashMap::new();
        let mut pairs = HashMap::new();
        for (index, sentence) in sentences.iter().enumerate() {
            let index = index as u32;
            for token in &sentence.tokens {
                let known = postings.entry(token.key).or_default();
                if known.last() != Some(&index) {
                    known.push(index);
                }
            }
            pairs.extend(sentence.tokens.windows(2).map(|pair| ((pair[0].key, pair[1].key), ())));
        }
        let mut scales: Vec<Vec<f64>> = Vec::with_capacity(sentences.len());
        let mut declared: (usize, Vec<f64>) = (0, Vec::new());
        for (index, sentence) in source.sentences.iter().enumerate() {
            let own = crate::language::numbers::declared_scales(&sentence.text);
            if !own.is_empty() {
                declared = (index, own);
            }
            // A heading scales the rows below it, not the rest of the document.
            let holds = index - declared.0 <= 60;
            scales.push(if holds { declared.1.clone() } else { Vec::new() });
        }
        Self { source, sentences, postings, pairs, scales }
    }

    /// In how many sentences the token occurs.
    pub(super) fn occurrences(&self, key: u64) -> usize {
        self.postings.get(&key).map_or(0, Vec::len)
    }

    /// The sentences that hold the token.
    pub(super) fn holders(&self, key: u64) -> &[u32] {
        self.postings.get(&key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has_pair(&self, first: u64, second: u64) -> bool {
        self.pairs.contains_key(&(first, second))
    }

    /// What each token of the claim weighs: its own weight by its rarity in the source.
    pub(super) fn weights(&self, claim: &Analysis) -> Vec<f32> {
        let count = self.sentences.len() as f32;
        let rarity = |key: u64| {
            let found = self.occurrences(key) as f32;
            (1.0 + count / found.max(0.5)).ln().min(4.0)
        };
        claim.tokens.iter().map(|token| token.weight * rarity(token.key)).collect()
    }

    /// The share of the claim's weight in each sentence that holds any of it.
    pub(super) fn coverage(&self, claim: &Analysis, weights: &[f32]) -> Vec<f32> {
        let mut coverage = vec![0.0_f32; self.sentences.len()];
        let total: f32 = weights.iter().sum();
        if total <= 0.0 {
            return coverage;
        }
        for (token, weight) in claim.tokens.iter().zip(weights) {
            for sentence in self.holders(token.key) {
                if let Some(covered) = coverage.get_mut(*sentence as usize) {
                    *covered += weight / total;
                }
            }
        }
        coverage
    }

    /// The sentences to align with the claim, best first.
    pub(super) fn candidates(&self, coverage: &[f32], vector: Option<&[f32]>, cited: &[u32]) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = coverage
            .iter()
            .enumerate()
            .map(|(index, coverage)| {
                let similarity = match (vector, self.source.sentences[index].vector.as_deref()) {
                    (Some(claim), Some(sentence)) => cosine(claim, sentence).max(0.0),
                    _ => 0.0,
                };
                let bonus = if cited.contains(&(index as u32)) { CITED_BONUS } else { 1.0 };
                Candidate {
                    sentence: index as u32,
                    coverage: *coverage,
                    rank: (coverage + SIMILARITY_WEIGHT * similarity) * bonus,
                }
            })
            .filter(|candidate| candidate.rank > 0.0)
            .collect();
        candidates.sort_by(|first, second| second.rank.total_cmp(&first.rank).then(first.sentence.cmp(&second.sentence)));
        candidates.truncate(CANDIDATES);
        candidates
    }

    /// Whether the text of any sentence holds the characters, which are simplified Han.
    pub(super) fn holds_characters(&self, wanted: &[u64]) -> bool {
        let Some(first) = wanted.first() else { return true };
        self.holders(*first).iter().any(|sentence| {
            let keys: Vec<u64> = self.sentences[*sentence as usize]
                .tokens
                .iter()
                .filter(|token| token.kind != TokenKind::Negation)
                .map(|token| token.key)
                .collect();
            keys.windows(wanted.len()).any(|window| window == wanted)
        })
    }
}

fn cosine(first: &[f32], second: &[f32]) -> f32 {
    if first.len() != second.len() {
        return 0.0;
    }
    let (mut dot, mut one, mut two) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (left, right) in first.iter().zip(second) {
        dot += left * right;
        one += left * left;
        two += right * right;
    }
    let length = (one * two).sqrt();
    if length > 0.0 && dot.is_finite() { dot / length } else { 0.0 }
}
