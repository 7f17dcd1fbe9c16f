//! The worker process as the rest of the program meets it: typed errors, kept pages, equal results.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use scrutineer::document::worker::{Interrupted, Worker};
use scrutineer::document::{self, DocumentError, Limits, ReadOptions};

fn worker() -> Worker {
    Worker::of_program(env!("CARGO_BIN_EXE_scrutineer"))
}

/// One page with one line, without a cross-reference table (the reader rebuilds it).
fn sample() -> Vec<u8> {
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n\
      2 0 obj\n<< /Type /Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 600 800] >>\nendobj\n\
      3 0 obj\n<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>\nendobj\n\
      4 0 obj\n<< /Length 46 >>\nstream\nBT /F1 10 Tf 50 700 Td (Liquidity held up) Tj ET\nendstream\nendobj\n\
      5 0 obj\n<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>\nendobj\n\
      trailer\n<< /Root 1 0 R /Size 6 >>\n%%EOF\n"
        .to_vec()
}

fn options(limits: Limits) -> ReadOptions {
    ReadOptions { limits, ..ReadOptions::default() }
}

fn fault(name: &str, limits: Limits) -> Interrupted {
    let worker = worker().env("SCRUTINEER_WORKER_FAULT", name);
    worker.read(&sample(), &options(limits), &mut |_| {}).expect_err("the fault must show")
}

#[test]
fn the_worker_gives_what_the_reader_gives() {
    let mut seen = Vec::new();
    let isolated = worker().read(&sample(), &ReadOptions::default(), &mut |page| seen.push(page.number)).unwrap();
    assert_eq!(isolated, document::read(&sample(), &ReadOptions::default()).unwrap());
    assert_eq!(isolated.pages[0].text(), "Liquidity held up");
    assert_eq!(seen, [1]);
}

#[test]
fn a_hanging_parser_is_killed_by_the_clock() {
    let limits = Limits { wall: Duration::from_millis(700), ..Limits::default() };
    assert_eq!(fault("hang", limits).error, DocumentError::TimedOut { seconds: 0 });
}

#[test]
fn a_spinning_parser_is_killed_by_its_processor_time() {
    let limits = Limits { cpu_seconds: 1, ..Limits::default() };
    assert_eq!(fault("spin", limits).error, DocumentError::TimedOut { seconds: 1 });
}

#[test]
fn a_crashing_parser_is_told_as_a_crash() {
    let error = fault("crash", Limits::default()).error;
    assert!(matches!(&error, DocumentError::Crashed { detail } if detail.contains("signal 6")), "{error:?}");
}

#[test]
fn a_greedy_parser_is_told_as_out_of_memory() {
    let limits = Limits { memory_megabytes: 300, ..Limits::default() };
    assert_eq!(fault("oom", limits).error, DocumentError::OutOfMemory { megabytes: 300 });
}

#[test]
fn an_answer_that_is_no_frame_is_told() {
    assert!(matches!(fault("rubbish", Limits::default()).error, DocumentError::Crashed { .. }));
}

#[test]
fn pages_that_arrived_survive_the_kill() {
    let interrupted = fault("hang-after-page", Limits { wall: Duration::from_secs(2), ..Limits::default() });
    let partial = interrupted.partial.expect("the file was open");
    assert_eq!(partial.pages[0].text(), "Liquidity held up");
    assert!(partial.warnings.iter().any(|warning| warning.code == "reading-interrupted"));
}

#[test]
fn what_is_no_pdf_is_named() {
    let error = |bytes: &[u8]| worker().read(bytes, &ReadOptions::default(), &mut |_| {}).unwrap_err().error;
    assert_eq!(error(b""), DocumentError::Empty);
    assert_eq!(error(b"\x89PNG\r\n\x1a\n"), DocumentError::NotPdf { looks_like: "PNG image".into() });
}

#[test]
fn a_program_that_is_no_worker_is_a_crash() {
    let error = Worker::of_program("/bin/true").read(&sample(), &ReadOptions::default(), &mut |_| {}).unwrap_err().error;
    assert!(matches!(error, DocumentError::Crashed { .. }));
}
