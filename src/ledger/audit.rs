//! The audit chain: each entry's hash covers the one before it, and signed checkpoints pin the chain from outside.
//!
//! A changed entry breaks its own hash, a removed or reordered one the next entry's. A chain that was cut short or computed
//! anew is whole in itself: only a checkpoint kept outside the data folder shows it.

use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::artefacts::write_durably;
use super::documents::digest_column;
use super::{Ledger, LedgerError, Result, file, now};
use crate::digest::Digest;

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditKind {
    /// A run started: pipeline, models, version.
    RunStarted,
    /// A run ended: exit code, digest of the report.
    RunEnded,
    /// A document was judged: digests of its artefacts, what changed about its flags.
    Decision,
    /// A file went into quarantine.
    Quarantine,
    /// An event was handed over, or an attempt failed.
    Delivery,
    /// A person changed something: a dropped event, a retry.
    Operator,
}

impl AuditKind {
    const fn name(self) -> &'static str {
        match self {
            Self::RunStarted => "run-started",
            Self::RunEnded => "run-ended",
            Self::Decision => "decision",
            Self::Quarantine => "quarantine",
            Self::Delivery => "delivery",
            Self::Operator => "operator",
        }
    }
}

/// An entry of the chain.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// Its place, from 1 without gaps.
    pub sequence: u64,
    /// When it was written (RFC 3339, UTC); order is by sequence, never by this.
    pub time: String,
    /// What it records.
    pub kind: String,
    /// The record.
    pub payload: serde_json::Value,
    /// SHA-256 over the previous entry's hash, sequence, time, kind and payload.
    pub hash: Digest,
}

/// A signed statement of how far the chain had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The signature over sequence, head, count and time, hexadecimal.
    pub signature: String,
}

/// What is wrong with the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum AuditFault {
    /// An entry's hash does not follow from the entry and the one before it.
    #[error("entry {sequence} was changed, or one before it was removed or moved")]
    BrokenEntry {
        /// Its sequence.
        sequence: u64,
    },
    /// A sequence number is missing.
    #[error("entry {sequence} is missing")]
    MissingEntry {
        /// The missing sequence.
        sequence: u64,
    },
    /// An artefact that a decision names is changed.
    #[error("artefact {digest} of stage {stage}, decided on in entry {sequence}, was changed on disk")]
    ChangedArtefact {
        /// Of which stage.
        stage: String,
        /// Its digest.
        digest: String,
        /// The entry that names it.
        sequence: u64,
    },
    /// An artefact that a decision names is gone.
    #[error("artefact {digest} of stage {stage}, decided on in entry {sequence}, is gone from disk")]
    MissingArtefact {
        /// Of which stage.
        stage: String,
        /// Its digest.
        digest: String,
        /// The entry that names it.
        sequence: u64,
    },
    /// A checkpoint covers entries that are not there, or another head.
    #[error("the chain does not hold what the checkpoint {checkpoint} signs: it was cut short or computed anew")]
    CheckpointMismatch {
        /// The checkpoint's file.
        checkpoint: PathBuf,
    },
    /// A checkpoint's signature is wrong, or by another key.
    #[error("the signature of the checkpoint {checkpoint} is not valid{detail}")]
    BadSignature {
        /// The checkpoint's file.
        checkpoint: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

/// The result of verifying the chain.
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// Entries read.
    pub entries: u64,
    /// Artefacts hashed.
    pub artefacts: u64,
    /// Checkpoints checked.
    pub checkpoints: u64,
    /// What is wrong; nothing where all holds.
    pub faults: Vec<AuditFault>,
}

const START: Digest = Digest::from_bytes([0; 32]);
const CHECKPOINT_SCHEMA: &str = "scrutineer-checkpoint/1";

/// Appends an entry within a transaction: it stands or falls with what it records.
pub(super) fn append(transaction: &Transaction<'_>, kind: AuditKind, payload: &serde_json::Value) -> Result<u64> {
    let last = transaction.query_row("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))
    });
    let (sequence, previous) = last.optional()?.map_or((0, START), |(sequence, hash)| (sequence, Digest::from_bytes(hash)));
    let (sequence, time, payload) = (sequence + 1, now(), payload.to_string());
    let hash = entry_hash(&previous, sequence, &time, kind.name(), &payload);
    transaction.execute(
        "INSERT INTO audit (sequence, time, kind, payload, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![sequence, time, kind.name(), payload, previous.as_bytes(), hash.as_bytes()],
    )?;
    Ok(sequence.unsigned_abs())
}

