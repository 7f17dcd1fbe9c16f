//! Signed statements of how far the audit chain had come. Kept outside the data folder they show a chain that was cut short or
//! computed anew.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

use super::artefacts::write_durably;
use super::audit::{AuditKind, START, canonical};
use super::documents::digest_column;
use super::{Ledger, LedgerError, Result, file, now};
use crate::digest::Digest;

/// A signed statement of how far the chain had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// `scrutineer-checkpoint/1`.
    pub schema: String,
    /// The sequence of the last entry covered.
    pub sequence: u64,
    /// Its hash.
    pub head: Digest,
    /// Entries up to it.
    pub count: u64,
    /// When it was made.
    pub time: String,
    /// The Ed25519 public key, hexadecimal.
    pub public_key: String,
    /// The Ed25519 signature over the canonical JSON of all other fields, hexadecimal.
    pub signature: String,
}

const SCHEMA: &str = "scrutineer-checkpoint/1";

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no checkpoint.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| file("read", path, source))?;
        serde_json::from_str(&text).map_err(|error| corrupt(&format!("the checkpoint {}", path.display()), &error))
    }

    /// Checks the signature by the checkpoint's own key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify_signature(&self) -> Result<(), String> {
        if self.schema != SCHEMA {
            return Err(format!("its schema is {:?}, this program reads {SCHEMA:?}", self.schema));
        }
        let key =
            bytes_of(&self.public_key).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or("the public key is malformed")?;
        let key = VerifyingKey::from_bytes(&key).map_err(|error| error.to_string())?;
        let signature =
            bytes_of(&self.signature).and_then(|bytes| <[u8; 64]>::try_from(bytes).ok()).ok_or("the signature is malformed")?;
        key.verify(self.signed_text().as_bytes(), &Signature::from_bytes(&signature))
            .map_err(|_| "the signature does not fit the fields".to_owned())
    }

    fn signed_text(&self) -> String {
        let Self { schema, sequence, head, count, time, public_key, signature: _ } = self;
        canonical(&serde_json::json!({
            "schema": schema, "sequence": sequence, "head": head, "count": count, "time": time, "public_key": public_key,
        }))
    }
}

impl Ledger {
    /// Signs how far the chain has come and writes it to `path`. The key is made at first use.
    pub fn checkpoint(&mut self, path: &Path) -> Result<Checkpoint> {
        let key = self.signing_key()?;
        let (head, sequence, count) = self
            .database
            .query_row(
                "SELECT hash, sequence, (SELECT count(*) FROM audit) FROM audit ORDER BY sequence DESC LIMIT 1",
                [],
                |row| Ok((digest_column(row)?, row.get::<_, i64>(1)?.unsigned_abs(), row.get::<_, i64>(2)?.unsigned_abs())),
            )
            .optional()?
            .unwrap_or((START, 0, 0));
        let mut checkpoint = Checkpoint {
            schema: SCHEMA.to_owned(),
            sequence,
            head,
            count,
            time: now(),
            public_key: hexadecimal(key.verifying_key().as_bytes()),
            signature: String::new(),
        };
        checkpoint.signature = hexadecimal(&key.sign(checkpoint.signed_text().as_bytes()).to_bytes());
        let text = serde_json::to_string_pretty(&checkpoint).map_err(|error| corrupt("a checkpoint", &error))?;
        write_durably(path, format!("{text}\n").as_bytes())?;
        Ok(checkpoint)
    }

    /// The public key that this data folder's checkpoints are signed with; none before the first.
    pub fn checkpoint_key(&self) -> Result<Option<String>> {
        let path = self.key_file().with_extension("pub");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file("read", &path, source)),
        }
    }

    fn key_file(&self) -> PathBuf {
        self.folder().join("keys").join("checkpoint.ed25519")
    }

    pub(super) fn signing_key(&mut self) -> Result<SigningKey> {
        let path = self.key_file();
        match std::fs::read(&path) {
            Ok(bytes) => {
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| corrupt("the signing key", &"it is not 32 bytes long"))?;
                let key = SigningKey::from_bytes(&bytes);
                if self.checkpoint_key()?.is_none() {
                    self.write_public_key(&key)?;
                }
                Ok(key)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.make_signing_key(&path),
            Err(source) => Err(file("read", &path, source)),
        }
    }

    fn make_signing_key(&mut self, path: &Path) -> Result<SigningKey> {
        let folder = self.folder().join("keys");
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| file("create", &folder, source))?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| corrupt("a new signing key", &error))?;
        let key = SigningKey::from_bytes(&secret);
        // Files made by write_durably are readable by their owner alone (mode 0600).
        write_durably(path, &secret)?;
        self.write_public_key(&key)?;
        let public_key = hexadecimal(key.verifying_key().as_bytes());
        self.audit(AuditKind::Configuration, &serde_json::json!({ "checkpoint_key": public_key }))?;
        Ok(key)
    }

    fn write_public_key(&self, key: &SigningKey) -> Result<()> {
        let text = format!("{}\n", hexadecimal(key.verifying_key().as_bytes()));
        write_durably(&self.key_file().with_extension("pub"), text.as_bytes())
    }
}

fn corrupt(what: &str, detail: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Corrupt { what: what.to_owned(), detail: detail.to_string() }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(hexadecimal: &str) -> Option<Vec<u8>> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
