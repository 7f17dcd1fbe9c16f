//! `scrutineer cases deliver`, `outbox`, `dead`, `enable` and `reconcile`.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::super::{Exit, print_json};
use super::no_run;
use crate::case::connector::ConnectorSpec;
use crate::case::outbox::{self, DeliveryReport, DeliveryState, OutboxRow};
use crate::cli::terminal::harmless;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Access, Ledger};

/// Hands over what is due
#[derive(Debug, Args)]
pub(super) struct Deliver {
    /// Shows what would be sent, and sends nothing
    #[arg(long)]
    dry_run: bool,
    /// One connector only
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Queues the open cases first for connectors that never got them: for a connector that was added later
    #[arg(long)]
    backfill: bool,
}

/// What one connector was given.
#[derive(Debug, Serialize)]
struct Delivered {
    connector: String,
    destination: String,
    queued: u32,
    #[serde(flatten)]
    report: DeliveryReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Deliver {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        if self.dry_run {
            return self.preview(config);
        }
        let mut ledger = Ledger::open(&config.data, Access::Writer)?;
        let connectors = connectors(&ledger, self.connector.as_deref())?;
        let mut results = Vec::new();
        for connector in connectors {
            results.push(self.deliver_to(&mut ledger, &connector)?);
        }
        if config.json {
            print_json(&serde_json::json!({ "connectors": results }))?;
        } else {
            results.iter().for_each(|result| show(config, result));
        }
        if let Some(error) = results.iter().find_map(|result| result.error.clone()) {
            return Err(
                Error::usage(error).remedy("put it right in the pipeline file, run it again, then `scrutineer cases deliver`")
            );
        }
        let held_back = results.iter().any(|result| result.report.dead > 0 || result.report.stopped.is_some());
        Ok(if held_back { Exit::Incomplete } else { Exit::Done })
    }

    fn deliver_to(&self, ledger: &mut Ledger, connector: &ConnectorSpec) -> Result<Delivered> {
        let name = connector.name();
        let mut delivered = Delivered {
            connector: name.to_owned(),
            destination: connector.destination(ledger.folder()),
            queued: 0,
            report: DeliveryReport::default(),
            error: None,
        };
        if self.backfill {
            delivered.queued = ledger.queue_open_cases(name)?;
        }
        match connector.open(ledger.folder()) {
            Ok(mut receiver) => delivered.report = outbox::deliver(ledger, name, receiver.as_mut(), now())?,
            // The others still get theirs.
            Err(error) => delivered.error = Some(error.to_string()),
        }
        Ok(delivered)
    }

    fn preview(&self, config: &Config) -> Result<Exit> {
        let ledger = Ledger::open(&config.data, Access::Reader)?;
        let mut due = Vec::new();
        for connector in connectors(&ledger, self.connector.as_deref())? {
            due.extend(ledger.due_for(connector.name(), now())?);
        }
        if config.json {
            print_json(&serde_json::json!({ "would_send": due }))?;
        } else {
            due.iter().for_each(show_row);
            println!("{} {}", due.len(), config.ui_language.pick("events would be sent", "筆事件待送"));
        }
        Ok(Exit::Done)
    }
}

/// Shows, sends again or drops what was given up
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scrutineer cases dead list\n  scrutineer cases dead retry 17\n  scrutineer cases dead drop --all"
)]
pub(super) struct Dead {
    #[command(subcommand)]
    action: DeadAction,
}

#[derive(Debug, Subcommand)]
enum DeadAction {
    /// Shows them with the receiver's answer
    List,
    /// Sends them again from the start of the schedule
    Retry(Chosen),
    /// Drops them for good
    Drop(Chosen),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Chosen {
    /// The number of a row
    #[arg(value_name = "ROW")]
    row: Option<i64>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl Dead {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        match self.action {
            DeadAction::List => {
                let rows = Ledger::open(&config.data, Access::Reader)?.outbox(Some(DeliveryState::Dead), usize::MAX >> 1)?;
                if config.json {
                    print_json(&rows)?;
                } else {
                    rows.iter().for_each(show_row);
                    println!("{} {}", rows.len(), config.ui_language.pick("dead events", "筆送案失敗"));
                }
                Ok(Exit::Done)
            }
            DeadAction::Retry(chosen) => settle(config, &chosen, DeliveryState::Pending),
            DeadAction::Drop(chosen) => settle(config, &chosen, DeliveryState::Dropped),
        }
    }
}

fn settle(config: &Config, chosen: &Chosen, state: DeliveryState) -> Result<Exit> {
    let changed = Ledger::open(&config.data, Access::Writer)?.settle_dead(chosen.row, state)?;
    if let (0, Some(row)) = (changed, chosen.row) {
        return Err(Error::usage(format!("no dead event has the number {row}")).remedy("`scrutineer cases dead list` shows them"));
    }
    if config.json {
        print_json(&serde_json::json!({ "rows": changed, "state": state }))?;
    } else {
        println!("{changed} → {}", state.name());
    }
    Ok(Exit::Done)
}

/// Compares with what receivers hold
#[derive(Debug, Args)]
pub(super) struct Reconcile {
    /// One connector only
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
}

/// What a receiver holds against what the outbox says it took.
#[derive(Debug, Serialize)]
struct Comparison {
    connector: String,
    /// Whether it can be asked: a webhook cannot.
    answers: bool,
    held: usize,
    /// The outbox says that it took them; it lacks them.
    missing: Vec<String>,
    /// It holds them; the outbox does not say so.
    unexpected: Vec<String>,
}

impl Reconcile {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let ledger = Ledger::open(&config.data, Access::Reader)?;
        let mut comparisons = Vec::new();
        for connector in connectors(&ledger, self.connector.as_deref())? {
            comparisons.push(compare(&ledger, &connector)?);
        }
        if config.json {
            print_json(&serde_json::json!({ "connectors": comparisons }))?;
        } else {
            comparisons.iter().for_each(|comparison| show_comparison(config, comparison));
        }
        let differs = comparisons.iter().any(|comparison| !comparison.missing.is_empty() || !comparison.unexpected.is_empty());
        Ok(if differs { Exit::CheckFailed } else { Exit::Done })
    }
}

