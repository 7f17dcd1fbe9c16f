//! `models.toml`: what each model is, whose, what it may be used for, and the digests of its files.
//!
//! A registry is the file that ships with the program, together with that of the [`Store`] under the data folder: the models that
//! an operator fetched. Where both describe a model, the one that ships with the program counts. [`Recommendations`] are models
//! that can be fetched and that nobody has digests of yet; they become cards with their first fetch, and do not run before.

mod card;
mod recommended;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scrutineer_kernels::Mapping;
use serde::{Deserialize, Serialize};

pub use card::{Materiality, ModelCard, ModelFile, Received, Source, Status, Trust, WheelMember, file_name};
pub(crate) use card::{check_revision, digest_of};
pub use recommended::{Recommendation, Recommendations};
pub use store::{Removed, Staging, Store, StoreError};

use super::ModelError;
use crate::config::Config;
use crate::digest::Digest;

/// The schema that the registry's file names in its first line.
pub const SCHEMA: &str = "scrutineer-models/1";

/// The name of the registry's file.
const FILE: &str = "models.toml";

/// The largest registry file that is read: a thousand cards.
const LARGEST: u64 = 4 << 20;

/// The models of a folder, and of the store where there is one.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
    store: Option<PathBuf>,
    models: Vec<ModelCard>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    #[serde(default)]
    model: Vec<ModelCard>,
}

/// Where the files of a model are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whereabouts {
    /// All of them in the folder that ships with the program.
    Distribution,
    /// All of them here, at least one in the store under the data folder.
    DataFolder,
    /// Some are missing.
    Incomplete,
    /// None is here.
    NotFetched,
}

/// What the check of a file found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is the file that the card describes.
    Holds,
    /// It is not there.
    Missing,
    /// It is another file: its size and digest.
    Changed {
        /// Bytes.
        bytes: u64,
        /// SHA-256.
        sha256: Digest,
    },
    /// It could not be read.
    Unreadable {
        /// Why not.
        reason: String,
    },
}

impl Registry {
    /// Reads the registry of a folder.
    ///
    /// # Errors
    /// No such folder, or a registry file that is not valid, with line and key.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let models = read(&folder.join(FILE))?.ok_or(ModelError::NoFolder)?;
        Ok(Self { folder: folder.to_owned(), store: None, models })
    }

    /// The registry of this installation: what ships with the program, and what was fetched into the data folder.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn installed(config: &Config) -> Result<Self, ModelError> {
        let folder = config.models_folder().ok_or(ModelError::NoFolder)?;
        Self::open(&folder)?.with_store(&Store::of(config))
    }

    /// Adds what is in a store. A model that both describe keeps its card; how it was received is added.
    ///
    /// # Errors
    /// A store's registry file that is not valid.
    pub fn with_store(mut self, store: &Store) -> Result<Self, ModelError> {
        for fetched in store.cards()? {
            match self.models.iter_mut().find(|model| model.name == fetched.name) {
                Some(model) => model.received = fetched.received,
                None => self.models.push(fetched),
            }
        }
        self.store = Some(store.folder().to_owned());
        Ok(self)
    }

    /// The models: those that ship with the program in the order of its file, then the others of the store.
    pub fn models(&self) -> &[ModelCard] {
        &self.models
    }

    /// The card of a model.
    ///
    /// # Errors
    /// Where the registry does not describe it.
    pub fn card(&self, name: &str) -> Result<&ModelCard, ModelError> {
        self.models.iter().find(|model| model.name == name).ok_or_else(|| ModelError::Unknown { name: name.to_owned() })
    }

    /// Where a file is: in the folder that ships with the program, else in the store.
    pub fn path_of(&self, file: &ModelFile) -> PathBuf {
        let distributed = self.folder.join(&file.path);
        match &self.store {
            Some(store) if !distributed.exists() => {
                let stored = store.join(&file.path);
                if stored.exists() { stored } else { distributed }
            }
            _ => distributed,
        }
    }

    /// Where the files of a model are. Nothing is hashed.
    pub fn whereabouts(&self, card: &ModelCard) -> Whereabouts {
        let here: Vec<PathBuf> = card.file.iter().map(|file| self.path_of(file)).filter(|path| path.is_file()).collect();
        match here.len() {
            0 => Whereabouts::NotFetched,
            count if count < card.file.len() => Whereabouts::Incomplete,
            _ if here.iter().all(|path| path.starts_with(&self.folder)) => Whereabouts::Distribution,
            _ => Whereabouts::DataFolder,
        }
    }

    /// Reads each file of a model from end to end and compares it with the card.
    pub fn verify(&self, card: &ModelCard) -> Vec<(PathBuf, FileState)> {
        let check = |file: &ModelFile| {
            let path = self.path_of(file);
            let state = FileState::of(&path, file);
            (path, state)
        };
        card.file.iter().map(check).collect()
    }

    /// The files of a model, mapped, each with the digest that the registry gives.
    ///
    /// # Errors
    /// A retired model, one that was not fetched, a file that is missing, or one that is not what the registry describes.
    pub fn load(&self, name: &str) -> Result<LoadedFiles, ModelError> {
        let card = self.card(name)?;
        if card.status == Status::Retired {
            return Err(ModelError::Malformed { model: name.to_owned(), detail: "it is retired and must not run".to_owned() });
        }
        let mut files = BTreeMap::new();
        for file in &card.file {
            let path = self.path_of(file);
            let mapping = Mapping::open(&path).map_err(|source| {
                let (model, path) = (name.to_owned(), path.clone());
                if source.kind() == std::io::ErrorKind::NotFound && !card.source.is_empty() {
                    return ModelError::NotFetched { model, path };
                }
                ModelError::Unreadable { model, path, source }
            })?;
            let found = Digest::of(&mapping);
            if mapping.len() as u64 != file.bytes || found != file.sha256 {
                let (expected, found) = (file.sha256.to_string(), found.to_string());
                return Err(ModelError::Tampered { model: name.to_owned(), path, expected, found });
            }
            files.insert(file.name(), mapping);
        }
        Ok(LoadedFiles { model: name.to_owned(), digest: card.digest(), files })
    }
}

