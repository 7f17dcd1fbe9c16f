//! English and Chinese text: normal forms, languages, sentences, numbers, dates. Imports no stage.
//!
//! Offsets inside the product are bytes of the NFC text ([`Span`]); at every interface they become Unicode code points
//! ([`offsets`]).

pub mod dates;
pub mod identify;
pub mod normalise;
pub mod numbers;
pub mod offsets;
pub mod script;
pub mod sentences;
pub mod shingles;

use serde::{Deserialize, Serialize};

/// The language of a passage or a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Language {
    /// English.
    #[serde(rename = "en")]
    English,
    /// Chinese in traditional characters.
    #[serde(rename = "zh-Hant")]
    TraditionalChinese,
    /// Chinese in simplified characters.
    #[serde(rename = "zh-Hans")]
    SimplifiedChinese,
    /// Any other language, or too little text to tell.
    #[serde(rename = "und")]
    Undetermined,
}

impl Language {
    /// The BCP 47 tag: `en`, `zh-Hant`, `zh-Hans` or `und`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::TraditionalChinese => "zh-Hant",
            Self::SimplifiedChinese => "zh-Hans",
            Self::Undetermined => "und",
        }
    }

    /// Whether the text is Chinese in either script.
    pub const fn is_chinese(self) -> bool {
        matches!(self, Self::TraditionalChinese | Self::SimplifiedChinese)
    }
}

/// A half-open range of bytes of an NFC text, both ends on character borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// A span of `range`.
    pub fn new(range: std::ops::Range<usize>) -> Self {
        Self { start: range.start as u32, end: range.end as u32 }
    }

    /// The same as a range, for slicing.
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The length in bytes.
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the span holds nothing.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The number of bytes that both spans share.
    pub fn overlap(self, other: Self) -> u32 {
        self.end.min(other.end).saturating_sub(self.start.max(other.start))
    }

    /// The text under the span; empty where the span does not fit the text.
    pub fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}
