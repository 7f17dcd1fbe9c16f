//! Delivery: at least once, in order per case, never a newer state overtaken by an older one.
//!
//! ```text
//! pending ──▶ delivered
//!    │ ▲
//!    ▼ │ (time, Retry-After)
//!  retry ──▶ dead ──(cases dead retry)──▶ pending
//! ```
//!
//! A newer revision supersedes an unsent older one. A row is marked before an attempt and after it; a crash in between leaves it
//! to be sent again under the same id.

use serde::{Deserialize, Serialize};

use super::connector::{Attempt, Connector, Parcel};

/// The state of an outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Not tried yet.
    Pending,
    /// An attempt is under way, or was when the process died.
    Sending,
    /// Tried without success; due again later.
    Retry,
    /// The receiver has it.
    Delivered,
    /// Given up; a person decides.
    Dead,
    /// A newer revision went in its place.
    Superseded,
    /// A person dropped it.
    Dropped,
}

impl DeliveryState {
    /// The name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Retry => "retry",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Superseded => "superseded",
            Self::Dropped => "dropped",
        }
    }

    /// The state of a name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Sending, Self::Retry, Self::Delivered, Self::Dead, Self::Superseded, Self::Dropped];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// An event on its way to one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxRow {
    /// Its place in the outbox.
    pub sequence: i64,
    /// The case.
    pub case_id: String,
    /// The revision of the case.
    pub revision: u32,
    /// The connector's name.
    pub target: String,
    /// The event as JSON.
    #[serde(skip)]
    pub event: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// When the next attempt is due, in seconds since 1970.
    pub due: i64,
    /// What the last attempt said.
    pub last_status: Option<String>,
}

/// Keeps outbox rows. Every call is durable when it returns.
pub trait OutboxStore {
    /// Why the store failed.
    type Error;
    /// The rows for a target that are due at `now` (seconds since 1970) or were left in `sending`, oldest first, and per case only
    /// the oldest unsettled one.
    fn due(&self, target: &str, now: i64) -> Result<Vec<OutboxRow>, Self::Error>;
    /// Marks older unsent rows of cases that have a newer unsent revision for the same target as superseded; returns how many.
    fn supersede(&mut self, target: &str) -> Result<u32, Self::Error>;
    /// Sets a row's state after an attempt, or before one (`sending`).
    fn settle(&mut self, row: &OutboxRow, remote_id: Option<&str>) -> Result<(), Self::Error>;
}

/// What a delivery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryReport {
    /// Delivered.
    pub delivered: u32,
    /// To be tried again.
    pub retry: u32,
    /// Given up.
    pub dead: u32,
    /// Overtaken by a newer revision before they were sent.
    pub superseded: u32,
    /// Whether the receiver is gone, or failed so often in a row that the rest waits.
    pub stopped: bool,
}

/// Seconds after which an attempt follows the one before: the schedule of Standard Webhooks.
pub const SCHEDULE: [i64; 10] = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// After so many failures in a row the rest of a target's rows waits for the next call.
const BREAKER: u32 = 5;

/// Hands over what is due to one target. `now` is seconds since 1970.
///
/// # Errors
/// What the store says; rows under way stay `sending` and are sent again.
pub fn deliver<S: OutboxStore>(
    store: &mut S,
    target: &str,
    connector: &mut dyn Connector,
    now: i64,
) -> Result<DeliveryReport, S::Error> {
    let mut report = DeliveryReport { superseded: store.supersede(target)?, ..DeliveryReport::default() };
    let mut failures_in_a_row = 0;
    loop {
        let due = store.due(target, now)?;
        if due.is_empty() || report.stopped {
            return Ok(report);
        }
        let mut handed_over = Vec::new();
        for mut row in due {
            if report.stopped {
                break;
            }
            row.state = DeliveryState::Sending;
            row.attempts += 1;
            store.settle(&row, None)?;
            let attempt =
                connector.hand_over(&Parcel { id: format!("{}:{}", row.case_id, row.revision), body: row.event.clone() });
            match attempt {
                Attempt::Delivered { remote_id } => {
                    failures_in_a_row = 0;
                    handed_over.push((row, remote_id));
                }
                Attempt::Retry { status, after_seconds } => {
                    failures_in_a_row += 1;
                    report.stopped = failures_in_a_row >= BREAKER;
                    settle_failure(store, row, status, after_seconds, now, &mut report)?;
                }
                Attempt::Refused { status } => settle_dead(store, row, status, &mut report)?,
                Attempt::Gone { status } => {
                    report.stopped = true;
                    settle_dead(store, row, status, &mut report)?;
                }
            }
        }
        let flushed = connector.flush();
        for (mut row, remote_id) in handed_over {
            match &flushed {
                Ok(()) => {
                    row.state = DeliveryState::Delivered;
                    row.last_status = Some("delivered".to_owned());
                    store.settle(&row, remote_id.as_deref())?;
                    report.delivered += 1;
                }
                Err(status) => {
                    report.stopped = true;
                    settle_failure(store, row, status.clone(), None, now, &mut report)?;
                }
            }
        }
    }
}

fn settle_failure<S: OutboxStore>(
    store: &mut S,
    mut row: OutboxRow,
    status: String,
    after_seconds: Option<u64>,
    now: i64,
    report: &mut DeliveryReport,
) -> Result<(), S::Error> {
    let Some(&pause) = SCHEDULE.get(row.attempts as usize) else { return settle_dead(store, row, status, report) };
    let asked = after_seconds.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0).min(SCHEDULE[SCHEDULE.len() - 1]);
    row.state = DeliveryState::Retry;
    row.due = now + pause.max(asked) + jitter(&row, pause);
    row.last_status = Some(status);
    store.settle(&row, None)?;
    report.retry += 1;
    Ok(())
}

fn settle_dead<S: OutboxStore>(
    store: &mut S,
    mut row: OutboxRow,
    status: String,
    report: &mut DeliveryReport,
) -> Result<(), S::Error> {
    row.state = DeliveryState::Dead;
    row.last_status = Some(status);
    store.settle(&row, None)?;
    report.dead += 1;
    Ok(())
}

/// Up to a tenth of the pause, by the row's own id: rows that failed together do not come back together, and a test sees the
/// same every time.
fn jitter(row: &OutboxRow, pause: i64) -> i64 {
    let seed =
        crate::digest::Digest::of_parts([row.case_id.as_bytes(), &row.revision.to_le_bytes(), &row.attempts.to_le_bytes()]);
    i64::from(seed.as_bytes()[0]) * pause / 2550
}
