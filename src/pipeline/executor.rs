//! A batch: documents through the stages on a few threads, one thread that writes.
//!
//! Each document thread takes the next input, has it read in a worker process, judges it on the shared pool, and hands it over a
//! bounded channel to the thread that writes ledger, outbox, audit chain and index. Memory is bounded by the documents in hand.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::inputs::{Declared, Input, Inputs};
use super::judge::{Failure, Judge, Judged, ScoredPassage};
use super::progress::{Progress, Stage};
use super::quarantine;
use super::record;
use super::repair::CheckedSummary;
use super::report::{CheckpointLine, InputState, Report, SCHEMA, Speed};
use super::spec::Pipeline;
use crate::config::Config;
use crate::digest::Digest;
use crate::document::Document;
use crate::error::{Error, OrFail, Result};
use crate::finding::taxonomy::Taxonomy;
use crate::finding::{Classifier, Finding};
use crate::index::{Index, Writer};
use crate::ledger::{Access, DocumentRecord, InputRecord, Ledger, LedgerError, PageTally, RunRecord, RunStart};
use crate::model::ModelError;
use crate::model::encoder::{self, Encoder};
use crate::model::registry::Registry;
use crate::passage::Passage;

/// What a run is asked to do beyond its pipeline file.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The password of protected files.
    pub password: Option<String>,
    /// Try files again whose quarantine reason would last.
    pub retry_quarantined: bool,
    /// Where to write the signed checkpoint besides the run's folder.
    pub checkpoint: Option<PathBuf>,
}

/// The models of a run.
pub struct Models {
    /// The encoder.
    pub encoder: Encoder,
    /// The heads on it.
    pub classifier: Classifier,
    names: Vec<(String, Digest)>,
}

impl Models {
    /// Loads and checks the models that pipelines use.
    ///
    /// # Errors
    /// What is missing, changed or does not belong together, with the remedy.
    pub fn load(config: &Config, taxonomy: &Taxonomy) -> Result<Self> {
        let folder = config.models_folder().ok_or(ModelError::NoFolder).or_usage(|| "cannot load the models".to_owned())?;
        let registry = Registry::open(&folder).or_usage(|| "cannot load the models".to_owned())?;
        let encoder = Encoder::load(&registry, encoder::DEFAULT).or_usage(|| "cannot load the encoder".to_owned())?;
        let classifier = Classifier::load(taxonomy, &registry, &encoder).or_usage(|| "cannot load the heads".to_owned())?;
        let names = registry.models().iter().map(|card| (card.name.clone(), card.digest())).collect();
        Ok(Self { encoder, classifier, names })
    }
}

/// The index is committed after so many documents, or so much time.
const COMMIT_DOCUMENTS: usize = 32;
const COMMIT_EVERY: Duration = Duration::from_secs(30);

/// Runs a pipeline over inputs. `stop` is set when the user wants no further documents to be started.
///
/// # Errors
/// What keeps the whole batch from going on: a locked or unusable data folder, models that cannot be loaded, a full disk. What is
/// wrong with single files is in the report.
pub fn run(
    config: &Config,
    pipeline: &Pipeline,
    taxonomy: &Taxonomy,
    inputs: Inputs,
    options: &RunOptions,
    stop: &AtomicBool,
) -> Result<Report> {
    let mut ledger = Ledger::open(&config.data, Access::Writer).or_usage(|| "cannot open the data folder".to_owned())?;
    let models = Models::load(config, taxonomy)?;
    let run = start(&mut ledger, pipeline, &models)?;
    let index = Index::open_or_create(&config.data.join("index")).or_fail(|| "cannot open the index".to_owned())?;
    let progress = Progress::start(inputs.files.len(), config.quiet);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores).build().or_fail(|| "cannot start threads".to_owned())?;
    let ledger = Mutex::new(ledger);
    let judge = Judge {
        pipeline,
        taxonomy,
        encoder: &models.encoder,
        classifier: &models.classifier,
        ledger: &ledger,
        pool: &pool,
        progress: &progress,
    };
    let batch = Batch { judge, inputs: &inputs.files, options, stop, next: AtomicUsize::new(0), seen: Mutex::default() };
    let mut recorder =
        Recorder::new(&batch, &run, index.writer().or_fail(|| "cannot write the index".to_owned())?, inputs.skipped);
    recorder.report.warnings.extend(inputs.warnings.iter().cloned());
    recorder.catch_up(&index)?;
    let recorded = thread::scope(|scope| {
        // One outcome waits while another is written: a third would only take memory.
        let (sender, receiver) = sync_channel(1);
        for _ in 0..=cores {
            let (batch, sender) = (&batch, sender.clone());
            scope.spawn(move || batch.work(&sender));
        }
        drop(sender);
        recorder.record_all(&receiver).inspect_err(|_| stop.store(true, Ordering::Relaxed))
    });
    progress.finish();
    recorded?;
    recorder.finish(config)
}

