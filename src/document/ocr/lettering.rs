//! Recognised words -> [`Ink`], as if the page had painted them: one glyph per character, so that words, lines, tables and reading
//! order come from the same code as those of any other page.
//!
//! Tesseract gives a box around the ink of each word. What a glyph needs beyond that is told from the letters: how high the ink of
//! a word stands for its letters gives the font size, and the ink of words without descenders stands on the baseline. The slope of
//! the baselines over the page is its skew, which is taken out of the baselines but not of the boxes.

use super::super::font::Text;
use super::super::graphics::{Frame, Paint};
use super::super::ink::{Glyph, Ink};
use super::super::words::is_wide;
use super::letters::{CAPITAL, Shape, breadth};
use super::tsv::{PrintedLine, PrintedWord};
use crate::document::BoundingBox;
use crate::document::render::Picture;

/// The steepest skew that is believed: 4 degrees. Beyond it, lines are not lines.
const STEEPEST: f32 = 0.07;
/// Gaps between Han characters below this share of the font size are none.
const SET_SOLID: f32 = 0.9;
/// Lines of one block whose sizes differ by less than this share have one size.
const SAME_SIZE: f32 = 0.15;

/// How the picture lies on the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placing {
    /// Quarter turns clockwise that the picture was given to stand upright.
    quarters: u8,
    /// Size of the picture before it was turned, in pixels.
    width: f32,
    height: f32,
    /// Pixels per point, across and down.
    scale: (f32, f32),
}

impl Placing {
    /// Of a picture that was turned before it was recognised, on a page of this size in points.
    pub(super) fn new(picture: &Picture, quarters: u8, page: &BoundingBox) -> Self {
        let (width, height) = (picture.width as f32, picture.height as f32);
        Self { quarters: quarters % 4, width, height, scale: (width / page.width(), height / page.height()) }
    }

    /// The direction of the text on the page.
    fn frame(&self) -> Frame {
        Frame((360 - 90 * u16::from(self.quarters)) % 360)
    }

    /// The box of a word on the page, in points.
    fn on_page(&self, word: &PrintedWord) -> BoundingBox {
        let [x0, y0, x1, y1] = [word.x0, word.y0, word.x1, word.y1].map(|pixels| pixels as f32);
        let (x0, y0, x1, y1) = match self.quarters {
            1 => (y0, self.height - x1, y1, self.height - x0),
            2 => (self.width - x1, self.height - y1, self.width - x0, self.height - y0),
            3 => (self.width - y1, x0, self.width - y0, x1),
            _ => (x0, y0, x1, y1),
        };
        let (across, down) = self.scale;
        BoundingBox { x0: x0 / across, y0: y0 / down, x1: x1 / across, y1: y1 / down }
    }
}

/// The words of a page as glyphs.
pub(super) fn ink(lines: &[PrintedLine], placing: &Placing) -> Ink {
    let frame = placing.frame();
    let mut measured: Vec<Measured<'_>> = lines.iter().map(|line| Measured::new(line, placing)).collect();
    even_sizes(&mut measured);
    let skew = skew(&measured);
    let mut ink = Ink::default();
    for (order, line) in (0..).zip(&measured) {
        let base = line.baseline(skew);
        let mut before: Option<&Placed<'_>> = None;
        for word in &line.words {
            // A space parts Latin words; between Han characters the program puts them at will, and the gaps decide.
            if let Some(before) = before.filter(|before| !ends_wide(before) && !starts_wide(word)) {
                let mut space = glyph(line, before, base, order, frame, ' ');
                (space.u0, space.u1) = (before.area.x1, word.area.x0.max(before.area.x1));
                ink.glyphs.push(space);
            }
            let mut u = word.area.x0;
            let all: f32 = word.word.text.chars().map(breadth).sum();
            for c in word.word.text.chars() {
                let mut glyph = glyph(line, word, base, order, frame, c);
                glyph.u0 = u;
                u += word.area.width() * breadth(c) / all.max(f32::MIN_POSITIVE);
                glyph.u1 = u;
                ink.glyphs.push(glyph);
            }
            before = Some(word);
        }
    }
    ink
}

