//! Passages -> a full-text index on Tantivy, and back: hits with document, page and highlighted snippet.
//!
//! English words are stemmed; Chinese is indexed character by character with positions, so that a phrase is found whatever a
//! segmenter would make of it, and by the words that Jieba sees in the simplified form, for ranking plain questions. Traditional
//! and simplified characters match each other, full-width and compatibility forms too. docs/query-language.md is the user's view.
//!
//! An index holds nothing that the artefacts do not: one of another [`VERSION`] is built anew beside the old one ([`Rebuild`]).

mod anchoring;
mod facets;
mod highlight;
mod indexed;
mod query;
mod rebuild;
mod schema;
mod searcher;
mod similar;
mod snippet;
mod statistics;
mod tokenizer;
mod variants;
mod vectors;
mod writer;

use std::path::{Path, PathBuf};

pub use facets::{Count, Facets};
pub use indexed::{IndexedDocument, IndexedPassage, PageStart};
pub use query::{Filters, Query, QueryError};
pub use rebuild::Rebuild;
pub use searcher::{Hit, Hits, PageHit, Place, Searcher};
pub use writer::Writer;

/// Raised whenever the schema or a tokenizer changes: an index of another version is built anew from the artefacts.
pub const VERSION: u32 = 2;

/// An index in a folder.
pub struct Index {
    inner: tantivy::Index,
    fields: schema::Fields,
}

/// Why the index cannot do something.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is none.
    #[error("there is no index at {}; `scrutineer run` makes one", .0.display())]
    Absent(PathBuf),
    /// It is of another version.
    #[error("the index at {} has version {found}, this program needs {VERSION}; the next `scrutineer run` builds it anew", folder.display())]
    OtherVersion {
        /// Its folder.
        folder: PathBuf,
        /// Its version.
        found: String,
    },
    /// The query cannot be run.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Tantivy refused.
    #[error("the index failed")]
    Tantivy(#[from] tantivy::TantivyError),
    /// A file could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What is stored cannot be read back.
    #[error("a stored passage cannot be read: {0}")]
    Corrupt(String),
}

/// The file that tells the index's version.
const VERSION_FILE: &str = "scrutineer-index-version";

impl Index {
    /// Opens an index to search in it.
    ///
    /// # Errors
    /// None there, or of another version: then it must be built anew.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        rebuild::recover(folder)?;
        match std::fs::read_to_string(folder.join(VERSION_FILE)) {
            Ok(found) if found.trim() == VERSION.to_string() => {}
            Ok(found) => return Err(IndexError::OtherVersion { folder: folder.to_owned(), found: found.trim().to_owned() }),
            Err(_) => return Err(IndexError::Absent(folder.to_owned())),
        }
        Self::prepared(tantivy::Index::open_in_dir(folder)?)
    }

    /// Opens an index to write to it, making it where there is none. One of another version, or one that cannot be opened, is
    /// replaced by an empty one: the caller adds every document again, since [`Index::committed_sequence`] is then 0.
    ///
    /// # Errors
    /// What the file system and Tantivy say.
    pub fn open_or_create(folder: &Path) -> Result<Self, IndexError> {
        match Self::open(folder) {
            Err(IndexError::Absent(_) | IndexError::OtherVersion { .. } | IndexError::Tantivy(_)) => {
                // An index holds nothing that the artefacts do not: it is made again.
                if folder.exists() {
                    tracing::warn!(folder = %folder.display(), "the index is of another version or damaged and is built anew");
                }
                Rebuild::start(folder)?.swap()
            }
            opened => opened,
        }
    }

    fn create(folder: &Path) -> Result<Self, IndexError> {
        let fault = |source| IndexError::File { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(fault)?;
        let (schema, _) = schema::build();
        let directory = tantivy::directory::MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?;
        let index = tantivy::Index::open_or_create(directory, schema)?;
        // The version is written last: an index without it was not finished.
        std::fs::write(folder.join(VERSION_FILE), format!("{VERSION}\n")).map_err(fault)?;
        Self::prepared(index)
    }

    fn prepared(inner: tantivy::Index) -> Result<Self, IndexError> {
        let (_, fields) = schema::build();
        tokenizer::register(&inner);
        Ok(Self { inner, fields })
    }

    /// The ledger's sequence of the last document in the index; 0 where it is empty.
    ///
    /// # Errors
    /// What Tantivy says.
    pub fn committed_sequence(&self) -> Result<u64, IndexError> {
        Ok(self.inner.load_metas()?.payload.and_then(|payload| payload.parse().ok()).unwrap_or(0))
    }

    /// A writer; one at a time.
    ///
    /// # Errors
    /// Where another one is open.
    pub fn writer(&self) -> Result<Writer, IndexError> {
        Writer::new(self)
    }

    /// A searcher over the last commit.
    ///
    /// # Errors
    /// What Tantivy says.
    pub fn searcher(&self) -> Result<Searcher, IndexError> {
        Searcher::new(self)
    }
}

#[cfg(test)]
mod tests;