fn start(ledger: &mut Ledger, pipeline: &Pipeline, models: &Models) -> Result<RunRecord> {
    // `cases deliver` may be started elsewhere later.
    let mut cases = pipeline.spec.case.clone();
    cases.resolve(pipeline.path.parent().unwrap_or(Path::new("")));
    let start = RunStart {
        pipeline: pipeline.name_at_digest(),
        pipeline_digest: pipeline.digest,
        cases: serde_json::json!(cases).to_string(),
        models: models.names.iter().cloned().collect(),
        kernel_profile: models.encoder.profile().to_owned(),
    };
    ledger.start_run(&start).or_fail(|| "cannot start a run".to_owned())
}

/// What the document threads share.
struct Batch<'a> {
    judge: Judge<'a>,
    inputs: &'a [Input],
    options: &'a RunOptions,
    stop: &'a AtomicBool,
    next: AtomicUsize,
    /// The first path of each digest met.
    seen: Mutex<HashMap<Digest, PathBuf>>,
}

/// What became of an input.
struct Outcome<'a> {
    input: &'a Input,
    digest: Option<Digest>,
    result: Ended,
}

enum Ended {
    /// Judged in this run, under this state.
    Judged(Box<Judged>, Digest),
    /// Judged before under the same state.
    Unchanged(Box<DocumentRecord>),
    Duplicate(PathBuf),
    /// In quarantine for a reason that lasts; not tried again.
    StillQuarantined {
        reason: String,
        message: String,
        remedy: String,
    },
    Failed(Failure),
    NotStarted,
}

impl<'a> Batch<'a> {
    fn work(&self, sender: &SyncSender<Outcome<'a>>) {
        loop {
            let Some(input) = self.inputs.get(self.next.fetch_add(1, Ordering::Relaxed)) else { return };
            let outcome = if self.stop.load(Ordering::Relaxed) {
                Outcome { input, digest: None, result: Ended::NotStarted }
            } else {
                self.process(input)
            };
            if sender.send(outcome).is_err() {
                return;
            }
        }
    }