fn compare(ledger: &Ledger, connector: &ConnectorSpec) -> Result<Comparison> {
    let delivered = ledger.delivered_to(connector.name())?;
    let mut receiver = connector.open(ledger.folder()).map_err(|error| Error::usage(error.to_string()))?;
    let held = receiver.holds().map_err(|error| Error::failure(format!("cannot ask `{}`: {error}", connector.name())))?;
    let answers = held.is_some();
    let held = held.unwrap_or_default();
    let beyond = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
        if answers { these.difference(those).cloned().collect() } else { Vec::new() }
    };
    Ok(Comparison {
        connector: connector.name().to_owned(),
        answers,
        held: held.len(),
        missing: beyond(&delivered, &held),
        unexpected: beyond(&held, &delivered),
    })
}

pub(super) fn outbox(config: &Config) -> Result<Exit> {
    let targets = Ledger::open(&config.data, Access::Reader)?.outbox_targets()?;
    if config.json {
        print_json(&targets)?;
        return Ok(Exit::Done);
    }
    for target in &targets {
        let rows: Vec<String> = target.rows.iter().map(|(state, count)| format!("{state} {count}")).collect();
        let next =
            target.next_attempt.filter(|next| *next > now()).map(|next| format!(" (next {})", clock(next))).unwrap_or_default();
        let gate = match &target.gate.disabled {
            Some(reason) => format!("  DISABLED: {reason}; `scrutineer cases enable {}` opens it again", target.target),
            None if target.gate.paused_until > now() => format!("  paused until {}", clock(target.gate.paused_until)),
            None => String::new(),
        };
        println!("{}  {}{next}{}", harmless(&target.target), rows.join(" · "), harmless(&gate));
    }
    Ok(Exit::Done)
}

pub(super) fn enable(config: &Config, name: &str) -> Result<Exit> {
    let mut ledger = Ledger::open(&config.data, Access::Writer)?;
    let known = ledger.outbox_targets()?.iter().any(|target| target.target == name);
    if !known {
        return Err(Error::usage(format!("nothing was ever queued for a connector `{name}`")));
    }
    ledger.enable_target(name)?;
    if config.json {
        print_json(&serde_json::json!({ "connector": name, "enabled": true }))?;
    }
    Ok(Exit::Done)
}

/// The connectors of the last run's pipeline file, or the one of a name.
fn connectors(ledger: &Ledger, name: Option<&str>) -> Result<Vec<ConnectorSpec>> {
    let (run, spec) = ledger.latest_cases()?.ok_or_else(no_run)?;
    let mut connectors = spec.connector;
    if let Some(name) = name {
        connectors.retain(|connector| connector.name() == name);
    }
    if connectors.is_empty() {
        let what = name.map_or_else(|| "no [[case.connector]]".to_owned(), |name| format!("no connector `{name}`"));
        return Err(Error::usage(format!("the pipeline of the last run ({}) has {what}", run.name()))
            .remedy("add one to the pipeline file and run it again; `scrutineer cases export` writes the events without one"));
    }
    Ok(connectors)
}

fn show(config: &Config, result: &Delivered) {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let DeliveryReport { delivered, retry, dead, superseded, stopped } = &result.report;
    println!(
        "{} → {}  {} {delivered} · {} {retry} · {} {dead} · {} {superseded}",
        harmless(&result.connector),
        harmless(&result.destination),
        say("delivered", "已送達"),
        say("retry", "待重試"),
        say("dead", "失敗"),
        say("superseded", "已被取代")
    );
    if let Some(stopped) = stopped {
        println!("    {}: {}", say("the rest waits", "其餘等候"), harmless(stopped));
    }
    if let Some(error) = &result.error {
        println!("    {}", harmless(error));
    }
}

fn show_row(row: &OutboxRow) {
    println!(
        "{:>6}  {}  → {}  {} ({}, {})  {}",
        row.sequence,
        row.event_id(),
        harmless(&row.target),
        row.state.name(),
        row.status,
        attempts(row.attempts),
        harmless(row.last_status.as_deref().unwrap_or_default())
    );
}

fn attempts(count: u32) -> String {
    if count == 1 { "1 attempt".to_owned() } else { format!("{count} attempts") }
}

fn show_comparison(config: &Config, comparison: &Comparison) {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let name = harmless(&comparison.connector);
    if !comparison.answers {
        println!("{name}  {}", say("cannot be asked what it holds", "無法查詢對方持有之事件"));
        return;
    }
    println!(
        "{name}  {} {} · {} {} · {} {}",
        say("holds", "持有"),
        comparison.held,
        say("missing", "缺少"),
        comparison.missing.len(),
        say("unexpected", "多出"),
        comparison.unexpected.len()
    );
    for (mark, ids) in [("-", &comparison.missing), ("+", &comparison.unexpected)] {
        ids.iter().for_each(|id| println!("  {mark} {}", harmless(id)));
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A time in seconds since 1970 for people.
fn clock(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.strftime("%Y-%m-%d %H:%MZ").to_string())
}
