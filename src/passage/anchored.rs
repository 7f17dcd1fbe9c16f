//! Text that knows where each of its words stands.

use super::Anchor;
use crate::document::{BoundingBox, Word};
use crate::language::Span;

/// Text with the anchors of its words, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct AnchoredText {
    pub(super) text: String,
    pub(super) anchors: Vec<Anchor>,
}

impl AnchoredText {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Appends a word of the page after `separator`.
    pub(super) fn push_word(&mut self, separator: &str, word: &Word, page: u32) {
        self.push(separator, &word.text, page, word.bbox, word.edges.clone(), word.vertical);
    }

    /// Appends text that is known by its box alone, such as a table cell.
    pub(super) fn push_boxed(&mut self, separator: &str, text: &str, page: u32, bbox: BoundingBox) {
        self.push(separator, text, page, bbox, Vec::new(), false);
    }

    fn push(&mut self, separator: &str, text: &str, page: u32, bbox: BoundingBox, edges: Vec<f32>, vertical: bool) {
        self.text.push_str(separator);
        let start = self.text.len();
        self.text.push_str(text);
        self.anchors.push(Anchor { span: Span::new(start..self.text.len()), page, bbox, edges, vertical });
    }

    /// Takes the last character away: a hyphen that only marked the end of a line.
    pub(super) fn drop_last_character(&mut self) {
        let Some(last) = self.text.pop() else { return };
        if let Some(anchor) = self.anchors.last_mut()
            && anchor.span.range().end > self.text.len()
        {
            anchor.span = Span::new(anchor.span.range().start..self.text.len());
            let kept = self.text[anchor.span.range()].chars().count();
            anchor.edges.truncate(kept);
        }
        debug_assert!(!last.is_whitespace());
    }

    /// Appends another text after `separator`.
    pub(super) fn append(&mut self, separator: &str, other: &Self) {
        self.append_slice(separator, other, Span::new(0..other.text.len()));
    }

    /// Appends a slice of another text after `separator`, with the anchors under it.
    pub(super) fn append_slice(&mut self, separator: &str, other: &Self, span: Span) {
        self.text.push_str(separator);
        let base = self.text.len();
        self.text.push_str(span.of(&other.text));
        let first = other.anchors.partition_point(|anchor| anchor.span.end <= span.start);
        for anchor in other.anchors[first..].iter().take_while(|anchor| anchor.span.start < span.end) {
            let start = anchor.span.start.max(span.start);
            let end = anchor.span.end.min(span.end);
            let mut anchor = cut(anchor, &other.text, Span { start, end });
            let shift = |at: u32| (base + (at - span.start) as usize) as u32;
            anchor.span = Span { start: shift(start), end: shift(end) };
            self.anchors.push(anchor);
        }
    }
}

/// The part of an anchor under `span` of `text`: its box is cut where the characters' edges allow.
pub(super) fn cut(anchor: &Anchor, text: &str, span: Span) -> Anchor {
    let mut part = Anchor { span, ..anchor.clone() };
    let whole = span.start <= anchor.span.start && span.end >= anchor.span.end;
    if whole || anchor.edges.is_empty() {
        return part;
    }
    let characters = |span: Span| span.of(text).chars().count();
    let before = characters(Span { start: anchor.span.start, end: span.start });
    let inside = characters(span);
    let last = (before + inside).min(anchor.edges.len());
    let before = before.min(last);
    let start_edge = before.checked_sub(1).and_then(|index| anchor.edges.get(index)).copied();
    let end_edge = last.checked_sub(1).and_then(|index| anchor.edges.get(index)).copied();
    part.edges = anchor.edges[before..last].to_vec();
    let bbox = &mut part.bbox;
    let (low, high) = if anchor.vertical { (&mut bbox.y0, &mut bbox.y1) } else { (&mut bbox.x0, &mut bbox.x1) };
    let (floor, ceiling) = (*low, *high);
    *low = start_edge.unwrap_or(floor).clamp(floor, ceiling);
    *high = end_edge.unwrap_or(ceiling).clamp(*low, ceiling);
    part
}
