//! Geometry and colour of the graphics state: matrices, frames, paints.

use super::BoundingBox;

/// An affine transform `[a b c d e f]` as in PDF: `x' = a x + c y + e`, `y' = b x + d y + f`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matrix(pub(super) [f64; 6]);

impl Matrix {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// The transform that applies `self` first and `then` after it.
    pub(super) fn then(&self, then: &Self) -> Self {
        let [a, b, c, d, e, f] = self.0;
        let [p, q, r, s, t, u] = then.0;
        Self([a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u])
    }

    pub(super) fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        let [a, b, c, d, e, f] = self.0;
        (a * x + c * y + e, b * x + d * y + f)
    }

    /// The box around the image of a rectangle.
    pub(super) fn apply_to_box(&self, x0: f64, y0: f64, x1: f64, y1: f64) -> BoundingBox {
        let mut out = BoundingBox::NOTHING;
        for (x, y) in [(x0, y0), (x1, y0), (x0, y1), (x1, y1)] {
            let (x, y) = self.apply(x, y);
            out.add_point(x as f32, y as f32);
        }
        out
    }

    /// Whether axis-aligned rectangles stay axis-aligned.
    pub(super) fn keeps_axes(&self) -> bool {
        let [a, b, c, d, ..] = self.0.map(f64::abs);
        (b <= 1e-6 * a && c <= 1e-6 * d) || (a <= 1e-6 * b && d <= 1e-6 * c)
    }

    pub(super) fn is_finite(&self) -> bool {
        self.0.iter().all(|v| v.is_finite())
    }
}

impl BoundingBox {
    /// The empty box: a union with it changes nothing.
    pub(super) const NOTHING: Self = Self { x0: f32::INFINITY, y0: f32::INFINITY, x1: f32::NEG_INFINITY, y1: f32::NEG_INFINITY };

    pub(super) fn add_point(&mut self, x: f32, y: f32) {
        self.x0 = self.x0.min(x);
        self.y0 = self.y0.min(y);
        self.x1 = self.x1.max(x);
        self.y1 = self.y1.max(y);
    }

    /// The smallest box around both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { x0: self.x0.min(other.x0), y0: self.y0.min(other.y0), x1: self.x1.max(other.x1), y1: self.y1.max(other.y1) }
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        Self { x0: self.x0.max(other.x0), y0: self.y0.max(other.y0), x1: self.x1.min(other.x1), y1: self.y1.min(other.y1) }
    }

    /// Whether the box holds no point.
    pub fn is_empty(&self) -> bool {
        !(self.x0 <= self.x1 && self.y0 <= self.y1)
    }

    /// Width in points.
    pub fn width(&self) -> f32 {
        self.x1 - self.x0
    }

    /// Height in points.
    pub fn height(&self) -> f32 {
        self.y1 - self.y0
    }

    /// Area in square points, 0 for an empty box.
    pub fn area(&self) -> f32 {
        if self.is_empty() { 0.0 } else { self.width() * self.height() }
    }

    pub(super) fn contains_point(&self, x: f32, y: f32) -> bool {
        self.x0 <= x && x <= self.x1 && self.y0 <= y && y <= self.y1
    }

    pub(super) fn or_zero(self) -> Self {
        if self.is_empty() || ![self.x0, self.y0, self.x1, self.y1].iter().all(|v| v.is_finite()) {
            Self::default()
        } else {
            self
        }
    }
}

/// What is painted with: a colour where it is known. Patterns, shadings and device-independent spaces that are not converted
/// are unknown, and an unknown paint never makes text hidden.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Paint {
    Rgb([f32; 3]),
    Unknown,
}

impl Paint {
    pub(super) const BLACK: Self = Self::Rgb([0.0; 3]);
    pub(super) const WHITE: Self = Self::Rgb([1.0; 3]);

    /// A colour from components as the `g`, `rg` and `k` operators give them: grey, RGB or CMYK by their number.
    pub(super) fn from_components(components: &[f32]) -> Self {
        let clamp = |v: f32| v.clamp(0.0, 1.0);
        match *components {
            [grey] => Self::Rgb([clamp(grey); 3]),
            [red, green, blue] => Self::Rgb([clamp(red), clamp(green), clamp(blue)]),
            [cyan, magenta, yellow, black] => {
                let ink = |v: f32| 1.0 - clamp(clamp(v) + clamp(black));
                Self::Rgb([ink(cyan), ink(magenta), ink(yellow)])
            }
            _ => Self::Unknown,
        }
    }

