//! Paths, as boxes and straight lines: all that text needs of them.

use crate::document::BoundingBox;
use crate::document::graphics::Matrix;

/// The path under construction: its subpaths as boxes.
#[derive(Default)]
pub(super) struct Path {
    pub(super) parts: Vec<Part>,
    pub(super) current: Option<Part>,
    pub(super) point: (f64, f64),
    pub(super) start: (f64, f64),
}

pub(super) struct Part {
    pub(super) bbox: BoundingBox,
    /// Corner points so far, while the part may still be an axis-aligned rectangle.
    pub(super) segments: u32,
    pub(super) axis_aligned: bool,
    pub(super) rectangle: bool,
    /// The straight axis-aligned pieces, for stroking.
    pub(super) lines: Vec<(f32, f32, f32, f32)>,
}

impl Part {
    pub(super) fn new() -> Self {
        Self { bbox: BoundingBox::NOTHING, segments: 0, axis_aligned: true, rectangle: false, lines: Vec::new() }
    }

    /// Four axis-aligned sides (a fifth may close it), or a degenerate line.
    pub(super) fn is_exact(&self) -> bool {
        self.rectangle || (self.axis_aligned && (3..=5).contains(&self.segments))
    }
}

impl Path {
    const MOST_PARTS: usize = 20_000;

    pub(super) fn move_to(&mut self, x: f64, y: f64) {
        self.finish_part();
        self.point = (x, y);
        self.start = (x, y);
    }

    pub(super) fn line_to(&mut self, ctm: &Matrix, x: f64, y: f64) {
        let (x0, y0) = ctm.apply(self.point.0, self.point.1);
        let (x1, y1) = ctm.apply(x, y);
        let part = self.current.get_or_insert_with(Part::new);
        part.bbox.add_point(x0 as f32, y0 as f32);
        part.bbox.add_point(x1 as f32, y1 as f32);
        part.segments += 1;
        let aligned = (x1 - x0).abs() < 0.01 || (y1 - y0).abs() < 0.01;
        part.axis_aligned &= aligned;
        if aligned && part.lines.len() < 64 {
            part.lines.push((x0 as f32, y0 as f32, x1 as f32, y1 as f32));
        }
        self.point = (x, y);
    }

    pub(super) fn curve_to(&mut self, ctm: &Matrix, points: [(f64, f64); 3]) {
        let part = self.current.get_or_insert_with(Part::new);
        for (x, y) in points.into_iter().chain([self.point]) {
            let (x, y) = ctm.apply(x, y);
            part.bbox.add_point(x as f32, y as f32);
        }
        part.axis_aligned = false;
        self.point = points[2];
    }

    pub(super) fn close(&mut self, ctm: &Matrix) {
        let (x, y) = self.start;
        if self.current.is_some() && self.point != self.start {
            self.line_to(ctm, x, y);
        }
        self.finish_part();
        self.point = (x, y);
    }

    pub(super) fn rectangle(&mut self, ctm: &Matrix, [x, y, w, h]: [f64; 4]) {
        self.finish_part();
        let bbox = ctm.apply_to_box(x, y, x + w, y + h);
        let BoundingBox { x0, y0, x1, y1 } = bbox;
        let exact = ctm.keeps_axes();
        let lines = if exact { vec![(x0, y0, x1, y0), (x1, y0, x1, y1), (x0, y1, x1, y1), (x0, y0, x0, y1)] } else { Vec::new() };
        self.current = Some(Part { bbox, segments: 4, axis_aligned: exact, rectangle: exact, lines });
        self.finish_part();
        self.point = (x, y);
        self.start = (x, y);
    }

    pub(super) fn finish_part(&mut self) {
        if let Some(part) = self.current.take()
            && self.parts.len() < Self::MOST_PARTS
        {
            self.parts.push(part);
        }
    }
}
