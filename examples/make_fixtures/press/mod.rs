//! The press: sets the sources of `fixtures/sources/` and prints them as PDFs, and damages some on purpose.

// The sources are part of the program that makes them: a fault in a source stops it.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod damage;
mod fonts;
mod layout;
mod lines;
mod markup;
mod metrics;
mod pdf;
mod scan;

use markup::Source;

/// A file of the fixtures: its path below `fixtures/` and its bytes.
pub struct Fixture {
    pub path: &'static str,
    pub bytes: Vec<u8>,
}

/// The sources by the stem of the PDF that is made from each.
const SOURCES: [(&str, &str); 10] = [
    ("harbour-bank-annual-report-2023.pdf", include_str!("../../../fixtures/sources/harbour-bank-annual-report-2023.txt")),
    ("harbour-bank-annual-report-2024.pdf", include_str!("../../../fixtures/sources/harbour-bank-annual-report-2024.txt")),
    (
        "formosa-river-bank-annual-report-113.pdf",
        include_str!("../../../fixtures/sources/formosa-river-bank-annual-report-113.txt"),
    ),
    ("policy-board-minutes-2024-03.pdf", include_str!("../../../fixtures/sources/policy-board-minutes-2024-03.txt")),
    ("monetary-board-minutes-113q1.pdf", include_str!("../../../fixtures/sources/monetary-board-minutes-113q1.txt")),
    ("two-columns-ai-bulletin.pdf", include_str!("../../../fixtures/sources/two-columns-ai-bulletin.txt")),
    ("encrypted-stress-annex-2023.pdf", include_str!("../../../fixtures/sources/encrypted-stress-annex-2023.txt")),
    ("hidden-instructions.pdf", include_str!("../../../fixtures/sources/hidden-instructions.txt")),
    ("broken/password-protected.pdf", include_str!("../../../fixtures/sources/password-protected.txt")),
    ("broken/no-xref.pdf", include_str!("../../../fixtures/sources/no-xref.txt")),
];

/// Every file of the fixtures that is made, in order.
pub fn fixtures() -> Vec<Fixture> {
    let mut fixtures: Vec<Fixture> = SOURCES.iter().map(|(path, text)| Fixture { path, bytes: print(text) }).collect();
    let truncated = damage::truncated(&fixtures[1].bytes);
    for fixture in fixtures.iter_mut().filter(|fixture| fixture.path == "broken/no-xref.pdf") {
        fixture.bytes = damage::without_cross_reference(&fixture.bytes);
    }
    fixtures.push(Fixture { path: "broken/truncated.pdf", bytes: truncated });
    fixtures.push(Fixture { path: "broken/zero-bytes.pdf", bytes: Vec::new() });
    fixtures.push(Fixture { path: "broken/picture.pdf", bytes: damage::png() });
    fixtures
}

/// Files that try to cost the reader time, memory or stack. They are not kept under `fixtures/`: tests make them.
pub fn hostile() -> Vec<Fixture> {
    damage::hostile()
}

fn print(text: &str) -> Vec<u8> {
    let source = Source::parse(text);
    let sheets = layout::set_pages(&source);
    pdf::write(&source, &sheets)
}
