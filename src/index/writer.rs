//! Adding, replacing and deleting documents.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tantivy::{IndexWriter, TantivyDocument, Term};

use super::indexed::{IndexedDocument, IndexedPassage};
use super::query::{days, score_term};
use super::schema::{Fields, PAGE, PASSAGE};
use super::{Index, IndexError, vectors};
use crate::digest::Digest;
use crate::language::Span;

/// Memory for documents that are not committed yet.
const HEAP: usize = 64 << 20;
/// Headings over a passage that count for its page: the nearest ones. Those further up (a part, an item) stand over too many.
const NEAREST_HEADINGS: usize = 2;

/// Writes to an index. Nothing is seen by searchers, and nothing survives a crash, before [`Writer::commit`]: a killed writer
/// leaves the last commit with its sequence. There is one writer at a time.
pub struct Writer {
    inner: IndexWriter,
    fields: Fields,
}

/// What is stored with a passage.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) document: Digest,
    pub(super) stem: String,
    pub(super) title: Option<String>,
    pub(super) document_type: Option<String>,
    pub(super) institution: Option<String>,
    pub(super) period: Option<String>,
    pub(super) passage: IndexedPassage,
}

/// What is stored with a page.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredPage {
    pub(super) document: Digest,
    pub(super) stem: String,
    pub(super) page: u32,
    pub(super) label: Option<String>,
    /// The ordinals of the passages that stand on it.
    pub(super) passages: Vec<u32>,
}

/// A page, gathered from the passages on it.
#[derive(Default)]
struct PageText<'a> {
    label: Option<&'a String>,
    texts: Vec<&'a str>,
    headings: Vec<&'a str>,
    labels: BTreeSet<&'a str>,
    scores: BTreeSet<String>,
    verdicts: BTreeSet<&'a str>,
    languages: BTreeSet<&'a str>,
    passages: Vec<u32>,
}

impl Writer {
    pub(super) fn new(index: &Index) -> Result<Self, IndexError> {
        // One thread: the order of documents, and with it the files, is the same for the same batch.
        Ok(Self { inner: index.inner.writer_with_num_threads(1, HEAP)?, fields: index.fields })
    }

    /// Adds a document in place of whatever the index holds under its digest.
    ///
    /// # Errors
    /// What Tantivy says.
    pub fn replace(&mut self, document: &IndexedDocument) -> Result<(), IndexError> {
        self.delete(&document.digest);
        for passage in &document.passages {
            self.add_passage(document, passage)?;
        }
        for (number, page) in &pages(document) {
            self.add_page(document, *number, page)?;
        }
        Ok(())
    }

    /// Takes a document out.
    pub fn delete(&mut self, document: &Digest) {
        self.inner.delete_term(Term::from_field_text(self.fields.document, &document.to_string()));
    }

    /// Makes everything so far durable and visible to searchers, and keeps the ledger's sequence with it, in one step.
    ///
    /// # Errors
    /// What Tantivy says; then nothing since the last commit is in the index.
    pub fn commit(&mut self, sequence: u64) -> Result<(), IndexError> {
        let mut prepared = self.inner.prepare_commit()?;
        prepared.set_payload(&sequence.to_string());
        prepared.commit()?;
        Ok(())
    }

    /// Waits until merges in the background have ended, and closes the writer.
    ///
    /// # Errors
    /// What Tantivy says.
    pub fn finish(self) -> Result<(), IndexError> {
        Ok(self.inner.wait_merging_threads()?)
    }

    fn add_passage(&mut self, document: &IndexedDocument, passage: &IndexedPassage) -> Result<(), IndexError> {
        let fields = self.fields;
        let mut row = self.row(document, PASSAGE);
        row.add_text(fields.text, &passage.text);
        row.add_text(fields.forms, &passage.text);
        passage.heading_path.iter().for_each(|heading| row.add_text(fields.heading, heading));
        passage.labels.iter().for_each(|(label, _)| row.add_text(fields.label, label));
        score_terms(passage).iter().for_each(|term| row.add_text(fields.score, term));
        passage.verdicts.iter().for_each(|verdict| row.add_text(fields.verdict, verdict));
        row.add_text(fields.language, &passage.language);
        row.add_text(fields.kind, &passage.kind);
        passage.pages.iter().for_each(|start| row.add_u64(fields.page, u64::from(start.page)));
        if let Some((scale, values)) = &passage.vector {
            row.add_bytes(fields.vector, &vectors::to_bytes(*scale, values));
        }
        let stored = Stored {
            document: document.digest,
            stem: document.stem.clone(),
            title: document.title.clone(),
            document_type: document.document_type.clone(),
            institution: document.institution.clone(),
            period: document.period.clone(),
            passage: IndexedPassage { vector: None, ..passage.clone() },
        };
        self.add(row, &stored)
    }

