//! Model files in memory without a copy.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A file mapped read-only.
///
/// Invariant: model files are written once and never changed in place (the registry checks their digest after mapping, and an
/// update writes a new file beside the old). A file that is truncated by somebody while it is mapped ends the process with
/// SIGBUS; it cannot make it read other memory.
#[derive(Debug)]
pub struct Mapping(memmap2::Mmap);

impl Mapping {
    /// Maps a file.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the mapping is private and read-only; by the invariant above nobody changes the bytes under it.
        unsafe { memmap2::Mmap::map(&file) }.map(Self)
    }

    /// The bytes as signed numbers: int8 weights.
    pub fn signed(&self) -> &[i8] {
        let bytes: &[u8] = self;
        // SAFETY: i8 has the size, the alignment and as many values as u8; the borrow is the same.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<i8>(), bytes.len()) }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
