//! One document through the stages, each artefact taken from the ledger where its key is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::progress::{Progress, Stage};
use super::repair::{CheckedSummary, check_and_repair};
use super::spec::Pipeline;
use crate::digest::Digest;
use crate::document::ocr::{PageStore, Recogniser};
use crate::document::{self, Document, DocumentError, Page, ReadOptions, worker};
use crate::error::{Error, OrFail, Result};
use crate::finding::taxonomy::Taxonomy;
use crate::finding::{self, Classifier, Finding, Standing, rules};
use crate::ledger::{ArtefactKey, Ledger, StageKeys};
use crate::model::ModelError;
use crate::model::encoder::{Encoded, Encoder};
use crate::passage::{self, Passage};
use crate::summary::Generator;
use crate::{summary, verdict};

/// Raised whenever the scores of a passage can change for a reason that no digest in their key shows.
const SCORES_VERSION: u32 = 2;
/// Raised whenever checked summaries can change for a reason in this module.
const CHECKED_VERSION: u32 = 2;

/// Passages that go through the encoder together: about a thousand tokens.
const MICRO_BATCH: usize = 8;

/// What the models say of one passage: everything of it that does not depend on thresholds above the floor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ScoredPassage {
    /// The calibrated score of each label, in the classifier's order; empty for hidden text.
    pub(super) scores: Vec<f32>,
    /// Findings at the floor: what a lower threshold would raise is here already.
    pub(super) candidates: Vec<Finding>,
    /// The passage's embedding (unit length), quantised to whole numbers; none for hidden text.
    pub(super) vector: Option<QuantisedVector>,
    /// Whether the encoder had to cut the passage.
    pub(super) truncated: bool,
}

/// A unit vector as whole numbers and their scale: `value = scale * number`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct QuantisedVector {
    /// What a number is worth.
    pub(super) scale: f32,
    /// The numbers.
    pub(super) values: Vec<i8>,
}

impl QuantisedVector {
    /// Scales `vector` to unit length and rounds it to 8 bits.
    pub(super) fn of_unit(vector: &[f32]) -> Self {
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs())).max(f32::MIN_POSITIVE);
        let values = vector.iter().map(|value| (value / largest * 127.0).round() as i8).collect();
        Self { scale: largest / norm / 127.0, values }
    }
}

/// One of the encoder's ways to encode texts.
type Encode = fn(&Encoder, &[&str]) -> Result<Vec<Encoded>, ModelError>;

/// Everything that the stages made of one document.
pub(super) struct Judged {
    pub(super) document: Document,
    pub(super) passages: Vec<Passage>,
    pub(super) scored: Vec<ScoredPassage>,
    pub(super) findings: Vec<Finding>,
    pub(super) summary: CheckedSummary,
    /// Pages that OCR alone can read, whether or not it did.
    pub(super) scans: u32,
    /// The keys of the artefacts.
    pub(super) keys: StageKeys,
}

/// Why a document was not judged.
pub(super) enum Failure {
    /// The file cannot be read: it is quarantined.
    Unreadable(DocumentError),
    /// Something else failed: it is tried again by the next run.
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The stages with what they need.
pub(super) struct Judge<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) taxonomy: &'a Taxonomy,
    pub(super) encoder: &'a Encoder,
    pub(super) classifier: &'a Classifier,
    pub(super) recogniser: &'a Recogniser,
    /// What writes sentences, with the digest of its model; none, and summaries quote.
    pub(super) generator: Option<(&'a dyn Generator, Digest)>,
    pub(super) ledger: &'a Mutex<Ledger>,
    pub(super) pool: &'a rayon::ThreadPool,
    pub(super) progress: &'a Progress,
}

/// The keys of a document's artefacts; all of them follow from its digest and the settings, so whether a document is done can
/// be told without reading it.
pub(super) struct Keys {
    pub(super) document: ArtefactKey,
    pub(super) passages: ArtefactKey,
    pub(super) scores: ArtefactKey,
    pub(super) findings: ArtefactKey,
    pub(super) summary: ArtefactKey,
}

impl Keys {
    /// The keys as the ledger keeps them.
    pub(super) fn digests(&self) -> StageKeys {
        StageKeys {
            document: self.document.digest(),
            passages: self.passages.digest(),
            scores: self.scores.digest(),
            findings: self.findings.digest(),
            summary: self.summary.digest(),
        }
    }
}

