//! A batch: documents through the stages on a few threads, one thread that writes.
//!
//! Each document thread takes the next input, has it read in a worker process, judges it on the shared pool, and hands it over a
//! bounded channel to the thread that writes ledger, outbox, audit chain and index. Memory is bounded by the documents in hand.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::inputs::{Declared, Input, Inputs};
use super::judge::{Failure, Judge, Judged};
use super::progress::Progress;
use super::recorder::Recorder;
use super::report::Report;
use super::spec::Pipeline;
use crate::config::Config;
use crate::digest::Digest;
use crate::error::{Error, OrFail, Result};
use crate::finding::taxonomy::Taxonomy;
use crate::finding::{Classifier, head};
use crate::index::Index;
use crate::ledger::{Access, DocumentRecord, Ledger, RunRecord, RunStart};
use crate::model::arithmetic::Arithmetic;
use crate::model::encoder::{self, Encoder};
use crate::model::generator::LanguageModel;
use crate::model::registry::{ModelCard, Registry};
use crate::summary::prompted::Prompted;

/// What a run is asked to do beyond its pipeline file.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The password of protected files.
    pub password: Option<String>,
    /// Try files again whose quarantine reason would last.
    pub retry_quarantined: bool,
    /// Where to write the signed checkpoint besides the run's folder.
    pub checkpoint: Option<PathBuf>,
    /// Evaluate models in the reference arithmetic, whatever the environment names.
    pub reference: bool,
}

/// The models of a run.
pub struct Models {
    /// The encoder.
    pub encoder: Encoder,
    /// The heads on it.
    pub classifier: Classifier,
    /// The model that writes, where the pipeline names one.
    pub generator: Option<LanguageModel>,
    used: Vec<UsedModel>,
}

/// What a run record says of a model that ran.
struct UsedModel {
    name: String,
    digest: Digest,
    quantisation: String,
}

impl UsedModel {
    fn of(card: &ModelCard) -> Self {
        Self { name: card.name.clone(), digest: card.digest(), quantisation: card.quantisation().to_owned() }
    }
}

impl Models {
    /// Loads and checks the models that pipelines use, the encoder to be evaluated in an arithmetic, and the one that writes where
    /// a name is given.
    ///
    /// # Errors
    /// What is missing, changed or does not belong together, with the remedy.
    pub fn load(config: &Config, taxonomy: &Taxonomy, arithmetic: Arithmetic, generator: Option<&str>) -> Result<Self> {
        let registry = Registry::installed(config).or_usage(|| "cannot load the models".to_owned())?;
        let encoder =
            Encoder::load_with(&registry, encoder::DEFAULT, arithmetic).or_usage(|| "cannot load the encoder".to_owned())?;
        let classifier = Classifier::load(taxonomy, &registry, &encoder).or_usage(|| "cannot load the heads".to_owned())?;
        let generator = generator.map(|name| load_generator(&registry, name, arithmetic)).transpose()?;
        // Those that run, of all that the registry describes.
        let running = [encoder::DEFAULT, head::DEFAULT].into_iter().chain(generator.as_ref().map(LanguageModel::name));
        let used = running.map(|name| registry.card(name).map(UsedModel::of));
        let used = used.collect::<Result<_, _>>().or_usage(|| "cannot load the models".to_owned())?;
        Ok(Self { encoder, classifier, generator, used })
    }

    /// How the weights are stored, by model.
    fn quantisation(&self) -> BTreeMap<String, String> {
        self.used.iter().map(|model| (model.name.clone(), model.quantisation.clone())).collect()
    }
}

