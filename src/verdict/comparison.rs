//! One claim beside its source: analysis, weights, the sentences to judge it by, the alignment with the best of them.

use super::alignment::{self, Alignment, Gap};
use super::evidence::{Candidate, Prepared};
use super::features::{Feature, Features};
use super::tokens::{self, Analysis, Token, TokenKind};

/// A claim laid beside its source.
pub(super) struct Comparison<'a> {
    pub(super) text: &'a str,
    pub(super) claim: Analysis,
    pub(super) source: &'a Prepared<'a>,
    /// By token of the claim.
    pub(super) weights: Vec<f32>,
    /// Best first, as aligned.
    pub(super) candidates: Vec<Candidate>,
    /// With the first candidate.
    pub(super) alignment: Alignment,
    pub(super) gaps: Vec<Gap>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(text: &'a str, source: &'a Prepared<'a>, vector: Option<&[f32]>, cited: &[u32]) -> Self {
        let claim = tokens::analyse(text);
        let weights = source.weights(&claim);
        let coverage = source.coverage(&claim, &weights);
        let mut candidates = source.candidates(&coverage, vector, cited);
        // The order of words decides between sentences that hold the same words.
        let mut aligned: Vec<(Candidate, Alignment)> = candidates
            .drain(..)
            .map(|candidate| (candidate, alignment::align(&claim, &weights, &source.sentences[candidate.sentence as usize])))
            .collect();
        let score = |candidate: &Candidate, alignment: &Alignment| candidate.rank + alignment.share;
        aligned.sort_by(|first, second| score(&second.0, &second.1).total_cmp(&score(&first.0, &first.1)));
        let alignment = aligned.first().map(|(_, alignment)| alignment.clone()).unwrap_or_default();
        candidates.extend(aligned.iter().map(|(candidate, _)| *candidate));
        let gaps =
            candidates.first().map_or_else(Vec::new, |best| alignment.gaps(&claim, &source.sentences[best.sentence as usize]));
        Self { text, claim, source, weights, candidates, alignment, gaps }
    }

    /// The best sentence.
    pub(super) fn best(&self) -> Option<&'a Analysis> {
        self.candidates.first().map(|best| &self.source.sentences[best.sentence as usize])
    }

    /// How much of the claim the best sentence holds.
    pub(super) fn best_coverage(&self) -> f32 {
        self.candidates.first().map_or(0.0, |best| best.coverage)
    }

    /// The gap that the claim's token stands in; none where it is matched.
    pub(super) fn gap(&self, token: usize) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.claim.contains(&token))
    }

    /// The tokens of the best sentence that stand in the gap.
    pub(super) fn opposite(&self, gap: &Gap) -> &'a [Token] {
        self.best().and_then(|best| best.tokens.get(gap.sentence.clone())).unwrap_or_default()
    }

    /// Whether the best sentence holds the token's key.
    pub(super) fn in_best(&self, key: u64) -> bool {
        self.best().is_some_and(|best| best.tokens.iter().any(|token| token.key == key))
    }

    /// Measures overlap, order and edits.
    pub(super) fn measure_overlap(&self, features: &mut Features) {
        let total: f32 = self.weights.iter().sum();
        let share = |covered: f32| if total > 0.0 { covered / total } else { 0.0 };
        let covered_by = |holds: &dyn Fn(u64) -> bool| {
            share(
                self.claim.tokens.iter().zip(&self.weights).filter(|(token, _)| holds(token.key)).map(|(_, weight)| weight).sum(),
            )
        };
        let best: Vec<u32> = self.candidates.iter().take(2).map(|candidate| candidate.sentence).collect();
        features.set(Feature::CoverageBest, self.best_coverage());
        features.set(
            Feature::CoveragePair,
            covered_by(&|key| best.iter().any(|sentence| self.source.holders(key).binary_search(sentence).is_ok())),
        );
        features.set(Feature::CoverageAll, covered_by(&|key| self.source.occurrences(key) > 0));
        features.set(Feature::Ordered, self.alignment.share);
        features.set(Feature::LongestRun, self.alignment.longest_run);
        features.set(Feature::Scramble, self.best_coverage() - self.alignment.share);
        let pairs = self.claim.tokens.windows(2).filter(|pair| self.source.has_pair(pair[0].key, pair[1].key)).count();
        features.set(Feature::Pairs, pairs as f32 / (self.claim.tokens.len().max(2) - 1) as f32);
        let is_novel = |token: &Token| is_content(token) && self.source.occurrences(token.key) == 0;
        let novel = self.claim.tokens.iter().filter(|token| is_novel(token)).count();
        features.set(Feature::NovelWords, novel.min(4) as f32 / 4.0);
        features.set(Feature::NovelStart, f32::from(self.claim.tokens.first().is_some_and(is_novel)));
        features.set(Feature::ClaimLength, (1.0 + self.claim.tokens.len() as f32).ln() / 4.0);
        features.set(Feature::SourceLength, (1.0 + self.source.sentences.len() as f32).ln() / 4.0);
        let length = self.best().map_or(1, |best| best.tokens.len().max(1));
        features.set(Feature::LengthRatio, (self.claim.tokens.len() as f32 / length as f32).min(3.0) / 3.0);
        let (mut substitutions, mut insertions, mut deletions) = (0, 0, 0);
        for gap in self.gaps.iter().filter(|gap| gap.is_inner) {
            let claim = self.claim.tokens[gap.claim.clone()].iter().filter(|token| is_content(token)).count();
            let sentence = self.opposite(gap).iter().filter(|token| is_content(token)).count();
            substitutions += claim.min(sentence);
            insertions += claim.saturating_sub(sentence);
            deletions += sentence.saturating_sub(claim);
        }
        let bounded = |count: usize| (count.min(6) as f32) / 6.0;
        features.set(Feature::Substitution, bounded(substitutions));
        features.set(Feature::Insertion, bounded(insertions));
        features.set(Feature::Deletion, bounded(deletions));
    }
}

/// A word that says what the claim is about.
pub(super) fn is_content(token: &Token) -> bool {
    token.weight >= 0.5 && !matches!(token.kind, TokenKind::Negation)
}