impl Judge<'_> {
    /// The key of the document with this digest as its file says it, before OCR.
    fn read_key(&self, digest: &Digest) -> ArtefactKey {
        stage_key("document", document::VERSION, *digest, &(), &[], "")
    }

    /// The key of the document after OCR. `attempt` names what read its scans, and what it could not read: a page that failed is
    /// part of the key, so that the next attempt is not taken for done.
    fn recognised_key(&self, digest: &Digest, attempt: &str) -> ArtefactKey {
        stage_key("recognised", document::VERSION, self.read_key(digest).digest(), &attempt, &[], "")
    }

    /// The keys of the artefacts of the document with this digest, as they are when everything succeeds.
    pub(super) fn keys(&self, digest: &Digest, has_scans: bool) -> Keys {
        self.keys_after(if has_scans { self.recognised_key(digest, &self.recogniser.identity()) } else { self.read_key(digest) })
    }

    fn keys_after(&self, document: ArtefactKey) -> Keys {
        let passage_options = self.pipeline.passage_options();
        let passages = stage_key("passages", passage::VERSION, document.digest(), &passage_options, &[self.encoder.digest()], "");
        let models = [self.encoder.digest(), self.classifier.digest(), self.taxonomy.digest()];
        let profile = self.encoder.profile();
        let scores_version = SCORES_VERSION + finding::VERSION;
        let scores = stage_key("scores", scores_version, passages.digest(), &self.floors(), &models, profile);
        let findings = stage_key("findings", finding::VERSION, scores.digest(), &self.pipeline.spec.finding, &[], "");
        let summary_version = CHECKED_VERSION + summary::VERSION + verdict::VERSION;
        let generator: Vec<Digest> = self.generator.iter().map(|(_, digest)| *digest).collect();
        let options = (self.pipeline.summary_options(), self.generator.map(|_| summary::prompted::VERSION));
        let summary = stage_key("summary", summary_version, findings.digest(), &options, &generator, "");
        Keys { document, passages, scores, findings, summary }
    }

    /// Takes a document through the stages.
    pub(super) fn judge(&self, digest: &Digest, path: &Path, password: Option<&str>) -> Result<Judged, Failure> {
        let document = self.read(digest, path, password)?;
        let scans = document.pages.iter().filter(|page| page.state.needs_ocr()).count() as u32;
        let (document, keys) = match scans {
            0 => (document, self.keys(digest, false)),
            _ => self.recognise(document, digest, path, password)?,
        };
        let pages = document.pages.len() as u32;
        let passages = self.kept(&keys.passages, Stage::Passage, pages, || {
            Ok(passage::passages(&document, &self.pipeline.passage_options(), &|text| self.encoder.count_tokens(text)))
        })?;
        let scored =
            self.kept(&keys.scores, Stage::Judge, pages, || self.score(&passages.iter().collect::<Vec<_>>(), Encoder::encode))?;
        let findings = self.kept(&keys.findings, Stage::Judge, 0, || self.findings(&passages, &scored))?;
        let summary = self.kept(&keys.summary, Stage::Summarise, pages, || {
            let extract = summary::summarise(&passages, &findings, &self.pipeline.summary_options());
            let complete = document.pages.iter().all(|page| page.state.is_read());
            let Some((generator, _)) = self.generator else { return Ok(check_and_repair(extract, &passages, complete)) };
            let drafted = summary::draft(&extract, &passages, generator);
            let mut checked = check_and_repair(drafted.summary, &passages, complete);
            checked.counts.uncited = drafted.uncited;
            Ok(checked)
        })?;
        Ok(Judged { document, passages, scored, findings, summary, scans, keys: keys.digests() })
    }

    /// The floors of all labels: half of the head's threshold, or the pipeline's own where that is lower. What a threshold above
    /// its floor changes is the findings alone, not the encoder's work.
    fn floors(&self) -> Vec<(String, f32)> {
        let own = &self.pipeline.spec.finding.thresholds;
        let floor = |label: &str, threshold: f32| own.get(label).map_or(threshold, |own| own.min(threshold)) / 2.0;
        self.classifier
            .standings()
            .map(|standing| (standing.label.to_owned(), floor(standing.label, standing.threshold)))
            .collect()
    }

    /// The threshold from which a label is a finding, given the head's own; beyond reach where it is not looked for.
    fn threshold(&self, label: &str, own: Option<f32>) -> f32 {
        let spec = &self.pipeline.spec.finding;
        if !spec.seeks(label) {
            return f32::INFINITY;
        }
        spec.thresholds.get(label).copied().or(own).unwrap_or(1.0)
    }

    /// The candidates that reach their threshold and are looked for, with the findings by rule.
    fn findings(&self, passages: &[Passage], scored: &[ScoredPassage]) -> Result<Vec<Finding>> {
        let spec = &self.pipeline.spec.finding;
        let settled = self.settled(passages, scored)?;
        let threshold = |label: &str| self.threshold(label, self.classifier.standing(label).map(|standing| standing.threshold));
        let candidates = scored.iter().enumerate().map(|(at, scored)| settled.get(&at).unwrap_or(&scored.candidates));
        let by_model = candidates.flatten();
        let by_model = by_model.filter_map(|finding| {
            let threshold = threshold(&finding.label);
            (finding.score >= threshold).then(|| Finding { threshold, ..finding.clone() })
        });
        let by_rule = passages.iter().flat_map(rules::findings).filter(|finding| spec.seeks(&finding.label));
        let mut findings: Vec<Finding> = by_model.chain(by_rule).collect();
        findings.sort_by(|a, b| a.passage.cmp(&b.passage).then_with(|| a.label.cmp(&b.label)));
        Ok(findings)
    }

    /// The candidates, by their place, of the passages whose decisions the rounding of bytes could turn: judged anew in f32. That
    /// is done here and not with the scores, because it depends on the thresholds.
    fn settled(&self, passages: &[Passage], scored: &[ScoredPassage]) -> Result<BTreeMap<usize, Vec<Finding>>> {
        if !self.encoder.arithmetic().is_rounded() {
            return Ok(BTreeMap::new());
        }
        let threshold = |standing: &Standing<'_>| self.threshold(standing.label, Some(standing.threshold));
        let (places, close): (Vec<usize>, Vec<&Passage>) = (passages.iter().enumerate().zip(scored))
            .filter(|(_, scored)| self.classifier.is_close(&scored.scores, threshold))
            .map(|(passage, _)| passage)
            .unzip();
        let again = self.score(&close, Encoder::encode_in_single)?;
        Ok(places.into_iter().zip(again.into_iter().map(|scored| scored.candidates)).collect())
    }

    /// The document as its file says it.
    fn read(&self, digest: &Digest, path: &Path, password: Option<&str>) -> Result<Document, Failure> {
        let key = self.read_key(digest);
        if let Some(document) = self.ledger().artefact::<Document>(&key).or_fail(|| "cannot read the ledger".to_owned())? {
            return Ok(document);
        }
        let reading = self.progress.enter(Stage::Read);
        let bytes = bytes_of(path, digest)?;
        let document = worker::read_isolated(&bytes, &self.read_options(password), &mut |_| {})
            .map_err(|failed| Failure::Unreadable(failed.error))?;
        reading.done(document.pages.len() as u32);
        self.ledger().keep_artefact(&key, &document).or_fail(|| "cannot write the ledger".to_owned())?;
        Ok(document)
    }

    fn read_options(&self, password: Option<&str>) -> ReadOptions {
        ReadOptions { limits: self.pipeline.limits(), password: password.map(str::to_owned) }
    }

    /// The document with its scans read by OCR, as far as they can be, and the keys of what follows from it.
    fn recognise(
        &self,
        document: Document,
        digest: &Digest,
        path: &Path,
        password: Option<&str>,
    ) -> Result<(Document, Keys), Failure> {
        let keys = self.keys(digest, true);
        if let Some(kept) = self.ledger().artefact::<Document>(&keys.document).or_fail(|| "cannot read the ledger".to_owned())? {
            return Ok((kept, keys));
        }
        let recognising = self.progress.enter(Stage::Recognise);
        let bytes = bytes_of(path, digest)?;
        let store = KeptPages { judge: self, document: self.read_key(digest).digest(), error: Mutex::default() };
        let recognised = self.recogniser.read_scans(document, &bytes, &self.read_options(password), &store);
        if let Some(error) = store.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.into());
        }
        let (document, failures) = (recognised.document, recognised.failures);
        recognising.done(document.pages.iter().filter(|page| page.recognition.is_some()).count() as u32);
        let keys = match failures.as_slice() {
            [] => keys,
            failed => {
                let failed: Vec<String> = failed.iter().map(|(page, error)| format!("p.{page}: {error}")).collect();
                let attempt = format!("{}; {}", self.recogniser.identity(), failed.join("; "));
                self.keys_after(self.recognised_key(digest, &attempt))
            }
        };
        self.ledger().keep_artefact(&keys.document, &document).or_fail(|| "cannot write the ledger".to_owned())?;
        Ok((document, keys))
    }

    /// The artefact under `key`, made and kept where it is not there.
    fn kept<T: Serialize + DeserializeOwned>(
        &self,
        key: &ArtefactKey,
        stage: Stage,
        pages: u32,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if let Some(kept) = self.ledger().artefact::<T>(key).or_fail(|| "cannot read the ledger".to_owned())? {
            return Ok(kept);
        }
        let working = self.progress.enter(stage);
        let made = make()?;
        working.done(pages);
        self.ledger().keep_artefact(key, &made).or_fail(|| "cannot write the ledger".to_owned())?;
        Ok(made)
    }

    fn score(&self, passages: &[&Passage], encode: Encode) -> Result<Vec<ScoredPassage>> {
        let floors = self.floors();
        let batches = self.pool.install(|| {
            let batches = passages.par_chunks(MICRO_BATCH);
            batches.map(|batch| self.score_batch(batch, encode, &floors)).collect::<Result<Vec<_>>>()
        })?;
        Ok(batches.into_iter().flatten().collect())
    }

    fn score_batch(&self, batch: &[&Passage], encode: Encode, floors: &[(String, f32)]) -> Result<Vec<ScoredPassage>> {
        let shown = batch.iter().filter(|passage| passage.is_model_input());
        let texts: Vec<&str> = shown.map(|passage| passage.text.as_str()).collect();
        let mut encoded = encode(self.encoder, &texts).or_fail(|| "the encoder failed".to_owned())?.into_iter();
        let unseen = || ScoredPassage { scores: Vec::new(), candidates: Vec::new(), vector: None, truncated: false };
        let scored = batch.iter().map(|passage| match passage.is_model_input().then(|| encoded.next()).flatten() {
            Some(encoded) => {
                let classified = self.classifier.classify(passage, &encoded, floors);
                ScoredPassage {
                    scores: classified.scores.iter().map(|(_, score)| *score).collect(),
                    candidates: classified.findings,
                    vector: Some(QuantisedVector::of_unit(&encoded.pooled)),
                    truncated: encoded.truncated,
                }
            }
            None => unseen(),
        });
        Ok(scored.collect())
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        // Every change to the ledger is a transaction: a thread that died within one left nothing behind.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a file, which must still be those of the digest.
fn bytes_of(path: &Path, digest: &Digest) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).or_fail(|| format!("cannot read {}", path.display()))?;
    if Digest::of(&bytes) != *digest {
        return Err(Error::failure(format!("{} changed while it was read", path.display())));
    }
    Ok(bytes)
}

