//! Files from a hub that speaks the protocol of the Hugging Face hub: `ENDPOINT/REPOSITORY/resolve/REVISION/FILE`.
//!
//! A request is answered with the file or with a redirect to where it lies; the first answer names the commit (`x-repo-commit`)
//! and, for large files, size and SHA-256 (`x-linked-size`, `x-linked-etag`). A download goes on where it stopped (`Range`).

mod client;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

pub use self::client::Token;
use self::client::{Answer, Client};
use super::{Fetched, Settings, SourceError, Staging, Wanted, Watch, discard, verified};
use crate::digest::Digest;
use crate::model::registry::ModelFile;

/// Fetches files of a repository into the staging folder.
pub(super) fn fetch(
    repository: &str,
    revision: Option<&str>,
    settings: &Settings,
    wanted: &[Wanted],
    staging: &Staging,
    watch: &mut dyn Watch,
) -> Result<Fetched, SourceError> {
    let from = format!("hub {repository}");
    if settings.offline {
        return Err(SourceError::Offline { from });
    }
    let endpoint = settings.endpoint.as_deref().ok_or_else(|| SourceError::NoEndpoint { from: from.clone() })?;
    let revision = revision.ok_or_else(|| SourceError::NoRevision { from: from.clone() })?;
    let client = Client::new(endpoint, settings.token.clone())?;
    let mut repository = Repository { client, name: repository, from, revision: revision.to_owned() };
    if let Some(first) = wanted.first().filter(|_| !is_commit(revision)) {
        // A branch may move between two files, or between two attempts at one: it is resolved before anything is kept.
        let answer = repository.client.get(repository.name, revision, &first.origin, 0, &repository.from)?;
        repository.take_commit(&answer)?;
    }
    let files = wanted.iter().map(|file| repository.file(file, staging, watch)).collect::<Result<_, _>>()?;
    let Repository { revision, from, .. } = repository;
    Ok(Fetched { files, from: format!("{from} at {}", client::host(endpoint)), revision: Some(revision) })
}

/// A repository at a revision: what was asked for until the first answer, the commit from then on.
struct Repository<'a> {
    client: Client,
    name: &'a str,
    from: String,
    revision: String,
}

impl Repository<'_> {
    fn file(&mut self, wanted: &Wanted, staging: &Staging, watch: &mut dyn Watch) -> Result<(PathBuf, ModelFile), SourceError> {
        let staged = staging.path(&wanted.key(&format!("{} {}", self.name, self.revision)));
        let mut stated = None;
        loop {
            let before = length(&staged);
            // What an earlier attempt finished only has to be looked at.
            if before > 0 && Some(before) == wanted.bytes {
                break;
            }
            match self.attempt(wanted, &staged, before, &mut stated, watch) {
                Ok(()) => break,
                // As long as something comes, it goes on. What does not move ends with an error, and what came is kept.
                Err(SourceError::CutShort { reached, .. }) if reached > before => {}
                Err(error) if error.is_absence() || matches!(error, SourceError::CutShort { .. }) => return Err(error),
                Err(error) => return Err(discard(&staged, error)),
            }
        }
        let (staged, file) = verified(staged, wanted, &self.from)?;
        match stated {
            // The hub's own word for the file, which is of use where nobody else has given one.
            Some(expected) if expected != file.sha256 => {
                let error = SourceError::Mismatch { file: wanted.name(), from: self.from.clone(), expected, found: file.sha256 };
                Err(discard(&staged, error))
            }
            _ => Ok((staged, file)),
        }
    }

    /// One request, from where the file stands. `stated` gets the SHA-256 that the hub gives for the file.
    fn attempt(
        &mut self,
        wanted: &Wanted,
        staged: &Path,
        start: u64,
        stated: &mut Option<Digest>,
        watch: &mut dyn Watch,
    ) -> Result<(), SourceError> {
        let mut answer = self.client.get(self.name, &self.revision, &wanted.origin, start, &self.from)?;
        self.take_commit(&answer)?;
        *stated = answer.sha256;
        if let (Some(expected), Some(found)) = (wanted.sha256, answer.sha256.filter(|found| Some(*found) != wanted.sha256)) {
            // Said before anything large is fetched.
            return Err(SourceError::Mismatch { file: wanted.name(), from: self.from.clone(), expected, found });
        }
        let no_size = || SourceError::NoSize { from: self.from.clone(), file: wanted.name() };
        let bytes = answer.total.ok_or_else(no_size)?;
        if let Some(expected) = wanted.bytes.filter(|expected| *expected != bytes) {
            return Err(SourceError::Size { file: wanted.name(), from: self.from.clone(), expected, found: bytes });
        }
        // A server may answer with the whole file, whatever range was asked for.
        let mut reached = if answer.start == 0 { 0 } else { start };
        if answer.start != reached || reached > bytes {
            return Err(discard(staged, no_size()));
        }
        super::check_space(staged.parent().unwrap_or(Path::new(".")), bytes.checked_sub(reached))?;
        watch.begin(&wanted.name(), Some(bytes));
        let write = |source| SourceError::file("write", staged, source);
        let mut output: File =
            OpenOptions::new().create(true).append(reached > 0).write(true).truncate(reached == 0).open(staged).map_err(write)?;
        let cut = |reached| SourceError::CutShort { from: self.from.clone(), file: wanted.name(), reached, expected: bytes };
        while let Some(chunk) = self.client.next(&mut answer).map_err(|_| cut(reached))? {
            reached += chunk.len() as u64;
            if reached > bytes {
                drop(output);
                let error = SourceError::Size { file: wanted.name(), from: self.from.clone(), expected: bytes, found: reached };
                return Err(discard(staged, error));
            }
            output.write_all(&chunk).map_err(write)?;
            watch.reached(reached);
        }
        if reached < bytes { Err(cut(reached)) } else { Ok(()) }
    }

    /// Holds on to the commit of the first answer, so that all files are of the same one.
    fn take_commit(&mut self, answer: &Answer) -> Result<(), SourceError> {
        match &answer.commit {
            Some(commit) if is_commit(&self.revision) && *commit != self.revision => {
                Err(SourceError::WrongCommit { expected: self.revision.clone(), found: commit.clone() })
            }
            Some(commit) => {
                self.revision.clone_from(commit);
                Ok(())
            }
            None if is_commit(&self.revision) => Ok(()),
            None => Err(SourceError::UnknownCommit { revision: self.revision.clone() }),
        }
    }
}

/// Whether a revision is the SHA-1 of a commit, which names one content for ever, unlike a branch or a tag.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}
