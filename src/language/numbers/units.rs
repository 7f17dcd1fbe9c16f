//! What stands around a numeral: sign, currency, scale, unit.

use super::super::script::is_han;
use super::{Measure, is_word};

/// A currency by ISO 4217 code, or a sign that several currencies share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(&'static str);

impl Currency {
    /// `$` or `dollars` of no stated country.
    pub const DOLLAR: Self = Self("$");
    /// 元 of no stated country.
    pub const YUAN: Self = Self("元");

    /// The ISO 4217 code, `$` or `元`.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// Whether amounts in these currencies may be the same amount.
    pub fn is_compatible(self, other: Self) -> bool {
        let fits = |open: Self, stated: Self| match open {
            Self::DOLLAR => matches!(stated.0, "USD" | "TWD" | "HKD" | "SGD" | "AUD" | "CAD" | "NZD" | "元"),
            Self::YUAN => matches!(stated.0, "TWD" | "CNY" | "HKD" | "USD" | "$"),
            _ => false,
        };
        self == other || fits(self, other) || fits(other, self)
    }

    /// The one of two that says more: 新臺幣 … 元 is TWD.
    pub(super) fn narrower(self, other: Self) -> Self {
        if matches!(self, Self::DOLLAR | Self::YUAN) { other } else { self }
    }
}

