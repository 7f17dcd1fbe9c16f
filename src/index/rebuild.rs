//! A new index beside the old one, put in its place in one step: searchers have an index all the time.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Index, IndexError};

/// An index that is being built to replace another. Dropped before [`Rebuild::swap`], it changes nothing.
pub struct Rebuild {
    folder: PathBuf,
    index: Index,
}

impl Rebuild {
    /// Starts an empty index beside the one in `folder`. What an interrupted rebuild left is removed.
    ///
    /// # Errors
    /// What the file system and Tantivy say.
    pub fn start(folder: &Path) -> Result<Self, IndexError> {
        let beside = beside(folder, "new");
        remove(&beside)?;
        Ok(Self { folder: folder.to_owned(), index: Index::create(&beside)? })
    }

    /// The index that is being built: write to it and commit.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Puts the new index in the place of the old one, in one step where the file system can exchange two names, and removes the
    /// old one. Writers of the new index must be closed. Searchers of the old one go on with what they have open.
    ///
    /// # Errors
    /// What the file system says; then the old index still stands.
    pub fn swap(self) -> Result<Index, IndexError> {
        let Self { folder, index } = self;
        drop(index);
        let (new, old) = (beside(&folder, "new"), beside(&folder, "old"));
        let fault = |source| IndexError::File { path: folder.clone(), source };
        remove(&old)?;
        if !folder.exists() {
            std::fs::rename(&new, &folder).map_err(fault)?;
        } else if renameat_with(CWD, &new, CWD, &folder, RenameFlags::EXCHANGE).is_ok() {
            remove(&new)?;
        } else {
            // Two steps; `recover` ends what a kill between them leaves.
            std::fs::rename(&folder, &old).map_err(fault)?;
            std::fs::rename(&new, &folder).map_err(fault)?;
            remove(&old)?;
        }
        Index::open(&folder)
    }
}

/// Puts the old index back where a swap was killed between its two steps.
pub(super) fn recover(folder: &Path) -> Result<(), IndexError> {
    let old = beside(folder, "old");
    if !folder.exists() && old.exists() {
        std::fs::rename(&old, folder).map_err(|source| IndexError::File { path: folder.to_owned(), source })?;
    }
    Ok(())
}

fn beside(folder: &Path, what: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    folder.with_file_name(name)
}

fn remove(folder: &Path) -> Result<(), IndexError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(IndexError::File { path: folder.to_owned(), source }),
        _ => Ok(()),
    }
}
