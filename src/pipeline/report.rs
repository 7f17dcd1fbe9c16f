//! The report of a run: what `run` prints at its end and writes to `runs/RUN/report.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema of [`Report`]; raised when a field changes its meaning.
pub const SCHEMA: &str = "scrutineer-report/1";

/// Everything that a run did, one state per input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// The run's number, for people: `R-0001`.
    pub run: String,
    /// The run's id (ULID).
    pub run_id: String,
    /// The pipeline's name and the first digits of its file's digest: `disclosures@41ab`.
    pub pipeline: String,
    /// When it started (RFC 3339, UTC).
    pub started: String,
    /// When it ended (RFC 3339, UTC).
    pub ended: String,
    /// The exit code.
    pub exit: u8,
    /// The version of the program.
    pub version: String,
    /// Digest by name of each model that ran.
    pub models: BTreeMap<String, String>,
    /// How the weights of each model are stored, by its name: `int8, a scale per row`, `f32`…
    #[serde(default)]
    pub quantisation: BTreeMap<String, String>,
    /// The arithmetic that ran: `avx512-vnni`, `avx2`, `portable`, `reference-f32`.
    pub kernel_profile: String,
    /// The inputs by state.
    pub inputs: InputCounts,
    /// Each input with its state.
    pub input_states: Vec<InputState>,
    /// The pages by how they were read.
    pub pages: PageCounts,
    /// The sentences of the summaries.
    pub sentences: SentenceCounts,
    /// The flags.
    pub flags: FlagCounts,
    /// The case events.
    pub delivery: DeliveryCounts,
    /// What a person should look at.
    pub warnings: Vec<String>,
    /// Seconds of wall time and pages per second, whole and per stage.
    pub speed: Speed,
    /// The signed checkpoint of the audit chain.
    pub checkpoint: Option<CheckpointLine>,
}

/// Inputs by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputCounts {
    /// All of them.
    pub total: u32,
    /// Read and judged in this run.
    pub done: u32,
    /// Done before with the same settings and models: nothing to do.
    pub unchanged: u32,
    /// The same bytes as another input.
    pub duplicate: u32,
    /// Could not be read; see `scrutineer quarantine`.
    pub quarantined: u32,
    /// Failed for a reason that is not the file's; tried again by the next run.
    pub failed: u32,
    /// Not started: the run was stopped.
    pub not_started: u32,
    /// Files in the folders that are no PDF by name.
    pub skipped: u32,
}

/// What became of one input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InputState {
    /// The path as given.
    pub path: String,
    /// `done`, `unchanged`, `duplicate`, `quarantined`, `failed` or `not-started`.
    pub state: String,
    /// SHA-256 of the file, where it could be read.
    pub document: Option<String>,
    /// A stable code: `password-protected`, `damaged`, `empty`, `not-pdf`, `timed-out`…
    pub reason: Option<String>,
    /// What happened, for people.
    pub message: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Pages of the file.
    pub pages: u32,
    /// Pages that could not be read, from 1.
    pub unread_pages: Vec<u32>,
}

/// Pages by how they were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PageCounts {
    /// All of them.
    pub total: u32,
    /// From the text layer.
    pub text: u32,
    /// By OCR.
    pub ocr: u32,
    /// With nothing printed on them.
    pub blank: u32,
    /// Unread: scans without OCR, damaged pages.
    pub unread: u32,
}

/// Sentences of the summaries. Support rates count generated sentences only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentenceCounts {
    /// Written by a model.
    pub generated: u32,
    /// Generated, and the source says so.
    pub supported: u32,
    /// Generated, and the source says otherwise.
    pub contradicted: u32,
    /// Generated, and the source does not say so.
    pub not_found: u32,
    /// Generated, and could not be checked.
    pub not_checkable: u32,
    /// Generated sentences that were shown.
    pub released: u32,
    /// Generated sentences replaced by a quotation.
    pub replaced: u32,
    /// Generated sentences dropped.
    pub dropped: u32,
    /// Quotations, not counted above.
    pub quoted: u32,
    /// Sentences that a model wrote without citing what it was shown: thrown away before any check, not counted above.
    pub uncited: u32,
}

/// Flags after the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlagCounts {
    /// Live flags on the documents of this run.
    pub live: u32,
    /// Raised in this run.
    pub new: u32,
    /// Continued with a change.
    pub updated: u32,
    /// No longer found.
    pub withdrawn: u32,
    /// Above the number of cases per document, or below the rules: waiting for review.
    pub in_review: u32,
}

/// Case events in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryCounts {
    /// Put into the outbox by this run.
    pub queued: u32,
    /// Waiting, in the whole outbox.
    pub pending: u32,
    /// Waiting for another try.
    pub retry: u32,
    /// Given up: see `scrutineer cases dead list`.
    pub dead: u32,
    /// Delivered.
    pub delivered: u32,
}

/// How fast it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Speed {
    /// Wall time of the run in seconds.
    pub seconds: f64,
    /// Pages done per second of wall time.
    pub pages_per_second: f64,
    /// Peak resident memory of the main process in MB, where the system tells.
    pub peak_memory_mb: Option<u64>,
    /// Per stage: pages, seconds spent (added over threads), pages per second of that.
    pub stages: BTreeMap<String, StageSpeed>,
}

/// How fast a stage went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageSpeed {
    /// Pages it worked on.
    pub pages: u32,
    /// Seconds of wall time in which at least one document was in it; stages overlap.
    pub seconds: f64,
    /// Pages per second of that time.
    pub pages_per_second: f64,
}

/// Where the signed checkpoint of the audit chain is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointLine {
    /// The file.
    pub path: String,
    /// The sequence of the last entry it covers.
    pub sequence: u64,
}

impl Report {
    /// Adds an input's state and counts it.
    pub fn add_input(&mut self, state: InputState) {
        let counts = &mut self.inputs;
        counts.total += 1;
        *match state.state.as_str() {
            "done" => &mut counts.done,
            "unchanged" => &mut counts.unchanged,
            "duplicate" => &mut counts.duplicate,
            "quarantined" => &mut counts.quarantined,
            "failed" => &mut counts.failed,
            _ => &mut counts.not_started,
        } += 1;
        self.input_states.push(state);
    }
}
