//! Files that after a crash are there whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The start of the names of files that are being written; one that is left over belongs to a process that died.
pub const UNFINISHED: &str = ".writing-";

/// Writes a file to a temporary one beside it, synced, renamed, and the folder synced too, with the folders that were made for it.
/// Readable by its owner alone.
///
/// # Errors
/// What the file system says; then the file is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let changed = make(folder)?;
    let mut temporary = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync(&changed)
}

/// Moves a file that is complete into its place on the same file system: its bytes are on the disk before it has its name.
///
/// # Errors
/// What the file system says; then the file is where it was.
pub fn move_into_place(from: &Path, to: &Path) -> io::Result<()> {
    let changed = make(folder_of(to))?;
    std::fs::File::open(from)?.sync_all()?;
    std::fs::rename(from, to)?;
    sync(&changed)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a folder with those above it. Returns the folders that a new entry in it changes: itself, the new ones above it, and the
/// one that the topmost new one is in.
fn make(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let made: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    std::fs::create_dir_all(folder)?;
    let above = made.last().and_then(|topmost| topmost.parent()).filter(|above| !above.as_os_str().is_empty());
    Ok(std::iter::once(folder).chain(made.iter().skip(1).copied()).chain(above).map(Path::to_owned).collect())
}

fn sync(folders: &[PathBuf]) -> io::Result<()> {
    folders.iter().try_for_each(|folder| std::fs::File::open(folder)?.sync_all())
}
