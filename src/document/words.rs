//! Glyphs -> words and fragments.
//!
//! A fragment is a piece of a line: words on one baseline with no wide gap between them. Spaces come from geometry first: the
//! gap between two glyphs against the font size and against the other gaps of the fragment (letterspaced text); space glyphs
//! are evidence, not truth, because justified Chinese carries them between all characters and some producers write none.

use std::collections::HashMap;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::Word;
use super::font::{Text, is_space};
use super::graphics::Frame;
use super::ink::Glyph;

/// A piece of a line, in the coordinates of its frame.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    pub(super) words: Vec<FrameWord>,
    pub(super) u0: f32,
    pub(super) u1: f32,
    pub(super) v0: f32,
    pub(super) v1: f32,
    pub(super) base: f32,
    /// The size of most of its glyphs.
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) artifact: bool,
    /// Where in the painting order it begins.
    pub(super) order: u32,
    /// The row of the page it stands on: fragments of one row share a baseline.
    pub(super) row: usize,
    pub(super) characters: usize,
}

/// A word in the coordinates of its frame.
#[derive(Clone, Debug)]
pub(super) struct FrameWord {
    pub(super) text: String,
    pub(super) u0: f32,
    pub(super) u1: f32,
    pub(super) v0: f32,
    pub(super) v1: f32,
    /// Where each character ends, along `u`.
    pub(super) ends: Vec<f32>,
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) space_before: bool,
    pub(super) vertical: bool,
    /// The lowest confidence of its glyphs, in percent.
    pub(super) confidence: Option<u8>,
}

impl FrameWord {
    /// The word in page coordinates.
    pub(super) fn to_page(&self, frame: Frame) -> Word {
        let bbox = frame.box_to_page(self.u0, self.v0, self.u1, self.v1);
        let along_y = matches!(frame.0, 46..135 | 226..315);
        let edges = self
            .ends
            .iter()
            .map(|&u| {
                let (x, y) = frame.to_page(u, (self.v0 + self.v1) / 2.0);
                if along_y { y } else { x }
            })
            .collect();
        Word {
            text: self.text.clone(),
            bbox,
            edges,
            size: self.size,
            bold: self.bold,
            space_before: self.space_before,
            vertical: self.vertical,
            confidence: self.confidence,
        }
    }
}

/// Whether a character is set without spaces around it: Han, kana, bopomofo, full-width forms and their punctuation.
pub(super) fn is_wide(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{303f}' | '\u{3040}'..='\u{30ff}' | '\u{3100}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}' | '\u{3200}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3ffff}')
}

/// The fragments of the glyphs of one frame, each with its row; rows count downwards.
pub(super) fn fragments(glyphs: &[&Glyph]) -> Vec<Fragment> {
    let chunks = chunks(glyphs);
    let rows = rows(chunks);
    let mut fragments = Vec::new();
    for (row, chunks) in rows.into_iter().enumerate() {
        let mut line: Vec<Item> = chunks.into_iter().flat_map(|chunk| chunk.items).collect();
        // A fresh sort by place: pieces of one row may be painted in any order, and may interleave.
        line.sort_by(|a, b| glyphs[a.glyph].u0.total_cmp(&glyphs[b.glyph].u0));
        join_spaced_han(glyphs, &mut line);
        let mut from = 0;
        for at in 1..=line.len() {
            let breaks = at == line.len() || {
                let (before, after) = (&glyphs[line[at - 1].glyph], &glyphs[line[at].glyph]);
                !line[at].joined && after.u0 - before.u1 > widest_gap(before, after)
            };
            if breaks {
                fragments.extend(fragment(glyphs, &line[from..at], row));
                from = at;
            }
        }
    }
    fragments
}

/// The gap from which two neighbours on a row belong to different fragments.
fn widest_gap(before: &Glyph, after: &Glyph) -> f32 {
    1.15 * before.size.max(after.size)
}

/// A visible glyph and whether blank ones stand before it.
#[derive(Clone, Copy, Debug)]
struct Item {
    glyph: usize,
    space_before: bool,
    /// Part of one word with the item before it on the row, whatever the gap.
    joined: bool,
}

