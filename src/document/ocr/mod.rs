//! Pages without usable text -> text, by an OCR program that is found at run time.
//!
//! Each page that needs it is rendered in the worker process, which has no files and bounded memory; the picture comes back as plain
//! grey pixels and goes to the program ([`Tesseract`], one run per page, under limits); what it recognises is laid out by the same
//! code as any other page. A page that could not be read this way stays as it was, and why is told: a missing tool, a time-out or a
//! crash is an attempt, which the next run makes again.

mod languages;
mod lettering;
mod letters;
mod notes;
mod reading;
mod tesseract;
mod tsv;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use self::notes::{not_recognised, told};
use self::reading::{Results, Task};
pub use self::tesseract::{PROGRAM_VARIABLE, Tesseract};
use super::worker::Worker;
use super::{Document, DocumentWarning, Page, ReadOptions, finish};

/// Below this confidence, in percent, a recognised word is doubtful: to be read on the page before anything rests on it.
pub const DOUBTFUL: u8 = 60;

/// After so many failures in one document its further scans are not tried in this run: a file made to hang the tools would
/// otherwise cost a time-out per page.
const MOST_FAILURES: usize = 3;

/// What read a page whose text was recognised from its picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognition {
    /// The program: `tesseract`.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// The languages it was told to expect, joined by `+`, the main one first.
    pub languages: String,
    /// How sure it is on average over the characters, in percent; 0 where it found no text.
    pub confidence: u8,
    /// Words recognised.
    pub words: u32,
    /// Those of them below [`DOUBTFUL`].
    pub doubtful_words: u32,
}

/// Why a page was not recognised, or none can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcrError {
    /// There is no such program.
    #[error("the OCR program is not installed: {program} cannot be found")]
    Missing {
        /// What was looked for.
        program: String,
    },
    /// The program is another one.
    #[error("{program} is not Tesseract")]
    NotTesseract {
        /// What was started.
        program: String,
    },
    /// It lacks the languages of filings.
    #[error("the OCR program has none of the languages eng, chi_tra, chi_sim (it has: {found})")]
    NoLanguage {
        /// What it has.
        found: String,
    },
    /// It took too long for a page.
    #[error("OCR of the page took longer than {seconds} s")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// It failed.
    #[error("the OCR program failed ({detail})")]
    Failed {
        /// Exit status or signal, and the last line of standard error.
        detail: String,
    },
    /// Its answer is not what it should be.
    #[error("the answer of the OCR program cannot be used: {detail}")]
    Rubbish {
        /// What is wrong with it.
        detail: String,
    },
    /// The page could not be rendered.
    #[error("the page could not be rendered: {detail}")]
    NotRendered {
        /// Why.
        detail: String,
    },
    /// Too many pages of the document had failed.
    #[error("not tried, after {MOST_FAILURES} pages of the document had failed")]
    NotTried,
}

impl OcrError {
    /// What the operator can do about it, where that is known.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } | Self::NotTesseract { .. } | Self::NoLanguage { .. } => Some(
                "apt install tesseract-ocr tesseract-ocr-chi-tra, or name the program in SCRUTINEER_TESSERACT; then run again",
            ),
            Self::TimedOut { .. } => Some("raise document.ocr_timeout_seconds if the file can be trusted; then run again"),
            _ => None,
        }
    }
}

/// Where pages are kept that were recognised before, so that a run that was stopped does not recognise them again.
pub trait PageStore: Sync {
    /// The page, where it is kept.
    fn page(&self, number: u32) -> Option<Page>;

    /// Keeps a page. What fails in it is the store's own matter.
    fn keep(&self, page: &Page);
}

/// Keeps nothing.
pub struct NoStore;

impl PageStore for NoStore {
    fn page(&self, _: u32) -> Option<Page> {
        None
    }

    fn keep(&self, _: &Page) {}
}

/// OCR as the operator wants it. The program is looked for when the first scan is met, not before.
#[derive(Debug)]
pub struct Recogniser {
    worker: Option<Worker>,
    engine: OnceLock<Result<Tesseract, OcrError>>,
    is_off: bool,
}

/// A document after OCR.
#[derive(Debug)]
pub struct Recognised {
    /// The document. Pages that were not recognised are in it as they were, with a warning.
    pub document: Document,
    /// The pages that failed in this attempt, with the reason. Empty where OCR is off or not installed: then nothing was tried.
    pub failures: Vec<(u32, OcrError)>,
}

impl Recogniser {
    /// Reads scans where the program is installed.
    pub const fn auto() -> Self {
        Self { worker: None, engine: OnceLock::new(), is_off: false }
    }

    /// Reads no scans.
    pub const fn off() -> Self {
        Self { worker: None, engine: OnceLock::new(), is_off: true }
    }

    /// Renders pages in this worker instead of [`Worker::here`].
    #[must_use]
    pub fn with_worker(mut self, worker: Worker) -> Self {
        self.worker = Some(worker);
        self
    }

    /// The program.
    ///
    /// # Errors
    /// Why there is none that can be used.
    pub fn engine(&self) -> Result<&Tesseract, OcrError> {
        self.engine.get_or_init(Tesseract::find).as_ref().map_err(Clone::clone)
    }

