//! Tables as the structure tree of a tagged file gives them: rows and columns are known, and a cell may have many lines.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{extend, mark_header};
use crate::document::blocks::FrameLine;
use crate::document::graphics::Frame;
use crate::document::structure::{Place, Role};
use crate::document::words::Fragment;
use crate::document::{TableCell, TableRow};

/// The runs of lines that all stand in cells of one table, where it has the look of one: two rows and two columns at least, and
/// no cells as long as paragraphs. Many files lay their pages out with tables that are none.
pub(super) fn runs(lines: &[FrameLine<'_>]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for run in lines.chunk_by(|a, b| table(a).is_some() && table(a) == table(b)) {
        let range = start..start + run.len();
        start = range.end;
        if table(&run[0]).is_some() && looks_like_a_table(run) {
            runs.push(range);
        }
    }
    runs
}

/// The table that every fragment of a line stands in.
fn table(line: &FrameLine<'_>) -> Option<u32> {
    let first = place(line.fragments.first()?)?.table;
    line.fragments.iter().all(|fragment| place(fragment).is_some_and(|place| place.table == first)).then_some(first)
}

fn place(fragment: &Fragment) -> Option<Place> {
    match fragment.tag?.role {
        Role::Cell(place) => Some(place),
        _ => None,
    }
}

fn looks_like_a_table(lines: &[FrameLine<'_>]) -> bool {
    const LONGEST_USUAL_CELL: usize = 120;
    let mut lengths: BTreeMap<(u16, u16), usize> = BTreeMap::new();
    for fragment in lines.iter().flat_map(|line| &line.fragments) {
        if let Some(place) = place(fragment) {
            *lengths.entry((place.row, place.column)).or_default() += fragment.characters;
        }
    }
    let several = |of: fn(&(u16, u16)) -> u16| lengths.keys().map(of).min() != lengths.keys().map(of).max();
    let longest = lengths.values().max().copied().unwrap_or(0);
    let total: usize = lengths.values().sum();
    several(|key| key.0)
        && several(|key| key.1)
        && longest <= 4 * LONGEST_USUAL_CELL
        && total <= LONGEST_USUAL_CELL * lengths.len()
}

/// Rows and cells as tagged; none where a line stands outside every cell of the table.
pub(super) fn rows(lines: &[FrameLine<'_>], frame: Frame) -> Option<Vec<TableRow>> {
    let first = table(lines.first()?)?;
    if !lines.iter().all(|line| table(line) == Some(first)) {
        return None;
    }
    let mut rows: BTreeMap<u16, (bool, BTreeMap<u16, TableCell>)> = BTreeMap::new();
    for fragment in lines.iter().flat_map(|line| &line.fragments) {
        let place = place(fragment)?;
        let (header, cells) = rows.entry(place.row).or_insert((true, BTreeMap::new()));
        *header &= place.header;
        let bbox = frame.box_to_page(fragment.u0, fragment.v0, fragment.u1, fragment.v1);
        let text = fragment.text();
        match cells.get_mut(&place.column) {
            Some(cell) => extend(cell, &text, &bbox),
            None => {
                cells.insert(place.column, TableCell { text, bbox, column: place.column });
            }
        }
    }
    let mut rows: Vec<TableRow> =
        rows.into_values().map(|(header, cells)| TableRow { header, cells: cells.into_values().collect() }).collect();
    // Few programs tag header cells.
    if rows.iter().all(|row| !row.header) {
        mark_header(&mut rows);
    }
    Some(rows)
}
