//! The models under the data folder: what an operator fetched, with the cards that say when, by whom and on what ground.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::card::{ModelCard, ModelFile};
use super::{FILE, SCHEMA, read};
use crate::config::Config;
use crate::digest::Digest;
use crate::durable;
use crate::model::ModelError;

/// Where files lie until they are complete and verified.
const INCOMING: &str = ".incoming";

/// Models that were fetched: `models.toml` and the files, laid out as in the distribution.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// Why the store cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process fetches or removes models.
    #[error("another process is fetching models into {}; wait for it to end", .0.display())]
    Busy(PathBuf),
    /// A file could not be written, moved or removed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Its registry file cannot be used.
    #[error(transparent)]
    Registry(#[from] ModelError),
}

/// What was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Their size.
    pub bytes: u64,
}

/// The right to change the store, and the place where incomplete files lie; one process has it at a time.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    /// Unlocked when closed.
    _lock: File,
}

impl Staging {
    /// Where the file of a key lies until it is verified. The same key finds what an earlier attempt left.
    pub fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{}.part", Digest::of(key.as_bytes()).short()))
    }

    /// The folder, for what is gone with this process.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Store {
    /// The store in a folder, which need not be there yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The store of a data folder.
    pub fn of(config: &Config) -> Self {
        Self::new(config.model_store())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file of a model belongs.
    pub fn path_of(&self, file: &ModelFile) -> PathBuf {
        self.folder.join(&file.path)
    }

    /// The cards of the models that were fetched.
    ///
    /// # Errors
    /// A registry file that is not valid.
    pub fn cards(&self) -> Result<Vec<ModelCard>, ModelError> {
        Ok(read(&self.folder.join(FILE))?.unwrap_or_default())
    }

    /// Takes the right to change the store, and makes it where there is none.
    ///
    /// # Errors
    /// Another process that has it, or a folder that cannot be made.
    pub fn stage(&self) -> Result<Staging, StoreError> {
        let folder = self.folder.join(INCOMING);
        std::fs::create_dir_all(&folder).map_err(|source| fault("make", &folder, source))?;
        let path = folder.join("lock");
        let open = File::options().create(true).append(true).open(&path);
        let lock = open.map_err(|source| fault("open", &path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Staging { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy(self.folder.clone())),
            Err(TryLockError::Error(source)) => Err(fault("lock", &path, source)),
        }
    }

    /// Moves verified files into their places, then describes them: a card is never there before its files.
    ///
    /// # Errors
    /// What the file system says. Files that are already moved stay, without a card; the next fetch finds them.
    pub fn keep(&self, _staging: &Staging, card: &ModelCard, staged: &[(PathBuf, ModelFile)]) -> Result<(), StoreError> {
        for (from, file) in staged {
            let to = self.path_of(file);
            durable::move_into_place(from, &to).map_err(|source| fault("write", &to, source))?;
        }
        let mut cards = self.cards()?;
        cards.retain(|other| other.name != card.name);
        cards.push(card.clone());
        self.write(cards)
    }

    /// Takes a model's card and files away; files that are not in the store are left alone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(&self, _staging: &Staging, card: &ModelCard) -> Result<Removed, StoreError> {
        let mut cards = self.cards()?;
        cards.retain(|other| other.name != card.name);
        // Not the other way round: files without a card are only unused, a card without its files is a fault.
        self.write(cards)?;
        let mut removed = Removed { files: Vec::new(), bytes: 0 };
        for file in &card.file {
            let path = self.path_of(file);
            let Ok(found) = std::fs::symlink_metadata(&path) else { continue };
            std::fs::remove_file(&path).map_err(|source| fault("remove", &path, source))?;
            removed.bytes += found.len();
            // A folder that is not empty stays, and says so.
            let folders = file.path.ancestors().skip(1).take_while(|folder| !folder.as_os_str().is_empty());
            let _ = folders.map(|folder| self.folder.join(folder)).try_for_each(std::fs::remove_dir);
            removed.files.push(path);
        }
        Ok(removed)
    }

    fn write(&self, model: Vec<ModelCard>) -> Result<(), StoreError> {
        let path = self.folder.join(FILE);
        let file = super::File { schema: SCHEMA.to_owned(), model };
        let text = toml::to_string_pretty(&file)
            .map_err(|error| ModelError::Registry { path: path.clone(), message: error.to_string() })?;
        durable::write(&path, text.as_bytes()).map_err(|source| fault("write", &path, source))
    }
}

fn fault(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::File { action, path: path.to_owned(), source }
}
