//! Quantities in English and Chinese text, each with its place and a value that can be compared: amounts, counts, percentages,
//! percentage and basis points, multiples.
//!
//! Values are in base units: `NT$3.2 billion`, `32億元` and `3,200 million` all have the value 3.2e9. Which currency and which
//! measure is kept apart, so that `25 basis points` never equals `25%`. Numbers that are parts of dates are found here too; use
//! [`super::dates`] first and leave out what overlaps.

mod bounds;
mod numerals;
mod units;

pub use units::Currency;

use super::Span;
use super::script::is_han;
use units::Suffix;

/// A quantity in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// The whole expression with sign, currency, scale and unit: `NT$3.2 billion`, `25 basis points`.
    pub span: Span,
    /// The digits or numerals alone.
    pub number: Span,
    /// The value in base units; for [`Measure::Percent`] in percent, for [`Measure::Points`] in percentage points.
    pub value: f64,
    /// The worth of one unit in the last place as written: 1e8 for `3.2 billion`. Half of it is how far a rounded value may be off.
    pub step: f64,
    /// What is measured.
    pub measure: Measure,
    /// Whether a scale word (`million`, `億`) or a unit of its own was written; a bare number in a table may have its scale elsewhere.
    pub scaled: bool,
    /// Whether the number is about, at least or at most the value.
    pub bound: Bound,
    /// Written in parentheses, which in accounts is a negative number. `value` is negative where that is plain.
    pub parenthesised: bool,
}

/// What a quantity measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// A count, or a number whose unit is not known.
    Count,
    /// An amount of money.
    Money(Currency),
    /// Per cent (per mille is converted).
    Percent,
    /// A difference of percentages: percentage points, basis points (0.01), 碼 (0.25).
    Points,
    /// A multiple: `3.2x`, `two-fold`, `3倍`.
    Multiple,
    /// A place in an order: `3rd`, `第三`.
    Ordinal,
}

/// How a number bounds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// The value itself.
    Exactly,
    /// About, nearly, 約, 近.
    About,
    /// More than, at least, 逾, 超過, 以上.
    AtLeast,
    /// Less than, at most, 不到, 以下.
    AtMost,
}

/// How two quantities compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agreement {
    /// Another value or another measure.
    Different,
    /// The same digits under another unit, scale, currency or sign: `25 basis points` and `25%`, `3 million` and `3 billion`.
    SameDigits,
    /// The same within what rounding or a bound allows.
    Rounded,
    /// The same value and a compatible measure.
    Same,
}

impl Quantity {
    /// Compares what a claim says (`self`) with what a source says. `scales` are scales that the source declares elsewhere, such as
    /// `in thousands` above a table: they apply to source numbers without a scale of their own.
    pub fn agreement(&self, source: &Self, scales: &[f64]) -> Agreement {
        let compatible = self.measure.is_compatible(source.measure);
        let mut best = Agreement::Different;
        if compatible {
            best = self.compare(source.value, source.step, source);
            if !source.scaled && matches!(source.measure, Measure::Count | Measure::Money(_)) {
                best = scales
                    .iter()
                    .map(|scale| self.compare(source.value * scale, source.step * scale, source))
                    .fold(best, Ord::max);
            }
        }
        if best == Agreement::Different && same_digits(self, source) { Agreement::SameDigits } else { best }
    }

    fn compare(&self, value: f64, step: f64, source: &Self) -> Agreement {
        let signs_differ = (self.value < 0.0) != (value < 0.0) && self.value != 0.0;
        if signs_differ && !self.parenthesised && !source.parenthesised && self.value.abs() == value.abs() {
            return Agreement::SameDigits;
        }
        let (claimed, stated) = (self.value.abs(), value.abs());
        let difference = (claimed - stated).abs();
        if difference <= 1e-9 * claimed.max(stated) {
            return Agreement::Same;
        }
        // A claim may round what the source says, never add digits to it.
        let coarser = self.step > step * 1.5;
        // Halves are rounded up.
        let half = self.step * if claimed > stated { 0.5 + 1e-9 } else { 0.5 - 1e-9 };
        let rounds = coarser && difference <= half;
        let near = |share: f64| difference <= share * stated;
        let bounded = match self.bound {
            Bound::About => near(0.03) && coarser,
            Bound::AtLeast => claimed < stated && coarser && near(0.15),
            Bound::AtMost => claimed > stated && coarser && near(0.15),
            Bound::Exactly => false,
        };
        if rounds || bounded { Agreement::Rounded } else { Agreement::Different }
    }
}

