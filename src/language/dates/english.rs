//! `2023-03-31`, `March 31, 2023`, `31 March 2023`, `FY2022`, `Q1 2023`, `first quarter of 2023`, `2023`.

use super::super::Span;
use super::{Mention, Part, Period, number};

const MONTHS: &[&str] =
    &["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const SHORT_MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ORDINALS: &[&str] = &["first", "second", "third", "fourth"];

/// The date that starts at `at`.
pub(super) fn at(text: &str, lower: &str, at: usize) -> Option<Mention> {
    let rest = &lower[at..];
    let first = rest.bytes().next()?;
    if ends_in_word(lower, at) {
        return None;
    }
    let (period, end) = if first.is_ascii_digit() {
        numeric(lower, at)
            .or_else(|| day_month(text, lower, at))
            .or_else(|| quarter_number(lower, at))
            .or_else(|| year(lower, at))?
    } else if first.is_ascii_alphabetic() {
        quarter(lower, at).or_else(|| half(lower, at)).or_else(|| fiscal(lower, at)).or_else(|| month(text, lower, at))?
    } else {
        return None;
    };
    Some(Mention { span: Span::new(at..end), period })
}

fn ends_in_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(|character| character.is_ascii_alphanumeric() || character == '$')
        || text[..at].ends_with(['.', ',', '-', '/']) && text[..at - 1].ends_with(|character: char| character.is_ascii_digit())
}

/// Nothing of a word or number follows.
fn is_end(text: &str, at: usize) -> bool {
    let mut rest = text[at..].chars();
    match rest.next() {
        Some(character) if character.is_ascii_alphanumeric() => false,
        Some('.' | ',' | '-' | '/') => !rest.next().is_some_and(|character| character.is_ascii_digit()),
        Some('%' | '％') => false,
        _ => true,
    }
}

fn spaces(text: &str, at: usize) -> usize {
    at + text[at..].len() - text[at..].trim_start_matches([' ', '\u{A0}', '\n']).len()
}

fn word(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len())]
}

/// `2023-03-31`, `2023/3/31`, `3/31/2023`.
fn numeric(text: &str, at: usize) -> Option<(Period, usize)> {
    let (first, end) = number(text, at, 4)?;
    let separator = text[end..].chars().next().filter(|character| matches!(character, '-' | '/' | '.'))?;
    let (second, end) = number(text, end + 1, 2)?;
    let third_at = text[end..].strip_prefix(separator).map(|_| end + 1)?;
    let (third, end) = number(text, third_at, 4)?;
    if !is_end(text, end) {
        return None;
    }
    let day = |year: u32, month: u32, day: u32| {
        Period::new(Some(i16::try_from(year).ok()?), Part::Day(u8::try_from(month).ok()?, u8::try_from(day).ok()?))
    };
    let period = if first >= 1000 {
        day(first, second, third)?
    } else if third >= 1000 && separator != '.' {
        day(third, first, second).or_else(|| day(third, second, first))?
    } else if (60..=199).contains(&first) && separator != '-' {
        // 113/3/31 and 113.3.31 are ROC dates.
        day(first + 1911, second, third)?
    } else {
        return None;
    };
    Some((period, end))
}

fn four_digit_year(text: &str, at: usize) -> Option<(i16, usize)> {
    let (value, end) = number(text, at, 4)?;
    (end - at == 4 && (1900..=2100).contains(&value) && is_end(text, end)).then_some((value as i16, end))
}

