//! `scrutineer extract`: the text of PDFs with the box of every word, as JSON files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Exit;
use super::terminal::harmless;
use crate::config::Config;
use crate::document::ocr::{NoStore, Recogniser};
use crate::document::{
    Block, BlockKind, BoundingBox, Document, HiddenReason, Line, Page, PageState, ReadOptions, Recognition, TableCell, TableRow,
    worker,
};
use crate::error::{Error, OrFail, Result};

/// Writes the text of PDFs, with the box of every word, as JSON
///
/// Each file gives DIR/STEM.json: {"pages": [{"number", "label", "width", "height", "text", "words": [{"text", "x0", "y0", "x1",
/// "y1"}]}]}, in points from the top left of the page as displayed; `text` is in reading order. Text that a reader of the page
/// does not see stands apart in "hidden"; "headings" have levels, "tables" rows of cells, each with its box; "unmapped_glyphs" counts
/// characters that the file does not tell. A file that cannot be read gives {"pages": [], "error": …}. Each page has its "state"
/// (text, text-layer, blank, invisible, scan, ocr, garbled, unreadable); with `--ocr auto`, scans are read by Tesseract, and their pages have
/// "ocr" (program, version, languages, confidence) and a "confidence" in percent per word.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scrutineer extract annual-report.pdf minutes.pdf --out text/\n  scrutineer extract scanned.pdf --ocr auto --out text/"
)]
pub(super) struct Arguments {
    /// The PDFs; no two may have the same stem
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The folder for the JSON files; made where it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Whether scans are read by OCR, which takes seconds per page
    #[arg(long, value_name = "WHEN", value_enum, default_value = "off")]
    ocr: Ocr,
    /// A file whose first line is the password of protected PDFs
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Whether scans are read by OCR.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Ocr {
    /// Where Tesseract is installed
    Auto,
    /// Never: the text is the file's own alone
    Off,
}

impl Ocr {
    const fn recogniser(self) -> Recogniser {
        match self {
            Self::Auto => Recogniser::auto(),
            Self::Off => Recogniser::off(),
        }
    }
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let stems = stems(&self.files)?;
        let options = ReadOptions { password: super::password(self.password_file.as_deref())?, ..ReadOptions::default() };
        fs::create_dir_all(&self.out).or_fail(|| format!("cannot make the folder {}", self.out.display()))?;
        let progress = progress(self.files.len(), config);
        let results = self.extract_all(&stems, &options, &progress);
        progress.finish_and_clear();
        let results = results.into_iter().collect::<Result<Vec<Extracted>>>()?;
        report(&results, self.ocr, config)?;
        Ok(if results.iter().any(|result| result.error.is_some()) { Exit::Incomplete } else { Exit::Done })
    }

    /// Extracts the files on all cores, each in a worker process; the results are in the order of the files.
    fn extract_all(&self, stems: &[String], options: &ReadOptions, progress: &ProgressBar) -> Vec<Result<Extracted>> {
        let next = AtomicUsize::new(0);
        let recogniser = self.ocr.recogniser();
        let done: Mutex<BTreeMap<usize, Result<Extracted>>> = Mutex::new(BTreeMap::new());
        let cores = thread::available_parallelism().map_or(1, usize::from).min(self.files.len());
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let (Some(file), Some(stem)) = (self.files.get(at), stems.get(at)) else { break };
                        let result = extract(file, &self.out.join(format!("{stem}.json")), options, &recogniser, progress);
                        done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(at, result);
                        progress.inc(1);
                    }
                });
            }
        });
        done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).into_values().collect()
    }
}

/// The stems of the files, each its own.
fn stems(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
    let mut stems = Vec::new();
    for file in files {
        let stem = file
            .file_stem()
            .ok_or_else(|| Error::usage(format!("{} is not a file", file.display())))?
            .to_string_lossy()
            .into_owned();
        if let Some(other) = seen.insert(stem.clone(), file) {
            return Err(Error::usage(format!("{} and {} would both be written to {stem}.json", other.display(), file.display()))
                .remedy("give one of them another name, or run them into two folders"));
        }
        stems.push(stem);
    }
    Ok(stems)
}