/// The model that a pipeline names to write summaries. Documents wait for it in turn, so it works on every core.
fn load_generator(registry: &Registry, name: &str, arithmetic: Arithmetic) -> Result<LanguageModel> {
    let remedy = "describe the model in models.toml and put its file where that says, or leave `generator` out of the pipeline file: summaries then quote";
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let model = LanguageModel::load(registry, name, arithmetic, threads);
    model.map_err(|error| Error::usage(format!("cannot load the generator `{name}`")).because(error).remedy(remedy))
}

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
    let arithmetic = Arithmetic::chosen(options.reference).or_usage(|| "cannot load the models".to_owned())?;
    let models = Models::load(config, taxonomy, arithmetic, pipeline.spec.summary.generator.as_deref())?;
    let generator =
        models.generator.as_ref().map(Prompted::new).transpose().or_fail(|| "the generator cannot start".to_owned())?;
    let run = start(&mut ledger, pipeline, &models)?;
    let index = Index::open_or_create(&config.data.join("index")).or_fail(|| "cannot open the index".to_owned())?;
    let progress = Progress::start(inputs.files.len(), config.quiet);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores).build().or_fail(|| "cannot start threads".to_owned())?;
    let ledger = Mutex::new(ledger);
    let recogniser = pipeline.recogniser();
    let judge = Judge {
        pipeline,
        taxonomy,
        encoder: &models.encoder,
        classifier: &models.classifier,
        recogniser: &recogniser,
        generator: generator.as_ref().zip(models.generator.as_ref()).map(|(generator, model)| (generator as _, model.digest())),
        ledger: &ledger,
        pool: &pool,
        progress: &progress,
    };
    let batch = Batch { judge, inputs: &inputs.files, options, stop, next: AtomicUsize::new(0), seen: Mutex::default() };
    let mut recorder =
        Recorder::new(&batch, &run, index.writer().or_fail(|| "cannot write the index".to_owned())?, inputs.skipped);
    recorder.report.quantisation = models.quantisation();
    recorder.report.warnings.extend(inputs.warnings.iter().cloned());
    recorder.report.warnings.extend(models.generator.iter().flat_map(LanguageModel::notes));
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
    recorder.finish()
}

fn start(ledger: &mut Ledger, pipeline: &Pipeline, models: &Models) -> Result<RunRecord> {
    // `cases deliver` may be started elsewhere later.
    let mut cases = pipeline.spec.case.clone();
    cases.resolve(pipeline.path.parent().unwrap_or(Path::new("")));
    let start = RunStart {
        pipeline: pipeline.name_at_digest(),
        pipeline_digest: pipeline.digest,
        cases: serde_json::json!(cases).to_string(),
        models: models.used.iter().map(|model| (model.name.clone(), model.digest)).collect(),
        quantisation: models.quantisation(),
        kernel_profile: models.encoder.profile().to_owned(),
    };
    ledger.start_run(&start).or_fail(|| "cannot start a run".to_owned())
}

/// What the document threads share.
pub(super) struct Batch<'a> {
    pub(super) judge: Judge<'a>,
    pub(super) inputs: &'a [Input],
    pub(super) options: &'a RunOptions,
    pub(super) stop: &'a AtomicBool,
    pub(super) next: AtomicUsize,
    /// The first path of each digest met.
    pub(super) seen: Mutex<HashMap<Digest, PathBuf>>,
}

/// What became of an input.
pub(super) struct Outcome<'a> {
    pub(super) input: &'a Input,
    pub(super) digest: Option<Digest>,
    pub(super) result: Ended,
}

pub(super) enum Ended {
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
        match self.before(input, digest) {
            Ok(Some(ended)) => return ended,
            Ok(None) => {}
            Err(error) => return Ended::Failed(Failure::Failed(error)),
        }
        match self.judge.judge(digest, &input.path, self.options.password.as_deref()) {
            Ok(judged) => {
                let state = self.state(&judged.keys.summary, &input.declared);
                Ended::Judged(Box::new(judged), state)
            }
            Err(failure) => Ended::Failed(failure),
        }
    }

    /// What earlier runs make unnecessary.
    fn before(&self, input: &Input, digest: &Digest) -> Result<Option<Ended>> {
        let known = lock(self.judge.ledger).document(digest).or_fail(|| "cannot read the ledger".to_owned())?;
        if let Some((record, known)) = known {
            let keys = self.judge.keys(digest, record.scans > 0).digests();
            if known == self.state(&keys.summary, &input.declared) {
                return Ok(Some(Ended::Unchanged(Box::new(record))));
            }
        }
        if self.options.retry_quarantined || self.options.password.is_some() {
            return Ok(None);
        }
        let path = input.path.to_string_lossy();
        let ledger = lock(self.judge.ledger);
        let quarantined = ledger.lasting_quarantine(&path, digest).or_fail(|| "cannot read the ledger".to_owned())?;
        Ok(quarantined.map(|row| Ended::StillQuarantined { reason: row.reason, message: row.message, remedy: row.remedy }))
    }

    /// Everything that a document's rows depend on: its artefacts, by the key of the last one, the rules for cases, what the
    /// manifest declares.
    fn state(&self, summary: &Digest, declared: &Declared) -> Digest {
        let settings = serde_json::json!([self.judge.pipeline.spec.case, self.judge.pipeline.spec.name, declared]).to_string();
        Digest::of_parts([summary.as_bytes().as_slice(), settings.as_bytes(), self.judge.taxonomy.digest().as_bytes()])
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is whole or not made: a thread that died within one left nothing behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
