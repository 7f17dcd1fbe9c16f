//! Tables: runs of lines whose cells stand under each other.

mod header;
mod tagged;

use std::ops::Range;

use super::blocks::{FrameLine, list_marker};
use super::graphics::Frame;
use super::ink::Rule;
use super::words::FrameWord;
use super::{Block, BlockKind, BoundingBox, Line, TableCell, TableRow};

/// The runs of lines that form tables: those that the structure tree says are one, three lines of two or more cells, or two
/// between drawn rules.
pub(super) fn runs(lines: &[FrameLine<'_>], frame: Frame, rules: &[Rule]) -> Vec<Range<usize>> {
    let rows: Vec<Vec<Cell>> = lines.iter().map(cells).collect();
    let tagged = tagged::runs(lines);
    let mut runs = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if let Some(run) = tagged.iter().find(|run| run.contains(&at)) {
            runs.push(at..run.end);
            at = run.end;
            continue;
        }
        let limit = tagged.iter().map(|run| run.start).find(|&start| start > at).unwrap_or(lines.len());
        let (end, full) = run_from(&lines[..limit], &rows[..limit], at);
        if full >= 3 || (full == 2 && is_ruled(&lines[at..end], frame, rules)) {
            let before = runs.last().map_or(0, |run: &Range<usize>| run.end);
            runs.push(header::start(&lines[..end], &rows[..end], before, at)..end);
            at = end;
        } else {
            at += 1;
        }
    }
    runs
}

/// A cell of one line, in the coordinates of the frame.
#[derive(Clone, Debug)]
struct Cell {
    text: String,
    /// The width of its first word.
    first_word: f32,
    u0: f32,
    u1: f32,
    v0: f32,
    v1: f32,
}

impl Cell {
    fn of(word: &FrameWord) -> Self {
        Self { text: word.text.clone(), first_word: word.u1 - word.u0, u0: word.u0, u1: word.u1, v0: word.v0, v1: word.v1 }
    }

    fn push(&mut self, text: &str, space: bool, other: (f32, f32, f32, f32)) {
        if space {
            self.text.push(' ');
        }
        self.text.push_str(text);
        self.u0 = self.u0.min(other.0);
        self.u1 = self.u1.max(other.1);
        self.v0 = self.v0.min(other.2);
        self.v1 = self.v1.max(other.3);
    }

    fn join(&mut self, next: &Self) {
        self.push(&next.text, true, (next.u0, next.u1, next.v0, next.v1));
    }
}

/// The cells of a line: its fragments, with a currency sign put to the figure after it and a percent sign or closing bracket to
/// the one before. A list marker and its text are one cell.
fn cells(line: &FrameLine<'_>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for fragment in &line.fragments {
        for (index, word) in fragment.words.iter().enumerate() {
            let own = (word.u0, word.u1, word.v0, word.v1);
            let opens = index == 0
                || (word.space_before
                    && is_currency(&word.text)
                    && cells.last().is_some_and(|cell| cell.text.ends_with(is_figure_end)));
            match cells.last_mut() {
                Some(last) if !opens => last.push(&word.text, word.space_before, own),
                _ => cells.push(Cell::of(word)),
            }
        }
    }
    let mut merged: Vec<Cell> = Vec::new();
    for cell in cells {
        let joins = merged.last().is_some_and(|last| {
            (is_currency(&last.text) && cell.text.starts_with(|c: char| c.is_ascii_digit() || "(-–—−.".contains(c)))
                || (matches!(cell.text.as_str(), "%" | ")" | ")%" | "％") && last.text.ends_with(is_figure_end))
                || (merged.len() == 1 && list_marker(&last.text).is_some_and(|marker| marker.is_bullet || last.text.len() <= 5))
        });
        match merged.last_mut() {
            Some(last) if joins => last.join(&cell),
            _ => merged.push(cell),
        }
    }
    merged
}

fn is_currency(text: &str) -> bool {
    matches!(text, "$" | "€" | "£" | "¥" | "NT$" | "US$" | "HK$" | "＄")
}

fn is_figure_end(c: char) -> bool {
    c.is_ascii_digit() || ")—–-%".contains(c)
}

