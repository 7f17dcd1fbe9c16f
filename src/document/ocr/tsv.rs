//! What Tesseract prints -> lines of words. The format is its `tsv`: a head line, then one row per page, block, paragraph, line and
//! word (levels 1 to 5), with boxes in pixels from the top left.
//!
//! The text of the rows comes from a picture that a stranger sent, so nothing of it is trusted: rows are counted, boxes are cut
//! to the picture, and anything that is not the format is an error, not a guess.

use unicode_normalization::UnicodeNormalization;

/// The columns of a row.
const COLUMNS: [&str; 12] =
    ["level", "page_num", "block_num", "par_num", "line_num", "word_num", "left", "top", "width", "height", "conf", "text"];
/// The level of a word.
const WORD: u32 = 5;
/// The most words of a page: a page of newsprint has 6,000.
const MOST_WORDS: usize = 60_000;
/// The most characters of a word.
const LONGEST_WORD: usize = 400;

/// A line of print.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PrintedLine {
    /// The block that it stands in.
    pub(super) block: u32,
    /// Its words, left to right; never empty.
    pub(super) words: Vec<PrintedWord>,
}

/// A word as recognised. The box is in pixels and lies within the picture; it is never empty.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PrintedWord {
    /// The text, NFC, without white space and control characters; never empty.
    pub(super) text: String,
    pub(super) x0: u32,
    pub(super) y0: u32,
    pub(super) x1: u32,
    pub(super) y1: u32,
    /// How sure the engine is, in percent.
    pub(super) confidence: u8,
}

/// Reads the output for a picture of this size.
///
/// # Errors
/// What is not as it must be, for people.
pub(super) fn lines(output: &[u8], width: u32, height: u32) -> Result<Vec<PrintedLine>, String> {
    let output = std::str::from_utf8(output).map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))?;
    let mut rows = output.lines();
    let head = rows.next().unwrap_or_default();
    if !head.split('\t').eq(COLUMNS) {
        return Err("it lacks the head line of a table of words".to_owned());
    }
    let mut lines: Vec<PrintedLine> = Vec::new();
    let mut current = None;
    let mut words = 0;
    for (row, number) in rows.zip(2_usize..) {
        let wrong = |what: &str| format!("line {number}: {what}");
        let row = Row::parse(row).ok_or_else(|| wrong("not a row of a table of words"))?;
        if row.level != WORD {
            continue;
        }
        let Some(word) = row.word(width, height) else { continue };
        words += 1;
        if words > MOST_WORDS {
            return Err(wrong("more words than a page can hold"));
        }
        let place = (row.block, row.paragraph, row.line);
        match lines.last_mut() {
            Some(line) if current == Some(place) => line.words.push(word),
            _ => lines.push(PrintedLine { block: row.block, words: vec![word] }),
        }
        current = Some(place);
    }
    Ok(lines)
}

struct Row<'t> {
    level: u32,
    block: u32,
    paragraph: u32,
    line: u32,
    /// Left, top, width, height.
    area: [u32; 4],
    confidence: f32,
    text: &'t str,
}

impl<'t> Row<'t> {
    fn parse(row: &'t str) -> Option<Self> {
        let mut fields = row.splitn(COLUMNS.len(), '\t');
        let mut whole = || fields.next()?.parse::<u32>().ok();
        let [level, _page, block, paragraph, line, _word] = [whole()?, whole()?, whole()?, whole()?, whole()?, whole()?];
        let area = [whole()?, whole()?, whole()?, whole()?];
        let confidence = fields.next()?.parse::<f32>().ok().filter(|value| value.is_finite())?;
        // Rows above the level of words end before the text, or with an empty one.
        let text = fields.next().unwrap_or_default();
        (1..=WORD).contains(&level).then_some(Self { level, block, paragraph, line, area, confidence, text })
    }

