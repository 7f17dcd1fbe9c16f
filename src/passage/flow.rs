//! Blocks of pages -> a flow of units: paragraphs joined over lines, columns and pages, each under its heading path.

use std::collections::HashSet;

use super::anchored::AnchoredText;
use crate::document::{Block, BlockKind, Document, HiddenReason, Line};

/// A paragraph, a table or a piece of hidden text.
pub(super) struct Unit {
    pub(super) content: Content,
    pub(super) heading_path: Vec<String>,
}

pub(super) enum Content {
    /// One paragraph.
    Text(AnchoredText),
    /// The rows of one table.
    Table(Vec<AnchoredText>),
    /// Text that a reader of the page does not see.
    Hidden(HiddenReason, AnchoredText),
}

/// A heading longer than this is running text that was set large.
const LONGEST_HEADING: usize = 160;

/// The units of a document in reading order. Running headers and footers are left out.
pub(super) fn units(document: &Document) -> Vec<Unit> {
    let mut flow = Flow { vocabulary: vocabulary(document), ..Flow::default() };
    for page in &document.pages {
        for block in &page.blocks {
            flow.block(block, page.number);
        }
    }
    flow.finish()
}

#[derive(Default)]
struct Flow {
    units: Vec<Unit>,
    /// The headings in force: level and text.
    headings: Vec<(u8, AnchoredText)>,
    /// Whether something has been said under the innermost heading.
    heading_used: bool,
    /// The paragraph that the next block may continue.
    open: Option<AnchoredText>,
    vocabulary: HashSet<String>,
}

impl Flow {
    fn block(&mut self, block: &Block, page: u32) {
        if let Some(reason) = block.hidden {
            let text = self.joined(&block.lines, page);
            self.hidden(reason, text);
            return;
        }
        match block.kind {
            BlockKind::RunningHeader | BlockKind::RunningFooter => {}
            BlockKind::Table => {
                self.close();
                let rows = table_rows(block, page);
                if !rows.is_empty() {
                    self.push(Content::Table(rows));
                }
            }
            BlockKind::Heading => {
                let text = self.joined(&block.lines, page);
                self.close();
                if text.text.chars().count() > LONGEST_HEADING {
                    self.push(Content::Text(text));
                } else if !text.is_empty() {
                    self.heading(block.level.unwrap_or(1), text);
                }
            }
            BlockKind::Paragraph => {
                let text = self.joined(&block.lines, page);
                match self.open.take() {
                    Some(mut open) if continues(&open.text, &text.text) => {
                        let separator = self.line_separator(&mut open, &text.text);
                        open.append(separator, &text);
                        self.open = Some(open);
                    }
                    open => {
                        self.open = open;
                        self.close();
                        self.open = Some(text);
                    }
                }
            }
            BlockKind::ListItem | BlockKind::Caption => {
                let text = self.joined(&block.lines, page);
                self.close();
                self.open = Some(text);
            }
            // A footnote stands between the halves of a paragraph that runs over the page, so it does not close it.
            BlockKind::Footnote => {
                let text = self.joined(&block.lines, page);
                if !text.is_empty() {
                    self.push(Content::Text(text));
                }
            }
        }
    }

    fn heading(&mut self, level: u8, text: AnchoredText) {
        let replaced = self.headings.iter().position(|(above, _)| *above >= level);
        if let Some(replaced) = replaced {
            // A heading that nothing stands under would be lost with the path: it becomes text.
            let unused = self.headings.split_off(replaced).pop().filter(|_| !self.heading_used);
            if let Some((_, text)) = unused {
                self.push(Content::Text(text));
            }
        }
        self.headings.push((level, text));
        self.heading_used = false;
    }

    fn hidden(&mut self, reason: HiddenReason, text: AnchoredText) {
        if text.is_empty() {
            return;
        }
        if let Some(Unit { content: Content::Hidden(last, hidden), .. }) = self.units.last_mut()
            && *last == reason
        {
            hidden.append("\n", &text);
            return;
        }
        let heading_path = self.heading_path();
        self.units.push(Unit { content: Content::Hidden(reason, text), heading_path });
    }

    fn close(&mut self) {
        if let Some(text) = self.open.take().filter(|text| !text.is_empty()) {
            self.push(Content::Text(text));
        }
    }

    fn push(&mut self, content: Content) {
        let heading_path = self.heading_path();
        self.units.push(Unit { content, heading_path });
        self.heading_used = true;
    }

    fn heading_path(&self) -> Vec<String> {
        self.headings.iter().map(|(_, text)| text.text.clone()).collect()
    }

