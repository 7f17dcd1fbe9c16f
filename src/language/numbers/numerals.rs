//! Numerals: digits with separators and decimals (ASCII and full width), English number words, Chinese numerals.

use chinese_number::{ChineseCountMethod, ChineseToNumber};

use super::super::Span;
use super::super::script::is_han;
use super::is_word;
use super::units;

/// A number as written, before sign, scale and unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Numeral {
    pub(super) span: Span,
    pub(super) value: f64,
    /// The worth of one in the last place.
    pub(super) step: f64,
    pub(super) has_decimals: bool,
    pub(super) has_separator: bool,
    /// A word that is a number only where a unit follows: 三, `one`.
    pub(super) needs_unit: bool,
    pub(super) is_ordinal: bool,
}

/// The numeral that starts at byte `at`, a character border. `lower` is `text` in ASCII lower case.
pub(super) fn number_at(text: &str, lower: &str, at: usize) -> Option<Numeral> {
    let first = text[at..].chars().next()?;
    match first {
        '0'..='9' | '０'..='９' => digits(text, at),
        '.' if text[at + 1..].starts_with(|next: char| next.is_ascii_digit()) && !ends_in_word(text, at) => digits(text, at),
        'a'..='z' | 'A'..='Z' => english_words(text, lower, at),
        _ if is_chinese_numeral(first) => chinese(text, at),
        _ => None,
    }
}

/// How many bytes to go on where no numeral starts at `at`: past a whole word and the digits that belong to it.
pub(super) fn skip_length(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let Some(first) = rest.chars().next() else { return 1 };
    if !is_word(first) {
        return first.len_utf8();
    }
    let letters = rest.find(|character: char| !is_word(character) || character.is_numeric()).unwrap_or(rest.len());
    if letters > 0 && units::is_currency_prefix(&rest[..letters]) {
        return letters;
    }
    let word = rest.find(|character: char| !is_word(character)).unwrap_or(rest.len()).max(first.len_utf8());
    // `COVID-19`, `B-2`: the digits are part of the name.
    let is_name = rest[..word].chars().next().is_some_and(char::is_uppercase)
        && rest[..word].chars().all(|character| character.is_ascii_uppercase());
    match rest[word..].strip_prefix('-') {
        Some(tail) if is_name => word + 1 + tail.find(|character: char| !character.is_ascii_digit()).unwrap_or(tail.len()),
        _ => word,
    }
}

fn ends_in_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(is_word)
}

fn digit_value(character: char) -> Option<u32> {
    match character {
        '0'..='9' => Some(character as u32 - '0' as u32),
        '０'..='９' => Some(character as u32 - '０' as u32),
        _ => None,
    }
}

/// `1,234.5`, `１２．５`.
fn digits(text: &str, at: usize) -> Option<Numeral> {
    let characters: Vec<(usize, char)> = text[at..].char_indices().take(64).collect();
    let digit = |index: usize| characters.get(index).and_then(|(_, character)| digit_value(*character));
    let (mut value, mut index) = (0.0_f64, 0);
    let mut has_separator = false;
    while let Some((_, character)) = characters.get(index) {
        if let Some(digit) = digit_value(*character) {
            value = value * 10.0 + f64::from(digit);
            index += 1;
            continue;
        }
        // A separator is followed by exactly three digits.
        let separates = matches!(character, ',' | '，' if index > 0)
            && (*character == ',' || characters[index - 1].1 >= '０')
            && (1..=3).all(|ahead| digit(index + ahead).is_some())
            && digit(index + 4).is_none();
        if !separates {
            break;
        }
        has_separator = true;
        index += 1;
    }
    let mut step = 1.0;
    let mut has_decimals = false;
    if matches!(characters.get(index), Some((_, '.' | '．'))) && digit(index + 1).is_some() {
        // `1.2.3` numbers a section.
        let decimals = (1..).take_while(|ahead| digit(index + ahead).is_some()).count();
        let after = index + 1 + decimals;
        if matches!(characters.get(after), Some((_, '.'))) && digit(after + 1).is_some() {
            let end = characters[after..]
                .iter()
                .find(|(_, c)| digit_value(*c).is_none() && *c != '.')
                .map_or(text.len(), |(offset, _)| at + offset);
            return Some(Numeral {
                span: Span::new(at..end),
                value: f64::NAN,
                step: 1.0,
                has_decimals: false,
                has_separator: false,
                needs_unit: true,
                is_ordinal: true,
            });
        }
        has_decimals = true;
        let written: String = characters[..after]
            .iter()
            .filter_map(|(_, character)| {
                digit_value(*character)
                    .map(|digit| char::from(b'0' + digit as u8))
                    .or((matches!(character, '.' | '．')).then_some('.'))
            })
            .collect();
        value = written.parse().unwrap_or(value);
        step = 10_f64.powi(-(decimals.min(30) as i32));
        index = after;
    }
    let end = characters
        .get(index)
        .map_or(text.len().min(at + characters.last().map_or(0, |(offset, c)| offset + c.len_utf8())), |(offset, _)| at + offset);
    if !value.is_finite() || index == 0 && !has_decimals {
        return None;
    }
    Some(Numeral { span: Span::new(at..end), value, step, has_decimals, has_separator, needs_unit: false, is_ordinal: false })
}

