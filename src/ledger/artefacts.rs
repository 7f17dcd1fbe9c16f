//! What the stages made, by the key of how it was made: postcard, compressed, in files named by their content's digest.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use walkdir::WalkDir;

use super::audit::AuditKind;
use super::{Ledger, LedgerError, Result, audit, file};
use crate::digest::Digest;
use crate::durable;

/// How an artefact was made: the stage and its version, the inputs, the parameters, the models, the kernel profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtefactKey {
    stage: &'static str,
    digest: Digest,
}

impl ArtefactKey {
    /// The key of an artefact. `parameters` is a canonical text of everything else that can change the output: settings,
    /// versions of external tools.
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
    /// The artefact under `key`; none where it was not made, or where its file is gone, changed or unreadable. It is then made
    /// again, and [`Ledger::keep_artefact`] puts the loss into the audit chain.
    pub fn artefact<T: DeserializeOwned>(&self, key: &ArtefactKey) -> Result<Option<T>> {
        self.artefact_at(&key.digest)
    }

    /// The same by the digest of a key, as [`super::StageKeys`] holds it.
    pub fn artefact_at<T: DeserializeOwned>(&self, key: &Digest) -> Result<Option<T>> {
        let Some(content) = self.artefact_content(key)? else { return Ok(None) };
        match self.stored(&content)? {
            Stored::Whole(packed) => match unpack(&packed) {
                Ok(value) => Ok(Some(value)),
                Err(detail) => {
                    tracing::warn!(artefact = %content, detail, "an artefact cannot be read back and is made again");
                    Ok(None)
                }
            },
            Stored::Lost(how) => {
                tracing::warn!(artefact = %content, "an artefact is {how} and is made again");
                Ok(None)
            }
        }
    }

    /// Keeps an artefact: the file is on disk, whole, before the row is. Returns the digest of the file.
    ///
    /// # Errors
    /// A full disk or another failure of file or database; then neither the file nor the row is there.
    pub fn keep_artefact<T: Serialize>(&self, key: &ArtefactKey, value: &T) -> Result<Digest> {
        let packed =
            pack(value).map_err(|detail| LedgerError::Corrupt { what: format!("an artefact of {}", key.stage), detail })?;
        let content = Digest::of(&packed);
        let before = self.artefact_content(&key.digest)?;
        let lost = match &before {
            Some(before) => match self.stored(before)? {
                Stored::Whole(_) if *before == content => return Ok(content),
                Stored::Whole(_) => Some("unreadable"),
                Stored::Lost(how) => Some(how),
            },
            None => None,
        };
        if !matches!(self.stored(&content)?, Stored::Whole(_)) {
            write_durably(&self.artefact_path(&content), &packed)?;
        }
        let transaction = self.database.unchecked_transaction()?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO artefact (key, stage, content, bytes) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![key.digest.as_bytes(), key.stage, content.as_bytes(), packed.len() as i64])?;
        if let Some(how) = lost {
            let payload = serde_json::json!({
                "artefact": before, "stage": key.stage, "key": key.digest, "found": how, "made_again": content,
            });
            audit::append(&transaction, AuditKind::Recovery, &payload)?;
        }
        transaction.commit()?;
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

    fn stored(&self, content: &Digest) -> Result<Stored> {
        let path = self.artefact_path(content);
        match std::fs::read(&path) {
            Ok(packed) if Digest::of(&packed) == *content => Ok(Stored::Whole(packed)),
            Ok(_) => Ok(Stored::Lost("changed on disk")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Stored::Lost("gone from disk")),
            Err(source) => Err(file("read", &path, source)),
        }
    }
}

/// What lies under a content digest.
enum Stored {
    Whole(Vec<u8>),
    Lost(&'static str),
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

/// [`durable::write`] with the ledger's error.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    durable::write(path, bytes).map_err(|source| file("write", path, source))
}

/// Removes what a writer that was killed left unfinished; returns how many files.
pub(super) fn remove_left_overs(data: &Path) -> Result<u32> {
    let mut removed = 0;
    for entry in WalkDir::new(data).into_iter().filter_map(std::result::Result::ok) {
        if entry.file_type().is_file() && entry.file_name().to_string_lossy().starts_with(durable::UNFINISHED) {
            std::fs::remove_file(entry.path()).map_err(|source| file("remove", entry.path(), source))?;
            removed += 1;
        }
    }
    Ok(removed)
}
