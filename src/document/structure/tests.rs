//! Tagged files, written by hand: page 1 is object 5 of the sample files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use crate::document::sample::pdf_with;
use crate::document::{Block, BlockKind, ReadOptions, read};

/// A piece of marked content: its identifier, its place and its text.
fn piece(id: usize, x: f32, y: f32, text: &str) -> String {
    format!("/P << /MCID {id} >> BDC BT /F1 10 Tf {x} {y} Td ({text}) Tj ET EMC\n")
}

fn blocks(content: &str, kids: &str, catalog: &str) -> Vec<Block> {
    let catalog = format!("/StructTreeRoot << /RoleMap << /Kopf /H2 >> /K << /S /Document /K [{kids}] >> >> {catalog}");
    let bytes = pdf_with(&[content], &catalog, "");
    read(&bytes, &ReadOptions::default()).unwrap().pages.remove(0).blocks
}

fn kinds(blocks: &[Block]) -> Vec<(BlockKind, Option<u8>)> {
    blocks.iter().map(|block| (block.kind, block.level)).collect()
}

fn cells(block: &Block) -> Vec<Vec<(u16, &str)>> {
    block.rows.iter().map(|row| row.cells.iter().map(|cell| (cell.column, cell.text.as_str())).collect()).collect()
}

#[test]
fn headings_items_and_captions_are_what_their_tags_say() {
    let content = piece(0, 50.0, 700.0, "Use of models by banks")
        + &piece(1, 50.0, 686.0, "Banks use models more and more widely")
        + &piece(2, 50.0, 672.0, "first of the reasons")
        + &piece(3, 50.0, 658.0, "second of the reasons");
    let kids = "<< /S /Kopf /Pg 5 0 R /K 0 >> << /S /P /Pg 5 0 R /K << /Type /MCR /MCID 1 >> >> \
                << /S /L /K [<< /S /LI /K << /S /LBody /Pg 5 0 R /K [2] >> >> << /S /LI /K << /S /LBody /Pg 5 0 R /K 3 >> >>] >>";
    let found = blocks(&content, kids, "");
    let item = (BlockKind::ListItem, None);
    assert_eq!(kinds(&found), [(BlockKind::Heading, Some(2)), (BlockKind::Paragraph, None), item, item]);
    // A file that calls its own tags suspect is read by geometry alone: four lines of one size are one paragraph.
    assert_eq!(kinds(&blocks(&content, kids, "/MarkInfo << /Suspects true >>")), [(BlockKind::Paragraph, None)]);
}

#[test]
fn a_tagged_table_has_its_rows_and_cells() {
    let content = piece(0, 50.0, 700.0, "Item")
        + &piece(1, 200.0, 700.0, "2023")
        + &piece(2, 260.0, 700.0, "2022")
        + &piece(3, 50.0, 686.0, "Loans to customers")
        + &piece(3, 50.0, 674.0, "net of allowances")
        + &piece(4, 200.0, 686.0, "1,204")
        + &piece(5, 223.0, 686.0, "\\(350\\)")
        + &piece(6, 50.0, 660.0, "not audited")
        + &piece(7, 260.0, 660.0, "12");
    let cell = |kind: &str, id: usize, more: &str| format!("<< /S /{kind} /Pg 5 0 R /K {id} {more} >>");
    let row = |cells: &[String]| format!("<< /S /TR /K [{}] >>", cells.concat());
    let header = row(&[cell("TH", 0, ""), cell("TH", 1, ""), cell("TH", 2, "")]);
    let body = row(&[cell("TD", 3, ""), cell("TD", 4, ""), cell("TD", 5, "")])
        + &row(&[cell("TD", 6, "/A << /O /Table /ColSpan 2 >>"), cell("TD", 7, "")]);
    let found = blocks(&content, &format!("<< /S /Table /K [{header} << /S /TBody /K [{body}] >>] >>"), "");
    assert_eq!(kinds(&found), [(BlockKind::Table, None)]);
    // Two figures that stand close are two cells; a label of two lines is one; a cell over two columns moves the next.
    assert_eq!(
        cells(&found[0]),
        [
            vec![(0, "Item"), (1, "2023"), (2, "2022")],
            vec![(0, "Loans to customers net of allowances"), (1, "1,204"), (2, "(350)")],
            vec![(0, "not audited"), (2, "12")],
        ]
    );
    assert_eq!(found[0].rows.iter().map(|row| row.header).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn a_page_laid_out_with_a_table_is_text() {
    let left = "The board reviewed the liquidity coverage ratio and found it to be adequate for the quarter under review";
    let content: String = (0..8).map(|row| piece(row / 4, 50.0, 700.0 - 14.0 * row as f32, left)).collect();
    let kids = "<< /S /Table /K [<< /S /TR /K << /S /TD /Pg 5 0 R /K 0 >> >> << /S /TR /K << /S /TD /Pg 5 0 R /K 1 >> >>] >>";
    assert!(blocks(&content, kids, "").iter().all(|block| block.kind == BlockKind::Paragraph));
}

#[test]
fn replacement_text_of_a_span_stands_for_its_content() {
    let content = piece(0, 50.0, 700.0, "X") + "BT /F1 10 Tf 57 700 Td (nance) Tj ET";
    let found = blocks(&content, "<< /S /Span /Pg 5 0 R /K 0 /ActualText (fi) >>", "");
    assert_eq!(found[0].text(), "finance");
}

#[test]
fn tags_for_half_of_a_page_are_not_believed() {
    let content =
        piece(0, 50.0, 700.0, "Tagged as a heading") + "BT /F1 10 Tf 50 686 Td (and the rest of the page is not tagged) Tj ET";
    assert_eq!(kinds(&blocks(&content, "<< /S /H1 /Pg 5 0 R /K 0 >>", "")), [(BlockKind::Paragraph, None)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_is_survived(kids in "[<>/KSPTRDHgMCI0-9 \\[\\]R]{0,200}", spans in -9_i32..i32::MAX) {
        let content = piece(0, 50.0, 700.0, "text");
        let tree = format!(
            "{kids} << /S /Table /K << /S /TR /K << /S /TD /Pg 5 0 R /K 0 /A << /RowSpan {spans} /ColSpan {spans} >> >> >> >>"
        );
        let bytes = pdf_with(&[&content], &format!("/StructTreeRoot << /K [{tree}] >>"), "");
        if let Ok(document) = read(&bytes, &ReadOptions::default()) {
            prop_assert_eq!(document.pages.len(), 1);
        }
    }
}
