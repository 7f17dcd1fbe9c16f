//! A summary sentence -> the claims in it that can be true or false apart from each other.
//!
//! Divides with care: a clause is a claim of its own only where both halves are long enough to be judged alone and the second has a
//! subject of its own by the look of it. A part that lost its subject would be matched with the wrong sentence.

use crate::language::sentences::sentences;
use crate::language::{Language, Span};

/// Fewer words (or twice as many Han characters) than this make no claim of their own.
const SHORTEST: usize = 5;

/// Between clauses that stand on their own in English.
const ENGLISH_JOINTS: &[&str] = &[
    "; ",
    ", but ",
    ", while ",
    ", whereas ",
    ", although ",
    ", and the ",
    ", and it ",
    ", and its ",
    ", and they ",
    ", and he ",
    ", and she ",
    ", and we ",
];
/// The same in Chinese. A comma alone does not divide: Chinese carries one subject over many of them.
const CHINESE_JOINTS: &[&str] = &["；", "，但", "，惟", "，然而", "，而且", "，此外"];

/// The claims of `text`, in order: spans without white space at their ends that cover all that is said.
pub fn claims(text: &str, language: Language) -> Vec<Span> {
    let joints = if language.is_chinese() { CHINESE_JOINTS } else { ENGLISH_JOINTS };
    let mut found = Vec::new();
    for sentence in with_answers(text, sentences(text, language)) {
        let mut start = sentence.start as usize;
        let end = sentence.end as usize;
        let mut from = start;
        while let Some((at, joint)) =
            joints.iter().filter_map(|joint| text[from..end].find(joint).map(|at| (from + at, *joint))).min()
        {
            // The word after the comma belongs to the clause that it opens.
            let cut = at + joint.chars().next().map_or(0, char::len_utf8);
            if is_long_enough(&text[start..at]) && is_long_enough(&text[cut..end]) {
                push(text, start, cut, &mut found);
                start = cut;
            }
            from = cut;
        }
        push(text, start, end, &mut found);
    }
    found
}

/// A question says nothing without the answer after it: they are one claim.
fn with_answers(text: &str, sentences: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::with_capacity(sentences.len());
    for sentence in sentences {
        match joined.last_mut() {
            Some(last) if last.of(text).ends_with(['?', '？']) => last.end = sentence.end,
            _ => joined.push(sentence),
        }
    }
    joined
}

fn push(text: &str, start: usize, end: usize, found: &mut Vec<Span>) {
    let part = &text[start..end];
    let trimmed = part.trim();
    if !trimmed.is_empty() {
        let start = start + part.len() - part.trim_start().len();
        found.push(Span::new(start..start + trimmed.len()));
    }
}

fn is_long_enough(clause: &str) -> bool {
    let han = clause.chars().filter(|character| crate::language::script::is_han(*character)).count();
    clause.split_whitespace().count() + han / 2 >= SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_with_care() {
        for (text, language, expected) in [
            (
                "Sales rose 5% in the quarter, but costs fell by 2% in May. Good.",
                Language::English,
                vec!["Sales rose 5% in the quarter,", "but costs fell by 2% in May.", "Good."],
            ),
            ("What were sales in 2019? $5 million", Language::English, vec!["What were sales in 2019? $5 million"]),
            ("Sales rose, but not much.", Language::English, vec!["Sales rose, but not much."]),
            (
                "本行淨利較上年同期增加5%，但備抵呆帳增加12億元。",
                Language::TraditionalChinese,
                vec!["本行淨利較上年同期增加5%，", "但備抵呆帳增加12億元。"],
            ),
            ("淨利增加，費用減少。", Language::TraditionalChinese, vec!["淨利增加，費用減少。"]),
        ] {
            let found: Vec<&str> = claims(text, language).into_iter().map(|span| span.of(text)).collect();
            assert_eq!(found, expected);
        }
    }
}
