//! Text that a reader of the page does not see.

use super::BoundingBox;
use super::HiddenReason;
use super::graphics::Paint;
use super::ink::{Fill, Glyph, Ink};

/// The size below which nobody reads print, in points.
const SMALLEST_READABLE: f32 = 1.0;

/// Marks the glyphs that are not seen. The render mode and the clip are known already; what is painted beneath and above, and
/// whether invisible text is the OCR layer of a scan, is settled here.
///
/// Returns how many glyphs of invisible text were taken as the text layer of a scan: they lie over a picture.
pub(super) fn mark(ink: &mut Ink, width: f32, height: f32) -> usize {
    let page = BoundingBox { x0: 0.0, y0: 0.0, x1: width, y1: height };
    let Ink { glyphs, fills, images, .. } = ink;
    let areas: Vec<&Fill> = fills.iter().filter(|fill| fill.bbox.width() > 3.0 && fill.bbox.height() > 3.0).collect();
    let covered_by_images: f32 = images.iter().map(|image| image.bbox.intersection(&page).area()).fold(0.0, f32::max);
    let is_scan = covered_by_images >= 0.5 * page.area();
    let mut layer_glyphs = 0;
    let last_opaque = areas
        .iter()
        .filter(|fill| fill.opaque && fill.exact)
        .map(|fill| fill.order)
        .chain(images.iter().filter(|image| image.opaque).map(|image| image.order))
        .max()
        .unwrap_or(0);
    for glyph in glyphs.iter_mut() {
        if glyph.text.is_blank() {
            continue;
        }
        if glyph.hidden == Some(HiddenReason::RenderMode) {
            let (x, y) = middle(glyph);
            if is_scan || images.iter().any(|image| image.bbox.contains_point(x, y)) {
                glyph.hidden = None;
                layer_glyphs += 1;
            }
            continue;
        }
        if glyph.hidden.is_some() {
            continue;
        }
        if glyph.size < SMALLEST_READABLE {
            glyph.hidden = Some(HiddenReason::Tiny);
            continue;
        }
        if could_vanish(glyph, &areas) && has_colour_of_ground(glyph, &areas, images) {
            glyph.hidden = Some(HiddenReason::BackgroundColour);
        } else if last_opaque > glyph.order && is_covered(glyph, &areas, images) {
            glyph.hidden = Some(HiddenReason::Covered);
        }
    }
    layer_glyphs
}

fn middle(glyph: &Glyph) -> (f32, f32) {
    let bbox = glyph.page_box();
    ((bbox.x0 + bbox.x1) / 2.0, (bbox.y0 + bbox.y1) / 2.0)
}

/// A quick look: only white glyphs, or glyphs in the colour of some area, can vanish.
fn could_vanish(glyph: &Glyph, areas: &[&Fill]) -> bool {
    glyph.paint.looks_like(&Paint::WHITE) || areas.iter().any(|fill| fill.paint.looks_like(&glyph.paint))
}

fn has_colour_of_ground(glyph: &Glyph, areas: &[&Fill], images: &[super::ink::Picture]) -> bool {
    let (x, y) = middle(glyph);
    let picture =
        images.iter().filter(|image| image.order < glyph.order && image.bbox.contains_point(x, y)).map(|image| image.order).max();
    let ground = areas.iter().rev().find(|fill| fill.order < glyph.order && fill.bbox.contains_point(x, y));
    match (ground, picture) {
        // What a picture shows is not known: the text over it counts as seen.
        (None, Some(_)) => false,
        (Some(fill), Some(picture)) if picture > fill.order => false,
        (Some(fill), _) => fill.exact && fill.opaque && fill.paint.looks_like(&glyph.paint),
        (None, None) => glyph.paint.looks_like(&Paint::WHITE),
    }
}

fn is_covered(glyph: &Glyph, areas: &[&Fill], images: &[super::ink::Picture]) -> bool {
    let bbox = glyph.page_box();
    let (x, y) = middle(glyph);
    let (dx, dy) = (bbox.width() * 0.3, bbox.height() * 0.2);
    let covers = |area: &BoundingBox| area.contains_point(x - dx, y - dy) && area.contains_point(x + dx, y + dy);
    areas
        .iter()
        .any(|fill| fill.order > glyph.order && fill.opaque && fill.exact && fill.paint != Paint::Unknown && covers(&fill.bbox))
        || images.iter().any(|image| image.order > glyph.order && image.opaque && covers(&image.bbox))
}
