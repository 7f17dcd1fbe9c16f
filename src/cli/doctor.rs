//! `scrutineer doctor`: what is installed, which models, which digests, and whether it all fits.

use clap::Args;
use serde::Serialize;

use super::Exit;
use crate::config::Config;
use crate::error::{Result, with_causes};
use crate::ledger::{Access, Ledger, LedgerError};
use crate::model::arithmetic::Arithmetic;
use crate::model::encoder::{self, Encoder};
use crate::model::registry::Registry;
use crate::pipeline::Models;
use crate::pipeline::archive::shipped_taxonomy;

/// Checks the installation: models and their digests, taxonomy, kernels, worker process, OCR, data folder
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  scrutineer doctor --json\n\nExit code 4 where a check fails.")]
pub(super) struct Arguments {}

#[derive(Serialize)]
struct Check {
    name: String,
    /// `ok`, `absent` (works without) or `failed`.
    state: &'static str,
    detail: String,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let checks = checks(config);
        if config.json {
            super::print_json(&checks)?;
        } else {
            let lines = checks.iter().map(|check| format!("{:<7} {:<12} {}\n", check.state, check.name, check.detail));
            super::print(&lines.collect::<String>());
        }
        Ok(if checks.iter().any(|check| check.state == "failed") { Exit::CheckFailed } else { Exit::Done })
    }
}

fn checks(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |name: &str, outcome: std::result::Result<String, String>| {
        let (state, detail) = match outcome {
            Ok(detail) => ("ok", detail),
            Err(detail) => ("failed", detail),
        };
        checks.push(Check { name: name.to_owned(), state, detail });
    };
    add(
        "program",
        Ok(format!("scrutineer {} on {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)),
    );
    add("kernels", Arithmetic::from_environment().map(|it| it.name().to_owned()).map_err(|error| with_causes(&error)));
    let taxonomy = shipped_taxonomy(config);
    add(
        "taxonomy",
        match &taxonomy {
            Ok(taxonomy) => {
                Ok(format!("version {}, {} labels, {}", taxonomy.version(), taxonomy.labels().len(), taxonomy.digest()))
            }
            Err(error) => Err(with_causes(error)),
        },
    );
    match config.models_folder().ok_or(crate::model::ModelError::NoFolder).and_then(|folder| Registry::open(&folder)) {
        Err(error) => add("models", Err(with_causes(&error))),
        Ok(registry) => {
            for card in registry.models() {
                let loaded =
                    registry.load(&card.name).map(|files| format!("{}  {}  {}", card.task, card.licence, files.digest()));
                add(&card.name, loaded.map_err(|error| with_causes(&error)));
            }
            let encoder = Encoder::load(&registry, encoder::DEFAULT).and_then(|encoder| encoder.encode(&["風險 risk"]));
            add("encoder", encoder.map(|_| "runs".to_owned()).map_err(|error| with_causes(&error)));
        }
    }
    if let Ok(taxonomy) = &taxonomy {
        add(
            "heads",
            Models::load(config, taxonomy, None)
                .map(|_| "belong to this encoder and taxonomy".to_owned())
                .map_err(|error| with_causes(&error)),
        );
    }
    add("data folder", data_folder(config));
    let ocr = std::process::Command::new("tesseract").arg("--version").output();
    let ocr =
        ocr.ok().filter(|output| output.status.success()).map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let (state, detail) = match ocr.as_ref().and_then(|text| text.lines().next()) {
        Some(version) => ("ok", format!("{version} is installed; this version does not use it yet: scans count as unread pages")),
        None => ("absent", "tesseract is not installed; scanned pages count as unread".to_owned()),
    };
    checks.push(Check { name: "ocr".to_owned(), state, detail });
    checks
}

fn data_folder(config: &Config) -> std::result::Result<String, String> {
    match Ledger::open(&config.data, Access::Reader) {
        Ok(ledger) => {
            let documents = ledger.documents().map_err(|error| with_causes(&error))?;
            Ok(format!("{}: {} documents", config.data.display(), documents.len()))
        }
        Err(LedgerError::NoDataFolder(path)) => Ok(format!("{} is not there yet; `scrutineer run` makes it", path.display())),
        Err(error) => Err(with_causes(&error)),
    }
}
