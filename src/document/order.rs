//! Fragments -> reading order.
//!
//! Most files are painted in reading order, cell by cell in tables, and no geometry knows that better than who wrote them. So
//! the painting order stands where it is plausible, and gives way to the geometric order (bands, columns by gutters, rows) where
//! it is not: columns painted line by line across the page, tables painted column by column, pieces painted in any order.

use super::BoundingBox;
use super::words::{Fragment, is_wide};

/// The indices of `fragments` in reading order.
pub(super) fn reading_order(fragments: &[Fragment]) -> Vec<usize> {
    let all: Vec<usize> = (0..fragments.len()).collect();
    let mut columns = Vec::new();
    let geometric = geometric_order(fragments, &all, 0, &mut columns);
    let mut painted = all;
    painted.sort_by_key(|&index| (fragments[index].order, fragments[index].row, index));
    if is_plausible(fragments, &painted, &columns) { painted } else { geometric }
}

/// A gutter between two columns of running text.
struct Columns {
    left: Vec<usize>,
    right: Vec<usize>,
}

fn geometric_order(fragments: &[Fragment], members: &[usize], depth: u8, found: &mut Vec<Columns>) -> Vec<usize> {
    let rows = by_row(fragments, members);
    let mut out = Vec::with_capacity(members.len());
    let mut start = 0;
    while start < rows.len() {
        let (end, gutter) = band(fragments, &rows, start);
        let band: Vec<usize> = rows[start..end].iter().flatten().copied().collect();
        match gutter.filter(|_| depth < 6).and_then(|gutter| split(fragments, &band, gutter)) {
            Some((left, right)) => {
                out.extend(geometric_order(fragments, &left, depth + 1, found));
                out.extend(geometric_order(fragments, &right, depth + 1, found));
                found.push(Columns { left, right });
                start = end;
            }
            // No columns from here on: the row stands alone, and a band may begin at the next.
            None => {
                out.extend(rows[start].iter().copied());
                start += 1;
            }
        }
    }
    out
}

/// The members row by row, each row from left to right.
fn by_row(fragments: &[Fragment], members: &[usize]) -> Vec<Vec<usize>> {
    let mut sorted = members.to_vec();
    sorted.sort_by(|&a, &b| fragments[a].row.cmp(&fragments[b].row).then(fragments[a].u0.total_cmp(&fragments[b].u0)));
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for index in sorted {
        match rows.last_mut() {
            Some(row) if fragments[row[0]].row == fragments[index].row => row.push(index),
            _ => rows.push(vec![index]),
        }
    }
    rows
}

/// The longest run of rows from `start` through which one vertical gap stays open, with that gap.
fn band(fragments: &[Fragment], rows: &[Vec<usize>], start: usize) -> (usize, Option<(f32, f32)>) {
    let (low, high) = rows[start..]
        .iter()
        .flatten()
        .fold((f32::MAX, f32::MIN), |(low, high), &index| (low.min(fragments[index].u0), high.max(fragments[index].u1)));
    let mut open = vec![(low, high)];
    let mut end = start;
    for row in &rows[start..] {
        let mut next = open.clone();
        for &index in row {
            let fragment = &fragments[index];
            let narrowest = 0.8 * fragment.size;
            next = next
                .into_iter()
                .flat_map(|(a, b)| {
                    if fragment.u1 <= a || fragment.u0 >= b {
                        [Some((a, b)), None]
                    } else {
                        [Some((a, fragment.u0)), Some((fragment.u1, b))]
                    }
                })
                .flatten()
                .filter(|(a, b)| b - a >= narrowest)
                .collect();
        }
        // Gaps that lie at the edge so far may become gutters when the other side fills.
        if next.is_empty() {
            break;
        }
        open = next;
        end += 1;
    }
    let members = || rows[start..end].iter().flatten().map(|&index| &fragments[index]);
    let gutter = open
        .into_iter()
        .filter(|&(a, b)| members().any(|f| f.u1 <= a + 0.1) && members().any(|f| f.u0 >= b - 0.1))
        .max_by(|x, y| (x.1 - x.0).total_cmp(&(y.1 - y.0)));
    (end.max(start + 1), gutter)
}

