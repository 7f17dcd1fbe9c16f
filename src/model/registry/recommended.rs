//! `recommended.toml`: models that an operator with a network or more hardware may want, and that nobody has digests of yet.
//!
//! They are no part of the registry: none of them runs before a fetch has made it a card with digests in the [`super::Store`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::card::{self, Materiality, ModelCard, ModelFile, Received, Source, Status};
use super::{text_of, with_line};
use crate::model::ModelError;

/// The schema that the file names in its first line.
const SCHEMA: &str = "scrutineer-recommended/1";

/// The name of the file, beside the registry's.
const FILE: &str = "recommended.toml";

/// What is known of a model before anybody here has seen its files.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// The name that it gets.
    pub name: String,
    /// `embedding`, `entailment`, `generation`…
    pub task: String,
    /// The architecture.
    pub architecture: String,
    /// How the weights are stored.
    pub quantisation: String,
    /// The repository on the hub.
    pub repository: String,
    /// The commit, where one is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Its files in the repository.
    pub files: Vec<PathBuf>,
    /// About how large they are together, in millions of bytes.
    pub about_megabytes: u64,
    /// SPDX identifier of the licence, or its name where it has none.
    pub licence: String,
    /// Whether the hub asks for an account that has accepted the licence.
    #[serde(default)]
    pub gated: bool,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// What it was trained on, as its makers say.
    pub training_data: String,
    /// What it is for.
    pub intended_use: String,
    /// What it cannot do, and what this program cannot do with it.
    pub limits: String,
    /// The memory and the processor that it needs.
    pub needs: String,
    /// How much will depend on it.
    pub materiality: Materiality,
}

/// The recommendations of a folder.
#[derive(Clone, Debug, Default)]
pub struct Recommendations {
    models: Vec<Recommendation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    recommendation: Vec<Recommendation>,
}

impl Recommendations {
    /// Reads the recommendations beside a registry; none where the folder has none.
    ///
    /// # Errors
    /// A file that is not valid, with line and key.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(FILE);
        let fault = |message: String| ModelError::Registry { path: path.clone(), message };
        let Some(text) = text_of(&path)? else { return Ok(Self::default()) };
        let file: File = toml::from_str(&text).map_err(|error| fault(with_line(&text, &error)))?;
        if file.schema != SCHEMA {
            return Err(fault(format!("schema is {:?}, this program reads {SCHEMA:?}", file.schema)));
        }
        for model in &file.recommendation {
            model.check().map_err(|message| fault(format!("model `{}`: {message}", model.name)))?;
        }
        Ok(Self { models: file.recommendation })
    }

    /// All of them, in the order of the file.
    pub fn models(&self) -> &[Recommendation] {
        &self.models
    }

    /// The one of a name.
    pub fn get(&self, name: &str) -> Option<&Recommendation> {
        self.models.iter().find(|model| model.name == name)
    }
}

impl Recommendation {
    /// Where it can be had.
    pub fn source(&self) -> Source {
        Source::Hub { repository: self.repository.clone(), revision: self.revision.clone() }
    }

    /// Where a file of it lies in the store.
    pub fn path_of(&self, file: &Path) -> PathBuf {
        Path::new(&self.name).join(file)
    }

    /// The card that it becomes once its files are here. Nobody has looked at it: its review is due at once.
    pub fn card(&self, revision: String, file: Vec<ModelFile>, received: Received) -> ModelCard {
        ModelCard {
            name: self.name.clone(),
            task: self.task.clone(),
            architecture: self.architecture.clone(),
            quantisation: Some(self.quantisation.clone()),
            origin: self.repository.clone(),
            licence: self.licence.clone(),
            languages: self.languages.clone(),
            training_data: self.training_data.clone(),
            intended_use: self.intended_use.clone(),
            limits: self.limits.clone(),
            owner: "the authority that runs Scrutineer".to_owned(),
            materiality: self.materiality,
            validator: "not validated by anybody yet".to_owned(),
            validated: None,
            review_by: received.on.get(..10).unwrap_or(&received.on).to_owned(),
            status: Status::Candidate,
            evaluation: Default::default(),
            source: vec![Source::Hub { repository: self.repository.clone(), revision: Some(revision.clone()) }],
            received: Some(received),
            revision,
            file,
        }
    }

    fn check(&self) -> Result<(), String> {
        card::check_name(&self.name)?;
        if self.files.is_empty() {
            return Err("it has no files".to_owned());
        }
        self.files.iter().try_for_each(|file| card::check_path(file))?;
        self.source().check(&[])
    }
}