    fn process(&self, input: &'a Input) -> Outcome<'a> {
        let digest = match std::fs::File::open(&input.path).and_then(Digest::of_reader) {
            Ok(digest) => digest,
            Err(error) => {
                let error = Error::failure(format!("cannot read {}", input.path.display())).because(error);
                return Outcome { input, digest: None, result: Ended::Failed(Failure::Failed(error)) };
            }
        };
        let first = lock(&self.seen).entry(digest).or_insert_with(|| input.path.clone()).clone();
        let result = if first == input.path { self.judge(input, &digest) } else { Ended::Duplicate(first) };
        Outcome { input, digest: Some(digest), result }
    }

    fn judge(&self, input: &Input, digest: &Digest) -> Ended {
        let state = self.state(digest, &input.declared);
        match self.before(input, digest, &state) {
            Ok(Some(ended)) => return ended,
            Ok(None) => {}
            Err(error) => return Ended::Failed(Failure::Failed(error)),
        }
        match self.judge.judge(digest, &input.path, self.options.password.as_deref()) {
            Ok(judged) => Ended::Judged(Box::new(judged), state),
            Err(failure) => Ended::Failed(failure),
        }
    }

    /// What earlier runs make unnecessary.
    fn before(&self, input: &Input, digest: &Digest, state: &Digest) -> Result<Option<Ended>> {
        let ledger = lock(self.judge.ledger);
        let known = ledger.document(digest).or_fail(|| "cannot read the ledger".to_owned())?;
        if let Some((record, known)) = known
            && known == *state
        {
            return Ok(Some(Ended::Unchanged(Box::new(record))));
        }
        if self.options.retry_quarantined || self.options.password.is_some() {
            return Ok(None);
        }
        let path = input.path.to_string_lossy();
        let quarantined = ledger.lasting_quarantine(&path, digest).or_fail(|| "cannot read the ledger".to_owned())?;
        Ok(quarantined.map(|row| Ended::StillQuarantined { reason: row.reason, message: row.message, remedy: row.remedy }))
    }

    /// Everything that a document's rows depend on: its artefacts' keys, the rules for cases, what the manifest declares.
    fn state(&self, digest: &Digest, declared: &Declared) -> Digest {
        let summary = self.judge.keys(digest).digests().summary;
        let settings = serde_json::json!([self.judge.pipeline.spec.case, self.judge.pipeline.spec.name, declared]).to_string();
        Digest::of_parts([summary.as_bytes().as_slice(), settings.as_bytes(), self.judge.taxonomy.digest().as_bytes()])
    }
}

/// The writing thread's side.
struct Recorder<'a> {
    batch: &'a Batch<'a>,
    run: &'a RunRecord,
    writer: Writer,
    report: Report,
    targets: Vec<String>,
    /// The sequence of the last document given to the index writer, and how many since the last commit.
    sequence: u64,
    uncommitted: usize,
    last_commit: Instant,
    done: Vec<Digest>,
    delivered_before: u32,
}

impl<'a> Recorder<'a> {
    fn new(batch: &'a Batch<'a>, run: &'a RunRecord, writer: Writer, skipped: usize) -> Self {
        let spec = &batch.judge.pipeline.spec;
        let report = Report {
            schema: SCHEMA.to_owned(),
            run: run.name(),
            run_id: run.id.clone(),
            pipeline: run.pipeline.clone(),
            started: run.started.clone(),
            version: run.version.clone(),
            models: run.models.clone(),
            kernel_profile: run.kernel_profile.clone(),
            ..Report::default()
        };
        let mut recorder = Self {
            batch,
            run,
            writer,
            report,
            targets: spec.case.targets(),
            sequence: 0,
            uncommitted: 0,
            last_commit: Instant::now(),
            done: Vec::new(),
            delivered_before: 0,
        };
        recorder.report.inputs.skipped = skipped as u32;
        recorder
    }

    /// Adds to the index what the ledger has and it lacks: after a kill between the two, or when the index was built anew.
    fn catch_up(&mut self, index: &Index) -> Result<()> {
        self.sequence = index.committed_sequence().or_fail(|| "cannot read the index".to_owned())?;
        let missing = self.ledger().documents_after(self.sequence).or_fail(|| "cannot read the ledger".to_owned())?;
        for (record, sequence) in missing {
            let Some(artefacts) = Artefacts::load(&self.ledger(), &record)? else {
                tracing::warn!(document = %record.digest, "an artefact is gone: the document is indexed when it is judged again");
                continue;
            };
            self.index(&record, sequence, &artefacts)?;
        }
        if self.uncommitted > 0 { self.commit() } else { Ok(()) }
    }

    fn record_all(&mut self, receiver: &Receiver<Outcome<'_>>) -> Result<()> {
        for outcome in receiver {
            self.record(outcome)?;
            if self.uncommitted >= COMMIT_DOCUMENTS || (self.uncommitted > 0 && self.last_commit.elapsed() >= COMMIT_EVERY) {
                self.commit()?;
            }
        }
        self.commit()
    }

