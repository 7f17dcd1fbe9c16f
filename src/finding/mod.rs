//! [`Passage`](crate::passage::Passage) -> [`Finding`] (people call it a flag): which risks of the taxonomy a passage expresses.

mod attribution;
mod classifier;
pub mod head;
pub mod rules;
pub mod taxonomy;

use serde::{Deserialize, Serialize};

use crate::language::Span;

pub use classifier::{Classified, Classifier, ClassifierError, Standing};

/// Raised whenever findings can change.
pub const VERSION: u32 = 2;

/// A label that a passage carries, with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The id of the label in the taxonomy.
    pub label: String,
    /// The ordinal of the passage in its document.
    pub passage: u32,
    /// The calibrated probability.
    pub score: f32,
    /// The threshold that the score reached.
    pub threshold: f32,
    /// How it was found.
    pub method: Method,
    /// The sentences that carry it, strongest first, as spans of the passage's text.
    pub evidence: Vec<Span>,
    /// The exact contribution of each word to the head's logit, strongest first, at most 12 words.
    pub attribution: Vec<Contribution>,
}

/// How a finding was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The trained head.
    Head,
    /// Similarity to the label's phrases: a label with too few examples for a head.
    ZeroShot,
    /// A rule of the product, such as hidden text.
    Rule,
}

impl Method {
    /// The name in records and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::ZeroShot => "zero-shot",
            Self::Rule => "rule",
        }
    }
}

/// What a word adds to the logit of a label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The word in the passage's text.
    pub span: Span,
    /// Its share of the logit; negative where it speaks against.
    pub weight: f32,
}
