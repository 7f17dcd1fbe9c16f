//! Which pages say something that the file's own text does not: scans, outlined text, text whose characters are not known.

use super::font::Text;
use super::ink::Ink;
use super::page::characters;
use super::{Block, BoundingBox, HiddenReason, PageState};

/// Fewer visible characters than this (a page number, a stamp) do not make a pictured page read.
const FEW: usize = 12;
/// Pictures that cover this share of a page are what the page is.
const MOSTLY: f32 = 0.6;
/// Pictures that cover less than this share of a page without text are decoration.
const DECORATION: f32 = 0.05;
/// Filled shapes from which a page without text and pictures is taken for text that was turned into outlines.
const OUTLINES: usize = 60;
/// The height of the bands at the top and bottom, as a share of the page, in which scanners and courts stamp numbers.
const STAMP_BAND: f32 = 0.08;
/// The share of characters without a meaning from which a page's text is no text.
const GARBLED: f32 = 0.3;
/// Fewer characters without a meaning than this are bullets and ornaments.
const FEW_GARBLED: usize = 20;

/// How a page was read: from what it paints, the blocks that were made of it, and how many of its glyphs are the invisible text
/// layer of a scan.
pub(super) fn state(ink: &Ink, blocks: &[Block], layer_glyphs: usize, page: &BoundingBox) -> PageState {
    if ink.limit.is_some() {
        return PageState::Unreadable;
    }
    let count = Count::of(ink);
    if count.is_garbled() {
        return PageState::Garbled;
    }
    let pictured = ink.images.iter().map(|image| image.bbox.intersection(page).area()).sum::<f32>() / page.area().max(1.0);
    let shown = || blocks.iter().filter(|block| block.hidden.is_none());
    if shown().next().is_none() {
        let outlined = ink.fills.iter().filter(|fill| !fill.exact && !fill.bbox.is_empty()).count() >= OUTLINES;
        let invisible = blocks.iter().any(|block| block.hidden == Some(HiddenReason::RenderMode));
        return match pictured >= DECORATION || outlined {
            true => PageState::Scan,
            false if invisible => PageState::Invisible,
            false => PageState::Blank,
        };
    }
    let in_body = shown().filter(|block| !is_stamp(block, page)).map(characters).sum::<usize>();
    if layer_glyphs * 2 > count.seen {
        PageState::TextLayer
    } else if in_body < FEW && pictured >= MOSTLY {
        PageState::Scan
    } else {
        PageState::Text
    }
}

/// A line or two in the bands where a scan is stamped with a number.
fn is_stamp(block: &Block, page: &BoundingBox) -> bool {
    let band = STAMP_BAND * page.height();
    block.lines.len() <= 2 && (block.bbox.y1 <= page.y0 + band || block.bbox.y0 >= page.y1 - band)
}

/// The visible glyphs of a page.
struct Count {
    seen: usize,
    meaningless: usize,
}

impl Count {
    fn of(ink: &Ink) -> Self {
        let mut count = Self { seen: 0, meaningless: 0 };
        for glyph in ink.glyphs.iter().filter(|glyph| glyph.hidden.is_none() && !glyph.text.is_blank()) {
            count.seen += 1;
            count.meaningless += usize::from(is_meaningless(&glyph.text));
        }
        count
    }

    fn is_garbled(&self) -> bool {
        self.meaningless >= FEW_GARBLED && self.meaningless as f32 >= GARBLED * self.seen as f32
    }
}

