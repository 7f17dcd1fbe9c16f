//! What the first pages state: institution, document type, period.

use super::Document;

/// Fills what the file's own metadata does not say.
pub(super) fn detect(document: &mut Document) {
    let _ = document;
}
