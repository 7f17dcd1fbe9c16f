//! A model into the store: what is known of its digests, the fetch, the card.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Fetched, Settings, SourceError, Wanted, Watch, discard, fetch};
use crate::digest::Digest;
use crate::model::registry::{
    ModelCard, ModelFile, Received, Recommendation, Source, Staging, Store, Trust, check_revision, digest_of,
};

/// What is to be fetched.
#[derive(Clone, Copy, Debug)]
pub enum Wish<'a> {
    /// A model that the registry describes, digests included.
    Described(&'a ModelCard),
    /// A model whose digests nobody has recorded.
    Recommended(&'a Recommendation),
}

/// What the operator asks for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The model.
    pub wish: Wish<'a>,
    /// The commit, tag or branch, where the operator names one.
    pub revision: Option<&'a str>,
    /// What the operator knows of the digests.
    pub pins: Pins,
    /// Who asks.
    pub by: Option<&'a str>,
    /// The time now (RFC 3339, UTC).
    pub now: &'a str,
}

/// What the operator knows of the digests of a model that is only recommended.
#[derive(Clone, Debug, Default)]
pub struct Pins {
    /// SHA-256 by file name.
    pub files: BTreeMap<String, Digest>,
    /// The digest over all files.
    pub model: Option<Digest>,
    /// Whether to take what comes, and to hold on to it from then on.
    pub first_fetch: bool,
}

/// A model whose files are here and hold, and wait in the staging folder.
#[derive(Debug)]
pub struct Pulled {
    /// Its card, with how it was received.
    pub card: ModelCard,
    files: Vec<(PathBuf, ModelFile)>,
}

impl Pulled {
    /// Moves it into the store.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, store: &Store, staging: &Staging) -> Result<(), SourceError> {
        Ok(store.keep(staging, &self.card, &self.files)?)
    }
}

/// Fetches a model into the staging folder. Where it fails, what the next attempt can go on with stays there.
///
/// # Errors
/// [`SourceError`]; a file or model that is not what was expected is deleted.
pub fn pull(request: &Request<'_>, settings: &Settings, staging: &Staging, watch: &mut dyn Watch) -> Result<Pulled, SourceError> {
    let (wanted, sources) = request.wanted()?;
    let fetched = fetch(&wanted, &sources, request.revision, settings, staging, watch)?;
    let card =
        request.card(&fetched).map_err(|error| fetched.files.iter().fold(error, |error, (staged, _)| discard(staged, error)))?;
    Ok(Pulled { card, files: fetched.files })
}

impl Request<'_> {
    /// The files with what is known of them, and where they can be had.
    fn wanted(&self) -> Result<(Vec<Wanted>, Vec<Source>), SourceError> {
        self.revision.map_or(Ok(()), check_revision).map_err(SourceError::Revision)?;
        match self.wish {
            Wish::Described(card) => {
                let wanted = card.file.iter().map(|file| Wanted {
                    path: file.path.clone(),
                    origin: file.path.strip_prefix(&card.name).unwrap_or(&file.path).to_owned(),
                    bytes: Some(file.bytes),
                    sha256: Some(file.sha256),
                });
                Ok((wanted.collect(), card.source.clone()))
            }
            Wish::Recommended(model) => {
                let names: Vec<String> = model.files.iter().map(|file| file.display().to_string()).collect();
                let (name, files) = (model.name.clone(), names.join(", "));
                if let Some(file) = self.pins.files.keys().find(|file| !names.contains(file)) {
                    return Err(SourceError::UnknownPin { model: name, file: file.clone(), files });
                }
                let known = self.pins.model.is_some() || names.iter().all(|file| self.pins.files.contains_key(file));
                let waived = self.pins.first_fetch && self.by.is_some();
                if !known && !waived {
                    return Err(SourceError::Unpinned { model: name, files });
                }
                let wanted = model.files.iter().zip(&names).map(|(file, name)| Wanted {
                    path: model.path_of(file),
                    origin: file.clone(),
                    bytes: None,
                    sha256: self.pins.files.get(name).copied(),
                });
                Ok((wanted.collect(), vec![model.source()]))
            }
        }
    }

    /// The card of what came.
    fn card(&self, fetched: &Fetched) -> Result<ModelCard, SourceError> {
        let files: Vec<_> = fetched.files.iter().map(|(_, file)| file.clone()).collect();
        let received =
            |trust| Received { on: self.now.to_owned(), by: self.by.map(str::to_owned), from: fetched.from.clone(), trust };
        match self.wish {
            Wish::Described(card) => {
                // A model that was trusted at its first fetch is no better known for being fetched again.
                let trust = card.received.as_ref().map_or(Trust::Registry, |received| received.trust);
                Ok(ModelCard { received: Some(received(trust)), ..card.clone() })
            }
            Wish::Recommended(model) => {
                let found = digest_of(&files);
                if let Some(expected) = self.pins.model.filter(|expected| *expected != found) {
                    let from = fetched.from.clone();
                    return Err(SourceError::OtherModel { model: model.name.clone(), from, expected, found });
                }
                let pinned = self.pins.model.is_some() || self.pins.files.len() == model.files.len();
                let trust = if pinned { Trust::Operator } else { Trust::FirstFetch };
                let revision = fetched.revision.clone().or_else(|| self.revision.map(str::to_owned));
                let revision = revision.unwrap_or_else(|| "not known: the files came in a directory".to_owned());
                let card = model.card(revision, files, received(trust));
                // A card that the registry's reader refuses would make the whole store unreadable.
                match card.check() {
                    Ok(()) => Ok(card),
                    Err(reason) => Err(SourceError::Unusable { model: model.name.clone(), from: fetched.from.clone(), reason }),
                }
            }
        }
    }
}
