//! The heads of a table's columns: lines above its rows, each head often over several of them.

use super::{Cell, column_of, is_figure, list_marker, merge};
use crate::document::TableRow;
use crate::document::blocks::FrameLine;

/// Where a table that begins at line `at` begins with the heads of its columns: lines before it, not below `before`, that stand
/// above its figures and leave the column of labels free.
pub(super) fn start(lines: &[FrameLine<'_>], rows: &[Vec<Cell>], before: usize, at: usize) -> usize {
    let figures = || rows[at..].iter().filter(|row| row.len() >= 2).flat_map(|row| row.iter().skip(1));
    let left = figures().filter(|cell| is_figure(&cell.text)).map(|cell| cell.u0).fold(f32::INFINITY, f32::min);
    let right = lines[at..].iter().map(|line| line.u1).fold(f32::NEG_INFINITY, f32::max);
    let labels = lines[at..].iter().map(|line| line.u0).fold(f32::INFINITY, f32::min);
    let top = &lines[at];
    // Heads are set over the middle of their figures, so they reach further left than these.
    let is_head = |line: &FrameLine<'_>, lowest: f32| {
        let step = lowest - line.base;
        line.u0 > left - 6.0 * top.size
            && line.u0 > labels + 4.0 * top.size
            && line.u1 <= right + 2.0 * top.size
            && (0.6 * top.size..=1.3 * top.size).contains(&line.size)
            && step >= -0.1 * top.size
            && step <= 3.6 * top.size
            && list_marker(&line.first_text()).is_none()
    };
    if !left.is_finite() {
        return at;
    }
    // Heads painted one by one may jump up and down, so the lowest line so far is what the next one is held against.
    let (mut start, mut highest) = (at, top.base);
    while start > before && at - start < 40 {
        let line = &lines[start - 1];
        let near = is_head(line, highest) || (line.base > highest && line.base < top.base && is_head(line, line.base));
        if !near {
            break;
        }
        start -= 1;
        highest = highest.min(line.base);
    }
    start
}

/// Where a row stands on the page, and which of its cells cover several columns.
pub(super) struct Line {
    pub(super) base: f32,
    pub(super) size: f32,
    pub(super) spans: bool,
}

/// Whether a cell of the line reaches over more than one column.
pub(super) fn spans(cells: &[Cell], columns: &[(f32, f32)]) -> bool {
    cells.iter().any(|cell| columns.iter().filter(|column| cell.u0 < column.1 - 1.0 && column.0 + 1.0 < cell.u1).count() > 1)
        || cells.windows(2).any(|pair| column_of(columns, &pair[0]) == column_of(columns, &pair[1]))
}

/// Puts heads of several lines together: a head row and the one right under it are one, column by column, unless one of the two
/// has a head over several columns.
pub(super) fn stack(rows: Vec<TableRow>, lines: &[Line]) -> Vec<TableRow> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let heads = rows.iter().take_while(|row| row.header).count();
    order[..heads].sort_by(|&a, &b| lines[a].base.total_cmp(&lines[b].base));
    let mut slots: Vec<Option<TableRow>> = rows.into_iter().map(Some).collect();
    let mut out: Vec<(TableRow, usize)> = Vec::new();
    for at in order {
        let Some(row) = slots[at].take() else { continue };
        let joins = out.last().is_some_and(|(last, above)| {
            let step = lines[at].base - lines[*above].base;
            let same_row = step < 0.5 * lines[at].size;
            // A label under a label is another row, not more of the head; a head's unit ("Millions") stands at its foot.
            let labels = |row: &TableRow| row.cells.iter().any(|cell| cell.column == 0);
            let apart = lines[at].spans || lines[*above].spans || labels(last);
            last.header && row.header && (same_row || (!apart && step <= 1.45 * lines[at].size.max(lines[*above].size)))
        });
        match out.last_mut() {
            Some((last, above)) if joins => {
                *above = at;
                merge(last, row);
                last.cells.sort_by_key(|cell| cell.column);
            }
            _ => out.push((row, at)),
        }
    }
    out.into_iter().map(|(row, _)| row).collect()
}
