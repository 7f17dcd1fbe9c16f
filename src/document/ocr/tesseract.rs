//! The adapter of Tesseract, the OCR program: found at run time, run once per page under limits. Nothing else knows it.
//!
//! It gets pixels on its standard input and answers with a table of words on its standard output. Its own libraries for picture
//! files see nothing but a plain grey map that this program wrote, and no file name is ever passed.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};

use super::OcrError;
use super::tsv::{self, PrintedLine};
use crate::document::render::Picture;

/// The environment variable that names the program, where it is not on the PATH.
pub const PROGRAM_VARIABLE: &str = "SCRUTINEER_TESSERACT";

/// The most bytes that are taken from the program: a page of newsprint gives a megabyte.
const MOST_OUTPUT: u64 = 32 << 20;
/// What is kept of its standard error.
const MOST_COMPLAINTS: u64 = 8 << 10;
/// How long it may take to say what it is.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// Memory of the program. A picture of 25 million pixels takes it 210 MB.
const MEMORY: u64 = 2 << 30;
/// The surest orientation that is not believed, in the program's own measure: a page of print has 5 to 20.
const UNSURE_ORIENTATION: f32 = 2.0;

/// An installed Tesseract.
#[derive(Debug)]
pub struct Tesseract {
    program: OsString,
    version: String,
    languages: Vec<String>,
    slots: Slots,
}

impl Tesseract {
    /// The program that [`PROGRAM_VARIABLE`] names, else `tesseract` on the PATH, with its version and languages.
    ///
    /// # Errors
    /// Where there is none, or it does not answer, or has no language that filings are written in.
    pub fn find() -> Result<Self, OcrError> {
        let named = std::env::var_os(PROGRAM_VARIABLE).filter(|name| !name.is_empty());
        Self::at(named.as_deref().unwrap_or(OsStr::new("tesseract")))
    }

    fn at(program: &OsStr) -> Result<Self, OcrError> {
        let ask = |argument: &str| -> Result<String, OcrError> {
            let answer = run(program, &[argument.into()], None, ANSWERS_WITHIN)?;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let version = version_of(&ask("--version")?).ok_or_else(|| OcrError::NotTesseract { program: shown(program) })?;
        let languages = languages_of(&ask("--list-langs")?);
        if !super::languages::any_known(&languages) {
            return Err(OcrError::NoLanguage { found: languages.join(", ") });
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { program: program.to_owned(), version, languages, slots: Slots::new(cores) })
    }

    /// `5.3.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The languages it has, sorted: `chi_tra`, `eng`, `osd`.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Name, version and languages: what an artefact's key says of the tool.
    pub fn identity(&self) -> String {
        format!("tesseract {} {}", self.version, self.languages.join("+"))
    }

    /// A place among the pages that are recognised at the same time, one per core; waits until there is one.
    pub(super) fn slot(&self) -> Slot<'_> {
        self.slots.take()
    }

    /// The lines of a picture. `languages` are joined by `+`, the main one first.
    pub(super) fn lines(&self, picture: &Arc<Picture>, languages: &str, limit: Duration) -> Result<Vec<PrintedLine>, OcrError> {
        // 3: the program finds columns itself; the orientation is not looked for, which would cost a second per page.
        let output = self.recognise(picture, &["-l", languages, "--psm", "3", "tsv"], limit)?;
        tsv::lines(&output, picture.width, picture.height).map_err(|detail| OcrError::Rubbish { detail })
    }

    /// By how many quarter turns clockwise the picture is to be turned to stand upright; none where that is not known.
    pub(super) fn quarter_turns(&self, picture: &Arc<Picture>, limit: Duration) -> Option<u8> {
        self.languages.iter().find(|language| *language == "osd")?;
        let output = self.recognise(picture, &["--psm", "0"], limit).ok()?;
        orientation(&String::from_utf8_lossy(&output))
    }

