//! The one place where the encoder's input text is made, for labels and for search alike.

/// What stands before the text of a passage (the encoder was trained with it).
pub const PASSAGE_PREFIX: &str = "passage: ";

/// What stands before a query.
pub const QUERY_PREFIX: &str = "query: ";

/// What a text is to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Text of a document.
    Passage,
    /// What somebody looks for.
    Query,
}

impl Role {
    /// What stands before the text.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Passage => PASSAGE_PREFIX,
            Self::Query => QUERY_PREFIX,
        }
    }
}