    /// What the artefacts of documents with scans depend on: the program, its version and its languages, or that there is none.
    pub fn identity(&self) -> String {
        match self.engine_if_on() {
            None => "off".to_owned(),
            Some(Err(_)) => "absent".to_owned(),
            Some(Ok(engine)) => engine.identity(),
        }
    }

    fn engine_if_on(&self) -> Option<Result<&Tesseract, OcrError>> {
        (!self.is_off).then(|| self.engine())
    }

    /// Recognises the pages of a document that need it. `bytes` are those of the file that it was read from.
    pub fn read_scans(&self, mut document: Document, bytes: &[u8], options: &ReadOptions, store: &dyn PageStore) -> Recognised {
        let scans: Vec<u32> = document.pages.iter().filter(|page| page.state.needs_ocr()).map(|page| page.number).collect();
        if scans.is_empty() {
            return Recognised { document, failures: Vec::new() };
        }
        let engine = match self.engine_if_on() {
            Some(Ok(engine)) => engine,
            Some(Err(error)) => {
                document.warnings.push(not_recognised("ocr-absent", &scans, &told(&error)));
                return Recognised { document, failures: Vec::new() };
            }
            None => {
                document.warnings.push(not_recognised("ocr-off", &scans, "OCR is switched off"));
                return Recognised { document, failures: Vec::new() };
            }
        };
        let worker = self.worker.clone().map_or_else(Worker::here, Ok);
        let mut results = BTreeMap::new();
        let mut left = Vec::new();
        for &number in &scans {
            match store.page(number) {
                Some(page) => drop(results.insert(number, Ok(page))),
                None => left.push(number),
            }
        }
        match worker {
            Ok(worker) => {
                let task =
                    Task { engine, document: &document, options, attempts: languages::attempts(&document, engine.languages()) };
                results.extend(task.recognise(&worker, bytes, &left, store));
            }
            Err(error) => {
                let detail = format!("the worker program cannot be found: {error}");
                results.extend(left.iter().map(|&number| (number, Err(OcrError::NotRendered { detail: detail.clone() }))));
            }
        }
        merged(document, results)
    }
}

/// The document with the pages that were recognised, and a warning for those that were not.
fn merged(mut document: Document, results: Results) -> Recognised {
    let mut failures = Vec::new();
    for (number, result) in results {
        let Some(slot) = (number as usize).checked_sub(1).and_then(|index| document.pages.get_mut(index)) else { continue };
        match result {
            Ok(page) => *slot = page,
            Err(error) => failures.push((number, error)),
        }
    }
    document.warnings.extend(notes::summary(&document));
    for (number, error) in &failures {
        let message = format!("the scan was not read: {}", told(error));
        document.warnings.push(DocumentWarning { code: "ocr-failed".to_owned(), page: Some(*number), message });
    }
    // Running lines, headings and what the first pages state are settled anew, now that there is more text.
    finish::finish(&mut document);
    Recognised { document, failures }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::document::sample::{lines, pdf};
    use crate::document::{PageState, read};

    /// A page of text and a page that is a picture.
    fn document() -> Document {
        let picture = "q 600 0 0 800 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \u{7f} EI Q";
        read(&pdf(&[&lines(50.0, 700.0, &["The board met."]), picture]), &ReadOptions::default()).unwrap()
    }

    #[test]
    fn scans_stay_unread_and_named_where_ocr_is_off() {
        let recognised = Recogniser::off().read_scans(document(), b"", &ReadOptions::default(), &NoStore);
        assert_eq!(recognised.document.pages[1].state, PageState::Scan);
        assert_eq!(recognised.failures, []);
        let warning = recognised.document.warnings.last().unwrap();
        assert_eq!(
            (warning.code.as_str(), warning.message.as_str()),
            ("ocr-off", "p.2 is a scan and was not read: OCR is switched off")
        );
    }

    #[test]
    fn failed_pages_keep_their_state_and_say_why() {
        let mut page = document().pages.remove(1);
        page.state = PageState::Ocr;
        let recognition = |confidence| Recognition {
            engine: "tesseract".to_owned(),
            version: "5.3.0".to_owned(),
            languages: "eng".to_owned(),
            confidence,
            words: 10,
            doubtful_words: 2,
        };
        page.recognition = Some(recognition(81));
        let mut document = document();
        document.pages.push(Page { number: 3, ..document.pages[1].clone() });
        let failed = OcrError::TimedOut { seconds: 120 };
        let recognised = merged(document, Results::from([(2, Ok(page)), (3, Err(failed.clone()))]));
        let states: Vec<PageState> = recognised.document.pages.iter().map(|page| page.state).collect();
        assert_eq!(states, [PageState::Text, PageState::Ocr, PageState::Scan]);
        assert_eq!(recognised.failures, [(3, failed)]);
        let messages: Vec<&str> = recognised.document.warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(
            messages[0],
            "the text of p.2 was recognised by OCR (tesseract 5.3.0); confidence 81 %; 2 of 10 words are doubtful"
        );
        assert!(messages[1].starts_with("the scan was not read: OCR of the page took longer than 120 s; raise"), "{messages:?}");
    }
}
