//! `scrutineer cases`: what goes to case management, and how it fares.

mod delivery;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;
use super::terminal::{Styles, harmless};
use crate::case::event::{self, Status};
use crate::case::rules::Severity;
use crate::config::Config;
use crate::error::{Error, OrFail, Result};
use crate::ledger::{Access, CaseRecord, Ledger};

/// Lists, exports and delivers cases: the flags that the pipeline's rules chose for case management
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "Examples:\n  \
    scrutineer cases list --severity high\n  \
    scrutineer cases export --out cases.ndjson\n  \
    scrutineer cases deliver --dry-run\n  \
    scrutineer cases dead list\n  \
    scrutineer cases dead retry 17\n\n\
    Exit codes of deliver: 0 nothing is dead or held back, 3 something is, 2 a connector is not set up right. Run it from a timer: \
    what failed is tried again on the schedule of Standard Webhooks.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the open cases
    List {
        /// Cases under these labels only
        #[arg(long, value_name = "LABEL")]
        label: Vec<String>,
        /// Cases of this severity or above: low, medium, high, critical
        #[arg(long, value_name = "SEVERITY", value_parser = severity)]
        severity: Option<Severity>,
        /// Withdrawn ones too
        #[arg(long)]
        withdrawn: bool,
    },
    /// Writes every event as one line of JSON (CloudEvents 1.0), in the order in which they were made
    Export {
        /// The file; `-` for standard output
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Hands over what is due to the connectors of the last run's pipeline file
    Deliver(delivery::Deliver),
    /// Shows what waits for each connector
    Outbox,
    /// Shows, sends again or drops the events that were given up
    Dead(delivery::Dead),
    /// Opens a connector again that was disabled or paused
    Enable {
        /// The connector's name
        #[arg(value_name = "NAME")]
        connector: String,
    },
    /// Asks connectors that can be asked what they hold, and compares
    Reconcile(delivery::Reconcile),
    /// Prints the JSON schema of events
    Schema,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        match self.action {
            Action::List { label, severity, withdrawn } => list(config, &label, severity, withdrawn),
            Action::Export { out } => export(config, &out),
            Action::Deliver(arguments) => arguments.run(config),
            Action::Outbox => delivery::outbox(config),
            Action::Dead(arguments) => arguments.run(config),
            Action::Enable { connector } => delivery::enable(config, &connector),
            Action::Reconcile(arguments) => arguments.run(config),
            Action::Schema => super::print_json(&event::schema()).map(|()| Exit::Done),
        }
    }
}

fn severity(text: &str) -> Result<Severity, String> {
    let value = serde_json::Value::from(text);
    serde_json::from_value(value).map_err(|_| "expected low, medium, high or critical".to_owned())
}

fn list(config: &Config, labels: &[String], severity: Option<Severity>, withdrawn: bool) -> Result<Exit> {
    let cases: Vec<CaseRecord> = Ledger::open(&config.data, Access::Reader)?
        .cases()?
        .into_iter()
        .filter(|case| withdrawn || case.event.data.status != Status::Withdrawn)
        .filter(|case| labels.is_empty() || labels.contains(&case.label))
        .filter(|case| severity.is_none_or(|least| case.event.data.severity >= least))
        .collect();
    if config.json {
        super::print_json(&cases)?;
        return Ok(Exit::Done);
    }
    let styles = Styles::new();
    for case in &cases {
        let data = &case.event.data;
        let page = data.target.page.map(|page| format!("p.{page}")).unwrap_or_default();
        println!(
            "{}  {}  {}  {}  {page}  {}",
            styles.heading.apply_to(&case.label),
            severity_name(data.severity, config),
            status_name(data.status, config),
            harmless(&case.stem),
            styles.faint.apply_to(format!("{}:{}", case.id, case.revision)),
        );
        let quote: String = data.target.quote().chars().take(200).collect();
        println!("    {}", harmless(&quote.replace('\n', " ")));
    }
    if !config.quiet {
        println!("{} {}", cases.len(), config.ui_language.pick("cases", "案"));
    }
    Ok(Exit::Done)
}

fn severity_name(severity: Severity, config: &Config) -> &'static str {
    let (english, chinese) = match severity {
        Severity::Low => ("low", "低"),
        Severity::Medium => ("medium", "中"),
        Severity::High => ("high", "高"),
        Severity::Critical => ("critical", "重大"),
    };
    config.ui_language.pick(english, chinese)
}

fn status_name(status: Status, config: &Config) -> &'static str {
    let (english, chinese) = match status {
        Status::New => ("new", "新增"),
        Status::Updated => ("updated", "更新"),
        Status::Withdrawn => ("withdrawn", "撤回"),
    };
    config.ui_language.pick(english, chinese)
}

fn export(config: &Config, out: &std::path::Path) -> Result<Exit> {
    let events = Ledger::open(&config.data, Access::Reader)?.events()?;
    let cannot = || format!("cannot write {}", out.display());
    let standard_output = out.as_os_str() == "-";
    if standard_output {
        events.iter().for_each(|event| println!("{event}"));
    } else {
        let mut file = std::io::BufWriter::new(std::fs::File::create(out).or_usage(cannot)?);
        events.iter().try_for_each(|event| writeln!(file, "{event}")).and_then(|()| file.flush()).or_fail(cannot)?;
    }
    if config.json && !standard_output {
        super::print_json(&serde_json::json!({ "file": out, "events": events.len() }))?;
    } else if !config.quiet && !standard_output {
        println!("{} {} → {}", events.len(), config.ui_language.pick("events", "筆事件"), out.display());
    }
    Ok(Exit::Done)
}

/// The cases of a data folder that no run has filled yet cannot be delivered.
fn no_run() -> Error {
    Error::usage("no run has been recorded in this data folder").remedy("start with `scrutineer run PIPELINE INPUT…`")
}
