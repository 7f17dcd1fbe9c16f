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
use super::rows::{Item, rows};
use super::structure::{Role, Tag};

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
    /// What the structure tree says its first glyph belongs to.
    pub(super) tag: Option<Tag>,
    /// Where in the painting order it begins.
    pub(super) order: u32,
    /// The row of the page it stands on: fragments of one row share a baseline.
    pub(super) row: usize,
    pub(super) characters: usize,
}

impl Fragment {
    /// Its words with the spaces between them.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for word in &self.words {
            if word.space_before && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&word.text);
        }
        text
    }
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
    let mut fragments = Vec::new();
    for (row, mut line) in rows(glyphs).into_iter().enumerate() {
        // A fresh sort by place: pieces of one row may be painted in any order, and may interleave.
        line.sort_by(|a, b| glyphs[a.glyph].u0.total_cmp(&glyphs[b.glyph].u0));
        join_spaced_han(glyphs, &mut line);
        let mut from = 0;
        for at in 1..=line.len() {
            let breaks = at == line.len() || {
                let (before, after) = (&glyphs[line[at - 1].glyph], &glyphs[line[at].glyph]);
                (!line[at].joined && after.u0 - before.u1 > widest_gap(before, after)) || in_other_cells(before, after)
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

/// Whether a tagged file puts two neighbours into different cells of a table.
fn in_other_cells(before: &Glyph, after: &Glyph) -> bool {
    let place = |glyph: &Glyph| match glyph.tag?.role {
        Role::Cell(place) => Some(place),
        _ => None,
    };
    place(before).zip(place(after)).is_some_and(|(a, b)| a != b)
}

/// Finds Han text that is set wide (`合 併 資 產 負 債 表`): single characters at equal distances are one word, not many.
fn join_spaced_han(glyphs: &[&Glyph], line: &mut [Item]) {
    const APART: f32 = 0.25;
    const WIDEST: f32 = 2.3;
    let han =
        |item: &Item| glyphs[item.glyph].text.first().filter(|c| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'));
    let is_han = |item: &Item| han(item).is_some();
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
        if !(APART..WIDEST_SPREAD).contains(&first) || !is_han(&line[at - 1]) || !is_han(&line[at]) || gap(at - 1) < APART {
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
        let clear = if first < WIDEST {
            // Two characters are one word where other Han text keeps clear of them.
            let clear_before = at < 2 || !is_han(&line[at - 2]) || gap(at - 1) >= 1.4 * first;
            let clear_after = end >= line.len() || !is_han(&line[end]) || gap(end) >= 1.4 * first;
            end - at >= 2 || (clear_before && clear_after)
        } else {
            let word: String = line[at - 1..end].iter().filter_map(han).collect();
            let equal = (at..end).all(|next| (gap(next) - first).abs() <= 0.08 * first);
            is_spread_word(&word, equal)
        };
        if end > at && clear {
            joins.extend(at..end);
        }
        at = end.max(at + 1);
    }
    for at in joins {
        line[at].joined = true;
    }
}

/// The widest gap, in ems, within a word that is spread over the width of its column.
const WIDEST_SPREAD: f32 = 8.0;

/// Whether single characters far apart are the head of a column, spread over its width (`關 係 人 名 稱`), and not the heads of as
/// many columns: three or more at equal distances that are no row of numerals, or a two-character word that the prescribed formats
/// of financial statements have as a head.
fn is_spread_word(word: &str, equal: bool) -> bool {
    const HEADS: [&str; 20] = [
        "資產", "負債", "權益", "金額", "項目", "科目", "代碼", "代號", "附註", "名稱", "摘要", "備註", "種類", "性質", "比率",
        "單位", "說明", "合計", "總計", "小計",
    ];
    let numerals = word.chars().all(|c| "〇一二三四五六七八九十甲乙丙丁戊己庚辛壬癸上中下".contains(c));
    match word.chars().count() {
        0 | 1 => false,
        2 => HEADS.contains(&word),
        _ => equal && !numerals,
    }
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
        // A string that paints the last character of the one before it again starts a word of its own.
        let again = before.is_some_and(|before| before.text == glyph.text && glyph.u0 < (before.u0 + before.u1) / 2.0);
        let parts = parts || (again && !glyph.text.first().is_some_and(is_wide));
        *sizes.entry((glyph.size * 4.0).round() as u32).or_default() += 1;
        bold += usize::from(glyph.bold);
        artifacts += usize::from(glyph.artifact);
        characters += 1;
        // A change between wide and narrow script parts words without a space.
        let changes = before.is_some_and(|before| {
            let (a, b) = (before.text.first().is_some_and(is_wide), glyph.text.first().is_some_and(is_wide));
            a != b
        });
        if parts || again || changes || words.is_empty() {
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
    words.iter_mut().for_each(strip_unmapped);
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
        tag: first.tag,
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
    if are_two_numbers(before, after) {
        return true;
    }
    let size = before.size.max(after.size);
    let gap = after.u0 - before.u1;
    let wide = |glyph: &Glyph| glyph.text.first().is_some_and(is_wide);
    match (wide(before), wide(after)) {
        (true, true) => gap > 0.95 * size,
        (false, false) => (space && gap > -0.1 * size) || gap > threshold,
        _ => (space && gap > 0.08 * size) || gap > 0.45 * size,
    }
}

/// Whether a digit is raised or lowered beside one of a number: the mark of a footnote, an exponent or a fraction. Read as one with
/// the number it would make another figure of it.
fn are_two_numbers(before: &Glyph, after: &Glyph) -> bool {
    let is_digit = |glyph: &Glyph| glyph.text.first().is_some_and(|c| c.is_ascii_digit());
    let size = before.size.max(after.size);
    is_digit(before)
        && is_digit(after)
        && before.size.min(after.size) < 0.85 * size
        && (before.base - after.base).abs() > 0.1 * size
}

fn extend(word: &mut FrameWord, glyph: &Glyph) {
    let from = word.text.chars().count();
    match &glyph.text {
        Text::Unmapped => word.text.push(char::REPLACEMENT_CHARACTER),
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

/// A glyph without a text leaves its mark within a word, so that `Commi\u{fffd}ee` is neither two words nor a wrong one. Alone, or
/// at a word's end, it is a bullet or an ornament more often than not: it is counted, and leaves no mark.
fn strip_unmapped(word: &mut FrameWord) {
    let kept = word.text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    let end = kept.chars().count();
    let start = end - kept.trim_start_matches(char::REPLACEMENT_CHARACTER).chars().count();
    if start == 0 && end == word.ends.len() {
        return;
    }
    if let Some(&edge) = start.checked_sub(1).and_then(|last| word.ends.get(last)) {
        word.u0 = edge;
    }
    word.text = word.text.chars().take(end).skip(start).collect();
    word.ends = word.ends.drain(..).take(end).skip(start).collect();
    if let Some(&edge) = word.ends.last() {
        word.u1 = edge;
    }
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
