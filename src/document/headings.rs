//! Headings and their levels, footnotes: from size, weight, numbering and the outline, against the body text of the document.

use std::collections::HashMap;

use super::blocks::list_marker;
use super::{Block, BlockKind, OutlineEntry, Page};

/// Marks headings with levels, and footnotes.
pub(super) fn mark(pages: &mut [Page], outline: &[OutlineEntry]) {
    let Some(body) = body_size(pages) else { return };
    drop_unsound_tags(pages);
    let by_page = outline_by_page(outline);
    let mut sizes: Vec<i32> = Vec::new();
    for page in pages.iter_mut() {
        let entries = by_page.get(&page.number).map(Vec::as_slice).unwrap_or_default();
        let height = page.height;
        for block in page.blocks.iter_mut() {
            if block.hidden.is_some() || !matches!(block.kind, BlockKind::Paragraph | BlockKind::ListItem) {
                continue;
            }
            if let Some(level) = outline_level(block, entries) {
                block.kind = BlockKind::Heading;
                block.level = Some(level);
            } else if is_heading(block, body) {
                block.kind = BlockKind::Heading;
                sizes.push(size_key(block));
            } else if is_footnote(block, body, height) {
                block.kind = BlockKind::Footnote;
            }
        }
    }
    sizes.sort_unstable();
    sizes.dedup();
    sizes.reverse();
    for block in pages.iter_mut().flat_map(|page| page.blocks.iter_mut()) {
        if block.kind == BlockKind::Heading && block.level.is_none() {
            let by_size = sizes.iter().position(|&size| size == size_key(block)).unwrap_or(0) + 1;
            let level = numbering_depth(&block.text()).map_or(by_size, |depth| depth.max(1));
            block.level = Some(level.clamp(1, 6) as u8);
        }
    }
}

/// Headings of the structure tree that are too long to be any become text; where a tenth of the text is tagged as headings, none
/// is believed.
fn drop_unsound_tags(pages: &mut [Page]) {
    const LONGEST: usize = 250;
    let characters = |block: &Block| block.text().chars().count();
    let visible = || pages.iter().flat_map(|page| &page.blocks).filter(|block| block.hidden.is_none());
    let headings: usize = visible().filter(|block| block.kind == BlockKind::Heading).map(characters).sum();
    let all: usize = visible().map(characters).sum();
    let none_is_sound = all > 2_000 && 10 * headings > all;
    for block in pages.iter_mut().flat_map(|page| page.blocks.iter_mut()).filter(|block| block.kind == BlockKind::Heading) {
        if none_is_sound || characters(block) > LONGEST {
            block.kind = BlockKind::Paragraph;
            block.level = None;
        }
    }
}

/// The size of most characters of running text.
fn body_size(pages: &[Page]) -> Option<f32> {
    let mut counts: HashMap<i32, usize> = HashMap::new();
    let visible = pages.iter().flat_map(|page| &page.blocks).filter(|block| block.hidden.is_none());
    for word in visible.flat_map(|block| &block.lines).flat_map(|line| &line.words) {
        *counts.entry((word.size * 2.0).round() as i32).or_default() += word.text.chars().count();
    }
    counts.into_iter().max_by_key(|&(size, count)| (count, size)).map(|(size, _)| size as f32 / 2.0)
}

