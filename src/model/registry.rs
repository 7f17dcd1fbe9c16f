//! `models.toml`: what each model is, whose, what it may be used for, and the digests of its files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use scrutineer_kernels::Mapping;
use serde::{Deserialize, Serialize};

use super::ModelError;
use crate::digest::Digest;

/// The schema that the registry's file names in its first line.
pub const SCHEMA: &str = "scrutineer-models/1";

/// The models of a folder.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
    models: Vec<ModelCard>,
}

/// A model's card: what a model-risk function asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The name that run records use.
    pub name: String,
    /// `embedding`, `classification-head`, `entailment`, `generation`…
    pub task: String,
    /// The architecture.
    pub architecture: String,
    /// Where it comes from.
    pub origin: String,
    /// The pinned revision of the origin.
    pub revision: String,
    /// SPDX identifier of the licence.
    pub licence: String,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// What it was trained on.
    pub training_data: String,
    /// What it may be used for.
    pub intended_use: String,
    /// What it cannot do.
    pub limits: String,
    /// Who answers for it.
    pub owner: String,
    /// How much depends on it: `low`, `medium` or `high`.
    pub materiality: String,
    /// Who validated it.
    pub validator: String,
    /// When it was validated: a date.
    pub validated: String,
    /// When it is to be looked at again: a date.
    pub review_by: String,
    /// Whether it may run.
    pub status: Status,
    /// What was measured, and how.
    #[serde(default)]
    pub evaluation: BTreeMap<String, toml::Value>,
    /// Its files.
    pub file: Vec<ModelFile>,
}

/// Whether a model may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It runs, and the output says that nobody has approved it yet.
    Candidate,
    /// It runs.
    Approved,
    /// It does not run.
    Retired,
}

/// A file of a model.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The path within the registry's folder.
    pub path: PathBuf,
    /// The size in bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    model: Vec<ModelCard>,
}

impl Registry {
    /// Reads the registry of a folder.
    ///
    /// # Errors
    /// No such folder, or a registry file that is not valid, with line and key.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("models.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ModelError::NoFolder,
            _ => ModelError::Registry { path: path.clone(), message: error.to_string() },
        })?;
        let fault = |message: String| ModelError::Registry { path: path.clone(), message };
        let file: File = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            fault(format!("line {line}: {}", error.message()))
        })?;
        if file.schema != SCHEMA {
            return Err(fault(format!("schema is {:?}, this program reads {SCHEMA:?}", file.schema)));
        }
        for model in &file.model {
            if file.model.iter().filter(|other| other.name == model.name).count() > 1 {
                return Err(fault(format!("two models are named `{}`", model.name)));
            }
            // A card cannot lead outside its folder.
            if let Some(file) =
                model.file.iter().find(|file| !file.path.components().all(|part| matches!(part, Component::Normal(_))))
            {
                return Err(fault(format!("model `{}`: {} leads outside the folder", model.name, file.path.display())));
            }
        }
        Ok(Self { folder: folder.to_owned(), models: file.model })
    }

    /// The models, in the order of the file.
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

    /// The files of a model, mapped, each with the digest that the registry gives.
    ///
    /// # Errors
    /// A retired model, a file that is missing, or one that is not what the registry describes.
    pub fn load(&self, name: &str) -> Result<LoadedFiles, ModelError> {
        let card = self.card(name)?;
        if card.status == Status::Retired {
            return Err(ModelError::Malformed { model: name.to_owned(), detail: "it is retired and must not run".to_owned() });
        }
        let mut files = BTreeMap::new();
        for file in &card.file {
            let path = self.folder.join(&file.path);
            let unreadable = |source| ModelError::Unreadable { model: name.to_owned(), path: path.clone(), source };
            let mapping = Mapping::open(&path).map_err(unreadable)?;
            let found = Digest::of(&mapping);
            if mapping.len() as u64 != file.bytes || found != file.sha256 {
                let (expected, found) = (file.sha256.to_string(), found.to_string());
                return Err(ModelError::Tampered { model: name.to_owned(), path, expected, found });
            }
            let key = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            files.insert(key, mapping);
        }
        Ok(LoadedFiles { model: name.to_owned(), digest: card.digest(), files })
    }
}

impl ModelCard {
    /// One digest over all files of the model: what run records name.
    pub fn digest(&self) -> Digest {
        let mut files: Vec<&ModelFile> = self.file.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Digest::of_parts(files.iter().map(|file| file.sha256.as_bytes()))
    }
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
