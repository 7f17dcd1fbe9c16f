//! Ordered fragments -> lines -> blocks.

use super::graphics::Frame;
use super::structure::{Role, Tag};
use super::tables;
use super::words::{Fragment, is_wide};
use super::{Block, BlockKind, BoundingBox, HiddenReason, Line};

/// A line of the page in the coordinates of its frame.
#[derive(Debug)]
pub(super) struct FrameLine<'f> {
    pub(super) fragments: Vec<&'f Fragment>,
    pub(super) u0: f32,
    pub(super) u1: f32,
    pub(super) v0: f32,
    pub(super) v1: f32,
    pub(super) base: f32,
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) artifact: bool,
}

impl<'f> FrameLine<'f> {
    fn new(fragment: &'f Fragment) -> Self {
        Self {
            fragments: vec![fragment],
            u0: fragment.u0,
            u1: fragment.u1,
            v0: fragment.v0,
            v1: fragment.v1,
            base: fragment.base,
            size: fragment.size,
            bold: fragment.bold,
            artifact: fragment.artifact,
        }
    }

    /// What the structure tree says the line is, where all of it is the same.
    pub(super) fn tag(&self) -> Option<Tag> {
        let first = self.fragments.first()?.tag?;
        self.fragments.iter().all(|fragment| fragment.tag == Some(first)).then_some(first)
    }

    fn push(&mut self, fragment: &'f Fragment) {
        self.u0 = self.u0.min(fragment.u0);
        self.u1 = self.u1.max(fragment.u1);
        self.v0 = self.v0.min(fragment.v0);
        self.v1 = self.v1.max(fragment.v1);
        self.bold &= fragment.bold;
        self.artifact &= fragment.artifact;
        if fragment.characters > self.fragments.iter().map(|f| f.characters).sum() {
            self.size = fragment.size;
        }
        self.fragments.push(fragment);
    }

    /// The line on the page. Fragments after the first stand apart from what precedes them.
    pub(super) fn to_page(&self, frame: Frame) -> Line {
        let mut words = Vec::new();
        for (index, fragment) in self.fragments.iter().enumerate() {
            for (position, word) in fragment.words.iter().enumerate() {
                let mut word = word.to_page(frame);
                if position == 0 {
                    word.space_before = index > 0;
                }
                words.push(word);
            }
        }
        let words = super::bidi::visual_to_logical(words);
        let bbox = frame.box_to_page(self.u0, self.v0, self.u1, self.v1);
        Line { words, bbox }
    }

    pub(super) fn first_text(&self) -> String {
        let mut out = String::new();
        for word in self.fragments.iter().flat_map(|fragment| &fragment.words).take(3) {
            if word.space_before && !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&word.text);
        }
        out
    }
}

/// Groups fragments, in reading order, into blocks.
pub(super) fn blocks(
    ordered: &[&Fragment],
    frame: Frame,
    rules: &[super::ink::Rule],
    hidden: Option<HiddenReason>,
) -> Vec<Block> {
    let lines = lines(ordered);
    let pitch = typical_pitch(&lines);
    let runs = if hidden.is_none() { tables::runs(&lines, frame, rules) } else { Vec::new() };
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if let Some(run) = runs.iter().find(|run| run.start == at) {
            blocks.push(tables::block(&lines[run.clone()], frame));
            at = run.end;
            continue;
        }
        let limit = runs.iter().map(|run| run.start).find(|&start| start > at).unwrap_or(lines.len());
        let mut end = at + 1;
        while end < limit && continues(&lines[at..end], &lines[end], pitch) {
            end += 1;
        }
        blocks.push(block(&lines[at..end], frame, hidden));
        at = end;
    }
    blocks
}

/// Neighbours in the order that stand on one row make a line, from left to right: some tables paint a figure before its sign.
fn lines<'f>(ordered: &[&'f Fragment]) -> Vec<FrameLine<'f>> {
    let mut lines: Vec<FrameLine<'f>> = Vec::new();
    for group in ordered.chunk_by(|a, b| a.row == b.row) {
        let mut group = group.to_vec();
        group.sort_by(|a, b| a.u0.total_cmp(&b.u0));
        let mut line: Option<FrameLine<'f>> = None;
        for fragment in group {
            match &mut line {
                Some(line) => line.push(fragment),
                None => line = Some(FrameLine::new(fragment)),
            }
        }
        lines.extend(line);
    }
    lines
}