/// Recognised pages as artefacts of their own: OCR takes seconds per page, and a run that was stopped goes on with the next.
struct KeptPages<'a> {
    judge: &'a Judge<'a>,
    /// The key of the document before OCR.
    document: Digest,
    /// What first went wrong with the ledger.
    error: Mutex<Option<Error>>,
}

impl KeptPages<'_> {
    fn key(&self, page: u32) -> ArtefactKey {
        let parameters = (page, self.judge.recogniser.identity());
        stage_key("recognised-page", document::VERSION, self.document, &parameters, &[], "")
    }

    fn note<T>(&self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error).kind()).ok()
    }
}

impl PageStore for KeptPages<'_> {
    fn page(&self, number: u32) -> Option<Page> {
        let kept = self.judge.ledger().artefact(&self.key(number)).or_fail(|| "cannot read the ledger".to_owned());
        self.note(kept).flatten()
    }

    fn keep(&self, page: &Page) {
        let kept = self.judge.ledger().keep_artefact(&self.key(page.number), page);
        self.note(kept.or_fail(|| "cannot write the ledger".to_owned()));
    }
}

fn stage_key(
    stage: &'static str,
    version: u32,
    input: Digest,
    parameters: &impl Serialize,
    models: &[Digest],
    profile: &str,
) -> ArtefactKey {
    // Field order is the type's and map order the keys': the same parameters give the same text.
    let parameters = serde_json::json!(parameters).to_string();
    ArtefactKey::new(stage, version, &[input], &parameters, models, profile)
}
