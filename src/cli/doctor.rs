//! `scrutineer doctor`: what is installed, which models, which digests, and whether it all fits.

use clap::Args;
use serde::Serialize;

use super::Exit;
use crate::config::Config;
use crate::document::ocr::{OcrError, Tesseract};
use crate::error::{OrFail, Result, with_causes};
use crate::ledger::{Access, Ledger, LedgerError};
use crate::model::arithmetic::Arithmetic;
use crate::model::encoder::{self, Encoder};
use crate::model::registry::{ModelCard, Registry, Whereabouts};
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
    match Registry::installed(config) {
        Err(error) => add("models", Err(with_causes(&error))),
        Ok(registry) => {
            let here = |card: &&ModelCard| card.source.is_empty() || registry.whereabouts(card) != Whereabouts::NotFetched;
            for card in registry.models().iter().filter(here) {
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
            Arithmetic::from_environment()
                .or_usage(|| "cannot load the encoder".to_owned())
                .and_then(|arithmetic| Models::load(config, taxonomy, arithmetic, None))
                .map(|_| "belong to this encoder and taxonomy".to_owned())
                .map_err(|error| with_causes(&error)),
        );
    }
    add("data folder", data_folder(config));
    let (state, detail) = match Tesseract::find() {
        Ok(engine) => ("ok", ocr(&engine)),
        // Without the program everything else works, and scans count as unread; one that is there and does not work is a fault.
        Err(error @ OcrError::Missing { .. }) => ("absent", without_ocr(&error)),
        Err(error) => ("failed", without_ocr(&error)),
    };
    checks.push(Check { name: "ocr".to_owned(), state, detail });
    checks
}

fn ocr(engine: &Tesseract) -> String {
    let languages = engine.languages();
    let lacks = ["eng", "chi_tra"].into_iter().find(|wanted| !languages.iter().any(|language| language == wanted));
    let lacks = lacks.map(|language| format!("; without {language}: apt install tesseract-ocr-{}", language.replace('_', "-")));
    format!("tesseract {}, languages {}{}", engine.version(), languages.join(", "), lacks.unwrap_or_default())
}

fn without_ocr(error: &OcrError) -> String {
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    format!("{error}; scanned pages count as unread{remedy}")
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
