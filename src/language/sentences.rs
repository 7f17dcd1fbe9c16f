//! Sentences of English and Chinese text.
//!
//! One scanner for both languages, since filings mix them. What ends a sentence:
//!
//! - `。！？` and, in Chinese text, `；`, with the closing quotes and brackets that follow them; but nothing inside brackets, and
//!   nothing inside a quotation `「…」` of up to [`SHORT_QUOTATION`] characters: a short quotation is part of the sentence that
//!   quotes it, a long one is text with sentences of its own;
//! - `.`, `!`, `?`, with closing quotes and brackets, before white space or Chinese text, unless the stop belongs to an abbreviation,
//!   an initial, a number, a list marker or an ellipsis, or the text goes on in lower case;
//! - a line feed, which stands between blocks and table rows, unless a line plainly runs on (lower case on both sides of it).
//!
//! Semicolons of English lists do not end sentences, so an enumeration stays whole.

use super::script::is_han;
use super::{Language, Span};

/// A quotation no longer than this many characters is not divided.
const SHORT_QUOTATION: usize = 60;
/// A bracket that is not closed within this many characters does not hold sentences together.
const LONGEST_BRACKET: usize = 400;

/// The sentences of `text` (NFC), in order. They do not overlap, have no white space at their ends and cover everything else.
pub fn sentences(text: &str, language: Language) -> Vec<Span> {
    Scanner { text, language, start: 0, found: Vec::new() }.scan()
}

struct Scanner<'a> {
    text: &'a str,
    language: Language,
    /// Where the sentence at hand starts.
    start: usize,
    found: Vec<Span>,
}

impl<'a> Scanner<'a> {
    fn scan(mut self) -> Vec<Span> {
        let mut at = 0;
        // Where the innermost short quotation or bracket at hand ends: no sentence ends before it.
        let mut held_until = 0;
        while let Some(character) = self.text[at..].chars().next() {
            let next = at + character.len_utf8();
            at = match character {
                '\n' => {
                    if self.runs_on(at) {
                        next
                    } else {
                        self.close(at, next)
                    }
                }
                '「' | '『' | '（' | '《' | '〈' | '【' | '(' => {
                    if at >= held_until
                        && let Some(end) = self.held(at, character)
                    {
                        held_until = end;
                    }
                    next
                }
                _ if at < held_until => next,
                // `…表示：「照案通過。」散會。`: a quotation that ends its last sentence ends the one that quotes it.
                '」' | '』' if self.text[..at].trim_end_matches(is_closing).ends_with('。') => self.after_chinese_stop(next),
                '。' | '！' | '？' | '｡' => self.after_chinese_stop(next),
                '；' if self.language != Language::English => self.close(next, next),
                '.' | '!' | '?' => self.after_stop(at, character),
                _ => next,
            };
        }
        self.close(self.text.len(), self.text.len());
        self.found
    }

    /// Ends the sentence at `end` and starts the next one at `next`, which is returned.
    fn close(&mut self, end: usize, next: usize) -> usize {
        let sentence = &self.text[self.start..end];
        let trimmed = sentence.trim();
        if !trimmed.is_empty() {
            let start = self.start + (sentence.len() - sentence.trim_start().len());
            self.found.push(Span::new(start..start + trimmed.len()));
        }
        self.start = next;
        next
    }

    /// Whether the line goes on after the line feed at `at`: lower case on both sides, no cell border in either line.
    fn runs_on(&self, at: usize) -> bool {
        let (before, after) = (&self.text[..at], &self.text[at + 1..]);
        let (Some(last), Some(first)) = (before.chars().next_back(), after.chars().next()) else { return false };
        if !((last.is_lowercase() || matches!(last, ',' | '-')) && first.is_lowercase()) {
            return false;
        }
        let line_before = before.rsplit('\n').next().unwrap_or_default();
        let line_after = after.split('\n').next().unwrap_or_default();
        // A list marker such as `a)` or `ii.` opens a block of its own.
        let marker = line_after.split([' ', '\t']).next().unwrap_or_default();
        !(line_before.contains('|') || line_after.contains('|') || marker.len() <= 4 && marker.ends_with([')', '.']))
    }

