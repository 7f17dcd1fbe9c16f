//! Anchors in few bytes: differences to the word before, in tenths of a point. Some nine bytes a word instead of forty.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::document::BoundingBox;
use crate::language::Span;
use crate::passage::Anchor;

/// Tenths of a point.
const UNITS: f32 = 10.0;

/// An anchor as it is stored; `postcard` writes small numbers in one byte.
#[derive(Serialize, Deserialize)]
struct Packed {
    /// Bytes between the end of the word before and this one's start.
    gap: i32,
    length: u32,
    /// Pages after the word before.
    turn: i32,
    /// The left side, after the right side of the word before.
    left: i32,
    /// The top, after the top of the word before.
    top: i32,
    width: i32,
    height: i32,
    /// Steps from edge to edge.
    edges: Vec<i32>,
    vertical: bool,
}

/// The word before, in the units of [`Packed`].
#[derive(Default)]
struct Before {
    end: i64,
    page: i64,
    right: i32,
    top: i32,
}

pub(super) fn serialize<S: Serializer>(anchors: &[Anchor], serializer: S) -> Result<S::Ok, S::Error> {
    let mut before = Before::default();
    serializer.collect_seq(anchors.iter().map(|anchor| pack(anchor, &mut before)))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Anchor>, D::Error> {
    let packed = Vec::<Packed>::deserialize(deserializer)?;
    let mut before = Before::default();
    Ok(packed.into_iter().map(|packed| unpack(&packed, &mut before)).collect())
}

fn pack(anchor: &Anchor, before: &mut Before) -> Packed {
    let units = |points: f32| (points * UNITS).round() as i32;
    let BoundingBox { x0, y0, x1, y1 } = anchor.bbox;
    let (left, top, right, bottom) = (units(x0), units(y0), units(x1), units(y1));
    // A word of letters has as many characters as bytes: it is boxed whole. Han runs need their edges.
    let keeps_edges = anchor.edges.len() < anchor.span.len() as usize;
    let mut edge = if anchor.vertical { top } else { left };
    let mut step = |at: &f32| {
        let step = units(*at).saturating_sub(edge);
        edge = units(*at);
        step
    };
    let packed = Packed {
        gap: (i64::from(anchor.span.start) - before.end) as i32,
        length: anchor.span.len(),
        turn: (i64::from(anchor.page) - before.page) as i32,
        left: left.saturating_sub(before.right),
        top: top.saturating_sub(before.top),
        width: right.saturating_sub(left),
        height: bottom.saturating_sub(top),
        edges: if keeps_edges { anchor.edges.iter().map(&mut step).collect() } else { Vec::new() },
        vertical: anchor.vertical,
    };
    *before = Before { end: i64::from(anchor.span.end), page: i64::from(anchor.page), right, top };
    packed
}

fn unpack(packed: &Packed, before: &mut Before) -> Anchor {
    let points = |units: i32| units as f32 / UNITS;
    let start = before.end.saturating_add(i64::from(packed.gap)).clamp(0, i64::from(u32::MAX)) as u32;
    let end = start.saturating_add(packed.length);
    let page = before.page.saturating_add(i64::from(packed.turn)).clamp(0, i64::from(u32::MAX)) as u32;
    let (left, top) = (before.right.saturating_add(packed.left), before.top.saturating_add(packed.top));
    let (right, bottom) = (left.saturating_add(packed.width), top.saturating_add(packed.height));
    let mut edge = if packed.vertical { top } else { left };
    let mut walk = |step: &i32| {
        edge = edge.saturating_add(*step);
        points(edge)
    };
    let edges = packed.edges.iter().map(&mut walk).collect();
    *before = Before { end: i64::from(end), page: i64::from(page), right, top };
    Anchor {
        span: Span { start, end },
        page,
        bbox: BoundingBox { x0: points(left), y0: points(top), x1: points(right), y1: points(bottom) },
        edges,
        vertical: packed.vertical,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Holder(#[serde(with = "super")] Vec<Anchor>);

    fn anchor(start: u32, length: u32, page: u32, at: (f32, f32), characters: usize, vertical: bool) -> Anchor {
        let (x0, y0) = at;
        let bbox = BoundingBox { x0, y0, x1: x0 + 12.0 * characters as f32, y1: y0 + 11.5 };
        let low = if vertical { y0 } else { x0 };
        let edges = (1..=characters).map(|at| low + 12.0 * at as f32).collect();
        Anchor { span: Span { start, end: start + length }, page, bbox, edges, vertical }
    }

    fn again(anchors: &[Anchor]) -> Vec<Anchor> {
        let bytes = postcard::to_stdvec(&Holder(anchors.to_vec())).unwrap();
        postcard::from_bytes::<Holder>(&bytes).unwrap().0
    }

    #[test]
    fn words_come_back_and_take_few_bytes() {
        let anchors = [
            anchor(0, 5, 1, (72.0, 90.3), 5, false),
            anchor(6, 9, 1, (140.0, 90.3), 3, false),
            anchor(16, 9, 2, (72.0, 60.0), 3, true),
        ];
        let back = again(&anchors);
        assert!(back[0].edges.is_empty(), "letters are boxed whole");
        assert_eq!(back[1].edges, anchors[1].edges);
        assert_eq!(back[2].edges, anchors[2].edges);
        assert!(
            back.iter().zip(&anchors).all(|(a, b)| a.span == b.span && a.page == b.page && (a.bbox.x0 - b.bbox.x0).abs() < 0.051)
        );
        assert!(postcard::to_stdvec(&Holder(anchors[..1].to_vec())).unwrap().len() < 20);
    }

    proptest! {
        #[test]
        fn any_place_comes_back_to_a_tenth_of_a_point(places in proptest::collection::vec((0_u32..4000, 1_u32..40, 1_u32..900, -500.0_f32..9000.0, -500.0_f32..9000.0), 0..20)) {
            let anchors: Vec<Anchor> = places.iter().map(|&(start, length, page, x, y)| anchor(start, length, page, (x, y), 2, start % 2 == 0)).collect();
            for (back, anchor) in again(&anchors).iter().zip(&anchors) {
                prop_assert_eq!((back.span, back.page), (anchor.span, anchor.page));
                for (a, b) in [(back.bbox.x0, anchor.bbox.x0), (back.bbox.y0, anchor.bbox.y0), (back.bbox.x1, anchor.bbox.x1), (back.bbox.y1, anchor.bbox.y1)] {
                    prop_assert!((a - b).abs() < 0.06);
                }
            }
        }

        #[test]
        fn bytes_from_anywhere_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = postcard::from_bytes::<Holder>(&bytes);
        }
    }
}