/// Whether a glyph stands for no character: unmapped, the replacement character, a control or private-use character.
fn is_meaningless(text: &Text) -> bool {
    match text.first() {
        None => true,
        Some(c) => {
            c == char::REPLACEMENT_CHARACTER
                || c.is_control()
                || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::document::sample::{lines, pdf, pdf_with};
    use crate::document::{ReadOptions, read};

    /// A picture of 1 x 1 pixels, drawn over the rectangle.
    fn picture(x: f32, y: f32, width: f32, height: f32) -> String {
        format!("q {width} 0 0 {height} {x} {y} cm BI /W 1 /H 1 /CS /G /BPC 8 ID \u{7f} EI Q\n")
    }

    fn state(content: &str) -> PageState {
        read(&pdf(&[content]), &ReadOptions::default()).unwrap().pages[0].state
    }

    #[test]
    fn a_page_that_is_a_picture_is_a_scan() {
        assert_eq!(state(&picture(0.0, 0.0, 600.0, 800.0)), PageState::Scan);
        assert_eq!(state(&picture(200.0, 300.0, 200.0, 200.0)), PageState::Scan);
        assert_eq!(state(&picture(10.0, 10.0, 20.0, 20.0)), PageState::Blank);
        assert_eq!(state(""), PageState::Blank);
    }

    #[test]
    fn a_number_or_a_stamp_does_not_make_a_scan_read() {
        let scan = picture(0.0, 0.0, 600.0, 800.0);
        assert_eq!(state(&(scan.clone() + &lines(290.0, 400.0, &["- 12 -"]))), PageState::Scan);
        let stamp = lines(40.0, 780.0, &["Case 1:22-cv-01234 Document 17 Filed 03/04/22 Page 5 of 61"]);
        assert_eq!(state(&(scan.clone() + &stamp)), PageState::Scan);
        assert_eq!(state(&(scan + &lines(40.0, 400.0, &["Annual report 2023", "Harbour Bank"]))), PageState::Text);
    }

    #[test]
    fn an_invisible_layer_over_a_picture_is_told_from_printed_text() {
        let layer = "BT 3 Tr /F1 10 Tf 50 700 Td (The board met on 4 March and approved the plan.) Tj 0 Tr ET\n";
        let scan = picture(0.0, 0.0, 600.0, 800.0);
        assert_eq!(state(&(scan.clone() + layer)), PageState::TextLayer);
        let printed =
            lines(50.0, 600.0, &["Printed text, much longer than the layer that lies over the picture,", "in two lines."]);
        assert_eq!(state(&(scan + layer + &printed)), PageState::Text);
    }

    #[test]
    fn text_drawn_as_outlines_is_a_scan() {
        let curve = |x: u32| format!("{x} 700 m {} 710 {} 690 {} 700 c f\n", x + 1, x + 3, x + 4);
        assert_eq!(state(&(0..80).map(|index| curve(50 + 5 * index)).collect::<String>()), PageState::Scan);
        // A ruled form without text is blank.
        assert_eq!(state(&(0..80).map(|index| format!("50 {} 400 1 re f\n", 9 * index)).collect::<String>()), PageState::Blank);
    }

    #[test]
    fn characters_without_a_meaning_are_no_text() {
        let codes = |from: u32, count: u32| (from..from + count).map(|code| format!("\\{code:03o}")).collect::<String>();
        let show = |text: &str| format!("BT /F1 10 Tf 50 700 Td ({text}) Tj ET\n");
        // The font maps its codes to private-use names, which no list knows.
        let names: String = (0..40).map(|index| format!("/g{index}")).collect();
        let encode = |content: &str| {
            let bytes = String::from_utf8(pdf_with(&[content], "", "")).unwrap();
            let named = format!("/Encoding << /Type /Encoding /Differences [128 {names}] >>");
            read(bytes.replacen("/Encoding /WinAnsiEncoding", &named, 1).as_bytes(), &ReadOptions::default()).unwrap()
        };
        let document = encode(&show(&codes(128, 40)));
        assert_eq!(document.pages[0].state, PageState::Garbled);
        assert!(document.pages[0].state.needs_ocr() && !document.pages[0].state.is_read());
        // A few bullets among text are no reason to doubt it.
        let document =
            encode(&(show(&codes(128, 10)) + &lines(50.0, 600.0, &["A sentence of ordinary words, long enough to be text."])));
        assert_eq!(document.pages[0].state, PageState::Text);
    }
}
