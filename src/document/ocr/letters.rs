//! What letters look like: how high and how broad the ink of a word stands for its characters, in ordinary print.

use super::super::words::is_wide;

/// Heights of ink as shares of the font size, of ordinary print.
pub(super) const CAPITAL: f32 = 0.70;
const SMALL: f32 = 0.48;
const DESCENDER: f32 = 0.21;
const COMMA: f32 = 0.13;
const HAN: f32 = 0.90;
/// How far the ink of Han characters reaches below the baseline.
const HAN_DEPTH: f32 = 0.08;

/// How broad a character is against the others of its word.
pub(super) fn breadth(c: char) -> f32 {
    match c {
        _ if is_wide(c) => 2.0,
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '!' | '|' | '(' | ')' | '[' | ']' => 0.55,
        'f' | 'r' | 't' | '-' => 0.7,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 1.5,
        _ if c.is_uppercase() => 1.25,
        _ => 1.0,
    }
}

/// What the letters of a word say of its ink.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Shape {
    han: bool,
    tall: bool,
    small: bool,
    descends: bool,
    comma: bool,
    /// Characters whose ink says nothing: raised, flat, or of unknown height.
    odd: bool,
}

impl Shape {
    /// The shape of a word.
    pub(super) fn of(text: &str) -> Self {
        let mut shape = Self::default();
        for c in text.chars() {
            match c {
                '一' | '二' | '丶' | '、' | '。' | '，' | '．' | '－' | '…' => shape.odd = true,
                _ if is_wide(c) => shape.han = true,
                'g' | 'p' | 'q' | 'y' | 'j' => (shape.small, shape.descends) = (true, true),
                'a' | 'c' | 'e' | 'm' | 'n' | 'o' | 'r' | 's' | 'u' | 'v' | 'w' | 'x' | 'z' => shape.small = true,
                '(' | ')' | '[' | ']' | '{' | '}' | '$' | '/' | '|' | '@' => (shape.tall, shape.descends) = (true, true),
                ',' | ';' => shape.comma = true,
                '.' | ':' => {}
                _ if c.is_alphanumeric() => shape.tall = true,
                '%' | '&' | '!' | '?' => shape.tall = true,
                _ => shape.odd = true,
            }
        }
        shape
    }

    /// How far Latin ink reaches below the baseline.
    const fn foot(&self) -> f32 {
        match self {
            Self { descends: true, .. } => DESCENDER,
            Self { comma: true, .. } => COMMA,
            _ => 0.0,
        }
    }

    /// The height of the ink as a share of the font size, where it can be told.
    pub(super) fn height(&self) -> Option<f32> {
        let above = match self {
            Self { han: true, .. } => return Some(HAN),
            Self { tall: true, .. } => CAPITAL,
            Self { small: true, .. } => SMALL,
            _ => return None,
        };
        (!self.odd).then_some(above + self.foot())
    }

    /// How far the ink reaches below the baseline, as a share of the font size, where it can be told.
    pub(super) fn depth(&self) -> Option<f32> {
        match self {
            Self { han: true, .. } => Some(HAN_DEPTH),
            Self { tall: false, small: false, .. } | Self { odd: true, .. } => None,
            _ => Some(self.foot()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn letters_tell_the_height_of_their_ink() {
        for (text, height, depth) in [
            ("Board", Some(CAPITAL), Some(0.0)),
            ("secure", Some(SMALL), Some(0.0)),
            ("pages", Some(SMALL + DESCENDER), Some(DESCENDER)),
            ("1,234", Some(CAPITAL + COMMA), Some(COMMA)),
            ("資產", Some(HAN), Some(HAN_DEPTH)),
            ("一", None, None),
            ("—", None, None),
            ("...", None, None),
        ] {
            let shape = Shape::of(text);
            assert_eq!((shape.height(), shape.depth()), (height, depth), "{text}");
        }
    }
}
