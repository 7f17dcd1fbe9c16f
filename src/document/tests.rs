//! The reader as a whole, on small files written for the purpose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::sample::{lines, pdf, pdf_with};
use super::*;

fn document(contents: &[&str]) -> Document {
    read(&pdf(contents), &ReadOptions::default()).unwrap()
}

fn text(content: &str) -> String {
    document(&[content]).pages[0].text()
}

fn hidden(document: &Document) -> Vec<(HiddenReason, String)> {
    let blocks = document.pages.iter().flat_map(|page| &page.blocks);
    blocks.filter_map(|block| Some((block.hidden?, block.text()))).collect()
}

const LEFT: [&str; 5] = [
    "The board reviewed the liquidity coverage",
    "ratio and found it to be adequate for the",
    "quarter under review, with a comfortable",
    "margin above the regulatory minimum that",
    "applies to institutions of its size.",
];
const RIGHT: [&str; 5] = [
    "Operational resilience was tested twice in",
    "the year. The second exercise simulated an",
    "outage of the main cloud provider for more",
    "than a day, and the recovery objective was",
    "met in all but one of the services tested.",
];

#[test]
fn columns_painted_line_by_line_are_read_column_by_column() {
    let interleaved: String = (0..5)
        .map(|row| lines(50.0, 700.0 - 14.0 * row as f32, &[LEFT[row]]) + &lines(320.0, 700.0 - 14.0 * row as f32, &[RIGHT[row]]))
        .collect();
    let text = text(&interleaved);
    let (left, right) = (text.find("applies to institutions").unwrap(), text.find("Operational resilience").unwrap());
    assert!(left < right, "{text}");
}

#[test]
fn a_table_painted_by_column_is_read_by_row() {
    let names = lines(50.0, 700.0, &["Item", "Loans", "Deposits", "Equity", "Cash", "Bonds"]);
    let figures = lines(300.0, 700.0, &["2022", "1,204", "(350)", "77", "12", "8"]);
    let document = document(&[&(names + &figures)]);
    let block = &document.pages[0].blocks[0];
    assert_eq!(block.kind, BlockKind::Table);
    assert!(block.rows[0].header);
    let cells: Vec<Vec<&str>> = block.rows.iter().map(|row| row.cells.iter().map(|cell| cell.text.as_str()).collect()).collect();
    assert_eq!(cells[2], ["Deposits", "(350)"]);
    assert_eq!(block.rows[2].cells[1].column, 1);
}

#[test]
fn words_come_from_geometry() {
    assert_eq!(text("BT /F1 10 Tf 50 700 Td [(Net)-400(in)20(come)] TJ ET"), "Net income");
    assert_eq!(text("BT /F1 10 Tf 50 700 Td 4 Tc (BOARD OF) Tj ET"), "BOARD OF");
    assert_eq!(text("BT /F1 10 Tf 50 700 Td [(ris)-10(k)-33-330 (view)] TJ ET"), "risk view");
    // A footnote's mark is no digit of the figure before it, whenever it is painted.
    let figures = "BT /F1 10 Tf 50 700 Td [(12.5) -800 (per cent)] TJ ET ";
    let mark = "BT /F1 6 Tf 70 704 Td (1) Tj ET ";
    assert_eq!(text(&[figures, mark].concat()), "12.5 1 per cent");
    assert_eq!(text("BT /F1 10 Tf 50 700 Td (Assets) Tj /F1 6 Tf 4 Ts (1) Tj ET"), "Assets1");
    // Bold by overprinting is one text, painted string by string or letter by letter.
    assert_eq!(text("BT /F1 10 Tf 50 700 Td (R) Tj ET BT /F1 10 Tf 50.3 700 Td (R) Tj ET"), "R");
    assert_eq!(text("BT /F1 10 Tf 50 700 Td (Risk) Tj ET BT /F1 10 Tf 50.3 700 Td (Risk) Tj ET"), "Risk");
}

