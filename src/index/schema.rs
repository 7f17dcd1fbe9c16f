//! The fields of the index.

use tantivy::schema::{Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions};

use super::tokenizer::{PHRASES, WORDS};

/// The fields by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    /// The document's digest: what a replacement deletes by.
    pub(super) document: Field,
    pub(super) doc: Field,
    pub(super) text: Field,
    pub(super) words: Field,
    pub(super) heading: Field,
    pub(super) title: Field,
    pub(super) institution: Field,
    /// The institution as a whole, in lower case, for filters.
    pub(super) institution_name: Field,
    pub(super) label: Field,
    pub(super) document_type: Field,
    pub(super) period: Field,
    pub(super) language: Field,
    pub(super) kind: Field,
    pub(super) verdict: Field,
    pub(super) page: Field,
    /// The stem, title, institution, type and period of the document, and the passage, as JSON.
    pub(super) stored: Field,
}

pub(super) fn build() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let text = |tokenizer: &str, record| {
        TextOptions::default()
            .set_indexing_options(TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(record))
    };
    let phrases = || text(PHRASES, IndexRecordOption::WithFreqsAndPositions);
    let fields = Fields {
        document: schema.add_text_field("document", STRING),
        doc: schema.add_text_field("doc", STRING),
        text: schema.add_text_field("text", phrases()),
        words: schema.add_text_field("words", text(WORDS, IndexRecordOption::WithFreqs)),
        heading: schema.add_text_field("heading", phrases()),
        title: schema.add_text_field("title", phrases()),
        institution: schema.add_text_field("institution", phrases()),
        institution_name: schema.add_text_field("institution_name", STRING),
        label: schema.add_text_field("label", STRING),
        document_type: schema.add_text_field("type", STRING),
        period: schema.add_text_field("period", STRING),
        language: schema.add_text_field("lang", STRING),
        kind: schema.add_text_field("kind", STRING),
        verdict: schema.add_text_field("verdict", STRING),
        page: schema.add_u64_field("page", INDEXED),
        stored: schema.add_bytes_field("stored", STORED),
    };
    (schema.build(), fields)
}
