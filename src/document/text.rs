//! The text of pages, blocks and lines.

use super::{Block, Line, Page, Word};

impl Page {
    /// The page's text as read: blocks in reading order with a blank line between them, running headers and footers included,
    /// hidden text left out.
    pub fn text(&self) -> String {
        let texts: Vec<String> = self.blocks.iter().filter(|block| block.hidden.is_none()).map(Block::text).collect();
        texts.join("\n\n")
    }
}

impl Block {
    /// The block's text, one line each.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(Line::text).collect();
        lines.join("\n")
    }
}

impl Line {
    /// The line's text: its words, with a space where one stands between them. A gap as wide as between cells is an em space
    /// (U+2003), so that `名稱` and `關係` of two cells are no phrase, nor two words of one cell.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut before: Option<&Word> = None;
        for word in &self.words {
            if let Some(before) = before.filter(|_| word.space_before) {
                out.push(if is_wide_gap(before, word) { '\u{2003}' } else { ' ' });
            }
            out.push_str(&word.text);
            before = Some(word);
        }
        out
    }
}

/// Whether two neighbours stand apart by more than the size of their type.
fn is_wide_gap(before: &Word, word: &Word) -> bool {
    let across = (word.bbox.x0 - before.bbox.x1).max(before.bbox.x0 - word.bbox.x1);
    let down = (word.bbox.y0 - before.bbox.y1).max(before.bbox.y0 - word.bbox.y1);
    across.max(down) > 1.1 * before.size.max(word.size)
}