    fn finish(mut self) -> Vec<Unit> {
        self.close();
        if !self.heading_used
            && let Some((_, text)) = self.headings.pop()
        {
            self.push(Content::Text(text));
        }
        self.units
    }

    /// The words of lines as running text.
    fn joined(&self, lines: &[Line], page: u32) -> AnchoredText {
        let mut joined = AnchoredText::default();
        for line in lines {
            for (index, word) in line.words.iter().enumerate() {
                let before = index.checked_sub(1).and_then(|before| line.words.get(before));
                let separator = match index {
                    _ if joined.is_empty() => "",
                    _ if before.is_some_and(|before| word.repaints_end_of(before)) => {
                        joined.drop_last_character();
                        ""
                    }
                    0 => self.line_separator(&mut joined, &word.text),
                    _ if word.space_before => " ",
                    _ => "",
                };
                joined.push_word(separator, word, page);
            }
        }
        joined
    }

    /// What stands between the end of a line and the start of the next; a hyphen that only broke a word goes.
    fn line_separator(&self, text: &mut AnchoredText, next: &str) -> &'static str {
        let Some(first) = next.chars().next() else { return "" };
        let Some(last) = text.text.chars().next_back() else { return "" };
        if is_hyphen(last) && first.is_lowercase() && self.is_line_hyphen(&text.text, next) {
            text.drop_last_character();
            return "";
        }
        let hyphen_joins = is_hyphen(last) && text.text.chars().rev().nth(1).is_some_and(char::is_alphanumeric);
        if hyphen_joins || is_cjk(last) || is_cjk(first) { "" } else { " " }
    }

    /// Whether the hyphen at the end of `text` is there for the line's sake alone: the document elsewhere writes the word
    /// without it, or never with it.
    fn is_line_hyphen(&self, text: &str, next: &str) -> bool {
        let head: String =
            text.trim_end_matches(is_hyphen).rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or("").to_lowercase();
        let tail: String = next.chars().take_while(|c| c.is_alphabetic()).collect::<String>().to_lowercase();
        if head.is_empty() || tail.is_empty() {
            return false;
        }
        self.vocabulary.contains(&format!("{head}{tail}")) || !self.vocabulary.contains(&format!("{head}-{tail}"))
    }
}

/// The words that stand whole within lines, in lower case, without punctuation at their ends.
fn vocabulary(document: &Document) -> HashSet<String> {
    let lines = document.pages.iter().flat_map(|page| &page.blocks).flat_map(|block| &block.lines);
    let words = lines.flat_map(|line| line.words.split_last().map(|(_, within)| within).unwrap_or_default());
    words
        .filter(|word| word.text.is_ascii())
        .map(|word| word.text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .filter(|word| word.len() > 3)
        .collect()
}

fn table_rows(block: &Block, page: u32) -> Vec<AnchoredText> {
    if block.rows.is_empty() {
        let rows = block.lines.iter().map(|line| {
            let mut row = AnchoredText::default();
            for word in &line.words {
                let separator = if row.is_empty() || !word.space_before { "" } else { " " };
                row.push_word(separator, word, page);
            }
            row
        });
        return rows.filter(|row| !row.is_empty()).collect();
    }
    let rows = block.rows.iter().map(|row| {
        let mut text = AnchoredText::default();
        for cell in row.cells.iter().filter(|cell| !cell.text.trim().is_empty()) {
            let separator = if text.is_empty() { "" } else { " | " };
            text.push_boxed(separator, &cell.text.replace('\n', " "), page, cell.bbox);
        }
        text
    });
    rows.filter(|row| !row.is_empty()).collect()
}

/// Whether a paragraph goes on in the next block: it stopped within a sentence, and the next does not start a new one.
fn continues(open: &str, next: &str) -> bool {
    let Some(first) = next.trim_start().chars().next() else { return false };
    let Some(last) = open.trim_end().chars().next_back() else { return false };
    if is_terminal(last) {
        return false;
    }
    if is_cjk(last) || is_cjk(first) {
        // Chinese has no capitals: a full line without a stop goes on, a short one is a title or a label.
        return is_cjk(first)
            && open.chars().count() >= 20
            && !first.is_numeric()
            && !"（(一二三四五六七八九十壹貳參".contains(first);
    }
    first.is_lowercase() || last == ',' || is_hyphen(last)
}

fn is_terminal(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | ':' | ';' | '。' | '！' | '？' | '：' | '；' | '”' | '"' | '」' | '』')
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{ad}' | '\u{2010}' | '\u{2011}')
}

/// Han, kana, and the punctuation set with them: written without spaces.
fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff65}' | '\u{20000}'..='\u{3ffff}')
}
