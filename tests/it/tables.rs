//! Tables of real filings, cell by cell: every figure with its sign and parentheses, every row with its label, the heads of the
//! columns. The filings are no part of the project: without them the test says so and passes.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::context::TestContext;

/// File of the development set, page, and a text that a cell of the table holds.
const TABLES: [(&str, u32, &str); 26] = [
    ("fb_a705483ea6", 2, "Quaker Foods North America"),
    ("fb_a705483ea6", 4, "Gross profit"),
    ("fb_a705483ea6", 6, "Net income"),
    ("fb_a705483ea6", 8, "Cash and cash equivalents"),
    ("fb_faf10c53fc", 21, "Industrial"),
    ("fb_faf10c53fc", 35, "Translation"),
    ("fb_faf10c53fc", 46, "Inventories"),
    ("fb_faf10c53fc", 77, "Patents"),
    ("fb_faf10c53fc", 86, "Settlements"),
    ("fb_faf10c53fc", 95, "2019 Benefit Payments"),
    ("fb_d3bbc7ab23", 51, "% of past due"),
    ("fb_d3bbc7ab23", 65, "Tier 1 Capital"),
    ("fb_d3bbc7ab23", 107, "Small Business"),
    ("fb_d3bbc7ab23", 126, "Lending Trust"),
    ("fb_d3bbc7ab23", 136, "Fixed-rate long-term debt"),
    ("fb_6b43f1ed70", 13, "Missouri"),
    ("fb_6b43f1ed70", 82, "Goodwill"),
    ("fb_6b43f1ed70", 98, "Missouri (a)"),
    ("fb_183c196a41", 108, "Premiums"),
    ("fb_183c196a41", 135, "Inventories"),
    ("fb_4570187fa6", 33, "Pacific Sales"),
    ("fb_4570187fa6", 44, "Fitch"),
    ("fb_f8af08ff6c", 37, "Unearned revenue"),
    ("fb_f8af08ff6c", 54, "Goodwill - January 1, 2016"),
    ("twfin_ece34d92ca", 1, "庫存現金及週轉金"),
    ("wcb_56e84d001c", 17, "Czech Rep."),
];

/// A table as text: a line per row, `H` before the heads, the cells of each column between bars.
fn drawn(table: &Value) -> String {
    let rows = table["rows"].as_array().unwrap();
    let cells = |row: &Value| row["cells"].as_array().unwrap().clone();
    let column = |cell: &Value| cell["column"].as_u64().unwrap() as usize;
    let width = rows.iter().flat_map(cells).map(|cell| column(&cell) + 1).max().unwrap_or(0);
    let mut out = String::new();
    for row in rows {
        let mut texts = vec![String::new(); width];
        for cell in cells(row) {
            texts[column(&cell)].push_str(cell["text"].as_str().unwrap());
        }
        let mark = if row["header"].as_bool().unwrap() { 'H' } else { ' ' };
        writeln!(out, "{mark} | {} |", texts.join(" | ")).unwrap();
    }
    out
}

#[test]
fn tables_of_filings_keep_every_cell() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/pdf/dev/pdf");
    if !corpus.is_dir() {
        eprintln!("skipped: {} is not there", corpus.display());
        return;
    }
    let context = TestContext::new();
    let mut files: Vec<&str> = TABLES.iter().map(|table| table.0).collect();
    files.dedup();
    let paths: Vec<String> = files.iter().map(|file| corpus.join(format!("{file}.pdf")).display().to_string()).collect();
    let mut arguments = vec!["extract", "--out", "text"];
    arguments.extend(paths.iter().map(String::as_str));
    context.run(&arguments).expect_code(0);
    for file in files {
        let document = context.json(&format!("text/{file}.json"));
        let mut out = String::new();
        for (_, number, holding) in TABLES.iter().filter(|table| table.0 == file) {
            let page = &document["pages"][*number as usize - 1];
            let tables = page["tables"].as_array().unwrap_or_else(|| panic!("{file} page {number} has no table"));
            let drawings: Vec<String> = tables.iter().map(drawn).collect();
            let found = drawings.iter().find(|drawing| drawing.contains(&format!("| {holding} |")));
            let table = found.unwrap_or_else(|| panic!("no table of {file} page {number} holds {holding}:\n{drawings:#?}"));
            writeln!(out, "page {number}\n{table}").unwrap();
        }
        insta::assert_snapshot!(format!("tables_{file}"), out);
    }
}