/// The end of the run that begins at `start`, and how many of its lines have two cells or more. Lines of one cell between them (a
/// label over two lines, a subheading) belong to it as long as they stay close.
fn run_from(lines: &[FrameLine<'_>], rows: &[Vec<Cell>], start: usize) -> (usize, usize) {
    if rows[start].len() < 2 {
        return (start, 0);
    }
    let mut end = start + 1;
    let mut full = 1;
    let mut last_full = start;
    while end < lines.len() {
        let (before, line) = (&lines[end - 1], &lines[end]);
        let step = line.base - before.base;
        if step <= 0.0 || step > 3.4 * line.size.max(before.size) {
            break;
        }
        if rows[end].len() >= 2 {
            if !shares_column(&rows[start..end], &rows[end], line.size) {
                break;
            }
            full += 1;
            last_full = end;
        } else if end - last_full > 2 || line.u1 - line.u0 > 0.7 * width_around(lines, rows, last_full, end) {
            break;
        }
        end += 1;
    }
    (last_full + 1, full)
}

/// The width of the full lines before and after a line of one cell: a head of dates alone is narrow, the rows under it are not.
fn width_around(lines: &[FrameLine<'_>], rows: &[Vec<Cell>], last_full: usize, at: usize) -> f32 {
    let next_full = (at + 1..lines.len().min(at + 3)).find(|&next| rows[next].len() >= 2);
    let width = |index: usize| lines[index].u1 - lines[index].u0;
    next_full.map_or(width(last_full), |next| width(next).max(width(last_full)))
}

/// Whether a cell stands in a column of the rows above: under one of their cells.
fn shares_column(above: &[Vec<Cell>], row: &[Cell], size: f32) -> bool {
    above.iter().rev().filter(|other| other.len() >= 2).take(4).any(|other| {
        row.iter().skip(1).any(|cell| other.iter().skip(1).any(|o| cell.u0 < o.u1 + 0.5 * size && o.u0 < cell.u1 + 0.5 * size))
    })
}

/// Whether at least two rules run across the lines.
fn is_ruled(lines: &[FrameLine<'_>], frame: Frame, rules: &[Rule]) -> bool {
    let bounds = lines
        .iter()
        .map(|line| frame.box_to_page(line.u0, line.v0, line.u1, line.v1))
        .fold(BoundingBox::NOTHING, |all, b| all.union(&b));
    let across = |rule: &&Rule| {
        let near = rule.bbox.y0 >= bounds.y0 - 8.0 && rule.bbox.y1 <= bounds.y1 + 8.0;
        rule.horizontal && near && rule.bbox.intersection(&bounds).width() >= 0.3 * bounds.width()
    };
    rules.iter().filter(across).count() >= 2
}

/// The table of a run of lines.
pub(super) fn block(lines: &[FrameLine<'_>], frame: Frame) -> Block {
    let rows = tagged::rows(lines, frame).unwrap_or_else(|| rows(lines, frame));
    let lines: Vec<Line> = lines.iter().map(|line| line.to_page(frame)).collect();
    let bbox = lines.iter().fold(BoundingBox::NOTHING, |all, line| all.union(&line.bbox)).or_zero();
    Block { kind: BlockKind::Table, level: None, hidden: None, bbox, lines, rows }
}

/// Rows and cells by geometry.
fn rows(lines: &[FrameLine<'_>], frame: Frame) -> Vec<TableRow> {
    let parts: Vec<Vec<Cell>> = lines.iter().map(cells).collect();
    let columns = columns(&parts);
    let widest_label =
        parts.iter().filter_map(|cells| cells.first()).filter(|cell| column_of(&columns, cell) == 0).map(|cell| cell.u1);
    let label_edge = widest_label.fold(f32::NEG_INFINITY, f32::max);
    let mut rows: Vec<TableRow> = Vec::new();
    let mut drafts: Vec<header::Line> = Vec::new();
    for (at, (cells, line)) in parts.iter().zip(lines).enumerate() {
        let mut row = TableRow::default();
        for cell in cells {
            let column = column_of(&columns, cell);
            let bbox = frame.box_to_page(cell.u0, cell.v0, cell.u1, cell.v1);
            match row.cells.last_mut() {
                Some(last) if last.column == column => extend(last, &cell.text, &bbox),
                _ => row.cells.push(TableCell { text: cell.text.clone(), bbox, column }),
            }
        }
        let before = at.checked_sub(1).map(|before| (&lines[before], &parts[before]));
        match (rows.last_mut(), before) {
            (Some(last), Some((above, label))) if continues_label(last, &row, (above, label), (line, cells), label_edge) => {
                merge(last, row);
            }
            _ => {
                drafts.push(header::Line { base: line.base, size: line.size, spans: header::spans(cells, &columns) });
                rows.push(row);
            }
        }
    }
    mark_header(&mut rows);
    header::stack(rows, &drafts)
}

fn extend(cell: &mut TableCell, text: &str, bbox: &BoundingBox) {
    cell.text.push(' ');
    cell.text.push_str(text);
    cell.bbox = cell.bbox.union(bbox);
}

/// A label over two lines: the row so far is a label without figures, and the next goes on in lower case, or its first word would
/// not have fitted into the column; or the next is the label's figures, set a hair lower than the label.
fn continues_label(
    last: &TableRow,
    next: &TableRow,
    (above, label): (&FrameLine<'_>, &[Cell]),
    (line, rest): (&FrameLine<'_>, &[Cell]),
    label_edge: f32,
) -> bool {
    let (Some(first), Some(second)) = (last.cells.first(), next.cells.first()) else { return false };
    let step = line.base - above.base;
    if last.cells.len() != 1 || first.column != 0 || step > 1.6 * line.size.max(above.size) {
        return false;
    }
    if second.column != 0 {
        return step < 0.7 * line.size;
    }
    let goes_on = second.text.starts_with(|c: char| c.is_lowercase() || c == '(');
    let (Some(label), Some(rest)) = (label.last(), rest.first()) else { return false };
    let is_full = label.u1 + 0.25 * line.size + rest.first_word > label_edge;
    let is_listed = list_marker(&second.text).is_some();
    goes_on && !is_listed || is_full && above.bold == line.bold && rest.u0 >= label.u0 - 1.0 && !is_listed
}

fn merge(last: &mut TableRow, next: TableRow) {
    for cell in next.cells {
        match last.cells.iter_mut().find(|known| known.column == cell.column) {
            Some(known) => extend(known, &cell.text, &cell.bbox),
            None => last.cells.push(cell),
        }
    }
}

/// The columns as intervals. The fullest line, of those with figures where there are some, says how many there are; the other full lines widen them where a cell stands in
/// one column only. Headers that span columns do not count.
fn columns(rows: &[Vec<Cell>]) -> Vec<(f32, f32)> {
    let has_figures = |row: &&Vec<Cell>| row.iter().skip(1).any(|cell| is_figure(&cell.text));
    let body: Vec<&Vec<Cell>> = rows.iter().filter(has_figures).collect();
    let rows: Vec<&Vec<Cell>> = if body.len() >= 2 { body } else { rows.iter().collect() };
    let most = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let Some(seed) = rows.iter().rfind(|row| row.len() == most) else { return Vec::new() };
    let mut columns: Vec<(f32, f32)> = seed.iter().map(|cell| (cell.u0, cell.u1)).collect();
    for cell in rows.iter().filter(|row| 4 * row.len() >= 3 * most).flat_map(|row| row.iter()) {
        let mut hits = columns.iter_mut().filter(|column| cell.u0 < column.1 && column.0 < cell.u1);
        if let (Some(column), None) = (hits.next(), hits.next()) {
            *column = (column.0.min(cell.u0), column.1.max(cell.u1));
        }
    }
    columns
}

/// The column that a cell overlaps most, else the nearest.
fn column_of(columns: &[(f32, f32)], cell: &Cell) -> u16 {
    let overlap = |column: &(f32, f32)| column.1.min(cell.u1) - column.0.max(cell.u0);
    let best = columns.iter().enumerate().max_by(|a, b| overlap(a.1).total_cmp(&overlap(b.1)).then(b.0.cmp(&a.0)));
    best.map_or(0, |(index, _)| index as u16)
}

/// The first rows name columns where they hold no figures but years, and rows with figures follow. Rows that leave the column of
/// labels free do so however many they are.
fn mark_header(rows: &mut [TableRow]) {
    let has_figures = |row: &TableRow| row.cells.iter().skip(1).any(|cell| is_figure(&cell.text) || has_amount(&cell.text));
    let Some(first) = rows.iter().position(has_figures) else { return };
    let without_labels = rows[..first].iter().take_while(|row| row.cells.iter().all(|cell| cell.column > 0)).count();
    for row in &mut rows[..first.min(without_labels.max(4))] {
        row.header = row.cells.len() >= 2 || row.cells.iter().any(|cell| cell.column > 0);
    }
}

/// Whether an amount with a thousands separator stands among other text: `EUR 12,300`.
fn has_amount(text: &str) -> bool {
    let bytes = text.as_bytes();
    let separates = |at: usize| {
        bytes[at - 1].is_ascii_digit() && bytes.get(at + 1..at + 4).is_some_and(|group| group.iter().all(u8::is_ascii_digit))
    };
    (1..bytes.len()).any(|at| bytes[at] == b',' && separates(at))
}

fn is_figure(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || " .,()%$€£¥-–—+NTHKRMBUSD".contains(c))
        && !is_year(text)
}

fn is_year(text: &str) -> bool {
    let text = text.trim();
    text.len() == 4 && (text.starts_with("19") || text.starts_with("20")) && text.bytes().all(|b| b.is_ascii_digit())
}
