//! [`Finding`](crate::finding::Finding)s -> [`Summary`]: the sentences that best carry each risk, each citing the source
//! sentence it rests on.
//!
//! A sentence is either `quoted` (the source's own words) or `generated` (a model's words over cited evidence). Support rates
//! count generated sentences only: a quotation is trivially supported.

mod extractive;
mod generator;
pub mod prompted;
mod selection;

use serde::{Deserialize, Serialize};

use crate::language::Span;
use crate::passage::Location;

pub use extractive::{quotation, summarise};
pub use generator::{Draft, Drafted, Evidence, Generator, GeneratorError, draft};
pub use selection::Options;

/// Raised whenever summaries can change.
pub const VERSION: u32 = 1;

/// The summary of a document, at most a screenful.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// One section per label found, the most prominent first.
    pub sections: Vec<Section>,
    /// Labels found for which the screen had no room, with the number of passages that carry them.
    pub further: Vec<(String, u32)>,
}

/// What the document says under one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// The id of the label.
    pub label: String,
    /// How much of the document speaks of it.
    pub prominence: Prominence,
    /// The number of passages that carry the label.
    pub passages: u32,
    /// The sentences, the strongest first.
    pub sentences: Vec<SummarySentence>,
}

/// How much of the document speaks of a label. It ranks reading order; it is no assessment of the institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prominence {
    /// One or two passages, none of them clear-cut.
    Low,
    /// A clear passage, or several.
    Medium,
    /// Several clear passages.
    High,
}

/// Whose words a sentence is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The source's own words.
    Quoted,
    /// A model's words.
    Generated,
}

/// A sentence of a summary with the source sentences it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SummarySentence {
    /// The sentence.
    pub text: String,
    /// Whose words it is in.
    pub origin: Origin,
    /// The source sentences; never empty.
    pub citations: Vec<Citation>,
}

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// The ordinal of the passage.
    pub passage: u32,
    /// The cited bytes of its text.
    pub span: Span,
    /// Where they stand on the pages.
    pub locations: Vec<Location>,
}

impl Citation {
    /// The first page cited, from 1.
    pub fn page(&self) -> Option<u32> {
        self.locations.first().map(|location| location.page)
    }
}

#[cfg(test)]
mod tests;