/// Signs, codes and names before an amount, in ASCII lower case, longer before shorter.
const PREFIX_CURRENCIES: &[(&str, &str)] = &[
    ("新臺幣", "TWD"),
    ("新台幣", "TWD"),
    ("新台币", "TWD"),
    ("臺幣", "TWD"),
    ("台幣", "TWD"),
    ("人民幣", "CNY"),
    ("人民币", "CNY"),
    ("美元", "USD"),
    ("美金", "USD"),
    ("港幣", "HKD"),
    ("港币", "HKD"),
    ("港元", "HKD"),
    ("歐元", "EUR"),
    ("欧元", "EUR"),
    ("日圓", "JPY"),
    ("日元", "JPY"),
    ("英鎊", "GBP"),
    ("nt$", "TWD"),
    ("us$", "USD"),
    ("hk$", "HKD"),
    ("nz$", "NZD"),
    ("ntd", "TWD"),
    ("twd", "TWD"),
    ("usd", "USD"),
    ("hkd", "HKD"),
    ("rmb", "CNY"),
    ("cny", "CNY"),
    ("eur", "EUR"),
    ("gbp", "GBP"),
    ("jpy", "JPY"),
    ("chf", "CHF"),
    ("aud", "AUD"),
    ("cad", "CAD"),
    ("sgd", "SGD"),
    ("inr", "INR"),
    ("krw", "KRW"),
    ("a$", "AUD"),
    ("c$", "CAD"),
    ("s$", "SGD"),
    ("r$", "BRL"),
    ("rs.", "INR"),
    ("rs", "INR"),
    ("$", "$"),
    ("＄", "$"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY"),
    ("￥", "CNY"),
    ("₩", "KRW"),
    ("₹", "INR"),
];

/// Names after an amount, longer before shorter.
const SUFFIX_CURRENCIES: &[(&str, &str)] = &[
    ("元新臺幣", "TWD"),
    ("元新台幣", "TWD"),
    ("新臺幣", "TWD"),
    ("新台幣", "TWD"),
    ("元人民幣", "CNY"),
    ("元人民币", "CNY"),
    ("人民幣", "CNY"),
    ("美元", "USD"),
    ("美金", "USD"),
    ("港元", "HKD"),
    ("港幣", "HKD"),
    ("港币", "HKD"),
    ("歐元", "EUR"),
    ("欧元", "EUR"),
    ("日圓", "JPY"),
    ("日元", "JPY"),
    ("英鎊", "GBP"),
    ("英镑", "GBP"),
    ("韓元", "KRW"),
    ("澳元", "AUD"),
    ("加元", "CAD"),
    ("元", "元"),
    ("u.s. dollars", "USD"),
    ("us dollars", "USD"),
    ("new taiwan dollars", "TWD"),
    ("hong kong dollars", "HKD"),
    ("canadian dollars", "CAD"),
    ("australian dollars", "AUD"),
    ("dollars", "$"),
    ("dollar", "$"),
    ("euros", "EUR"),
    ("euro", "EUR"),
    ("yen", "JPY"),
    ("yuan", "CNY"),
    ("renminbi", "CNY"),
    ("pounds", "GBP"),
    ("usd", "USD"),
    ("ntd", "TWD"),
    ("twd", "TWD"),
    ("hkd", "HKD"),
    ("rmb", "CNY"),
    ("eur", "EUR"),
    ("gbp", "GBP"),
    ("jpy", "JPY"),
    ("cny", "CNY"),
];

/// Scale words. Han ones need no word border.
const SCALES: &[(&str, f64)] = &[
    ("hundred", 1e2),
    ("thousands", 1e3),
    ("thousand", 1e3),
    ("millions", 1e6),
    ("million", 1e6),
    ("billions", 1e9),
    ("billion", 1e9),
    ("trillions", 1e12),
    ("trillion", 1e12),
    ("mln", 1e6),
    ("bln", 1e9),
    ("mn", 1e6),
    ("mm", 1e6),
    ("bn", 1e9),
    ("tn", 1e12),
    ("mil", 1e6),
    ("十", 1e1),
    ("百", 1e2),
    ("佰", 1e2),
    ("千", 1e3),
    ("仟", 1e3),
    ("萬", 1e4),
    ("万", 1e4),
    ("億", 1e8),
    ("亿", 1e8),
    ("兆", 1e12),
];

/// Scales written onto the digits: `$5m`, `3.2bn`, `25k`.
const ATTACHED_SCALES: &[(&str, f64)] = &[
    ("k", 1e3),
    ("m", 1e6),
    ("mm", 1e6),
    ("mn", 1e6),
    ("mln", 1e6),
    ("b", 1e9),
    ("bn", 1e9),
    ("bln", 1e9),
    ("t", 1e12),
    ("tn", 1e12),
];

/// Units with what one of them is worth in the measure, longer before shorter.
const MEASURES: &[(&str, Measure, f64)] = &[
    ("percentage points", Measure::Points, 1.0),
    ("percentage-points", Measure::Points, 1.0),
    ("percentage point", Measure::Points, 1.0),
    ("percentage-point", Measure::Points, 1.0),
    ("percent points", Measure::Points, 1.0),
    ("basis points", Measure::Points, 0.01),
    ("basis-points", Measure::Points, 0.01),
    ("basis point", Measure::Points, 0.01),
    ("basis-point", Measure::Points, 0.01),
    ("bps", Measure::Points, 0.01),
    ("bp", Measure::Points, 0.01),
    ("ppts", Measure::Points, 1.0),
    ("ppt", Measure::Points, 1.0),
    ("pps", Measure::Points, 1.0),
    ("pp", Measure::Points, 1.0),
    ("percent", Measure::Percent, 1.0),
    ("per cent", Measure::Percent, 1.0),
    ("pct", Measure::Percent, 1.0),
    ("per mille", Measure::Percent, 0.1),
    ("times", Measure::Multiple, 1.0),
    ("fold", Measure::Multiple, 1.0),
    ("個百分點", Measure::Points, 1.0),
    ("个百分点", Measure::Points, 1.0),
    ("百分點", Measure::Points, 1.0),
    ("百分点", Measure::Points, 1.0),
    ("個基點", Measure::Points, 0.01),
    ("个基点", Measure::Points, 0.01),
    ("個基本點", Measure::Points, 0.01),
    ("基本點", Measure::Points, 0.01),
    ("基點", Measure::Points, 0.01),
    ("基点", Measure::Points, 0.01),
    ("碼", Measure::Points, 0.25),
    ("码", Measure::Points, 0.25),
    ("倍", Measure::Multiple, 1.0),
    ("%", Measure::Percent, 1.0),
    ("％", Measure::Percent, 1.0),
    ("﹪", Measure::Percent, 1.0),
    ("‰", Measure::Percent, 0.1),
    ("cents", Measure::Money(Currency::DOLLAR), 0.01),
];

/// What a Chinese count counts.
const CLASSIFIERS: &str = "個个家人名位項项件筆笔次場场檔档種种類类類間间處处座台臺輛股口戶户張张份份支只隻條条款章號号日月年季週周天小時歲岁級级期層层頁页篇例公噸顆顆顆點点名員員所棟輪步";

/// Headings of tables that scale the numbers below them.
pub(super) const DECLARED_SCALES: &[(&str, f64)] = &[
    ("in thousands", 1e3),
    ("in 000s", 1e3),
    ("$000", 1e3),
    ("thousands of", 1e3),
    ("in millions", 1e6),
    ("millions of", 1e6),
    ("($ millions)", 1e6),
    ("$ million", 1e6),
    ("in billions", 1e9),
    ("billions of", 1e9),
    ("千元", 1e3),
    ("仟元", 1e3),
    ("百萬元", 1e6),
    ("百万元", 1e6),
    ("佰萬元", 1e6),
    ("億元", 1e8),
    ("亿元", 1e8),
    ("萬元", 1e4),
];

/// What stands before a numeral.
pub(super) struct Prefix {
    /// Where the expression starts.
    pub(super) start: usize,
    pub(super) currency: Option<Currency>,
    pub(super) negative: bool,
    /// 百分之.
    pub(super) percent: bool,
    /// 第.
    pub(super) ordinal: bool,
}

/// What stands after a numeral.
#[derive(Clone, Debug)]
pub(super) struct Suffix {
    /// Where the expression ends.
    pub(super) end: usize,
    pub(super) scale: Option<f64>,
    pub(super) is_chinese_scale: bool,
    pub(super) measure: Option<Measure>,
    /// What one of the unit is worth in the measure.
    pub(super) factor: f64,
    /// A Chinese classifier follows.
    pub(super) counts: bool,
    /// The digits belong to a name: `10-K`, `5G`, `1990s`.
    pub(super) is_identifier: bool,
}

/// Whether a word is a currency code that digits may follow directly: `USD5`.
pub(super) fn is_currency_prefix(word: &str) -> bool {
    let is_letter_code = |known: &str| known.bytes().all(|byte| byte.is_ascii_lowercase());
    PREFIX_CURRENCIES.iter().any(|(known, _)| is_letter_code(known) && word.eq_ignore_ascii_case(known))
}

/// Reads back from `start`, not before `floor`.
pub(super) fn prefix(text: &str, lower: &str, start: usize, floor: usize) -> Prefix {
    let mut prefix = Prefix { start, currency: None, negative: false, percent: false, ordinal: false };
    let before = |end: usize| &lower[floor.min(end)..end];
    let trimmed = |end: usize| floor.min(end) + before(end).trim_end_matches([' ', '\u{A0}']).len();
    if before(trimmed(start)).ends_with("百分之") {
        prefix.percent = true;
        prefix.start = trimmed(start) - "百分之".len();
    } else if before(start).ends_with('第') {
        prefix.ordinal = true;
        prefix.start = start - '第'.len_utf8();
    }
    let floored = floor.min(prefix.start);
    read_sign(&mut prefix, lower, floored);
    let end = trimmed(prefix.start);
    for (name, code) in PREFIX_CURRENCIES {
        let Some(rest) = before(end).strip_suffix(name) else { continue };
        let starts_with_letter = name.starts_with(|character: char| character.is_ascii_alphabetic());
        if starts_with_letter && rest.chars().next_back().is_some_and(is_word) {
            continue;
        }
        prefix.currency = Some(Currency(code));
        prefix.start = end - name.len();
        let floored = floor.min(prefix.start);
        read_sign(&mut prefix, lower, floored);
        break;
    }
    debug_assert!(text.is_char_boundary(prefix.start));
    prefix
}

fn read_sign(prefix: &mut Prefix, lower: &str, floor: usize) {
    let before = &lower[..prefix.start];
    for sign in ["-", "−", "－", "–", "負", "负", "minus ", "negative ", "+", "+ ", "＋"] {
        let Some(rest) = before.strip_suffix(sign).filter(|rest| rest.len() >= floor) else { continue };
        let previous = rest.chars().next_back();
        // Between words and numbers the dash joins; alone before a number it is a sign.
        let is_sign = match sign {
            "-" | "−" | "－" | "–" => previous.is_none_or(|character| {
                character.is_whitespace() || matches!(character, '(' | '（' | '|' | '$' | '：' | ':' | '為')
            }),
            _ => !previous.is_some_and(is_word) || !sign.ends_with(' '),
        };
        if is_sign {
            prefix.negative = !sign.starts_with(['+', '＋']);
            prefix.start -= sign.len();
        }
        return;
    }
}

/// Reads on from `end`. `may_abbreviate`: a currency or decimals make `5m` an amount rather than a name.
pub(super) fn suffix(text: &str, lower: &str, end: usize, may_abbreviate: bool) -> Suffix {
    let mut suffix =
        Suffix { end, scale: None, is_chinese_scale: false, measure: None, factor: 1.0, counts: false, is_identifier: false };
    let rest = &lower[end..];
    let attached = &rest[..rest.find(|character: char| !is_word(character)).unwrap_or(rest.len())];
    if !attached.is_empty() {
        read_attached(&mut suffix, text, attached, may_abbreviate);
        if suffix.is_identifier || suffix.measure.is_some() {
            return suffix;
        }
    } else if let Some(tail) = rest.strip_prefix('-')
        && tail.starts_with(|character: char| character.is_ascii_alphabetic())
    {
        let word = &tail[..tail.find(|character: char| !is_word(character)).unwrap_or(tail.len())];
        let is_unit = SCALES.iter().any(|(known, _)| *known == word && word.len() > 2)
            || matches!(word, "percent" | "percentage" | "basis" | "bp" | "fold");
        if !is_unit {
            suffix.is_identifier = text[end + 1..].starts_with(|character: char| character.is_ascii_uppercase());
            return suffix;
        }
        suffix.end += 1;
    }
    // Scales, also several: 百萬, 千億, hundred million.
    loop {
        let at = skip_spaces(lower, suffix.end);
        let Some((name, scale)) = SCALES.iter().find(|(name, _)| starts_with_unit(&lower[at..], name)) else { break };
        let is_chinese = !name.is_ascii();
        // 十 and 百 after digits are part of the number; before 分 they are percent points.
        if is_chinese
            && (lower[at..].starts_with("百分")
                || lower[at..].starts_with("千分")
                || matches!(*name, "十" | "百" | "佰") && suffix.end != at)
        {
            break;
        }
        suffix.scale = Some(suffix.scale.unwrap_or(1.0) * scale);
        suffix.is_chinese_scale = is_chinese;
        suffix.end = at + name.len();
    }
    let at = skip_spaces(lower, suffix.end);
    let hyphen = usize::from(
        lower[at..].starts_with('-') && lower[at + 1..].starts_with(|character: char| character.is_ascii_alphabetic()),
    );
    let after = &lower[at + hyphen..];
    if let Some((name, measure, factor)) = MEASURES.iter().find(|(name, ..)| starts_with_unit(after, name)) {
        suffix.measure = Some(*measure);
        suffix.factor = *factor;
        suffix.end = at + hyphen + name.len();
        return suffix;
    }
    // 三成 is 30%; 成 before most other characters is part of a word (成長, 成本).
    if let Some(tail) = after.strip_prefix('成')
        && tail.chars().next().is_none_or(|next| !is_han(next) || "以的左多五，。、".contains(next))
    {
        suffix.measure = Some(Measure::Percent);
        suffix.factor = 10.0;
        suffix.end = at + '成'.len_utf8();
        return suffix;
    }
    for particle in ["", "多", "餘", "余"] {
        let Some(after) = after.strip_prefix(particle) else { continue };
        if let Some((name, code)) = SUFFIX_CURRENCIES.iter().find(|(name, _)| starts_with_unit(after, name)) {
            suffix.measure = Some(Measure::Money(Currency(code)));
            suffix.end = at + hyphen + particle.len() + name.len();
            return suffix;
        }
    }
    suffix.counts = after.chars().next().is_some_and(|next| CLASSIFIERS.contains(next));
    suffix
}

fn read_attached(suffix: &mut Suffix, text: &str, attached: &str, may_abbreviate: bool) {
    let end = suffix.end + attached.len();
    if let Some((name, scale)) = ATTACHED_SCALES.iter().find(|(name, _)| *name == attached) {
        let is_capital = text[suffix.end..].starts_with(|character: char| character.is_ascii_uppercase());
        if name.len() > 1 || may_abbreviate || !is_capital && *name != "t" {
            suffix.scale = Some(*scale);
            suffix.end = end;
        } else {
            suffix.is_identifier = true;
        }
        return;
    }
    match attached {
        "x" => (suffix.measure, suffix.end) = (Some(Measure::Multiple), end),
        "st" | "nd" | "rd" | "th" => (suffix.measure, suffix.end) = (Some(Measure::Ordinal), end),
        _ => {
            if let Some((_, measure, factor)) = MEASURES.iter().find(|(name, ..)| *name == attached) {
                (suffix.measure, suffix.factor, suffix.end) = (Some(*measure), *factor, end);
            } else if let Some((_, scale)) = SCALES.iter().find(|(name, _)| *name == attached) {
                (suffix.scale, suffix.end) = (Some(*scale), end);
            } else {
                suffix.is_identifier = true;
                suffix.end = end;
            }
        }
    }
}

fn skip_spaces(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let spaces = rest.len() - rest.trim_start_matches([' ', '\u{A0}']).len();
    if spaces <= 3 { at + spaces } else { at }
}

/// Whether `rest` starts with the unit, as a whole word where it is Latin.
fn starts_with_unit(rest: &str, unit: &str) -> bool {
    rest.strip_prefix(unit)
        .is_some_and(|tail| !unit.ends_with(|character: char| character.is_ascii_alphabetic()) || !tail.starts_with(is_word))
}
