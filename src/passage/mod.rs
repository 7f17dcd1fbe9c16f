//! [`Document`] -> [`Passage`]: what is classified, embedded, indexed and cited.

mod anchored;
mod chunker;
mod flow;
mod locator;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::document::{BoundingBox, Document, HiddenReason};
use crate::language::{Language, Span};

pub use locator::{locate, locate_in};

/// Raised whenever passages can change.
pub const VERSION: u32 = 1;

/// How long passages are, in tokens of the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// A passage is closed when the next sentence would take it past this.
    pub target_tokens: usize,
    /// No passage is longer: a longer sentence is cut where a clause ends.
    pub max_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { target_tokens: 128, max_tokens: 256 }
    }
}

/// The passages of a document in reading order. `count_tokens` gives the encoder's token count of a text.
pub fn passages(document: &Document, options: &Options, count_tokens: &dyn Fn(&str) -> usize) -> Vec<Passage> {
    chunker::pack(document.id, &flow::units(document), options, count_tokens)
}

/// Whole sentences under one heading path, or some rows of a table, or hidden text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The document.
    pub document: Digest,
    /// The place in the document, from 0. Document and ordinal name a passage within one extraction.
    pub ordinal: u32,
    /// What it is.
    pub kind: PassageKind,
    /// The headings above it, outermost first.
    pub heading_path: Vec<String>,
    /// The text, NFC: lines joined, hyphens at line ends resolved, one `\n` between blocks or table rows.
    pub text: String,
    /// The language of the text.
    pub language: Language,
    /// The sentences, in order; they cover all of `text` but white space. A table row is one sentence.
    pub sentences: Vec<Sentence>,
    /// Where each word of `text` is on the pages, in order of `text`.
    pub anchors: Vec<Anchor>,
}

/// What a passage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassageKind {
    /// Running text.
    Text,
    /// Rows of a table, cells separated by ` | `.
    Table,
    /// Text that a reader of the page does not see: shown to people as such, never model input.
    Hidden(HiddenReason),
}

/// The unit of citation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// Its bytes in the passage's text.
    pub span: Span,
}

/// Where a piece of a passage's text stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anchor {
    /// The bytes in the passage's text.
    pub span: Span,
    /// The file page, from 1.
    pub page: u32,
    /// The box of the word on that page.
    pub bbox: BoundingBox,
    /// Where each character ends along the line (see [`crate::document::Word::edges`]).
    pub edges: Vec<f32>,
    /// Set vertically.
    pub vertical: bool,
}

/// A span of a passage, found on the pages: one entry per page, one box per line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// The file page, from 1.
    pub page: u32,
    /// Boxes in points, top-left origin, one per line touched.
    pub boxes: Vec<BoundingBox>,
}

impl Passage {
    /// Whether a model may read it.
    pub fn is_model_input(&self) -> bool {
        !matches!(self.kind, PassageKind::Hidden(_))
    }

    /// The pages it stands on, first and last, from 1.
    pub fn pages(&self) -> Option<(u32, u32)> {
        let first = self.anchors.iter().map(|anchor| anchor.page).min()?;
        let last = self.anchors.iter().map(|anchor| anchor.page).max()?;
        Some((first, last))
    }

    /// The text of a sentence.
    pub fn sentence(&self, index: usize) -> &str {
        self.sentences.get(index).map(|sentence| sentence.span.of(&self.text)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