/// A year after a month, quarter or half: `2023`, `, 2023`, `of 2023`, `FY23`, `'23`.
fn trailing_year(text: &str, at: usize) -> Option<(i16, usize, bool)> {
    let mut next = spaces(text, at);
    if text[next..].starts_with(',') {
        next = spaces(text, next + 1);
    }
    for filler in ["of ", "in ", "the year ", "for "] {
        if text[next..].starts_with(filler) {
            next = spaces(text, next + filler.len());
        }
    }
    for fiscal in ["fiscal year ", "fiscal ", "fy"] {
        if let Some(rest) = text[next..].strip_prefix(fiscal) {
            let start = spaces(text, text.len() - rest.len());
            if let Some((year, end)) = four_digit_year(text, start).or_else(|| short_year(text, start)) {
                return Some((year, end, true));
            }
        }
    }
    if let Some(rest) = text[next..].strip_prefix(['\'', '’']) {
        return short_year(text, text.len() - rest.len()).map(|(year, end)| (year, end, false));
    }
    four_digit_year(text, next).map(|(year, end)| (year, end, false))
}

fn short_year(text: &str, at: usize) -> Option<(i16, usize)> {
    let (value, end) = number(text, at, 2)?;
    (end - at == 2 && is_end(text, end)).then_some((2000 + value as i16, end))
}

fn with_year(text: &str, end: usize, part: Part) -> Option<(Period, usize)> {
    match trailing_year(text, end) {
        Some((year, year_end, fiscal)) => Some((Period::new(Some(year), part)?.fiscal(fiscal), year_end)),
        None => Some((Period::new(None, part)?, end)),
    }
}

/// A month name with the word's end; `May` and `March` only where they cannot be verbs.
fn month_name(text: &str, lower: &str, at: usize) -> Option<(u8, usize)> {
    let name = word(lower, at);
    let index = MONTHS
        .iter()
        .position(|month| *month == name)
        .or_else(|| SHORT_MONTHS.iter().position(|month| *month == name || name == "sept" && *month == "sep"))?;
    if !text[at..].starts_with(|character: char| character.is_ascii_uppercase()) {
        return None;
    }
    let mut end = at + name.len();
    let is_short = !MONTHS.contains(&name);
    if is_short && lower[end..].starts_with('.') {
        end += 1;
    }
    let next = spaces(lower, end);
    let number_follows = lower[next..].starts_with(|character: char| character.is_ascii_digit());
    let before = lower[..at].trim_end();
    let preposition = [
        "in", "of", "since", "until", "by", "from", "to", "last", "for", "through", "and", "early", "late", "mid", "next", "this",
    ];
    let introduced = preposition.iter().any(|word| {
        before.strip_suffix(word).is_some_and(|rest| !rest.ends_with(|character: char| character.is_ascii_alphabetic()))
    }) || before.ends_with(|character: char| character.is_ascii_digit())
        || before.ends_with(['-', '(']);
    // `May` starts sentences as a verb, `Mar` and `Jan` are names: they need a number or a preposition beside them.
    if (is_short || matches!(name, "may" | "march" | "august")) && !number_follows && !introduced {
        return None;
    }
    Some((index as u8 + 1, end))
}

/// `March 31, 2023`, `March 2023`, `March`.
fn month(text: &str, lower: &str, at: usize) -> Option<(Period, usize)> {
    let (month, name_end) = month_name(text, lower, at)?;
    let day_at = spaces(lower, name_end);
    if let Some((day, mut end)) = number(lower, day_at, 2).filter(|(day, _)| (1..=31).contains(day)) {
        if let Some(rest) = ["st", "nd", "rd", "th"].iter().find_map(|suffix| lower[end..].strip_prefix(suffix)) {
            end = lower.len() - rest.len();
        }
        if !lower[end..].starts_with(|character: char| character.is_ascii_alphanumeric() || character == '%') {
            return with_year(lower, end, Part::Day(month, day as u8));
        }
    }
    with_year(lower, name_end, Part::Month(month))
}

/// `31 March 2023`, `31st of March`.
fn day_month(text: &str, lower: &str, at: usize) -> Option<(Period, usize)> {
    let (day, mut end) = number(lower, at, 2)?;
    if let Some(rest) = ["st", "nd", "rd", "th"].iter().find_map(|suffix| lower[end..].strip_prefix(suffix)) {
        end = lower.len() - rest.len();
    }
    let mut next = spaces(lower, end);
    if lower[next..].starts_with("of ") {
        next = spaces(lower, next + 3);
    }
    if next == end {
        return None;
    }
    let (month, end) = month_name(text, lower, next)?;
    with_year(lower, end, Part::Day(month, u8::try_from(day).ok()?))
}

