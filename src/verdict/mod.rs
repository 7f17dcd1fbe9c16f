//! Claim x sources -> [`Verdict`]: does the document say so?

use serde::{Deserialize, Serialize};

use crate::language::Span;

/// Raised whenever verdicts can change.
pub const VERSION: u32 = 1;

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The source says so.
    Supported,
    /// The source says otherwise.
    Contradicted,
    /// The source does not say so.
    NotFound,
    /// It could not be checked: nothing to check it against, an unread page, a language that is not supported.
    NotCheckable,
}

/// The check result of one claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What became of it.
    pub outcome: Outcome,
    /// The probability that the claim is supported.
    pub score: f32,
    /// The exact checks that ran and what each found.
    pub checks: Vec<Check>,
    /// The parts of the claim (bytes) that the source does not support.
    pub unsupported: Vec<Span>,
    /// The source sentences that it was judged by, best first: indices into the sentences that the checker was given.
    pub evidence: Vec<u32>,
}

/// One exact check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub kind: CheckKind,
    /// What it found.
    pub result: CheckResult,
    /// The part of the claim that was checked (bytes).
    pub claim: Span,
    /// For people: `10.2% in the source, 12% in the claim`.
    pub detail: String,
}

/// The exact checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// Amounts and counts, with unit, scale and currency.
    Number,
    /// Percentages, percentage points, basis points.
    Percentage,
    /// Dates and periods.
    Date,
    /// Institutions, people, places.
    Name,
    /// Negation.
    Negation,
    /// Up or down, more or less.
    Direction,
    /// All, some, most, none; may, will, must.
    Scope,
}

/// What an exact check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    /// The source has it.
    Matched,
    /// The source has something else in its place.
    Conflicting,
    /// The source has nothing like it.
    Missing,
}
