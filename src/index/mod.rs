//! Full-text and vector index on Tantivy.