    /// Where the quotation or bracket that opens at `at` ends, if it holds its sentences together.
    fn held(&self, at: usize, open: char) -> Option<usize> {
        let (close, longest) = match open {
            '「' => ('」', SHORT_QUOTATION),
            '『' => ('』', SHORT_QUOTATION),
            '（' => ('）', LONGEST_BRACKET),
            '《' => ('》', LONGEST_BRACKET),
            '〈' => ('〉', LONGEST_BRACKET),
            '【' => ('】', LONGEST_BRACKET),
            _ => (')', LONGEST_BRACKET),
        };
        let mut depth = 0_u32;
        for (count, (offset, character)) in self.text[at..].char_indices().enumerate() {
            match character {
                '\n' => return None,
                _ if count > longest + 1 => return None,
                _ if character == open => depth += 1,
                _ if character == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + offset);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn after_chinese_stop(&mut self, mut at: usize) -> usize {
        at = self.skip(at, |character| matches!(character, '。' | '！' | '？' | '!' | '?' | '…') || is_closing(character));
        match self.text[at..].chars().next() {
            // `「好嗎？」，他說`: the sentence that quotes goes on.
            Some('，' | '、' | '：' | ',' | '；') => at,
            _ => self.close(at, at),
        }
    }

    fn after_stop(&mut self, at: usize, stop: char) -> usize {
        let stops = self.skip(at, |character| matches!(character, '.' | '!' | '?'));
        let end = self.skip(stops, |character| is_closing(character) || matches!(character, '"' | '\'' | ')' | ']'));
        let rest = &self.text[end..];
        let Some(next) = rest.chars().next() else { return self.close(end, end) };
        if !next.is_whitespace() {
            if is_han(next) && self.text[..at].chars().next_back().is_some_and(is_han) && !self.is_list_marker(at) {
                return self.close(end, end);
            }
            return self.after_note_mark(at, end).unwrap_or(end);
        }
        let following = rest.trim_start_matches(|character: char| character.is_whitespace() && character != '\n');
        let first = following.chars().find(|character| !matches!(character, '"' | '\'' | '(' | '[' | '“' | '‘' | '「' | '$'));
        if following.starts_with('\n') || first.is_none() {
            // The line feed decides.
            return end;
        }
        let goes_on = first.is_some_and(char::is_lowercase) && !following.starts_with("e.g") && !is_brand_start(following);
        if goes_on {
            return end;
        }
        if stop == '.' && stops == at + 1 && self.belongs_to_word(at, following) {
            return end;
        }
        self.close(end, end)
    }

    /// The end of a sentence such as `…were charged off.3 The bank…`, where the mark of a footnote follows the stop.
    fn after_note_mark(&mut self, stop: usize, end: usize) -> Option<usize> {
        let before = self.text[..stop].chars().next_back()?;
        let digits = self.skip(end, |character| character.is_ascii_digit());
        let mark = digits - end;
        let mut after = self.text[digits..].chars();
        let fits = before.is_lowercase()
            && (1..=2).contains(&mark)
            && after.next() == Some(' ')
            && after.next().is_some_and(char::is_uppercase);
        fits.then(|| self.close(digits, digits))
    }

    fn skip(&self, from: usize, skips: impl Fn(char) -> bool) -> usize {
        self.text[from..]
            .char_indices()
            .find(|(_, character)| !skips(*character))
            .map_or(self.text.len(), |(offset, _)| from + offset)
    }

    /// Whether all that the sentence holds before the stop at `at` is a list marker: `1.`, `(a).`, `iv.`, `二.`.
    fn is_list_marker(&self, at: usize) -> bool {
        let marker = self.text[self.start..at].trim().trim_matches(['(', ')', '（', '）']);
        !marker.is_empty()
            && (marker.chars().all(|character| character.is_ascii_digit() || character == '.') && marker.len() <= 7
                || marker.len() == 1 && marker.chars().all(|character| character.is_ascii_alphabetic())
                || marker.len() <= 5 && marker.chars().all(|character| "ivxIVX".contains(character))
                || marker.chars().count() <= 3
                    && marker.chars().all(|character| "一二三四五六七八九十甲乙丙丁".contains(character)))
    }

    /// Whether the full stop at `at` belongs to the word before it rather than to the sentence.
    fn belongs_to_word(&self, at: usize, following: &str) -> bool {
        if self.is_list_marker(at) {
            return true;
        }
        let before = &self.text[self.start..at];
        let word_start =
            before.rfind(|character: char| character.is_whitespace() || matches!(character, '(' | '[' | '"' | '“' | '/' | '—'));
        let word_start = word_start.map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = &before[word_start..];
        let next_word =
            following.split(|character: char| !character.is_alphanumeric() && character != '\'').find(|word| !word.is_empty());
        let starts_sentence = next_word.is_some_and(|word| SENTENCE_STARTS.binary_search(&word).is_ok());
        if NEVER_LAST.iter().any(|known| word.eq_ignore_ascii_case(known)) {
            return true;
        }
        let number_follows = following.starts_with(|character: char| character.is_ascii_digit() || "IVX".contains(character));
        if number_follows && BEFORE_NUMBER.iter().any(|known| word.eq_ignore_ascii_case(known)) {
            return true;
        }
        // `Item 7.`, `Note 12.`, `Article 3.`: the number of a heading.
        if !word.is_empty()
            && word.chars().all(|character| character.is_ascii_digit() || character.is_ascii_uppercase())
            && word.len() <= 3
        {
            let previous = before[..word_start].split_whitespace().next_back().unwrap_or_default();
            if HEADING_WORDS.iter().any(|known| previous.eq_ignore_ascii_case(known))
                && before[..word_start].trim_start().len() <= previous.len() + 1
            {
                return true;
            }
        }
        let is_initial = word.len() == 1 && word.chars().all(|character| character.is_ascii_uppercase() && character != 'I');
        // `U.S`, `a.m`, `N.A`: single letters with stops between them.
        let is_dotted = word.contains('.') && word.split('.').all(|part| part.chars().count() <= 1 || part == "Ph");
        (is_initial || is_dotted || MAYBE_LAST.iter().any(|known| word.eq_ignore_ascii_case(known))) && !starts_sentence
    }
}

fn is_closing(character: char) -> bool {
    matches!(character, '」' | '』' | '）' | '》' | '〉' | '】' | '”' | '’' | '＂')
}

/// Names that start in lower case may start a sentence.
fn is_brand_start(following: &str) -> bool {
    following.starts_with("iPhone") || following.starts_with("iShares") || following.starts_with("eBay")
}

/// Abbreviations that something always follows.
const NEVER_LAST: &[&str] = &[
    "mr", "mrs", "ms", "messrs", "dr", "prof", "e.g", "i.e", "eg", "ie", "vs", "cf", "viz", "approx", "ca", "incl", "resp",
    "hon", "rev", "gen", "gov", "sen", "rep", "capt", "col", "lt", "sgt", "st", "mt", "v", "fig", "figs", "eq", "eqs",
];

/// Abbreviations that a number follows.
const BEFORE_NUMBER: &[&str] = &[
    "no", "nos", "art", "arts", "sec", "secs", "para", "paras", "pp", "p", "vol", "vols", "ch", "cl", "reg", "rel", "rule", "ex",
    "app", "tab", "ref",
];

/// Abbreviations that may end a sentence: they do where a word follows that starts sentences.
const MAYBE_LAST: &[&str] = &[
    "inc", "corp", "ltd", "co", "cos", "llc", "llp", "plc", "bros", "dept", "div", "est", "assn", "assoc", "intl", "natl", "u.s",
    "u.k", "u.n", "e.u", "a.m", "p.m", "etc", "al", "jr", "sr", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept",
    "oct", "nov", "dec", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "ave", "blvd", "rd", "bldg", "mfg", "tech", "univ",
    "ph.d", "n.a", "s.a", "l.p", "b.v", "a.g", "pty", "pte", "bhd", "sdn", "mil", "bil", "tril", "min", "max", "avg", "yr",
    "yrs", "mo", "mos", "hrs", "cont'd", "calif", "mass", "conn", "fla", "tex", "del",
];

/// Words before the number of a heading.
const HEADING_WORDS: &[&str] = &[
    "item", "note", "section", "part", "table", "figure", "article", "schedule", "exhibit", "chapter", "annex", "appendix",
    "step", "question", "rule",
];

/// Words that start sentences and hardly ever follow an abbreviation inside one, sorted.
const SENTENCE_STARTS: &[&str] = &[
    "A",
    "According",
    "Additionally",
    "After",
    "All",
    "Although",
    "An",
    "And",
    "Any",
    "As",
    "At",
    "Based",
    "Because",
    "Before",
    "Both",
    "But",
    "By",
    "Certain",
    "Consequently",
    "Despite",
    "Due",
    "During",
    "Each",
    "Excluding",
    "Finally",
    "First",
    "Following",
    "For",
    "From",
    "Further",
    "Furthermore",
    "Given",
    "He",
    "Her",
    "His",
    "How",
    "However",
    "I",
    "If",
    "In",
    "Including",
    "Instead",
    "It",
    "Its",
    "Management",
    "Many",
    "Moreover",
    "Most",
    "Net",
    "Nevertheless",
    "No",
    "None",
    "Of",
    "On",
    "Once",
    "One",
    "Other",
    "Our",
    "Over",
    "Overall",
    "Please",
    "Revenue",
    "Revenues",
    "See",
    "She",
    "Similarly",
    "Since",
    "So",
    "Some",
    "Such",
    "That",
    "The",
    "Their",
    "Then",
    "There",
    "Therefore",
    "These",
    "They",
    "This",
    "Those",
    "Through",
    "Thus",
    "To",
    "Today",
    "Total",
    "Two",
    "Under",
    "Unless",
    "Until",
    "Upon",
    "We",
    "What",
    "When",
    "Where",
    "Whether",
    "Which",
    "While",
    "Who",
    "With",
    "Within",
    "Without",
    "You",
    "Your",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str, language: Language) -> Vec<&str> {
        sentences(text, language).into_iter().map(|span| span.of(text)).collect()
    }

    #[test]
    fn the_table_of_starts_is_sorted() {
        assert!(SENTENCE_STARTS.is_sorted());
    }

    #[test]
    fn english() {
        for (text, expected) in [
            ("Net income fell. Costs rose!", vec!["Net income fell.", "Costs rose!"]),
            ("Acme Inc. The bank agreed.", vec!["Acme Inc.", "The bank agreed."]),
            ("Acme Inc. Holdings agreed.", vec!["Acme Inc. Holdings agreed."]),
            ("The U.S. Treasury sold notes. The U.S. The rest.", vec!["The U.S. Treasury sold notes.", "The U.S.", "The rest."]),
            ("See Art. 12 and No. 5 of Mr. J. P. Smith. Done.", vec!["See Art. 12 and No. 5 of Mr. J. P. Smith.", "Done."]),
            ("Margins were approx. 3.25% (e.g. 4.1 in Q2). Next.", vec!["Margins were approx. 3.25% (e.g. 4.1 in Q2).", "Next."]),
            ("1. The bank shall report. 2. It may not.", vec!["1. The bank shall report.", "2. It may not."]),
            ("Item 7. Management's Discussion", vec!["Item 7. Management's Discussion"]),
            ("It said \"we will act.\" Then it did.", vec!["It said \"we will act.\"", "Then it did."]),
            ("(See the notes. They matter.) Next.", vec!["(See the notes. They matter.) Next."]),
            ("Losses were charged off.3 The bank agreed.", vec!["Losses were charged off.3", "The bank agreed."]),
            ("Well... maybe. Then... Nothing", vec!["Well... maybe.", "Then...", "Nothing"]),
            ("Risks include: fraud; theft; and error. End.", vec!["Risks include: fraud; theft; and error.", "End."]),
            ("Heading\nThe first block.\nrow | 1\nrow | 2", vec!["Heading", "The first block.", "row | 1", "row | 2"]),
            ("a line that\nruns on here. Next", vec!["a line that runs on here.", "Next"]),
            ("Visit www.example.com for 1.5 million. Ok", vec!["Visit www.example.com for 1.5 million.", "Ok"]),
            ("\"Why?\" he asked. No.", vec!["\"Why?\" he asked.", "No."]),
            ("It ended on Dec. 31, 2023. It was late.", vec!["It ended on Dec. 31, 2023.", "It was late."]),
            ("", vec![]),
            (" \n ", vec![]),
        ] {
            let found: Vec<String> =
                split(text, Language::English).into_iter().map(|sentence| sentence.replace('\n', " ")).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn chinese() {
        for (text, expected) in [
            ("淨利增加12.5%。成本下降！為何？", vec!["淨利增加12.5%。", "成本下降！", "為何？"]),
            ("依「第 3.2 條」辦理。本行同意；另案處理。", vec!["依「第 3.2 條」辦理。", "本行同意；", "另案處理。"]),
            ("主席表示：「同意。照案通過。」散會。", vec!["主席表示：「同意。照案通過。」", "散會。"]),
            ("他問：「可以嗎？」，眾人同意。", vec!["他問：「可以嗎？」，眾人同意。"]),
            ("本案（參見附件。共三頁。）通過。下一案。", vec!["本案（參見附件。共三頁。）通過。", "下一案。"]),
            ("一、報告事項\n二、討論事項。無", vec!["一、報告事項", "二、討論事項。", "無"]),
            ("央行升息半碼.市場反應平淡", vec!["央行升息半碼.", "市場反應平淡"]),
            ("本行使用AWS. 風險增加。", vec!["本行使用AWS.", "風險增加。"]),
        ] {
            assert_eq!(split(text, Language::TraditionalChinese), expected, "{text}");
        }
        let long = format!("主席說：「{}。{}。」散會。", "甲".repeat(50), "乙".repeat(50));
        assert_eq!(split(&long, Language::TraditionalChinese).len(), 3, "a long quotation has sentences of its own");
    }

    #[test]
    fn the_languages_of_semicolons() {
        assert_eq!(split("甲；乙", Language::TraditionalChinese).len(), 2);
        assert_eq!(split("Table of 甲；乙", Language::English).len(), 1);
    }

    proptest! {
        #[test]
        fn sentences_cover_everything_but_white_space(
            text in "\\PC{0,60}|([A-Za-z ]{0,6}[.!?;。！？；「」（）()\\n\"' 0-9甲乙]){0,25}",
            chinese in any::<bool>(),
        ) {
            let language = if chinese { Language::TraditionalChinese } else { Language::English };
            let mut at = 0;
            for span in sentences(&text, language) {
                prop_assert!(span.start as usize >= at && !span.is_empty());
                prop_assert!(text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize));
                prop_assert!(text[at..span.start as usize].trim().is_empty());
                prop_assert_eq!(span.of(&text), span.of(&text).trim());
                at = span.end as usize;
            }
            prop_assert!(text[at..].trim().is_empty());
        }
    }
}