    fn add_page(&mut self, document: &IndexedDocument, number: u32, page: &PageText<'_>) -> Result<(), IndexError> {
        let fields = self.fields;
        let mut row = self.row(document, PAGE);
        page.texts.iter().for_each(|text| row.add_text(fields.page_text, text));
        page.headings.iter().for_each(|heading| row.add_text(fields.page_heading, heading));
        page.labels.iter().for_each(|label| row.add_text(fields.label, label));
        page.scores.iter().for_each(|term| row.add_text(fields.score, term));
        page.verdicts.iter().for_each(|verdict| row.add_text(fields.verdict, verdict));
        page.languages.iter().for_each(|language| row.add_text(fields.language, language));
        row.add_u64(fields.page, u64::from(number));
        // A file name often says what the title does not: whose report, of which year.
        let names = [Some(&document.stem), document.title.as_ref(), document.institution.as_ref()];
        names.into_iter().flatten().for_each(|name| row.add_text(fields.page_names, name));
        let stored = StoredPage {
            document: document.digest,
            stem: document.stem.clone(),
            page: number,
            label: page.label.cloned(),
            passages: page.passages.clone(),
        };
        self.add(row, &stored)
    }

    /// A row with what it has of its document.
    fn row(&self, document: &IndexedDocument, kind: &str) -> TantivyDocument {
        let fields = self.fields;
        let mut row = TantivyDocument::default();
        row.add_text(fields.document, document.digest.to_string());
        row.add_text(fields.row, kind);
        row.add_text(fields.doc, &document.stem);
        document.title.iter().for_each(|title| row.add_text(fields.title, title));
        if let Some(institution) = &document.institution {
            row.add_text(fields.institution, institution);
            row.add_text(fields.institution_name, institution);
        }
        document.document_type.iter().for_each(|document_type| row.add_text(fields.document_type, document_type));
        if let Some(period) = &document.period {
            row.add_text(fields.period, period);
            if let Some((first, last)) = days(period) {
                row.add_u64(fields.period_first, first);
                row.add_u64(fields.period_last, last);
            }
        }
        row
    }

    fn add(&self, mut row: TantivyDocument, stored: &impl Serialize) -> Result<(), IndexError> {
        let stored = postcard::to_stdvec(stored).map_err(|error| IndexError::Corrupt(error.to_string()))?;
        row.add_bytes(self.fields.stored, &stored);
        self.inner.add_document(row)?;
        Ok(())
    }
}

/// The pages of a document with what its seen passages put on each.
fn pages(document: &IndexedDocument) -> BTreeMap<u32, PageText<'_>> {
    let mut pages: BTreeMap<u32, PageText<'_>> = BTreeMap::new();
    for passage in document.passages.iter().filter(|passage| !passage.is_hidden()) {
        let ends = passage.pages.iter().skip(1).map(|start| start.byte).chain([passage.text.len() as u32]);
        for (start, end) in passage.pages.iter().zip(ends) {
            let page = pages.entry(start.page).or_default();
            page.label = start.label.as_ref();
            page.texts.push(Span { start: start.byte, end }.of(&passage.text));
            for heading in passage.heading_path.iter().rev().take(NEAREST_HEADINGS) {
                if !page.headings.contains(&heading.as_str()) {
                    page.headings.push(heading);
                }
            }
            page.labels.extend(passage.labels.iter().map(|(label, _)| label.as_str()));
            page.scores.extend(score_terms(passage));
            page.verdicts.extend(passage.verdicts.iter().map(String::as_str));
            page.languages.insert(&passage.language);
            if page.passages.last() != Some(&passage.ordinal) {
                page.passages.push(passage.ordinal);
            }
        }
    }
    pages
}

fn score_terms(passage: &IndexedPassage) -> Vec<String> {
    passage
        .labels
        .iter()
        .flat_map(|(label, score)| [label.as_str(), ""].map(|name| score_term(name, f64::from(*score))))
        .collect()
}