#[test]
fn signs_painted_after_the_letters_around_them_stand_between_them() {
    let letters = "BT /F1 10 Tf 100 700 Td [(A) -900 (B)] TJ ET ";
    let signs = "BT /F1 10 Tf 84 700 Td [(Let) -1130 (*)] TJ ET ";
    assert_eq!(text(&[letters, signs].concat()), "Let A * B");
    assert_eq!(text(&[signs, letters].concat()), "Let A * B");
}

#[test]
fn hidden_text_is_found_with_its_reason() {
    let seen = "BT /F1 10 Tf 50 700 Td (seen text on the page) Tj ET\n";
    for (content, reason) in [
        ("1 g BT /F1 10 Tf 50 600 Td (white on white) Tj ET", HiddenReason::BackgroundColour),
        ("BT /F1 10 Tf 3 Tr 50 600 Td (invisible mode) Tj ET", HiddenReason::RenderMode),
        ("BT /F1 0.5 Tf 50 600 Td (much too small) Tj ET", HiddenReason::Tiny),
        ("BT /F1 10 Tf 900 600 Td (off the page) Tj ET", HiddenReason::OffPage),
        ("q 0 0 100 100 re W n BT /F1 10 Tf 50 600 Td (out of the clip) Tj ET Q", HiddenReason::OffPage),
        ("BT /F1 10 Tf 50 600 Td (covered text) Tj ET 1 g 40 590 200 30 re f", HiddenReason::Covered),
    ] {
        let document = document(&[&format!("{seen}{content}")]);
        let found = hidden(&document);
        assert_eq!(found.len(), 1, "{content}: {found:?}");
        assert_eq!(found[0].0, reason, "{content}");
        assert_eq!(document.pages[0].text(), "seen text on the page");
        assert!(document.warnings.iter().any(|warning| warning.code == "hidden-text" && warning.page == Some(1)));
    }
}

#[test]
fn a_page_of_nothing_but_invisible_text_is_told_from_a_scan() {
    let invisible = "BT /F1 10 Tf 3 Tr 50 600 Td (nobody sees this) Tj ET";
    let document = document(&[invisible]);
    assert_eq!(document.pages[0].state, PageState::Invisible);
    assert_eq!(document.pages[0].text(), "nobody sees this");
    assert_eq!(hidden(&document), [(HiddenReason::RenderMode, "nobody sees this".to_owned())]);
    // Over a picture of the page it is the text of the scan.
    let picture = "q 600 0 0 800 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID 0 EI Q ";
    let scan = read(&pdf(&[&format!("{picture}{invisible}")]), &ReadOptions::default()).unwrap();
    assert_eq!((scan.pages[0].state, hidden(&scan)), (PageState::TextLayer, Vec::new()));
}

#[test]
fn glyphs_that_no_name_explains_count_as_unmapped() {
    let font = "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 750 750] /FontMatrix [.001 0 0 .001 0 0] /FirstChar 97 /LastChar 98 \
                /Widths [750 750] /Encoding << /Differences [97 /rect /wedge] >> /CharProcs << /rect 6 0 R /wedge 6 0 R >> >>";
    let bytes = String::from_utf8(pdf(&["BT /F3 10 Tf 50 700 Td (ab) Tj ET"])).unwrap();
    let bytes = bytes.replace("/Font << /F1", &format!("/Font << /F3 {font} /F1"));
    let page = read(bytes.as_bytes(), &ReadOptions::default()).unwrap().pages.remove(0);
    assert_eq!((page.text().as_str(), page.unmapped_glyphs), ("ab", 2));
}

#[test]
fn a_glyph_without_a_text_leaves_its_mark_within_a_word() {
    let font = "<< /Type /Font /Subtype /TrueType /BaseFont /F /FirstChar 1 /LastChar 2 /Widths [500 500] \
                /Encoding << /Differences [1 /g901 /g902] >> >>";
    let bytes = String::from_utf8(pdf(&[
        "BT /F1 10 Tf 50 700 Td (Commi) Tj /F4 10 Tf (\\001) Tj /F1 10 Tf (ee ) Tj /F4 10 Tf (\\002) Tj /F1 10 Tf ( met) Tj ET",
    ]))
    .unwrap();
    let bytes = bytes.replace("/Font << /F1", &format!("/Font << /F4 {font} /F1"));
    let page = read(bytes.as_bytes(), &ReadOptions::default()).unwrap().pages.remove(0);
    assert_eq!((page.text().as_str(), page.unmapped_glyphs), ("Commi\u{fffd}ee met", 2));
}

