//! Why a file is in quarantine, and what its owner can do about it.

use std::path::Path;

use crate::document::DocumentError;

/// A quarantine row for people and scripts.
pub(super) struct Row {
    /// A stable code.
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) remedy: String,
    /// Whether another try of the same bytes by the same program would end the same way.
    pub(super) lasting: bool,
}

/// What an error about a file means to its owner.
pub(super) fn row(path: &Path, error: &DocumentError) -> Row {
    let name = path.display();
    let (reason, remedy, lasting) = match error {
        DocumentError::Empty => ("empty", "ask the sender for the file again; it has no content".to_owned(), true),
        DocumentError::NotPdf { .. } => ("not-pdf", "ask the sender for a PDF, or convert the file".to_owned(), true),
        DocumentError::PasswordProtected => {
            ("password-protected", format!("scrutineer quarantine retry '{name}' --password-file FILE"), true)
        }
        DocumentError::Damaged { .. } => {
            ("damaged", "ask the sender for the file again; it cannot be read, nor repaired".to_owned(), true)
        }
        DocumentError::TimedOut { .. } => {
            ("timed-out", "raise document.timeout_seconds in the pipeline file and run again".to_owned(), false)
        }
        DocumentError::OutOfMemory { .. } => {
            ("out-of-memory", "raise document.memory_mb in the pipeline file and run again".to_owned(), false)
        }
        DocumentError::Crashed { .. } => {
            ("crashed", format!("run again; if it happens again, report it with the file {name}"), false)
        }
    };
    Row { reason, message: error.to_string(), remedy, lasting }
}
