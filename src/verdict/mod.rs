//! Claim x sources -> [`Verdict`]: does the document say so?
//!
//! A claim is divided into parts that can be true or false alone ([`claims()`]). Each part is aligned with the sentences that share most
//! of its weight; exact checks compare figures, dates, names, negation, direction and scope in their places; a logistic fusion of
//! the checks and of plain overlap gives the probability that the part is supported. The claim is as good as its worst part.
//!
//! Everything fails closed: without a source, in a language that the checks do not know, or past the limits, the outcome is
//! [`Outcome::NotCheckable`] with score 0. `Supported` means that the document says so, not that it is true.

mod alignment;
mod claims;
mod comparison;
mod evidence;
mod features;
mod figures;
mod fusion;
mod lexicon;
mod negations;
mod table;
mod tokens;
mod weights;
mod wording;

pub use claims::claims;

use comparison::Comparison;
use evidence::Prepared;
use features::Features;

use serde::{Deserialize, Serialize};

use crate::language::{Language, Span};

/// Raised whenever verdicts can change.
pub const VERSION: u32 = 1;

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The source says so.
    Supported,
    /// The source says otherwise.
    Contradicted,
    /// The source does not say so.
    NotFound,
    /// It could not be checked: nothing to check it against, an unread page, a language that is not supported.
    NotCheckable,
}

impl Outcome {
    /// The name in records and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Contradicted => "contradicted",
            Self::NotFound => "not-found",
            Self::NotCheckable => "not-checkable",
        }
    }
}

/// The check result of one claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What became of it.
    pub outcome: Outcome,
    /// The probability that the claim is supported.
    pub score: f32,
    /// The exact checks that ran and what each found.
    pub checks: Vec<Check>,
    /// The parts of the claim (bytes) that the source does not support.
    pub unsupported: Vec<Span>,
    /// The source sentences that it was judged by, best first: indices into the sentences that the checker was given.
    pub evidence: Vec<u32>,
}

/// One exact check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub kind: CheckKind,
    /// What it found.
    pub result: CheckResult,
    /// The part of the claim that was checked (bytes).
    pub claim: Span,
    /// For people: `10.2% in the source, 12% in the claim`.
    pub detail: String,
}

/// The exact checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// Amounts and counts, with unit, scale and currency.
    Number,
    /// Percentages, percentage points, basis points.
    Percentage,
    /// Dates and periods.
    Date,
    /// Institutions, people, places.
    Name,
    /// Negation.
    Negation,
    /// Up or down, more or less.
    Direction,
    /// All, some, most, none; may, will, must.
    Scope,
}

/// What an exact check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    /// The source has it.
    Matched,
    /// The source has something else in its place.
    Conflicting,
    /// The source has nothing like it.
    Missing,
}

/// The longest claim that is checked, in bytes. A longer one is no claim but a text.
const LONGEST_CLAIM: usize = 32 << 10;
/// The largest source that is checked, in bytes.
const LARGEST_SOURCE: usize = 64 << 20;
/// A claim is called supported from this probability on.
pub const SUPPORTED_FROM: f32 = 0.5;

/// The highest score of a claim that is not supported.
const HIGHEST_UNSUPPORTED: f32 = 0.49;
/// No more evidence sentences than this are named per part of a claim.
const EVIDENCE: usize = 3;
/// A sentence that holds less than this share of a claim is no evidence.
const LEAST_COVERAGE: f32 = 0.12;

/// What a claim is checked against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// The sentences, in order; a table row is one sentence, its cells separated by ` | `.
    pub sentences: Vec<SourceSentence>,
    /// Whether that is all the document says. Where pages are unread, what is not found is not checkable.
    pub complete: bool,
}

/// A sentence of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceSentence {
    /// The text, NFC.
    pub text: String,
    /// Its embedding, where there is one: helps to find evidence that uses other words.
    pub vector: Option<Vec<f32>>,
}

/// Checks claims against one source, which is analysed once.
#[derive(Debug)]
pub struct Checker<'a> {
    prepared: Prepared<'a>,
    /// Set where nothing can be checked against the source.
    unusable: bool,
}

impl<'a> Checker<'a> {
    /// Analyses the source.
    pub fn new(source: &'a Source) -> Self {
        let size: usize = source.sentences.iter().map(|sentence| sentence.text.len()).sum();
        let unusable = size > LARGEST_SOURCE || source.sentences.iter().all(|sentence| sentence.text.trim().is_empty());
        static NOTHING: Source = Source { sentences: Vec::new(), complete: false };
        Self { prepared: Prepared::new(if unusable { &NOTHING } else { source }), unusable }
    }

