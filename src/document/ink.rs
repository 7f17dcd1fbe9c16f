//! What a page paints, as far as its text is concerned.

use super::font::Text;
use super::graphics::{Frame, Paint};
use super::structure::Tag;
use super::{BoundingBox, HiddenReason};

/// Everything a page paints that matters for its text.
#[derive(Default)]
pub(super) struct Ink {
    pub(super) glyphs: Vec<Glyph>,
    pub(super) fills: Vec<Fill>,
    pub(super) rules: Vec<Rule>,
    pub(super) images: Vec<Picture>,
    /// Glyphs without a Unicode value.
    pub(super) unmapped: u32,
    /// A limit was reached: the rest of the page was not read.
    pub(super) limit: Option<&'static str>,
}

/// One shown character code.
#[derive(Clone, Debug)]
pub(super) struct Glyph {
    pub(super) text: Text,
    pub(super) frame: Frame,
    /// Along the writing direction: from the origin to the end of the advance.
    pub(super) u0: f32,
    pub(super) u1: f32,
    /// The baseline (the middle of the column for vertical writing).
    pub(super) base: f32,
    /// Above and below the baseline, both positive.
    pub(super) ascent: f32,
    pub(super) descent: f32,
    /// Font size as displayed.
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) vertical: bool,
    /// Marked as an artifact (running header, footer, page number) by a tagged file.
    pub(super) artifact: bool,
    /// What the structure tree says it belongs to.
    pub(super) tag: Option<Tag>,
    pub(super) paint: Paint,
    pub(super) hidden: Option<HiddenReason>,
    /// How sure the recogniser is of the word it stands in, in percent; none for text from the file itself.
    pub(super) confidence: Option<u8>,
    /// Place in the painting order, shared with fills and images.
    pub(super) order: u32,
}

impl Glyph {
    /// The box on the page.
    pub(super) fn page_box(&self) -> BoundingBox {
        self.frame.box_to_page(self.u0.min(self.u1), self.base - self.ascent, self.u1.max(self.u0), self.base + self.descent)
    }
}

/// A filled area.
pub(super) struct Fill {
    pub(super) bbox: BoundingBox,
    pub(super) paint: Paint,
    pub(super) opaque: bool,
    /// Whether the box is the area, not only around it.
    pub(super) exact: bool,
    pub(super) order: u32,
}

/// A painted picture.
pub(super) struct Picture {
    pub(super) bbox: BoundingBox,
    pub(super) opaque: bool,
    pub(super) order: u32,
}

/// A straight horizontal or vertical line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) bbox: BoundingBox,
    pub(super) horizontal: bool,
}
