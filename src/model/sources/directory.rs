//! Files from a directory: a disk that crossed an air gap, another machine's store, a clone of a repository.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{SourceError, Staging, Wanted, Watch, verified};
use crate::model::registry::ModelFile;

/// Copies files from a directory into the staging folder. A file is looked for as it lies in a store (`NAME/FILE`), then as it
/// lies in a repository (`FILE`).
pub(super) fn fetch(
    folder: &Path,
    wanted: &[Wanted],
    staging: &Staging,
    watch: &mut dyn Watch,
) -> Result<Vec<(PathBuf, ModelFile)>, SourceError> {
    // All of them are looked for first: a missing one is said before anything large is copied.
    let found: Vec<PathBuf> = wanted.iter().map(|file| find(folder, file)).collect::<Result<_, _>>()?;
    let shown = folder.display().to_string();
    let copied = wanted.iter().zip(found).map(|(file, from)| {
        let staged = staging.path(&file.key(&shown));
        copy(&from, &staged, file, watch)?;
        verified(staged, file, &shown)
    });
    copied.collect()
}

fn find(folder: &Path, wanted: &Wanted) -> Result<PathBuf, SourceError> {
    let places = [folder.join(&wanted.path), folder.join(&wanted.origin), folder.join(wanted.name())];
    places
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| SourceError::NotInDirectory { file: wanted.path.clone(), folder: folder.to_owned() })
}

fn copy(from: &Path, to: &Path, wanted: &Wanted, watch: &mut dyn Watch) -> Result<(), SourceError> {
    let mut input = File::open(from).map_err(|source| SourceError::file("read", from, source))?;
    let bytes = input.metadata().map_err(|source| SourceError::file("read", from, source))?.len();
    if let Some(expected) = wanted.bytes.filter(|expected| *expected != bytes) {
        return Err(SourceError::Size { file: wanted.name(), from: from.display().to_string(), expected, found: bytes });
    }
    watch.begin(&wanted.name(), Some(bytes));
    let mut output = File::create(to).map_err(|source| SourceError::file("write", to, source))?;
    let mut buffer = vec![0; 1 << 20];
    let mut reached = 0;
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(SourceError::file("read", from, source)),
        };
        output.write_all(&buffer[..read]).map_err(|source| SourceError::file("write", to, source))?;
        reached += read as u64;
        watch.reached(reached);
    }
}
