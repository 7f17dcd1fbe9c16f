//! `scrutineer models show` and `models card`: everything that is known of a model, on the screen and as a document.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::{Exit, print, print_json};
use super::{Catalogue, Found, size};
use crate::cli::terminal::{harmless, wrapped};
use crate::config::{Config, UiLanguage};
use crate::digest::Digest;
use crate::error::{OrFail, Result};
use crate::model::registry::{ModelCard, Received, Recommendation, Source, Status, Trust, Whereabouts};

/// A card with what is known of it here.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    card: &'a ModelCard,
    sha256: Digest,
    bytes: u64,
    whereabouts: Whereabouts,
    paths: Vec<PathBuf>,
    review_overdue: bool,
}

/// A section of a card: a heading and its fields.
struct Section {
    heading: &'static str,
    fields: Vec<(String, String)>,
}

pub(super) fn show(name: &str, config: &Config) -> Result<Exit> {
    let catalogue = Catalogue::open(config)?;
    let sections = match catalogue.find(name)? {
        Found::Described(card) => {
            let shown = shown(&catalogue, card);
            if config.json {
                print_json(&shown)?;
                return Ok(Exit::Done);
            }
            described(&shown, config.ui_language)
        }
        Found::Recommended(model) => {
            if config.json {
                print_json(model)?;
                return Ok(Exit::Done);
            }
            recommended(model, config.ui_language)
        }
    };
    let mut out = format!("{name}\n");
    for section in sections {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n{}", section.heading);
        for (field, value) in section.fields {
            let _ = writeln!(out, "  {}\n{}", field, wrapped(&harmless(&value), 4));
        }
    }
    print(&out);
    Ok(Exit::Done)
}

pub(super) fn write(name: &str, out: Option<&Path>, config: &Config) -> Result<Exit> {
    let catalogue = Catalogue::open(config)?;
    let sections = match catalogue.find(name)? {
        Found::Described(card) => described(&shown(&catalogue, card), config.ui_language),
        Found::Recommended(model) => recommended(model, config.ui_language),
    };
    let text = markdown(name, &sections, config.ui_language);
    match out {
        Some(path) => {
            std::fs::write(path, &text).or_usage(|| format!("cannot write {}", path.display()))?;
            if config.json {
                print_json(&serde_json::json!({ "model": name, "file": path }))?;
            } else if !config.quiet {
                println!("{name} → {}", path.display());
            }
        }
        None if config.json => print_json(&serde_json::json!({ "model": name, "markdown": text }))?,
        None => print(&harmless(&text)),
    }
    Ok(Exit::Done)
}

fn shown<'a>(catalogue: &Catalogue, card: &'a ModelCard) -> Shown<'a> {
    Shown {
        card,
        sha256: card.digest(),
        bytes: card.bytes(),
        whereabouts: catalogue.registry.whereabouts(card),
        paths: card.file.iter().map(|file| catalogue.registry.path_of(file)).collect(),
        review_overdue: card.review_is_overdue(jiff::Zoned::now().date()),
    }
}

