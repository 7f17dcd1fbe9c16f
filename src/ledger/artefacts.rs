//! What the stages made, by the key of how it was made: postcard, compressed, in files named by their content's digest.

use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Ledger, LedgerError, Result, file};
use crate::digest::Digest;

/// How an artefact was made: the stage and its version, the inputs, the parameters, the models, the kernel profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtefactKey {
    stage: &'static str,
    digest: Digest,
}

impl ArtefactKey {
    /// The key of an artefact. `parameters` is a canonical text of everything that can change the output.
    pub fn new(stage: &'static str, version: u32, inputs: &[Digest], parameters: &str, models: &[Digest], profile: &str) -> Self {
        let mut parts: Vec<Vec<u8>> = vec![stage.into(), version.to_le_bytes().into(), parameters.into(), profile.into()];
        parts.push((inputs.len() as u64).to_le_bytes().into());
        parts.extend(inputs.iter().chain(models).map(|digest| digest.as_bytes().to_vec()));
        Self { stage, digest: Digest::of_parts(parts) }
    }

    /// The stage.
    pub fn stage(&self) -> &'static str {
        self.stage
    }

    /// The key as a digest: an input of the keys of later stages.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Level 3 takes a tenth of the time of reading the page and a quarter of its size.
const COMPRESSION: i32 = 3;

/// The most that one artefact may take when unpacked: a bound on what a damaged file can make us allocate.
const LARGEST: usize = 2 << 30;

impl Ledger {
    /// The artefact under `key`; none where it was not made, or where its file is gone or changed (then it is made again, and
    /// the loss is in the audit chain).
    pub fn artefact<T: DeserializeOwned>(&self, key: &ArtefactKey) -> Result<Option<T>> {
        self.artefact_of(&key.digest)
    }

    /// The same for a key that was kept as a digest.
    pub fn artefact_of<T: DeserializeOwned>(&self, key: &Digest) -> Result<Option<T>> {
        let Some(content) = self.artefact_content(key)? else { return Ok(None) };
        let path = self.artefact_path(&content);
        let packed = match std::fs::read(&path) {
            Ok(packed) if Digest::of(&packed) == content => packed,
            Ok(_) => {
                tracing::warn!(artefact = %content, "an artefact was changed on disk and is made again");
                return Ok(None);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                tracing::warn!(artefact = %content, "an artefact is gone from disk and is made again");
                return Ok(None);
            }
            Err(source) => return Err(file("read", &path, source)),
        };
        unpack(&packed).map(Some).map_err(|detail| LedgerError::Corrupt { what: format!("artefact {content}"), detail })
    }

    /// Keeps an artefact: the file is on disk before the row is. Returns the digest of the file.
    pub fn keep_artefact<T: Serialize>(&self, key: &ArtefactKey, value: &T) -> Result<Digest> {
        let packed =
            pack(value).map_err(|detail| LedgerError::Corrupt { what: format!("an artefact of {}", key.stage), detail })?;
        let content = Digest::of(&packed);
        let path = self.artefact_path(&content);
        if std::fs::read(&path).map_or(true, |there| Digest::of(&there) != content) {
            write_durably(&path, &packed)?;
        }
        self.database
            .prepare_cached("INSERT OR REPLACE INTO artefact (key, stage, content, bytes) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![key.digest.as_bytes(), key.stage, content.as_bytes(), packed.len() as i64])?;
        Ok(content)
    }

    /// The digest of the file of the artefact under a key.
    pub fn artefact_content(&self, key: &Digest) -> Result<Option<Digest>> {
        let mut query = self.database.prepare_cached("SELECT content FROM artefact WHERE key = ?1")?;
        let content = query.query_row([key.as_bytes()], |row| row.get::<_, [u8; 32]>(0)).optional()?;
        Ok(content.map(Digest::from_bytes))
    }

    /// Where the artefact file with this digest lies.
    pub(super) fn artefact_path(&self, content: &Digest) -> PathBuf {
        let name = content.to_string();
        self.folder.join("artefacts").join(&name[..2]).join(&name[2..4]).join(name)
    }
}

fn pack<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    let plain = postcard::to_stdvec(value).map_err(|error| error.to_string())?;
    let mut packed = (plain.len() as u64).to_le_bytes().to_vec();
    packed.extend(zstd::bulk::compress(&plain, COMPRESSION).map_err(|error| error.to_string())?);
    Ok(packed)
}

fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Result<T, String> {
    let (length, body) = packed.split_first_chunk::<8>().ok_or("too short")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|length| *length <= LARGEST).ok_or("too long")?;
    let plain = zstd::bulk::decompress(body, length).map_err(|error| error.to_string())?;
    postcard::from_bytes(&plain).map_err(|error| error.to_string())
}

/// Writes a file so that after a crash it is there whole or not at all: to a temporary file beside it, synced, renamed, and the
/// folder synced too.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut temporary = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| file("write", path, source))
}
