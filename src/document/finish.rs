//! What needs more than one page: running headers and footers, heading levels, what the first pages state.

use super::Document;

/// Settles what cuts across pages. Pure and idempotent: the same pages give the same document.
pub(super) fn finish(document: &mut Document) {
    super::running::mark(&mut document.pages);
    super::headings::mark(&mut document.pages, &document.outline);
    super::stated::detect(document);
}
