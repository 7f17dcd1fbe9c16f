//! The text of pages, blocks and lines.

use super::words::is_wide;
use super::{Block, Line, Page, PageState, Word};

impl Page {
    /// The page's text as read: blocks in reading order with a blank line between them, running headers and footers included,
    /// hidden text left out.
    pub fn text(&self) -> String {
        let texts: Vec<String> = self.read_blocks().map(Block::text).collect();
        texts.join("\n\n")
    }

    /// The blocks that make up what the page says: those that are seen, or all of a page that is [`PageState::Invisible`].
    pub fn read_blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.hidden.is_none() || self.state == PageState::Invisible)
    }
}

impl Block {
    /// The block's text, one line each.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(Line::text).collect();
        lines.join("\n")
    }
}

impl Word {
    /// Whether it begins by painting again, on the same spot, the character that `before` ends with: strings of some producers
    /// overlap by one character. Both are kept as painted; who reads on drops one.
    pub fn repaints_end_of(&self, before: &Self) -> bool {
        let last_character = before.edges.len().checked_sub(2).and_then(|at| before.edges.get(at)).unwrap_or(&before.bbox.x0);
        let same = self.text.chars().next().is_some_and(|first| before.text.ends_with(first));
        same && !self.vertical
            && !before.vertical
            && self.bbox.x0 < (last_character + before.bbox.x1) / 2.0
            && self.bbox.x0 > last_character - (before.bbox.x1 - last_character)
    }
}

impl Line {
    /// The line's text: its words, with a space where one stands between them. Chinese has no spaces within running text; what
    /// parts two of its words is the border of cells or a gap as wide as a character, and is written as such (U+2003).
    pub fn text(&self) -> String {
        let mut out = String::new();
        for word in &self.words {
            if word.space_before && !out.is_empty() {
                let between_wide = out.ends_with(is_wide) && word.text.starts_with(is_wide);
                out.push(if between_wide { '\u{2003}' } else { ' ' });
            }
            out.push_str(&word.text);
        }
        out
    }
}
