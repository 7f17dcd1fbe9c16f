//! `scrutineer models list`: a line per model.

use serde::Serialize;

use super::super::{Exit, print, print_json};
use super::{Catalogue, size};
use crate::cli::terminal::{Styles, harmless};
use crate::config::{Config, UiLanguage};
use crate::digest::Digest;
use crate::error::Result;
use crate::model::registry::{Status, Trust, Whereabouts};

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    task: &'a str,
    status: Status,
    licence: &'a str,
    quantisation: &'a str,
    /// Of a model that nobody has fetched: about.
    bytes: u64,
    whereabouts: Whereabouts,
    /// None where nobody has recorded the digests.
    sha256: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<Trust>,
    review_by: Option<&'a str>,
    review_overdue: bool,
}

pub(super) fn run(config: &Config) -> Result<Exit> {
    let catalogue = Catalogue::open(config)?;
    let today = jiff::Zoned::now().date();
    let described = catalogue.registry.models().iter().map(|card| Row {
        name: &card.name,
        task: &card.task,
        status: card.status,
        licence: &card.licence,
        quantisation: card.quantisation(),
        bytes: card.bytes(),
        whereabouts: catalogue.registry.whereabouts(card),
        sha256: Some(card.digest()),
        trust: card.received.as_ref().map(|received| received.trust),
        review_by: Some(&card.review_by),
        review_overdue: card.review_is_overdue(today),
    });
    let recommended = catalogue.unfetched().map(|model| Row {
        name: &model.name,
        task: &model.task,
        status: Status::Candidate,
        licence: &model.licence,
        quantisation: &model.quantisation,
        bytes: model.about_megabytes.saturating_mul(1_000_000),
        whereabouts: Whereabouts::NotFetched,
        sha256: None,
        trust: None,
        review_by: None,
        review_overdue: false,
    });
    let rows: Vec<Row<'_>> = described.chain(recommended).collect();
    if config.json {
        print_json(&rows)?;
    } else {
        print(&render(&rows, config.ui_language));
    }
    Ok(Exit::Done)
}

fn render(rows: &[Row<'_>], language: UiLanguage) -> String {
    let say = |english, chinese| language.pick(english, chinese);
    let head = [
        say("name", "名稱"),
        say("task", "任務"),
        say("status", "狀態"),
        say("licence", "授權"),
        say("size", "大小"),
        say("where", "位置"),
    ];
    let mut table = vec![head.map(str::to_owned)];
    table.extend(rows.iter().map(|row| {
        let about = if row.sha256.is_none() { "~" } else { "" };
        [
            row.name.to_owned(),
            row.task.to_owned(),
            row.status.name().to_owned(),
            row.licence.to_owned(),
            about.to_owned() + &size(row.bytes),
            place(row, language),
        ]
        .map(|cell| harmless(&cell).into_owned())
    }));
    let widths: Vec<usize> = (0..head.len())
        .map(|column| table.iter().map(|row| console::measure_text_width(&row[column])).max().unwrap_or(0))
        .collect();
    let styles = Styles::new();
    let mut out = String::new();
    for (index, row) in table.iter().enumerate() {
        let cells: Vec<_> =
            row.iter().zip(&widths).map(|(cell, width)| console::pad_str(cell, *width, console::Alignment::Left, None)).collect();
        let line = cells.join("  ");
        let style = if index == 0 { &styles.faint } else { &styles.heading };
        let (first, rest) = line.split_at(cells[0].len());
        out += &format!(
            "{}{}\n",
            style.apply_to(first),
            if index == 0 { styles.faint.apply_to(rest).to_string() } else { rest.to_owned() }
        );
    }
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn place(row: &Row<'_>, language: UiLanguage) -> String {
    let say = |english, chinese| language.pick(english, chinese);
    let mut place = match row.whereabouts {
        Whereabouts::Distribution => say("distribution", "隨程式"),
        Whereabouts::DataFolder => say("data folder", "資料夾"),
        Whereabouts::Incomplete => say("incomplete", "不完整"),
        Whereabouts::NotFetched => say("not fetched", "未取得"),
    }
    .to_owned();
    let mut add = |note: &str| place += &format!(" · {note}");
    if row.sha256.is_none() {
        add(say("digests not recorded", "未記錄摘要值"));
    }
    if row.trust == Some(Trust::FirstFetch) {
        add(say("digests of the first fetch", "摘要值取自首次下載"));
    }
    if row.review_overdue {
        add(say("review overdue", "覆核逾期"));
    }
    place
}
