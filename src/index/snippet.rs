//! The part of a passage worth showing.

use crate::language::Span;

/// Characters of a snippet.
const LENGTH: usize = 260;
/// Characters within which a cut may move to a space.
const NEAR: usize = 24;

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
        && let Some((space, _)) = text[start..].char_indices().take(NEAR).find(|(_, c)| c.is_whitespace())
        && matches.iter().all(|span| span.start as usize >= start + space || (span.end as usize) <= start)
    {
        start += space;
    }
    if end < text.len()
        && let Some(space) = text[start..end].rfind(char::is_whitespace)
        && end - (start + space) < NEAR
    {
        end = start + space;
    }
    Span::new(start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_place_with_the_most_matches_is_shown() {
        let text = format!("{} cloud {} cloud cloud {}", "bank ".repeat(80), "雲端".repeat(200), "loan ".repeat(100));
        let matches: Vec<Span> = text.match_indices("cloud").map(|(at, word)| Span::new(at..at + word.len())).collect();
        let shown = window(&text, &matches).of(&text);
        assert_eq!(shown.matches("cloud").count(), 2);
        assert!(shown.chars().count() <= LENGTH);
    }

    proptest! {
        #[test]
        fn any_window_can_be_cut(text in "\\PC{0,400}|[雲 a]{250,600}", at in 0_usize..600) {
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let matches: Vec<Span> = starts.get(at).map(|start| Span::new(*start..text.len())).into_iter().collect();
            prop_assert!(text.get(window(&text, &matches).range()).is_some());
        }
    }
}