    fn recognise(&self, picture: &Arc<Picture>, arguments: &[&str], limit: Duration) -> Result<Vec<u8>, OcrError> {
        let resolution = (picture.resolution.round() as u32).clamp(70, 2_400).to_string();
        let all = ["stdin", "stdout", "--dpi", &resolution].into_iter().chain(arguments.iter().copied());
        let all: Vec<OsString> = all.map(OsString::from).collect();
        run(&self.program, &all, Some(Arc::clone(picture)), limit)
    }
}

/// The version in the first line of `--version`: `tesseract 5.3.0`.
fn version_of(answer: &str) -> Option<String> {
    let version = answer.lines().next()?.trim().strip_prefix("tesseract ")?.trim();
    let sound = !version.is_empty() && version.len() <= 40 && version.chars().all(|c| c.is_ascii_graphic());
    sound.then(|| version.trim_start_matches('v').to_owned())
}

/// The languages of `--list-langs`: one a line after a head line.
fn languages_of(answer: &str) -> Vec<String> {
    let is_name = |name: &&str| {
        !name.is_empty() && name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/'))
    };
    let mut languages: Vec<String> = answer.lines().map(str::trim).filter(is_name).map(str::to_owned).collect();
    languages.sort_unstable();
    languages.dedup();
    languages
}

/// The quarter turns that `--psm 0` advises, where it is sure.
fn orientation(answer: &str) -> Option<u8> {
    let value =
        |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse::<f32>().ok());
    let (turn, sure) = (value("Rotate")?, value("Orientation confidence")?);
    let quarters = [0.0, 90.0, 180.0, 270.0].iter().position(|known| *known == turn)?;
    (sure > UNSURE_ORIENTATION).then_some(quarters as u8)
}

/// Runs the program to its end and gives what it wrote to standard output.
///
/// Its threads are held to one: pages are what is worked on side by side. It is put into a process group of its own, so that a
/// time-out ends what it started, too.
fn run(program: &OsStr, arguments: &[OsString], picture: Option<Arc<Picture>>, limit: Duration) -> Result<Vec<u8>, OcrError> {
    let deadline = Instant::now() + limit;
    let mut child = Command::new(program)
        .args(arguments)
        .env("OMP_THREAD_LIMIT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => OcrError::Missing { program: shown(program) },
            _ => OcrError::Failed { detail: format!("{} cannot be started: {error}", shown(program)) },
        })?;
    bound(&child, limit);
    if let Some(mut stdin) = child.stdin.take() {
        thread::spawn(move || {
            // A program that ends early closes the pipe; why is told by its status.
            let _ = picture.map(|picture| write_grey_map(&mut stdin, &picture));
        });
    }
    // The readers are not joined: a process that the program left behind could hold its pipes open.
    let output = child.stdout.take().map(|stdout| read_apart(stdout, MOST_OUTPUT));
    let complaints = child.stderr.take().map(|stderr| read_apart(stderr, MOST_COMPLAINTS));
    let left = || deadline.saturating_duration_since(Instant::now());
    let output = output.and_then(|output| output.recv_timeout(left()).ok());
    let status = if output.is_some() { wait(&mut child, deadline) } else { None };
    let Some(status) = status else {
        end(&mut child);
        return Err(OcrError::TimedOut { seconds: limit.as_secs() });
    };
    let output = output.unwrap_or_default();
    if !status.success() {
        let complaints = complaints.and_then(|complaints| complaints.recv_timeout(Duration::from_millis(500)).ok());
        return Err(OcrError::Failed { detail: what_it_died_of(status, &complaints.unwrap_or_default()) });
    }
    if output.len() as u64 > MOST_OUTPUT {
        return Err(OcrError::Rubbish { detail: "it does not end".to_owned() });
    }
    Ok(output)
}

/// Netpbm's binary grey map.
fn write_grey_map(out: &mut impl Write, picture: &Picture) -> io::Result<()> {
    write!(out, "P5\n{} {}\n255\n", picture.width, picture.height)?;
    out.write_all(&picture.pixels.0)?;
    out.flush()
}

