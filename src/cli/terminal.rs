//! Text for terminals: styles where a terminal reads them, and document text made harmless.

use std::borrow::Cow;

use console::Style;

/// Writes a line to standard output; what a reader who has closed the pipe misses is dropped.
pub(crate) fn print_line(line: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Document text for a terminal: control characters, escape sequences and bidirectional controls are shown as `␛`-like
/// pictures or dropped, so that text from a file cannot move the cursor, recolour the screen or reorder what is read.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| (c.is_control() && c != '\n') || is_bidirectional_control(c);
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().filter_map(|c| match c {
        '\n' => Some('\n'),
        '\t' => Some(' '),
        '\u{7f}' => Some('\u{2421}'),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32),
        c if harmful(c) => None,
        c => Some(c),
    });
    Cow::Owned(shown.collect())
}

fn is_bidirectional_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The styles of the program's output; plain where standard output is no terminal or NO_COLOR is set.
pub(super) struct Styles {
    pub(super) heading: Style,
    pub(super) good: Style,
    pub(super) bad: Style,
    pub(super) doubtful: Style,
    pub(super) faint: Style,
}

impl Styles {
    pub(super) fn new() -> Self {
        Self {
            heading: Style::new().bold(),
            good: Style::new().green(),
            bad: Style::new().red().bold(),
            doubtful: Style::new().yellow(),
            faint: Style::new().dim(),
        }
    }
}

/// Wraps text to the width of the terminal (100 columns elsewhere), each line after `indent` spaces. Han characters are two
/// columns wide and may be parted anywhere.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let (_, columns) = console::Term::stdout().size_checked().unwrap_or((0, 100));
    let width = usize::from(columns).clamp(60, 120) - indent;
    let mut out = String::new();
    let mut column = 0;
    for piece in pieces(text) {
        let piece_width = console::measure_text_width(piece);
        if column > 0 && column + console::measure_text_width(piece.trim_end()) > width {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(piece);
        column += piece_width;
    }
    out.truncate(out.trim_end().len());
    out
}

/// The pieces between which a line may break: words with the space after them, single Han characters with the punctuation
/// that must not start a line.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut previous: Option<char> = None;
    for (at, c) in text.char_indices() {
        let breaks =
            previous.is_some_and(|before| before == ' ' || ((is_wide(before) || is_wide(c)) && !sticks(c) && !opens(before)));
        if breaks && c != ' ' {
            pieces.push(&text[start..at]);
            start = at;
        }
        previous = Some(c);
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}')
}

fn sticks(c: char) -> bool {
    "，。、；：！？）」』》〉】％,.;:!?)%".contains(c)
}

fn opens(c: char) -> bool {
    "（「『《〈【(".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_text_cannot_drive_the_terminal() {
        assert_eq!(harmless("plain 文字"), "plain 文字");
        assert_eq!(harmless("a\u{1b}[31mb\u{202e}c\rd"), "a\u{241b}[31mbc\u{240d}d");
    }

    #[test]
    fn chinese_wraps_without_spaces_and_keeps_punctuation_off_line_starts() {
        let text = "本行核心系統委由單一雲端業者代管，".repeat(8);
        let wrapped = wrapped(&text, 2);
        assert!(wrapped.lines().count() > 1);
        assert!(wrapped.lines().all(|line| line.starts_with("  ") && !line.trim_start().starts_with('，')));
        assert_eq!(wrapped.replace(['\n', ' '], ""), text);
    }
}