fn entry_hash(previous: &Digest, sequence: i64, time: &str, kind: &str, payload: &str) -> Digest {
    Digest::of_parts([
        previous.as_bytes().as_slice(),
        &sequence.to_le_bytes(),
        time.as_bytes(),
        kind.as_bytes(),
        payload.as_bytes(),
    ])
}

impl Ledger {
    /// Appends an entry by itself.
    pub fn audit(&mut self, kind: AuditKind, payload: &serde_json::Value) -> Result<u64> {
        let transaction = self.database.transaction()?;
        let sequence = append(&transaction, kind, payload)?;
        transaction.commit()?;
        Ok(sequence)
    }

    /// The last `limit` entries, oldest first.
    pub fn audit_entries(&self, limit: usize) -> Result<Vec<AuditEntry>> {
        let mut query =
            self.database.prepare("SELECT sequence, time, kind, payload, hash FROM audit ORDER BY sequence DESC LIMIT ?1")?;
        let rows = query.query_map([limit as i64], |row| {
            Ok(AuditEntry {
                sequence: row.get::<_, i64>(0)?.unsigned_abs(),
                time: row.get(1)?,
                kind: row.get(2)?,
                payload: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
                hash: Digest::from_bytes(row.get(4)?),
            })
        })?;
        let mut entries = rows.collect::<Result<Vec<_>, _>>()?;
        entries.reverse();
        Ok(entries)
    }

    /// Verifies the chain, the artefacts that its decisions name, the checkpoints of the runs in the data folder, and one from
    /// elsewhere.
    pub fn verify_audit(&self, outside: Option<&Path>) -> Result<AuditReport> {
        let mut report = AuditReport { entries: 0, artefacts: 0, checkpoints: 0, faults: Vec::new() };
        self.verify_chain(&mut report)?;
        let runs = self.folder().join("runs");
        let mut checkpoints: Vec<PathBuf> = std::fs::read_dir(&runs)
            .map(|entries| {
                entries.flatten().map(|entry| entry.path().join("checkpoint.json")).filter(|path| path.is_file()).collect()
            })
            .unwrap_or_default();
        checkpoints.sort();
        checkpoints.extend(outside.map(Path::to_owned));
        for path in checkpoints {
            self.verify_checkpoint(&path, &mut report)?;
        }
        Ok(report)
    }

