//! The parent: starts the child, holds the clock, gives typed errors, keeps what arrived.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::protocol::{self, Frame, Request, Task, VERSION};
use crate::digest::Digest;
use crate::document::render::Rendered;
use crate::document::{Document, DocumentError, DocumentWarning, Facts, Metadata, Page, PageState, ReadOptions};

/// A program that answers to `worker`.
#[derive(Clone, Debug)]
pub struct Worker {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// Reading ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Interrupted {
    /// Why.
    pub error: DocumentError,
    /// The document with the pages that had arrived; the missing ones are there as unreadable. None where the file was never open.
    pub partial: Option<Box<Document>>,
}

impl From<Interrupted> for DocumentError {
    fn from(interrupted: Interrupted) -> Self {
        interrupted.error
    }
}

/// Reads a file in a worker process: [`Worker::here`] and [`Worker::read`].
///
/// # Errors
/// As [`Worker::read`].
pub fn read_isolated(bytes: &[u8], options: &ReadOptions, on_page: &mut dyn FnMut(&Page)) -> Result<Document, Interrupted> {
    let worker = Worker::here().map_err(|error| interrupted(crashed(format!("the worker program cannot be found: {error}"))))?;
    worker.read(bytes, options, on_page)
}

impl Worker {
    /// This program itself, or the one that SCRUTINEER_WORKER names.
    ///
    /// # Errors
    /// Where the path of the running program is not known.
    pub fn here() -> io::Result<Self> {
        let program = match std::env::var_os("SCRUTINEER_WORKER") {
            Some(program) => program.into(),
            None => std::env::current_exe()?,
        };
        Ok(Self::of_program(program))
    }

    /// A program that is known to be scrutineer.
    pub fn of_program(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), environment: Vec::new() }
    }

    /// Sets a variable of the worker's environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Reads a file. Each page is shown to `on_page` as it arrives, before what cuts across pages is settled.
    ///
    /// # Errors
    /// What is wrong with the file, or what the worker died of, with the pages that had arrived.
    pub fn read(&self, bytes: &[u8], options: &ReadOptions, on_page: &mut dyn FnMut(&Page)) -> Result<Document, Interrupted> {
        let id = Digest::of(bytes);
        if bytes.is_empty() {
            return Err(interrupted(DocumentError::Empty));
        }
        let mut received = Received::default();
        let mut facts = None;
        let clock = Clock::Whole(options.limits.wall);
        let outcome = self.converse(bytes, options, Task::Read, clock, &mut |frame| match frame {
            Frame::Opened { version: VERSION, pages } => {
                received.expected = Some(pages);
                None
            }
            Frame::Page(page) => {
                on_page(&page);
                received.pages.push(*page);
                None
            }
            Frame::Done(read) => {
                facts = Some(*read);
                Some(Outcome::Done)
            }
            other => Some(other.unexpected()),
        });
        match (outcome, facts) {
            (Ok(()), Some(facts)) => Ok(facts.into_document(id, received.pages)),
            (Ok(()), None) => Err(interrupted(crashed("it ended without an answer".to_owned()))),
            (Err(error), _) => Err(Interrupted { partial: received.into_partial(id, &error).map(Box::new), error }),
        }
    }

    /// Renders pages (numbers from 1) of a file. Each is handed to `on_page`, which may take its time: the clock runs only while the
    /// next one is waited for.
    ///
    /// # Errors
    /// What is wrong with the file, or what the worker died of; the pages handed on before are sound.
    pub(in crate::document) fn render(
        &self,
        bytes: &[u8],
        options: &ReadOptions,
        pages: &[u32],
        on_page: &mut dyn FnMut(Rendered),
    ) -> Result<(), DocumentError> {
        let task = Task::Render(pages.to_vec());
        self.converse(bytes, options, task, Clock::Each(options.limits.render_wall), &mut |frame| match frame {
            Frame::Picture(picture) if picture.is_whole() => {
                on_page(Rendered::Picture(*picture));
                None
            }
            Frame::NoPicture { page, detail } => {
                on_page(Rendered::Broken(page, detail));
                None
            }
            Frame::AllRendered => Some(Outcome::Done),
            other => Some(other.unexpected()),
        })
    }

    /// Starts a worker, gives it the file and the task, and hands its frames on until one of them ends the conversation.
    fn converse(
        &self,
        bytes: &[u8],
        options: &ReadOptions,
        task: Task,
        clock: Clock,
        on_frame: &mut dyn FnMut(Frame) -> Option<Outcome>,
    ) -> Result<(), DocumentError> {
        let mut child = Command::new(&self.program)
            .arg("worker")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| crashed(format!("{} cannot be started: {error}", self.program.display())))?;
        let request = Request { version: VERSION, options: options.clone(), task };
        converse(&mut child, bytes, &request, clock, on_frame)
    }
}

/// How long the worker may take.
#[derive(Clone, Copy)]
enum Clock {
    /// For everything.
    Whole(Duration),
    /// For each frame, from when it is waited for.
    Each(Duration),
}

impl Clock {
    const fn limit(self) -> Duration {
        match self {
            Self::Whole(limit) | Self::Each(limit) => limit,
        }
    }

    /// How many frames may wait to be taken; then the child waits. A picture is large: only one is made ahead.
    const fn waiting(self) -> usize {
        match self {
            Self::Whole(_) => 4,
            Self::Each(_) => 0,
        }
    }
}

impl Frame {
    fn is_last(&self) -> bool {
        !matches!(self, Self::Opened { .. } | Self::Page(_) | Self::Picture(_) | Self::NoPicture { .. })
    }