impl Measure {
    /// Whether quantities of these measures can be the same: a bare number fits an amount, dollars of no country fit those of one.
    pub fn is_compatible(self, other: Self) -> bool {
        match (self, other) {
            (Self::Money(first), Self::Money(second)) => first.is_compatible(second),
            (Self::Count, Self::Money(_) | Self::Multiple) | (Self::Money(_) | Self::Multiple, Self::Count) => true,
            (first, second) => first == second,
        }
    }
}

/// Whether the digits as written are the same, whatever the unit.
fn same_digits(first: &Quantity, second: &Quantity) -> bool {
    let significand = |value: f64| {
        let value = value.abs();
        if value == 0.0 { 0.0 } else { value / 10_f64.powf((value.log10() + 1e-12).floor()) }
    };
    (significand(first.value) - significand(second.value)).abs() < 1e-9
}

/// The quantities of `text`, in order.
pub fn quantities(text: &str) -> Vec<Quantity> {
    // Same length in bytes: units and words are matched in lower case.
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let scanned = numerals::number_at(text, &lower, at);
        match scanned {
            Some(numeral) => {
                let end = numeral.span.end as usize;
                if let Some(quantity) = quantity(text, &lower, &numeral, found.last()) {
                    at = end.max(quantity.span.end as usize);
                    found.push(quantity);
                } else {
                    at = end;
                }
            }
            None => at += numerals::skip_length(text, at),
        }
    }
    share_units_of_ranges(text, &mut found);
    found
}

/// The scales that headings of tables declare: `in thousands`, `(in millions)`, `單位：新臺幣仟元`.
pub fn declared_scales(text: &str) -> Vec<f64> {
    let lower = text.to_ascii_lowercase();
    let mut scales: Vec<f64> = Vec::new();
    for (phrase, scale) in units::DECLARED_SCALES {
        if lower.contains(phrase) && !scales.contains(scale) {
            scales.push(*scale);
        }
    }
    scales
}