    fn record(&mut self, outcome: Outcome<'_>) -> Result<()> {
        let Outcome { input, digest, result } = outcome;
        let path = input.path.to_string_lossy().into_owned();
        let mut state = InputState {
            path: path.clone(),
            state: "done".to_owned(),
            document: digest.map(|digest| digest.to_string()),
            reason: None,
            message: None,
            remedy: None,
            pages: 0,
            unread_pages: Vec::new(),
        };
        if let Some(digest) = &digest
            && !matches!(result, Ended::NotStarted | Ended::Failed(_) | Ended::StillQuarantined { .. })
        {
            self.ledger().record_source(&path, digest).or_fail(|| "cannot write the ledger".to_owned())?;
        }
        match result {
            Ended::Judged(judged, document_state) => {
                let start = Instant::now();
                let tally = self.record_judged(input, &judged, &document_state)?;
                self.batch.judge.progress.add(Stage::Record, tally.total, start.elapsed());
                self.count_pages(&mut state, &tally);
                self.ledger().release(&path).or_fail(|| "cannot write the ledger".to_owned())?;
            }
            Ended::Unchanged(record) => {
                "unchanged".clone_into(&mut state.state);
                self.count_pages(&mut state, &record.pages);
                self.count_sentences(&record);
                self.report.flags.in_review += record.in_review;
                self.done.push(record.digest);
            }
            Ended::Duplicate(first) => {
                "duplicate".clone_into(&mut state.state);
                state.message = Some(format!("the same bytes as {}", first.display()));
            }
            Ended::StillQuarantined { reason, message, remedy } => {
                "quarantined".clone_into(&mut state.state);
                (state.reason, state.message, state.remedy) = (Some(reason), Some(message), Some(remedy));
            }
            Ended::Failed(Failure::Unreadable(error)) => {
                let row = quarantine::row(&input.path, &error);
                self.ledger()
                    .quarantine(&path, digest, row.reason, &row.message, &row.remedy, row.lasting)
                    .or_fail(|| "cannot write the ledger".to_owned())?;
                "quarantined".clone_into(&mut state.state);
                (state.reason, state.message, state.remedy) = (Some(row.reason.to_owned()), Some(row.message), Some(row.remedy));
            }
            Ended::Failed(Failure::Failed(error)) => {
                if is_disk_full(&error) {
                    return Err(error.remedy("free disk space and run the same command again; what was done is kept"));
                }
                "failed".clone_into(&mut state.state);
                state.reason = Some("failed".to_owned());
                state.message = Some(with_causes(&error));
                state.remedy = error.remedy_text().map(str::to_owned).or_else(|| Some("run the same command again".to_owned()));
            }
            Ended::NotStarted => "not-started".clone_into(&mut state.state),
        }
        let note = state.reason.as_ref().map(|reason| format!("{} {path}: {reason}", state.state));
        self.batch.judge.progress.document_done(state.pages, note.as_deref());
        let row = InputRecord {
            path,
            state: state.state.clone(),
            document: digest,
            reason: state.reason.clone(),
            message: state.message.clone(),
            remedy: state.remedy.clone(),
        };
        self.ledger().record_input(self.run, &row).or_fail(|| "cannot write the ledger".to_owned())?;
        self.report.add_input(state);
        Ok(())
    }

