//! Scores a passage for every label of the taxonomy and says which it carries, with evidence.

use std::path::Path;

use super::attribution;
use super::head::{self, Head, HeadError, HeadLabel};
use super::taxonomy::{Label, Taxonomy};
use super::{Finding, Method};
use crate::digest::Digest;
use crate::language::Span;
use crate::model::ModelError;
use crate::model::encoder::{Encoded, Encoder};
use crate::model::registry::Registry;
use crate::passage::Passage;

/// How far, in logits, a score may lie from where a decision turns for the rounding of a model in bytes to turn it. Against f32 the
/// logits near a threshold differ by 0.04 in the mean square over 1,000 passages of filings and minutes: this is three times that.
const ROUNDING: f32 = 0.125;

/// The trained head, and the phrases of labels that it does not know.
#[derive(Debug)]
pub struct Classifier {
    rows: Vec<Row>,
    mean: Vec<f32>,
    digest: Digest,
}

/// A passage, scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// The calibrated probability of every label, in the order of the taxonomy; empty for hidden text, which no model reads.
    pub scores: Vec<(String, f32)>,
    /// The labels whose score reached their threshold, in the order of the taxonomy; of labels that exclude one another only the
    /// one with the highest score.
    pub findings: Vec<Finding>,
}

/// How good a label's classifier is, for whoever acts on its findings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing<'a> {
    /// The label.
    pub label: &'a str,
    /// How it is found.
    pub method: Method,
    /// The score from which a passage carries it.
    pub threshold: f32,
    /// The real passages that it was trained on.
    pub examples: u32,
    /// F1 on documents not seen in training; none where it was never measured.
    pub f1: Option<f32>,
    /// Too few examples, or too low an F1, to act upon without reading the passage.
    pub weak: bool,
}

/// Why no classifier can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClassifierError {
    /// The head cannot be used.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The registry has no usable head, or the encoder failed on the phrases of a label.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The head and the encoder differ in width.
    #[error(
        "the head reads {head} numbers per passage, the encoder gives {encoder}; train the head again with training/train_heads.py"
    )]
    Width {
        /// Numbers per pooled state in the head.
        head: usize,
        /// Numbers per pooled state of the encoder.
        encoder: usize,
    },
}

/// One label: `sigmoid(weight · (pooled - mean) + bias)` is its probability.
#[derive(Debug)]
struct Row {
    id: String,
    weight: Vec<f32>,
    bias: f32,
    threshold: f32,
    exclusive_set: Option<String>,
    /// None: from the label's phrases.
    trained: Option<HeadLabel>,
}

impl Classifier {
    /// The head of the registry for this taxonomy and this encoder. Labels that the head does not know are found through their
    /// phrases.
    ///
    /// # Errors
    /// [`ClassifierError`]: no head, a damaged one, or one that belongs to another encoder or taxonomy.
    pub fn load(taxonomy: &Taxonomy, registry: &Registry, encoder: &Encoder) -> Result<Self, ClassifierError> {
        let mut files = registry.load(head::DEFAULT)?;
        let bytes = files.take(&format!("{}.safetensors", head::DEFAULT))?;
        let file = Path::new("heads").join(head::DEFAULT).with_extension("safetensors");
        let head = Head::parse(&file, &bytes)?;
        head.check(&file, taxonomy, encoder.digest())?;
        if head.width() != encoder.width() {
            return Err(ClassifierError::Width { head: head.width(), encoder: encoder.width() });
        }
        let pooled =
            |texts: &[&str]| Ok::<_, ModelError>(encoder.encode(texts)?.into_iter().map(|encoded| encoded.pooled).collect());
        Ok(Self::new(taxonomy, &head, pooled)?)
    }

    /// A classifier for all labels of `taxonomy`. `pooled` gives the pooled states of texts; it is asked for the phrases of the
    /// labels that the head does not know, and for nothing where it knows all.
    ///
    /// # Errors
    /// What `pooled` returns.
    fn new<E>(taxonomy: &Taxonomy, head: &Head, pooled: impl Fn(&[&str]) -> Result<Vec<Vec<f32>>, E>) -> Result<Self, E> {
        let mut rows = Vec::with_capacity(taxonomy.labels().len());
        let mut by_phrases = false;
        for label in taxonomy.labels() {
            let trained = head.labels.iter().position(|known| known.id == label.id);
            rows.push(match trained {
                Some(index) => trained_row(label, head, index),
                None => {
                    by_phrases = true;
                    let texts: Vec<&str> = label.phrases().collect();
                    phrase_row(label, head, &pooled(&texts)?)
                }
            });
        }
        let phrases = if by_phrases { taxonomy.digest() } else { Digest::of(b"") };
        let digest = Digest::of_parts([head.digest().as_bytes(), phrases.as_bytes()]);
        Ok(Self { rows, mean: head.mean.clone(), digest })
    }