fn outline_by_page(outline: &[OutlineEntry]) -> HashMap<u32, Vec<(String, u8)>> {
    let mut by_page: HashMap<u32, Vec<(String, u8)>> = HashMap::new();
    for entry in outline {
        if let Some(page) = entry.page {
            by_page.entry(page).or_default().push((squeeze(&entry.title), entry.level));
        }
    }
    by_page
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn outline_level(block: &Block, entries: &[(String, u8)]) -> Option<u8> {
    if entries.is_empty() || block.lines.len() > 4 {
        return None;
    }
    let text = squeeze(&block.text());
    if text.chars().count() < 3 {
        return None;
    }
    entries
        .iter()
        .find(|(title, _)| *title == text || (title.ends_with(&text) && text.chars().count() * 2 > title.chars().count()))
        .map(|entry| entry.1)
}

fn size(block: &Block) -> f32 {
    let words = || block.lines.iter().flat_map(|line| &line.words);
    let total: usize = words().map(|word| word.text.chars().count()).sum();
    words().map(|word| word.size * word.text.chars().count() as f32).sum::<f32>() / total.max(1) as f32
}

fn size_key(block: &Block) -> i32 {
    let bold = block.lines.iter().flat_map(|line| &line.words).all(|word| word.bold);
    (size(block) * 2.0).round() as i32 * 2 + i32::from(bold)
}

/// Larger than the body, or bold or numbered and short, and not a sentence.
fn is_heading(block: &Block, body: f32) -> bool {
    let text = block.text();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let characters = text.chars().count();
    if letters < 2
        || block.lines.len() > 3
        || characters > 160
        || 2 * letters < characters.saturating_sub(text.matches(' ').count())
    {
        return false;
    }
    let ends_as_sentence = text.trim_end().ends_with(['.', '。', '；', ';', ',', '，', '：', ':', '、']);
    let size = size(block);
    let bold = block.lines.iter().flat_map(|line| &line.words).all(|word| word.bold);
    let larger = size >= 1.15 * body;
    if larger {
        return !ends_as_sentence || size >= 1.5 * body;
    }
    if size < 0.95 * body || ends_as_sentence {
        return false;
    }
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    let numbered = numbering_depth(&text).is_some();
    bold || (block.lines.len() == 1
        && ((numbered && characters <= 60 && block.kind == BlockKind::ListItem && is_chinese(&text))
            || (capitals == letters && letters >= 6 && letters * 10 >= characters * 7)))
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// The depth that a heading's number shows: `3.` 1, `3.2` 2, `3.2.1` 3; `壹、` 1, `一、` 2, `（一）` 3, `1.` under Chinese 4;
/// `PART`, `第…章` 1; `Item`, `第…節`, `第…條` 2.
fn numbering_depth(text: &str) -> Option<usize> {
    let text = text.trim_start();
    let lower = text.get(..8.min(text.len())).map(str::to_lowercase).unwrap_or_default();
    if lower.starts_with("part ") || lower.starts_with("chapter ") {
        return Some(1);
    }
    if lower.starts_with("item ") || lower.starts_with("section ") || lower.starts_with("note ") {
        return Some(2);
    }
    if let Some(rest) = text.strip_prefix('第') {
        let unit = rest.chars().find(|c| "章編篇部節條款".contains(*c))?;
        let near = rest.chars().take(6).any(|c| c == unit);
        return near.then_some(if "章編篇部".contains(unit) { 1 } else { 2 });
    }
    let first = text.chars().next()?;
    if "壹貳參肆伍陸柒捌玖拾".contains(first) && list_marker(text).is_some() {
        return Some(1);
    }
    if "一二三四五六七八九十".contains(first) && list_marker(text).is_some() {
        return Some(2);
    }
    if text.starts_with(['（', '(']) && list_marker(text).is_some() {
        return Some(3);
    }
    let number: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let parts = number.split('.').filter(|part| !part.is_empty()).count();
    let follows = text[number.len()..].starts_with([' ', '、', ' ']);
    let sound = number.split('.').all(|part| part.len() <= 2);
    (parts > 0 && sound && follows && (number.contains('.') || text[number.len()..].starts_with('、'))).then_some(parts)
}

/// Small print in the lower half that begins with a mark.
fn is_footnote(block: &Block, body: f32, height: f32) -> bool {
    if size(block) > 0.92 * body || block.bbox.y0 < 0.5 * height {
        return false;
    }
    let text = block.text();
    let text = text.trim_start();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    text.starts_with(['*', '†', '‡', '註', '注', '¹', '²', '³', '(', '（']) || (1..=2).contains(&digits)
}
