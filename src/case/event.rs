//! The canonical event: CloudEvents 1.0 in structured mode, its evidence as W3C Web Annotation selectors.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::{CaseSpec, Severity};
use crate::digest::Digest;
use crate::verdict::Outcome;

/// A case as it stands, on its way to case management.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseEvent {
    /// `1.0`.
    pub specversion: String,
    /// `flg_…:REVISION`: the idempotency key.
    pub id: String,
    /// `urn:suptech:SITE/PIPELINE`.
    pub source: String,
    /// `suptech.passage.flagged.v1`, `suptech.passage.updated.v1` or `suptech.passage.withdrawn.v1`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// `doc:SHA256-12/pPAGE`.
    pub subject: String,
    /// When it was made (RFC 3339, UTC).
    pub time: String,
    /// `application/json`.
    pub datacontenttype: String,
    /// `urn:suptech:schema:flag:1`.
    pub dataschema: String,
    /// The case.
    pub data: CaseData,
}

/// The case in an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseData {
    /// The id of the case: that of the flag it was opened with, for life.
    pub flag_id: String,
    /// Raised with every change that a reader would see.
    pub revision: u32,
    /// `new`, `updated` or `withdrawn`.
    pub status: Status,
    /// By the authority's rules.
    pub severity: Severity,
    /// The rule that made it a case.
    pub priority_reason: String,
    /// The document.
    pub document: EventDocument,
    /// The institution, where it is known.
    pub institution: Option<EventInstitution>,
    /// The strongest passage.
    pub target: Target,
    /// The other flagged passages, strongest first, at most 20.
    pub further_targets: Vec<Target>,
    /// How many passages carry the label.
    pub passages: u32,
    /// The label.
    pub labels: Vec<EventLabel>,
    /// The summary's sentences under the label.
    pub summary: Vec<EventSentence>,
    /// How it differs from the version before, where that is known.
    pub change: Option<Change>,
    /// What a reader should know about how the file was read.
    pub warnings: Vec<String>,
    /// How the event came about.
    pub provenance: Provenance,
    /// What a person decided.
    pub review: Review,
    /// Where to look.
    pub links: Links,
    /// How to handle it.
    pub handling: Handling,
}

/// Whether a case is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The first event of the case.
    New,
    /// Something that a reader sees has changed.
    Updated,
    /// No passage carries the label any more.
    Withdrawn,
}

impl Status {
    const fn event_type(self) -> &'static str {
        match self {
            Self::New => "suptech.passage.flagged.v1",
            Self::Updated => "suptech.passage.updated.v1",
            Self::Withdrawn => "suptech.passage.withdrawn.v1",
        }
    }

    /// The status as it stands in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Updated => "updated",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The document of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventDocument {
    /// SHA-256 of the file.
    pub sha256: String,
    /// The title.
    pub title: Option<String>,
    /// The type of document.
    #[serde(rename = "type")]
    pub document_type: Option<String>,
    /// BCP 47 tag.
    pub language: String,
    /// The reporting period.
    pub period: Option<String>,
    /// When it was filed.
    pub filed_on: Option<String>,
    /// Where its bytes were seen.
    pub source_uri: Option<String>,
    /// Pages of the file.
    pub pages: u32,
}

/// The institution of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventInstitution {
    /// The name.
    pub name: String,
    /// The Legal Entity Identifier.
    pub lei: Option<String>,
    /// Whether its check digits hold (ISO 17442).
    pub lei_valid: Option<bool>,
    /// How it is known: `declared` by the manifest, `detected` in the text; `exact`, `alias` or `fuzzy` against a register.
    #[serde(rename = "match")]
    pub matched: String,
    /// How sure the match is, from 0 to 1, where it is graded.
    pub score: Option<f32>,
    /// The authority's own id.
    pub local_id: Option<String>,
}

/// A flagged passage, as a Web Annotation target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// `urn:sha256:…` of the file.
    pub source: String,
    /// The quote, its place in the passage's text, its page.
    pub selector: Vec<Selector>,
    /// The file page, from 1.
    pub page: Option<u32>,
    /// The boxes of the quote on that page: x0, y0, x1, y1 in points, top-left origin.
    pub boxes: Vec<[f32; 4]>,
    /// The innermost heading above it.
    pub section: Option<String>,
    /// The ordinal of the passage in the document.
    pub passage: u32,
    /// SHA-256 of the passage's text, which the positions count in.
    pub text_sha256: String,
    /// The calibrated score of the label.
    pub score: f32,
}

/// A Web Annotation selector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum Selector {
    /// The words themselves, with what stands before and after them.
    TextQuoteSelector {
        /// The quote, cut to 2 kB.
        exact: String,
        /// What stands before it.
        prefix: String,
        /// What stands after it.
        suffix: String,
    },
    /// Code points in the passage's text.
    TextPositionSelector {
        /// The first.
        start: u32,
        /// The one after the last.
        end: u32,
    },
    /// The page.
    FragmentSelector {
        /// `http://tools.ietf.org/rfc/rfc3778`.
        #[serde(rename = "conformsTo")]
        conforms_to: String,
        /// `page=41`.
        value: String,
    },
}

impl Selector {
    /// The selector of a file page, from 1.
    pub fn page(page: u32) -> Self {
        Self::FragmentSelector { conforms_to: "http://tools.ietf.org/rfc/rfc3778".to_owned(), value: format!("page={page}") }
    }
}

