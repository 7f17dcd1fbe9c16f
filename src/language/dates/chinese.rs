//! 2024年3月31日, 113年度, 民國一一三年第一季, 上半年, 前三季, 3月.

use chinese_number::{ChineseCountMethod, ChineseToNumber};

use super::super::Span;
use super::{Mention, Part, Period, number};

const DIGITS: &str = "〇零○一二三四五六七八九十百";

/// The date that starts at `at`.
pub(super) fn at(text: &str, at: usize) -> Option<Mention> {
    let rest = &text[at..];
    let first = rest.chars().next()?;
    if !(first.is_ascii_digit() || matches!(first, '０'..='９') || DIGITS.contains(first) || "民中上下前第Qq".contains(first))
    {
        return None;
    }
    // The middle of a number or of a Chinese numeral is no start.
    if text[..at].chars().next_back().is_some_and(|before| {
        before.is_ascii_alphanumeric() || DIGITS.contains(before) || matches!(before, '.' | ',' if first.is_ascii_digit())
    }) {
        return None;
    }
    let (year, year_end, fiscal) = match year(text, at) {
        Some((year, end, fiscal)) => (Some(year), end, fiscal),
        None => (None, at, false),
    };
    let part_at = if year.is_some() { year_end + spaces(&text[year_end..]) } else { at };
    let (part, end) = part(text, part_at).unwrap_or((Part::Whole, year_end));
    let period = Period::new(year, part).or_else(|| Period::new(year, Part::Whole));
    let (period, end) = match period {
        Some(period) if period.part == part => (period, end),
        Some(period) => (period, year_end),
        None => return None,
    };
    Some(Mention { span: Span::new(at..end), period: period.fiscal(fiscal) })
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// A number in digits or Chinese numerals.
fn value(text: &str, at: usize, most: usize) -> Option<(u32, usize)> {
    if let Some(found) = number(text, at, most) {
        return Some(found);
    }
    let rest = text.get(at..)?;
    let length = rest.find(|character| !DIGITS.contains(character)).unwrap_or(rest.len());
    let written: String =
        rest[..length].chars().map(|character| if matches!(character, '〇' | '○') { '零' } else { character }).collect();
    if written.is_empty() || written.chars().count() > 6 {
        return None;
    }
    let value: u32 = if written.contains(['十', '百']) {
        written.as_str().to_number(ChineseCountMethod::TenThousand).ok()?
    } else {
        written.as_str().to_number_naive().ok()?
    };
    Some((value, at + length))
}

/// 2024年, 民國113年度, 一一三年, 113年: the year in the Gregorian calendar.
fn year(text: &str, at: usize) -> Option<(i16, usize, bool)> {
    let era = ["中華民國", "民國", "中华民国", "民国"].iter().find(|era| text[at..].starts_with(**era));
    let start = era.map_or(at, |era| at + era.len());
    let start = start + spaces(&text[start..]);
    let (value, end) = value(text, start, 4)?;
    let digits = text[start..end].chars().count();
    let unit_at = end + spaces(&text[end..]);
    let rest = text[unit_at..].strip_prefix('年')?;
    let (rest, fiscal) = rest.strip_prefix('度').map_or((rest, false), |rest| (rest, true));
    let year = if era.is_some() && value <= 300 {
        value + 1911
    } else if digits == 4 && (1900..=2100).contains(&value) {
        value
    } else if digits >= 2 && (60..=150).contains(&value) && !rest.starts_with(['期', '來', '内', '內', '間', '以', '後', '前'])
    {
        // 113年, 89年度: ROC years; 60年 and below are spans of time more often than years.
        value + 1911
    } else {
        return None;
    };
    Some((i16::try_from(year).ok()?, text.len() - rest.len(), fiscal))
}

/// 3月31日, 3月, 第一季, Q1, 上半年, 前三季.
fn part(text: &str, at: usize) -> Option<(Part, usize)> {
    let rest = text.get(at..)?;
    let end_of = |rest: &str| text.len() - rest.len();
    if let Some(rest) = rest.strip_prefix("上半年") {
        return Some((Part::Half(1), end_of(rest)));
    }
    if let Some(rest) = rest.strip_prefix("下半年") {
        return Some((Part::Half(2), end_of(rest)));
    }
    if let Some(rest) = rest.strip_prefix(['Q', 'q']) {
        let (quarter, end) = number(text, end_of(rest), 1)?;
        return Some((Part::Quarter(u8::try_from(quarter).ok()?), end)).filter(|(part, _)| matches!(part, Part::Quarter(1..=4)));
    }
    if let Some(rest) = rest.strip_prefix('前') {
        let (quarters, end) = value(text, end_of(rest), 1)?;
        let rest = text[end..].strip_prefix('季')?;
        let rest = rest.strip_prefix('度').unwrap_or(rest);
        return Some((Part::FirstQuarters(u8::try_from(quarters).ok()?), end_of(rest)))
            .filter(|(part, _)| matches!(part, Part::FirstQuarters(1..=4)));
    }
    let start = rest.strip_prefix('第').map_or(at, end_of);
    let start = start + spaces(&text[start..]);
    let (first, end) = value(text, start, 2)?;
    let first = u8::try_from(first).ok()?;
    let unit = &text[end + spaces(&text[end..])..];
    if let Some(rest) = unit.strip_prefix('季') {
        let rest = rest.strip_prefix('度').unwrap_or(rest);
        return (1..=4).contains(&first).then(|| (Part::Quarter(first), end_of(rest)));
    }
    let rest = unit.strip_prefix('月').filter(|rest| start == at && !rest.starts_with('內'))?;
    if !(1..=12).contains(&first) {
        return None;
    }
    let rest = rest.strip_prefix('份').unwrap_or(rest);
    let month_end = end_of(rest);
    let day = value(text, month_end + spaces(rest), 2).and_then(|(day, day_end)| {
        let unit = &text[day_end + spaces(&text[day_end..])..];
        let rest = unit.strip_prefix(['日', '號', '号'])?;
        Some((Part::Day(first, u8::try_from(day).ok()?), end_of(rest)))
    });
    Some(day.filter(|(part, _)| Period::new(None, *part).is_some()).unwrap_or((Part::Month(first), month_end)))
}