    fn verify_chain(&self, report: &mut AuditReport) -> Result<()> {
        let mut query =
            self.database.prepare("SELECT sequence, time, kind, payload, previous, hash FROM audit ORDER BY sequence")?;
        let mut rows = query.query([])?;
        let mut previous = START;
        let mut named: std::collections::BTreeMap<String, (String, u64)> = std::collections::BTreeMap::new();
        while let Some(row) = rows.next()? {
            let sequence: i64 = row.get(0)?;
            let (time, kind, payload): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let stored_previous = Digest::from_bytes(row.get(4)?);
            let hash = Digest::from_bytes(row.get(5)?);
            report.entries += 1;
            if sequence.unsigned_abs() != report.entries {
                report.faults.push(AuditFault::MissingEntry { sequence: report.entries });
                report.entries = sequence.unsigned_abs();
            }
            if stored_previous != previous || hash != entry_hash(&previous, sequence, &time, &kind, &payload) {
                report.faults.push(AuditFault::BrokenEntry { sequence: sequence.unsigned_abs() });
            }
            previous = hash;
            if kind == AuditKind::Decision.name()
                && let Ok(serde_json::Value::Object(payload)) = serde_json::from_str(&payload)
            {
                let artefacts = payload.get("artefacts").and_then(|artefacts| artefacts.as_object()).cloned().unwrap_or_default();
                for (stage, digest) in artefacts {
                    // A later decision on the same artefact is the one that counts.
                    named.insert(digest.as_str().unwrap_or_default().to_owned(), (stage, sequence.unsigned_abs()));
                }
            }
        }
        for (digest, (stage, sequence)) in named {
            report.artefacts += 1;
            let bytes = digest.parse::<Digest>().ok().and_then(|parsed| std::fs::read(self.artefact_path(&parsed)).ok());
            match bytes {
                None => report.faults.push(AuditFault::MissingArtefact { stage, digest, sequence }),
                Some(bytes) if Digest::of(&bytes).to_string() != digest => {
                    report.faults.push(AuditFault::ChangedArtefact { stage, digest, sequence });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn verify_checkpoint(&self, path: &Path, report: &mut AuditReport) -> Result<()> {
        let text = std::fs::read_to_string(path).map_err(|source| file("read", path, source))?;
        report.checkpoints += 1;
        let bad = |detail: String| AuditFault::BadSignature { checkpoint: path.to_owned(), detail };
        let checkpoint: Checkpoint = match serde_json::from_str(&text) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                report.faults.push(bad(format!(": {error}")));
                return Ok(());
            }
        };
        if let Err(detail) = checkpoint.verify() {
            report.faults.push(bad(format!(": {detail}")));
        } else if self.public_key()?.is_some_and(|key| key != checkpoint.public_key) {
            report.faults.push(bad(": it is by another key than this data folder's".to_owned()));
        }
        let sequence = checkpoint.sequence as i64;
        let head = self.database.query_row("SELECT hash FROM audit WHERE sequence = ?1", [sequence], digest_column).optional()?;
        if head != Some(checkpoint.head) {
            report.faults.push(AuditFault::CheckpointMismatch { checkpoint: path.to_owned() });
        }
        Ok(())
    }

    /// Signs how far the chain has come and writes it to `path`. The key is made at first use.
    pub fn checkpoint(&mut self, path: &Path) -> Result<Checkpoint> {
        let key = self.signing_key()?;
        let head = self.database.query_row("SELECT hash, sequence FROM audit ORDER BY sequence DESC LIMIT 1", [], |row| {
            Ok((digest_column(row)?, row.get::<_, i64>(1)?.unsigned_abs()))
        });
        let (head, sequence) = head.optional()?.unwrap_or((START, 0));
        let mut checkpoint = Checkpoint {
            schema: CHECKPOINT_SCHEMA.to_owned(),
            sequence,
            head,
            count: sequence,
            time: now(),
            public_key: hexadecimal(key.verifying_key().as_bytes()),
            signature: String::new(),
        };
        checkpoint.signature = hexadecimal(&key.sign(&checkpoint.signed_bytes()).to_bytes());
        let text = serde_json::to_string_pretty(&checkpoint).map_err(|error| corrupt("a checkpoint", &error))?;
        write_durably(path, text.as_bytes())?;
        Ok(checkpoint)
    }

    fn key_file(&self) -> PathBuf {
        self.folder().join("keys").join("checkpoint.ed25519")
    }

    fn public_key(&self) -> Result<Option<String>> {
        let path = self.key_file().with_extension("pub");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file("read", &path, source)),
        }
    }

    fn signing_key(&self) -> Result<SigningKey> {
        let path = self.key_file();
        match std::fs::read(&path) {
            Ok(bytes) => {
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| corrupt("the signing key", &"it is not 32 bytes long"))?;
                Ok(SigningKey::from_bytes(&bytes))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut secret = [0; 32];
                getrandom::fill(&mut secret).map_err(|error| corrupt("a new signing key", &error))?;
                let key = SigningKey::from_bytes(&secret);
                // Files made by write_durably are readable by their owner alone.
                write_durably(&path, &secret)?;
                write_durably(&path.with_extension("pub"), hexadecimal(key.verifying_key().as_bytes()).as_bytes())?;
                Ok(key)
            }
            Err(source) => Err(file("read", &path, source)),
        }
    }
}

impl Checkpoint {
    /// Checks the signature by the checkpoint's own key.
    fn verify(&self) -> Result<(), String> {
        let key =
            bytes_of(&self.public_key).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or("the public key is malformed")?;
        let key = VerifyingKey::from_bytes(&key).map_err(|error| error.to_string())?;
        let signature =
            bytes_of(&self.signature).and_then(|bytes| <[u8; 64]>::try_from(bytes).ok()).ok_or("the signature is malformed")?;
        key.verify(&self.signed_bytes(), &Signature::from_bytes(&signature)).map_err(|error| error.to_string())
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let Self { schema, sequence, head, count, time, .. } = self;
        Digest::of_parts([schema.as_bytes(), &sequence.to_le_bytes(), head.as_bytes(), &count.to_le_bytes(), time.as_bytes()])
            .as_bytes()
            .to_vec()
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