/// The label of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventLabel {
    /// The id in the taxonomy.
    pub id: String,
    /// The taxonomy's version.
    pub taxonomy: String,
    /// The calibrated score of the strongest passage.
    pub score: f32,
    /// The threshold it reached.
    pub threshold: f32,
    /// `model`, `rule` or `human`.
    pub method: String,
    /// What found it: `head`, `zero-shot` or `rule`.
    pub detector: String,
    /// Whether the model is weak for it (too few examples, or a low F1 on unseen documents): read the passage before acting.
    #[serde(default)]
    pub weak: bool,
    /// The evidence as code points of the passage's text.
    pub evidence: Vec<(u32, u32)>,
    /// The words that drove the decision.
    pub attribution: Vec<EventContribution>,
}

/// What a word adds to the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventContribution {
    /// Code points of the passage's text.
    pub span: (u32, u32),
    /// Its share of the logit.
    pub weight: f32,
}

/// A sentence of the summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventSentence {
    /// The sentence.
    pub sentence: String,
    /// `quoted` or `generated`.
    pub origin: String,
    /// The check result.
    pub verdict: Outcome,
    /// The probability that it is supported.
    pub score: f32,
    /// The source sentences that it rests on.
    pub evidence: Vec<Selector>,
    /// The file pages of its evidence.
    pub evidence_pages: Vec<u32>,
    /// The exact checks by what they look at: `ok`, `missing` or `conflicting`.
    pub checks: BTreeMap<String, String>,
}

/// How a case differs from an earlier filing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// SHA-256 of the earlier file.
    pub against: String,
    /// `new`, `reworded`, `removed` or `unchanged`.
    pub kind: String,
}

/// How an event came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The id of the run.
    pub run_id: String,
    /// `prov:Activity`.
    pub activity: String,
    /// The models that judged it.
    pub models: Vec<EventModel>,
    /// SHA-256 of the pipeline file.
    pub params_sha256: String,
    /// The version of the program.
    pub software: String,
    /// SHA-256 of the files it derives from.
    pub derived_from: Vec<String>,
    /// The entry of the audit chain that records the decision; set when the event is recorded.
    pub audit_seq: Option<u64>,
    /// The hash of that entry.
    pub audit_hash: Option<String>,
}

/// A model that judged a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventModel {
    /// Its name in the registry.
    pub id: String,
    /// SHA-256 of it.
    pub sha256: String,
    /// What it did: `encoder`, `classifier`…
    pub role: String,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// `unreviewed`, `confirmed` or `rejected`.
    pub state: String,
    /// Who decided.
    pub by: Option<String>,
    /// When (RFC 3339, UTC).
    pub at: Option<String>,
}

impl Default for Review {
    fn default() -> Self {
        Self { state: "unreviewed".to_owned(), by: None, at: None }
    }
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The page that shows the passage, where one was configured.
    pub view: Option<String>,
    /// The evidence as a PDF, where there is one.
    pub evidence_pdf: Option<String>,
}

/// How to handle an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Handling {
    /// The authority's own classification.
    pub classification: Option<String>,
    /// Traffic Light Protocol, for receivers that want it.
    pub tlp: Option<String>,
}

/// The JSON schema of events.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(CaseEvent).to_value()
}

impl CaseEvent {
    /// The envelope around a case.
    pub fn new(spec: &CaseSpec, pipeline: &str, time: String, data: CaseData) -> Self {
        let page = data.target.page.map(|page| format!("/p{page}")).unwrap_or_default();
        let document: String = data.document.sha256.chars().take(12).collect();
        Self {
            specversion: "1.0".to_owned(),
            id: format!("{}:{}", data.flag_id, data.revision),
            source: format!("urn:suptech:{}/{pipeline}", spec.site),
            event_type: data.status.event_type().to_owned(),
            subject: format!("doc:{document}{page}"),
            time,
            datacontenttype: "application/json".to_owned(),
            dataschema: "urn:suptech:schema:flag:1".to_owned(),
            data,
        }
    }

    /// The event with another id, revision and status: what is known only when it is recorded.
    #[must_use]
    pub fn stamped(mut self, flag_id: &str, revision: u32, status: Status) -> Self {
        flag_id.clone_into(&mut self.data.flag_id);
        self.data.revision = revision;
        self.data.status = status;
        self.id = format!("{flag_id}:{revision}");
        status.event_type().clone_into(&mut self.event_type);
        self
    }

    /// The digest of everything that a reader sees: what raises a revision when it changes. Ids, times, the run, the place of the
    /// file and offsets are left out: a moved file or another cut of the passages is no news.
    pub fn content_digest(&self) -> Digest {
        let data = &self.data;
        // Scores move in the third digit when a model is rebuilt; nobody sees that.
        let rounded = |score: f32| (score * 100.0).round() as i64;
        let document = EventDocument { source_uri: None, ..data.document.clone() };
        let targets: Vec<_> = std::iter::once(&data.target)
            .chain(&data.further_targets)
            .map(|target| serde_json::json!([target.quote(), target.page, rounded(target.score)]))
            .collect();
        let sentences: Vec<_> = data
            .summary
            .iter()
            .map(|sentence| serde_json::json!([sentence.sentence, sentence.verdict, sentence.evidence_pages]))
            .collect();
        let labels: Vec<_> = data
            .labels
            .iter()
            .map(|label| serde_json::json!([label.id, rounded(label.score), label.method, label.detector]))
            .collect();
        let seen = serde_json::json!([
            data.severity,
            data.priority_reason,
            document,
            data.institution,
            targets,
            data.passages,
            labels,
            sentences,
            data.change,
            data.warnings,
            data.review,
            data.handling,
        ]);
        Digest::of(seen.to_string().as_bytes())
    }
}

impl Target {
    /// The words that are flagged.
    pub fn quote(&self) -> &str {
        let quote = self.selector.iter().find_map(|selector| match selector {
            Selector::TextQuoteSelector { exact, .. } => Some(exact.as_str()),
            _ => None,
        });
        quote.unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod tests;