fn described(shown: &Shown<'_>, language: UiLanguage) -> Vec<Section> {
    let say = |english, chinese| language.pick(english, chinese);
    let card = shown.card;
    let overdue = if shown.review_overdue { say(" (overdue)", "（逾期）") } else { "" };
    let mut risk = vec![
        (say("Owner", "負責人"), card.owner.clone()),
        (say("Materiality", "重要性"), card.materiality.name().to_owned()),
        (say("Validator", "驗證者"), card.validator.clone()),
        (say("Validated", "驗證日期"), card.validated.clone().unwrap_or_else(|| say("not yet", "尚未").to_owned())),
        (say("Review by", "應覆核日"), format!("{}{overdue}", card.review_by)),
        (say("Status", "狀態"), status(card.status, language)),
    ];
    risk.extend(card.received.as_ref().map(|received| (say("Received", "取得"), how_received(received, language))));
    let model = vec![
        (say("Task", "任務"), card.task.clone()),
        (say("Architecture", "架構"), card.architecture.clone()),
        (say("Quantisation", "量化"), card.quantisation().to_owned()),
        (say("Origin", "來源"), card.origin.clone()),
        (say("Revision", "版本"), card.revision.clone()),
        (say("Licence", "授權"), card.licence.clone()),
        (say("Languages", "語言"), card.languages.join(", ")),
        (say("Training data", "訓練資料"), card.training_data.clone()),
    ];
    let purpose = vec![(say("Intended use", "用途"), card.intended_use.clone()), (say("Limits", "限制"), card.limits.clone())];
    let names: Vec<String> = card.evaluation.keys().map(|name| words(name)).collect();
    let mut evaluation: Vec<(&str, String)> = names.iter().map(String::as_str).zip(card.evaluation.values().map(plain)).collect();
    if evaluation.is_empty() {
        evaluation.push((say("Measured", "量測"), say("nothing, by this project", "本專案未作量測").to_owned()));
    }
    let mut files: Vec<(&str, String)> = vec![
        (say("Where", "位置"), place(shown.whereabouts, language).to_owned()),
        (say("SHA-256 of the model, as run records name it", "模型之 SHA-256（執行紀錄所載）"), shown.sha256.to_string()),
    ];
    files.extend(card.file.iter().zip(&shown.paths).map(|(file, path)| {
        let text = format!("{} bytes · SHA-256 {} · {}", file.bytes, file.sha256, path.display());
        (file.path.to_str().unwrap_or_default(), text)
    }));
    files.extend(card.source.iter().map(|source| (say("Can be fetched from", "可取得自"), source_text(source))));
    vec![
        section(say("Model risk", "模型風險"), risk),
        section(say("Model", "模型"), model),
        section(say("Purpose", "用途與限制"), purpose),
        section(say("Evaluation", "評估"), evaluation),
        section(say("Files", "檔案"), files),
    ]
}

/// What is known of a model that nobody has fetched, and how to fetch it.
fn recommended(model: &Recommendation, language: UiLanguage) -> Vec<Section> {
    let say = |english, chinese| language.pick(english, chinese);
    let gated = if model.gated {
        say(" (gated: HF_TOKEN of an account that accepted it)", "（需帳號同意：HF_TOKEN）")
    } else {
        ""
    };
    let names: Vec<String> = model.files.iter().map(|file| file.display().to_string()).collect();
    let revision = model.revision.clone().unwrap_or_else(|| {
        say("not pinned: name the commit that you looked at with --revision", "未指定：以 --revision 指定所檢視之版本").to_owned()
    });
    let known = say(
        "nobody has recorded the digests: give them with --sha256 or --digest, or take what comes first with --trust-first-fetch",
        "未記錄摘要值：以 --sha256 或 --digest 提供，或以 --trust-first-fetch 採用首次下載者",
    );
    let command = format!("scrutineer models pull {} --revision COMMIT --trust-first-fetch --by NAME", model.name);
    vec![
        section(
            say("Model risk", "模型風險"),
            vec![
                (say("Status", "狀態"), say("candidate, not fetched, not validated", "候選、未取得、未驗證").to_owned()),
                (say("Materiality", "重要性"), model.materiality.name().to_owned()),
            ],
        ),
        section(
            say("Model", "模型"),
            vec![
                (say("Task", "任務"), model.task.clone()),
                (say("Architecture", "架構"), model.architecture.clone()),
                (say("Quantisation", "量化"), model.quantisation.clone()),
                (say("Origin", "來源"), model.repository.clone()),
                (say("Revision", "版本"), revision),
                (say("Licence", "授權"), format!("{}{gated}", model.licence)),
                (say("Languages", "語言"), model.languages.join(", ")),
                (say("Training data", "訓練資料"), model.training_data.clone()),
            ],
        ),
        section(
            say("Purpose", "用途與限制"),
            vec![
                (say("Intended use", "用途"), model.intended_use.clone()),
                (say("Limits", "限制"), model.limits.clone()),
                (say("Needs", "需求"), model.needs.clone()),
            ],
        ),
        section(
            say("Files", "檔案"),
            vec![
                (
                    say("Names", "名稱"),
                    format!("{} (~{})", names.join(", "), size(model.about_megabytes.saturating_mul(1_000_000))),
                ),
                (say("Digests", "摘要值"), known.to_owned()),
                (say("To fetch", "取得方式"), command),
            ],
        ),
    ]
}

