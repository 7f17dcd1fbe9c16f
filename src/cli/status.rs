//! `scrutineer status`: what a data folder holds.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::terminal::harmless;
use crate::config::Config;
use crate::error::{OrFail, Result};
use crate::ledger::{DocumentRecord, FlagFilter, RunRecord};
use crate::pipeline::archive::Archive;

/// What the data folder holds: runs, documents, flags, quarantine, outbox
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  scrutineer status --data /srv/scrutineer --json")]
pub(super) struct Arguments {
    /// Runs and documents shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

#[derive(Serialize)]
struct Status {
    data: String,
    runs: Vec<RunRecord>,
    documents: usize,
    pages: u32,
    unread_pages: usize,
    flags: usize,
    quarantined: usize,
    outbox: BTreeMap<String, u32>,
    document_list: Vec<DocumentRecord>,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let archive = Archive::open(config)?;
        let cannot = || "cannot read the ledger".to_owned();
        let ledger = archive.ledger();
        let documents = ledger.documents().or_fail(cannot)?;
        let status = Status {
            data: config.data.display().to_string(),
            runs: ledger.runs(self.limit).or_fail(cannot)?,
            documents: documents.len(),
            pages: documents.iter().map(|record| record.pages.total).sum(),
            unread_pages: documents.iter().map(|record| record.pages.unread.len()).sum(),
            flags: ledger.flags(&FlagFilter::default()).or_fail(cannot)?.len(),
            quarantined: ledger.quarantined().or_fail(cannot)?.len(),
            outbox: ledger.outbox_counts().or_fail(cannot)?,
            document_list: documents,
        };
        if config.json {
            super::print_json(&status)?;
        } else {
            super::print(&render(&status, self.limit));
        }
        Ok(Exit::Done)
    }
}

fn render(status: &Status, limit: usize) -> String {
    let mut out = format!(
        "data folder {}: {} documents, {} pages ({} unread), {} flags, {} in quarantine\n",
        status.data, status.documents, status.pages, status.unread_pages, status.flags, status.quarantined
    );
    let outbox: Vec<String> = status.outbox.iter().map(|(state, count)| format!("{state} {count}")).collect();
    if !outbox.is_empty() {
        out += &format!("outbox: {}\n", outbox.join(", "));
    }
    for run in &status.runs {
        let ended = match (&run.ended, run.exit) {
            (Some(ended), Some(exit)) => format!("ended {ended}, exit {exit}"),
            _ => "did not end (running, or killed: the same command goes on with it)".to_owned(),
        };
        out += &format!("{}  {}  started {}, {ended}\n", run.name(), run.pipeline, run.started);
    }
    for record in status.document_list.iter().take(limit) {
        let facts: Vec<&str> =
            [&record.institution, &record.document_type, &record.period].into_iter().flatten().map(String::as_str).collect();
        out += &format!(
            "{}  {}  {} pages  {}\n",
            record.digest.short(),
            harmless(&record.stem),
            record.pages.total,
            harmless(&facts.join(", "))
        );
    }
    if status.document_list.len() > limit {
        out += &format!("… and {} more; --limit N shows them\n", status.document_list.len() - limit);
    }
    out
}