/// Reads to the end, or one byte past the limit, in a thread of its own.
fn read_apart(pipe: impl Read + Send + 'static, most: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before a failure is what there is.
        let _ = pipe.take(most + 1).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// Bounds memory and processor time. Best effort: the program may have ended already.
fn bound(child: &Child, limit: Duration) {
    let Some(pid) = process(child) else { return };
    let set = |resource, value: u64| {
        let _ = prlimit(Some(pid), resource, Rlimit { current: Some(value), maximum: Some(value) });
    };
    set(Resource::Data, MEMORY);
    set(Resource::Cpu, limit.as_secs().max(1) + 2);
    set(Resource::Core, 0);
}

fn process(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

/// The status, once the program has ended; none at the deadline.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Kills the program and what it started.
fn end(child: &mut Child) {
    if let Some(group) = process(child) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn what_it_died_of(status: ExitStatus, complaints: &[u8]) -> String {
    let complaints = String::from_utf8_lossy(complaints);
    let last = complaints.lines().rev().map(str::trim).find(|line| !line.is_empty());
    match last {
        Some(last) => format!("{status}: {}", last.chars().filter(|c| !c.is_control()).take(200).collect::<String>()),
        None => status.to_string(),
    }
}

fn shown(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}

/// Places for work at the same time.
#[derive(Debug)]
struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Slots {
    fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), freed: Condvar::new() }
    }

    fn take(&self) -> Slot<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot(self)
    }
}

/// A place, until it is dropped.
pub(super) struct Slot<'s>(&'s Slots);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::document::render::Pixels;

    fn shell(script: &str, limit: Duration) -> Result<Vec<u8>, OcrError> {
        let picture = Picture { page: 1, width: 2, height: 2, resolution: 300.0, pixels: Pixels(vec![0; 4]) };
        run(OsStr::new("/bin/sh"), &["-c".into(), script.into()], Some(Arc::new(picture)), limit)
    }

    #[test]
    fn a_program_is_run_under_limits() {
        let second = Duration::from_secs(1);
        assert_eq!(shell("wc -c; echo $OMP_THREAD_LIMIT", 10 * second).unwrap(), b"15\n1\n");
        assert_eq!(shell("exit 0", 10 * second).unwrap(), b"");
        let Err(OcrError::Failed { detail }) = shell("echo no tessdata >&2; exit 1", 10 * second) else { panic!() };
        assert!(detail.contains("no tessdata") && detail.contains('1'), "{detail}");
        // It hangs with a process of its own that holds the pipes, or closes its output and goes on.
        for script in ["sleep 60 & wait", "exec >&- 2>&-; sleep 60"] {
            let before = Instant::now();
            assert!(matches!(shell(script, second), Err(OcrError::TimedOut { seconds: 1 })), "{script}");
            assert!(before.elapsed() < 10 * second);
        }
        assert!(matches!(run(OsStr::new("/nowhere/x"), &[], None, second), Err(OcrError::Missing { .. })));
    }

    #[test]
    fn what_the_program_says_of_itself_is_read() {
        assert_eq!(version_of("tesseract 5.3.0\n leptonica-1.82.0\n").as_deref(), Some("5.3.0"));
        assert_eq!(version_of("tesseract v5.4.1.20250101\n").as_deref(), Some("5.4.1.20250101"));
        assert_eq!(version_of("GNU bash, version 5.2"), None);
        let listed = "List of available languages in \"/usr/share/tessdata/\" (3):\nosd\nchi_tra\neng\n";
        assert_eq!(languages_of(listed), ["chi_tra", "eng", "osd"]);
        let advice = "Page number: 0\nOrientation in degrees: 270\nRotate: 90\nOrientation confidence: 12.34\nScript: Latin\n";
        assert_eq!(orientation(advice), Some(1));
        assert_eq!(orientation(&advice.replace("12.34", "0.34")), None);
        assert_eq!(orientation("Too few characters. Skipping this page\n"), None);
    }

    #[test]
    fn slots_are_given_back() {
        let slots = Slots::new(1);
        drop(slots.take());
        let taken = slots.take();
        thread::scope(|scope| {
            let waits = scope.spawn(|| drop(slots.take()));
            drop(taken);
            waits.join().unwrap();
        });
    }
}
