//! Showing text: codes to placed glyphs.

use hayro_syntax::object::{Array, Object, String as PdfString};

use super::Interpreter;
use super::state::State;
use crate::document::HiddenReason;
use crate::document::font::{Code, Font, Text};
use crate::document::graphics::{Frame, Matrix, Paint};
use crate::document::ink::Glyph;

/// How the glyphs of one shown string lie on the page.
struct Place<'f> {
    frame: Frame,
    size: f32,
    /// Page points per unit of text space, along the baseline and across it.
    along: f32,
    across: f32,
    mirrored: bool,
    font: &'f Font,
}

impl Interpreter<'_> {
    /// Strings and the adjustments between them.
    pub(super) fn show_all(&mut self, state: &mut State, items: &Array<'_>) {
        self.order += 1;
        for item in items.iter::<Object<'_>>() {
            match item {
                Object::String(text) => self.show(state, &text),
                Object::Number(number) => {
                    let shift = -number.as_f64() / 1000.0 * state.size;
                    let (tx, ty) = match &state.font {
                        Some(font) if font.vertical => (0.0, shift),
                        _ => (shift * state.stretch, 0.0),
                    };
                    state.text = Matrix([1.0, 0.0, 0.0, 1.0, tx, ty]).then(&state.text);
                }
                _ => {}
            }
        }
    }

    pub(super) fn show(&mut self, state: &mut State, text: &PdfString<'_>) {
        if state.font.is_none() {
            state.font = self.fonts.fallback();
        }
        let Some(font) = state.font.clone() else { return };
        let placement = state.text.then(&state.ctm);
        if !placement.is_finite() {
            return;
        }
        let [a, b, c, d, ..] = placement.0;
        let along = a.hypot(b);
        let across = c.hypot(d);
        // The writing direction on the page, after all matrices; a negative size or stretch turns it round.
        let turned = if font.vertical { state.size < 0.0 } else { state.size * state.stretch < 0.0 };
        let sign = if turned { -1.0 } else { 1.0 };
        let frame =
            if font.vertical { Frame::of_direction(-c * sign, -d * sign) } else { Frame::of_direction(a * sign, b * sign) };
        // On the page y runs down, so upright text has a negative determinant in these coordinates.
        let mirrored = !font.vertical && (a * d - b * c) * state.stretch.signum() > 0.0;
        let size = (state.size.abs() * across) as f32 * font.em;
        let place = Place { frame, size, along: along as f32, across: across as f32, mirrored, font: &font };
        font.for_each_code(text.as_bytes(), |code, length, entry| {
            let spacing = state.character_spacing + if length == 1 && code == 32 { state.word_spacing } else { 0.0 };
            let advance = f64::from(entry.advance) * state.size;
            self.push_glyph(state, &place, entry, advance);
            let (tx, ty) = if font.vertical { (0.0, advance + spacing) } else { ((advance + spacing) * state.stretch, 0.0) };
            let [a, b, c, d, e, f] = state.text.0;
            state.text.0[4] = a * tx + c * ty + e;
            state.text.0[5] = b * tx + d * ty + f;
        });
    }

    fn push_glyph(&mut self, state: &State, place: &Place<'_>, entry: &Code, advance: f64) {
        if self.ink.glyphs.len() > self.limits.glyphs {
            return;
        }
        let placement = state.text.then(&state.ctm);
        let (x, y) = placement.apply(0.0, state.rise);
        let (u, base) = place.frame.coordinates(x as f32, y as f32);
        let length = if place.font.vertical {
            advance.abs() as f32 * place.across
        } else {
            (advance * state.stretch).abs() as f32 * place.along
        };
        let (ascent, descent) = if place.font.vertical {
            // The column's middle is the baseline; the box is as wide as the glyph.
            let half = (entry.width.max(0.5) * place.size / 2.0).abs();
            (half, half)
        } else if place.mirrored {
            (place.font.descent * place.size, place.font.ascent * place.size)
        } else {
            (place.font.ascent * place.size, place.font.descent * place.size)
        };
        if !(u.is_finite() && base.is_finite() && length.is_finite() && ascent.is_finite()) {
            return;
        }
        if (entry.guessed || matches!(entry.text, Text::Unmapped)) && self.actual.is_none() {
            self.ink.unmapped += 1;
        }
        let stroked = matches!(state.mode, 1 | 5);
        let paint = if stroked { state.stroke } else { state.fill };
        let hidden = if self.hidden_depth > 0 {
            Some(HiddenReason::OptionalContent)
        } else if matches!(state.mode, 3 | 7) {
            Some(HiddenReason::RenderMode)
        } else if state.fill_alpha <= 0.02 && !stroked {
            Some(HiddenReason::BackgroundColour)
        } else {
            None
        };
        let mut glyph = Glyph {
            text: entry.text.clone(),
            frame: place.frame,
            u0: u,
            u1: u + length,
            base,
            ascent,
            descent,
            size: place.size,
            bold: place.font.bold || state.mode == 2,
            vertical: place.font.vertical,
            artifact: self.artifact_depth > 0,
            tag: self.tag,
            paint: if state.fill_alpha < 0.9 && !stroked { Paint::Unknown } else { paint },
            hidden,
            confidence: None,
            order: self.order,
        };
        if hidden.is_none() {
            let bbox = glyph.page_box();
            let (x, y) = ((bbox.x0 + bbox.x1) / 2.0, (bbox.y0 + bbox.y1) / 2.0);
            let slack = 0.5 * place.size + 1.0;
            let clip = &state.clip;
            if clip.is_empty() || x < clip.x0 - slack || x > clip.x1 + slack || y < clip.y0 - slack || y > clip.y1 + slack {
                glyph.hidden = Some(HiddenReason::OffPage);
            }
        }
        self.ink.glyphs.push(glyph);
    }
}

/// The operand of `TJ` with a space before every minus sign that stands within a number, and the operator after it: writers that
/// forget the space between two adjustments (`-33-330`) mean two. None where there is nothing to mend.
pub(super) fn glued_numbers_parted(array: &[u8]) -> Option<Vec<u8>> {
    let is_glued = |at: usize| {
        at > 0 && array[at - 1].is_ascii_digit() && array.get(at + 1).is_some_and(|next| next.is_ascii_digit() || *next == b'.')
    };
    if !memchr::memchr_iter(b'-', array).any(is_glued) {
        return None;
    }
    let mut out = Vec::with_capacity(array.len() + 16);
    let (mut depth, mut escaped, mut mended) = (0_u32, false, false);
    for (at, &byte) in array.iter().enumerate() {
        if depth > 0 {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
        } else if byte == b'(' {
            depth = 1;
        } else if byte == b'-' && is_glued(at) {
            out.push(b' ');
            mended = true;
        }
        out.push(byte);
    }
    if out.first() != Some(&b'[') {
        out.insert(0, b'[');
        out.push(b']');
    }
    out.extend_from_slice(b" TJ");
    mended.then_some(out)
}