/// A numeral with its sign, currency, scale and unit.
fn quantity(text: &str, lower: &str, numeral: &numerals::Numeral, previous: Option<&Quantity>) -> Option<Quantity> {
    let number = numeral.span;
    let previous_end = previous.map_or(0, |quantity| quantity.span.end as usize);
    let prefix = units::prefix(text, lower, number.start as usize, previous_end);
    let mut suffix = units::suffix(text, lower, number.end as usize, prefix.currency.is_some() || numeral.has_decimals);
    if numeral.needs_unit
        && matches!(suffix, Suffix { scale: None, measure: None, counts: false, .. })
        && !prefix.percent
        && !prefix.ordinal
    {
        return None;
    }
    // 一家 and 一項 are articles, not counts.
    if numeral.needs_unit
        && numeral.value == 1.0
        && suffix.scale.is_none()
        && suffix.measure.is_none()
        && !prefix.percent
        && !prefix.ordinal
    {
        return None;
    }
    if suffix.is_identifier || !numeral.value.is_finite() {
        return None;
    }
    let mut value = numeral.value;
    let mut step = numeral.step;
    if let Some(scale) = suffix.scale {
        value *= scale;
        step *= scale;
    }
    let mut end = suffix.end;
    // `3億5,000萬`, `1萬2千`: smaller parts of the same number. The unit follows the last of them.
    let mut scale = suffix.scale.unwrap_or(1.0);
    let mut unit = suffix.clone();
    while unit.is_chinese_scale && unit.measure.is_none() {
        let Some(part) = numerals::number_at(text, lower, end).filter(|part| part.value.is_finite()) else { break };
        let part_unit = units::suffix(text, lower, part.span.end as usize, false);
        let part_scale = part_unit.scale.unwrap_or(1.0);
        if part_scale >= scale || part.value * part_scale >= scale || part_unit.is_identifier {
            break;
        }
        value += part.value * part_scale;
        step = part.step * part_scale;
        scale = part_scale;
        unit = part_unit;
        end = unit.end;
    }
    end = end.max(unit.end);
    let mut measure = match (prefix.currency, unit.measure) {
        _ if prefix.percent => Measure::Percent,
        _ if prefix.ordinal => Measure::Ordinal,
        (Some(currency), Some(Measure::Money(suffixed))) => Measure::Money(currency.narrower(suffixed)),
        (Some(currency), None) => Measure::Money(currency),
        (_, Some(measure)) => measure,
        (None, None) => Measure::Count,
    };
    if numeral.is_ordinal {
        measure = Measure::Ordinal;
    }
    value *= unit.factor;
    step *= unit.factor;
    let mut start = prefix.start;
    let mut parenthesised = false;
    let mut negative = prefix.negative;
    // `(1,234)`, `$(1,234)`, `(12.3)%`, `(12.3%)`.
    if text[..start].ends_with('(') || text[..start].ends_with('（') {
        let rest = &text[end..];
        if rest.starts_with(')') || rest.starts_with('）') {
            parenthesised = true;
            start = text[..start].char_indices().next_back().map_or(start, |(at, _)| at);
            end += rest.chars().next().map_or(0, char::len_utf8);
            let outer = units::prefix(text, lower, start, previous_end);
            if let (Some(currency), Measure::Count) = (outer.currency, measure) {
                measure = Measure::Money(currency);
                start = outer.start;
            }
            if measure == Measure::Count && (text[end..].starts_with('%') || text[end..].starts_with('％')) {
                measure = Measure::Percent;
                end += text[end..].chars().next().map_or(0, char::len_utf8);
            }
            // `$(1,234) thousand`
            let outer = units::suffix(text, lower, end, false);
            if suffix.scale.is_none() && !outer.is_identifier && (outer.scale.is_some() || outer.measure.is_some()) {
                value *= outer.scale.unwrap_or(1.0);
                step *= outer.scale.unwrap_or(1.0);
                if let (Some(other), Measure::Count) = (outer.measure, measure) {
                    measure = other;
                    value *= outer.factor;
                    step *= outer.factor;
                }
                end = outer.end;
                suffix.scale = outer.scale;
            }
            negative = measure != Measure::Count || numeral.has_separator || numeral.has_decimals;
        }
    }
    if negative {
        value = -value;
    }
    let bound = bounds::bound(lower, start, end);
    let scaled = suffix.scale.is_some() || unit.scale.is_some() || !matches!(measure, Measure::Count | Measure::Money(_));
    Some(Quantity { span: Span::new(start..end), number, value, step, measure, scaled, bound, parenthesised })
}

/// `3%-4%`, `3 to 4 percent`, `between 3 and 4 million`: the first number has the unit of the second.
fn share_units_of_ranges(text: &str, found: &mut [Quantity]) {
    for index in 1..found.len() {
        let (before, after) = found.split_at_mut(index);
        let (Some(first), Some(second)) = (before.last_mut(), after.first()) else { continue };
        let Some(between) = text.get(first.span.end as usize..second.span.start as usize) else { continue };
        let joins = matches!(between.trim(), "-" | "–" | "—" | "~" | "～" | "to" | "至" | "到")
            || between.trim() == "and" && text[..first.span.start as usize].to_ascii_lowercase().trim_end().ends_with("between");
        if !joins {
            continue;
        }
        if first.measure == Measure::Count && !first.scaled && !matches!(second.measure, Measure::Count | Measure::Ordinal)
            || matches!(first.measure, Measure::Money(_)) && !first.scaled && second.scaled
        {
            if let Some(factor) = scale_of(text, second).filter(|factor| *factor != 1.0) {
                first.value *= factor;
                first.step *= factor;
            }
            if first.measure == Measure::Count {
                first.measure = second.measure;
            }
            first.scaled = second.scaled;
        }
    }
}

/// By what the digits of a quantity are multiplied to give its value.
fn scale_of(text: &str, quantity: &Quantity) -> Option<f64> {
    let digits = quantity.number.of(text);
    let numeral = numerals::number_at(digits, &digits.to_ascii_lowercase(), 0)?;
    (numeral.value != 0.0).then(|| (quantity.value / numeral.value).abs())
}

/// Whether the character may be part of a word that a number belongs to.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() && !is_han(character) || character == '_'
}

#[cfg(test)]
mod tests;
