//! Running headers and footers: lines at the top and bottom edge that come back on page after page.

use std::collections::HashMap;

use super::{Block, BlockKind, Page};

/// How much of the page's height, at each edge, may hold running lines.
const EDGE: f32 = 0.12;

/// Marks running headers and footers.
///
/// A line counts as running where its text, digits taken as equal, stands at nearly the same height on at least three pages and
/// on a fifth of those within reach (ten pages on either side), or is nothing but a page number in an edge.
pub(super) fn mark(pages: &mut [Page]) {
    let mut places: HashMap<(String, i32), Vec<usize>> = HashMap::new();
    for (index, page) in pages.iter().enumerate() {
        for block in page.blocks.iter().filter(|block| is_at_edge(block, page).is_some()) {
            for key in keys(block) {
                let seen = places.entry(key).or_default();
                if seen.last() != Some(&index) {
                    seen.push(index);
                }
            }
        }
    }
    for (index, page) in pages.iter_mut().enumerate() {
        let height = page.height;
        mark_lone_number(page);
        for block in page.blocks.iter_mut() {
            let Some(kind) = edge_kind(block, height) else { continue };
            let text = block.text();
            let repeats = keys(block).into_iter().any(|key| {
                places.get(&key).is_some_and(|seen| {
                    let near = seen.iter().filter(|&&other| other.abs_diff(index) <= 10).count();
                    seen.len() >= 3 && near >= 3
                })
            });
            if repeats || is_page_number(&text) {
                block.kind = kind;
                block.level = None;
                block.rows.clear();
            }
        }
    }
}

/// A page number that stands alone below (or above) everything else, in the outer fifth.
fn mark_lone_number(page: &mut Page) {
    let height = page.height;
    let seen = || page.blocks.iter().enumerate().filter(|(_, block)| block.hidden.is_none());
    let lowest = seen().max_by(|a, b| a.1.bbox.y1.total_cmp(&b.1.bbox.y1)).map(|(index, _)| index);
    let highest = seen().min_by(|a, b| a.1.bbox.y0.total_cmp(&b.1.bbox.y0)).map(|(index, _)| index);
    for (index, kind) in [(lowest, BlockKind::RunningFooter), (highest, BlockKind::RunningHeader)] {
        let Some(block) = index.and_then(|index| page.blocks.get_mut(index)) else { continue };
        let at_edge = match kind {
            BlockKind::RunningFooter => block.bbox.y0 >= 0.8 * height,
            _ => block.bbox.y1 <= 0.2 * height,
        };
        if at_edge && block.lines.len() == 1 && is_page_number(&block.text()) {
            block.kind = kind;
            block.level = None;
        }
    }
}

fn is_at_edge(block: &Block, page: &Page) -> Option<BlockKind> {
    edge_kind(block, page.height)
}

fn edge_kind(block: &Block, height: f32) -> Option<BlockKind> {
    if block.hidden.is_some() || block.lines.len() > 4 {
        return None;
    }
    if block.bbox.y1 <= EDGE * height {
        Some(BlockKind::RunningHeader)
    } else if block.bbox.y0 >= (1.0 - EDGE) * height {
        Some(BlockKind::RunningFooter)
    } else {
        None
    }
}

/// The block's text with digits taken as equal, at its height and (as heights waver) the one below.
fn keys(block: &Block) -> [(String, i32); 2] {
    let text: String =
        block.text().chars().filter(|c| !c.is_whitespace()).map(|c| if c.is_numeric() { '#' } else { c }).take(80).collect();
    let text = collapse(&text);
    let height = (block.bbox.y0 / 8.0).round() as i32;
    [(text.clone(), height), (text, height + 1)]
}

/// Runs of `#` as one, so that page 9 and page 10 agree.
fn collapse(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c != '#' || !out.ends_with('#') {
            out.push(c);
        }
    }
    out
}

/// `12`, `- 12 -`, `Page 3 of 20`, `第 3 頁`, `F-12`, `iv`.
fn is_page_number(text: &str) -> bool {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    let bare = compact.trim_matches(|c: char| "-–—~．.|[]()·".contains(c));
    if bare.is_empty() || bare.chars().count() > 14 {
        return false;
    }
    let rest =
        ["page", "of", "第", "頁", "页", "共", "/", "f-"].iter().fold(bare.to_owned(), |text, word| text.replace(word, ""));
    !rest.is_empty()
        && rest.chars().count() <= 8
        && (rest.chars().all(|c| c.is_ascii_digit() || c == '-') && rest.chars().any(|c| c.is_ascii_digit())
            || (rest.len() <= 6 && rest.chars().all(|c| "ivxl".contains(c))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_numbers_of_both_languages() {
        for text in ["12", "- 3 -", "Page 3 of 20", "第 3 頁", "F-12", "iv", "3/20", "~5~"] {
            assert!(is_page_number(text), "{text}");
        }
        for text in ["2022 was", "12.5%x", "Item 1", "vivid", "第三章", ""] {
            assert!(!is_page_number(text), "{text}");
        }
    }
}
