//! Does the audit chain hold? Every entry, every artefact that a decision names, every report of a run, every checkpoint.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::audit::{AuditKind, START, canonical, raw};
use super::documents::digest_column;
use super::runs::REPORT;
use super::{Checkpoint, Ledger, LedgerError, Result, file};
use crate::digest::Digest;

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
    /// Sequence numbers are missing.
    #[error("entries {sequence} to {last} are missing")]
    MissingEntries {
        /// The first one missing.
        sequence: u64,
        /// The last one missing.
        last: u64,
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
    /// The report of a run is not the one that the run ended with.
    #[error("the report of run {run}, which ended with entry {sequence}, was changed on disk")]
    ChangedReport {
        /// The run.
        run: String,
        /// The entry that names the report.
        sequence: u64,
    },
    /// The report of a run is gone.
    #[error("the report of run {run}, which ended with entry {sequence}, is gone from disk")]
    MissingReport {
        /// The run.
        run: String,
        /// The entry that names the report.
        sequence: u64,
    },
    /// A checkpoint covers entries that are not there, or another head.
    #[error(
        "the chain does not hold what the checkpoint {checkpoint} signs for entry {sequence}: it was cut short or computed anew"
    )]
    CheckpointMismatch {
        /// The checkpoint's file.
        checkpoint: PathBuf,
        /// The entry that it covers last.
        sequence: u64,
    },
    /// A checkpoint's signature is wrong, or by another key.
    #[error("the checkpoint {checkpoint} is not valid: {detail}")]
    BadCheckpoint {
        /// The checkpoint's file.
        checkpoint: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

/// The result of verifying the chain.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AuditReport {
    /// Entries read.
    pub entries: u64,
    /// The hash of the last entry.
    pub head: Option<Digest>,
    /// Artefacts hashed.
    pub artefacts: u64,
    /// Reports of runs hashed.
    pub reports: u64,
    /// Checkpoints checked.
    pub checkpoints: u64,
    /// What is wrong; nothing where all holds.
    pub faults: Vec<AuditFault>,
}

impl Ledger {
    /// Verifies the chain, the artefacts that its decisions name, the reports and the checkpoints of the runs in the data folder,
    /// and a checkpoint from elsewhere. Readers may do so while a run is writing.
    ///
    /// # Errors
    /// Where the ledger or the outside checkpoint cannot be read at all; what is wrong with them is in the report.
    pub fn verify_audit(&self, outside: Option<&Path>) -> Result<AuditReport> {
        // The checkpoints are listed before the chain is read: one that is written meanwhile must not look like a future one.
        let checkpoints = self.run_checkpoints()?;
        let snapshot = self.database.unchecked_transaction()?;
        let mut report = AuditReport::default();
        let named = verify_chain(&snapshot, &mut report)?;
        self.verify_artefacts(named.artefacts, &mut report)?;
        self.verify_reports(named.reports, &mut report)?;
        for path in &checkpoints {
            self.verify_checkpoint(&snapshot, path, &mut report)?;
        }
        if let Some(path) = outside {
            // A path that names nothing is the user's mistake, not tampering.
            std::fs::metadata(path).map_err(|source| file("read", path, source))?;
            self.verify_checkpoint(&snapshot, path, &mut report)?;
        }
        Ok(report)
    }