/// `Q1 2023`, `Q1FY23`, `first quarter of 2023`, `first-quarter`.
fn quarter(text: &str, at: usize) -> Option<(Period, usize)> {
    let name = word(text, at);
    if name == "q" {
        let (quarter, end) = number(text, at + 1, 1)?;
        return with_year(text, end, Part::Quarter(quarter as u8))
            .filter(|(_, end)| !text[*end..].starts_with(|character: char| character.is_ascii_alphanumeric()));
    }
    let quarter = ORDINALS.iter().position(|ordinal| *ordinal == name)? as u8 + 1;
    let next = at + name.len() + usize::from(text[at + name.len()..].starts_with([' ', '-', '\n']));
    let unit = word(text, next);
    match unit {
        "quarter" => with_year(text, next + unit.len(), Part::Quarter(quarter)),
        "half" if quarter <= 2 => with_year(text, next + unit.len(), Part::Half(quarter)),
        _ => None,
    }
}

/// `1Q23`, `3rd quarter`, `2H 2023`.
fn quarter_number(text: &str, at: usize) -> Option<(Period, usize)> {
    let (value, end) = number(text, at, 1)?;
    let value = u8::try_from(value).ok()?;
    for (suffix, half) in
        [("st quarter", false), ("nd quarter", false), ("rd quarter", false), ("th quarter", false), ("q", false), ("h", true)]
    {
        let Some(rest) = text[end..].strip_prefix(suffix) else { continue };
        let end = text.len() - rest.len();
        let part = if half { Part::Half(value) } else { Part::Quarter(value) };
        if suffix.len() == 1 {
            if let Some((year, end)) = short_year(text, end) {
                return Some((Period::new(Some(year), part)?, end));
            }
            let year = trailing_year(text, end);
            if year.is_none() && !is_end(text, end) {
                return None;
            }
        }
        return with_year(text, end, part);
    }
    None
}

/// `H1 2023`.
fn half(text: &str, at: usize) -> Option<(Period, usize)> {
    if word(text, at) != "h" {
        return None;
    }
    let (half, end) = number(text, at + 1, 1)?;
    is_end(text, end).then_some(())?;
    with_year(text, end, Part::Half(half as u8))
}

/// `FY2022`, `fiscal 2022`, `fiscal year 2022`, `FY 22`.
fn fiscal(text: &str, at: usize) -> Option<(Period, usize)> {
    let name = word(text, at);
    let after = match name {
        "fy" => at + 2,
        "fiscal" => {
            let next = spaces(text, at + 6);
            if word(text, next) == "year" { next + 4 } else { at + 6 }
        }
        _ => return None,
    };
    let start = spaces(text, after);
    let (year, end) = four_digit_year(text, start).or_else(|| short_year(text, start))?;
    Some((Period::new(Some(year), Part::Whole)?.fiscal(true), end))
}

/// `2023`, where it is written as a year.
fn year(text: &str, at: usize) -> Option<(Period, usize)> {
    let (year, end) = four_digit_year(text, at)?;
    // A unit makes it a number: `2,000 employees` has a comma, `2000 employees` has not.
    let next = &text[spaces(text, end)..];
    let is_amount = [
        "million",
        "billion",
        "thousand",
        "percent",
        "per cent",
        "basis",
        "employees",
        "people",
        "shares",
        "dollars",
        "億",
        "萬",
        "元",
        "家",
        "人",
        "名",
        "個",
        "件",
    ];
    (!is_amount.iter().any(|unit| next.starts_with(unit))).then_some(())?;
    Some((Period::new(Some(year), Part::Whole)?, end))
}