    /// What the scores depend on beside the encoder: the head's file and, where labels are found through phrases, the taxonomy.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How good the classifier of each label is, in the order of the taxonomy.
    pub fn standings(&self) -> impl ExactSizeIterator<Item = Standing<'_>> {
        self.rows.iter().map(Row::standing)
    }

    /// How good the classifier of this label is.
    pub fn standing(&self, label: &str) -> Option<Standing<'_>> {
        self.rows.iter().find(|row| row.id == label).map(Row::standing)
    }

    /// Scores a passage. `encoded` is the encoder's output for the passage's text; what the encoder cut off a long passage is not
    /// scored. `thresholds` take the place of the head's own, by label; empty for none.
    pub fn classify(&self, passage: &Passage, encoded: &Encoded, thresholds: &[(String, f32)]) -> Classified {
        if !passage.is_model_input() {
            return Classified { scores: Vec::new(), findings: Vec::new() };
        }
        let scores: Vec<f32> = self.rows.iter().map(|row| row.score(&encoded.pooled, &self.mean)).collect();
        let threshold =
            |row: &Row| thresholds.iter().find(|(label, _)| *label == row.id).map_or(row.threshold, |(_, threshold)| *threshold);
        let sentences: Vec<Span> = passage.sentences.iter().map(|sentence| sentence.span).collect();
        let carried = |index: usize| scores[index] >= threshold(&self.rows[index]) && self.wins_its_set(index, &scores);
        let finding = |index: usize| {
            let row = &self.rows[index];
            let contributions = attribution::token_contributions(&encoded.states, &row.weight, &self.mean);
            Finding {
                label: row.id.clone(),
                passage: passage.ordinal,
                score: scores[index],
                threshold: threshold(row),
                method: row.method(),
                evidence: attribution::evidence(&sentences, &encoded.tokens, &contributions),
                attribution: attribution::words(&passage.text, &encoded.tokens, &contributions),
            }
        };
        let findings = (0..self.rows.len()).filter(|&index| carried(index)).map(finding).collect();
        Classified { scores: self.rows.iter().zip(&scores).map(|(row, score)| (row.id.clone(), *score)).collect(), findings }
    }

    /// Whether the rounding of a model in bytes could turn a decision: a score lies close to its threshold, or those of two labels
    /// that exclude one another lie close together. `scores` are in the order of the taxonomy, none for hidden text; `threshold`
    /// gives a label's threshold from the head's own.
    pub fn is_close(&self, scores: &[f32], threshold: impl Fn(&Standing<'_>) -> f32) -> bool {
        let carried = |row: &Row, score: f32| logit(score) - logit(threshold(&row.standing())) > -ROUNDING;
        self.rows.iter().zip(scores).enumerate().any(|(index, (row, &score))| {
            // Both are rounded, and not always the same way.
            let nearly_even = |rival: usize| {
                carried(&self.rows[rival], scores[rival]) && (logit(score) - logit(scores[rival])).abs() < 2.0 * ROUNDING
            };
            (logit(score) - logit(threshold(&row.standing()))).abs() < ROUNDING
                || carried(row, score) && self.rivals(index).any(nearly_even)
        })
    }

    /// Whether no label of the same exclusive set has a higher score; of equals the first in the taxonomy wins.
    fn wins_its_set(&self, index: usize, scores: &[f32]) -> bool {
        self.rivals(index).all(|rival| scores[rival] < scores[index] || (scores[rival] == scores[index] && rival > index))
    }

    /// The other labels of a label's exclusive set.
    fn rivals(&self, index: usize) -> impl Iterator<Item = usize> {
        let set = self.rows[index].exclusive_set.as_ref();
        let others = self.rows.iter().enumerate().filter(move |(rival, _)| *rival != index);
        others.filter(move |(_, row)| set.is_some() && row.exclusive_set.as_ref() == set).map(|(rival, _)| rival)
    }
}

impl Row {
    fn score(&self, pooled: &[f32], mean: &[f32]) -> f32 {
        let logit: f32 = self.weight.iter().zip(pooled.iter().zip(mean)).map(|(w, (p, m))| w * (p - m)).sum::<f32>() + self.bias;
        1.0 / (1.0 + (-logit).exp())
    }

    fn method(&self) -> Method {
        if self.trained.is_some() { Method::Head } else { Method::ZeroShot }
    }

