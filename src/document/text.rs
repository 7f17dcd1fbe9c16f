//! The text of pages, blocks and lines.

use super::{Block, Line, Page};

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
    /// The line's text: its words, with a space where one stands between them.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for word in &self.words {
            if word.space_before && !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&word.text);
        }
        out
    }
}
