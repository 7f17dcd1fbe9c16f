//! `scrutineer audit`: the chain of what was run, decided and delivered.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;
use super::terminal::harmless;
use crate::config::Config;
use crate::error::{OrFail, Result};
use crate::ledger::{Access, AuditReport, Checkpoint, Ledger, LedgerError};

/// Verifies, lists and signs the chain of what was run, decided and delivered
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "Examples:\n  \
    scrutineer audit verify\n  \
    scrutineer audit verify --checkpoint /evidence/R-0412.json\n  \
    scrutineer audit list --kind decision --limit 20\n  \
    scrutineer audit checkpoint --out /evidence/today.json\n\n\
    The chain is tamper-evident, not tamper-proof: a chain that was cut short or computed anew shows only against a checkpoint \
    that was kept outside the data folder.\n\
    Exit codes of verify: 0 all holds, 4 something does not, 2 no data folder or no such checkpoint.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Computes the chain again, hashes every artefact and report that it names, and checks the signed checkpoints
    Verify {
        /// A checkpoint that was kept outside the data folder
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Shows the last entries
    List {
        /// One kind only: run-started, run-ended, decision, quarantine, delivery, review, configuration, operator, model, recovery
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// Signs how far the chain has come and writes it to a file
    Checkpoint {
        /// The file, best outside the data folder
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        match self.action {
            Action::Verify { checkpoint } => verify(config, checkpoint),
            Action::List { kind, limit } => list(config, kind.as_deref(), limit),
            Action::Checkpoint { out } => {
                let checkpoint = Ledger::open(&config.data, Access::Writer)?.checkpoint(&out)?;
                show_checkpoint(config, &checkpoint, &out)?;
                Ok(Exit::Done)
            }
        }
    }
}

fn verify(config: &Config, checkpoint: Option<PathBuf>) -> Result<Exit> {
    if let Some(path) = &checkpoint {
        std::fs::metadata(path).or_usage(|| format!("cannot read the checkpoint {}", path.display()))?;
    }
    let report = match Ledger::open(&config.data, Access::Reader).and_then(|ledger| ledger.verify_audit(checkpoint.as_deref())) {
        Ok(report) => report,
        // A database that cannot be read is no chain that holds.
        Err(error @ (LedgerError::Database(_) | LedgerError::Corrupt { .. })) => {
            super::report_error(&error.into());
            return Ok(Exit::CheckFailed);
        }
        Err(error) => return Err(error.into()),
    };
    let holds = report.faults.is_empty();
    if config.json {
        super::print_json(&serde_json::json!({ "holds": holds, "report": report }))?;
    } else {
        show_report(config, &report, checkpoint.is_some());
    }
    Ok(if holds { Exit::Done } else { Exit::CheckFailed })
}

fn show_report(config: &Config, report: &AuditReport, outside: bool) {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    for fault in &report.faults {
        println!("{}: {}", say("FAULT", "異常"), harmless(&fault.to_string()));
    }
    let AuditReport { entries, artefacts, reports, checkpoints, faults, .. } = report;
    let result = match faults.len() {
        0 => say("the chain holds", "稽核軌跡完整").to_owned(),
        count => format!("{count} {}", say("faults: the chain does not hold", "項異常：稽核軌跡不完整")),
    };
    println!(
        "{result}  ({} {entries} · {} {artefacts} · {} {reports} · {} {checkpoints})",
        say("entries", "紀錄"),
        say("artefacts", "產物"),
        say("reports", "報告"),
        say("checkpoints", "檢核點")
    );
    if !outside && faults.is_empty() {
        println!(
            "{}",
            say(
                "without --checkpoint FILE a chain that was cut short or computed anew cannot be told from a whole one",
                "未提供 --checkpoint FILE 時，無法偵測整段截斷或重算"
            )
        );
    }
}

fn list(config: &Config, kind: Option<&str>, limit: usize) -> Result<Exit> {
    let entries = Ledger::open(&config.data, Access::Reader)?.audit_entries(kind, limit)?;
    if config.json {
        super::print_json(&entries)?;
        return Ok(Exit::Done);
    }
    for entry in &entries {
        let payload = entry.payload.to_string();
        println!("{:>8}  {}  {:<13}  {}", entry.sequence, harmless(&entry.time), harmless(&entry.kind), harmless(&payload));
    }
    Ok(Exit::Done)
}

fn show_checkpoint(config: &Config, checkpoint: &Checkpoint, out: &std::path::Path) -> Result<()> {
    if config.json {
        return super::print_json(checkpoint);
    }
    let say = config.ui_language.pick("Checkpoint", "檢核點");
    println!("{say}  {}  seq {}  {}", out.display(), checkpoint.sequence, checkpoint.head);
    Ok(())
}
