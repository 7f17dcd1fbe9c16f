//! The scans of one document: rendered one after the other, recognised side by side.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::lettering::{self, Placing};
use super::tesseract::{Slot, Tesseract};
use super::tsv::{PrintedLine, PrintedWord};
use super::{DOUBTFUL, MOST_FAILURES, OcrError, PageStore, Recognition};
use crate::document::page::lay_out;
use crate::document::render::{Picture, Rendered};
use crate::document::worker::Worker;
use crate::document::{Block, BoundingBox, Document, DocumentError, Page, PageState, ReadOptions};

/// Words that the engine itself does not believe in: specks, signatures, photographs. In percent.
const NOISE: u8 = 15;
/// Below this mean confidence, in percent, a page is tried again in all languages, and turned.
const POOR: u8 = 60;
/// Pages given to one worker process: it ends after them, and with it what rendering left in memory.
const PAGES_PER_WORKER: usize = 16;

/// The recognised pages of one document.
pub(super) struct Task<'a> {
    pub(super) engine: &'a Tesseract,
    pub(super) document: &'a Document,
    pub(super) options: &'a ReadOptions,
    /// Languages to try, best first.
    pub(super) attempts: Vec<String>,
}

/// Each page as recognised, or why not.
pub(super) type Results = BTreeMap<u32, Result<Page, OcrError>>;

impl Task<'_> {
    /// Renders pages one after the other and recognises them side by side, as many as there are slots.
    pub(super) fn recognise(&self, worker: &Worker, bytes: &[u8], pages: &[u32], store: &dyn PageStore) -> Results {
        let results: Mutex<Results> = Mutex::default();
        let lock = || results.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = || lock().values().filter(|result| result.is_err()).count();
        let mut left = pages;
        while !left.is_empty() {
            if failures() >= MOST_FAILURES {
                lock().extend(left.iter().map(|&number| (number, Err(OcrError::NotTried))));
                break;
            }
            let group = &left[..left.len().min(PAGES_PER_WORKER)];
            let mut handed = 0;
            let rendered = thread::scope(|scope| {
                worker.render(bytes, self.options, group, &mut |rendered| {
                    handed += 1;
                    match rendered {
                        Rendered::Broken(number, detail) => drop(lock().insert(number, Err(OcrError::NotRendered { detail }))),
                        Rendered::Picture(picture) => {
                            let number = picture.page;
                            let slot = self.engine.slot();
                            if failures() >= MOST_FAILURES {
                                lock().insert(number, Err(OcrError::NotTried));
                                return;
                            }
                            let lock = &lock;
                            scope.spawn(move || {
                                let page = self.page(picture, &slot);
                                if let Ok(page) = &page {
                                    store.keep(page);
                                }
                                lock().insert(number, page);
                            });
                        }
                    }
                })
            });
            left = &left[handed.min(group.len())..];
            if let (Err(error), Some((&culprit, rest))) = (rendered, left.split_first()) {
                // The page in hand broke the worker; those after it get a new one.
                lock().insert(culprit, Err(OcrError::NotRendered { detail: rendering(&error, self.options) }));
                left = rest;
            } else if handed == 0 {
                lock().extend(left.iter().map(|&number| (number, Err(OcrError::NotRendered { detail: "no answer".to_owned() }))));
                break;
            }
        }
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page of a picture; the slot is held for as long.
    fn page(&self, picture: Picture, _slot: &Slot<'_>) -> Result<Page, OcrError> {
        let number = picture.page;
        let base = (number as usize).checked_sub(1).and_then(|index| self.document.pages.get(index));
        let base = base.ok_or(OcrError::NotRendered { detail: "a page that was not asked for".to_owned() })?;
        let limit = self.options.limits.ocr_wall;
        let picture = Arc::new(picture);
        let mut best: Option<Reading> = None;
        for languages in &self.attempts {
            let reading = Reading::of(self.engine, &picture, 0, languages, limit)?;
            best = Some(Reading::better(best, reading));
            if best.as_ref().is_some_and(|best| best.confidence() >= POOR) {
                break;
            }
        }
        // A page that nothing comes of may lie on its side.
        if best.as_ref().is_none_or(|best| best.confidence() < POOR)
            && let Some(quarters @ 1..) = self.engine.quarter_turns(&picture, limit)
            && let Some(languages) = self.attempts.last()
        {
            let turned = Arc::new(picture.turned(quarters));
            best = Some(Reading::better(best, Reading::of(self.engine, &turned, quarters, languages, limit)?));
        }
        Ok(match best {
            Some(best) => best.into_page(base, &picture, self.engine),
            None => base.clone(),
        })
    }
}