const SMALL_WORDS: &[(&str, u32)] = &[
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
];

/// `three`, `twenty-five`.
fn english_words(text: &str, lower: &str, at: usize) -> Option<Numeral> {
    if ends_in_word(text, at) {
        return None;
    }
    let word_at = |at: usize| {
        let rest = &lower[at..];
        &rest[..rest.find(|character: char| !is_word(character)).unwrap_or(rest.len())]
    };
    let value_of = |word: &str| SMALL_WORDS.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
    let word = word_at(at);
    let mut value = value_of(word)?;
    let mut end = at + word.len();
    if value >= 20 && lower[end..].starts_with(['-', ' ']) {
        let unit = word_at(end + 1);
        if let Some(ones) = value_of(unit).filter(|ones| *ones < 10) {
            value += ones;
            end += 1 + unit.len();
        }
    }
    let needs_unit = value == 1;
    Some(Numeral {
        span: Span::new(at..end),
        value: f64::from(value),
        step: 1.0,
        has_decimals: false,
        has_separator: false,
        needs_unit,
        is_ordinal: false,
    })
}

const CHINESE_DIGITS: &str = "零〇○一二兩两三四五六七八九壹貳贰叁參肆伍陸陆柒捌玖";
const SMALL_SCALES: &str = "十拾百佰千仟";

fn is_chinese_numeral(character: char) -> bool {
    is_han(character) && (CHINESE_DIGITS.contains(character) || SMALL_SCALES.contains(character)) || character == '○'
}

/// `十二`, `三千五百`, `二〇二四`, `十二點五`.
fn chinese(text: &str, at: usize) -> Option<Numeral> {
    // The middle of a word that ends in a scale (萬一, 千萬) or of a longer run is no start.
    if text[..at].chars().next_back().is_some_and(|before| "萬万億亿兆百千".contains(before) && !precedes_part(text, at)) {
        return None;
    }
    let rest = &text[at..];
    let run_end = rest.find(|character| !is_chinese_numeral(character)).unwrap_or(rest.len());
    let run: String = rest[..run_end]
        .chars()
        .map(|character| match character {
            '○' | '〇' => '零',
            '兩' | '两' => '二',
            '貳' | '贰' => '二',
            '叁' | '參' => '三',
            '陆' => '六',
            other => other,
        })
        .collect();
    let count = run.chars().count();
    let has_scale = run.chars().any(|character| SMALL_SCALES.contains(character));
    let starts_with_digit =
        run.starts_with(|character| CHINESE_DIGITS.contains(character) || character == '十' || character == '拾');
    if !starts_with_digit || count > 24 {
        return None;
    }
    let whole: u64 = if has_scale {
        run.as_str().to_number(ChineseCountMethod::TenThousand).ok()?
    } else if count == 1 || count >= 3 || run.contains('零') {
        run.as_str().to_number_naive().ok()?
    } else {
        // 三四 is `three or four`.
        return None;
    };
    let mut numeral = Numeral {
        span: Span::new(at..at + run_end),
        value: whole as f64,
        step: 1.0,
        has_decimals: false,
        has_separator: false,
        needs_unit: count == 1,
        is_ordinal: false,
    };
    // 十二點五
    if let Some(decimals) = rest[run_end..].strip_prefix(['點', '点']) {
        let length = decimals.find(|character| !CHINESE_DIGITS.contains(character)).unwrap_or(decimals.len());
        let written: String =
            decimals[..length].chars().map(|character| if matches!(character, '〇' | '○') { '零' } else { character }).collect();
        let places = written.chars().count();
        if (1..=6).contains(&places)
            && let Ok(part) = ChineseToNumber::<u64>::to_number_naive(&written.as_str())
        {
            numeral.step = 10_f64.powi(-(places as i32));
            numeral.value += part as f64 * numeral.step;
            numeral.has_decimals = true;
            numeral.needs_unit = false;
            numeral.span = Span::new(at..at + run_end + '點'.len_utf8() + length);
        }
    }
    Some(numeral)
}

/// Whether the scale before `at` belongs to a number, so that a part of it may follow: 三億五千萬, 3億五千萬.
fn precedes_part(text: &str, at: usize) -> bool {
    text[..at].chars().rev().nth(1).is_some_and(|character| digit_value(character).is_some() || is_chinese_numeral(character))
}
