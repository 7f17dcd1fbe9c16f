//! Runs, and what became of each of their inputs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::artefacts::write_durably;
use super::audit::AuditKind;
use super::{Ledger, LedgerError, Result, now};
use crate::case::rules::CaseSpec;
use crate::digest::Digest;

/// What a run starts with.
#[derive(Clone, Debug)]
pub struct RunStart {
    /// The pipeline's name and the first digits of its digest.
    pub pipeline: String,
    /// SHA-256 of the pipeline file.
    pub pipeline_digest: Digest,
    /// The pipeline's [`CaseSpec`] as JSON: `cases deliver` reads it later. It holds no secrets, only where they are.
    pub cases: String,
    /// Digest by name of each model.
    pub models: BTreeMap<String, Digest>,
    /// How the weights of each model are stored, by its name.
    pub quantisation: BTreeMap<String, String>,
    /// The arithmetic that runs.
    pub kernel_profile: String,
}

/// A run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRecord {
    /// The number; `R-0001` for people.
    pub number: i64,
    /// The id (ULID).
    pub id: String,
    /// The pipeline's name and the first digits of its digest.
    pub pipeline: String,
    /// The rules and connectors for cases as JSON.
    #[serde(skip)]
    pub cases: String,
    /// The version of the program.
    pub version: String,
    /// Digest by name of each model.
    pub models: BTreeMap<String, String>,
    /// The arithmetic that ran.
    pub kernel_profile: String,
    /// When it started.
    pub started: String,
    /// When it ended; none while it runs, or where it was killed.
    pub ended: Option<String>,
    /// The exit code.
    pub exit: Option<u8>,
}

impl RunRecord {
    /// The number as people write it.
    pub fn name(&self) -> String {
        run_name(self.number)
    }
}

/// The name of the report in a run's folder.
pub(super) const REPORT: &str = "report.json";

fn run_name(number: i64) -> String {
    format!("R-{number:04}")
}

/// What became of one input of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InputRecord {
    /// The path as given.
    pub path: String,
    /// `done`, `unchanged`, `duplicate`, `quarantined`, `failed`.
    pub state: String,
    /// The file's digest, where it could be read.
    pub document: Option<Digest>,
    /// A stable code.
    pub reason: Option<String>,
    /// For people.
    pub message: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

const COLUMNS: &str = "number, id, pipeline, cases, version, models, kernel_profile, started, ended, exit";