fn glyph(line: &Measured<'_>, word: &Placed<'_>, base: f32, order: u32, frame: Frame, c: char) -> Glyph {
    Glyph {
        text: Text::One(c),
        frame,
        u0: word.area.x0,
        u1: word.area.x1,
        base,
        ascent: base - word.area.y0,
        descent: word.area.y1 - base,
        size: line.size,
        bold: false,
        vertical: false,
        artifact: false,
        tag: None,
        paint: Paint::BLACK,
        hidden: None,
        confidence: Some(word.word.confidence),
        order,
    }
}

fn starts_wide(word: &Placed<'_>) -> bool {
    word.word.text.chars().next().is_some_and(is_wide)
}

fn ends_wide(word: &Placed<'_>) -> bool {
    word.word.text.chars().next_back().is_some_and(is_wide)
}

/// A word in the coordinates of the frame, where text runs along x and lines follow each other along y.
struct Placed<'t> {
    word: &'t PrintedWord,
    area: BoundingBox,
    shape: Shape,
}

/// A line with the size of its print.
struct Measured<'t> {
    block: u32,
    words: Vec<Placed<'t>>,
    /// In points.
    size: f32,
}

impl<'t> Measured<'t> {
    fn new(line: &'t PrintedLine, placing: &Placing) -> Self {
        let frame = placing.frame();
        let place = |word: &'t PrintedWord| Placed {
            word,
            area: frame.box_from_page(&placing.on_page(word)),
            shape: Shape::of(&word.text),
        };
        let mut words: Vec<Placed<'t>> = line.words.iter().map(place).collect();
        let sizes = words.iter().filter_map(|word| Some((word.area.height() / word.shape.height()?, word.weight())));
        let highest = words.iter().map(|word| word.area.height()).fold(0.0, f32::max);
        let size = median(sizes.collect()).unwrap_or(highest / CAPITAL).max(0.5);
        part(&mut words, size);
        Self { block: line.block, words, size }
    }

    /// What stands on the baseline: the middle of each word, and its lowest ink without descenders.
    fn feet(&self) -> Vec<(f32, f32, usize)> {
        let foot = |word: &Placed<'_>| {
            let depth = word.shape.depth()?;
            Some(((word.area.x0 + word.area.x1) / 2.0, word.area.y1 - depth * self.size, word.weight()))
        };
        self.words.iter().filter_map(foot).collect()
    }

    /// The baseline of the line, with the page's skew taken out.
    fn baseline(&self, skew: f32) -> f32 {
        let feet = self.feet().into_iter().map(|(x, y, weight)| (y - skew * x, weight)).collect();
        let lowest = || self.words.iter().map(|word| word.area.y1).fold(f32::MIN, f32::max);
        let middle = || self.words.first().map_or(0.0, |word| (word.area.x0 + word.area.x1) / 2.0);
        median(feet).unwrap_or_else(|| lowest() - skew * middle())
    }

    /// The slope of its baseline, where it is long enough to tell.
    fn slope(&self) -> Option<(f32, usize)> {
        let feet = self.feet();
        let (first, last) = (feet.first()?, feet.last()?);
        let apart = last.0 - first.0;
        if feet.len() < 3 || apart < 15.0 * self.size {
            return None;
        }
        // Over all pairs that lie well apart: one raised mark does not bend it.
        let pairs = feet.iter().enumerate().flat_map(|(at, a)| feet[at + 1..].iter().map(move |b| (a, b)));
        let far = pairs.filter(|(a, b)| b.0 - a.0 > 0.4 * apart).take(2_000);
        let slopes: Vec<(f32, usize)> = far.map(|(a, b)| ((b.1 - a.1) / (b.0 - a.0), 1)).collect();
        median(slopes).map(|slope| (slope, self.words.len()))
    }
}

impl Placed<'_> {
    fn weight(&self) -> usize {
        self.word.text.chars().count()
    }
}

