//! Files that after a crash are there whole or not at all.

use std::io::{self, Write};
use std::path::Path;

/// The start of the names of files that are being written; one that is left over belongs to a process that died.
pub const UNFINISHED: &str = ".writing-";

/// Writes a file to a temporary one beside it, synced, renamed, and the folder synced too, with the folders that were made for it.
/// Readable by its owner alone.
///
/// # Errors
/// What the file system says; then the file is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The folder above the topmost new one has a new entry too.
    let made: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    std::fs::create_dir_all(folder)?;
    let mut temporary = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    let above = made.last().and_then(|topmost| topmost.parent()).filter(|above| !above.as_os_str().is_empty());
    for folder in std::iter::once(folder).chain(made.iter().skip(1).copied()).chain(above) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