/// What the engine makes of a picture, and how it was asked.
struct Reading {
    lines: Vec<PrintedLine>,
    quarters: u8,
    languages: String,
}

impl Reading {
    fn of(engine: &Tesseract, picture: &Arc<Picture>, quarters: u8, languages: &str, limit: Duration) -> Result<Self, OcrError> {
        let mut lines = engine.lines(picture, languages, limit)?;
        lines.iter_mut().for_each(|line| line.words.retain(|word| word.confidence >= NOISE));
        lines.retain(|line| !line.words.is_empty());
        Ok(Self { lines, quarters, languages: languages.to_owned() })
    }

    /// The one whose characters are surer in sum.
    fn better(before: Option<Self>, after: Self) -> Self {
        match before {
            Some(before) if before.sureness() >= after.sureness() => before,
            _ => after,
        }
    }

    fn characters(&self) -> usize {
        self.words().map(|word| word.text.chars().count()).sum()
    }

    /// Confidence summed over the characters; what is below [`POOR`] counts against.
    fn sureness(&self) -> i64 {
        self.words().map(|word| word.text.chars().count() as i64 * (i64::from(word.confidence) - i64::from(POOR))).sum()
    }

    /// The mean over the characters, in percent.
    fn confidence(&self) -> u8 {
        let sum: usize = self.words().map(|word| word.text.chars().count() * usize::from(word.confidence)).sum();
        (sum as f32 / self.characters().max(1) as f32).round() as u8
    }

    fn words(&self) -> impl Iterator<Item = &PrintedWord> {
        self.lines.iter().flat_map(|line| &line.words)
    }

    /// The page with what was recognised in place of what it showed; its hidden text stays. A page whose text is garbled stays unread
    /// where nothing was recognised.
    fn into_page(self, base: &Page, picture: &Picture, engine: &Tesseract) -> Page {
        let area = BoundingBox { x0: 0.0, y0: 0.0, x1: base.width, y1: base.height };
        let mut blocks = lay_out(&lettering::ink(&self.lines, &Placing::new(picture, self.quarters, &area)), &area);
        let is_read = !blocks.is_empty() || base.state == PageState::Scan;
        let kept = |block: &&Block| !is_read || block.hidden.is_some();
        blocks.extend(base.blocks.iter().filter(kept).cloned());
        let recognition = Recognition {
            engine: "tesseract".to_owned(),
            version: engine.version().to_owned(),
            confidence: self.confidence(),
            words: self.words().count() as u32,
            doubtful_words: self.words().filter(|word| word.confidence < DOUBTFUL).count() as u32,
            languages: self.languages,
        };
        Page { state: if is_read { PageState::Ocr } else { base.state }, blocks, recognition: Some(recognition), ..base.clone() }
    }
}

/// Why the worker could not render a page, in terms of rendering.
fn rendering(error: &DocumentError, options: &ReadOptions) -> String {
    match error {
        DocumentError::TimedOut { .. } => format!("it took longer than {} s", options.limits.render_wall.as_secs()),
        DocumentError::OutOfMemory { megabytes } => format!("it needs more than {megabytes} MB of memory"),
        other => other.to_string(),
    }
}