    fn record_judged(&mut self, input: &Input, judged: &Judged, state: &Digest) -> Result<PageTally> {
        let digest = judged.document.id;
        let stem = input.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let supersedes = self.superseded(input)?;
        let mut row = record::document_record(&digest, &stem, judged, &input.declared, supersedes);
        let uri = input.path.to_string_lossy();
        let time = self.run.started.clone();
        let judge = &self.batch.judge;
        let (cases, in_review) = record::cases(judge.pipeline, self.run, &row, judged, judge.taxonomy, &uri, &time);
        row.in_review = in_review;
        let sought = judge.taxonomy.labels().filter(|label| judge.pipeline.spec.finding.seeks(&label.id));
        row.labels_sought = sought.map(|label| label.id.clone()).collect();
        let candidates = record::flag_candidates(judged);
        let (counts, sequence) = self
            .ledger()
            .record_document(self.run, &row, state, &candidates, cases, &self.targets)
            .or_fail(|| "cannot write the ledger".to_owned())?;
        let flags = &mut self.report.flags;
        flags.new += counts.new;
        flags.updated += counts.updated;
        flags.withdrawn += counts.withdrawn;
        flags.in_review += in_review;
        self.report.delivery.queued += counts.queued;
        self.count_sentences(&row);
        self.report.warnings.extend(row.warnings.iter().map(|warning| format!("{stem}: {warning}")));
        self.done.push(digest);
        let Judged { document, passages, scored, findings, summary, .. } = judged;
        let indexed = record::indexed(&row, document, passages, scored, findings, summary);
        self.writer.replace(&indexed).or_fail(|| "cannot write the index".to_owned())?;
        self.sequence = sequence;
        self.uncommitted += 1;
        Ok(row.pages)
    }

