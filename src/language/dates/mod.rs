//! Dates and periods in English and Chinese text: days, months, quarters, halves, years, the ROC calendar, fiscal years.
//!
//! A period keeps what was written and no more: `March 31` has no year, `Q2 2023` no month. Two periods are compared on what both of
//! them state. Days are checked against the calendar (`jiff`); 2024-02-30 is no date.

mod chinese;
mod english;

use super::Span;

/// A date or period in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mention {
    /// Where it stands.
    pub span: Span,
    /// What it says.
    pub period: Period,
}

/// A date or period; what is not stated is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    /// The year in the Gregorian calendar.
    pub year: Option<i16>,
    /// The part of the year.
    pub part: Part,
    /// A fiscal year, which may differ from the calendar's.
    pub fiscal: bool,
}

/// A part of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The whole year, or no part stated.
    Whole,
    /// First or second half: 1, 2.
    Half(u8),
    /// Quarter 1 to 4.
    Quarter(u8),
    /// The first `n` quarters: 前三季, `nine months ended` is not one of them.
    FirstQuarters(u8),
    /// Month 1 to 12.
    Month(u8),
    /// Month and day.
    Day(u8, u8),
}

/// How two periods compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agreement {
    /// They exclude each other.
    Different,
    /// They say things of different kinds, neither of which holds the other: a quarter and a year of no relation.
    Unrelated,
    /// The one holds the other: 2023 and March 2023.
    Within,
    /// All that the claim states is stated.
    Same,
}

impl Period {
    /// A period, if the calendar has it.
    pub fn new(year: Option<i16>, part: Part) -> Option<Self> {
        let possible = match part {
            Part::Whole => year.is_some(),
            Part::Half(half) => (1..=2).contains(&half),
            Part::Quarter(quarter) | Part::FirstQuarters(quarter) => (1..=4).contains(&quarter),
            Part::Month(month) => (1..=12).contains(&month),
            // A leap year where none is stated.
            Part::Day(month, day) => jiff::civil::Date::new(year.unwrap_or(2000), month.cast_signed(), day.cast_signed()).is_ok(),
        };
        let year_possible = year.is_none_or(|year| (1000..=2999).contains(&year));
        (possible && year_possible).then_some(Self { year, part, fiscal: false })
    }

    fn fiscal(mut self, fiscal: bool) -> Self {
        self.fiscal = fiscal;
        self
    }

    /// Compares what a claim says (`self`) with what a source says.
    pub fn agreement(&self, source: &Self) -> Agreement {
        let years = match (self.year, source.year) {
            (Some(claimed), Some(stated)) if claimed != stated => return Agreement::Different,
            (Some(_), None) => Agreement::Within,
            _ => Agreement::Same,
        };
        let parts = match (self.part, source.part) {
            (claimed, stated) if claimed == stated => Agreement::Same,
            (Part::Whole, _) => return if self.year == source.year { Agreement::Same } else { Agreement::Unrelated },
            (_, Part::Whole) => Agreement::Within,
            (claimed, stated) => match (claimed.months(), stated.months()) {
                // A day lies in a month, a month in a quarter.
                ((first, last), (from, to)) if first <= from && to <= last => {
                    if matches!(claimed, Part::Month(_)) {
                        Agreement::Same
                    } else {
                        Agreement::Within
                    }
                }
                ((first, last), (from, to)) if from <= first && last <= to && claimed.months() != stated.months() => {
                    Agreement::Within
                }
                _ if std::mem::discriminant(&claimed) == std::mem::discriminant(&stated) => return Agreement::Different,
                _ if matches!((claimed, stated), (Part::Month(_) | Part::Day(..), Part::Month(_) | Part::Day(..))) => {
                    return Agreement::Different;
                }
                _ => return Agreement::Unrelated,
            },
        };
        years.min(parts)
    }
}

impl Part {
    /// The first and the last month it touches.
    const fn months(self) -> (u8, u8) {
        match self {
            Self::Whole => (1, 12),
            Self::Half(half) => (half * 6 - 5, half * 6),
            Self::Quarter(quarter) => (quarter * 3 - 2, quarter * 3),
            Self::FirstQuarters(quarters) => (1, quarters * 3),
            Self::Month(month) | Self::Day(month, _) => (month, month),
        }
    }
}

impl std::fmt::Display for Period {
    /// `2023-03-31`, `2023-Q1`, `2023-H1`, `2023-03`, `2023`; `--03-31`, `--Q1` without a year.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.year {
            Some(year) => write!(f, "{year:04}")?,
            None => f.write_str("-")?,
        }
        match self.part {
            Part::Whole => Ok(()),
            Part::Half(half) => write!(f, "-H{half}"),
            Part::Quarter(quarter) => write!(f, "-Q{quarter}"),
            Part::FirstQuarters(quarters) => write!(f, "-Q1/Q{quarters}"),
            Part::Month(month) => write!(f, "-{month:02}"),
            Part::Day(month, day) => write!(f, "-{month:02}-{day:02}"),
        }
    }
}

/// The dates and periods of `text`, in order.
pub fn dates(text: &str) -> Vec<Mention> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        // The longer reading wins: 2024年3月 over 2024, `Q1 2023` over Q1.
        let mention =
            [chinese::at(text, at), english::at(text, &lower, at)].into_iter().flatten().max_by_key(|mention| mention.span.end);
        at = match mention {
            Some(mention) => {
                found.push(mention);
                mention.span.end as usize
            }
            None => next_start(text, at),
        };
    }
    found
}

/// The next place where a date may start: past the rest of a Latin word, one character otherwise.
fn next_start(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let Some(first) = rest.chars().next() else { return text.len() };
    if first.is_ascii_alphabetic() {
        at + rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len())
    } else if first.is_ascii_digit() {
        // All of `1,234.56`: no date starts inside a number.
        at + rest.find(|character: char| !(character.is_ascii_digit() || matches!(character, ',' | '.'))).unwrap_or(rest.len())
    } else {
        at + first.len_utf8()
    }
}

/// Reads 1 to `most` digits (ASCII or full width) at `at`: the value and where they end.
fn number(text: &str, at: usize, most: usize) -> Option<(u32, usize)> {
    let (mut value, mut end) = (0, at);
    for (count, character) in text.get(at..)?.chars().enumerate() {
        let digit = match character {
            '0'..='9' => character as u32 - '0' as u32,
            '０'..='９' => character as u32 - '０' as u32,
            _ => break,
        };
        if count == most {
            return None;
        }
        value = value * 10 + digit;
        end += character.len_utf8();
    }
    (end > at).then_some((value, end))
}

#[cfg(test)]
mod tests;
