//! What the stages made of a document, read back.

use super::judge::ScoredPassage;
use super::repair::CheckedSummary;
use crate::document::Document;
use crate::error::{OrFail, Result};
use crate::finding::Finding;
use crate::ledger::{DocumentRecord, Ledger};
use crate::passage::Passage;

/// What the stages made of a document, taken from the ledger.
pub(super) struct Artefacts {
    pub(super) document: Document,
    pub(super) passages: Vec<Passage>,
    pub(super) scored: Vec<ScoredPassage>,
    pub(super) findings: Vec<Finding>,
    pub(super) summary: CheckedSummary,
}

impl Artefacts {
    /// The artefacts of a document; none where one of them is gone.
    pub(super) fn load(ledger: &Ledger, record: &DocumentRecord) -> Result<Option<Self>> {
        let keys = &record.keys;
        let cannot = || format!("cannot read what was made of {}", record.stem);
        let (document, passages) = (ledger.artefact_at(&keys.document), ledger.artefact_at(&keys.passages));
        let (scored, findings) = (ledger.artefact_at(&keys.scores), ledger.artefact_at(&keys.findings));
        let summary = ledger.artefact_at(&keys.summary);
        let parts = (
            document.or_fail(cannot)?,
            passages.or_fail(cannot)?,
            scored.or_fail(cannot)?,
            findings.or_fail(cannot)?,
            summary.or_fail(cannot)?,
        );
        Ok(match parts {
            (Some(document), Some(passages), Some(scored), Some(findings), Some(summary)) => {
                Some(Self { document, passages, scored, findings, summary })
            }
            _ => None,
        })
    }
}
