//! The command line: raw arguments in, one file per command, an [`Exit`] out.

/// Prints a line as the standard macro does, save that a reader who closes the pipe early (`| head`) is no fault: the standard
/// one panics. Shadows it in every command.
macro_rules! println {
    ($($arguments:tt)*) => { $crate::cli::terminal::print_line(format_args!($($arguments)*)) };
}

mod audit;
mod cases;
mod classify;
mod doctor;
mod extract;
mod findings;
mod generate;
mod models;
mod pipeline;
mod quarantine;
mod report;
mod review;
mod run;
mod search;
mod show;
mod status;
mod summary;
mod terminal;
mod verify;
mod worker;

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::config::{Config, UiLanguage};
use crate::error::{Error, OrFail, Result};

/// How a command that ran ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All done: 0.
    Done,
    /// Some inputs were quarantined, or more pages unread than allowed: 3.
    Incomplete,
    /// A check failed: a claim is contradicted or not found, the audit chain is broken: 4.
    CheckFailed,
}

impl Exit {
    /// The exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Incomplete => 3,
            Self::CheckFailed => 4,
        }
    }
}

/// Reads supervisory filings on your own machine: flagged risks, cited and checked summaries, search, case events.
#[derive(Debug, Parser)]
#[command(name = "scrutineer", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(flatten)]
    global: GlobalArguments,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all done, 1 failure, 2 usage, configuration or locked data folder, 3 some inputs quarantined or \
                          pages unread, 4 a check failed, 130 interrupted.";

/// Arguments that every command takes.
#[derive(Debug, Args)]
struct GlobalArguments {
    /// The data folder
    #[arg(long, global = true, value_name = "DIR", env = "SCRUTINEER_DATA", default_value = "./scrutineer-data")]
    data: PathBuf,
    /// The folder with the models (default: beside the program)
    #[arg(long, global = true, value_name = "DIR", env = "SCRUTINEER_MODELS")]
    models: Option<PathBuf>,
    /// Machine-readable output on standard output
    #[arg(long, global = true)]
    json: bool,
    /// The language of headings, labels and reasons
    #[arg(long, global = true, value_name = "LANG", env = "SCRUTINEER_LANG", value_enum, default_value = "en")]
    ui_lang: UiLanguage,
    /// No progress display
    #[arg(long, short, global = true)]
    quiet: bool,
    /// More log lines on standard error (-v, -vv)
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Summary(summary::Arguments),
    Show(show::Arguments),
    Findings(findings::Arguments),
    Review(review::Arguments),
    Search(search::Arguments),
    Verify(verify::Arguments),
    Classify(classify::Arguments),
    Extract(extract::Arguments),
    Cases(cases::Arguments),
    Audit(audit::Arguments),
    Quarantine(quarantine::Arguments),
    Status(status::Arguments),
    Pipeline(pipeline::Arguments),
    Models(models::Arguments),
    Doctor(doctor::Arguments),
    // Hidden, as what it writes rests on nothing and is checked by nothing: it is for those who choose a model.
    #[command(hide = true)]
    Generate(generate::Arguments),
    #[command(hide = true)]
    Worker(worker::Arguments),
}

impl Arguments {
    /// How many `-v` were given.
    pub fn verbosity(&self) -> u8 {
        self.global.verbose
    }

    /// Runs the command.
    pub fn run(self) -> Result<Exit> {
        let GlobalArguments { data, models, json, ui_lang, quiet, verbose: _ } = self.global;
        let config = Config { data, models, json, ui_language: ui_lang, quiet };
        match self.command {
            Command::Run(arguments) => arguments.run(&config),
            Command::Summary(arguments) => arguments.run(&config),
            Command::Show(arguments) => arguments.run(&config),
            Command::Findings(arguments) => arguments.run(&config),
            Command::Review(arguments) => arguments.run(&config),
            Command::Search(arguments) => arguments.run(&config),
            Command::Verify(arguments) => arguments.run(&config),
            Command::Classify(arguments) => arguments.run(&config),
            Command::Extract(arguments) => arguments.run(&config),
            Command::Cases(arguments) => arguments.run(&config),
            Command::Audit(arguments) => arguments.run(&config),
            Command::Quarantine(arguments) => arguments.run(&config),
            Command::Status(arguments) => arguments.run(&config),
            Command::Pipeline(arguments) => arguments.run(&config),
            Command::Models(arguments) => arguments.run(&config),
            Command::Doctor(arguments) => arguments.run(&config),
            Command::Generate(arguments) => arguments.run(&config),
            Command::Worker(arguments) => arguments.run(&config),
        }
    }
}

/// Text for people on standard output, whole lines.
fn print(text: &str) {
    text.lines().for_each(|line| println!("{line}"));
}

/// A value as JSON on standard output.
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).or_fail(|| "cannot write JSON".to_owned())?;
    println!("{text}");
    Ok(())
}

/// What is said beside a label that the model is weak for.
fn weak_label(language: UiLanguage) -> &'static str {
    language.pick("weak label: read the passage before acting", "此標籤較弱：採取行動前請先閱讀原文")
}

/// The first line of a password file.
fn password(file: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = file else { return Ok(None) };
    let text = std::fs::read_to_string(path).or_usage(|| format!("cannot read the password file {}", path.display()))?;
    Ok(text.lines().next().map(str::to_owned))
}

/// Writes an error for people on standard error: what, why, what to do.
pub fn report_error(error: &Error) {
    eprintln!("error: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        eprintln!("  because {cause}");
        source = cause.source();
    }
    if let Some(remedy) = error.remedy_text() {
        eprintln!("  help: {remedy}");
    }
}