    fn standing(&self) -> Standing<'_> {
        let trained = self.trained.as_ref();
        Standing {
            label: &self.id,
            method: self.method(),
            threshold: self.threshold,
            examples: trained.map_or(0, |label| label.examples),
            f1: trained.and_then(|label| label.f1),
            weak: trained.is_none_or(|label| label.weak),
        }
    }
}

/// The logit of a probability; finite.
fn logit(probability: f32) -> f32 {
    let probability = probability.clamp(1e-6, 1.0 - 1e-6);
    (probability / (1.0 - probability)).ln()
}

fn trained_row(label: &Label, head: &Head, index: usize) -> Row {
    let width = head.width();
    Row {
        id: label.id.clone(),
        weight: head.weight[index * width..(index + 1) * width].to_vec(),
        bias: head.bias[index],
        threshold: head.threshold[index],
        exclusive_set: label.exclusive_set.clone(),
        trained: Some(head.labels[index].clone()),
    }
}

/// A row from the pooled states of a label's phrases: the direction from the centre of all phrases to this label's, with slope,
/// offset and threshold that were calibrated over the trained labels as if they had none but their phrases, and the direction of
/// "any risk at all" beside it.
fn phrase_row(label: &Label, head: &Head, phrases: &[Vec<f32>]) -> Row {
    let parameters = &head.zero_shot;
    let count = phrases.len().max(1) as f32;
    let mut direction: Vec<f32> = (0..head.width())
        .map(|k| phrases.iter().filter_map(|phrase| phrase.get(k)).sum::<f32>() / count - parameters.phrase_center[k])
        .collect();
    let norm = direction.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    for (value, gate) in direction.iter_mut().zip(&parameters.gate) {
        *value = parameters.slope * *value / norm + parameters.gate_slope * gate;
    }
    Row {
        id: label.id.clone(),
        weight: direction,
        bias: parameters.offset + parameters.gate_slope * parameters.gate_bias,
        threshold: parameters.threshold,
        exclusive_set: label.exclusive_set.clone(),
        trained: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::single_range_in_vec_init)]
    use std::convert::Infallible;

    use super::*;
    use crate::finding::head::tests::{HeadFile, taxonomy};
    use crate::language::Language;
    use crate::passage::{PassageKind, Sentence};

    fn passage(text: &str, sentences: &[std::ops::Range<usize>]) -> Passage {
        Passage {
            document: Digest::of(text.as_bytes()),
            ordinal: 7,
            kind: PassageKind::Text,
            heading_path: Vec::new(),
            text: text.to_owned(),
            language: Language::English,
            sentences: sentences.iter().map(|range| Sentence { span: Span::new(range.clone()) }).collect(),
            anchors: Vec::new(),
        }
    }

    fn encoded(tokens: &[(std::ops::Range<usize>, [f32; 2])]) -> Encoded {
        let count = tokens.len() as f32;
        let pooled = (0..2).map(|k| tokens.iter().map(|(_, state)| state[k]).sum::<f32>() / count).collect();
        Encoded {
            tokens: tokens.iter().map(|(range, _)| Span::new(range.clone())).collect(),
            states: tokens.iter().flat_map(|(_, state)| *state).collect(),
            pooled,
            truncated: false,
        }
    }

    fn classifier(head: &HeadFile) -> Classifier {
        let head = head.parse().unwrap();
        Classifier::new(&taxonomy(), &head, |_| panic!("the head knows all labels"))
            .unwrap_or_else(|never: Infallible| match never {})
    }

    #[test]
    fn a_finding_has_the_sentence_and_the_words_that_drive_it_and_they_sum_to_the_logit() {
        let passage = passage("Rates rose. All fine.", &[0..11, 12..21]);
        let states = [(0..0, [1.0, 0.5]), (0..5, [4.0, 0.5]), (6..10, [3.0, 0.5]), (12..15, [0.0, 0.5]), (16..20, [0.5, 0.5])];
        let encoded = encoded(&states);
        let classified = classifier(&HeadFile::default()).classify(&passage, &encoded, &[]);
        let finding = &classified.findings[0];
        assert_eq!((finding.label.as_str(), finding.passage, finding.method), ("up", 7, Method::Head));
        assert_eq!(finding.evidence, [passage.sentences[0].span]);
        let words: Vec<&str> = finding.attribution.iter().map(|word| word.span.of(&passage.text)).collect();
        assert_eq!(words[..2], ["Rates", "rose"]);
        // The row of "up" is (2, 0) with bias -1, the mean (1, 0.5): what words do not carry is the token without a span.
        let logit = (finding.score / (1.0 - finding.score)).ln();
        let of_words: f32 = finding.attribution.iter().map(|word| word.weight).sum();
        let of_prefix = 2.0 * (1.0 - 1.0) / 5.0;
        assert!((of_words + of_prefix - 1.0 - logit).abs() < 1e-4, "{of_words} {logit}");
    }

    #[test]
    fn of_labels_that_exclude_one_another_the_likeliest_stays() {
        let passage = passage("Rates rose.", &[0..11]);
        // Both "up" (2, 0) and "down" (1.5, 0) are past their thresholds.
        let classified = classifier(&HeadFile::default()).classify(&passage, &encoded(&[(0..5, [5.0, 0.5])]), &[]);
        assert!(classified.scores.iter().all(|(_, score)| *score > 0.5), "{:?}", classified.scores);
        let labels: Vec<&str> = classified.findings.iter().map(|finding| finding.label.as_str()).collect();
        assert_eq!(labels, ["up", "other"]);
    }

    #[test]
    fn thresholds_of_the_caller_take_the_place_of_the_heads() {
        let passage = passage("Rates rose.", &[0..11]);
        let encoded = encoded(&[(0..5, [1.2, 0.5])]);
        let classifier = classifier(&HeadFile::default());
        assert!(classifier.classify(&passage, &encoded, &[]).findings.is_empty());
        let classified = classifier.classify(&passage, &encoded, &[("up".to_owned(), 0.2)]);
        assert_eq!(classified.findings.len(), 1);
        assert_eq!(classified.findings[0].threshold, 0.2);
    }

    #[test]
    fn a_decision_is_close_where_rounding_could_turn_it() {
        let classifier = classifier(&HeadFile::default());
        let thresholds: Vec<f32> = classifier.standings().map(|standing| standing.threshold).collect();
        let at = |logits: [f32; 3]| {
            let scores =
                thresholds.iter().zip(logits).map(|(threshold, beyond)| 1.0 / (1.0 + (-logit(*threshold) - beyond).exp()));
            classifier.is_close(&scores.collect::<Vec<_>>(), |standing| standing.threshold)
        };
        assert!(!at([-1.0, -0.5, -2.0]) && !at([1.0, -1.0, 3.0]));
        assert!(at([-1.0, -0.1, -2.0]) && at([-1.0, -2.0, 0.1]));
        // "up" and "down" exclude one another: both are past their thresholds, and nearly even.
        let beside = logit(thresholds[0]) - logit(thresholds[1]);
        assert!(at([1.0, 1.0 + beside + 0.05, -2.0]) && !at([1.0, 2.0 + beside, -2.0]));
        assert!(!at([-1.0, -1.0 + beside + 0.05, -2.0]));
        // What is not looked for has no threshold to be close to; hidden text has no scores.
        assert!(!classifier.is_close(&thresholds, |_| f32::INFINITY));
        assert!(!classifier.is_close(&[], |standing| standing.threshold));
    }

    #[test]
    fn hidden_text_is_no_model_input() {
        let hidden =
            Passage { kind: PassageKind::Hidden(crate::document::HiddenReason::RenderMode), ..passage("Rates rose.", &[0..11]) };
        let classified = classifier(&HeadFile::default()).classify(&hidden, &encoded(&[(0..5, [9.0, 0.5])]), &[]);
        assert_eq!(classified, Classified { scores: Vec::new(), findings: Vec::new() });
    }

    #[test]
    fn a_label_that_the_head_does_not_know_is_found_through_its_phrases() {
        let mut file = HeadFile::default();
        file.labels.pop();
        let head = file.parse().unwrap();
        let asked = std::cell::RefCell::new(Vec::new());
        let pooled = |texts: &[&str]| {
            asked.borrow_mut().extend(texts.iter().map(|text| (*text).to_owned()));
            Ok::<_, Infallible>(texts.iter().map(|_| vec![0.0, 3.0]).collect())
        };
        let classifier = Classifier::new(&taxonomy(), &head, pooled).unwrap();
        assert_eq!(*asked.borrow(), ["another thing", "別的事"]);
        let standing = classifier.standing("other").unwrap();
        assert_eq!((standing.method, standing.weak, standing.f1), (Method::ZeroShot, true, None));
        assert_eq!(classifier.standing("up").unwrap().method, Method::Head);
        // Centre (0, 1), so the direction is (0, 1): a state that leans that way is found, another is not.
        let passage = passage("Another thing.", &[0..14]);
        let found = |state| {
            let classified = classifier.classify(&passage, &encoded(&[(0..13, state)]), &[]);
            classified.findings.into_iter().find(|finding| finding.label == "other")
        };
        assert_eq!(found([0.0, 3.0]).unwrap().method, Method::ZeroShot);
        assert!(found([0.0, 0.0]).is_none());
    }
}
