//! What each token adds to a label's logit.
//!
//! The head is linear and the pooled state is the mean of the token states, so the logit is a sum over tokens:
//! `logit = bias + Σ weight · (state - mean) / tokens`. The contributions are exact; nothing is sampled or approximated. They are
//! measured from the mean of the training passages, so that an indifferent token adds about nothing.

use super::Contribution;
use crate::language::Span;
use crate::language::script::is_han;

/// No more words are named.
const MAX_WORDS: usize = 12;
/// A second sentence is evidence when it carries at least this share of what the strongest carries.
const SECOND_SENTENCE_SHARE: f32 = 0.5;

/// The contribution of every token: a row of `states` is one token, `weight` and `mean` have its width. With the bias they sum to
/// the logit.
pub(super) fn token_contributions(states: &[f32], weight: &[f32], mean: &[f32]) -> Vec<f32> {
    let width = weight.len().max(1);
    let tokens = states.len() / width;
    let from_mean: f32 = weight.iter().zip(mean).map(|(w, m)| w * m).sum();
    let share = |state: &[f32]| (state.iter().zip(weight).map(|(s, w)| s * w).sum::<f32>() - from_mean) / tokens as f32;
    states.chunks_exact(width).map(share).collect()
}

/// The strongest words for or against, strongest first, at most twelve. A word is a run of characters without white space; where
/// it holds Han characters, its tokens stand alone. `tokens` are spans of `text`; empty ones (prefix, special tokens) belong to
/// no word.
pub(super) fn words(text: &str, tokens: &[Span], contributions: &[f32]) -> Vec<Contribution> {
    let mut words: Vec<Contribution> = Vec::new();
    for (&token, &weight) in tokens.iter().zip(contributions) {
        let token = trimmed(text, token);
        if token.is_empty() {
            continue;
        }
        match words.last_mut() {
            Some(word) if joins(text, word.span, token) => {
                word.span.end = word.span.end.max(token.end);
                word.weight += weight;
            }
            _ => words.push(Contribution { span: token, weight }),
        }
    }
    words.retain(|word| word.weight != 0.0 && word.span.of(text).chars().any(char::is_alphanumeric));
    words.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then(a.span.cmp(&b.span)));
    words.truncate(MAX_WORDS);
    words
}

/// The one or two sentences that carry the label, strongest first.
///
/// A sentence's strength is the sum over its tokens divided by the square root of their number: the sum alone prefers long
/// sentences, the mean short ones. On the English and Chinese development passages one of the two sentences holds the evidence
/// that a reader marked in 74% and 83% of cases (sum 71% and 81%; two at random about half of that).
pub(super) fn evidence(sentences: &[Span], tokens: &[Span], contributions: &[f32]) -> Vec<Span> {
    let strength = |sentence: &Span| {
        let (mut sum, mut count) = (0.0_f32, 0_u32);
        for (token, weight) in tokens.iter().zip(contributions) {
            if !token.is_empty() && sentence.start <= token.start && token.start < sentence.end {
                sum += weight;
                count += 1;
            }
        }
        if count == 0 { f32::NEG_INFINITY } else { sum / (count as f32).sqrt() }
    };
    let mut ranked: Vec<(f32, Span)> = sentences.iter().map(|sentence| (strength(sentence), *sentence)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let strongest = ranked.first().map_or(0.0, |(strength, _)| *strength);
    let carries = |(rank, (strength, _)): &(usize, (f32, Span))| {
        *rank == 0 || (*rank == 1 && *strength > 0.0 && *strength >= SECOND_SENTENCE_SHARE * strongest)
    };
    ranked.into_iter().enumerate().filter(carries).map(|(_, (_, sentence))| sentence).collect()
}

/// A token without the white space that tokenizers leave at its ends.
fn trimmed(text: &str, token: Span) -> Span {
    let inside = token.of(text);
    let start = token.start as usize + (inside.len() - inside.trim_start().len());
    Span::new(start..start + inside.trim().len())
}

/// Whether `token` goes on with the word that ends before it.
fn joins(text: &str, word: Span, token: Span) -> bool {
    if token.start < word.end {
        return true;
    }
    let parted =
        |span: Span| span.of(text).chars().any(|c| is_han(c) || !c.is_alphanumeric() && c != '-' && c != '\'' && c != '’');
    token.start == word.end && !parted(word) && !parted(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn span(text: &str, part: &str) -> Span {
        let start = text.find(part).unwrap();
        Span::new(start..start + part.len())
    }

    proptest! {
        #[test]
        fn contributions_and_bias_sum_to_the_logit(
            (width, states, weight, mean) in (1_usize..8, 1_usize..20).prop_flat_map(|(width, tokens)| {
                let numbers = |count| proptest::collection::vec(-2.0_f32..2.0, count);
                (Just(width), numbers(width * tokens), numbers(width), numbers(width))
            })
        ) {
            let tokens = states.len() / width;
            let logit: f32 = (0..width)
                .map(|k| {
                    let pooled = (0..tokens).map(|t| states[t * width + k]).sum::<f32>() / tokens as f32;
                    weight[k] * (pooled - mean[k])
                })
                .sum();
            let contributions = token_contributions(&states, &weight, &mean);
            prop_assert_eq!(contributions.len(), tokens);
            prop_assert!((contributions.iter().sum::<f32>() - logit).abs() < 1e-3);
        }
    }

    #[test]
    fn pieces_of_a_word_are_summed_and_han_tokens_stand_alone() {
        let text = "ransomware 勒索軟體 攻擊.";
        let at = |part: &str| span(text, part);
        let tokens = [Span::new(0..0), at("ransom"), at("ware"), at("勒索"), at("軟體"), at(" 攻擊"), at(".")];
        let words = words(text, &tokens, &[9.0, 0.5, 0.25, 1.0, -2.0, 0.125, 5.0]);
        let shown: Vec<(&str, f32)> = words.iter().map(|word| (word.span.of(text), word.weight)).collect();
        assert_eq!(shown, [("軟體", -2.0), ("勒索", 1.0), ("ransomware", 0.75), ("攻擊", 0.125)]);
    }

    #[test]
    fn evidence_is_the_strongest_sentence_and_a_second_that_is_near() {
        let sentences = [Span::new(0..10), Span::new(10..20), Span::new(20..30)];
        let tokens = [Span::new(0..0), Span::new(1..3), Span::new(11..14), Span::new(14..16), Span::new(22..25)];
        assert_eq!(evidence(&sentences, &tokens, &[50.0, 0.1, 2.0, 2.0, 1.0]), [sentences[1]]);
        assert_eq!(evidence(&sentences, &tokens, &[50.0, 0.1, 2.0, 2.0, 2.5]), [sentences[1], sentences[2]]);
        assert_eq!(evidence(&sentences, &tokens, &[0.0, -1.0, -2.0, -2.0, -3.0]), [sentences[0]]);
        assert_eq!(evidence(&[], &tokens, &[0.0; 5]), []);
    }
}
