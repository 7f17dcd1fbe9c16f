//! What a person sees while a batch runs: documents and pages per stage, pages per second, time left.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::StageSpeed;

/// The stages that take time, in the order of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Bytes to pages of words, in the worker process.
    Read,
    /// Scans to words, by OCR.
    Recognise,
    /// Pages to passages.
    Passage,
    /// The encoder and the heads.
    Judge,
    /// Summaries and their check.
    Summarise,
    /// Ledger, index, outbox.
    Record,
}

impl Stage {
    const ALL: [Self; 6] = [Self::Read, Self::Recognise, Self::Passage, Self::Judge, Self::Summarise, Self::Record];

    /// The name in reports.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Recognise => "recognise",
            Self::Passage => "passage",
            Self::Judge => "judge",
            Self::Summarise => "summarise",
            Self::Record => "record",
        }
    }
}

/// How often a line is written where standard error is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress of one run, on standard error: bars on a terminal, a line now and then elsewhere, nothing when quiet.
pub(super) struct Progress {
    started: Instant,
    documents: u64,
    display: Display,
    tally: Mutex<Tally>,
}

enum Display {
    Bars { whole: ProgressBar, stages: BTreeMap<Stage, ProgressBar>, _multi: MultiProgress },
    Lines,
    Silent,
}

#[derive(Default)]
struct Tally {
    stages: BTreeMap<Stage, StageTally>,
    documents_done: u64,
    pages_done: u64,
    last_line: Option<Instant>,
}

/// A stage's pages, and the wall time in which at least one document was in it: threads share the cores, so their times added up
/// would count a second of work several times.
#[derive(Clone, Copy, Debug, Default)]
struct StageTally {
    pages: u32,
    documents_in_it: u32,
    busy_since: Option<Instant>,
    busy: Duration,
}

impl StageTally {
    fn enter(&mut self) {
        self.documents_in_it += 1;
        self.busy_since.get_or_insert_with(Instant::now);
    }

    fn leave(&mut self, pages: u32) {
        self.pages += pages;
        self.documents_in_it -= 1;
        if self.documents_in_it == 0
            && let Some(since) = self.busy_since.take()
        {
            self.busy += since.elapsed();
        }
    }

    fn busy(&self) -> Duration {
        self.busy + self.busy_since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

/// A document in a stage, until it is done or dropped.
pub(super) struct InStage<'a> {
    progress: &'a Progress,
    stage: Stage,
    pages: u32,
}

impl InStage<'_> {
    /// The stage is through with so many pages.
    pub(super) fn done(mut self, pages: u32) {
        self.pages = pages;
    }
}

impl Drop for InStage<'_> {
    fn drop(&mut self) {
        self.progress.leave(self.stage, self.pages);
    }
}

impl Progress {
    /// Progress over `documents` inputs.
    pub(super) fn start(documents: usize, quiet: bool) -> Self {
        let documents = documents as u64;
        let display = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Display::Silent,
            (false, false) => Display::Lines,
            (false, true) => bars(documents),
        };
        Self { started: Instant::now(), documents, display, tally: Mutex::default() }
    }

    /// A document comes into a stage.
    pub(super) fn enter(&self, stage: Stage) -> InStage<'_> {
        self.tally().stages.entry(stage).or_default().enter();
        InStage { progress: self, stage, pages: 0 }
    }

    fn leave(&self, stage: Stage, pages: u32) {
        let tally = {
            let mut tally = self.tally();
            let entry = tally.stages.entry(stage).or_default();
            entry.leave(pages);
            *entry
        };
        if let Display::Bars { stages, .. } = &self.display
            && let Some(bar) = stages.get(&stage)
        {
            bar.set_position(u64::from(tally.pages));
            bar.set_message(format!("{:.1} pages/s", rate(u64::from(tally.pages), tally.busy())));
        }
    }

    /// A document is through, with so many pages; `note` is said where something went wrong with it.
    pub(super) fn document_done(&self, pages: u32, note: Option<&str>) {
        let mut tally = self.tally();
        tally.documents_done += 1;
        tally.pages_done += u64::from(pages);
        let (done, pages_done) = (tally.documents_done, tally.pages_done);
        let pages_per_second = rate(pages_done, self.started.elapsed());
        match &self.display {
            Display::Bars { whole, .. } => {
                if let Some(note) = note {
                    whole.println(note);
                }
                whole.set_position(done);
                whole.set_message(format!("{pages_done} pages, {pages_per_second:.1} pages/s"));
            }
            Display::Lines => {
                if let Some(note) = note {
                    eprintln!("{note}");
                }
                if done == self.documents || tally.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
                    let left = self.started.elapsed().as_secs_f64() / done as f64 * self.documents.saturating_sub(done) as f64;
                    eprintln!(
                        "progress: {done} of {} documents, {pages_done} pages, {pages_per_second:.1} pages/s, about {left:.0} s left",
                        self.documents
                    );
                    tally.last_line = Some(Instant::now());
                }
            }
            Display::Silent => {}
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        if let Display::Bars { whole, stages, .. } = &self.display {
            stages.values().for_each(ProgressBar::finish_and_clear);
            whole.finish_and_clear();
        }
    }

    /// The wall time so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Pages and time of each stage so far.
    pub(super) fn stages(&self) -> BTreeMap<String, StageSpeed> {
        let tally = self.tally();
        let speed = |stage: &StageTally| StageSpeed {
            pages: stage.pages,
            seconds: stage.busy().as_secs_f64(),
            pages_per_second: rate(u64::from(stage.pages), stage.busy()),
        };
        tally.stages.iter().map(|(stage, entry)| (stage.name().to_owned(), speed(entry))).collect()
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        // A panic elsewhere leaves the counts as they are: they are only shown.
        self.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn bars(documents: u64) -> Display {
    let style = |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let whole = multi.add(ProgressBar::new(documents));
    whole.set_style(style("{elapsed_precise} [{bar:30}] {pos}/{len} documents  {msg}  {eta} left").progress_chars("=> "));
    whole.enable_steady_tick(Duration::from_millis(500));
    let stages = Stage::ALL.map(|stage| {
        let bar = multi.add(ProgressBar::no_length());
        bar.set_style(style("  {prefix:10} {pos:>7} pages  {msg}"));
        bar.set_prefix(stage.name());
        (stage, bar)
    });
    Display::Bars { whole, stages: stages.into(), _multi: multi }
}

fn rate(count: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}
