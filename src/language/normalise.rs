//! Normal forms: NFC for what is shown and measured, [`fold`] for what is compared and searched.

use std::borrow::Cow;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::Span;

/// The unified ideographs of U+2E80..=U+2EF3 (CJK Radicals Supplement), in order. NFKC leaves these radicals alone, although PDF
/// fonts often map whole words to them. From the Unicode property Equivalent_Unified_Ideograph.
const SUPPLEMENT_RADICALS: &str = "⺀厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑彐忄心扌攵⺚旡日月歺母民氵氺灬爫爫丬牛犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶邑钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟";

/// The text in Unicode Normalisation Form C: the form in which all text is kept, shown and measured.
pub fn nfc(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// The form in which texts are compared and searched: NFKC, lower case, radicals and compatibility ideographs as the characters
/// that they stand for, plain quotes, dashes and spaces, no invisible characters. Scripts stay apart
/// (see [`super::script::to_simplified`]).
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for_each_group(text, |group, _| fold_group(group, &mut folded));
    folded
}

/// [`fold`], with the way back to the text.
pub fn fold_with_offsets(text: &str) -> Folded {
    let mut folded = Folded { text: String::with_capacity(text.len()), groups: Vec::new() };
    for_each_group(text, |group, span| {
        let start = folded.text.len() as u32;
        fold_group(group, &mut folded.text);
        if folded.text.len() as u32 > start {
            folded.groups.push((start, span));
        }
    });
    folded
}

/// A folded text that knows where each piece of it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The folded text.
    pub text: String,
    /// For each group of characters that were folded together: its first byte in `text`, and where it stands in the source.
    groups: Vec<(u32, Span)>,
}

impl Folded {
    /// The span of the source whose folding covers `span` of the folded text. Empty where `span` is empty or out of range.
    pub fn source(&self, span: Span) -> Span {
        if span.is_empty() || span.end as usize > self.text.len() {
            return Span { start: 0, end: 0 };
        }
        let group_at = |byte: u32| self.groups.partition_point(|(start, _)| *start <= byte).checked_sub(1);
        match (group_at(span.start), group_at(span.end - 1)) {
            (Some(first), Some(last)) => Span { start: self.groups[first].1.start, end: self.groups[last].1.end },
            _ => Span { start: 0, end: 0 },
        }
    }
}

/// A plain form for punctuation that comes in many shapes; none for characters that vanish.
fn plain(character: char) -> Option<char> {
    Some(match character {
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2032}' | '\u{FF07}' | '\u{02BC}' => '\'',
        '\u{201C}'..='\u{201F}' | '\u{2033}' | '\u{00AB}' | '\u{00BB}' | '\u{FF02}' | '\u{301D}'..='\u{301F}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => '-',
        // Soft hyphen, zero-width characters, bidirectional controls, variation selectors, the byte order mark.
        '\u{00AD}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' => {
            return None;
        }
        '\u{2E81}'..='\u{2EF3}' => supplement_radical(character),
        other if other.is_whitespace() => ' ',
        other => other,
    })
}

fn supplement_radical(radical: char) -> char {
    SUPPLEMENT_RADICALS.chars().nth(radical as usize - 0x2E80).unwrap_or(radical)
}

/// Calls `each` for every character with the combining marks that follow it: NFKC never reaches across such a border.
fn for_each_group(text: &str, mut each: impl FnMut(&str, Span)) {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < text.len() {
        let mut end = start + 1;
        // Fast path: a character before an ASCII character stands alone.
        if !(bytes[start].is_ascii() && bytes.get(end).is_none_or(u8::is_ascii)) {
            let mut rest = text[start..].chars();
            end = start + rest.next().map_or(1, char::len_utf8);
            for mark in rest {
                if mark.is_ascii() || canonical_combining_class(mark) == 0 {
                    break;
                }
                end += mark.len_utf8();
            }
        }
        each(&text[start..end], Span::new(start..end));
        start = end;
    }
}

fn fold_group(group: &str, folded: &mut String) {
    if let [byte] = group.as_bytes() {
        folded.push(if byte.is_ascii_whitespace() { ' ' } else { byte.to_ascii_lowercase() as char });
        return;
    }
    for character in group.chars().filter_map(plain).nfkc() {
        // Compatibility forms may themselves hold a curly quote or a dash.
        folded.extend(plain(character).into_iter().flat_map(char::to_lowercase));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_what_pdf_fonts_and_typesetters_do() {
        for (text, expected) in [
            ("Ｎｅｔ　Ｉｎｃｏｍｅ", "net income"),
            ("⾦⾏", "金行"),
            ("⺠⻑⻄", "民長西"),
            ("金額", "金額"), // U+F90A is a compatibility ideograph
            ("“It’s” — ﬁne", "\"it's\" - fine"),
            ("１２．５％", "12.5%"),
            ("co\u{AD}op\u{200B}erate\u{202E}", "cooperate"),
            ("e\u{301}", "é"),
            ("a\u{A0}b\nc", "a b c"),
        ] {
            assert_eq!(fold(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_radical_table_is_aligned() {
        assert_eq!(SUPPLEMENT_RADICALS.chars().count(), 0x2EF3 - 0x2E80 + 1);
        assert_eq!(supplement_radical('\u{2EA0}'), '民');
        assert_eq!(supplement_radical('\u{2EE9}'), '黄');
    }

    #[test]
    fn folded_spans_lead_back_to_the_source() {
        let text = "前 ﬁn Ａ１ e\u{301}x";
        let folded = fold_with_offsets(text);
        assert_eq!(folded.text, "前 fin a1 éx");
        let at = folded.text.find("fi").unwrap();
        assert_eq!(folded.source(Span::new(at..at + 1)).of(text), "ﬁ");
        let at = folded.text.find("a1").unwrap();
        assert_eq!(folded.source(Span::new(at..at + 2)).of(text), "Ａ１");
        let at = folded.text.find('é').unwrap();
        assert_eq!(folded.source(Span::new(at..at + 2)).of(text), "e\u{301}");
        assert!(folded.source(Span::new(0..999)).is_empty());
    }

    proptest! {
        #[test]
        fn folding_is_idempotent_and_offsets_hold(text in "\\PC{0,40}|[\\u{2E80}-\\u{2FD5}\\u{FF00}-\\u{FFEE}\\u{300}-\\u{310}a-z ]{0,40}") {
            let once = fold(&text);
            let folded = fold_with_offsets(&text);
            prop_assert_eq!(&once, &folded.text);
            let mut previous = 0;
            for (at, character) in folded.text.char_indices() {
                let source = folded.source(Span::new(at..at + character.len_utf8()));
                prop_assert!(text.is_char_boundary(source.start as usize) && text.is_char_boundary(source.end as usize));
                prop_assert!(!source.is_empty() && source.start >= previous);
                previous = source.start;
            }
        }

        #[test]
        fn nfc_is_what_the_crate_says(text in "\\PC{0,40}") {
            prop_assert_eq!(nfc(&text).into_owned(), text.nfc().collect::<String>());
        }
    }
}