/// Parts a band at a gutter, where both sides are running text.
fn split(fragments: &[Fragment], band: &[usize], gutter: (f32, f32)) -> Option<(Vec<usize>, Vec<usize>)> {
    let (left, right): (Vec<usize>, Vec<usize>) = band.iter().partition(|&&index| fragments[index].u1 <= gutter.0 + 0.1);
    (is_prose(fragments, &left) && is_prose(fragments, &right)).then_some((left, right))
}

/// Running text: at least three lines that mostly fill their column, and are not mostly figures.
fn is_prose(fragments: &[Fragment], members: &[usize]) -> bool {
    let rows = by_row(fragments, members);
    if rows.len() < 3 {
        return false;
    }
    let (low, high) = members
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), &index| (low.min(fragments[index].u0), high.max(fragments[index].u1)));
    let mut widths: Vec<f32> = rows
        .iter()
        .map(|row| row.iter().map(|&index| fragments[index].u1 - fragments[index].u0).sum::<f32>() / (high - low).max(1.0))
        .collect();
    let middle = widths.len() / 2;
    let (_, &mut median, _) = widths.select_nth_unstable_by(middle, f32::total_cmp);
    let characters: usize = members.iter().map(|&index| weight(&fragments[index])).sum();
    let digits: usize = members.iter().map(|&index| digits(&fragments[index])).sum();
    median >= 0.55 && characters >= 18 * rows.len() && digits * 3 < characters
}

/// Characters, wide ones counting twice.
fn weight(fragment: &Fragment) -> usize {
    fragment.words.iter().flat_map(|word| word.text.chars()).map(|c| 1 + usize::from(is_wide(c))).sum()
}

fn digits(fragment: &Fragment) -> usize {
    fragment.words.iter().flat_map(|word| word.text.chars()).filter(char::is_ascii_digit).count()
}

fn is_plausible(fragments: &[Fragment], painted: &[usize], columns: &[Columns]) -> bool {
    !columns.iter().any(|columns| is_interleaved(fragments, columns))
        && !is_painted_by_column(fragments, painted)
        && !is_scattered(fragments, painted)
}

/// Two columns of running text whose lines were painted in turns, or right before left.
fn is_interleaved(fragments: &[Fragment], columns: &Columns) -> bool {
    let mut sides: Vec<(u32, bool)> = columns.left.iter().map(|&index| (fragments[index].order, false)).collect();
    sides.extend(columns.right.iter().map(|&index| (fragments[index].order, true)));
    sides.sort_unstable();
    let turns = sides.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    let shorter = columns.left.len().min(columns.right.len());
    let right_first = sides.first().is_some_and(|side| side.1) && turns == 1;
    right_first || (turns >= 4 && turns > shorter)
}

/// A table whose columns were painted one after the other: a run down the page, then a jump back up to a run that stands on the
/// same rows to the right of it.
fn is_painted_by_column(fragments: &[Fragment], painted: &[usize]) -> bool {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for &index in painted {
        let rises = runs.last().and_then(|run| run.last()).is_none_or(|&last| fragments[index].row < fragments[last].row);
        match runs.last_mut() {
            Some(run) if !rises => run.push(index),
            _ => runs.push(vec![index]),
        }
    }
    runs.windows(2).any(|pair| {
        let (first, second) = (&pair[0], &pair[1]);
        let shared = second
            .iter()
            .filter(|&&b| first.iter().any(|&a| fragments[a].row == fragments[b].row && fragments[a].u1 <= fragments[b].u0))
            .count();
        shared >= 4
            && 3 * shared >= 2 * second.len().min(first.len())
            && !(is_prose(fragments, first) && is_prose(fragments, second))
    })
}

