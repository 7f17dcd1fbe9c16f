//! Delivery: at least once, in order per case, never a newer state overtaken by an older one.
//!
//! ```text
//! pending ─▶ sending ─▶ delivered
//!    ▲          │
//!    │          ├─▶ retry ─(time, Retry-After)─▶ sending
//!    │          ▼
//!    └──────── dead  ─▶ dropped          (`cases dead retry`, `cases dead drop`)
//! pending, retry ─▶ superseded (a newer revision goes in its place), withdrawn (nothing of the case was ever sent)
//! ```
//!
//! A newer revision supersedes an unsent older one. A row is marked before an attempt and after it; a crash in between leaves it
//! to be sent again under the same id.

use serde::{Deserialize, Serialize};

use super::connector::{Attempt, Connector, Parcel};
use crate::digest::Digest;

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
    /// Its case was withdrawn before anything of it was sent: there is nothing to say.
    Withdrawn,
    /// A person dropped it.
    Dropped,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Sending,
        Self::Retry,
        Self::Delivered,
        Self::Dead,
        Self::Superseded,
        Self::Withdrawn,
        Self::Dropped,
    ];

    /// The name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Retry => "retry",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
            Self::Dropped => "dropped",
        }
    }

    /// The state of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
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
    /// What the event says of its case: `new`, `updated` or `withdrawn`.
    pub status: String,
}

impl OutboxRow {
    /// The event's id: the idempotency key, the same over all tries.
    pub fn event_id(&self) -> String {
        format!("{}:{}", self.case_id, self.revision)
    }
}

/// Whether a target takes events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Why nothing more is sent until a person enables it again: the receiver said that it is gone.
    pub disabled: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// Nothing is sent before (seconds since 1970).
    pub paused_until: i64,
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
    /// Whether a target takes events.
    fn gate(&self, target: &str) -> Result<Gate, Self::Error>;
    /// Disables, pauses or opens a target.
    fn set_gate(&mut self, target: &str, gate: &Gate) -> Result<(), Self::Error>;
}

/// What a delivery did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryReport {
    /// Delivered.
    pub delivered: u32,
    /// To be tried again.
    pub retry: u32,
    /// Given up.
    pub dead: u32,
    /// Overtaken by a newer revision before they were sent.
    pub superseded: u32,
    /// Why the rest waits, where it does: the receiver is gone, or failed so often in a row.
    pub stopped: Option<String>,
}

/// Seconds after which an attempt follows the one before: the schedule of Standard Webhooks. After the last one a row is dead.
pub const SCHEDULE: [i64; 10] = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// After so many failures in a row nothing more is sent to a target for a while.
const BREAKER: u32 = 5;

/// For how long, in seconds, where the receiver does not say.
const PAUSE: i64 = 300;

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
    let mut gate = store.gate(target)?;
    report.stopped = refusal(&gate, now);
    while report.stopped.is_none() {
        let due = store.due(target, now)?;
        if due.is_empty() {
            break;
        }
        let mut handed_over = Vec::new();
        for mut row in due {
            row.state = DeliveryState::Sending;
            row.attempts += 1;
            store.settle(&row, None)?;
            match connector.hand_over(&Parcel { id: row.event_id(), body: row.event.clone() }) {
                Attempt::Delivered { remote_id } => {
                    gate.failures = 0;
                    handed_over.push((row, remote_id));
                }
                Attempt::Retry { status, after_seconds } => {
                    gate.failures += 1;
                    if gate.failures >= BREAKER {
                        gate.paused_until = now + pause_asked_for(after_seconds).max(PAUSE);
                    }
                    settle_failure(store, row, status, after_seconds, now, &mut report)?;
                }
                Attempt::Refused { status } => {
                    gate.failures = 0;
                    settle_dead(store, row, status, &mut report)?;
                }
                Attempt::Gone { status } => {
                    gate.disabled = Some(status.clone());
                    settle_dead(store, row, status, &mut report)?;
                }
            }
            report.stopped = refusal(&gate, now);
            if report.stopped.is_some() {
                break;
            }
        }
        flush(store, connector, handed_over, now, &mut report)?;
        store.set_gate(target, &gate)?;
    }
    Ok(report)
}

/// Why nothing goes to a target now.
fn refusal(gate: &Gate, now: i64) -> Option<String> {
    match &gate.disabled {
        Some(status) => Some(format!("the receiver is gone: {status}")),
        None if gate.paused_until > now => {
            Some(format!("{} failures in a row, paused for {} s", gate.failures, gate.paused_until - now))
        }
        None => None,
    }
}

/// What was handed over counts as delivered once the connector has made it durable.
fn flush<S: OutboxStore>(
    store: &mut S,
    connector: &mut dyn Connector,
    handed_over: Vec<(OutboxRow, Option<String>)>,
    now: i64,
    report: &mut DeliveryReport,
) -> Result<(), S::Error> {
    if handed_over.is_empty() {
        return Ok(());
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
                report.stopped = Some(status.clone());
                settle_failure(store, row, status.clone(), None, now, report)?;
            }
        }
    }
    Ok(())
}

fn settle_failure<S: OutboxStore>(
    store: &mut S,
    mut row: OutboxRow,
    status: String,
    after_seconds: Option<u64>,
    now: i64,
    report: &mut DeliveryReport,
) -> Result<(), S::Error> {
    let Some(&pause) = SCHEDULE.get(row.attempts as usize) else {
        return settle_dead(store, row, format!("given up after {} attempts: {status}", SCHEDULE.len()), report);
    };
    row.state = DeliveryState::Retry;
    row.due = now + (pause + jitter(&row, pause)).max(pause_asked_for(after_seconds));
    row.last_status = Some(status);
    store.settle(&row, None)?;
    report.retry += 1;
    Ok(())
}

/// Retry-After in seconds, at most the longest pause of the schedule.
fn pause_asked_for(after_seconds: Option<u64>) -> i64 {
    let longest = SCHEDULE[SCHEDULE.len() - 1];
    after_seconds.map_or(0, |seconds| i64::try_from(seconds).unwrap_or(longest).min(longest))
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
    let seed = Digest::of_parts([row.case_id.as_bytes(), &row.revision.to_le_bytes(), &row.attempts.to_le_bytes()]);
    i64::from(seed.as_bytes()[0]) * pause / 2550
}
