//! Finished work, read back: what commands show of a data folder.

use std::path::PathBuf;

use super::artefacts::Artefacts;
use super::repair::CheckedSummary;
use super::view::{
    self, DocumentOverview, DocumentView, FlaggedPage, LabelCount, LabelName, PageView, SUMMARY_SCHEMA, SummaryView,
};
use crate::config::{Config, UiLanguage};
use crate::digest::Digest;
use crate::error::{Error, OrFail, Result};
use crate::finding::rules;
use crate::finding::taxonomy::Taxonomy;
use crate::ledger::{Access, DocumentRecord, FlagFilter, FlagRecord, Ledger};

/// A data folder, opened to read.
pub struct Archive {
    ledger: Ledger,
    taxonomy: Taxonomy,
    language: UiLanguage,
}

impl Archive {
    /// Opens the data folder of the configuration.
    ///
    /// # Errors
    /// No data folder, or one that this program cannot read.
    pub fn open(config: &Config) -> Result<Self> {
        let ledger = Ledger::open(&config.data, Access::Reader).or_usage(|| "cannot open the data folder".to_owned())?;
        Ok(Self { ledger, taxonomy: shipped_taxonomy(config)?, language: config.ui_language })
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The name of a label in the reader's language.
    pub fn label_name(&self, id: &str) -> String {
        view::label_name(&self.taxonomy, id, self.language)
    }

    /// Whether a label is one of the taxonomy's, or found by rule.
    pub fn knows_label(&self, id: &str) -> bool {
        self.taxonomy.label(id).is_some() || rules::LABELS.iter().any(|(rule, _, _)| *rule == id)
    }

    /// The document that a name means: a unique stem, or the first 8 or more digits of its digest.
    ///
    /// # Errors
    /// None, or several: then all candidates are named.
    pub fn resolve(&self, name: &str) -> Result<Digest> {
        let found = self.ledger.documents_named(name).or_fail(|| "cannot read the ledger".to_owned())?;
        match found.as_slice() {
            [only] => Ok(only.digest),
            [] => Err(Error::usage(format!("no document is named {name:?}"))
                .remedy("`scrutineer status` lists the documents; a name is a file name without its ending, or 8 or more digits of its SHA-256")),
            several => {
                let candidates: Vec<String> = several.iter().map(|record| format!("{}  {}", record.digest.short(), record.stem)).collect();
                Err(Error::usage(format!("{name:?} means {} documents", several.len()))
                    .remedy(format!("name one by its digest:\n    {}", candidates.join("\n    "))))
            }
        }
    }

    /// The summary of a document, as shown.
    ///
    /// # Errors
    /// Where its artefacts are gone.
    pub fn summary(&self, digest: &Digest) -> Result<SummaryView> {
        let (record, artefacts) = self.load(digest)?;
        let Artefacts { document, passages, findings, summary, .. } = &artefacts;
        let found = |label: &str| findings.iter().any(|finding| finding.label == label);
        let sought = |label: &str| record.labels_sought.iter().any(|sought| sought == label);
        let none_found = self.taxonomy.labels().filter(|label| sought(&label.id) && !found(&label.id));
        let run = match self.ledger.judged_by(digest).or_fail(cannot)? {
            Some(number) => self.ledger.run(number).or_fail(cannot)?,
            None => None,
        };
        let flags = self.flags_of(digest)?;
        let to_cases = flags.iter().filter(|flag| flag.case_id.is_some()).count() as u32;
        Ok(SummaryView {
            schema: SUMMARY_SCHEMA,
            document: document_view(&record),
            run: run.as_ref().map(|run| run.name()),
            models: run.map(|run| run.models).unwrap_or_default(),
            reviewed: self.is_reviewed(&flags)?,
            coverage: view::coverage(document),
            sections: view::sections(summary, document, passages, &record.labels_weak, &self.taxonomy, self.language),
            further: self.further(summary),
            none_found: none_found
                .map(|label| LabelName { label: label.id.clone(), name: label.name(self.language).to_owned() })
                .collect(),
            warnings: view::warnings(document, self.language),
            counts: summary.counts,
            flags_to_cases: to_cases,
            flags_in_review: flags.len() as u32 - to_cases,
        })
    }

    /// A document's facts and its flagged pages.
    ///
    /// # Errors
    /// Where its artefacts are gone.
    pub fn overview(&self, digest: &Digest) -> Result<DocumentOverview> {
        let (record, artefacts) = self.load(digest)?;
        let mut pages: Vec<FlaggedPage> = Vec::new();
        let mut flags = self.flags_of(digest)?;
        flags.sort_by_key(|flag| (flag.finding.page, flag.finding.passage));
        for flag in flags {
            let (Some(page), name) = (flag.finding.page, self.label_name(&flag.finding.label)) else { continue };
            if pages.last().is_none_or(|last| last.page != page) {
                pages.push(FlaggedPage { page, label: flag.finding.page_label.clone(), labels: Vec::new() });
            }
            if let Some(last) = pages.last_mut().filter(|last| !last.labels.contains(&name)) {
                last.labels.push(name);
            }
        }
        Ok(DocumentOverview {
            document: document_view(&record),
            metadata: artefacts.document.metadata.clone(),
            sources: self.ledger.sources(digest).or_fail(cannot)?,
            coverage: view::coverage(&artefacts.document),
            warnings: view::warnings(&artefacts.document, self.language),
            flagged_pages: pages,
        })
    }

    /// One page of a document.
    ///
    /// # Errors
    /// A page that the document does not have; artefacts that are gone.
    pub fn page(&self, digest: &Digest, number: u32) -> Result<PageView> {
        let (record, artefacts) = self.load(digest)?;
        let Artefacts { document, passages, findings, .. } = &artefacts;
        let Some(page) = document.pages.get(number as usize - 1) else {
            return Err(Error::usage(format!("{} has {} pages, no page {number}", record.stem, document.pages.len())));
        };
        Ok(PageView {
            document: document_view(&record),
            page: number,
            label: view::page_label(document, number),
            state: page.state,
            recognition: page.recognition.clone(),
            doubtful: view::doubtful_words(page),
            passages: view::passages_on(number, passages, findings, &self.taxonomy, self.language),
        })
    }

    fn load(&self, digest: &Digest) -> Result<(DocumentRecord, Artefacts)> {
        let (record, _) =
            self.ledger.document(digest).or_fail(cannot)?.ok_or_else(|| Error::usage(format!("no document {digest}")))?;
        let artefacts = Artefacts::load(&self.ledger, &record)?.ok_or_else(|| {
            Error::failure(format!("what was made of {} is gone from disk", record.stem))
                .remedy("run the pipeline again; it makes it anew")
        })?;
        Ok((record, artefacts))
    }

    fn is_reviewed(&self, flags: &[FlagRecord]) -> Result<bool> {
        for flag in flags {
            if !self.ledger.reviews(&flag.id).or_fail(cannot)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn flags_of(&self, digest: &Digest) -> Result<Vec<FlagRecord>> {
        self.ledger.flags(&FlagFilter { document: Some(*digest), ..FlagFilter::default() }).or_fail(cannot)
    }

    fn further(&self, summary: &CheckedSummary) -> Vec<LabelCount> {
        let count = |(label, passages): &(String, u32)| LabelCount {
            label: label.clone(),
            name: self.label_name(label),
            passages: *passages,
        };
        summary.further.iter().map(count).collect()
    }
}

/// The taxonomy that names labels for people: the shipped one.
///
/// # Errors
/// Where it is missing or wrong.
pub fn shipped_taxonomy(config: &Config) -> Result<Taxonomy> {
    let path: PathBuf = config.taxonomy_file().ok_or_else(|| {
        Error::usage("the taxonomy is missing").remedy("put the folder `pipelines` of the distribution beside the program")
    })?;
    Taxonomy::load(&path).or_usage(|| format!("cannot use the taxonomy {}", path.display()))
}

fn cannot() -> String {
    "cannot read the ledger".to_owned()
}

fn document_view(record: &DocumentRecord) -> DocumentView {
    DocumentView {
        sha256: record.digest,
        stem: record.stem.clone(),
        title: record.title.clone(),
        institution: record.institution.clone(),
        document_type: record.document_type.clone(),
        period: record.period.clone(),
    }
}