    /// The digest of the version that a manifest row says this one replaces: by digest, or by a path seen before.
    fn superseded(&self, input: &Input) -> Result<Option<Digest>> {
        let Some(named) = &input.declared.supersedes else { return Ok(None) };
        if let Ok(digest) = named.parse() {
            return Ok(Some(digest));
        }
        let beside = input.path.parent().unwrap_or(Path::new("")).join(named);
        let ledger = self.ledger();
        for path in [Path::new(named), &beside] {
            if let Some(digest) = ledger.source(&path.to_string_lossy()).or_fail(|| "cannot read the ledger".to_owned())? {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    fn index(&mut self, record: &DocumentRecord, sequence: u64, artefacts: &Artefacts) -> Result<()> {
        let Artefacts { document, passages, scored, findings, summary } = artefacts;
        let indexed = record::indexed(record, document, passages, scored, findings, summary);
        self.writer.replace(&indexed).or_fail(|| "cannot write the index".to_owned())?;
        self.sequence = sequence;
        self.uncommitted += 1;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if self.uncommitted > 0 {
            self.writer.commit(self.sequence).or_fail(|| "cannot commit the index".to_owned())?;
        }
        self.uncommitted = 0;
        self.last_commit = Instant::now();
        Ok(())
    }

    fn count_pages(&mut self, state: &mut InputState, tally: &PageTally) {
        state.pages = tally.total;
        state.unread_pages.clone_from(&tally.unread);
        let pages = &mut self.report.pages;
        pages.total += tally.total;
        pages.text += tally.text;
        pages.ocr += tally.ocr;
        pages.blank += tally.blank;
        pages.unread += tally.unread.len() as u32;
    }

    fn count_sentences(&mut self, record: &DocumentRecord) {
        let count = |name: &str| record.sentences.get(name).copied().unwrap_or(0);
        let sentences = &mut self.report.sentences;
        sentences.generated += count("generated");
        sentences.supported += count("supported");
        sentences.contradicted += count("contradicted");
        sentences.not_found += count("not-found");
        sentences.not_checkable += count("not-checkable");
        sentences.released += count("released");
        sentences.replaced += count("replaced");
        sentences.dropped += count("dropped");
        sentences.quoted += count("quoted");
    }

    fn finish(mut self, config: &Config) -> Result<Report> {
        let cannot = || "cannot write the report".to_owned();
        self.report.input_states.sort_by(|a, b| a.path.cmp(&b.path));
        let mut live = 0;
        for digest in std::mem::take(&mut self.done) {
            let filter = crate::ledger::FlagFilter { document: Some(digest), ..Default::default() };
            live += self.ledger().flags(&filter).or_fail(cannot)?.len() as u32;
        }
        self.report.flags.live = live;
        let outbox = self.ledger().outbox_counts().or_fail(cannot)?;
        let count = |state: &str| outbox.get(state).copied().unwrap_or(0);
        let delivery = &mut self.report.delivery;
        delivery.pending = count("pending") + count("sending");
        delivery.retry = count("retry");
        delivery.dead = count("dead");
        delivery.delivered = count("delivered").saturating_sub(self.delivered_before);
        let progress = self.batch.judge.progress;
        let seconds = progress.elapsed().as_secs_f64();
        let judged: u32 = progress.stages().get(Stage::Record.name()).map_or(0, |stage| stage.pages);
        self.report.speed = Speed {
            seconds,
            pages_per_second: if seconds > 0.0 { f64::from(judged) / seconds } else { 0.0 },
            peak_memory_mb: peak_memory_mb(),
            stages: progress.stages(),
        };
        self.report.exit = self.exit();
        self.report.ended = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let folder = config.data.join("runs").join(self.run.name());
        std::fs::create_dir_all(&folder).or_fail(cannot)?;
        let mut ledger = self.ledger();
        ledger
            .end_run(self.run, self.report.exit, Digest::of(serde_json::json!(self.report).to_string().as_bytes()))
            .or_fail(cannot)?;
        let path = folder.join("checkpoint.json");
        let checkpoint = ledger.checkpoint(&path).or_fail(cannot)?;
        let mut shown = path;
        if let Some(outside) = &self.batch.options.checkpoint {
            ledger.checkpoint(outside).or_fail(cannot)?;
            shown.clone_from(outside);
        }
        drop(ledger);
        self.report.checkpoint = Some(CheckpointLine { path: shown.display().to_string(), sequence: checkpoint.sequence });
        let text = serde_json::to_string_pretty(&self.report).or_fail(cannot)?;
        std::fs::write(folder.join("report.json"), text).or_fail(cannot)?;
        Ok(self.report)
    }

    fn exit(&self) -> u8 {
        let (inputs, pages) = (&self.report.inputs, &self.report.pages);
        let allowed = self.batch.judge.pipeline.spec.document.max_unread_pages;
        if inputs.not_started > 0 {
            130
        } else if inputs.quarantined + inputs.failed > 0 || pages.unread > allowed {
            3
        } else {
            0
        }
    }

    fn ledger(&self) -> MutexGuard<'a, Ledger> {
        lock(self.batch.judge.ledger)
    }
}

/// What the stages made of a document, taken from the ledger.
pub(super) struct Artefacts {
    pub(super) document: Document,
    pub(super) passages: Vec<Passage>,
    pub(super) scored: Vec<ScoredPassage>,
    pub(super) findings: Vec<Finding>,
    pub(super) summary: CheckedSummary,
}

impl Artefacts {
    /// The artefacts of a document; none where one of them is gone.
    pub(super) fn load(ledger: &Ledger, record: &DocumentRecord) -> Result<Option<Self>> {
        let keys = &record.keys;
        let cannot = || format!("cannot read what was made of {}", record.stem);
        let (document, passages) = (ledger.artefact_at(&keys.document), ledger.artefact_at(&keys.passages));
        let (scored, findings) = (ledger.artefact_at(&keys.scores), ledger.artefact_at(&keys.findings));
        let summary = ledger.artefact_at(&keys.summary);
        let parts = (
            document.or_fail(cannot)?,
            passages.or_fail(cannot)?,
            scored.or_fail(cannot)?,
            findings.or_fail(cannot)?,
            summary.or_fail(cannot)?,
        );
        Ok(match parts {
            (Some(document), Some(passages), Some(scored), Some(findings), Some(summary)) => {
                Some(Self { document, passages, scored, findings, summary })
            }
            _ => None,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is whole or not made: a thread that died within one left nothing behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_disk_full(error: &Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        let in_file = cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::StorageFull);
        let in_ledger = cause.downcast_ref::<LedgerError>().is_some_and(|error| matches!(error, LedgerError::DiskFull { .. }));
        if in_file || in_ledger {
            return true;
        }
        source = cause.source();
    }
    false
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The peak resident memory of this process and of its largest child, as Linux counts it.
fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}
