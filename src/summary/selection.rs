//! Which source sentences carry which label, strongest first and without repeats.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Prominence;
use crate::finding::{Finding, Method};
use crate::language::Span;
use crate::language::script::is_han;
use crate::language::shingles::Shingles;
use crate::passage::{Passage, PassageKind};

/// How long a summary may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Sections shown; further labels are named in one line.
    pub max_sections: usize,
    /// Sentences in all sections together, beyond the first of each.
    pub max_sentences: usize,
    /// Sentences per section.
    pub max_sentences_per_section: usize,
    /// Characters of a quotation; a longer sentence is quoted in part.
    pub max_quote: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_sections: 8, max_sentences: 14, max_sentences_per_section: 3, max_quote: 320 }
    }
}

/// A sentence that carries a label.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) passage: u32,
    pub(super) span: Span,
    strength: f32,
    shingles: Shingles,
}

/// The sentences under one label.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) label: String,
    pub(super) prominence: Prominence,
    pub(super) passages: u32,
    pub(super) candidates: Vec<Candidate>,
}

/// Two sentences that share more of their word pairs than this say the same.
const SAME: f32 = 0.55;

/// The labels found, most prominent first, each with its sentences, strongest first. Labels found by rule alone (hidden text)
/// are warnings about the file, not risks it reports, and are left to the report.
pub(super) fn select(passages: &[Passage], findings: &[Finding], options: &Options) -> (Vec<Selected>, Vec<(String, u32)>) {
    let mut by_label: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.method != Method::Rule) {
        by_label.entry(&finding.label).or_default().push(finding);
    }
    let mut labels: Vec<Selected> = by_label
        .into_iter()
        .map(|(label, findings)| Selected {
            label: label.to_owned(),
            prominence: prominence(&findings),
            passages: findings.len() as u32,
            candidates: candidates(passages, &findings),
        })
        .filter(|selected| !selected.candidates.is_empty())
        .collect();
    labels.sort_by(|a, b| {
        let strength = |selected: &Selected| selected.candidates[0].strength;
        b.prominence.cmp(&a.prominence).then(strength(b).total_cmp(&strength(a))).then_with(|| a.label.cmp(&b.label))
    });
    let further = labels.split_off(labels.len().min(options.max_sections));
    let further = further.into_iter().map(|selected| (selected.label, selected.passages)).collect();
    without_repeats(&mut labels, options);
    (labels, further)
}

/// Several clear passages are high, one clear or several middling ones medium. "Clear" means half-way from the threshold to 1.
fn prominence(findings: &[&Finding]) -> Prominence {
    let clear = findings.iter().filter(|finding| finding.score >= f32::midpoint(finding.threshold, 1.0)).count();
    match (clear, findings.len()) {
        (3.., _) => Prominence::High,
        (1.., _) | (_, 3..) => Prominence::Medium,
        _ => Prominence::Low,
    }
}

fn candidates(passages: &[Passage], findings: &[&Finding]) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for finding in findings {
        let Some(passage) = passages.get(finding.passage as usize) else { continue };
        for (rank, &span) in finding.evidence.iter().enumerate() {
            let text = span.of(&passage.text);
            let strength = finding.score * 0.8_f32.powi(rank as i32) * readability(passage.kind, text);
            candidates.push(Candidate { passage: finding.passage, span, strength, shingles: Shingles::of(text) });
        }
    }
    candidates.sort_by(|a, b| b.strength.total_cmp(&a.strength).then_with(|| (a.passage, a.span).cmp(&(b.passage, b.span))));
    candidates
}

/// A quotation should be a sentence that stands alone: not a table row, a fragment or half a page.
fn readability(kind: PassageKind, text: &str) -> f32 {
    let characters = text.chars().count();
    // A Han character carries about as much as three Latin letters.
    let han = text.chars().filter(|c| is_han(*c)).count();
    let length = characters + 2 * han;
    let shape = if kind == PassageKind::Table { 0.5 } else { 1.0 };
    shape
        * match length {
            0..40 => 0.5,
            40..500 => 1.0,
            500..1000 => 0.85,
            _ => 0.7,
        }
}

/// Each label keeps its first sentence; the others are kept in turn while they say something new and there is room.
fn without_repeats(labels: &mut [Selected], options: &Options) {
    let mut taken: Vec<Shingles> = Vec::new();
    let mut kept: Vec<Vec<Candidate>> = labels.iter().map(|_| Vec::new()).collect();
    let mut room = options.max_sentences;
    for round in 0..options.max_sentences_per_section {
        for (selected, kept) in labels.iter_mut().zip(&mut kept) {
            if kept.len() < round || (round > 0 && room == 0) {
                continue;
            }
            let fresh = selected
                .candidates
                .iter()
                .position(|candidate| !taken.iter().any(|said| said.containment(&candidate.shingles) >= SAME));
            let next = match fresh {
                Some(index) => selected.candidates.remove(index),
                // A section without a sentence would be an unfounded claim: its strongest sentence is shown again.
                None if round == 0 => selected.candidates.remove(0),
                None => continue,
            };
            taken.push(next.shingles.clone());
            kept.push(next);
            room = room.saturating_sub(1);
        }
    }
    for (selected, kept) in labels.iter_mut().zip(kept) {
        selected.candidates = kept;
    }
}