    fn run_checkpoints(&self) -> Result<Vec<PathBuf>> {
        let runs = self.folder().join("runs");
        let entries = match std::fs::read_dir(&runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(file("read", &runs, source)),
        };
        let mut found: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path().join("checkpoint.json")).filter(|path| path.is_file()).collect();
        found.sort();
        Ok(found)
    }

    fn verify_artefacts(&self, named: BTreeMap<String, (String, u64)>, report: &mut AuditReport) -> Result<()> {
        for (digest, (stage, sequence)) in named {
            report.artefacts += 1;
            let Ok(parsed) = digest.parse::<Digest>() else {
                report.faults.push(AuditFault::MissingArtefact { stage, digest, sequence });
                continue;
            };
            match digest_of_file(&self.artefact_path(&parsed))? {
                None => report.faults.push(AuditFault::MissingArtefact { stage, digest, sequence }),
                Some(found) if found != parsed => report.faults.push(AuditFault::ChangedArtefact { stage, digest, sequence }),
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn verify_reports(&self, named: Vec<NamedReport>, report: &mut AuditReport) -> Result<()> {
        for NamedReport { run, digest, sequence } in named {
            report.reports += 1;
            match digest_of_file(&self.folder().join("runs").join(&run).join(REPORT))? {
                None => report.faults.push(AuditFault::MissingReport { run, sequence }),
                Some(found) if found.to_string() != digest => report.faults.push(AuditFault::ChangedReport { run, sequence }),
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn verify_checkpoint(&self, snapshot: &Connection, path: &Path, report: &mut AuditReport) -> Result<()> {
        report.checkpoints += 1;
        let bad = |detail: String| AuditFault::BadCheckpoint { checkpoint: path.to_owned(), detail };
        let checkpoint = match Checkpoint::read(path) {
            Ok(checkpoint) => checkpoint,
            Err(LedgerError::Corrupt { detail, .. }) => {
                report.faults.push(bad(detail));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if let Err(detail) = checkpoint.verify_signature() {
            report.faults.push(bad(detail));
        } else if self.checkpoint_key()?.is_some_and(|key| key != checkpoint.public_key) {
            report.faults.push(bad("it is signed by another key than this data folder's".to_owned()));
        }
        let sequence = checkpoint.sequence;
        let mut query = snapshot
            .prepare_cached("SELECT hash, (SELECT count(*) FROM audit WHERE sequence <= ?1) FROM audit WHERE sequence = ?1")?;
        let held = query
            .query_row([sequence as i64], |row| Ok((digest_column(row)?, row.get::<_, i64>(1)?.unsigned_abs())))
            .optional()?
            .unwrap_or((START, 0));
        if held != (checkpoint.head, checkpoint.count) {
            report.faults.push(AuditFault::CheckpointMismatch { checkpoint: path.to_owned(), sequence });
        }
        Ok(())
    }
}

/// The files that entries of the chain name.
#[derive(Default)]
struct NamedFiles {
    /// The artefacts of decisions, by digest: the stage, and the last entry that names it.
    artefacts: BTreeMap<String, (String, u64)>,
    /// The reports of runs.
    reports: Vec<NamedReport>,
}

/// The report that a run ended with.
struct NamedReport {
    run: String,
    digest: String,
    sequence: u64,
}

fn verify_chain(snapshot: &Connection, report: &mut AuditReport) -> Result<NamedFiles> {
    let mut query = snapshot.prepare("SELECT sequence, time, kind, payload, previous, hash FROM audit ORDER BY sequence")?;
    let mut rows = query.query([])?;
    let (mut previous, mut last) = (START, 0);
    let mut named = NamedFiles::default();
    while let Some(row) = rows.next()? {
        let entry = match raw(row) {
            Ok(entry) => entry,
            // A column that no longer has its type was changed.
            Err(rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)) => {
                last = row.get::<_, i64>(0).map_or(last + 1, i64::unsigned_abs);
                report.faults.push(AuditFault::BrokenEntry { sequence: last });
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if entry.sequence > last + 1 {
            report.faults.push(AuditFault::MissingEntries { sequence: last + 1, last: entry.sequence - 1 });
        }
        let payload = serde_json::from_str::<serde_json::Value>(&entry.payload).ok();
        let in_form = payload.as_ref().is_some_and(|payload| canonical(payload) == entry.payload);
        if !in_form || entry.previous != previous || entry.hash != entry.computed_hash() {
            report.faults.push(AuditFault::BrokenEntry { sequence: entry.sequence });
        }
        let payload = payload.unwrap_or_default();
        if entry.kind == AuditKind::Decision.name() {
            named.artefacts.extend(artefacts_of(&payload, entry.sequence));
        } else if entry.kind == AuditKind::RunEnded.name() {
            named.reports.extend(report_of(&payload, entry.sequence));
        }
        (previous, last) = (entry.hash, entry.sequence);
        report.entries += 1;
        report.head = Some(entry.hash);
    }
    Ok(named)
}

fn artefacts_of(payload: &serde_json::Value, sequence: u64) -> Vec<(String, (String, u64))> {
    let artefacts = payload.get("artefacts").and_then(serde_json::Value::as_object).into_iter().flatten();
    artefacts.filter_map(|(stage, digest)| Some((digest.as_str()?.to_owned(), (stage.clone(), sequence)))).collect()
}

fn report_of(payload: &serde_json::Value, sequence: u64) -> Option<NamedReport> {
    let text = |key: &str| Some(payload.get(key)?.as_str()?.to_owned());
    Some(NamedReport { run: text("name")?, digest: text("report_sha256")?, sequence })
}

/// The digest of a file; none where there is none.
fn digest_of_file(path: &Path) -> Result<Option<Digest>> {
    match std::fs::File::open(path).and_then(Digest::of_reader) {
        Ok(digest) => Ok(Some(digest)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file("read", path, source)),
    }
}
