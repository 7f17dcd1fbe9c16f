//! A sentence as the checks see it: words, Chinese characters and phrases, figures and dates, each with a key by which it is matched.
//!
//! A figure or a date is one token whose key is its value, so that `25 basis points` and `0.25 percentage point`, 113年 and 2024 are the
//! same token when texts are aligned. Words with the same meaning share a key as the lexicon says.

use crate::language::Span;
use crate::language::dates::{self, Mention};
use crate::language::normalise;
use crate::language::numbers::{self, Measure, Quantity};
use crate::language::script::{is_han, simplified};

use super::lexicon::{self, Class, Entry, LEXICON};

/// A token of a sentence.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Where it stands in the sentence.
    pub(super) span: Span,
    /// Equal keys match.
    pub(super) key: u64,
    pub(super) kind: TokenKind,
    /// What the lexicon says about it.
    pub(super) class: Option<Class>,
    /// How much of what the sentence is about it carries, before rarity: 0 for negations, little for function words, 1 for content.
    pub(super) weight: f32,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A word; `capital` where it is written with a capital inside a sentence that is not all capitals.
    Word { capital: bool },
    /// A Chinese character or phrase.
    Han,
    /// A figure: the index among [`Analysis::figures`].
    Figure(u16),
    /// A date: the index among [`Analysis::dates`].
    Date(u16),
    /// A word that negates.
    Negation,
}

/// A sentence with its tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct Analysis {
    pub(super) tokens: Vec<Token>,
    pub(super) figures: Vec<Quantity>,
    pub(super) dates: Vec<Mention>,
    /// Whether most of the letters are Han.
    pub(super) is_chinese: bool,
}

/// Analyses a sentence.
pub(super) fn analyse(text: &str) -> Analysis {
    let mut analysis = Analysis { dates: dates::dates(text), figures: numbers::quantities(text), ..Analysis::default() };
    let dates = &analysis.dates;
    analysis.figures.retain(|figure| !dates.iter().any(|date| date.span.overlap(figure.span) > 0));
    let mut expressions: Vec<(Span, Token)> = Vec::new();
    for (index, figure) in analysis.figures.iter().enumerate() {
        let token =
            Token { span: figure.span, key: figure_key(figure), kind: TokenKind::Figure(index as u16), class: None, weight: 1.5 };
        expressions.push((figure.span, token));
    }
    for (index, date) in analysis.dates.iter().enumerate() {
        let token = Token {
            span: date.span,
            key: hash(b'd', date.period.to_string().as_bytes()),
            kind: TokenKind::Date(index as u16),
            class: None,
            weight: 1.2,
        };
        expressions.push((date.span, token));
    }
    expressions.sort_by_key(|(span, _)| span.start);
    let mut at = 0;
    for (span, token) in expressions {
        words(text, at, span.start as usize, &mut analysis.tokens);
        analysis.tokens.push(token);
        at = at.max(span.end as usize);
    }
    words(text, at, text.len(), &mut analysis.tokens);
    let han = analysis.tokens.iter().filter(|token| token.kind == TokenKind::Han).count();
    analysis.is_chinese = han * 2 > analysis.tokens.len();
    mark_capitals(text, &mut analysis.tokens);
    analysis
}

