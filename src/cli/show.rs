//! `scrutineer show`: a document's facts, or one of its pages with the flagged words marked.

use clap::Args;

use super::Exit;
use super::terminal::{Styles, harmless, wrapped};
use crate::config::{Config, UiLanguage};
use crate::document::PageState;
use crate::error::Result;
use crate::pipeline::archive::Archive;
use crate::pipeline::view::{DocumentOverview, PageView};

/// A document's facts, outline and flagged pages; or one page with its flagged sentences marked and its hidden text shown as such
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scrutineer show harbour-bank-annual-report-2023\n  scrutineer show harbour-bank-annual-report-2023 --page 4"
)]
pub(super) struct Arguments {
    /// The document: a file name without its ending, or the first 8 or more digits of its SHA-256
    #[arg(value_name = "DOC")]
    document: String,
    /// The file page, from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let archive = Archive::open(config)?;
        let digest = archive.resolve(&self.document)?;
        match self.page {
            Some(page) => {
                let view = archive.page(&digest, page)?;
                if config.json { super::print_json(&view)? } else { print_page(&view, config) }
            }
            None => {
                let view = archive.overview(&digest)?;
                if config.json { super::print_json(&view)? } else { print_overview(&view, config) }
            }
        }
        Ok(Exit::Done)
    }
}

fn print_overview(view: &DocumentOverview, config: &Config) {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let styles = Styles::new();
    println!("{}", styles.heading.apply_to(harmless(view.document.title.as_deref().unwrap_or(&view.document.stem))));
    println!("SHA-256 {}", view.document.sha256);
    let facts = [
        (say("institution", "機構"), &view.metadata.institution),
        (say("type", "文件類型"), &view.metadata.document_type),
        (say("period", "期間"), &view.metadata.period),
        (say("author", "作者"), &view.metadata.author),
    ];
    for (name, stated) in facts {
        if let Some(stated) = stated {
            let place = match stated.page {
                Some(page) => format!(" [p.{page}: {}]", harmless(&stated.quote)),
                None => String::new(),
            };
            println!("{name}: {}{place}", harmless(&stated.value));
        }
    }
    for path in &view.sources {
        println!("{}: {}", say("seen at", "來源"), harmless(path));
    }
    let coverage = &view.coverage;
    let by_ocr = if coverage.ocr > 0 { format!(" ({} OCR)", coverage.ocr) } else { String::new() };
    println!("{} {}/{} {}{by_ocr}", say("read", "已讀"), coverage.read, coverage.pages, say("pages", "頁"));
    for warning in &view.warnings {
        let page = warning.page.map(|page| format!("p.{page} ")).unwrap_or_default();
        println!("{}: {page}{}: {}", styles.doubtful.apply_to(say("warning", "示警")), warning.name, harmless(&warning.message));
    }
    println!("");
    for page in &view.flagged_pages {
        let printed =
            page.label.as_ref().map(|label| format!(" / {} {}", say("printed", "印"), harmless(label))).unwrap_or_default();
        println!("p.{}{printed}  {}", page.page, page.labels.join(", "));
    }
}

fn print_page(view: &PageView, config: &Config) {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let styles = Styles::new();
    let printed = view.label.as_ref().map(|label| format!(" / {} {}", say("printed", "印"), harmless(label))).unwrap_or_default();
    let title = format!("{}  p.{}{printed}", view.document.title.as_deref().unwrap_or(&view.document.stem), view.page);
    println!("{}\n", styles.heading.apply_to(harmless(&title)));
    if let Some(note) = how_read(view, config) {
        println!("{}\n", styles.doubtful.apply_to(wrapped(&harmless(&note), 0)));
    }
    for passage in &view.passages {
        let name = passage.hidden.map(|_| say("HIDDEN TEXT, not read by the models", "隱藏文字，未送入模型"));
        if let Some(name) = name {
            println!("{}", styles.bad.apply_to(name));
        }
        println!("{}", wrapped(&marked(&passage.text, &passage.marks, &styles), 2));
        for flag in &passage.flags {
            let words: Vec<String> = flag.words.iter().map(|word| harmless(word).into_owned()).collect();
            println!("    ▸ {} {:.2}  {}", flag.name, flag.score, styles.faint.apply_to(words.join(" · ")));
        }
        println!("");
    }
    if view.passages.is_empty() {
        println!("{}", say("No text was read on this page.", "本頁未讀得文字。"));
    }
}

/// How the page was read, where that is not simply its text.
fn how_read(view: &PageView, config: &Config) -> Option<String> {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let unread = match view.state {
        PageState::Text | PageState::Blank => return None,
        PageState::Invisible => say(
            "A reader of this page sees nothing: all its text is invisible. It was not shown to the models.",
            "本頁印面空白，檔案所載文字均不可見，未送入模型。",
        ),
        PageState::TextLayer => {
            say("The text is an invisible layer that an OCR program left in the file.", "文字為檔案內既有之 OCR 文字層。")
        }
        PageState::Scan => say("This page is a scan and was not read.", "本頁為掃描影像，未讀取。"),
        PageState::Garbled => {
            say("The characters of this page are not known; it was not read.", "本頁文字無法對應字元，未讀取。")
        }
        PageState::Unreadable => {
            say("This page is damaged, or too large, and was not read whole.", "本頁毀損或過大，未完整讀取。")
        }
        PageState::Ocr => "",
    };
    let Some(recognition) = &view.recognition else { return Some(unread.to_owned()) };
    if view.state != PageState::Ocr {
        return Some(format!("{unread} {}", say("OCR found no text on it either.", "OCR 亦未辨識出文字。")));
    }
    let name = format!("{} {}, {}", recognition.engine, recognition.version, recognition.languages);
    let words = match config.ui_language {
        UiLanguage::English => format!(
            "Recognised by OCR ({name}): confidence {} %, {} of {} words doubtful",
            recognition.confidence, recognition.doubtful_words, recognition.words
        ),
        UiLanguage::TraditionalChinese => format!(
            "本頁文字由 OCR 辨識（{name}）：信心度 {} %，{} 詞中有 {} 詞存疑",
            recognition.confidence, recognition.words, recognition.doubtful_words
        ),
    };
    let doubtful: Vec<&str> = view.doubtful.iter().take(MOST_NAMED).map(|word| word.text.as_str()).collect();
    let more = if view.doubtful.len() > MOST_NAMED { " …" } else { "" };
    Some(if doubtful.is_empty() { words } else { format!("{words}: {}{more}", doubtful.join(" · ")) })
}

/// Doubtful words that a page is headed with; JSON has them all, with boxes.
const MOST_NAMED: usize = 24;

/// The text with its marked byte ranges in bold; between brackets where styles are off.
fn marked(text: &str, marks: &[(usize, usize)], styles: &Styles) -> String {
    let mut out = String::new();
    let mut done = 0;
    for &(start, end) in marks {
        let (Some(before), Some(inside)) = (text.get(done..start), text.get(start..end)) else { continue };
        out.push_str(&harmless(&before.replace('\n', " ")));
        let inside = inside.replace('\n', " ");
        // Each word is styled for itself, so that a line break between them does not carry the style into the margin.
        let words: Vec<String> = inside.split(' ').map(|word| styles.heading.apply_to(harmless(word)).to_string()).collect();
        out.push_str(&format!("»{}«", words.join(" ")));
        done = end;
    }
    out.push_str(&harmless(&text.get(done..).unwrap_or_default().replace('\n', " ")));
    out
}