    /// What a frame means that does not answer the question.
    fn unexpected(self) -> Outcome {
        match self {
            Self::Failed(error) => Outcome::Failed(error),
            Self::Opened { .. } => Outcome::Wrong("it is another version of scrutineer".to_owned()),
            _ => Outcome::Wrong("it answers what was not asked".to_owned()),
        }
    }
}

/// What arrived so far.
#[derive(Default)]
struct Received {
    expected: Option<u32>,
    pages: Vec<Page>,
}

impl Received {
    fn into_partial(self, id: Digest, error: &DocumentError) -> Option<Document> {
        let Self { expected, mut pages } = self;
        let expected = expected?;
        let arrived = pages.len();
        let (width, height) = pages.last().map_or((0.0, 0.0), |page| (page.width, page.height));
        for number in (arrived as u32 + 1)..=expected {
            pages.push(Page {
                number,
                label: None,
                width,
                height,
                state: PageState::Unreadable,
                blocks: Vec::new(),
                unmapped_glyphs: 0,
                recognition: None,
            });
        }
        let message = format!("reading ended after {arrived} of {expected} pages: {error}");
        let warnings = vec![DocumentWarning { code: "reading-interrupted".to_owned(), page: None, message }];
        Some(Facts { metadata: Metadata::default(), outline: Vec::new(), warnings }.into_document(id, pages))
    }
}

fn converse(
    child: &mut Child,
    bytes: &[u8],
    request: &Request,
    clock: Clock,
    on_frame: &mut dyn FnMut(Frame) -> Option<Outcome>,
) -> Result<(), DocumentError> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(crashed("its pipes could not be opened".to_owned()));
    };
    let started = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            // A child that dies early closes the pipe; what it died of is told by its status.
            let _ = protocol::write(&mut stdin, request).and_then(|()| stdin.write_all(bytes));
        });
        let complaints = scope.spawn(move || last_words(stderr));
        let (sender, frames) = mpsc::sync_channel(clock.waiting());
        scope.spawn(move || {
            let mut stdout = BufReader::with_capacity(1 << 16, stdout);
            loop {
                let frame = protocol::read::<Frame>(&mut stdout).transpose();
                let is_last = !matches!(&frame, Some(Ok(frame)) if !frame.is_last());
                if sender.send(frame).is_err() || is_last {
                    break;
                }
            }
        });
        let outcome = loop {
            let left = match clock {
                Clock::Whole(limit) => limit.saturating_sub(started.elapsed()),
                Clock::Each(limit) => limit,
            };
            let outcome = match frames.recv_timeout(left) {
                Ok(Some(Ok(frame))) => on_frame(frame),
                Ok(Some(Err(error))) => Some(Outcome::Wrong(format!("its answer cannot be read: {error}"))),
                Ok(None) | Err(RecvTimeoutError::Disconnected) => Some(Outcome::Ended),
                Err(RecvTimeoutError::Timeout) => Some(Outcome::TimedOut),
            };
            if let Some(outcome) = outcome {
                break outcome;
            }
        };
        drop(frames);
        if !matches!(outcome, Outcome::Ended) {
            // It has said its last, or is to say no more.
            let _ = child.kill();
        }
        let status = child.wait();
        let complaint = complaints.join().unwrap_or_default();
        match outcome {
            Outcome::Done => Ok(()),
            Outcome::Failed(error) => Err(error),
            Outcome::TimedOut => Err(DocumentError::TimedOut { seconds: clock.limit().as_secs() }),
            Outcome::Wrong(detail) => Err(crashed(detail)),
            Outcome::Ended => Err(cause_of_death(status, &complaint, &request.options)),
        }
    })
}

enum Outcome {
    Done,
    Failed(DocumentError),
    TimedOut,
    Wrong(String),
    Ended,
}

fn cause_of_death(status: io::Result<ExitStatus>, complaint: &str, options: &ReadOptions) -> DocumentError {
    const CPU_LIMIT: i32 = rustix::process::Signal::XCPU.as_raw();
    const KILLED: i32 = rustix::process::Signal::KILL.as_raw();
    let limits = &options.limits;
    if complaint.contains("memory allocation of") {
        return DocumentError::OutOfMemory { megabytes: limits.memory_megabytes };
    }
    let how = match status {
        Ok(status) => match status.signal() {
            Some(CPU_LIMIT) => return DocumentError::TimedOut { seconds: limits.cpu_seconds },
            Some(KILLED) => "killed from outside, perhaps for want of memory".to_owned(),
            Some(signal) => format!("signal {signal}"),
            None => format!("exit status {}", status.code().unwrap_or(-1)),
        },
        Err(error) => format!("its status is not known: {error}"),
    };
    crashed(if complaint.is_empty() { how } else { format!("{how}: {complaint}") })
}

/// The line of standard error that says most: a failed allocation, a panic, else the last one.
fn last_words(mut stderr: impl Read) -> String {
    const KEPT: usize = 8 << 10;
    let mut kept: VecDeque<u8> = VecDeque::with_capacity(KEPT);
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        kept.extend(&buffer[..count]);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    let bytes: Vec<u8> = kept.into();
    let text = String::from_utf8_lossy(&bytes);
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty() && !line.starts_with("note: "));
    let telling = lines().find(|line| line.contains("memory allocation of") || line.contains("panicked at"));
    telling.or_else(|| lines().next()).unwrap_or_default().trim().to_owned()
}

fn crashed(detail: String) -> DocumentError {
    DocumentError::Crashed { detail }
}

fn interrupted(error: DocumentError) -> Interrupted {
    Interrupted { error, partial: None }
}
