//! `scrutineer findings`: the flags, strongest first.

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::terminal::{Styles, harmless, wrapped};
use crate::config::Config;
use crate::error::{Error, OrFail, Result};
use crate::ledger::{FlagFilter, FlagRecord, ReviewRecord, ReviewState};
use crate::pipeline::archive::Archive;

/// The flags, strongest first: label, score, document, page, evidence and the words that drove the decision
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scrutineer findings --label third-party-dependency\n  scrutineer findings --doc harbour-bank-annual-report-2023 --min-score 0.8 --json"
)]
pub(super) struct Arguments {
    /// Only these labels
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// Only this document: a file name without its ending, or 8 or more digits of its SHA-256
    #[arg(long, value_name = "DOC")]
    doc: Option<String>,
    /// Only from this score
    #[arg(long, value_name = "SCORE", default_value_t = 0.0)]
    min_score: f32,
    /// Flags that are no longer found, too
    #[arg(long)]
    withdrawn: bool,
    /// Only those that no person has reviewed
    #[arg(long)]
    unreviewed: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Serialize)]
struct Row {
    stem: String,
    name: String,
    #[serde(flatten)]
    flag: FlagRecord,
    /// Whether the model is weak for the label.
    weak: bool,
    review: Option<ReviewRecord>,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let archive = Archive::open(config)?;
        if let Some(unknown) = self.label.iter().find(|label| !archive.knows_label(label)) {
            return Err(Error::usage(format!("unknown label `{unknown}`"))
                .remedy("`scrutineer classify --text x --json` lists the labels"));
        }
        let document = self.doc.as_deref().map(|name| archive.resolve(name)).transpose()?;
        let filter = FlagFilter { document, labels: self.label, min_score: self.min_score, withdrawn: self.withdrawn };
        let cannot = || "cannot read the ledger".to_owned();
        let mut rows = Vec::new();
        for flag in archive.ledger().flags(&filter).or_fail(cannot)? {
            let review = archive.ledger().reviews(&flag.id).or_fail(cannot)?.pop();
            if self.unreviewed && review.is_some() {
                continue;
            }
            let record = archive.ledger().document(&flag.document).or_fail(cannot)?;
            let weak = record.as_ref().is_some_and(|(record, _)| record.labels_weak.contains(&flag.finding.label));
            let stem = record.map_or_else(|| flag.document.short(), |(record, _)| record.stem);
            rows.push(Row { stem, name: archive.label_name(&flag.finding.label), flag, weak, review });
        }
        let total = rows.len();
        rows.truncate(self.limit);
        if config.json {
            super::print_json(&rows)?;
        } else {
            print(&rows, total, config);
        }
        Ok(Exit::Done)
    }
}

fn print(rows: &[Row], total: usize, config: &Config) {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let styles = Styles::new();
    let mut out = String::new();
    for Row { stem, name, flag, weak, review } in rows {
        let page = flag.finding.page.map(|page| format!("p.{page}")).unwrap_or_default();
        let printed = flag.finding.page_label.as_ref().map(|label| format!(" / {} {}", say("printed", "印"), harmless(label)));
        out += &format!(
            "{} {:.2}  {}  {page}{}  {}\n{}\n",
            styles.heading.apply_to(name),
            flag.finding.score,
            harmless(stem),
            printed.unwrap_or_default(),
            styles.faint.apply_to(&flag.id),
            wrapped(&harmless(&flag.finding.evidence.replace('\n', " ")), 2)
        );
        if !flag.finding.words.is_empty() {
            let words: Vec<String> = flag.finding.words.iter().map(|word| harmless(word).into_owned()).collect();
            out += &format!("  {} {}\n", styles.faint.apply_to(say("words:", "關鍵字：")), words.join(" · "));
        }
        if let Some(confidence) = flag.finding.ocr_confidence {
            let note = format!("{} {confidence} %", say("text recognised by OCR, confidence", "文字由 OCR 辨識，信心度"));
            out += &format!("  {}\n", styles.doubtful.apply_to(note));
        }
        if *weak {
            out += &format!("  {}\n", styles.doubtful.apply_to(super::weak_label(config.ui_language)));
        }
        if let Some(review) = review {
            let decision = match review.state {
                ReviewState::Confirmed => say("confirmed by", "已確認："),
                ReviewState::Rejected => say("rejected by", "已駁回："),
            };
            let note = review.note.as_ref().map(|note| format!(": {}", harmless(note))).unwrap_or_default();
            out += &format!("  {decision} {} ({}){note}\n", harmless(&review.reviewer), review.time);
        }
    }
    let shown = rows.len();
    out += &match total {
        0 => format!("{}\n", say("no flags", "沒有風險訊號")),
        _ if shown < total => {
            format!("{shown} / {total} {}\n", say("flags; more with --limit", "筆風險訊號；以 --limit 顯示更多"))
        }
        _ => format!("{total} {}\n", say("flags", "筆風險訊號")),
    };
    super::print(&out);
}
