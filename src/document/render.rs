//! A page as displayed -> a grey picture for OCR, by hayro. Runs in the worker process alone: pictures in a PDF are compressed, and
//! what a few hostile bytes unpack to is bounded there by the limit on memory.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use hayro_syntax::object::Name;
use hayro_syntax::page::Page as Source;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DocumentError, ReadOptions, open};

/// Points per inch.
const POINTS: f32 = 72.0;
/// Dots per inch where the page is not larger than [`MOST_PIXELS`] at that. OCR engines are trained on print at 300.
const RESOLUTION: f32 = 300.0;
/// A scan within these is rendered at its own resolution: sampling it anew, by however little, costs three Chinese characters in a
/// hundred. Outside of them it is rendered at a whole multiple or part of it.
const FINE_ENOUGH: f32 = 190.0;
const TOO_FINE: f32 = 450.0;
/// Dots per inch that a scan can have: a page whose size in points is made up has others.
const PRINT: std::ops::RangeInclusive<f32> = 50.0..=2_400.0;
/// How much the shape of a picture that is the page may differ from the page's.
const SAME_SHAPE: f32 = 0.03;
/// The most pixels of a picture: an A3 page at 300 dots per inch has 17 million. Larger pages are scaled down.
const MOST_PIXELS: f32 = 25e6;
/// The longest edge of a picture, in pixels: what Tesseract accepts is below 32,768.
const LONGEST_EDGE: f32 = 20_000.0;

/// A page as displayed, in grey.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Picture {
    /// The file page, from 1.
    pub(super) page: u32,
    /// Pixels from left to right.
    pub(super) width: u32,
    /// Pixels from top to bottom.
    pub(super) height: u32,
    /// Pixels per inch of the page, nearly.
    pub(super) resolution: f32,
    /// One byte per pixel, 0 black, row by row from the top.
    pub(super) pixels: Pixels,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}: {} x {} at {} dpi", self.page, self.width, self.height, self.resolution)
    }
}

impl Picture {
    /// Whether there are as many pixels as width and height say.
    pub(super) fn is_whole(&self) -> bool {
        self.width > 0 && self.height > 0 && u64::from(self.width) * u64::from(self.height) == self.pixels.0.len() as u64
    }

    /// The same, turned clockwise by so many quarter turns.
    pub(super) fn turned(&self, quarters: u8) -> Self {
        let (width, height) = (self.width as usize, self.height as usize);
        let pixels = &self.pixels.0;
        let turned: Vec<u8> = match quarters % 4 {
            1 => (0..width).flat_map(|x| (0..height).rev().map(move |y| pixels[y * width + x])).collect(),
            2 => pixels.iter().rev().copied().collect(),
            3 => (0..width).rev().flat_map(|x| (0..height).map(move |y| pixels[y * width + x])).collect(),
            _ => pixels.clone(),
        };
        let (width, height) = if quarters % 2 == 1 { (self.height, self.width) } else { (self.width, self.height) };
        Self { page: self.page, width, height, resolution: self.resolution, pixels: Pixels(turned) }
    }
}

/// Pixels; as one piece of bytes in messages.
#[derive(Clone, PartialEq)]
pub(super) struct Pixels(pub(super) Vec<u8>);