impl FileState {
    /// Reads a file from end to end and compares it with what it should be.
    pub fn of(path: &Path, expected: &ModelFile) -> Self {
        let read = || -> std::io::Result<(u64, Digest)> {
            let file = std::fs::File::open(path)?;
            Ok((file.metadata()?.len(), Digest::of_reader(file)?))
        };
        match read() {
            Ok((bytes, sha256)) if bytes == expected.bytes && sha256 == expected.sha256 => Self::Holds,
            Ok((bytes, sha256)) => Self::Changed { bytes, sha256 },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Unreadable { reason: error.to_string() },
        }
    }
}

/// The cards of a registry file; none where there is no such file.
fn read(path: &Path) -> Result<Option<Vec<ModelCard>>, ModelError> {
    let fault = |message: String| ModelError::Registry { path: path.to_owned(), message };
    let Some(text) = text_of(path)? else { return Ok(None) };
    let file: File = toml::from_str(&text).map_err(|error| fault(with_line(&text, &error)))?;
    if file.schema != SCHEMA {
        return Err(fault(format!("schema is {:?}, this program reads {SCHEMA:?}", file.schema)));
    }
    for model in &file.model {
        model.check().map_err(|message| fault(format!("model `{}`: {message}", model.name)))?;
        if file.model.iter().filter(|other| other.name == model.name).count() > 1 {
            return Err(fault(format!("two models are named `{}`", model.name)));
        }
    }
    Ok(Some(file.model))
}

/// The text of a registry file of a sane size; none where there is no such file.
fn text_of(path: &Path) -> Result<Option<String>, ModelError> {
    let fault = |message: String| ModelError::Registry { path: path.to_owned(), message };
    match std::fs::metadata(path) {
        Ok(file) if file.len() > LARGEST => return Err(fault(format!("it has more than {LARGEST} bytes"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    std::fs::read_to_string(path).map(Some).map_err(|error| fault(error.to_string()))
}

/// What the TOML reader says, with the line.
fn with_line(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}

/// The verified files of a model.
#[derive(Debug)]
pub struct LoadedFiles {
    model: String,
    digest: Digest,
    files: BTreeMap<String, Mapping>,
}

impl LoadedFiles {
    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The model's digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Takes a file by its name.
    ///
    /// # Errors
    /// Where the card lists no such file.
    pub fn take(&mut self, name: &str) -> Result<Mapping, ModelError> {
        self.files.remove(name).ok_or_else(|| self.malformed(format!("its card lists no file `{name}`")))
    }

    /// An error about this model.
    pub fn malformed(&self, detail: impl Into<String>) -> ModelError {
        ModelError::Malformed { model: self.model.clone(), detail: detail.into() }
    }
}

#[cfg(test)]
mod tests;
