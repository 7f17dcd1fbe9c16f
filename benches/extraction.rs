//! Reading PDFs beside `pdftotext -bbox`: processor time per page and the most memory that one reader takes, in one run.
//!
//! `cargo bench --bench extraction [-- FILE…]`; without files it takes the development set beside the checkout, else the
//! fixtures of this project. Both programs are run as their users run them, process start included, in three rounds, turn by
//! turn; the lowest figure of each counts. Without `pdftotext` (Debian package poppler-utils) its column is empty.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scrutineer::document::{self, ReadOptions};

const ROUNDS: usize = 3;

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
    // What one of the two refuses would be compared with nothing.
    let pages: Vec<usize> = files.iter().map(|file| pages(file)).collect();
    let read: Vec<&PathBuf> = files.iter().zip(&pages).filter(|(_, pages)| **pages > 0).map(|(file, _)| file).collect();
    let total: usize = pages.iter().sum();
    let has_pdftotext = Command::new("pdftotext").arg("-v").output().is_ok();
    let Ok(out) = tempfile::tempdir() else { return eprintln!("no folder for what is read can be made") };
    let (mut own, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scrutineer"));
        command.arg("extract").args(&read).arg("--out").arg(out.path()).arg("--quiet");
        own.push(measure(vec![command]));
        if has_pdftotext {
            peer.push(measure(read.iter().map(|file| pdftotext(file)).collect()));
        }
    }
    println!("{} files, {total} pages", read.len());
    println!("{:34} {:>12} {:>18} {:>8}", "", "scrutineer", "pdftotext -bbox", "ratio");
    let per_page = |costs: &[Cost]| {
        costs.iter().map(|cost| cost.processor.as_secs_f64()).reduce(f64::min).map(|s| 1000.0 * s / total as f64)
    };
    row("processor time, ms per page", per_page(&own), per_page(&peer));
    let peak = |costs: &[Cost]| costs.iter().map(|cost| cost.peak_megabytes).reduce(f64::max);
    row("most memory of one reader, MB", peak(&own), peak(&peer));
    let wall = |costs: &[Cost]| costs.iter().map(|cost| cost.wall.as_secs_f64()).reduce(f64::min).map(|s| total as f64 / s);
    row("pages per second (all cores / one)", wall(&own), wall(&peer));
}

fn row(name: &str, own: Option<f64>, peer: Option<f64>) {
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    println!("{name:34} {:>12} {:>18} {:>8}", figure(own), figure(peer), figure(own.zip(peer).map(|(own, peer)| own / peer)));
}

fn pages(file: &Path) -> usize {
    let document = fs::read(file).ok().and_then(|bytes| document::read(&bytes, &ReadOptions::default()).ok());
    document.map_or(0, |document| document.pages.len())
}

fn pdftotext(file: &Path) -> Command {
    let mut command = Command::new("pdftotext");
    command.arg("-bbox").arg(file).arg("/dev/null");
    command
}

/// What commands cost, one after the other.
struct Cost {
    processor: Duration,
    wall: Duration,
    /// The most that one process held. Of `scrutineer` that is a worker: the process that reads a file.
    peak_megabytes: f64,
}

fn measure(commands: Vec<Command>) -> Cost {
    let (before, start) = (processor_time_of_children(), Instant::now());
    let mut peak = 0.0_f64;
    for mut command in commands {
        let Ok(mut child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else { continue };
        while child.try_wait().is_ok_and(|status| status.is_none()) {
            let readers = children(child.id());
            let watched = if readers.is_empty() && !is_scrutineer(&command) { vec![child.id()] } else { readers };
            peak = watched.into_iter().filter_map(peak_megabytes).fold(peak, f64::max);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Cost { processor: processor_time_of_children().saturating_sub(before), wall: start.elapsed(), peak_megabytes: peak }
}

fn is_scrutineer(command: &Command) -> bool {
    command.get_program() == env!("CARGO_BIN_EXE_scrutineer")
}

/// Fields 16 and 17 of `/proc/self/stat`: the time of children that have been waited for, and of theirs, in hundredths of a second.
fn processor_time_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [13, 14].iter().filter_map(|&field| fields.get(field)?.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<u32>>())
        .filter(|child| is_worker(*child))
        .collect()
}

/// Whether a child is a reader already: until it has become one it shows the memory of its parent.
fn is_worker(process: u32) -> bool {
    fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| line.split(|byte| *byte == 0).nth(1) == Some(b"worker"))
}

fn peak_megabytes(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes: f64 = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

fn pdfs(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "pdf"))
        .collect();
    files.sort();
    files
}
