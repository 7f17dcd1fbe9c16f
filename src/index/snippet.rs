//! Where a query's words stand in a passage, and the part of it worth showing.

use super::query::Sequence;
use super::tokenizer::{phrases, terms};
use crate::language::Span;

/// Characters of a snippet.
const LENGTH: usize = 260;

/// The bytes of `text` that a query asked for, in order and apart.
pub(super) fn matches(text: &str, sequences: &[Sequence]) -> Vec<Span> {
    let tokens = terms(&mut phrases(), text);
    let mut found: Vec<Span> = Vec::new();
    for sequence in sequences.iter().filter(|sequence| !sequence.terms.is_empty()) {
        for window in tokens.windows(sequence.terms.len()) {
            let last = sequence.terms.len() - 1;
            let fits = window.iter().zip(&sequence.terms).enumerate().all(|(at, ((token, _), wanted))| {
                token == wanted || (at == last && sequence.prefix && token.starts_with(wanted.as_str()))
            });
            if fits {
                found.push(Span { start: window[0].1.start, end: window[last].1.end });
            }
        }
    }
    found.sort_unstable();
    let mut apart: Vec<Span> = Vec::new();
    for span in found {
        match apart.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => apart.push(span),
        }
    }
    apart
}

/// The part of `text` to show: around the place with the most matches, cut between words, with the matches in it.
pub(super) fn window(text: &str, matches: &[Span]) -> Span {
    let characters: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    if characters.len() <= LENGTH + 1 {
        return Span::new(0..text.len());
    }
    let index_of = |byte: u32| characters.partition_point(|at| *at < byte as usize);
    let within = |start: usize| {
        let end = (start + LENGTH).min(characters.len() - 1);
        let (from, to) = (characters[start] as u32, characters[end] as u32);
        matches.iter().filter(|span| span.start >= from && span.end <= to).count()
    };
    let starts = matches.iter().map(|span| index_of(span.start).saturating_sub(LENGTH / 5));
    let best = starts.map(|start| (within(start), std::cmp::Reverse(start))).max().map_or(0, |(_, start)| start.0);
    let best = best.min(characters.len().saturating_sub(LENGTH + 1));
    let (mut start, mut end) = (characters[best], characters[(best + LENGTH).min(characters.len() - 1)]);
    // Cut between words where there is a space near.
    if start > 0
        && let Some(space) = text[start..].char_indices().take(24).find(|(_, c)| c.is_whitespace())
        && matches.iter().all(|span| span.start as usize >= start + space.0 || (span.end as usize) <= start)
    {
        start += space.0;
    }
    if end < text.len()
        && let Some(space) = text[start..end].rfind(char::is_whitespace)
        && end - (start + space) < 24
    {
        end = start + space;
    }
    Span::new(start..end)
}
