//! `scrutineer models verify`: the files against the registry.

use std::path::PathBuf;

use serde::Serialize;

use super::super::{Exit, print_json};
use super::{Catalogue, Found};
use crate::cli::terminal::{Styles, harmless};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::registry::{FileState, ModelCard, Whereabouts};

#[derive(Serialize)]
struct Checked {
    model: String,
    /// `ok`, `failed` or `not-fetched`.
    state: &'static str,
    files: Vec<CheckedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Serialize)]
struct CheckedFile {
    path: PathBuf,
    /// `ok`, `missing`, `changed` or `unreadable`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(super) fn run(names: &[String], config: &Config) -> Result<Exit> {
    let catalogue = Catalogue::open(config)?;
    let cards: Vec<&ModelCard> = match names {
        [] => catalogue.registry.models().iter().collect(),
        names => names.iter().map(|name| described(&catalogue, name)).collect::<Result<_>>()?,
    };
    let checked: Vec<Checked> = cards.into_iter().map(|card| check(&catalogue, card, names.is_empty())).collect();
    if config.json {
        print_json(&checked)?;
    } else {
        checked.iter().for_each(show);
    }
    Ok(if checked.iter().any(|model| model.state == "failed") { Exit::CheckFailed } else { Exit::Done })
}

fn described<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a ModelCard> {
    match catalogue.find(name)? {
        Found::Described(card) => Ok(card),
        Found::Recommended(_) => Err(Error::usage(format!("`{name}` was not fetched: there is nothing to verify"))
            .remedy(format!("`scrutineer models show {name}` says how to fetch it"))),
    }
}

/// `spare` says that nobody asked for this model by its name: that it was not fetched is then no failure.
fn check(catalogue: &Catalogue, card: &ModelCard, spare: bool) -> Checked {
    if spare && !card.source.is_empty() && catalogue.registry.whereabouts(card) == Whereabouts::NotFetched {
        return Checked { model: card.name.clone(), state: "not-fetched", files: Vec::new(), remedy: None };
    }
    let files: Vec<CheckedFile> = catalogue
        .registry
        .verify(card)
        .into_iter()
        .zip(&card.file)
        .map(|((path, state), expected)| {
            let (state, detail) = match state {
                FileState::Holds => ("ok", None),
                FileState::Missing => ("missing", None),
                FileState::Changed { bytes, .. } if bytes != expected.bytes => {
                    ("changed", Some(format!("{bytes} bytes, expected {}", expected.bytes)))
                }
                FileState::Changed { sha256, .. } => ("changed", Some(format!("SHA-256 {sha256}, expected {}", expected.sha256))),
                FileState::Unreadable { reason } => ("unreadable", Some(reason)),
            };
            CheckedFile { path, state, detail }
        })
        .collect();
    let failed = files.iter().any(|file| file.state != "ok");
    let fetch = if card.source.is_empty() { " --from DIR" } else { "" };
    let remedy = failed.then(|| {
        format!("restore the files from the distribution, or fetch them again with `scrutineer models pull {}{fetch}`", card.name)
    });
    Checked { model: card.name.clone(), state: if failed { "failed" } else { "ok" }, files, remedy }
}

fn show(checked: &Checked) {
    let styles = Styles::new();
    let style = match checked.state {
        "ok" => &styles.good,
        "failed" => &styles.bad,
        _ => &styles.faint,
    };
    println!("{}  {}", style.apply_to(format!("{:<11}", checked.state)), harmless(&checked.model));
    for file in &checked.files {
        let detail = file.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        println!("    {:<10} {}{}", file.state, harmless(&file.path.to_string_lossy()), harmless(&detail));
    }
    if let Some(remedy) = &checked.remedy {
        println!("    → {remedy}");
    }
}
