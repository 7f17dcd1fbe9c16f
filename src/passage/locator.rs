//! A span of a passage -> pages and boxes.

use super::anchored::cut;
use super::{Anchor, Location, Passage};
use crate::document::BoundingBox;
use crate::language::Span;

/// Where `span` of the passage's text stands: one entry per page in order, one box per line touched.
pub fn locate(passage: &Passage, span: Span) -> Vec<Location> {
    locate_in(&passage.text, &passage.anchors, span)
}

/// [`locate`] for a text and its anchors alone.
pub fn locate_in(text: &str, anchors: &[Anchor], span: Span) -> Vec<Location> {
    let mut locations: Vec<Location> = Vec::new();
    for anchor in anchors.iter().filter(|anchor| anchor.span.overlap(span) > 0) {
        let start = anchor.span.start.max(span.start);
        let end = anchor.span.end.min(span.end);
        let part = cut(anchor, text, Span { start, end });
        match locations.last_mut() {
            Some(location) if location.page == part.page => match location.boxes.last_mut() {
                Some(line) if same_line(line, &part.bbox, part.vertical) => *line = union(line, &part.bbox),
                _ => location.boxes.push(part.bbox),
            },
            _ => locations.push(Location { page: part.page, boxes: vec![part.bbox] }),
        }
    }
    locations
}

/// Whether two boxes share at least half of the smaller one's extent across the line.
fn same_line(a: &BoundingBox, b: &BoundingBox, vertical: bool) -> bool {
    let ((a0, a1), (b0, b1)) = if vertical { ((a.x0, a.x1), (b.x0, b.x1)) } else { ((a.y0, a.y1), (b.y0, b.y1)) };
    let shared = a1.min(b1) - a0.max(b0);
    shared * 2.0 >= (a1 - a0).min(b1 - b0)
}

fn union(a: &BoundingBox, b: &BoundingBox) -> BoundingBox {
    BoundingBox { x0: a.x0.min(b.x0), y0: a.y0.min(b.y0), x1: a.x1.max(b.x1), y1: a.y1.max(b.y1) }
}
