//! What is indexed: a document with its passages, as plain values.

use serde::{Deserialize, Serialize};

use super::anchoring;
use crate::digest::Digest;
use crate::language::Span;
use crate::passage::{Anchor, Location, locate_in};

/// A document as it is indexed.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedDocument {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// The file name without its ending.
    pub stem: String,
    /// The title.
    pub title: Option<String>,
    /// The type of document.
    pub document_type: Option<String>,
    /// The institution.
    pub institution: Option<String>,
    /// The period: `2022`, `2022-H1`, `2022-Q3`, `2022-05` or `2022-05-20`.
    pub period: Option<String>,
    /// Its passages.
    pub passages: Vec<IndexedPassage>,
}

/// A passage as it is indexed, and as a hit gives it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexedPassage {
    /// The place in the document, from 0.
    pub ordinal: u32,
    /// `text`, `table` or `hidden`.
    pub kind: String,
    /// BCP 47 tag.
    pub language: String,
    /// The headings above it.
    pub heading_path: Vec<String>,
    /// The text.
    pub text: String,
    /// Where pages begin: the first byte of the text on each page, with the page from 1 and its printed label.
    pub pages: Vec<PageStart>,
    /// Where each word stands: for the boxes of what is highlighted. A hit gives them back to a tenth of a point, and without
    /// the edges of characters in words of letters, whose parts are then boxed with the whole word.
    #[serde(with = "anchoring")]
    pub anchors: Vec<Anchor>,
    /// The labels it carries with their scores.
    pub labels: Vec<(String, f32)>,
    /// The check results of the summary's sentences that rest on it.
    pub verdicts: Vec<String>,
    /// Its embedding at unit length, as 8-bit numbers and their scale.
    pub vector: Option<(f32, Vec<i8>)>,
}

/// Where a passage's text enters a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageStart {
    /// The first byte of the text on the page.
    pub byte: u32,
    /// The file page, from 1.
    pub page: u32,
    /// The printed label, where it differs.
    pub label: Option<String>,
}

/// The kind of passages that a reader of the page does not see.
pub(super) const HIDDEN: &str = "hidden";

impl IndexedPassage {
    /// The page that a byte of the text stands on.
    pub fn page_at(&self, byte: u32) -> Option<&PageStart> {
        self.pages.iter().rev().find(|start| start.byte <= byte).or_else(|| self.pages.first())
    }

    /// The pages that a span touches.
    pub fn pages_of(&self, span: Span) -> impl Iterator<Item = &PageStart> {
        let first = self.page_at(span.start).map_or(0, |start| start.byte);
        self.pages.iter().filter(move |start| start.byte >= first && start.byte < span.end.max(first + 1))
    }

    /// The boxes of a span by page.
    pub fn locate(&self, span: Span) -> Vec<Location> {
        locate_in(&self.text, &self.anchors, span)
    }

    /// Whether a reader of the page does not see it.
    pub fn is_hidden(&self) -> bool {
        self.kind == HIDDEN
    }
}