fn progress(files: usize, config: &Config) -> ProgressBar {
    if config.quiet || config.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(files as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} files, {msg} {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Extracted {
    file: String,
    output: String,
    pages: usize,
    unread_pages: usize,
    /// Those of them that OCR could read.
    scans: usize,
    ocr_pages: usize,
    hidden_blocks: usize,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn extract(
    file: &Path,
    target: &Path,
    options: &ReadOptions,
    recogniser: &Recogniser,
    progress: &ProgressBar,
) -> Result<Extracted> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    progress.set_message(name);
    let read = fs::read(file).map_err(|error| format!("cannot be read: {error}")).and_then(|bytes| {
        let document =
            worker::read_isolated(&bytes, options, &mut |_| {}).map_err(|interrupted| interrupted.error.to_string())?;
        Ok(recogniser.read_scans(document, &bytes, options, &NoStore).document)
    });
    let (document, error) = match read {
        Ok(document) => (Some(document), None),
        Err(error) => (None, Some(error)),
    };
    let output = Output {
        pages: document.iter().flat_map(|document| &document.pages).map(PageOutput::of).collect(),
        error: error.as_deref(),
    };
    write(&output, target).or_fail(|| format!("cannot write {}", target.display()))?;
    let count = |test: &dyn Fn(&Page) -> bool| {
        document.iter().flat_map(|document: &Document| &document.pages).filter(|page| test(page)).count()
    };
    Ok(Extracted {
        file: file.display().to_string(),
        output: target.display().to_string(),
        pages: count(&|_| true),
        unread_pages: count(&|page| !page.state.is_read()),
        scans: count(&|page| page.state.needs_ocr()),
        ocr_pages: count(&|page| page.state == PageState::Ocr),
        hidden_blocks: document
            .iter()
            .flat_map(|d| &d.pages)
            .flat_map(|page| &page.blocks)
            .filter(|block| block.hidden.is_some())
            .count(),
        warnings: document
            .iter()
            .flat_map(|document| &document.warnings)
            .map(|warning| match warning.page {
                Some(page) => format!("page {page}: {}", warning.message),
                None => warning.message.clone(),
            })
            .collect(),
        error,
    })
}

fn write(output: &Output<'_>, target: &Path) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(fs::File::create(target)?);
    serde_json::to_writer(&mut out, output)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn report(results: &[Extracted], ocr: Ocr, config: &Config) -> Result<()> {
    let failed = results.iter().filter(|result| result.error.is_some()).count();
    if config.json {
        let summary = serde_json::json!({ "files": results, "done": results.len() - failed, "failed": failed });
        println!("{summary}");
        return Ok(());
    }
    for result in results {
        if let Some(error) = &result.error {
            eprintln!("{}: {}", harmless(&result.file), harmless(error));
        }
    }
    if !config.quiet {
        let pages: usize = results.iter().map(|result| result.pages).sum();
        let unread: usize = results.iter().map(|result| result.unread_pages).sum();
        let read: usize = results.iter().map(|result| result.ocr_pages).sum();
        let by_ocr = if read > 0 { format!(", {read} read by OCR") } else { String::new() };
        println!("{} of {} files, {pages} pages, {unread} of them unread{by_ocr}", results.len() - failed, results.len());
        let scans: usize = results.iter().map(|result| result.scans).sum();
        if scans > 0 && matches!(ocr, Ocr::Off) {
            println!("{scans} of the unread pages are scans: --ocr auto reads them");
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Output<'a> {
    pages: Vec<PageOutput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct PageOutput<'a> {
    number: u32,
    label: Option<&'a str>,
    width: f64,
    height: f64,
    state: PageState,
    #[serde(skip_serializing_if = "Option::is_none")]
    ocr: Option<&'a Recognition>,
    text: String,
    words: Vec<WordOutput<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headings: Vec<HeadingOutput>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<TableOutput<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<HiddenOutput>,
    #[serde(skip_serializing_if = "is_zero")]
    unmapped_glyphs: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct HeadingOutput {
    text: String,
    level: u8,
    bbox: [f64; 4],
}

#[derive(Serialize)]
struct TableOutput<'a> {
    bbox: [f64; 4],
    rows: Vec<RowOutput<'a>>,
}

#[derive(Serialize)]
struct RowOutput<'a> {
    header: bool,
    cells: Vec<CellOutput<'a>>,
}

#[derive(Serialize)]
struct CellOutput<'a> {
    column: u16,
    text: &'a str,
    bbox: [f64; 4],
}

impl<'a> TableOutput<'a> {
    fn of(block: &'a Block) -> Self {
        let cell = |cell: &'a TableCell| CellOutput { column: cell.column, text: &cell.text, bbox: corners(&cell.bbox) };
        let row = |row: &'a TableRow| RowOutput { header: row.header, cells: row.cells.iter().map(cell).collect() };
        Self { bbox: corners(&block.bbox), rows: block.rows.iter().map(row).collect() }
    }
}

#[derive(Serialize)]
struct WordOutput<'a> {
    text: &'a str,
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<u8>,
}

#[derive(Serialize)]
struct HiddenOutput {
    text: String,
    reason: HiddenReason,
    bbox: [f64; 4],
}

impl<'a> PageOutput<'a> {
    fn of(page: &'a Page) -> Self {
        let words = page.read_blocks().flat_map(|block| &block.lines).flat_map(|line| &line.words);
        Self {
            number: page.number,
            label: page.label.as_deref(),
            width: hundredths(page.width),
            height: hundredths(page.height),
            state: page.state,
            ocr: page.recognition.as_ref(),
            text: page.text(),
            words: words
                .map(|word| {
                    let [x0, y0, x1, y1] = corners(&word.bbox);
                    WordOutput { text: &word.text, x0, y0, x1, y1, confidence: word.confidence }
                })
                .collect(),
            headings: page
                .blocks
                .iter()
                .filter(|block| block.kind == BlockKind::Heading)
                .map(|block| HeadingOutput {
                    text: block.lines.iter().map(Line::text).collect::<Vec<_>>().join(" "),
                    level: block.level.unwrap_or(1),
                    bbox: corners(&block.bbox),
                })
                .collect(),
            tables: page.blocks.iter().filter(|block| block.kind == BlockKind::Table).map(TableOutput::of).collect(),
            unmapped_glyphs: page.unmapped_glyphs,
            hidden: page
                .blocks
                .iter()
                .filter_map(|block| Some(HiddenOutput { text: block.text(), reason: block.hidden?, bbox: corners(&block.bbox) }))
                .collect(),
        }
    }
}

fn corners(bbox: &BoundingBox) -> [f64; 4] {
    [bbox.x0, bbox.y0, bbox.x1, bbox.y1].map(hundredths)
}

/// Points to two decimals: a hundredth of a point is finer than any printer.
fn hundredths(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn two_files_of_one_stem_are_refused() {
        let error = stems(&["a/report.pdf".into(), "b/report.PDF".into()]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("report.json"), "{error}");
        assert_eq!(stems(&["a/x.pdf".into(), "a/y.pdf".into()]).unwrap(), ["x", "y"]);
    }
}