/// Sets words of one line side by side. The program's boxes of Han characters are guesses: some reach over their neighbours, others
/// leave gaps, though Han is set solid.
fn part(words: &mut [Placed<'_>], size: f32) {
    words.sort_by(|a, b| a.area.x0.total_cmp(&b.area.x0));
    for at in 1..words.len() {
        let (before, after) = words.split_at_mut(at);
        let (Some(before), Some(after)) = (before.last_mut(), after.first_mut()) else { continue };
        let gap = after.area.x0 - before.area.x1;
        let border = if gap < 0.0 {
            let breadth: f32 = before.word.text.chars().map(breadth).sum();
            let least = before.area.x0 + 0.4 * before.area.width().min(0.5 * size * breadth);
            after.area.x0.max(least)
        } else if gap < SET_SOLID * size && ends_wide(before) && starts_wide(after) {
            before.area.x1 + gap / 2.0
        } else {
            continue;
        };
        before.area.x1 = border;
        after.area.x0 = border;
        after.area.x1 = after.area.x1.max(border + 0.1 * size);
    }
}

/// The slope of the page's lines: points down per point along.
fn skew(lines: &[Measured<'_>]) -> f32 {
    let slopes: Vec<(f32, usize)> = lines.iter().filter_map(Measured::slope).collect();
    median(slopes).filter(|slope| slope.abs() <= STEEPEST).unwrap_or(0.0)
}

/// Gives lines of one block one size where theirs are nearly the same, rounded to half a point: what is left is noise.
fn even_sizes(lines: &mut [Measured<'_>]) {
    for block in lines.chunk_by_mut(|a, b| a.block == b.block) {
        let weight = |line: &Measured<'_>| line.words.iter().map(Placed::weight).sum::<usize>();
        let usual = median(block.iter().map(|line| (line.size, weight(line))).collect());
        for line in block {
            let size = usual.filter(|usual| (line.size - usual).abs() < SAME_SIZE * usual).unwrap_or(line.size);
            line.size = ((2.0 * size).round() / 2.0).max(0.5);
        }
    }
}

/// The weighted median.
fn median(mut values: Vec<(f32, usize)>) -> Option<f32> {
    values.retain(|(value, _)| value.is_finite());
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<usize>().div_ceil(2);
    let mut sum = 0;
    values
        .iter()
        .find(|(_, weight)| {
            sum += weight;
            sum >= half
        })
        .map(|(value, _)| *value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::document::page::lay_out;
    use crate::document::render::Pixels;
    use crate::document::{Block, Word};

    /// A4 at 300 dots per inch.
    fn sheet() -> Picture {
        Picture { page: 1, width: 2480, height: 3508, resolution: 300.0, pixels: Pixels(Vec::new()) }
    }

    fn word(text: &str, x0: u32, y0: u32, x1: u32, y1: u32) -> PrintedWord {
        PrintedWord { text: text.to_owned(), x0, y0, x1, y1, confidence: 90 }
    }

    fn line(words: Vec<PrintedWord>) -> PrintedLine {
        PrintedLine { block: 1, words }
    }

    const PAGE: BoundingBox = BoundingBox { x0: 0.0, y0: 0.0, x1: 595.2, y1: 841.92 };

    fn laid_out(lines: &[PrintedLine], quarters: u8) -> Vec<Block> {
        lay_out(&ink(lines, &Placing::new(&sheet(), quarters, &PAGE)), &PAGE)
    }

    fn words(blocks: &[Block]) -> Vec<&Word> {
        blocks.iter().flat_map(|block| &block.lines).flat_map(|line| &line.words).collect()
    }

    #[test]
    fn words_stand_where_their_ink_is() {
        let blocks = laid_out(&[line(vec![word("Liquidity", 300, 600, 480, 638), word("risk", 496, 600, 560, 629)])], 0);
        let words = words(&blocks);
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["Liquidity", "risk"]);
        assert!(words[1].space_before && words[1].confidence == Some(90));
        let bbox = words[0].bbox;
        let near = |a: f32, b: f32| (a - b).abs() < 0.01;
        assert!(near(bbox.x0, 72.0) && near(bbox.y0, 144.0) && near(bbox.x1, 115.2) && near(bbox.y1, 153.12), "{bbox:?}");
        assert_eq!(words[0].edges.len(), 9);
        assert!(words[0].edges.is_sorted() && near(words[0].edges[8], bbox.x1));
        assert!((9.0..=11.0).contains(&words[0].size), "{}", words[0].size);
    }

    #[test]
    fn chinese_is_joined_and_latin_is_not() {
        // Ten-point Han, put down character by character as the program does, then a figure and a Latin name.
        let han = "流動性風險升高".chars().enumerate();
        let mut row: Vec<PrintedWord> =
            han.map(|(at, c)| word(&c.to_string(), 300 + 42 * at as u32, 600, 338 + 42 * at as u32, 638)).collect();
        row.push(word("12.5%", 600, 603, 700, 634));
        row.push(word("Basel", 720, 603, 800, 634));
        row.push(word("III", 815, 603, 840, 634));
        let blocks = laid_out(&[line(row)], 0);
        assert_eq!(blocks[0].lines[0].text(), "流動性風險升高12.5% Basel III");
        let first = words(&blocks)[0];
        assert_eq!((first.text.as_str(), first.edges.len()), ("流動性風險升高", 7));
    }

    #[test]
    fn boxes_that_reach_over_their_neighbours_are_parted() {
        // As the program gives them: a box of 250 pixels for two characters, over the three that follow.
        let row = vec![
            word("慧", 280, 600, 305, 640),
            word("手表", 302, 600, 551, 640),
            word("的", 407, 595, 475, 655),
            word("觸", 474, 595, 535, 655),
            word("控", 534, 595, 580, 655),
            word("UI", 600, 602, 640, 632),
        ];
        let blocks = laid_out(&[line(row)], 0);
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].text(), "慧手表的觸控 UI");
        let edges = &words(&blocks)[0].edges;
        assert!(edges.is_sorted() && edges.len() == 6, "{edges:?}");
    }

    #[test]
    fn a_turned_picture_is_mapped_back_to_the_page() {
        // The same print on the page: upright, and read from the page turned by each quarter.
        for (quarters, turned) in [
            (0, word("Upright", 300, 600, 480, 638)),
            (1, word("Running", 2870, 300, 2908, 480)),
            (2, word("Headlong", 2000, 2870, 2180, 2908)),
            (3, word("Downwards", 600, 2000, 638, 2180)),
        ] {
            let blocks = laid_out(&[line(vec![turned])], quarters);
            let bbox = words(&blocks)[0].bbox;
            let near = |a: f32, b: f32| (a - b).abs() < 0.05;
            assert!(near(bbox.x0, 72.0) && near(bbox.y0, 144.0), "{quarters}: {bbox:?}");
            assert!(near(bbox.x1, 115.2) && near(bbox.y1, 153.12), "{quarters}: {bbox:?}");
        }
    }

    #[test]
    fn skewed_lines_stay_lines() {
        // Three lines of six words that fall by one in a hundred from left to right.
        let lines: Vec<PrintedLine> = (0..3)
            .map(|row| {
                let words = (0..6).map(|at| {
                    let (x, y) = (200 + 330 * at, 500 + 60 * row + 3 * at);
                    word(["loans", "were", "never", "more", "secure", "now"][at as usize], x, y, x + 310, y + 20)
                });
                line(words.collect())
            })
            .collect();
        let blocks = laid_out(&lines, 0);
        assert_eq!(blocks.len(), 1, "{blocks:#?}");
        let texts: Vec<String> = blocks[0].lines.iter().map(|line| line.text()).collect();
        assert_eq!(texts, ["loans were never more secure now"; 3]);
    }

    #[test]
    fn the_size_of_print_is_told_from_its_letters() {
        // At 300 dots per inch, ten points are 41.7 pixels.
        for (text, height) in [("Board", 29), ("secure", 20), ("pages", 29), ("1,234", 35), ("資產", 37), ("Qualify", 38)] {
            let line = line(vec![word(text, 100, 100, 300, 100 + height)]);
            let size = Measured::new(&line, &Placing::new(&sheet(), 0, &PAGE)).size;
            assert!((9.0..=11.0).contains(&size), "{text}: {size}");
        }
    }

    #[test]
    fn columns_of_a_recognised_table_are_a_table() {
        let rows = [["Loans", "1,204", "1,150"], ["Deposits", "2,350", "2,200"], ["Equity", "377", "341"], ["Cash", "112", "98"]];
        let lines: Vec<PrintedLine> = (0..)
            .zip(rows)
            .map(|(row, cells)| {
                let words = (0..).zip(cells).map(|(column, text)| {
                    let (x, y) = (200 + 600 * column, 500 + 70 * row);
                    word(text, x, y, x + 20 * text.len() as u32, y + if text.contains(',') { 35 } else { 29 })
                });
                line(words.collect())
            })
            .collect();
        let blocks = laid_out(&lines, 0);
        assert_eq!(blocks[0].rows.len(), 4, "{blocks:#?}");
        assert_eq!(
            blocks[0].rows[1].cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>(),
            ["Deposits", "2,350", "2,200"]
        );
    }
}
