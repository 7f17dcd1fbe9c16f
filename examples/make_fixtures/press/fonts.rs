//! The fonts of the fixtures and the codes of their characters. None is embedded: the Latin ones are standard, the Chinese one
//! is named with a predefined CMap, as Taiwan's filings do.

use super::metrics;

/// A font of a fixture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Font {
    Times,
    TimesItalic,
    HelveticaBold,
    /// MingLiU with UniCNS-UTF16-H: two bytes per character of the Basic Multilingual Plane.
    Ming,
    /// The same with UniCNS-UCS2-H, an older CMap.
    MingUcs2,
}

impl Font {
    /// Its name in the resources of a page.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Times => "F1",
            Self::TimesItalic => "F2",
            Self::HelveticaBold => "F3",
            Self::Ming => "C1",
            Self::MingUcs2 => "C2",
        }
    }

    /// `/BaseFont`.
    pub fn base_font(self) -> &'static str {
        match self {
            Self::Times => "Times-Roman",
            Self::TimesItalic => "Times-Italic",
            Self::HelveticaBold => "Helvetica-Bold",
            Self::Ming | Self::MingUcs2 => "MingLiU",
        }
    }

    /// The predefined CMap of a Chinese font; none for a Latin one.
    pub fn cmap(self) -> Option<&'static str> {
        match self {
            Self::Ming => Some("UniCNS-UTF16-H"),
            Self::MingUcs2 => Some("UniCNS-UCS2-H"),
            _ => None,
        }
    }

    /// Advance widths of the codes 32 to 255 of a Latin font.
    pub fn widths(self) -> Option<&'static [u16; 224]> {
        match self {
            Self::Times => Some(&metrics::TIMES),
            Self::TimesItalic => Some(&metrics::TIMES_ITALIC),
            Self::HelveticaBold => Some(&metrics::HELVETICA_BOLD),
            Self::Ming | Self::MingUcs2 => None,
        }
    }

    /// The width of a character in thousandths of the font size.
    pub fn advance(self, character: char) -> f32 {
        match self.widths() {
            Some(widths) => f32::from(widths[usize::from(win_ansi(character)) - 32]),
            None if character.is_ascii() => 500.0,
            None => 1000.0,
        }
    }

    /// The width of a text at a size, in points.
    pub fn measure(self, text: &str, size: f32) -> f32 {
        text.chars().map(|character| self.advance(character)).sum::<f32>() * size / 1000.0
    }

    /// The text as a hexadecimal string operand without its angle brackets.
    pub fn encode(self, text: &str) -> String {
        match self.widths() {
            Some(_) => text.chars().map(|character| format!("{:02X}", win_ansi(character))).collect(),
            None => text.encode_utf16().map(|unit| format!("{unit:04X}")).collect(),
        }
    }

    /// Whether the font has the character.
    pub fn covers(self, character: char) -> bool {
        self.widths().is_none() || character.is_ascii()
    }
}

/// The code of a character in WinAnsiEncoding.
fn win_ansi(character: char) -> u8 {
    match character {
        ' '..='~' | '\u{a0}'..='\u{ff}' => character as u8,
        '€' => 0x80,
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        other => panic!("the Latin fonts of the fixtures lack {other:?}"),
    }
}
