//! Where a query's words stand in a passage: words, phrases, beginnings and near spellings alike.

use super::tokenizer::{Word, phrase_words};
use crate::language::Span;

/// What to mark in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Terms one after another.
    Phrase {
        /// Stemmed words and single Han characters.
        terms: Vec<String>,
        /// How many words may stand between them, in all; with any, their order does not matter.
        slop: u32,
        /// The last term is the beginning of a word.
        open: bool,
    },
    /// Words that begin so.
    Beginning(String),
    /// Words that differ from this one in at most so many letters.
    Fuzzy {
        /// The word as it stands.
        form: String,
        /// Letters added, left out, changed or swapped.
        distance: u8,
    },
}

impl Pattern {
    /// The words of `text` as a phrase.
    pub(super) fn phrase(text: &str, slop: u32, open: bool) -> Self {
        Self::Phrase { terms: phrase_words(text).into_iter().map(|word| word.term).collect(), slop, open }
    }

    fn find(&self, words: &[Word], found: &mut Vec<Span>) {
        match self {
            Self::Beginning(beginning) => found.extend(spans(words, |word| word.form.starts_with(beginning.as_str()))),
            Self::Fuzzy { form, distance } => {
                let near = |word: &Word| !word.is_han() && strsim::osa_distance(&word.form, form) <= usize::from(*distance);
                found.extend(spans(words, near));
            }
            Self::Phrase { terms, .. } if terms.is_empty() => {}
            Self::Phrase { terms, slop: 0, open } => {
                let last = terms.len() - 1;
                let fits =
                    |word: &Word, at: usize| word.term == terms[at] || (*open && at == last && word.term.starts_with(&terms[at]));
                let windows =
                    words.windows(terms.len()).filter(|window| window.iter().enumerate().all(|(at, word)| fits(word, at)));
                found.extend(windows.map(|window| Span { start: window[0].span.start, end: window[last].span.end }));
            }
            Self::Phrase { terms, slop, .. } => {
                let reach = terms.len() + *slop as usize;
                for start in (0..words.len()).filter(|start| terms.contains(&words[*start].term)) {
                    let window = &words[start..words.len().min(start + reach)];
                    if terms.iter().all(|term| window.iter().any(|word| word.term == *term)) {
                        found.extend(spans(window, |word| terms.contains(&word.term)));
                    }
                }
            }
        }
    }
}

fn spans(words: &[Word], wanted: impl Fn(&Word) -> bool) -> Vec<Span> {
    words.iter().filter(|word| wanted(word)).map(|word| word.span).collect()
}

/// The bytes of `text` that a query asked for, in order and apart; each begins and ends between characters.
pub(super) fn matches(text: &str, patterns: &[Pattern]) -> Vec<Span> {
    let words = phrase_words(text);
    let mut found = Vec::new();
    patterns.iter().for_each(|pattern| pattern.find(&words, &mut found));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked<'a>(text: &'a str, patterns: &[Pattern]) -> Vec<&'a str> {
        matches(text, patterns).into_iter().map(|span| span.of(text)).collect()
    }

    #[test]
    fn every_kind_of_pattern_is_marked_in_the_original() {
        let text = "Third parties’ outsourcing — and ＯＵＴＳＯＵＲＣＥＤ cloud; a clould. 本行委由雲端業者，曝險⾦額";
        for (pattern, expected) in [
            (Pattern::phrase("third party", 0, false), vec!["Third parties"]),
            (Pattern::phrase("third par", 0, true), vec!["Third parties"]),
            (Pattern::Beginning("outsourc".to_owned()), vec!["outsourcing", "ＯＵＴＳＯＵＲＣＥＤ"]),
            (Pattern::Fuzzy { form: "cloud".to_owned(), distance: 1 }, vec!["cloud", "clould"]),
            (Pattern::phrase("云端业者", 0, false), vec!["雲端業者"]),
            (Pattern::phrase("暴险", 0, false), vec!["曝險"]),
            (Pattern::phrase("金額", 0, false), vec!["⾦額"]),
            (Pattern::phrase("cloud outsourced", 1, false), vec!["ＯＵＴＳＯＵＲＣＥＤ", "cloud"]),
            (Pattern::phrase("third cloud", 1, false), vec![]),
            (Pattern::phrase("", 0, false), vec![]),
        ] {
            assert_eq!(marked(text, std::slice::from_ref(&pattern)), expected, "{pattern:?}");
        }
    }

    proptest! {
        #[test]
        fn marks_end_between_characters_and_stay_apart(text in "\\PC{0,80}|[雲端⾦ﬁＡé'’s\\u{301} a-c,.0-9]{0,80}", word in "[a-c雲端]{1,3}", distance in 1_u8..3) {
            let patterns = [
                Pattern::phrase(&word, 0, true), Pattern::phrase(&word, 2, false), Pattern::Beginning(word.clone()), Pattern::Fuzzy { form: word, distance },
            ];
            let mut before = 0;
            for span in matches(&text, &patterns) {
                prop_assert!(!span.of(&text).is_empty());
                prop_assert!(span.start >= before);
                before = span.end;
            }
        }
    }
}
