//! The canonical event: CloudEvents 1.0 in structured mode, its evidence as W3C Web Annotation selectors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::{CaseSpec, Severity};
use crate::digest::Digest;
use crate::document::BoundingBox;
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
    /// `declared` by the manifest or `detected` in the text.
    #[serde(rename = "match")]
    pub matched: String,
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
    /// SHA-256 of the passage's text.
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
    /// `head`, `zero-shot` or `rule`.
    pub method: String,
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
    /// The file pages of its evidence.
    pub evidence_pages: Vec<u32>,
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
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The page that shows the passage, where one was configured.
    pub view: Option<String>,
}

/// How to handle an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Handling {
    /// The authority's own classification.
    pub classification: Option<String>,
}

/// The most of a quote that an event carries, in bytes: it is no copy of the document.
const LONGEST_QUOTE: usize = 2048;

impl CaseEvent {
    /// The envelope around a case.
    pub fn new(spec: &CaseSpec, pipeline: &str, time: String, data: CaseData) -> Self {
        let page = data.target.page.map(|page| format!("/p{page}")).unwrap_or_default();
        Self {
            specversion: "1.0".to_owned(),
            id: format!("{}:{}", data.flag_id, data.revision),
            source: format!("urn:suptech:{}/{pipeline}", spec.site),
            event_type: data.status.event_type().to_owned(),
            subject: format!("doc:{}{page}", &data.document.sha256[..data.document.sha256.len().min(12)]),
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

    /// The digest of everything that a reader sees: what raises a revision when it changes. Ids, times and the run are left out.
    pub fn content_digest(&self) -> Digest {
        let data = &self.data;
        // Scores move in the third digit when a model is rebuilt; nobody sees that.
        let rounded = |score: f32| (score * 100.0).round() as i64;
        let targets: Vec<_> = std::iter::once(&data.target)
            .chain(&data.further_targets)
            .map(|target| serde_json::json!([target.selector, target.page, rounded(target.score)]))
            .collect();
        let sentences: Vec<_> =
            data.summary.iter().map(|sentence| serde_json::json!([sentence.sentence, sentence.verdict])).collect();
        let labels: Vec<_> =
            data.labels.iter().map(|label| serde_json::json!([label.id, rounded(label.score), label.method])).collect();
        let seen = serde_json::json!([
            data.severity,
            data.priority_reason,
            data.document,
            data.institution,
            targets,
            data.passages,
            labels,
            sentences,
            data.warnings,
            data.review,
            data.handling,
        ]);
        Digest::of(seen.to_string().as_bytes())
    }
}

impl Target {
    /// A target from a quote at code points `start..end` of a passage's text.
    pub fn new(document: &Digest, passage_text: &str, span: std::ops::Range<usize>, code_points: (u32, u32)) -> Self {
        let exact = passage_text.get(span.clone()).unwrap_or_default();
        let before = passage_text.get(..span.start).unwrap_or_default();
        let after = passage_text.get(span.end..).unwrap_or_default();
        let prefix: String = before.chars().rev().take(32).collect::<Vec<_>>().into_iter().rev().collect();
        let quote = Selector::TextQuoteSelector {
            exact: cut(exact, LONGEST_QUOTE).to_owned(),
            prefix,
            suffix: after.chars().take(32).collect(),
        };
        Self {
            source: format!("urn:sha256:{document}"),
            selector: vec![quote, Selector::TextPositionSelector { start: code_points.0, end: code_points.1 }],
            page: None,
            boxes: Vec::new(),
            section: None,
            text_sha256: Digest::of(passage_text.as_bytes()).to_string(),
            score: 0.0,
        }
    }

    /// The target on its page.
    #[must_use]
    pub fn on_page(mut self, page: u32, boxes: &[BoundingBox]) -> Self {
        self.page = Some(page);
        self.boxes = boxes.iter().map(|bbox| [bbox.x0, bbox.y0, bbox.x1, bbox.y1]).collect();
        self.selector.push(Selector::FragmentSelector {
            conforms_to: "http://tools.ietf.org/rfc/rfc3778".to_owned(),
            value: format!("page={page}"),
        });
        self
    }
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
