//! The check-and-repair loop: no generated sentence is shown before it is checked against its sources.
//!
//! A sentence that is supported is released. Any other is replaced by a quotation of the evidence it cites, or dropped where
//! that evidence is already quoted; the outcome that it failed with stays on record.

use serde::{Deserialize, Serialize};

use super::report::SentenceCounts;
use crate::language::Language;
use crate::language::normalise::fold;
use crate::passage::Passage;
use crate::summary::{Citation, Origin, Prominence, Section, Summary, SummarySentence, quotation};
use crate::verdict::{Outcome, Source, SourceSentence, Verdict, check};

/// A summary whose every sentence was checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckedSummary {
    /// One section per label, as in [`Summary`].
    pub sections: Vec<CheckedSection>,
    /// Labels found for which the screen had no room, with their number of passages.
    pub further: Vec<(String, u32)>,
    /// What became of the sentences.
    pub counts: SentenceCounts,
}

/// A section of a checked summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckedSection {
    /// The id of the label.
    pub label: String,
    /// How much of the document speaks of it.
    pub prominence: Prominence,
    /// The number of passages that carry it.
    pub passages: u32,
    /// The sentences shown, and those dropped with the reason.
    pub sentences: Vec<CheckedSentence>,
}

/// A sentence with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckedSentence {
    /// The sentence as shown; for a dropped one, as it was generated.
    pub sentence: SummarySentence,
    /// The check result of what is shown; for a dropped one, of what was generated.
    pub verdict: Verdict,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a sentence after its check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Shown as it was.
    Released,
    /// A generated sentence failed; a quotation of its evidence stands in its place.
    Replaced {
        /// The sentence that failed.
        generated: String,
        /// What it failed with.
        verdict: Box<Verdict>,
    },
    /// A generated sentence failed and its evidence is quoted already.
    Dropped,
}

/// Checks every sentence of a summary against the passages, repairs what fails, and counts. `complete` says whether every page
/// of the document was read: what an unread page might say cannot be ruled out.
pub fn check_and_repair(summary: Summary, passages: &[Passage], complete: bool) -> CheckedSummary {
    let mut checked = CheckedSummary { sections: Vec::new(), further: summary.further, counts: SentenceCounts::default() };
    for section in summary.sections {
        let section = check_section(section, passages, complete, &mut checked.counts);
        checked.sections.push(section);
    }
    checked
}

fn check_section(section: Section, passages: &[Passage], complete: bool, counts: &mut SentenceCounts) -> CheckedSection {
    let Section { label, prominence, passages: flagged, sentences } = section;
    let mut shown: Vec<CheckedSentence> = Vec::new();
    for sentence in sentences {
        let next = match sentence.origin {
            Origin::Quoted => {
                counts.quoted += 1;
                let verdict = check_quotation(&sentence, passages);
                CheckedSentence { sentence, verdict, fate: Fate::Released }
            }
            Origin::Generated => check_generated(sentence, passages, complete, &shown, counts),
        };
        shown.push(next);
    }
    CheckedSection { label, prominence, passages: flagged, sentences: shown }
}

/// A quotation is supported when the cited place says those words.
fn check_quotation(sentence: &SummarySentence, passages: &[Passage]) -> Verdict {
    let said = sentence.citations.iter().any(|citation| fold(cited(passages, citation)) == fold(&sentence.text));
    Verdict {
        outcome: if said { Outcome::Supported } else { Outcome::NotFound },
        score: if said { 1.0 } else { 0.0 },
        checks: Vec::new(),
        unsupported: Vec::new(),
        evidence: if said { vec![0] } else { Vec::new() },
    }
}

fn check_generated(
    sentence: SummarySentence,
    passages: &[Passage],
    complete: bool,
    shown: &[CheckedSentence],
    counts: &mut SentenceCounts,
) -> CheckedSentence {
    let verdict = check_against_citations(&sentence, passages, complete);
    counts.generated += 1;
    *match verdict.outcome {
        Outcome::Supported => &mut counts.supported,
        Outcome::Contradicted => &mut counts.contradicted,
        Outcome::NotFound => &mut counts.not_found,
        Outcome::NotCheckable => &mut counts.not_checkable,
    } += 1;
    if verdict.outcome == Outcome::Supported {
        counts.released += 1;
        return CheckedSentence { sentence, verdict, fate: Fate::Released };
    }
    let already = |citation: &Citation| {
        shown.iter().any(|other| other.sentence.origin == Origin::Quoted && other.sentence.citations.contains(citation))
    };
    let fresh = sentence.citations.iter().find(|citation| !already(citation));
    match fresh.and_then(|citation| passages.get(citation.passage as usize).map(|passage| quotation(passage, citation.span))) {
        Some(quoted) => {
            counts.replaced += 1;
            let quoted_verdict = check_quotation(&quoted, passages);
            let fate = Fate::Replaced { generated: sentence.text, verdict: Box::new(verdict) };
            CheckedSentence { sentence: quoted, verdict: quoted_verdict, fate }
        }
        None => {
            counts.dropped += 1;
            CheckedSentence { sentence, verdict, fate: Fate::Dropped }
        }
    }
}

/// The cited sentences come first, then the rest of the document.
fn check_against_citations(sentence: &SummarySentence, passages: &[Passage], complete: bool) -> Verdict {
    let first_cited = sentence.citations.iter().find_map(|citation| passages.get(citation.passage as usize));
    let language = first_cited.map_or(Language::Undetermined, |passage| passage.language);
    let cited_sentences = sentence.citations.iter().map(|citation| cited(passages, citation));
    let others = passages.iter().filter(|passage| passage.is_model_input());
    let others = others.flat_map(|passage| passage.sentences.iter().map(|sentence| sentence.span.of(&passage.text)));
    let sentences = cited_sentences.chain(others).map(|text| SourceSentence { text: text.to_owned(), vector: None }).collect();
    let cited: Vec<u32> = (0..sentence.citations.len() as u32).collect();
    check(&sentence.text, language, &Source { sentences, complete }, &cited)
}

fn cited<'a>(passages: &'a [Passage], citation: &Citation) -> &'a str {
    passages.get(citation.passage as usize).map(|passage| citation.span.of(&passage.text)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
