//! The extractive summary: the source's own words, nothing generated.

use super::selection::{Candidate, Options, select};
use super::{Citation, Origin, Section, Summary, SummarySentence};
use crate::finding::Finding;
use crate::language::Span;
use crate::passage::{Passage, locate};

/// Summarises the findings of one document in its own words. `passages` are all passages of the document, by ordinal.
pub fn summarise(passages: &[Passage], findings: &[Finding], options: &Options) -> Summary {
    let (selected, further) = select(passages, findings, options);
    let sections = selected
        .into_iter()
        .map(|selected| Section {
            sentences: selected
                .candidates
                .iter()
                .filter_map(|candidate| sentence(passages, findings, &selected.label, candidate, options))
                .collect(),
            label: selected.label,
            prominence: selected.prominence,
            passages: selected.passages,
        })
        .collect();
    Summary { sections, further }
}

/// A span of a passage as a quoted sentence of a summary.
pub fn quotation(passage: &Passage, span: Span) -> SummarySentence {
    let citation = Citation { passage: passage.ordinal, span, locations: locate(passage, span) };
    // Line and paragraph breaks inside a quotation are the page's, not the author's.
    let text = span.of(&passage.text).replace('\n', " ");
    SummarySentence { text, origin: Origin::Quoted, citations: vec![citation] }
}

fn sentence(
    passages: &[Passage],
    findings: &[Finding],
    label: &str,
    candidate: &Candidate,
    options: &Options,
) -> Option<SummarySentence> {
    let passage = passages.get(candidate.passage as usize)?;
    let finding = findings.iter().find(|finding| finding.passage == candidate.passage && finding.label == label);
    Some(quotation(passage, shortened(passage, candidate.span, finding, options.max_quote)))
}

/// The part of a long sentence with the clause that the label rests on most, within `max` characters.
fn shortened(passage: &Passage, span: Span, finding: Option<&Finding>, max: usize) -> Span {
    let text = span.of(&passage.text);
    if text.chars().count() <= max {
        return span;
    }
    let clauses = clauses(text, span.start);
    let weight = |clause: &Span| -> f32 {
        let contributions = finding.map(|finding| finding.attribution.as_slice()).unwrap_or_default();
        contributions.iter().filter(|word| clause.overlap(word.span) > 0).map(|word| word.weight).sum()
    };
    let heaviest = (0..clauses.len()).max_by(|&a, &b| weight(&clauses[a]).total_cmp(&weight(&clauses[b])).then(b.cmp(&a)));
    let Some(heaviest) = heaviest else { return span };
    let length = |first: usize, last: usize| {
        Span { start: clauses[first].start, end: clauses[last].end }.of(&passage.text).chars().count()
    };
    // Clauses are added after, then before, while they fit.
    let (mut first, mut last) = (heaviest, heaviest);
    loop {
        if last + 1 < clauses.len() && length(first, last + 1) <= max {
            last += 1;
        } else if first > 0 && length(first - 1, last) <= max {
            first -= 1;
        } else {
            break;
        }
    }
    let span = Span { start: clauses[first].start, end: clauses[last].end };
    clipped(&passage.text, span, max)
}

/// The clauses of a sentence: after `,`, `;`, `:` and their Chinese forms.
fn clauses(text: &str, base: u32) -> Vec<Span> {
    let mut clauses = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let end = at + c.len_utf8();
        let breaks = match c {
            ',' | ';' | ':' => characters.peek().is_none_or(|(_, next)| next.is_whitespace()),
            '，' | '；' | '：' | '、' => true,
            _ => false,
        };
        if breaks || characters.peek().is_none() {
            let clause = &text[start..end];
            let lead = clause.len() - clause.trim_start().len();
            let clause_end = start + clause.trim_end().len();
            if start + lead < clause_end {
                clauses.push(Span::new(base as usize + start + lead..base as usize + clause_end));
            }
            start = end;
        }
    }
    clauses
}

/// A span cut to `max` characters, at a word's end in text that has spaces.
fn clipped(text: &str, span: Span, max: usize) -> Span {
    let body = span.of(text);
    let Some((cut, _)) = body.char_indices().nth(max) else { return span };
    let cut = body[..cut].rfind(' ').filter(|space| *space > cut / 2).unwrap_or(cut);
    Span { start: span.start, end: span.start + cut as u32 }
}
