//! The fields of the index.
//!
//! Two kinds of rows: a row per passage, which is what searches give back, and a row per page, which plain questions are ranked
//! by: a page that answers a question says its words in several places, a table and its heading for one.

use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions};

use super::tokenizer::{FORMS, PHRASES, WORDS};

/// The row of a passage, in [`Fields::row`].
pub(super) const PASSAGE: &str = "passage";
/// The row of a page, in [`Fields::row`].
pub(super) const PAGE: &str = "page";

/// The fields by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    /// The document's digest: what a replacement deletes by.
    pub(super) document: Field,
    /// [`PASSAGE`] or [`PAGE`].
    pub(super) row: Field,
    /// The document's stem.
    pub(super) doc: Field,
    /// The passage: stemmed words and single Han characters, with positions.
    pub(super) text: Field,
    /// The passage: words as they stand, for beginnings and near spellings.
    pub(super) forms: Field,
    /// The headings above the passage.
    pub(super) heading: Field,
    pub(super) title: Field,
    pub(super) institution: Field,
    pub(super) label: Field,
    /// `LABEL 0.8123` for each label and ` 0.8123` for any, so that a range of terms is a range of scores.
    pub(super) score: Field,
    pub(super) document_type: Field,
    pub(super) period: Field,
    /// The first and the last day of the period as YYYYMMDD.
    pub(super) period_first: Field,
    pub(super) period_last: Field,
    pub(super) language: Field,
    pub(super) kind: Field,
    pub(super) verdict: Field,
    /// The file pages, from 1.
    pub(super) page: Field,
    /// The whole page: stemmed words and Jieba's words, with positions.
    pub(super) page_text: Field,
    /// The headings over what stands on the page.
    pub(super) page_heading: Field,
    /// The institution, the title and the file name, on rows of pages.
    pub(super) page_names: Field,
    /// The institution as it is written, for counting.
    pub(super) institution_name: Field,
    /// The passage's embedding: scale (f32, little endian), then the 8-bit values.
    pub(super) vector: Field,
    /// The stem, title, institution, type and period of the document and the passage; of a page row, [`super::writer::StoredPage`].
    pub(super) stored: Field,
}

pub(super) fn build() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let text = |tokenizer: &str, record| {
        TextOptions::default()
            .set_indexing_options(TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(record))
    };
    let phrases = || text(PHRASES, IndexRecordOption::WithFreqsAndPositions);
    let words = || text(WORDS, IndexRecordOption::WithFreqsAndPositions);
    let counted = || STRING | FAST;
    let fields = Fields {
        document: schema.add_text_field("document", STRING),
        row: schema.add_text_field("row", STRING),
        doc: schema.add_text_field("doc", STRING),
        text: schema.add_text_field("text", phrases()),
        forms: schema.add_text_field("forms", text(FORMS, IndexRecordOption::Basic)),
        heading: schema.add_text_field("heading", phrases()),
        title: schema.add_text_field("title", phrases()),
        institution: schema.add_text_field("institution", phrases()),
        label: schema.add_text_field("label", counted()),
        score: schema.add_text_field("score", STRING),
        document_type: schema.add_text_field("type", counted()),
        period: schema.add_text_field("period", counted()),
        period_first: schema.add_u64_field("period_first", INDEXED),
        period_last: schema.add_u64_field("period_last", INDEXED),
        language: schema.add_text_field("lang", counted()),
        kind: schema.add_text_field("kind", STRING),
        verdict: schema.add_text_field("verdict", STRING),
        page: schema.add_u64_field("page", INDEXED),
        page_text: schema.add_text_field("page_text", words()),
        page_heading: schema.add_text_field("page_heading", words()),
        page_names: schema.add_text_field("page_names", words()),
        institution_name: schema.add_text_field("institution_name", counted()),
        vector: schema.add_bytes_field("vector", FAST),
        stored: schema.add_bytes_field("stored", STORED),
    };
    (schema.build(), fields)
}
