//! `scrutineer summary`: the cited summary of a document, a verdict on every sentence.

use std::fmt::Write as _;

use clap::Args;

use super::Exit;
use super::terminal::{Styles, harmless, wrapped};
use crate::config::{Config, UiLanguage};
use crate::error::Result;
use crate::pipeline::archive::Archive;
use crate::pipeline::view::{CitationView, FateView, SentenceView, SummaryView};
use crate::summary::{Origin, Prominence};
use crate::verdict::Outcome;

/// The cited summary of a document: quoted or generated, each sentence with its check result and its evidence
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scrutineer summary harbour-bank-annual-report-2023\n  scrutineer summary 9f2c41d0 --json --ui-lang zh-TW"
)]
pub(super) struct Arguments {
    /// The document: a file name without its ending, or the first 8 or more digits of its SHA-256
    #[arg(value_name = "DOC")]
    document: String,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let archive = Archive::open(config)?;
        let digest = archive.resolve(&self.document)?;
        let view = archive.summary(&digest)?;
        if config.json {
            super::print_json(&view)?;
        } else {
            super::print(&render(&view, config.ui_language, &Styles::new()));
        }
        Ok(Exit::Done)
    }
}

/// The summary as a page of text.
pub(super) fn render(view: &SummaryView, language: UiLanguage, styles: &Styles) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, view, language, styles);
    out
}

fn write(out: &mut String, view: &SummaryView, language: UiLanguage, styles: &Styles) -> std::fmt::Result {
    let say = |english, chinese| language.pick(english, chinese);
    let document = &view.document;
    let facts = [&document.institution, &document.document_type, &document.period];
    let facts: Vec<&str> = facts.into_iter().flatten().map(String::as_str).collect();
    let title = document.title.as_deref().unwrap_or(&document.stem);
    writeln!(out, "{}  {}", styles.heading.apply_to(say("Risk summary", "風險摘要")), styles.heading.apply_to(harmless(title)))?;
    if !facts.is_empty() {
        writeln!(out, "{}", harmless(&facts.join(" · ")))?;
    }
    let models: Vec<String> = view.models.keys().cloned().collect();
    writeln!(
        out,
        "SHA-256 {}…  {} {}  {} {}  {}",
        document.sha256.short(),
        say("run", "執行"),
        view.run.as_deref().unwrap_or("—"),
        say("models", "模型"),
        models.join(", "),
        if view.reviewed { say("reviewed", "已經人工覆核") } else { say("not reviewed by a person", "未經人工覆核") }
    )?;
    let coverage = &view.coverage;
    write!(out, "{} {}/{} {}", say("Read", "閱讀範圍"), coverage.read, coverage.pages, say("pages", "頁"))?;
    if coverage.ocr > 0 {
        write!(out, "  OCR {}", coverage.ocr)?;
    }
    if !coverage.unread.is_empty() {
        let list: Vec<String> = coverage.unread.iter().map(|page| format!("p.{page}")).collect();
        write!(out, "  {} {}", styles.doubtful.apply_to(say("unread", "無法讀取")), list.join(" "))?;
    }
    writeln!(out, "\n")?;
    for (index, section) in view.sections.iter().enumerate() {
        let prominence = match section.prominence {
            Prominence::High => say("high", "高"),
            Prominence::Medium => say("medium", "中"),
            Prominence::Low => say("low", "低"),
        };
        writeln!(
            out,
            "{} {}  {prominence}  {}",
            index + 1,
            styles.heading.apply_to(&section.name),
            styles.faint.apply_to(format!("({} {})", section.passages, say("passages", "段")))
        )?;
        if section.weak {
            writeln!(out, "  {}", styles.doubtful.apply_to(super::weak_label(language)))?;
        }
        for sentence in &section.sentences {
            write_sentence(out, sentence, language, styles)?;
        }
    }
    if view.sections.is_empty() {
        writeln!(out, "{}", say("No risk of the taxonomy was found in the pages read.", "已讀頁面未發現分類表所列風險。"))?;
    }
    if !view.further.is_empty() {
        let list: Vec<String> = view.further.iter().map(|label| format!("{} ({})", label.name, label.passages)).collect();
        writeln!(out, "{}", wrapped(&format!("{}: {}", say("Also found", "其他發現"), list.join(", ")), 0))?;
    }
    writeln!(out)?;
    for warning in &view.warnings {
        let page = warning.page.map(|page| format!("p.{page} ")).unwrap_or_default();
        writeln!(
            out,
            "{}  {page}{}: {}",
            styles.doubtful.apply_to(say("Warning", "示警")),
            warning.name,
            harmless(&warning.message)
        )?;
    }
    if !view.none_found.is_empty() {
        let list: Vec<&str> = view.none_found.iter().map(|label| label.name.as_str()).collect();
        let lead = match language {
            UiLanguage::English => format!("None found in {} of {} pages read: ", coverage.read, coverage.pages),
            UiLanguage::TraditionalChinese => format!("未發現（限已讀{}頁，共{}頁）：", coverage.read, coverage.pages),
        };
        writeln!(out, "{}", styles.faint.apply_to(wrapped(&(lead + &list.join(say(", ", "、"))), 0)))?;
    }
    let counts = &view.counts;
    writeln!(
        out,
        "{} {}: {} {} · {} {} · {} {} · {} {} | {} {} | {} {} · {} {}",
        say("Generated", "生成"),
        counts.generated,
        say("supported", "支持"),
        counts.supported,
        say("contradicted", "牴觸"),
        counts.contradicted,
        say("not-found", "查無"),
        counts.not_found,
        say("not-checkable", "無法核對"),
        counts.not_checkable,
        say("quoted", "摘錄"),
        counts.quoted,
        say("to cases", "送案"),
        view.flags_to_cases,
        say("in review", "待覆核"),
        view.flags_in_review
    )
}

