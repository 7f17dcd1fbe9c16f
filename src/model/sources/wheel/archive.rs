//! A wheel as an archive that somebody else made: one member at a time, whose size is known beforehand.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::model::sources::SourceError;

/// An opened wheel.
pub(super) struct Wheel<'a> {
    archive: ZipArchive<BufReader<File>>,
    path: &'a Path,
    package: &'a str,
}

impl<'a> Wheel<'a> {
    /// Opens a wheel. One with a member that would lie outside a folder is refused whole, though members are never written by
    /// their names: whoever made it meant harm.
    pub(super) fn open(path: &'a Path, package: &'a str) -> Result<Self, SourceError> {
        let file = File::open(path).map_err(|source| SourceError::file("read", path, source))?;
        let fault = |reason: String| SourceError::Wheel { package: package.to_owned(), reason };
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| fault(format!("is no archive: {error}")))?;
        if let Some(outside) = archive.file_names_raw().find(|name| leads_outside(name)) {
            let name: String = String::from_utf8_lossy(outside).chars().filter(|c| !c.is_control()).take(80).collect();
            return Err(fault(format!("holds a file that leads outside its folder ({name})")));
        }
        Ok(Self { archive, path, package })
    }

    /// Appends a member of exactly `bytes` bytes to `output`. `more` is told how many came.
    pub(super) fn copy(
        &mut self,
        name: &str,
        bytes: u64,
        output: &mut File,
        more: &mut dyn FnMut(u64),
    ) -> Result<(), SourceError> {
        let package = self.package;
        let fault = |reason: String| SourceError::Wheel { package: package.to_owned(), reason };
        let index = self.archive.index_for_name_raw(name.as_bytes()).ok_or_else(|| fault(format!("does not hold {name}")))?;
        let member = self.archive.by_index_raw(index).map_err(|error| fault(format!("cannot be read: {error}")))?;
        if member.encrypted() {
            return Err(fault(format!("holds {name} encrypted")));
        }
        if member.size() != bytes {
            return Err(fault(format!("holds {name} with {} bytes, expected {bytes}", member.size())));
        }
        // The declared size is a claim: one byte beyond it shows that it is false, and nothing beyond that is unpacked.
        let packed = member.compression();
        let copied = if packed == CompressionMethod::STORE {
            copy(member.take(bytes.saturating_add(1)), output, more)
        } else if packed == CompressionMethod::DEFLATE {
            copy(DeflateDecoder::new(member).take(bytes.saturating_add(1)), output, more)
        } else {
            return Err(fault(format!("holds {name} packed by {packed}, which is not read")));
        };
        match copied {
            Ok(copied) if copied == bytes => Ok(()),
            Ok(copied) if copied > bytes => Err(fault(format!("unpacks {name} to more than the {bytes} bytes that it states"))),
            Ok(copied) => Err(fault(format!("unpacks {name} to {copied} bytes, expected {bytes}"))),
            Err(Failed::Read(error)) => Err(fault(format!("cannot be unpacked: {error}"))),
            Err(Failed::Write(source)) => Err(SourceError::file("write what was unpacked from", self.path, source)),
        }
    }
}

enum Failed {
    Read(io::Error),
    Write(io::Error),
}

fn copy(mut input: impl Read, output: &mut File, more: &mut dyn FnMut(u64)) -> Result<u64, Failed> {
    let mut buffer = vec![0; 1 << 18];
    let mut copied = 0;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(read) => {
                output.write_all(&buffer[..read]).map_err(Failed::Write)?;
                copied += read as u64;
                more(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failed::Read(error)),
        }
    }
}

/// Whether a member's name is absolute or goes up.
fn leads_outside(name: &[u8]) -> bool {
    let drive = name.get(1) == Some(&b':');
    drive
        || name.starts_with(b"/")
        || name.starts_with(b"\\")
        || name.split(|byte| b"/\\".contains(byte)).any(|part| part == b"..")
}

#[cfg(test)]
mod tests;