#[test]
fn a_string_that_repaints_a_character_starts_a_word() {
    let document = document(&["BT /F1 10 Tf 50 700 Td (Bank) Tj ET BT /F1 10 Tf 67.2 700 Td (kers) Tj ET"]);
    let words: Vec<&Word> = document.pages[0].blocks[0].lines[0].words.iter().collect();
    assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["Bank", "kers"]);
    assert!(words[1].repaints_end_of(words[0]) && !words[0].repaints_end_of(words[1]));
}

#[test]
fn white_text_on_a_dark_banner_is_seen() {
    let document = document(&["0 0 0.5 rg 0 690 600 40 re f 1 g BT /F1 14 Tf 50 700 Td (Annual Report) Tj ET"]);
    assert_eq!(hidden(&document), []);
    assert_eq!(document.pages[0].text(), "Annual Report");
}

#[test]
fn text_of_a_group_that_is_off_is_hidden() {
    let content = "/OC /MC0 BDC BT /F1 10 Tf 50 600 Td (switched off) Tj ET EMC BT /F1 10 Tf 50 700 Td (on) Tj ET";
    let bytes = pdf_with(&[content], "/OCProperties << /OCGs [3 0 R] /D << /OFF [3 0 R] >> >>", "");
    let bytes = String::from_utf8(bytes).unwrap().replace("/Resources <<", "/Resources << /Properties << /MC0 3 0 R >>");
    let document = read(bytes.as_bytes(), &ReadOptions::default()).unwrap();
    assert_eq!(hidden(&document), [(HiddenReason::OptionalContent, "switched off".to_owned())]);
}

#[test]
fn replacement_text_stands_for_its_glyphs() {
    assert_eq!(text("BT /F1 10 Tf 50 700 Td /Span << /ActualText (fi) >> BDC (X) Tj EMC (nance) Tj ET"), "finance");
}

#[test]
fn turned_pages_read_upright() {
    for (turn, size) in [(0, (600.0, 800.0)), (90, (800.0, 600.0)), (180, (600.0, 800.0)), (270, (800.0, 600.0))] {
        let bytes = pdf_with(&[&lines(50.0, 700.0, &LEFT)], "", &format!("/Rotate {turn}"));
        let document = read(&bytes, &ReadOptions::default()).unwrap();
        let page = &document.pages[0];
        assert_eq!((page.width, page.height), size);
        assert_eq!(page.text(), LEFT.join("\n"), "turned by {turn}");
        assert!(
            page.blocks[0]
                .lines
                .iter()
                .all(|line| line.bbox.x0 >= 0.0 && line.bbox.x1 <= page.width && line.bbox.y1 <= page.height)
        );
    }
}

#[test]
fn running_lines_are_marked_and_kept() {
    let pages: Vec<String> = (1..=4)
        .map(|number| {
            lines(50.0, 780.0, &["Bank of Somewhere plc"])
                + &lines(50.0, 700.0, &LEFT)
                + &lines(290.0, 20.0, &[&format!("Page {number} of 4")])
        })
        .collect();
    let document = document(&pages.iter().map(String::as_str).collect::<Vec<_>>());
    for page in &document.pages {
        let kinds: Vec<BlockKind> = page.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds, [BlockKind::RunningHeader, BlockKind::Paragraph, BlockKind::RunningFooter]);
        assert!(page.text().contains("Bank of Somewhere"));
    }
}

#[test]
fn headings_have_levels() {
    let content = "BT /F2 18 Tf 50 740 Td (Risk report) Tj ET BT /F2 12 Tf 50 715 Td (Credit risk) Tj ET\n".to_owned()
        + &lines(50.0, 695.0, &LEFT);
    let document = document(&[&content]);
    let found: Vec<(BlockKind, Option<u8>)> = document.pages[0].blocks.iter().map(|block| (block.kind, block.level)).collect();
    assert_eq!(found, [(BlockKind::Heading, Some(1)), (BlockKind::Heading, Some(2)), (BlockKind::Paragraph, None)]);
}