    /// Checks `claim` (NFC). `vector` is its embedding by the model that made the source's; `cited` are the sentences that it cites,
    /// which are looked at first.
    pub fn check(&self, claim: &str, language: Language, vector: Option<&[f32]>, cited: &[u32]) -> Verdict {
        let is_checkable = !self.unusable && language != Language::Undetermined && claim.len() <= LONGEST_CLAIM;
        let parts = if is_checkable { claims(claim, language) } else { Vec::new() };
        let judged: Vec<Judged> = parts.iter().map(|part| self.judge(*part, claim, vector, cited)).collect();
        let Some(worst) = judged.iter().min_by(|first, second| first.score.total_cmp(&second.score)) else {
            return Verdict::not_checkable();
        };
        let outcome = self.outcome(worst.score, &judged);
        // The score says what the outcome says.
        let score = if outcome == Outcome::Supported { worst.score } else { worst.score.min(HIGHEST_UNSUPPORTED) };
        let mut evidence: Vec<u32> = Vec::new();
        for sentence in judged.iter().flat_map(|part| &part.evidence) {
            if !evidence.contains(sentence) {
                evidence.push(*sentence);
            }
        }
        let mut unsupported: Vec<Span> =
            judged.iter().filter(|part| part.score < SUPPORTED_FROM).flat_map(|part| part.unsupported.iter().copied()).collect();
        merge(claim, &mut unsupported);
        Verdict { outcome, score, checks: judged.into_iter().flat_map(|part| part.checks).collect(), unsupported, evidence }
    }

    /// The features of each part of a claim with their names: what the score is made of, and what its weights are fitted on.
    pub fn features(&self, claim: &str, language: Language) -> Vec<Vec<(&'static str, f32)>> {
        claims(claim, language)
            .iter()
            .map(|part| {
                let features = self.judge(*part, claim, None, &[]).features;
                features::NAMES.into_iter().zip(features.0).chain([("tightness", features.tightness())]).collect()
            })
            .collect()
    }

    fn outcome(&self, score: f32, parts: &[Judged]) -> Outcome {
        let failing =
            |part: &&Judged| part.score < SUPPORTED_FROM || part.checks.iter().any(|check| check.result != CheckResult::Matched);
        let failed: Vec<&Judged> = parts.iter().filter(failing).collect();
        // A likely sentence with a name, figure or verb that the source does not have is not released: checks fail closed.
        if score >= SUPPORTED_FROM && failed.is_empty() {
            return Outcome::Supported;
        }
        let conflicts = failed.iter().flat_map(|part| &part.checks).any(|check| check.result == CheckResult::Conflicting);
        match conflicts {
            true => Outcome::Contradicted,
            // What is not on the pages that were read may be on those that were not.
            false if !self.prepared.source.complete => Outcome::NotCheckable,
            false => Outcome::NotFound,
        }
    }

    /// Judges one part of a claim; spans are those of the whole claim.
    fn judge(&self, part: Span, claim: &str, vector: Option<&[f32]>, cited: &[u32]) -> Judged {
        let text = part.of(claim);
        let comparison = Comparison::new(text, &self.prepared, vector, cited);
        let mut features = Features::NONE;
        let mut checks = Vec::new();
        comparison.measure_overlap(&mut features);
        figures::check_figures(&comparison, &mut features, &mut checks);
        figures::check_dates(&comparison, &mut features, &mut checks);
        wording::check_names(&comparison, &mut features, &mut checks);
        wording::check_negation(&comparison, &mut features, &mut checks);
        wording::check_opposites(&comparison, &mut features, &mut checks);
        let score = fusion::probability(&features, comparison.claim.is_chinese);
        let mut unsupported: Vec<Span> =
            checks.iter().filter(|check| check.result != CheckResult::Matched).map(|check| check.claim).collect();
        if unsupported.is_empty() {
            let novel = comparison
                .claim
                .tokens
                .iter()
                .filter(|token| comparison::is_content(token) && self.prepared.occurrences(token.key) == 0);
            unsupported = novel.map(|token| token.span).collect();
        }
        let shift = |span: Span| Span { start: span.start + part.start, end: span.end + part.start };
        for check in &mut checks {
            check.claim = shift(check.claim);
        }
        let evidence = comparison
            .candidates
            .iter()
            .filter(|candidate| candidate.rank >= LEAST_COVERAGE)
            .take(EVIDENCE)
            .map(|candidate| candidate.sentence)
            .collect();
        Judged { score, features, checks, unsupported: unsupported.into_iter().map(shift).collect(), evidence }
    }
}

/// Checks one claim against one source: [`Checker`] for a single use.
pub fn check(claim: &str, language: Language, source: &Source, cited: &[u32]) -> Verdict {
    Checker::new(source).check(claim, language, None, cited)
}

impl Verdict {
    /// What could not be checked, whatever the reason.
    pub fn not_checkable() -> Self {
        Self { outcome: Outcome::NotCheckable, score: 0.0, checks: Vec::new(), unsupported: Vec::new(), evidence: Vec::new() }
    }
}

/// What became of a part of a claim.
struct Judged {
    score: f32,
    features: Features,
    checks: Vec<Check>,
    unsupported: Vec<Span>,
    evidence: Vec<u32>,
}

/// Sorts spans and joins those that touch or have only white space between them.
fn merge(text: &str, spans: &mut Vec<Span>) {
    spans.sort();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans.drain(..) {
        match merged.last_mut() {
            Some(last)
                if text
                    .get(last.end as usize..span.start.max(last.end) as usize)
                    .is_some_and(|between| between.trim().is_empty()) =>
            {
                last.end = last.end.max(span.end)
            }
            _ => merged.push(span),
        }
    }
    *spans = merged;
}

#[cfg(test)]
mod tests;
