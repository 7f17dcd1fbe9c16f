//! Glyphs -> rows: what stands on one baseline, whatever the order in which it was painted.

use std::collections::HashMap;

use super::font::is_space;
use super::ink::Glyph;

/// The visible glyphs of each row, top to bottom. What is painted twice on one spot counts once.
pub(super) fn rows(glyphs: &[&Glyph]) -> Vec<Vec<Item>> {
    chunk_rows(chunks(glyphs)).into_iter().map(|row| row.into_iter().flat_map(|chunk| chunk.items).collect()).collect()
}

/// A visible glyph and whether blank ones stand before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) glyph: usize,
    pub(super) space_before: bool,
    /// Part of one word with the item before it on the row, whatever the gap.
    pub(super) joined: bool,
}

/// A run of glyphs painted one after the other along a baseline.
#[derive(Debug)]
struct Chunk {
    items: Vec<Item>,
    /// From where to where there are glyphs, left to right: other runs may fill what lies between, as the signs of a formula do that
    /// stand between letters which were painted first.
    pieces: Vec<[f32; 2]>,
    u0: f32,
    u1: f32,
    v0: f32,
    v1: f32,
    base: f32,
    size: f32,
}

fn chunks(glyphs: &[&Glyph]) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let repeats = overprints(glyphs);
    let mut space = false;
    let mut last: Option<&Glyph> = None;
    for (index, &glyph) in glyphs.iter().enumerate() {
        if glyph.text.is_blank() {
            space = true;
            continue;
        }
        if repeats[index] {
            continue;
        }
        let joins = last.is_some_and(|last| {
            let size = last.size.max(glyph.size);
            let gap = glyph.u0 - last.u1;
            (glyph.base - last.base).abs() <= 0.12 * size
                && gap > -0.6 * size
                && gap < 1.15 * size
                && glyph.vertical == last.vertical
        });
        let item = Item { glyph: index, space_before: space, joined: false };
        match chunks.last_mut() {
            Some(chunk) if joins => {
                chunk.items.push(item);
                match chunk.pieces.last_mut() {
                    Some([u0, u1]) if (*u0..*u1 + 0.25 * glyph.size).contains(&glyph.u0) => *u1 = u1.max(glyph.u1),
                    _ => chunk.pieces.push([glyph.u0, glyph.u1]),
                }
                chunk.u0 = chunk.u0.min(glyph.u0);
                chunk.u1 = chunk.u1.max(glyph.u1);
                chunk.v0 = chunk.v0.min(glyph.base - glyph.ascent);
                chunk.v1 = chunk.v1.max(glyph.base + glyph.descent);
                chunk.size = chunk.size.max(glyph.size);
            }
            _ => chunks.push(Chunk {
                items: vec![item],
                pieces: vec![[glyph.u0, glyph.u1]],
                u0: glyph.u0,
                u1: glyph.u1,
                v0: glyph.base - glyph.ascent,
                v1: glyph.base + glyph.descent,
                base: glyph.base,
                size: glyph.size,
            }),
        }
        space = false;
        last = Some(glyph);
    }
    chunks.iter_mut().for_each(|chunk| chunk.pieces.sort_by(|a, b| a[0].total_cmp(&b[0])));
    chunks
}

/// Which glyphs are painted again on the same spot: bold by overprinting, shadows. Only whole shown strings count, and single
/// characters only where they follow their first painting at once or come in rows, so that nothing is dropped which a writer put
/// there once.
fn overprints(glyphs: &[&Glyph]) -> Vec<bool> {
    let mut seen: HashMap<(char, i32, i32), (f32, f32)> = HashMap::new();
    // Per string: its glyphs in all, the visible ones, whether all repeat, whether the string before is what they repeat.
    let mut strings: Vec<(usize, usize, bool, bool)> = Vec::new();
    let mut before: HashMap<(char, i32, i32), (f32, f32)> = HashMap::new();
    for string in glyphs.chunk_by(|a, b| a.order == b.order) {
        let visible = || string.iter().filter_map(|glyph| Some((glyph.text.first().filter(|c| !is_space(*c))?, *glyph)));
        let count = visible().count();
        let is_repeat = count > 0 && visible().all(|(c, glyph)| is_seen(&seen, c, glyph));
        let follows = is_repeat && visible().all(|(c, glyph)| is_seen(&before, c, glyph));
        if count > 0 {
            before.clear();
            for (c, glyph) in visible() {
                let (key, place) = ((c, glyph.u0.floor() as i32, glyph.base.floor() as i32), (glyph.u0, glyph.base));
                before.insert(key, place);
                seen.entry(key).or_insert(place);
            }
        }
        strings.push((string.len(), count, is_repeat, follows));
    }
    let mut repeats = Vec::with_capacity(glyphs.len());
    for (index, &(length, visible, is_repeat, follows)) in strings.iter().enumerate() {
        let neighbour = |at: Option<usize>| at.and_then(|at| strings.get(at)).is_some_and(|string| string.2);
        let counts = is_repeat && (visible > 1 || follows || neighbour(index.checked_sub(1)) || neighbour(Some(index + 1)));
        repeats.resize(repeats.len() + length, counts);
    }
    repeats
}