impl Ledger {
    /// Starts a run. Runs that never ended (killed) stay in the ledger as such.
    pub fn start_run(&mut self, start: &RunStart) -> Result<RunRecord> {
        let models: BTreeMap<&String, String> = start.models.iter().map(|(name, digest)| (name, digest.to_string())).collect();
        let models = serde_json::json!(models).to_string();
        let id = Ulid::new().to_string();
        let version = env!("CARGO_PKG_VERSION");
        let transaction = self.database.transaction()?;
        transaction.execute(
            "INSERT INTO run (id, pipeline, pipeline_digest, cases, version, models, kernel_profile, started)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                id,
                start.pipeline,
                start.pipeline_digest.as_bytes(),
                start.cases,
                version,
                models,
                start.kernel_profile,
                now()
            ],
        )?;
        let number = transaction.last_insert_rowid();
        let payload = serde_json::json!({
            "run": id, "name": run_name(number), "pipeline": start.pipeline, "pipeline_sha256": start.pipeline_digest,
            "models": start.models, "quantisation": start.quantisation, "kernel_profile": start.kernel_profile, "version": version,
        });
        super::audit::append(&transaction, AuditKind::RunStarted, &payload)?;
        transaction.commit()?;
        let query = format!("SELECT {COLUMNS} FROM run WHERE number = ?1");
        Ok(self.database.query_row(&query, [number], record)?)
    }

    /// Ends a run: writes its report beside its checkpoint, and an entry with the report's digest into the audit chain. `report`
    /// gets the sequence of that entry, up to which a checkpoint made next signs, and gives the report's text.
    ///
    /// # Errors
    /// A failure of the disk or the database; then the run has not ended.
    pub fn end_run(&mut self, run: &RunRecord, exit: u8, report: impl FnOnce(u64) -> serde_json::Result<String>) -> Result<()> {
        // A new signing key has an entry of its own, which must not come between this one and the checkpoint.
        self.signing_key()?;
        let path = self.run_folder(run).join(REPORT);
        let transaction = self.database.transaction()?;
        let text = report(super::audit::next_sequence(&transaction)?).map_err(|error| LedgerError::Corrupt {
            what: format!("the report of run {}", run.name()),
            detail: error.to_string(),
        })?;
        write_durably(&path, text.as_bytes())?;
        transaction.execute("UPDATE run SET ended = ?2, exit = ?3 WHERE number = ?1", params![run.number, now(), exit])?;
        let digest = Digest::of(text.as_bytes());
        let payload = serde_json::json!({ "run": run.id, "name": run.name(), "exit": exit, "report_sha256": digest });
        super::audit::append(&transaction, AuditKind::RunEnded, &payload)?;
        Ok(transaction.commit()?)
    }

    /// A run by its number.
    pub fn run(&self, number: i64) -> Result<Option<RunRecord>> {
        let query = format!("SELECT {COLUMNS} FROM run WHERE number = ?1");
        Ok(self.database.query_row(&query, [number], record).optional()?)
    }

    /// The runs, newest first, at most `limit`.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRecord>> {
        let mut query = self.database.prepare(&format!("SELECT {COLUMNS} FROM run ORDER BY number DESC LIMIT ?1"))?;
        let rows = query.query_map([limit as i64], record)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What became of the inputs of a run, by path.
    pub fn run_inputs(&self, number: i64) -> Result<Vec<InputRecord>> {
        let mut query = self
            .database
            .prepare("SELECT path, state, document, reason, message, remedy FROM run_input WHERE run = ?1 ORDER BY path")?;
        let rows = query.query_map([number], |row| {
            Ok(InputRecord {
                path: row.get(0)?,
                state: row.get(1)?,
                document: row.get::<_, Option<[u8; 32]>>(2)?.map(Digest::from_bytes),
                reason: row.get(3)?,
                message: row.get(4)?,
                remedy: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The case section of the last run's pipeline file, with that run: what `cases deliver` sends to.
    ///
    /// # Errors
    /// A failure of the database, or a section that this program cannot read.
    pub fn latest_cases(&self) -> Result<Option<(RunRecord, CaseSpec)>> {
        let Some(run) = self.runs(1)?.pop() else { return Ok(None) };
        let spec = serde_json::from_str(&run.cases).map_err(|error| LedgerError::Corrupt {
            what: format!("the case section of run {}", run.name()),
            detail: error.to_string(),
        })?;
        Ok(Some((run, spec)))
    }

    /// The folder of a run: its report and its checkpoint.
    pub fn run_folder(&self, run: &RunRecord) -> PathBuf {
        self.folder().join("runs").join(run.name())
    }

    /// Records what became of an input.
    pub fn record_input(&mut self, run: &RunRecord, input: &InputRecord) -> Result<()> {
        let document = input.document.map(|digest| digest.as_bytes().to_vec());
        self.database.execute(
            "INSERT OR REPLACE INTO run_input (run, path, state, document, reason, message, remedy) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![run.number, input.path, input.state, document, input.reason, input.message, input.remedy],
        )?;
        Ok(())
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let models: String = row.get(5)?;
    Ok(RunRecord {
        number: row.get(0)?,
        id: row.get(1)?,
        pipeline: row.get(2)?,
        cases: row.get(3)?,
        version: row.get(4)?,
        models: serde_json::from_str(&models)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(error)))?,
        kernel_profile: row.get(6)?,
        started: row.get(7)?,
        ended: row.get(8)?,
        exit: row.get(9)?,
    })
}
