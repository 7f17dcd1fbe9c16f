//! Reading real and made PDFs: pages per second and processor time, beside `pdftotext -bbox` where it is installed.
//!
//! `cargo bench --bench extraction [-- FILE…]`; without files it takes the development filings beside the checkout, else the
//! fixtures of this project.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use scrutineer::document::{self, ReadOptions};

fn main() {
    let mut files: Vec<PathBuf> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).map(PathBuf::from).collect();
    if files.is_empty() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        files = [root.join("../shared/corpora/pdf/dev/pdf"), root.join("fixtures")]
            .iter()
            .find_map(|folder| Some(pdfs(folder)).filter(|files| !files.is_empty()))
            .unwrap_or_default();
    }
    let has_pdftotext = Command::new("pdftotext").arg("-v").output().is_ok();
    println!("{:40} {:>6} {:>10} {:>10} {:>14}", "file", "pages", "ms", "ms/page", "pdftotext ms");
    let mut total = (0, Duration::ZERO, Duration::ZERO);
    for file in &files {
        let Ok(bytes) = std::fs::read(file) else { continue };
        let start = Instant::now();
        let Ok(document) = document::read(&bytes, &ReadOptions::default()) else { continue };
        let own = start.elapsed();
        let other = if has_pdftotext { pdftotext(file) } else { None };
        let pages = document.pages.len();
        total = (total.0 + pages, total.1 + own, total.2 + other.unwrap_or_default());
        row(&file.file_name().unwrap_or_default().to_string_lossy(), pages, own, other);
    }
    row("all", total.0, total.1, has_pdftotext.then_some(total.2));
}

fn row(name: &str, pages: usize, own: Duration, other: Option<Duration>) {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let other = other.map_or_else(|| "-".to_owned(), |time| format!("{:.1}", ms(time)));
    println!("{name:40} {pages:>6} {:>10.1} {:>10.2} {other:>14}", ms(own), ms(own) / pages.max(1) as f64);
}

fn pdfs(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "pdf"))
        .collect();
    files.sort();
    files
}

/// The time of a run with word boxes, process start included.
fn pdftotext(file: &Path) -> Option<Duration> {
    let start = Instant::now();
    let done = Command::new("pdftotext").arg("-bbox").arg(file).arg("/dev/null").output().ok()?;
    done.status.success().then(|| start.elapsed())
}