fn section(heading: &'static str, fields: Vec<(&str, String)>) -> Section {
    Section { heading, fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
}

fn status(status: Status, language: UiLanguage) -> String {
    match status {
        Status::Candidate => language.pick("candidate: runs, approved by nobody yet", "候選：可執行，尚無人核可"),
        Status::Approved => language.pick("approved", "已核可"),
        Status::Retired => language.pick("retired: does not run", "停用：不再執行"),
    }
    .to_owned()
}

fn how_received(received: &Received, language: UiLanguage) -> String {
    let say = |english, chinese| language.pick(english, chinese);
    let by = received.by.as_deref().unwrap_or(say("no name given", "未具名"));
    match received.trust {
        Trust::Registry => format!(
            "{} · {by} · {} · {}",
            received.on,
            received.from,
            say("digests checked against the registry that ships with the program", "摘要值與隨程式之登錄相符")
        ),
        Trust::Operator => format!(
            "{} · {by} · {} · {}",
            received.on,
            received.from,
            say("digests checked against what the operator gave", "摘要值與操作者所提供者相符")
        ),
        Trust::FirstFetch => format!(
            "{} {} {} {by} · {} · {}",
            say("pinned on first fetch on", "首次下載時採用："),
            received.on,
            say("by", "由"),
            received.from,
            say("nothing else vouched for the files when they came", "檔案取得時並無其他佐證")
        ),
    }
}

fn place(whereabouts: Whereabouts, language: UiLanguage) -> &'static str {
    match whereabouts {
        Whereabouts::Distribution => language.pick("in the distribution", "隨程式提供"),
        Whereabouts::DataFolder => language.pick("in the data folder", "在資料夾"),
        Whereabouts::Incomplete => language.pick("incomplete", "不完整"),
        Whereabouts::NotFetched => language.pick("not on this machine", "不在本機"),
    }
}

fn source_text(source: &Source) -> String {
    match source {
        Source::Hub { repository, revision } => {
            let at = revision.as_ref().map(|revision| format!(" at {revision}")).unwrap_or_default();
            format!("hub {repository}{at}")
        }
        Source::Wheel { version, member } => {
            let packages: Vec<&str> = member.iter().map(|member| member.package.as_str()).collect();
            format!("wheels {} in version {version}", packages.join(", "))
        }
    }
}

/// A value of the evaluation as people write it: tables as `key value` pairs.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Table(table) => {
            table.iter().map(|(key, value)| format!("{} {}", words(key), plain(value))).collect::<Vec<_>>().join(", ")
        }
        toml::Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// `macro_f1` as `macro f1`.
fn words(key: &str) -> String {
    key.replace('_', " ")
}

/// The sections as a document. Values are one line each, so that a table holds them; what Markdown would read in them is escaped.
fn markdown(name: &str, sections: &[Section], language: UiLanguage) -> String {
    let escaped = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '\n' | '\r' => out.push(' '),
                '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '#' => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        out
    };
    let mut out = format!("# {}{}\n", language.pick("Model card: ", "模型說明："), escaped(name));
    for section in sections {
        out += &format!("\n## {}\n\n| | |\n|---|---|\n", section.heading);
        for (field, value) in &section.fields {
            out += &format!("| {} | {} |\n", escaped(field), escaped(value));
        }
    }
    out += &format!(
        "\n{} scrutineer {} · {}\n",
        language.pick("Written by", "產生："),
        env!("CARGO_PKG_VERSION"),
        language.pick(
            "`scrutineer models verify` compares the files with these digests",
            "`scrutineer models verify` 核對檔案摘要值"
        )
    );
    out
}