fn hash(tag: u8, bytes: &[u8]) -> u64 {
    // FNV-1a: fast on short keys and the same on every machine.
    std::iter::once(&tag)
        .chain(bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn figure_key(figure: &Quantity) -> u64 {
    let measure = match figure.measure {
        Measure::Percent => 'p',
        Measure::Points => 'b',
        Measure::Ordinal => 'o',
        // A bare number, an amount and a multiple match by value; the figure check looks at currencies.
        Measure::Count | Measure::Money(_) | Measure::Multiple => 'n',
    };
    hash(b'n', format!("{measure}{:.8e}", figure.value.abs()).as_bytes())
}

/// Tokens of the text between figures.
fn words(text: &str, from: usize, to: usize, tokens: &mut Vec<Token>) {
    let Some(part) = text.get(from..to) else { return };
    let mut at = 0;
    while let Some(first) = part[at..].chars().next() {
        if is_han(first) {
            at += han(part, at, from, tokens);
        } else if first.is_alphanumeric() {
            let length = part[at..]
                .find(|character: char| {
                    is_han(character) || !(character.is_alphanumeric() || matches!(character, '\'' | '’' | '&'))
                })
                .unwrap_or(part.len() - at);
            let word = part[at..at + length].trim_end_matches(['\'', '’', '&']);
            let length = word.len().max(first.len_utf8());
            word_token(&part[at..at + length], from + at, tokens);
            at += length;
        } else {
            at += first.len_utf8();
        }
    }
}

fn word_token(word: &str, start: usize, tokens: &mut Vec<Token>) {
    let span = Span::new(start..start + word.len());
    let capital = word.starts_with(char::is_uppercase);
    let lower = if word.is_ascii() { word.to_ascii_lowercase() } else { normalise::fold(word) };
    let negation = |span| Token { span, key: hash(b'!', b"not"), kind: TokenKind::Negation, class: None, weight: 0.0 };
    // `isn't`, `won't`, `cannot`.
    let contracted =
        lower.strip_suffix("n't").or_else(|| lower.strip_suffix("n’t")).or(if lower == "cannot" { Some("can") } else { None });
    if let Some(verb) = contracted {
        let verb = match verb {
            "wo" => "will",
            "ca" => "can",
            "sha" => "shall",
            other => other,
        };
        push_word(verb, span, false, tokens);
        tokens.push(negation(span));
        return;
    }
    if lexicon::is_negation(&lower) {
        tokens.push(negation(span));
        // `none` and `never` also say how many and how often.
        if let Some(class) = LEXICON.english(&lower) {
            tokens.push(Token {
                span,
                key: class_key(class),
                kind: TokenKind::Word { capital: false },
                class: Some(class),
                weight: 0.0,
            });
        }
        return;
    }
    let trimmed = lower.strip_suffix("'s").or_else(|| lower.strip_suffix("’s")).unwrap_or(&lower);
    push_word(trimmed, span, capital, tokens);
}

fn class_key(class: Class) -> u64 {
    hash(b'c', &[class.group as u8, (class.group >> 8) as u8, class.side])
}

fn push_word(lower: &str, span: Span, capital: bool, tokens: &mut Vec<Token>) {
    let class = LEXICON.english(lower);
    let key = class.map_or_else(|| hash(b'w', lexicon::stem(lower).as_bytes()), class_key);
    let weight = if lexicon::is_stopword(lower) { 0.1 } else { 1.0 };
    tokens.push(Token { span, key, kind: TokenKind::Word { capital }, class, weight });
}

/// The token of the Chinese phrase or character at `at`; returns its length in bytes.
fn han(part: &str, at: usize, base: usize, tokens: &mut Vec<Token>) -> usize {
    let mut buffer = ['\0'; 8];
    let mut count = 0;
    for (slot, character) in buffer.iter_mut().zip(part[at..].chars()) {
        if !is_han(character) {
            break;
        }
        *slot = simplified(character);
        count += 1;
    }
    let characters = &buffer[..count];
    let bytes = |characters: usize| part[at..].chars().take(characters).map(char::len_utf8).sum::<usize>();
    let (length, entry) = LEXICON.chinese(characters).map_or((1, None), |(length, entry)| (length, Some(entry)));
    let size = bytes(length);
    let span = Span::new(base + at..base + at + size);
    let mut encoded = String::new();
    encoded.extend(&characters[..length]);
    let token = match entry {
        Some(Entry::Class(class)) => Token { span, key: class_key(class), kind: TokenKind::Han, class: Some(class), weight: 1.0 },
        Some(Entry::Negation) => Token { span, key: hash(b'!', b"not"), kind: TokenKind::Negation, class: None, weight: 0.0 },
        Some(Entry::Plain) | None => {
            let is_function = length == 1 && characters.first().is_some_and(|character| lexicon::is_chinese_stopword(*character));
            Token {
                span,
                key: hash(b'h', encoded.as_bytes()),
                kind: TokenKind::Han,
                class: None,
                weight: if is_function { 0.1 } else { 0.6 },
            }
        }
    };
    tokens.push(token);
    // `不同意` negates 同意, which keeps its class.
    if let Some(Entry::Negation) = entry
        && let Some(inner) = negated_part(&characters[..length])
    {
        tokens.push(Token { span, key: class_key(inner), kind: TokenKind::Han, class: Some(inner), weight: 0.5 });
    }
    size
}

fn negated_part(phrase: &[char]) -> Option<Class> {
    match LEXICON.chinese(phrase.get(1..)?)? {
        (length, Entry::Class(class)) if length == phrase.len() - 1 => Some(class),
        _ => None,
    }
}

/// A capital says something only where it is neither the first word nor in a line of capitals.
fn mark_capitals(text: &str, tokens: &mut [Token]) {
    let mut words = 0_usize;
    let mut capitals = 0_usize;
    for token in tokens.iter() {
        if let TokenKind::Word { capital } = token.kind {
            words += 1;
            capitals += usize::from(capital);
        }
    }
    let is_title = words > 3 && capitals * 10 > words * 8;
    // `Zenith Bank held…`: two capitals at the start are a name too.
    let opens_with_name = matches!(tokens, [first, second, ..] if first.kind == TokenKind::Word { capital: true } && second.kind == TokenKind::Word { capital: true });
    for (index, token) in tokens.iter_mut().enumerate() {
        if let TokenKind::Word { capital } = &mut token.kind {
            let word = token.span.of(text);
            let is_acronym = word.chars().count() >= 2
                && word.chars().all(|character| character.is_uppercase() || character.is_numeric() || character == '&');
            let is_known_word = token.weight < 0.5 || token.class.is_some();
            *capital = *capital && !is_title && (is_acronym || index > 0 || opens_with_name) && !is_known_word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(first: &str, second: &str) -> bool {
        let keys = |text: &str| analyse(text).tokens.iter().map(|token| token.key).collect::<Vec<_>>();
        keys(first) == keys(second)
    }

    #[test]
    fn the_same_said_differently_has_the_same_keys() {
        assert!(matching("Sales rose by 25 basis points", "sales increased by 0.25 percentage points"));
        assert!(matching("淨利增加3億元", "淨利增長30,000萬元"));
        assert!(matching("淨利增加", "净利增加"));
        assert!(matching("113年第二季", "Q2 2024"));
        assert!(matching("it isn't", "it is not"));
        assert!(!matching("淨利增加", "淨利減少"));
        assert!(!matching("up 5%", "up 5 basis points"));
    }

    #[test]
    fn names_are_capitals_inside_sentences() {
        let analysis = analyse("The loan to Acme was sold to HSBC");
        let names: Vec<_> = analysis.tokens.iter().filter(|token| token.kind == TokenKind::Word { capital: true }).collect();
        assert_eq!(names.len(), 2);
    }
}