fn write_sentence(out: &mut String, sentence: &SentenceView, language: UiLanguage, styles: &Styles) -> std::fmt::Result {
    let say = |english, chinese| language.pick(english, chinese);
    let places: Vec<String> = sentence.citations.iter().map(|citation| place(citation, language)).collect();
    let text = harmless(&sentence.text);
    let text = match sentence.origin {
        Origin::Quoted => format!("{}{text}{}", say("“", "「"), say("”", "」")),
        Origin::Generated => text.into_owned(),
    };
    writeln!(out, "{}", wrapped(&format!("{text} {}", places.join(" ")), 2))?;
    let verdict = match (sentence.verdict, sentence.origin) {
        (Outcome::Supported, Origin::Quoted) => styles.good.apply_to(format!("❝ {}", say("quoted from the source", "原文摘錄"))),
        (Outcome::Supported, Origin::Generated) => {
            let words = say("supported by the source", "有來源支持");
            styles.good.apply_to(format!("✔ {words} {:.2} ({})", sentence.score, say("generated", "生成")))
        }
        (Outcome::Contradicted, _) => styles.bad.apply_to(format!("✘ {}", say("contradicted by the source", "與來源牴觸"))),
        (Outcome::NotFound, _) => styles.bad.apply_to(format!("? {}", say("not found in the source", "查無依據"))),
        (Outcome::NotCheckable, _) => styles.doubtful.apply_to(format!("△ {}", say("not checkable", "無法核對"))),
    };
    write!(out, "    {verdict}")?;
    match &sentence.fate {
        FateView::Released => {}
        FateView::Replaced { generated, .. } => {
            write!(
                out,
                " · {}: {}",
                say("stands in for a generated sentence that failed", "取代未通過核對之生成句"),
                harmless(generated)
            )?;
        }
        FateView::Dropped => write!(out, " → {}", say("dropped", "已刪除"))?,
    }
    writeln!(out)
}

/// `[p.112 / printed 108 · Risk management]`.
fn place(citation: &CitationView, language: UiLanguage) -> String {
    let page = citation.page.map(|page| format!("p.{page}")).unwrap_or_default();
    let printed =
        citation.page_label.as_ref().map(|label| format!("{}{}", language.pick(" / printed ", "／印"), harmless(label)));
    let heading = citation.heading_path.last().map(|heading| format!(" · {}", harmless(heading)));
    let (open, close) = (language.pick("[", "〔"), language.pick("]", "〕"));
    format!("{open}{page}{}{}{close}", printed.unwrap_or_default(), heading.unwrap_or_default())
}