/// Whether the same character stands on nearly the same spot; places are kept in cells of a point.
fn is_seen(seen: &HashMap<(char, i32, i32), (f32, f32)>, c: char, glyph: &Glyph) -> bool {
    let tolerance = (0.12 * glyph.size).clamp(0.2, 1.0);
    [-0.5_f32, 0.5].into_iter().any(|du| {
        [-0.5_f32, 0.5].into_iter().any(|dv| {
            let key = (c, (glyph.u0 + du).floor() as i32, (glyph.base + dv).floor() as i32);
            seen.get(&key).is_some_and(|(u, base)| (u - glyph.u0).abs() <= tolerance && (base - glyph.base).abs() <= tolerance)
        })
    })
}

/// Puts chunks on rows, top to bottom. Raised and lowered small pieces (footnote marks, indices) go to the row they touch.
fn chunk_rows(mut chunks: Vec<Chunk>) -> Vec<Vec<Chunk>> {
    chunks.sort_by(|a, b| a.base.total_cmp(&b.base));
    let mut rows: Vec<Vec<Chunk>> = Vec::new();
    for chunk in chunks {
        let fits = |row: &Vec<Chunk>| {
            row.last().is_some_and(|last| {
                (chunk.base - last.base).abs() <= 0.22 * chunk.size.min(last.size).max(0.5 * chunk.size.max(last.size))
            }) && !row.iter().any(|other| lie_on_each_other(other, &chunk))
        };
        // Two texts on one spot (a stamp over print) make two rows of one height.
        let start = rows.len().saturating_sub(3);
        match rows[start..].iter_mut().rev().find(|row| fits(row)) {
            Some(row) => row.push(chunk),
            None => rows.push(vec![chunk]),
        }
    }
    attach_scripts(&mut rows);
    rows.retain(|row| !row.is_empty());
    rows
}

fn attach_scripts(rows: &mut [Vec<Chunk>]) {
    for at in 0..rows.len() {
        let mut index = 0;
        while index < rows[at].len() {
            let target = [at.checked_sub(1), at.checked_add(1), at.checked_sub(2), at.checked_add(2)]
                .into_iter()
                .flatten()
                .filter(|&other| other < rows.len())
                .find(|&other| {
                    let script = &rows[at][index];
                    rows[other].iter().any(|host| touches(script, host))
                        && !rows[other].iter().any(|host| lie_on_each_other(host, script))
                });
            match target {
                Some(other) => {
                    let chunk = rows[at].remove(index);
                    rows[other].push(chunk);
                }
                None => index += 1,
            }
        }
    }
}

/// Whether a small chunk hangs on a larger one: next to it, overlapping its height by more than a third of its own.
fn touches(script: &Chunk, host: &Chunk) -> bool {
    if script.size > 0.85 * host.size || script.size < 0.3 * host.size || script.items.len() > 12 {
        return false;
    }
    let overlap = script.v1.min(host.v1) - script.v0.max(host.v0);
    let gap = (script.u0 - host.u1).max(host.u0 - script.u1);
    overlap > 0.4 * (script.v1 - script.v0) && gap < 0.35 * host.size
}

/// Whether two chunks cover each other by more than kerning and italics explain.
fn lie_on_each_other(a: &Chunk, b: &Chunk) -> bool {
    let least = 0.6 * a.size.min(b.size);
    if a.items.len() < 2 || b.items.len() < 2 || a.u1.min(b.u1) - a.u0.max(b.u0) <= least {
        return false;
    }
    let (mut left, mut right) = (a.pieces.iter().peekable(), b.pieces.iter().peekable());
    let mut covered = 0.0;
    while let (Some([a0, a1]), Some([b0, b1])) = (left.peek(), right.peek()) {
        covered += (a1.min(*b1) - a0.max(*b0)).max(0.0);
        if a1 < b1 {
            left.next()
        } else {
            right.next()
        };
    }
    covered > least
}