    /// Whether a reader cannot tell the two apart (the largest difference of a channel is below 6%).
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rgb(a), Self::Rgb(b)) => a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.06),
            _ => false,
        }
    }
}

/// A coordinate system along a writing direction: `u` runs along the text, `v` from line to line.
///
/// The angle is that of the direction on the displayed page, clockwise, in degrees: 0 for ordinary text, 90 for text that runs
/// down the page (turned text and vertical writing alike, whose lines then follow each other to the left).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Frame(pub(super) u16);

impl Frame {
    /// The frame of a direction; near-right angles are taken as right angles.
    pub(super) fn of_direction(dx: f64, dy: f64) -> Self {
        let degrees = dy.atan2(dx).to_degrees().rem_euclid(360.0);
        let right = (degrees / 90.0).round() * 90.0;
        let snapped = if (degrees - right).abs() < 1.5 { right } else { degrees.round() };
        Self((snapped as u16) % 360)
    }

    fn cos_sin(self) -> (f32, f32) {
        match self.0 {
            0 => (1.0, 0.0),
            90 => (0.0, 1.0),
            180 => (-1.0, 0.0),
            270 => (0.0, -1.0),
            degrees => {
                let (sin, cos) = f32::from(degrees).to_radians().sin_cos();
                (cos, sin)
            }
        }
    }

    /// Page coordinates to frame coordinates.
    pub(super) fn coordinates(self, x: f32, y: f32) -> (f32, f32) {
        let (cos, sin) = self.cos_sin();
        (x * cos + y * sin, y * cos - x * sin)
    }

    /// Frame coordinates to page coordinates.
    pub(super) fn to_page(self, u: f32, v: f32) -> (f32, f32) {
        let (cos, sin) = self.cos_sin();
        (u * cos - v * sin, u * sin + v * cos)
    }

    /// The page box around a rectangle of the frame.
    pub(super) fn box_to_page(self, u0: f32, v0: f32, u1: f32, v1: f32) -> BoundingBox {
        let mut out = BoundingBox::NOTHING;
        for (u, v) in [(u0, v0), (u1, v0), (u0, v1), (u1, v1)] {
            let (x, y) = self.to_page(u, v);
            out.add_point(x, y);
        }
        out
    }

    /// The frame box around a rectangle of the page.
    pub(super) fn box_from_page(self, page: &BoundingBox) -> BoundingBox {
        let mut out = BoundingBox::NOTHING;
        for (x, y) in [(page.x0, page.y0), (page.x1, page.y0), (page.x0, page.y1), (page.x1, page.y1)] {
            let (u, v) = self.coordinates(x, y);
            out.add_point(u, v);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_turn_there_and_back() {
        for degrees in [0, 90, 180, 270, 33] {
            let frame = Frame(degrees);
            let (u, v) = frame.coordinates(12.0, 34.0);
            let (x, y) = frame.to_page(u, v);
            assert!((x - 12.0).abs() < 1e-3 && (y - 34.0).abs() < 1e-3, "{degrees}");
        }
        assert_eq!(Frame::of_direction(0.0, 1.0), Frame(90));
        assert_eq!(Frame(90).coordinates(5.0, 7.0), (7.0, -5.0));
    }

    #[test]
    fn matrices_compose_in_order() {
        let scale = Matrix([2.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        let shift = Matrix([1.0, 0.0, 0.0, 1.0, 10.0, 0.0]);
        assert_eq!(scale.then(&shift).apply(1.0, 1.0), (12.0, 2.0));
        assert_eq!(shift.then(&scale).apply(1.0, 1.0), (22.0, 2.0));
    }

    #[test]
    fn white_is_white_in_every_space() {
        for components in [&[1.0][..], &[1.0, 1.0, 1.0], &[0.0, 0.0, 0.0, 0.0]] {
            assert!(Paint::from_components(components).looks_like(&Paint::WHITE));
        }
        assert!(!Paint::Unknown.looks_like(&Paint::Unknown));
    }
}