#[test]
fn every_character_has_an_edge_within_its_word() {
    let document = document(&[&lines(50.0, 700.0, &LEFT)]);
    for word in document.pages[0].blocks.iter().flat_map(|block| &block.lines).flat_map(|line| &line.words) {
        assert_eq!(word.edges.len(), word.text.chars().count());
        assert!(
            word.edges.is_sorted() && word.edges.iter().all(|&edge| edge >= word.bbox.x0 && edge <= word.bbox.x1 + 0.01),
            "{word:?}"
        );
    }
}

#[test]
fn limits_stop_a_page_and_say_so() {
    let options = ReadOptions { limits: Limits { operators: 20, ..Limits::default() }, ..ReadOptions::default() };
    let document = read(&pdf(&[&lines(50.0, 700.0, &LEFT.repeat(4))]), &options).unwrap();
    assert_eq!(document.pages[0].state, PageState::Unreadable);
    assert!(document.warnings.iter().any(|warning| warning.code == "limit-reached"));
}

#[test]
fn a_form_that_draws_itself_ends() {
    let bytes = String::from_utf8(pdf(&["/X Do BT /F1 10 Tf 50 700 Td (after) Tj ET"])).unwrap();
    // The page's own content stream as its form: a cycle.
    let bytes = bytes.replace("/Resources <<", "/Resources << /XObject << /X 6 0 R >>");
    let document = read(bytes.as_bytes(), &ReadOptions::default()).unwrap();
    assert!(document.pages[0].text().contains("after"));
}

#[test]
fn broken_files_are_repaired_or_refused() {
    let whole = pdf(&[&lines(50.0, 700.0, &LEFT)]);
    let xref = whole.windows(5).position(|window| window == b"xref\n").unwrap();
    let expected = LEFT.join("\n");
    for (what, bytes) in [
        ("no cross-reference table", whole[..xref].to_vec()),
        ("junk before the header", [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &whole].concat()),
        ("wrong offset", String::from_utf8(whole.clone()).unwrap().replace("startxref\n", "startxref\n9").into_bytes()),
    ] {
        assert_eq!(read(&bytes, &ReadOptions::default()).unwrap().pages[0].text(), expected, "{what}");
    }
    assert!(matches!(read(b"%PDF-1.4\nnothing here", &ReadOptions::default()), Err(DocumentError::Damaged { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_give_a_document_or_a_typed_error(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), header in any::<bool>()) {
        let bytes = if header { [b"%PDF-1.7\n1 0 obj ".as_slice(), &bytes].concat() } else { bytes };
        let _ = read(&bytes, &ReadOptions::default());
    }

    #[test]
    fn any_content_stream_is_survived(content in "[ -~\\n]{0,400}") {
        let document = read(&pdf(&[&content]), &ReadOptions::default()).unwrap();
        prop_assert_eq!(document.pages.len(), 1);
    }

    #[test]
    fn damaged_files_never_panic(cut in 0_usize..2_000, at in 0_usize..2_000, byte in any::<u8>()) {
        let mut bytes = pdf(&[&lines(50.0, 700.0, &LEFT), &lines(50.0, 700.0, &RIGHT)]);
        if let Some(slot) = bytes.get_mut(at) {
            *slot = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        let _ = read(&bytes, &ReadOptions::default());
    }

    #[test]
    fn reading_is_deterministic(order in Just((0..5).collect::<Vec<usize>>()).prop_shuffle()) {
        let content: String = order.iter().map(|&row| lines(50.0, 700.0 - 14.0 * row as f32, &[LEFT[row]])).collect();
        let bytes = pdf(&[&content]);
        let first = read(&bytes, &ReadOptions::default()).unwrap();
        prop_assert_eq!(&first, &read(&bytes, &ReadOptions::default()).unwrap());
    }
}