/// The usual distance of baselines, as a multiple of the font size.
fn typical_pitch(lines: &[FrameLine<'_>]) -> f32 {
    let mut pitches: Vec<f32> = lines
        .windows(2)
        .filter(|pair| (pair[0].size - pair[1].size).abs() < 0.5)
        .map(|pair| (pair[1].base - pair[0].base) / pair[0].size.max(1.0))
        .filter(|pitch| (0.8..2.6).contains(pitch))
        .collect();
    if pitches.is_empty() {
        return 1.3;
    }
    let middle = pitches.len() / 2;
    let (_, &mut median, _) = pitches.select_nth_unstable_by(middle, f32::total_cmp);
    median
}

/// Whether `next` goes on with the block of `lines`.
fn continues(lines: &[FrameLine<'_>], next: &FrameLine<'_>, pitch: f32) -> bool {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return false };
    let step = next.base - last.base;
    let size = last.size.max(1.0);
    let same_size = (next.size - last.size).abs() <= 0.08 * size.max(next.size);
    let overlap = next.u1.min(last.u1.max(first.u1)) - next.u0.max(last.u0.min(first.u0));
    // The distance within this block, once it is known, else the usual one of the page.
    let own = if lines.len() >= 2 { (last.base - lines[lines.len() - 2].base) / size } else { pitch.max(1.0) };
    step > 0.3 * size
        && step <= (1.25 * own.max(pitch.min(1.6)) * size).max(1.25 * size)
        && same_size
        && overlap > 0.0
        && next.bold == last.bold
        && next.artifact == last.artifact
        && !starts_item(next, first)
        && !is_indented(lines, next, last)
        && !is_tagged_apart(last, next)
}

/// Whether the structure tree says that two lines are different things: a heading and a paragraph, or two items of a list. Two
/// paragraphs are not told apart: many programs tag every line as one.
fn is_tagged_apart(last: &FrameLine<'_>, next: &FrameLine<'_>) -> bool {
    last.tag().zip(next.tag()).is_some_and(|(last, next)| match (last.role, next.role) {
        (Role::Paragraph, Role::Paragraph) | (Role::Cell(_), Role::Cell(_)) => false,
        (a, b) => last.element != next.element || a != b,
    })
}

/// Whether a line begins a list item or a numbered paragraph of its own.
fn starts_item(next: &FrameLine<'_>, first: &FrameLine<'_>) -> bool {
    list_marker(&next.first_text()).is_some() && next.u0 <= first.u0 + 3.0 * next.size
}

/// The first line of a new paragraph: indented against the line before, which ended short or not; the lines of one paragraph
/// stand at one edge.
/// The lines after a list marker hang under its text: that is no new paragraph.
fn is_indented(lines: &[FrameLine<'_>], next: &FrameLine<'_>, last: &FrameLine<'_>) -> bool {
    if lines.len() == 1 && list_marker(&last.first_text()).is_some() {
        return false;
    }
    let indent = next.u0 - last.u0;
    indent > 0.9 * next.size
        && indent < 5.0 * next.size
        && (next.u1 - last.u1).abs() < 3.0 * next.size
        && next.u1 - next.u0 > 15.0 * next.size
}

fn block(lines: &[FrameLine<'_>], frame: Frame, hidden: Option<HiddenReason>) -> Block {
    let text = lines.first().map(FrameLine::first_text).unwrap_or_default();
    let kind = if is_caption(&text) && lines.len() <= 3 {
        BlockKind::Caption
    } else if list_marker(&text).is_some_and(|marker| marker.is_bullet || lines.len() > 1 || !lines[0].bold) {
        BlockKind::ListItem
    } else {
        BlockKind::Paragraph
    };
    let (kind, level) = tagged_kind(lines).unwrap_or((kind, None));
    let lines: Vec<Line> = lines.iter().map(|line| line.to_page(frame)).collect();
    let bbox = lines.iter().fold(BoundingBox::NOTHING, |all, line| all.union(&line.bbox)).or_zero();
    Block { kind, level, hidden, bbox, lines, rows: Vec::new() }
}

/// The kind and level that the structure tree gives to a block.
fn tagged_kind(lines: &[FrameLine<'_>]) -> Option<(BlockKind, Option<u8>)> {
    let role = lines.first()?.tag()?.role;
    lines.iter().all(|line| line.tag().is_some_and(|tag| tag.role == role)).then_some(())?;
    match role {
        Role::Heading(level) => Some((BlockKind::Heading, Some(level))),
        Role::ListItem => Some((BlockKind::ListItem, None)),
        Role::Caption => Some((BlockKind::Caption, None)),
        Role::Footnote => Some((BlockKind::Footnote, None)),
        Role::Paragraph | Role::ContentsEntry | Role::Cell(_) => None,
    }
}

/// What begins a list item.
pub(super) struct Marker {
    pub(super) is_bullet: bool,
}

/// The list marker that a text begins with: bullets, `(a)`, `1.`, `iv)`, `（一）`, `一、`, `①`.
pub(super) fn list_marker(text: &str) -> Option<Marker> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if "•▪‣◦●○■□◆◇➢➤✓✔–—*·".contains(first) {
        let rest = characters.as_str();
        let apart = rest.is_empty() || rest.starts_with(' ') || !"–—*·".contains(first) || rest.starts_with(is_wide);
        return apart.then_some(Marker { is_bullet: true });
    }
    if ('①'..='⒛').contains(&first) || ('\u{2776}'..='\u{2793}').contains(&first) {
        return Some(Marker { is_bullet: false });
    }
    if let Some(rest) = text.strip_prefix(['(', '（']) {
        let inner: String = rest.chars().take_while(|c| !matches!(c, ')' | '）')).take(6).collect();
        let closed = rest[inner.len()..].starts_with([')', '）']);
        return (closed && is_ordinal(&inner)).then_some(Marker { is_bullet: false });
    }
    let token: String = text.chars().take_while(|c| !matches!(c, '.' | ')' | '、' | '．' | '）' | ' ')).take(6).collect();
    let rest = &text[token.len()..];
    let dotted = rest.strip_prefix('.').is_some_and(|rest| rest.is_empty() || rest.starts_with(' ') || rest.starts_with(is_wide));
    let ends = dotted || rest.starts_with(['、', '．', ')', '）']);
    (ends && is_ordinal(&token) && token.chars().count() <= 4).then_some(Marker { is_bullet: false })
}

/// A number, a letter, a roman or Chinese numeral.
fn is_ordinal(text: &str) -> bool {
    let count = text.chars().count();
    let all = |set: &str| text.chars().all(|c| set.contains(c));
    count > 0
        && ((count <= 3 && text.chars().all(|c| c.is_ascii_digit()))
            || (count == 1 && text.chars().all(|c| c.is_ascii_alphabetic()))
            || all("ivxIVX")
            || all("一二三四五六七八九十百壹貳參肆伍陸柒捌玖拾甲乙丙丁戊己庚辛")
            || (count <= 2 && text.chars().all(|c| ('０'..='９').contains(&c))))
}

fn is_caption(text: &str) -> bool {
    let numbered = |rest: &str| rest.trim_start().starts_with(|c: char| c.is_ascii_digit() || "一二三四五六七八九十".contains(c));
    ["Figure ", "Fig. ", "Table ", "Chart ", "Exhibit ", "Graph ", "圖", "表", "图"]
        .into_iter()
        .any(|word| text.strip_prefix(word).is_some_and(numbered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_of_both_languages() {
        for text in
            ["• Credit", "(a) the", "(iv) risk", "1. Basis", "2) Other", "（一）資產", "一、前言", "①現金", "➢ Cloud", "1.本集團"]
        {
            assert!(list_marker(text).is_some(), "{text}");
        }
        for text in
            ["The bank", "2022 was", "3.5 million", "1.2.3 Scope", "(see note)", "–5.2%", "e.g. banks", "十年來", "EBITDA. The"]
        {
            assert!(list_marker(text).is_none(), "{text}");
        }
    }
}