impl Serialize for Pixels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pixels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Pixels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Pixels, E> {
                Ok(Pixels(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Pixels, E> {
                Ok(Pixels(bytes))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Pixels, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = items.next_element()? {
                    bytes.push(byte);
                }
                Ok(Pixels(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// A page that was asked for.
#[derive(Debug)]
pub(super) enum Rendered {
    /// Its picture.
    Picture(Picture),
    /// It broke the renderer; why, for people.
    Broken(u32, String),
}

/// Renders pages (numbers from 1), handing each on as it is done.
pub(super) fn render_pages(
    bytes: Arc<Vec<u8>>,
    options: &ReadOptions,
    pages: &[u32],
    on_page: &mut dyn FnMut(Rendered) -> Result<(), DocumentError>,
) -> Result<(), DocumentError> {
    let opened = catch_unwind(|| open::open(bytes, options.password.as_deref()))
        .unwrap_or_else(|_| Err(DocumentError::Damaged { detail: "its structure broke the parser".to_owned() }))?;
    for &number in pages {
        let source = (number as usize).checked_sub(1).and_then(|index| opened.pdf.pages().get(index));
        let rendered = match source {
            None => Rendered::Broken(number, "the file has no such page".to_owned()),
            Some(source) => match catch_unwind(AssertUnwindSafe(|| picture(source, number))) {
                Ok(Some(picture)) => Rendered::Picture(picture),
                Ok(None) => Rendered::Broken(number, "the page has no size".to_owned()),
                Err(_) => Rendered::Broken(number, "the page broke the renderer".to_owned()),
            },
        };
        on_page(rendered)?;
    }
    Ok(())
}

/// The picture of one page; none where the page has no size.
fn picture(source: &Source<'_>, number: u32) -> Option<Picture> {
    let (width, height) = source.render_dimensions();
    let (across, down) = size(width, height, scan_of(source))?;
    // The renderer cuts what is left of a pixel at the edge: a hair more keeps the last one.
    let scale = |pixels: u32, points: f32| (pixels as f32 + 0.02) / points;
    // A cache of its own for each page: what it holds of decoded pictures would grow with the file.
    let pixmap = render(
        source,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings { force_image_interpolation: true, ..RenderSettings::default() },
        &PixmapSettings { x_scale: scale(across, width), y_scale: scale(down, height), bg_color: WHITE },
    );
    // On white ground every pixel is opaque, so premultiplied values are the values. The weights are those of ITU-R BT.601.
    let grey = |pixel: &[u8]| ((77 * u32::from(pixel[0]) + 150 * u32::from(pixel[1]) + 29 * u32::from(pixel[2])) >> 8) as u8;
    let pixels = pixmap.data_as_u8_slice().chunks_exact(4).map(grey).collect();
    let picture = Picture {
        page: number,
        width: u32::from(pixmap.width()),
        height: u32::from(pixmap.height()),
        resolution: across as f32 / width * POINTS,
        pixels: Pixels(pixels),
    };
    picture.is_whole().then_some(picture)
}

/// The pixels of the largest picture of a page, if it has the shape of the page as displayed.
fn scan_of(source: &Source<'_>) -> Option<(u32, u32)> {
    let (width, height) = source.render_dimensions();
    let pictures = source.resources().x_objects.entries().filter_map(|(name, _)| {
        let picture = source.resources().get_x_object(&name)?;
        let dict = picture.dict();
        dict.get::<Name<'_>>("Subtype").filter(|kind| kind.as_ref() == b"Image")?;
        Some((dict.get::<u32>("Width")?, dict.get::<u32>("Height")?))
    });
    let (across, down) = pictures.max_by_key(|&(across, down)| u64::from(across) * u64::from(down))?;
    let fits = |across: u32, down: u32| {
        let (x, y) = (across as f32 / width, down as f32 / height);
        (x / y - 1.0).abs() <= SAME_SHAPE
    };
    // A page may be displayed turned.
    [(across, down), (down, across)].into_iter().find(|&(across, down)| fits(across, down))
}

/// The size in pixels for a page of this size in points that shows a scan of so many pixels, or something else; none for a page
/// without a size.
fn size(width: f32, height: f32, scan: Option<(u32, u32)>) -> Option<(u32, u32)> {
    let sound = |length: f32| length.is_finite() && length > 0.0;
    if !sound(width) || !sound(height) {
        return None;
    }
    let most = (MOST_PIXELS / (width * height)).sqrt().min(LONGEST_EDGE / width.max(height));
    if let Some((across, down)) = scan {
        let resolution = across as f32 / width * POINTS;
        let is_print = PRINT.contains(&resolution);
        let factor = match resolution {
            ..FINE_ENOUGH => (FINE_ENOUGH / resolution).ceil(),
            TOO_FINE.. => (resolution / TOO_FINE).ceil().recip(),
            _ => 1.0,
        };
        if is_print && resolution * factor / POINTS <= most {
            return Some(((across as f32 * factor) as u32, (down as f32 * factor) as u32));
        }
    }
    let scale = (RESOLUTION / POINTS).min(most);
    let (across, down) = ((width * scale).round(), (height * scale).round());
    (across.min(down) >= 1.0).then_some((across as u32, down as u32))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::document::sample::{pdf, pdf_with};

    fn rendered(bytes: Vec<u8>, pages: &[u32]) -> Vec<Rendered> {
        let mut out = Vec::new();
        render_pages(Arc::new(bytes), &ReadOptions::default(), pages, &mut |page| {
            out.push(page);
            Ok(())
        })
        .unwrap();
        out
    }

    fn picture_of(bytes: Vec<u8>) -> Picture {
        match rendered(bytes, &[1]).remove(0) {
            Rendered::Picture(picture) => picture,
            other => panic!("{other:?}"),
        }
    }

    /// The middle of the dark pixels, as a share of width and height.
    fn dark_at(picture: &Picture) -> (f32, f32) {
        let dark = picture.pixels.0.iter().enumerate().filter(|(_, grey)| **grey < 128).map(|(index, _)| index);
        let places: Vec<(usize, usize)> =
            dark.map(|index| (index % picture.width as usize, index / picture.width as usize)).collect();
        assert!(!places.is_empty());
        let middle = |sum: usize, length: u32| sum as f32 / places.len() as f32 / length as f32;
        (middle(places.iter().map(|p| p.0).sum(), picture.width), middle(places.iter().map(|p| p.1).sum(), picture.height))
    }

    #[test]
    fn a_page_is_rendered_as_displayed() {
        // A black square in the corner at the top left of the sheet.
        let square = "0 g 20 740 40 40 re f";
        for (turn, x, y) in [(0, 0.07, 0.05), (90, 0.95, 0.07), (180, 0.93, 0.95), (270, 0.05, 0.93)] {
            let picture = picture_of(pdf_with(&[square], "", &format!("/Rotate {turn}")));
            let size = if turn % 180 == 0 { (2_500, 3_333) } else { (3_333, 2_500) };
            assert_eq!((picture.width, picture.height), size);
            let at = dark_at(&picture);
            assert!((at.0 - x).abs() < 0.01 && (at.1 - y).abs() < 0.01, "turned by {turn}: {at:?}");
        }
    }

    #[test]
    fn a_picture_turns() {
        let pixels = Pixels(vec![1, 2, 3, 4, 5, 6]);
        let picture = Picture { page: 1, width: 3, height: 2, resolution: 72.0, pixels };
        assert_eq!(picture.turned(1).pixels.0, [4, 1, 5, 2, 6, 3]);
        assert_eq!(picture.turned(2).pixels.0, [6, 5, 4, 3, 2, 1]);
        assert_eq!(picture.turned(3).pixels.0, [3, 6, 2, 5, 1, 4]);
        assert_eq!((picture.turned(1).width, picture.turned(1).height), (2, 3));
        assert!(picture.turned(1).turned(3) == picture && picture.turned(4) == picture);
    }

    #[test]
    fn no_page_gives_more_pixels_than_allowed() {
        for (width, height) in [(595.0, 842.0), (2384.0, 3370.0), (14_400.0, 14_400.0), (14_400.0, 30.0), (1e9, 1e9)] {
            for scan in [None, Some((60_000, 60_000)), Some((2_480, 3_508))] {
                let Some((across, down)) = size(width, height, scan) else { continue };
                assert!(u64::from(across) * u64::from(down) <= 25_100_000, "{width} x {height}: {across} x {down}");
                assert!(across.max(down) <= 20_010, "{width} x {height}: {across} x {down}");
            }
        }
        assert_eq!(size(612.0, 792.0, None), Some((2_550, 3_300)));
        assert_eq!(size(0.0, 792.0, None), None);
        assert_eq!(size(f32::NAN, 792.0, None), None);
        assert_eq!(size(1e9, 1.0, None), None);
    }

    #[test]
    fn a_scan_is_rendered_at_its_own_resolution() {
        let a4 = |scan| size(595.2, 841.92, Some(scan)).unwrap();
        assert_eq!(a4((2_480, 3_508)), (2_480, 3_508));
        assert_eq!(a4((1_654, 2_339)), (1_654, 2_339));
        assert_eq!(a4((4_960, 7_016)), (2_480, 3_508));
        assert_eq!(a4((1_240, 1_754)), (2_480, 3_508));
        // A picture far too coarse or too fine to be print at that size says nothing.
        assert_eq!(a4((12, 17)), (2_480, 3_508));
        assert_eq!(a4((60_000, 84_870)).0, 2_480);
    }

    #[test]
    fn what_cannot_be_rendered_is_told() {
        assert!(matches!(rendered(pdf(&[""]), &[9]).as_slice(), [Rendered::Broken(9, _)]));
        assert!(matches!(rendered(pdf(&[""]), &[0]).as_slice(), [Rendered::Broken(0, _)]));
    }
}
