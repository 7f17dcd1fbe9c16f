//! `scrutineer review`: what a person decided about flags.

use clap::{Args, ValueEnum};

use super::Exit;
use super::terminal::harmless;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Access, Ledger, ReviewState};

/// Records what a person decided about flags: in the audit chain, in summaries, and in the events of the cases they are part of
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        scrutineer review confirm flg_01KQ3V7Z8N4M2X6T9R5W1B0CDE --by 'A. Lin'\n  \
        scrutineer review reject flg_01KQ3V7Z8N4M2X6T9R5W1B0CDE --by 'A. Lin' --note 'boilerplate'\n\n\
        `scrutineer findings` shows the flags with their ids. Reviews are added, never changed: the last one of a flag counts. A \
        case is confirmed where one of its flags is, rejected where all of them are.")]
pub(super) struct Arguments {
    /// The decision
    #[arg(value_enum)]
    decision: Decision,
    /// The flags
    #[arg(value_name = "FLAG", required = true)]
    flags: Vec<String>,
    /// Who decides
    #[arg(long, value_name = "NAME", env = "SCRUTINEER_REVIEWER")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Decision {
    /// The passage carries the label
    Confirm,
    /// It does not
    Reject,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let state = match self.decision {
            Decision::Confirm => ReviewState::Confirmed,
            Decision::Reject => ReviewState::Rejected,
        };
        if self.by.trim().is_empty() {
            return Err(Error::usage("a review needs a name").remedy("name the reviewer with --by NAME"));
        }
        // A reader is refused where there is no data folder; a writer would make one.
        drop(Ledger::open(&config.data, Access::Reader)?);
        let mut ledger = Ledger::open(&config.data, Access::Writer)?;
        // All or none: a mistyped id must not leave half of the reviews behind.
        for flag in &self.flags {
            if ledger.flag_history(flag)?.is_empty() {
                return Err(
                    Error::usage(format!("there is no flag {}", harmless(flag))).remedy("`scrutineer findings` lists them")
                );
            }
        }
        let mut reviews = Vec::new();
        for flag in &self.flags {
            reviews.extend(ledger.review(flag, state, self.by.trim(), self.note.as_deref())?);
        }
        if config.json {
            super::print_json(&reviews)?;
        } else {
            let say = |english, chinese| config.ui_language.pick(english, chinese);
            let state = match state {
                ReviewState::Confirmed => say("confirmed", "確認"),
                ReviewState::Rejected => say("rejected", "駁回"),
            };
            for review in &reviews {
                println!("{}  {state}  {}  {}", harmless(&review.flag), harmless(&review.reviewer), review.time);
            }
        }
        Ok(Exit::Done)
    }
}