/// Pieces painted in an order that jumps about: up, and not to the right, again and again.
fn is_scattered(fragments: &[Fragment], painted: &[usize]) -> bool {
    let jumps = painted
        .windows(2)
        .filter(|pair| {
            let (a, b) = (&fragments[pair[0]], &fragments[pair[1]]);
            (b.row < a.row && b.u0 < a.u1) || (b.row == a.row && b.u0 < a.u0)
        })
        .count();
    jumps >= 6 && jumps * 5 > painted.len()
}

/// The order of whole blocks, where the painting order sends the reader back up the page; none where it does not.
///
/// `boxes` are in the coordinates of the frame, in painting order. A jump up counts where the two blocks stand over each other
/// and neither lies at the page's edge, where running headers and footers are painted first or last by custom.
pub(super) fn rearranged(boxes: &[BoundingBox], page: &BoundingBox) -> Option<Vec<usize>> {
    let edge = 0.1 * page.height();
    let inner = |b: &BoundingBox| b.y1 > page.y0 + edge && b.y0 < page.y1 - edge;
    let inside: Vec<&BoundingBox> = boxes.iter().filter(|b| inner(b)).collect();
    let goes_back = inside.windows(2).any(|pair| {
        let (a, b) = (pair[0], pair[1]);
        b.y1 <= a.y0 + 1.0 && b.x0.max(a.x0) < b.x1.min(a.x1)
    });
    goes_back.then(|| {
        let mut out = Vec::with_capacity(boxes.len());
        cut(boxes, (0..boxes.len()).collect(), 0, &mut out);
        out
    })
}

/// Recursive cuts along white lanes: down the page between columns where both sides hold text of some width and height, else
/// across it.
fn cut(boxes: &[BoundingBox], members: Vec<usize>, depth: u8, out: &mut Vec<usize>) {
    if members.len() > 1 && depth < 24 {
        let columns = lanes(&members, |index| (boxes[index].x0, boxes[index].x1), 4.0);
        if columns.len() > 1 && columns.iter().all(|column| is_column(boxes, column, &members)) {
            columns.into_iter().for_each(|column| cut(boxes, column, depth + 1, out));
            return;
        }
        let bands = lanes(&members, |index| (boxes[index].y0, boxes[index].y1), 0.0);
        if bands.len() > 1 {
            bands.into_iter().for_each(|band| cut(boxes, band, depth + 1, out));
            return;
        }
        if columns.len() > 1 {
            columns.into_iter().for_each(|column| cut(boxes, column, depth + 1, out));
            return;
        }
    }
    let mut rest = members;
    rest.sort_by(|&a, &b| boxes[a].y0.total_cmp(&boxes[b].y0).then(boxes[a].x0.total_cmp(&boxes[b].x0)));
    out.extend(rest);
}

/// The members in groups between which no box of one axis overlaps another's by more than a hair.
fn lanes(members: &[usize], span: impl Fn(usize) -> (f32, f32), narrowest: f32) -> Vec<Vec<usize>> {
    let mut sorted = members.to_vec();
    sorted.sort_by(|&a, &b| span(a).0.total_cmp(&span(b).0));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut reach = f32::NEG_INFINITY;
    for index in sorted {
        let (start, end) = span(index);
        // Boxes of neighbouring lines touch by their ascents; a tenth of the smaller is no overlap.
        let slack = if narrowest > 0.0 { -narrowest } else { 0.15 * (end - start).min(20.0) };
        if groups.is_empty() || start >= reach - slack {
            groups.push(vec![index]);
        } else if let Some(group) = groups.last_mut() {
            group.push(index);
        }
        reach = reach.max(end);
    }
    groups
}

fn is_column(boxes: &[BoundingBox], column: &[usize], region: &[usize]) -> bool {
    let hull = |members: &[usize]| members.iter().fold(BoundingBox::NOTHING, |all, &index| all.union(&boxes[index]));
    let (own, all) = (hull(column), hull(region));
    own.width() >= 0.15 * all.width() && own.height() >= 0.6 * all.height()
}
