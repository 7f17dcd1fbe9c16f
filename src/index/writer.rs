//! Adding and replacing documents.

use serde::{Deserialize, Serialize};
use tantivy::{IndexWriter, TantivyDocument, Term};

use super::schema::Fields;
use super::{Index, IndexError, IndexedDocument, IndexedPassage};
use crate::digest::Digest;

/// Memory for documents that are not committed yet.
const HEAP: usize = 64 << 20;

/// Writes to an index. Nothing is seen by searchers, and nothing survives a crash, before [`Writer::commit`].
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
        let fields = self.fields;
        let digest = document.digest.to_string();
        self.inner.delete_term(Term::from_field_text(fields.document, &digest));
        for passage in &document.passages {
            let mut row = TantivyDocument::default();
            row.add_text(fields.document, &digest);
            row.add_text(fields.doc, &document.stem);
            row.add_text(fields.text, &passage.text);
            row.add_text(fields.words, &passage.text);
            passage.heading_path.iter().for_each(|heading| row.add_text(fields.heading, heading));
            document.title.iter().for_each(|title| row.add_text(fields.title, title));
            if let Some(institution) = &document.institution {
                row.add_text(fields.institution, institution);
                row.add_text(fields.institution_name, institution.to_lowercase());
            }
            passage.labels.iter().for_each(|(label, _)| row.add_text(fields.label, label));
            passage.verdicts.iter().for_each(|verdict| row.add_text(fields.verdict, verdict));
            document.document_type.iter().for_each(|document_type| row.add_text(fields.document_type, document_type));
            document.period.iter().for_each(|period| row.add_text(fields.period, period));
            row.add_text(fields.language, &passage.language);
            row.add_text(fields.kind, &passage.kind);
            passage.pages.iter().for_each(|start| row.add_u64(fields.page, u64::from(start.page)));
            let stored = Stored {
                document: document.digest,
                stem: document.stem.clone(),
                title: document.title.clone(),
                document_type: document.document_type.clone(),
                institution: document.institution.clone(),
                period: document.period.clone(),
                passage: passage.clone(),
            };
            let stored = postcard::to_stdvec(&stored).map_err(|error| IndexError::Corrupt(error.to_string()))?;
            row.add_bytes(fields.stored, &stored);
            self.inner.add_document(row)?;
        }
        Ok(())
    }

    /// Makes everything so far durable and visible, and keeps the ledger's sequence with it.
    ///
    /// # Errors
    /// What Tantivy says; then nothing since the last commit is in the index.
    pub fn commit(&mut self, sequence: u64) -> Result<(), IndexError> {
        let mut prepared = self.inner.prepare_commit()?;
        prepared.set_payload(&sequence.to_string());
        prepared.commit()?;
        Ok(())
    }
}
