//! Private-use characters of symbol fonts. Word processors write what they show in a symbol font as U+F000 plus its code in the
//! font's own encoding: `≥` of Symbol is U+F0B3, the tick of Wingdings U+F0FC.

use super::Text;

/// The encodings that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SymbolFont {
    /// Adobe Symbol: Greek and mathematics.
    Symbol,
    /// Any other: only what most of them show alike, bullets, ticks and arrows of Wingdings.
    Other,
}

impl SymbolFont {
    /// By the name of the font, with or without the prefix of a subset (`ABCDEF+SymbolMT`).
    pub(super) fn of_name(name: &str) -> Self {
        let base = name.split_once('+').map_or(name, |(_, base)| base);
        if matches!(base.split([',', '-']).next(), Some("Symbol" | "SymbolMT" | "SymbolPS")) { Self::Symbol } else { Self::Other }
    }

    /// The text with its private-use characters as what they show; those that are not known stay as they are.
    pub(super) fn shown(self, text: Text) -> Text {
        match text {
            Text::One(c) => Text::One(self.character(c)),
            Text::Many(s) if s.chars().any(is_symbol) => {
                Text::from_string(&s.chars().map(|c| self.character(c)).collect::<String>())
            }
            other => other,
        }
    }

    fn character(self, c: char) -> char {
        if !is_symbol(c) {
            return c;
        }
        let code = u32::from(c) - 0xf000;
        let known = match self {
            Self::Symbol => symbol(code),
            Self::Other => match code {
                0x20 => Some(' '),
                0x6c | 0x9f | 0xb7 => Some('•'),
                0x6e | 0xa7 => Some('▪'),
                0xa8 => Some('☐'),
                0xd8 => Some('➢'),
                0xe0 => Some('→'),
                0xfc => Some('✓'),
                0xfe => Some('☑'),
                _ => None,
            },
        };
        known.unwrap_or(c)
    }
}

const fn is_symbol(c: char) -> bool {
    matches!(c, '\u{f020}'..='\u{f0ff}')
}

/// The character of a code in the Symbol encoding (PDF 32000-1, annex D.5, by the characters of the Adobe Glyph List; the parts of
/// large brackets by those that Unicode has).
fn symbol(code: u32) -> Option<char> {
    const LOW: &str = " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼";
    const HIGH: &str = "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭";
    let at = |table: &str, first: u32| table.chars().nth((code - first) as usize);
    match code {
        0x20..=0x7e => at(LOW, 0x20),
        // Code 0xf0 shows nothing.
        0xa0..=0xfe if code != 0xf0 => at(HIGH, 0xa0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_a_character_for_each_code() {
        for (code, character) in [(0x20, ' '), (0x41, 'Α'), (0x5a, 'Ζ'), (0x61, 'α'), (0x7a, 'ζ'), (0x7e, '∼'), (0xa0, '€')]
        {
            assert_eq!(symbol(code), Some(character), "{code:x}");
        }
        for (code, character) in [(0xa3, '≤'), (0xb1, '±'), (0xb3, '≥'), (0xb4, '×'), (0xc4, '⊗'), (0xd7, '⋅'), (0xe5, '∑')]
        {
            assert_eq!(symbol(code), Some(character), "{code:x}");
        }
        assert_eq!((symbol(0xf2), symbol(0xfe), symbol(0x7f), symbol(0xff)), (Some('∫'), Some('⎭'), None, None));
        assert_eq!((symbol(0xf0), symbol(0xf1)), (None, Some('〉')));
    }

    #[test]
    fn a_code_means_what_its_font_shows() {
        let shown = |name, c| SymbolFont::of_name(name).shown(Text::One(c));
        assert_eq!(shown("SymbolMT", '\u{f0b3}'), Text::One('≥'));
        assert_eq!(shown("ABCDEF+Symbol", '\u{f0fc}'), Text::One('⎫'));
        assert_eq!(shown("Symbol,Bold", '\u{f0b7}'), Text::One('•'));
        assert_eq!(shown("Wingdings-Regular", '\u{f0fc}'), Text::One('✓'));
        assert_eq!(shown("Wingdings-Regular", '\u{f041}'), Text::One('\u{f041}'));
        assert_eq!(shown("Times", 'x'), Text::One('x'));
    }
}
