//! One page: glyphs -> blocks in reading order, with the page's state.

use hayro_syntax::page::Page as Source;

use super::blocks::blocks;
use super::font::FontStore;
use super::graphics::Frame;
use super::ink::{Glyph, Ink};
use super::interpret::{Context, interpret};
use super::order::{reading_order, rearranged};
use super::words::{Fragment, fragments};
use super::{Block, BoundingBox, DocumentWarning, HiddenReason, Page, PageState, hidden, scan};

/// Reads a page. What cuts across pages (running headers, heading levels) is left to [`super::finish`].
pub(super) fn read(
    source: &Source<'_>,
    number: u32,
    label: Option<String>,
    fonts: &mut FontStore,
    context: Context<'_>,
) -> (Page, Vec<DocumentWarning>) {
    let (width, height) = source.render_dimensions();
    let mut ink = interpret(source, fonts, context);
    drop_unsound_tags(&mut ink);
    let layer_glyphs = hidden::mark(&mut ink, width, height);
    let area = BoundingBox { x0: 0.0, y0: 0.0, x1: width, y1: height };
    let blocks = lay_out(&ink, &area);
    let mut warnings = Vec::new();
    let mut warn = |code: &str, message: String| {
        warnings.push(DocumentWarning { code: code.to_owned(), page: Some(number), message });
    };
    if let Some(limit) = ink.limit {
        warn("limit-reached", format!("the page exceeds the limit of {limit}; it was read in part"));
    }
    if layer_glyphs > 0 {
        warn("invisible-text-layer", "the text is an invisible layer, as OCR leaves it over a scan".to_owned());
    }
    if ink.unmapped > 0 {
        warn("unmapped-glyphs", format!("{} characters have no known text", ink.unmapped));
    }
    for reason in REASONS {
        let count: usize = blocks.iter().filter(|block| block.hidden == Some(reason)).map(characters).sum();
        if count > 0 {
            warn("hidden-text", format!("{count} characters are not seen on the page ({})", reason.as_str()));
        }
    }
    let state = scan::state(&ink, &blocks, layer_glyphs, &area);
    (Page { number, label, width, height, state, blocks, unmapped_glyphs: ink.unmapped, recognition: None }, warnings)
}

/// Tags that leave a good part of the page's text out tell half a story: geometry then tells all of it.
fn drop_unsound_tags(ink: &mut Ink) {
    let text = || ink.glyphs.iter().filter(|glyph| !glyph.artifact && !glyph.text.is_blank());
    let tagged = text().filter(|glyph| glyph.tag.is_some()).count();
    if tagged > 0 && 10 * tagged < 7 * text().count() {
        ink.glyphs.iter_mut().for_each(|glyph| glyph.tag = None);
    }
}

/// A page that broke the parser.
pub(super) fn unreadable(source: &Source<'_>, number: u32, label: Option<String>) -> (Page, Vec<DocumentWarning>) {
    let (width, height) = source.render_dimensions();
    let message = "the page broke the parser and was not read".to_owned();
    let warning = DocumentWarning { code: "page-unreadable".to_owned(), page: Some(number), message };
    let state = PageState::Unreadable;
    (Page { number, label, width, height, state, blocks: Vec::new(), unmapped_glyphs: 0, recognition: None }, vec![warning])
}

const REASONS: [HiddenReason; 6] = [
    HiddenReason::RenderMode,
    HiddenReason::BackgroundColour,
    HiddenReason::Tiny,
    HiddenReason::OffPage,
    HiddenReason::Covered,
    HiddenReason::OptionalContent,
];

/// The characters of a block.
pub(super) fn characters(block: &Block) -> usize {
    block.lines.iter().flat_map(|line| &line.words).map(|word| word.text.chars().count()).sum()
}

/// Blocks in an order that does not send the reader back up the page.
fn in_order(blocks: Vec<Block>, frame: Frame, page: &BoundingBox) -> Vec<Block> {
    let boxes: Vec<BoundingBox> = blocks.iter().map(|block| frame.box_from_page(&block.bbox)).collect();
    match rearranged(&boxes, &frame.box_from_page(page)) {
        None => blocks,
        Some(order) => {
            let mut slots: Vec<Option<Block>> = blocks.into_iter().map(Some).collect();
            order.into_iter().filter_map(|index| slots.get_mut(index)?.take()).collect()
        }
    }
}

/// What a page paints -> its blocks in reading order, hidden text after the seen.
pub(super) fn lay_out(ink: &Ink, page: &BoundingBox) -> Vec<Block> {
    let mut out = Vec::new();
    for reason in std::iter::once(None).chain(REASONS.into_iter().map(Some)) {
        let mut frames: Vec<(Frame, Vec<&Glyph>)> = Vec::new();
        for glyph in ink.glyphs.iter().filter(|glyph| glyph.hidden == reason) {
            match frames.iter_mut().find(|(frame, _)| *frame == glyph.frame) {
                Some((_, glyphs)) => glyphs.push(glyph),
                None => frames.push((glyph.frame, vec![glyph])),
            }
        }
        // The direction of most of the page comes first; turned labels and watermarks follow.
        frames.sort_by_key(|(_, glyphs)| std::cmp::Reverse(glyphs.len()));
        for (frame, glyphs) in frames {
            let pieces = fragments(&glyphs);
            let ordered: Vec<&Fragment> = reading_order(&pieces).into_iter().map(|index| &pieces[index]).collect();
            let blocks = blocks(&ordered, frame, &ink.rules, reason);
            out.extend(in_order(blocks, frame, page));
        }
    }
    out
}