    /// The word; none where it has no characters or no area on the picture.
    fn word(&self, width: u32, height: u32) -> Option<PrintedWord> {
        let text: String = self.text.nfc().filter(|c| !c.is_whitespace() && !c.is_control()).take(LONGEST_WORD).collect();
        let [left, top, across, down] = self.area;
        let (x0, y0) = (left.min(width), top.min(height));
        let (x1, y1) = (left.saturating_add(across).min(width), top.saturating_add(down).min(height));
        let confidence = self.confidence.clamp(0.0, 100.0).round() as u8;
        (!text.is_empty() && x0 < x1 && y0 < y1).then_some(PrintedWord { text, x0, y0, x1, y1, confidence })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(rows: &[&str]) -> Vec<u8> {
        let mut text = COLUMNS.join("\t");
        rows.iter().for_each(|row| text = format!("{text}\n{}", row.replace(' ', "\t")));
        text.into_bytes()
    }

    #[test]
    fn words_are_put_on_their_lines() {
        let output = table(&[
            "1 1 0 0 0 0 0 0 2480 3508 -1 ",
            "2 1 1 0 0 0 845 436 357 29 -1 ",
            "5 1 1 1 1 1 845 438 56 26 89.684494 民國",
            "5 1 1 1 1 2 926 437 37 24 9.2 112",
            "5 1 1 1 2 1 845 500 56 26 120 next",
            "5 1 2 1 2 1 845 600 56 26 70 block",
        ]);
        let lines = lines(&output, 2480, 3508).unwrap();
        let texts: Vec<Vec<&str>> = lines.iter().map(|line| line.words.iter().map(|word| word.text.as_str()).collect()).collect();
        assert_eq!(texts, [vec!["民國", "112"], vec!["next"], vec!["block"]]);
        let first = &lines[0].words[0];
        assert_eq!((first.x0, first.y0, first.x1, first.y1, first.confidence), (845, 438, 901, 464, 90));
        assert_eq!(lines[1].words[0].confidence, 100);
    }

    #[test]
    fn rules_and_specks_are_no_words() {
        let output =
            table(&["5 1 3 1 1 1 10 10 300 2 95 \u{3000}", "5 1 3 1 1 2 10 10 0 2 95 x", "5 1 3 1 1 3 500 500 9 9 95 off"]);
        assert_eq!(lines(&output, 400, 400).unwrap(), []);
    }

    #[test]
    fn what_is_not_the_format_is_an_error() {
        assert!(lines(b"", 10, 10).unwrap_err().contains("head line"));
        assert!(lines(b"Segmentation fault", 10, 10).is_err());
        assert!(lines(b"\xff\xfe", 10, 10).unwrap_err().contains("UTF-8"));
        for row in ["5 1 1 1 1 1 -4 0 5 5 90 x", "5 1 1", "9 1 1 1 1 1 0 0 5 5 90 x", "5 1 1 1 1 1 0 0 5 5 nan x"] {
            assert!(lines(&table(&[row]), 10, 10).unwrap_err().starts_with("line 2"), "{row}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_lines_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = lines(&bytes, 100, 100);
        }

        #[test]
        fn boxes_lie_within_the_picture(
            rows in proptest::collection::vec((any::<[u32; 4]>(), -200.0_f32..300.0, "\\PC{0,12}"), 0..40),
            width in 0_u32..5_000,
            height in 0_u32..5_000,
        ) {
            let mut text = COLUMNS.join("\t");
            for (index, (area, confidence, word)) in rows.iter().enumerate() {
                let [left, top, across, down] = area.map(|value| value % 6_000);
                text += &format!("\n5\t1\t1\t1\t{}\t1\t{left}\t{top}\t{across}\t{down}\t{confidence}\t{word}", index / 3);
            }
            for word in lines(text.as_bytes(), width, height).unwrap().iter().flat_map(|line| &line.words) {
                prop_assert!(word.x0 < word.x1 && word.x1 <= width && word.y0 < word.y1 && word.y1 <= height);
                prop_assert!(word.confidence <= 100 && !word.text.is_empty() && !word.text.contains(char::is_whitespace));
            }
        }
    }
}
