//! Figures in table rows: does the claim's figure stand in the row and the column that its words name?

use std::ops::Range;

use crate::language::dates::Agreement as DateAgreement;
use crate::language::numbers::{Agreement, Quantity};

use super::comparison::Comparison;
use super::evidence::Prepared;
use super::tokens::TokenKind;

/// A table reaches this many rows at most from the row at hand.
const REACH: usize = 80;
/// Column headings stand within this many rows above a row.
const HEADER_REACH: usize = 30;
/// What the right column is worth beside the right row.
const COLUMN_WORTH: f32 = 0.5;

/// How much better the best cell of the table fits the claim's words than the cells of `row` that hold its figure. None where the sentence
/// is no table row, or the claim names neither row nor column.
pub(super) fn fit_gap(comparison: &Comparison<'_>, row: u32, figure: &Quantity) -> Option<f32> {
    let source = comparison.source;
    let row = row as usize;
    if !is_row(source, row) {
        return None;
    }
    let first = (row.saturating_sub(REACH)..row).rev().take_while(|index| is_row(source, *index)).last().unwrap_or(row);
    let last = (row..source.sentences.len().min(row + REACH)).take_while(|index| is_row(source, *index)).last().unwrap_or(row);
    let mut best = 0.0_f32;
    let mut own: Option<f32> = None;
    for index in first..=last {
        let cells = cells(&source.source.sentences[index].text);
        let label_fit = label_fit(comparison, index, cells.first()?);
        let scales = &source.scales[index];
        for other in &source.sentences[index].figures {
            let Some(column) = cells.iter().position(|cell| cell.contains(&(other.number.start as usize))) else { continue };
            let fit = label_fit + COLUMN_WORTH * column_fit(comparison, index, first, column, cells.len());
            best = best.max(fit);
            if index == row && figure.agreement(other, scales) >= Agreement::Rounded {
                own = Some(own.map_or(fit, |known| known.max(fit)));
            }
        }
    }
    own.filter(|_| best > 0.4).map(|own| best - own)
}

fn is_row(source: &Prepared<'_>, index: usize) -> bool {
    source.source.sentences.get(index).is_some_and(|sentence| sentence.text.contains('|'))
}

/// The bytes of each cell.
fn cells(text: &str) -> Vec<Range<usize>> {
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices('|') {
        cells.push(start..at);
        start = at + 1;
    }
    cells.push(start..text.len());
    // Rows may open with a border: `| label | 1 |`.
    if cells.len() > 1
        && text[cells[0].clone()].trim().is_empty()
        && !text[cells[1].clone()].trim().chars().any(|character| character.is_ascii_digit())
    {
        cells.remove(0);
    }
    cells
}

/// How far the words of the row's label are the claim's, 0 to 1.
fn label_fit(comparison: &Comparison<'_>, row: usize, label: &Range<usize>) -> f32 {
    let tokens = comparison.source.sentences[row]
        .tokens
        .iter()
        .filter(|token| label.contains(&(token.span.start as usize)) && token.weight >= 0.5);
    let (mut known, mut all) = (0.0_f32, 0.0_f32);
    for token in tokens {
        all += token.weight;
        if comparison.claim.tokens.iter().any(|claimed| claimed.key == token.key) {
            known += token.weight;
        }
    }
    // A longer label that fits says more than a short one.
    if all > 0.0 { known / all * (known / (known + 0.5)) } else { 0.0 }
}

/// Whether the column's heading names a period of the claim (1), another (0), or none (0.5).
fn column_fit(comparison: &Comparison<'_>, row: usize, first: usize, column: usize, columns: usize) -> f32 {
    let source = comparison.source;
    if comparison.claim.dates.is_empty() {
        return 0.5;
    }
    let top = first.saturating_sub(2).max(row.saturating_sub(HEADER_REACH));
    for index in (top..row).rev() {
        let header = &source.sentences[index];
        if header.dates.is_empty()
            || header.tokens.iter().filter(|token| matches!(token.kind, TokenKind::Figure(_))).count() > header.dates.len()
        {
            continue;
        }
        let header_cells = cells(&source.source.sentences[index].text);
        // Headings align with the cells from the right where the corner is left out.
        let Some(wanted) = (column + header_cells.len()).checked_sub(columns) else { continue };
        let Some(cell) = header_cells.get(wanted) else { continue };
        let heading = header.dates.iter().filter(|date| cell.contains(&(date.span.start as usize)));
        let agreement =
            heading.flat_map(|date| comparison.claim.dates.iter().map(|claimed| claimed.period.agreement(&date.period))).max();
        match agreement {
            Some(DateAgreement::Different) => return 0.0,
            Some(DateAgreement::Same | DateAgreement::Within) => return 1.0,
            _ => {}
        }
    }
    0.5
}
