//! The thread that writes: each outcome to ledger, outbox, audit chain and index, and the run's report.

use std::path::Path;
use std::sync::MutexGuard;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::artefacts::Artefacts;
use super::executor::{Batch, Ended, Outcome, lock};
use super::inputs::Input;
use super::judge::{Failure, Judged};
use super::progress::Stage;
use super::quarantine;
use super::record;
use super::report::{CheckpointLine, InputState, Report, SCHEMA, Speed};
use crate::digest::Digest;
use crate::error::{Error, OrFail, Result, with_causes};
use crate::index::{Index, Writer};
use crate::ledger::{DocumentRecord, InputRecord, Ledger, LedgerError, PageTally, RunRecord};

/// The index is committed after so many documents, or so much time.
const COMMIT_DOCUMENTS: usize = 32;
const COMMIT_EVERY: Duration = Duration::from_secs(30);

/// The writing thread's side.
pub(super) struct Recorder<'a> {
    batch: &'a Batch<'a>,
    run: &'a RunRecord,
    writer: Writer,
    pub(super) report: Report,
    targets: Vec<String>,
    /// The sequence of the last document given to the index writer, and how many since the last commit.
    sequence: u64,
    uncommitted: usize,
    last_commit: Instant,
    done: Vec<Digest>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(batch: &'a Batch<'a>, run: &'a RunRecord, writer: Writer, skipped: usize) -> Self {
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
        };
        recorder.report.inputs.skipped = skipped as u32;
        recorder
    }

    /// Adds to the index what the ledger has and it lacks: after a kill between the two, or when the index was built anew.
    pub(super) fn catch_up(&mut self, index: &Index) -> Result<()> {
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

    pub(super) fn record_all(&mut self, receiver: &Receiver<Outcome<'_>>) -> Result<()> {
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
                let recording = self.batch.judge.progress.enter(Stage::Record);
                let tally = self.record_judged(input, &judged, &document_state)?;
                recording.done(tally.total);
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
        let sought = judge.taxonomy.labels().filter(|label| judge.pipeline.spec.finding.seeks(&label.id));
        row.labels_sought = sought.map(|label| label.id.clone()).collect();
        let weak = |label: &&String| judge.classifier.standing(label).is_some_and(|standing| standing.weak);
        row.labels_weak = row.labels_sought.iter().filter(weak).cloned().collect();
        let (cases, in_review) = record::cases(judge.pipeline, self.run, &row, judged, judge.taxonomy, &uri, &time);
        row.in_review = in_review;
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
        sentences.uncited += count("uncited");
    }

    pub(super) fn finish(mut self) -> Result<Report> {
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
        delivery.delivered = count("delivered");
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
        let ledger = self.batch.judge.ledger;
        let mut ledger = lock(ledger);
        let path = ledger.run_folder(self.run).join("checkpoint.json");
        let outside = self.batch.options.checkpoint.as_deref();
        let shown = outside.unwrap_or(&path).display().to_string();
        let report = &mut self.report;
        ledger
            .end_run(self.run, report.exit, |sequence| {
                report.checkpoint = Some(CheckpointLine { path: shown, sequence });
                serde_json::to_string_pretty(report)
            })
            .or_fail(cannot)?;
        for path in std::iter::once(path.as_path()).chain(outside) {
            ledger.checkpoint(path).or_fail(cannot)?;
        }
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

/// The peak resident memory of this process and of its largest child, as Linux counts it.
fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}
