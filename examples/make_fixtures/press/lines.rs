//! Breaking text into lines and writing a line as PDF operators.

use std::fmt::Write;

use super::fonts::Font;

/// What a text is set in.
#[derive(Clone, Copy)]
pub struct Face {
    /// For Latin characters.
    pub latin: Font,
    /// For everything that the Latin font lacks; for Latin characters too where `latin` is the same font.
    pub chinese: Option<Font>,
    pub size: f32,
}

/// A line that fits its measure.
pub struct Line {
    tokens: Vec<Token>,
    /// Whether the paragraph goes on after it (the last line is not justified).
    continues: bool,
}

/// A word, or one Chinese character with what may not be parted from it.
#[derive(Clone)]
struct Token {
    text: String,
    font: Font,
    space_before: bool,
    /// Whether a line may begin with it.
    may_start: bool,
}

/// Marks where a word may be parted at the end of a line; never printed.
const SOFT_HYPHEN: char = '~';
const NEVER_FIRST: &str = "，。、；：！？」』）〕》％,.;:!?)%";
const NEVER_LAST: &str = "「『（〔《(";

impl Face {
    /// The width of a text in points.
    pub fn measure(self, text: &str) -> f32 {
        text.chars().map(|character| self.font_of(character).measure(&character.to_string(), self.size)).sum()
    }

    /// The same face at another size.
    pub fn sized(self, size: f32) -> Self {
        Self { size, ..self }
    }

    fn font_of(self, character: char) -> Font {
        match self.chinese {
            Some(chinese) if !self.latin.covers(character) => chinese,
            _ => self.latin,
        }
    }
}

/// Breaks a text into lines of at most `measure` points.
pub fn break_lines(text: &str, face: Face, measure: f32) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line: Vec<Token> = Vec::new();
    let mut rest = std::collections::VecDeque::from(tokens(text, face));
    while let Some(token) = rest.pop_front() {
        let mut with = line.clone();
        with.push(token.clone());
        if width(&with, face.size) <= measure || line.is_empty() {
            line = with;
            continue;
        }
        if let Some((head, tail)) = part_word(&token, &line, face, measure) {
            line.push(head);
            rest.push_front(tail);
        } else {
            rest.push_front(token);
            // A closing mark takes the character before it along to the next line.
            while !rest[0].may_start && line.len() > 1 {
                rest.extend(line.pop().into_iter().collect::<Vec<_>>());
                rest.rotate_right(1);
            }
        }
        lines.push(Line { tokens: std::mem::take(&mut line), continues: true });
    }
    lines.push(Line { tokens: line, continues: false });
    lines
}

/// The operators that show a line at a place; justified to `measure` where one is given.
pub fn show(line: &Line, face: Face, x: f32, y: f32, measure: Option<f32>) -> String {
    let natural = width(&line.tokens, face.size);
    let gaps = line.tokens.iter().skip(1).filter(|token| is_gap(token)).count();
    let extra = match measure {
        Some(measure) if line.continues && gaps > 0 => (measure - natural) / gaps as f32,
        _ => 0.0,
    };
    let mut out = String::from("BT\n");
    let mut at = x;
    let mut tokens = line.tokens.iter().enumerate().peekable();
    while let Some((index, first)) = tokens.next() {
        if index > 0 && is_gap(first) {
            at += extra + space(first, face.size);
        }
        let mut group = vec![first];
        while let Some((_, next)) = tokens.next_if(|(_, next)| next.font == first.font) {
            group.push(next);
        }
        writeln!(out, "/{} {} Tf 1 0 0 1 {} {} Tm", first.font.resource(), number(face.size), number(at), number(y)).unwrap();
        at += show_group(&mut out, &group, face.size, extra);
    }
    out.push_str("ET\n");
    out
}

/// A number as PDF writes it: at most three decimals, no exponent.
pub fn number(value: f32) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Shows tokens of one font: Latin with word spacing, Chinese with an adjustment before each character. Returns the width.
fn show_group(out: &mut String, group: &[&Token], size: f32, extra: f32) -> f32 {
    let font = group[0].font;
    let mut advance = 0.0;
    if font.widths().is_some() {
        let mut text = String::new();
        for (index, token) in group.iter().enumerate() {
            if index > 0 && token.space_before {
                text.push(' ');
                advance += extra;
            }
            text.push_str(&printed(&token.text));
        }
        advance += font.measure(&text, size);
        writeln!(out, "{} Tw <{}> Tj", number(extra), font.encode(&text)).unwrap();
        return advance;
    }
    out.push('[');
    for (index, token) in group.iter().enumerate() {
        if index > 0 && is_gap(token) {
            let gap = extra + space(token, size);
            advance += gap;
            if gap != 0.0 {
                write!(out, " {} ", number(-gap * 1000.0 / size)).unwrap();
            }
        }
        write!(out, "<{}>", font.encode(&token.text)).unwrap();
        advance += font.measure(&token.text, size);
    }
    out.push_str("] TJ\n");
    advance
}

fn tokens(text: &str, face: Face) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut space_before = false;
    let mut previous_is_latin = false;
    let mut glue = false;
    for character in text.chars() {
        if character == ' ' {
            space_before = true;
            continue;
        }
        let font = face.font_of(character);
        let latin = character.is_ascii() || font.widths().is_some();
        match tokens.last_mut() {
            Some(last) if latin && previous_is_latin && !space_before && last.font == font => last.text.push(character),
            _ => {
                let may_start = !glue && (space_before || !NEVER_FIRST.contains(character));
                tokens.push(Token { text: character.to_string(), font, space_before, may_start });
            }
        }
        glue = NEVER_LAST.contains(character);
        previous_is_latin = latin;
        space_before = false;
    }
    tokens
}

/// Parts a word at a soft hyphen, so that its head still fits on the line.
fn part_word(token: &Token, line: &[Token], face: Face, measure: f32) -> Option<(Token, Token)> {
    let places = token.text.match_indices(SOFT_HYPHEN).map(|(at, _)| at).collect::<Vec<_>>();
    places.into_iter().rev().find_map(|at| {
        let head = Token { text: format!("{}-", &token.text[..at]), ..token.clone() };
        let tail = Token { text: token.text[at + 1..].to_owned(), space_before: true, ..token.clone() };
        let mut with = line.to_vec();
        with.push(head.clone());
        (width(&with, face.size) <= measure).then_some((head, tail))
    })
}

fn width(tokens: &[Token], size: f32) -> f32 {
    let texts: f32 = tokens.iter().map(|token| token.font.measure(&printed(&token.text), size)).sum();
    texts + tokens.iter().skip(1).map(|token| space(token, size)).sum::<f32>()
}

/// The width of the space before a token.
fn space(token: &Token, size: f32) -> f32 {
    if token.space_before { token.font.widths().map_or(250.0, |widths| f32::from(widths[0])) * size / 1000.0 } else { 0.0 }
}

/// Whether justification may widen the gap before a token.
fn is_gap(token: &Token) -> bool {
    token.space_before || token.font.widths().is_none()
}

fn printed(text: &str) -> String {
    text.replace(SOFT_HYPHEN, "")
}
