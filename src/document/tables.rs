//! Tables: runs of lines whose cells stand under each other.

use std::ops::Range;

use super::blocks::FrameLine;
use super::graphics::Frame;
use super::interpret::Rule;
use super::{Block, BlockKind, BoundingBox, Line, TableCell, TableRow};

/// The runs of lines that form tables.
pub(super) fn runs(lines: &[FrameLine<'_>], frame: Frame, rules: &[Rule]) -> Vec<Range<usize>> {
    let _ = (frame, rules);
    let mut runs = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let end = run_from(lines, at);
        if end > at {
            runs.push(at..end);
            at = end;
        } else {
            at += 1;
        }
    }
    runs
}

/// The end of the table that begins at `start`, or `start` where none does: at least three lines of two or more cells, with
/// single-cell lines between them (a label that goes over two lines, a subheading) as long as they stay close.
fn run_from(lines: &[FrameLine<'_>], start: usize) -> usize {
    if lines[start].fragments.len() < 2 {
        return start;
    }
    let mut end = start + 1;
    let mut full = 1;
    let mut last_full = start;
    while end < lines.len() {
        let (before, line) = (&lines[end - 1], &lines[end]);
        let step = line.base - before.base;
        if step <= 0.0 || step > 3.2 * line.size.max(before.size) {
            break;
        }
        if line.fragments.len() >= 2 && shares_column(&lines[start..end], line) {
            full += 1;
            last_full = end;
        } else if end - last_full > 2 || line.u1 - line.u0 > 0.7 * (lines[last_full].u1 - lines[last_full].u0) {
            break;
        }
        end += 1;
    }
    if full >= 3 { last_full + 1 } else { start }
}

/// Whether a cell of the line stands in a column of the lines above: same left edge, same right edge or same middle.
fn shares_column(above: &[FrameLine<'_>], line: &FrameLine<'_>) -> bool {
    let near = |a: f32, b: f32| (a - b).abs() <= 0.6 * line.size;
    above.iter().rev().filter(|other| other.fragments.len() >= 2).take(4).any(|other| {
        line.fragments.iter().skip(1).any(|cell| {
            other
                .fragments
                .iter()
                .skip(1)
                .any(|o| near(o.u0, cell.u0) || near(o.u1, cell.u1) || near(o.u0 + o.u1, cell.u0 + cell.u1) || (cell.u0 < o.u1 && o.u0 < cell.u1))
        })
    })
}

/// The table of a run of lines.
pub(super) fn block(lines: &[FrameLine<'_>], frame: Frame) -> Block {
    let columns = columns(lines);
    let mut rows = Vec::new();
    for line in lines {
        let mut row = TableRow::default();
        for fragment in &line.fragments {
            let middle = (fragment.u0 + fragment.u1) / 2.0;
            let column = columns.iter().position(|&(a, b)| middle >= a && middle <= b).unwrap_or(0) as u16;
            let mut text = String::new();
            for (index, word) in fragment.words.iter().enumerate() {
                if index > 0 && word.space_before {
                    text.push(' ');
                }
                text.push_str(&word.text);
            }
            let bbox = frame.box_to_page(fragment.u0, fragment.v0, fragment.u1, fragment.v1);
            match row.cells.last_mut() {
                // `$` and its figure, `(` and `)`: one column, one cell.
                Some(last) if last.column == column => {
                    let last: &mut TableCell = last;
                    last.text.push(' ');
                    last.text.push_str(&text);
                    last.bbox = last.bbox.union(&bbox);
                }
                _ => row.cells.push(TableCell { text, bbox, column }),
            }
        }
        rows.push(row);
    }
    mark_header(&mut rows);
    let lines: Vec<Line> = lines.iter().map(|line| line.to_page(frame)).collect();
    let bbox = lines.iter().fold(BoundingBox::NOTHING, |all, line| all.union(&line.bbox)).or_zero();
    Block { kind: BlockKind::Table, level: None, hidden: None, bbox, lines, rows }
}

/// The columns as intervals: what the cells of the lines cover, those that overlap taken together.
fn columns(lines: &[FrameLine<'_>]) -> Vec<(f32, f32)> {
    let mut spans: Vec<(f32, f32)> =
        lines.iter().filter(|line| line.fragments.len() >= 2).flat_map(|line| line.fragments.iter().map(|f| (f.u0, f.u1))).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut columns: Vec<(f32, f32)> = Vec::new();
    for (a, b) in spans {
        match columns.last_mut() {
            Some(last) if a <= last.1 => last.1 = last.1.max(b),
            _ => columns.push((a, b)),
        }
    }
    columns
}

/// The first rows name columns where they hold no figures but years, and rows with figures follow.
fn mark_header(rows: &mut [TableRow]) {
    let is_figure = |text: &str| {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        digits > 0 && text.chars().all(|c| c.is_ascii_digit() || " .,()%$€£¥-–—+NTHKRMBUSD".contains(c)) && !is_year(text)
    };
    let first_with_figures = rows.iter().position(|row| row.cells.iter().skip(1).any(|cell| is_figure(&cell.text)));
    if let Some(first) = first_with_figures {
        for row in &mut rows[..first.min(4)] {
            row.header = row.cells.len() >= 2 || row.cells.iter().any(|cell| cell.column > 0);
        }
    }
}

fn is_year(text: &str) -> bool {
    let text = text.trim();
    text.len() == 4 && (text.starts_with("19") || text.starts_with("20")) && text.bytes().all(|b| b.is_ascii_digit())
}