/// Finds Han text that is set wide (`合 併 資 產 負 債 表`): single characters at equal distances are one word, not many.
fn join_spaced_han(glyphs: &[&Glyph], line: &mut [Item]) {
    const APART: f32 = 0.25;
    const WIDEST: f32 = 2.3;
    let is_han = |item: &Item| {
        glyphs[item.glyph].text.first().is_some_and(|c| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'))
    };
    // The gap before each item, in ems.
    let gap = |at: usize| -> f32 {
        if at == 0 || at >= line.len() {
            return f32::INFINITY;
        }
        let (before, after) = (glyphs[line[at - 1].glyph], glyphs[line[at].glyph]);
        (after.u0 - before.u1) / before.size.max(after.size).max(0.1)
    };
    let mut joins = Vec::new();
    let mut at = 1;
    while at < line.len() {
        let first = gap(at);
        if !(APART..WIDEST).contains(&first) || !is_han(&line[at - 1]) || !is_han(&line[at]) || gap(at - 1) < APART {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < line.len() && is_han(&line[end]) && (gap(end) - first).abs() <= 0.25 * first {
            end += 1;
        }
        // The last one must stand alone, too; if it begins a word, the run ends before it.
        if gap(end) < APART {
            end -= 1;
        }
        // Two characters are one word where other Han text keeps clear of them.
        let clear_before = at < 2 || !is_han(&line[at - 2]) || gap(at - 1) >= 1.4 * first;
        let clear_after = end >= line.len() || !is_han(&line[end]) || gap(end) >= 1.4 * first;
        let clear = end - at >= 2 || (clear_before && clear_after);
        if end > at && clear {
            joins.extend(at..end);
        }
        at = end.max(at + 1);
    }
    for at in joins {
        line[at].joined = true;
    }
}

/// A run of glyphs painted one after the other along a baseline.
#[derive(Debug)]
struct Chunk {
    items: Vec<Item>,
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
        if matches!(glyph.text, Text::Unmapped) || repeats[index] {
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
                chunk.u0 = chunk.u0.min(glyph.u0);
                chunk.u1 = chunk.u1.max(glyph.u1);
                chunk.v0 = chunk.v0.min(glyph.base - glyph.ascent);
                chunk.v1 = chunk.v1.max(glyph.base + glyph.descent);
                chunk.size = chunk.size.max(glyph.size);
            }
            _ => chunks.push(Chunk {
                items: vec![item],
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
fn rows(mut chunks: Vec<Chunk>) -> Vec<Vec<Chunk>> {
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
    let overlap = a.u1.min(b.u1) - a.u0.max(b.u0);
    overlap > 0.6 * a.size.min(b.size) && a.items.len() > 1 && b.items.len() > 1
}

fn fragment(glyphs: &[&Glyph], items: &[Item], row: usize) -> Option<Fragment> {
    let threshold = word_gap(glyphs, items);
    let mut words: Vec<FrameWord> = Vec::new();
    let mut characters = 0;
    let mut sizes: HashMap<u32, usize> = HashMap::new();
    let mut bold = 0;
    let mut artifacts = 0;
    for (position, item) in items.iter().enumerate() {
        let glyph = glyphs[item.glyph];
        let before = position.checked_sub(1).map(|before| glyphs[items[before].glyph]);
        let parts = match before {
            None => true,
            Some(before) => !item.joined && parts_words(before, glyph, item.space_before, threshold),
        };
        *sizes.entry((glyph.size * 4.0).round() as u32).or_default() += 1;
        bold += usize::from(glyph.bold);
        artifacts += usize::from(glyph.artifact);
        characters += 1;
        // A change between wide and narrow script parts words without a space.
        let changes = before.is_some_and(|before| {
            let (a, b) = (before.text.first().is_some_and(is_wide), glyph.text.first().is_some_and(is_wide));
            a != b
        });
        if parts || changes || words.is_empty() {
            words.push(FrameWord {
                text: String::new(),
                u0: glyph.u0,
                u1: glyph.u1,
                v0: glyph.base - glyph.ascent,
                v1: glyph.base + glyph.descent,
                ends: Vec::new(),
                size: glyph.size,
                bold: glyph.bold,
                space_before: parts,
                vertical: glyph.vertical,
                confidence: glyph.confidence,
            });
        }
        if let Some(word) = words.last_mut() {
            extend(word, glyph);
        }
    }
    words.iter_mut().for_each(compose);
    words.retain(|word| !word.text.is_empty());
    let first = glyphs[items.first()?.glyph];
    let (u0, u1, v0, v1) = words.iter().fold((f32::MAX, f32::MIN, f32::MAX, f32::MIN), |(u0, u1, v0, v1), word| {
        (u0.min(word.u0), u1.max(word.u1), v0.min(word.v0), v1.max(word.v1))
    });
    let size = sizes.into_iter().max_by_key(|&(size, count)| (count, size)).map_or(first.size, |(size, _)| size as f32 / 4.0);
    let base =
        items.iter().map(|item| glyphs[item.glyph]).find(|glyph| glyph.size >= 0.9 * size).map_or(first.base, |glyph| glyph.base);
    (!words.is_empty()).then(|| Fragment {
        words,
        u0,
        u1,
        v0,
        v1,
        base,
        size,
        bold: 2 * bold > characters,
        artifact: 2 * artifacts > characters,
        order: items.iter().map(|item| glyphs[item.glyph].order).min().unwrap_or(0),
        row,
        characters,
    })
}

/// The gap, in points, from which two glyphs without a space glyph between them belong to different words.
fn word_gap(glyphs: &[&Glyph], items: &[Item]) -> f32 {
    let size = items.iter().map(|item| glyphs[item.glyph].size).fold(0.0, f32::max);
    let mut gaps: Vec<f32> = items
        .windows(2)
        .filter(|pair| !pair[1].space_before)
        .map(|pair| (glyphs[pair[0].glyph], glyphs[pair[1].glyph]))
        // Letterspacing is set within a shown string; letters placed one by one, far apart, are labels.
        .filter(|(a, b)| a.order == b.order)
        .filter(|(a, b)| !a.text.first().is_some_and(is_wide) && !b.text.first().is_some_and(is_wide))
        .map(|(a, b)| b.u0 - a.u1)
        .collect();
    if gaps.len() < 5 {
        return 0.16 * size;
    }
    let middle = gaps.len() / 2;
    let (_, &mut median, _) = gaps.select_nth_unstable_by(middle, f32::total_cmp);
    if median > 0.07 * size { (1.5 * median + 0.1 * size).max(0.16 * size) } else { 0.16 * size + median.max(-0.04 * size) }
}

fn parts_words(before: &Glyph, after: &Glyph, space: bool, threshold: f32) -> bool {
    let size = before.size.max(after.size);
    let gap = after.u0 - before.u1;
    let wide = |glyph: &Glyph| glyph.text.first().is_some_and(is_wide);
    match (wide(before), wide(after)) {
        (true, true) => gap > 0.95 * size,
        (false, false) => (space && gap > -0.1 * size) || gap > threshold,
        _ => (space && gap > 0.08 * size) || gap > 0.45 * size,
    }
}

fn extend(word: &mut FrameWord, glyph: &Glyph) {
    let from = word.text.chars().count();
    match &glyph.text {
        Text::Unmapped => {}
        Text::One(c) => push_expanded(&mut word.text, *c),
        Text::Many(s) => s.chars().filter(|c| !is_space(*c)).for_each(|c| push_expanded(&mut word.text, c)),
    }
    let added = word.text.chars().count() - from;
    for step in 1..=added {
        word.ends.push(glyph.u0 + (glyph.u1 - glyph.u0) * step as f32 / added as f32);
    }
    word.u0 = word.u0.min(glyph.u0);
    word.u1 = word.u1.max(glyph.u1);
    word.v0 = word.v0.min(glyph.base - glyph.ascent);
    word.v1 = word.v1.max(glyph.base + glyph.descent);
    word.size = word.size.max(glyph.size);
    word.confidence = word.confidence.min(glyph.confidence);
}

/// Latin ligatures are a matter of the font, not of the text: they are written out.
fn push_expanded(out: &mut String, c: char) {
    match c {
        '\u{fb00}' => out.push_str("ff"),
        '\u{fb01}' => out.push_str("fi"),
        '\u{fb02}' => out.push_str("fl"),
        '\u{fb03}' => out.push_str("ffi"),
        '\u{fb04}' => out.push_str("ffl"),
        '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
        _ => out.push(c),
    }
}

/// Brings the text to NFC and keeps one end per character.
fn compose(word: &mut FrameWord) {
    if is_nfc_quick(word.text.chars()) == IsNormalized::Yes {
        return;
    }
    let composed: String = word.text.nfc().collect();
    let (old, new) = (word.ends.len(), composed.chars().count());
    if old != new && old > 0 && new > 0 {
        word.ends = (1..=new).map(|index| word.ends[(index * old).div_ceil(new).clamp(1, old) - 1]).collect();
    }
    word.text = composed;
}
