//! The graphics state: what `q` saves and `Q` restores.

use std::rc::Rc;

use hayro_syntax::object::{Name, Object};
use hayro_syntax::page::Resources;

use crate::document::BoundingBox;
use crate::document::font::Font;
use crate::document::graphics::{Matrix, Paint};

#[derive(Clone)]
pub(super) struct State {
    pub(super) ctm: Matrix,
    pub(super) clip: BoundingBox,
    pub(super) fill: Paint,
    pub(super) stroke: Paint,
    pub(super) fill_space: Space,
    pub(super) stroke_space: Space,
    pub(super) fill_alpha: f32,
    /// A soft mask or blend mode is set: what is painted may show what lies beneath.
    pub(super) blended: bool,
    pub(super) font: Option<Rc<Font>>,
    pub(super) size: f64,
    pub(super) character_spacing: f64,
    pub(super) word_spacing: f64,
    pub(super) stretch: f64,
    pub(super) leading: f64,
    pub(super) rise: f64,
    pub(super) mode: i64,
    pub(super) text: Matrix,
    pub(super) line: Matrix,
    pub(super) line_width: f64,
}

impl State {
    pub(super) fn new(ctm: Matrix, clip: BoundingBox) -> Self {
        Self {
            ctm,
            clip,
            fill: Paint::BLACK,
            stroke: Paint::BLACK,
            fill_space: Space::Device,
            stroke_space: Space::Device,
            fill_alpha: 1.0,
            blended: false,
            font: None,
            size: 1.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            mode: 0,
            text: Matrix::IDENTITY,
            line: Matrix::IDENTITY,
            line_width: 1.0,
        }
    }

    pub(super) fn next_line(&mut self, tx: f64, ty: f64) {
        self.line = Matrix([1.0, 0.0, 0.0, 1.0, tx, ty]).then(&self.line);
        self.text = self.line;
    }
}

/// What the components of `sc`/`scn` mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Space {
    /// Grey, RGB or CMYK, by their number.
    Device,
    /// One tint of an ink that is not known: 0 is no ink.
    Tint,
    Unknown,
}

impl Space {
    pub(super) fn of(object: Option<Object<'_>>) -> Self {
        match object {
            Some(Object::Name(name)) => Self::of_name(name.as_ref()),
            Some(Object::Array(array)) => match array.iter::<Object<'_>>().next() {
                Some(Object::Name(name)) => Self::of_name(name.as_ref()),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    pub(super) fn of_name(name: &[u8]) -> Self {
        match name {
            b"DeviceGray" | b"DeviceRGB" | b"DeviceCMYK" | b"G" | b"RGB" | b"CMYK" | b"CalGray" | b"CalRGB" | b"ICCBased" => {
                Self::Device
            }
            b"Separation" => Self::Tint,
            _ => Self::Unknown,
        }
    }

    pub(super) fn initial(self) -> Paint {
        if self == Self::Unknown { Paint::Unknown } else { Paint::BLACK }
    }

    pub(super) fn paint(self, components: &[f32]) -> Paint {
        match (self, components) {
            (Self::Device, _) => Paint::from_components(components),
            (Self::Tint, [tint]) if *tint <= 0.0 => Paint::WHITE,
            _ => Paint::Unknown,
        }
    }
}

pub(super) fn color_space(resources: &Resources<'_>, name: &Name<'_>) -> Space {
    match Space::of_name(name.as_ref()) {
        Space::Unknown => Space::of(resources.get_color_space(name)),
        known => known,
    }
}
