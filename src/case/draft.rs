//! The event of a case from what the stages made: a group of flags, their passages, the summary's sentences, the run.

use std::collections::BTreeMap;

use super::event::{
    CaseData, CaseEvent, EventContribution, EventDocument, EventInstitution, EventLabel, EventSentence, Handling, Links,
    Provenance, Review, Selector, Status, Target,
};
use super::rules::{CaseSpec, Group};
use crate::document::BoundingBox;
use crate::finding::{Finding, Method};
use crate::language::Span;
use crate::language::offsets::CodePoints;
use crate::passage::{Passage, locate};
use crate::summary::{Citation, Origin};
use crate::verdict::{CheckKind, CheckResult, Outcome, Verdict};

/// What all cases of a document share.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The pipeline's name.
    pub pipeline: &'a str,
    /// The time of the events (RFC 3339, UTC).
    pub time: String,
    /// The taxonomy's version.
    pub taxonomy_version: &'a str,
    /// The document.
    pub document: EventDocument,
    /// The institution, where it is known.
    pub institution: Option<EventInstitution>,
    /// The labels that the model is weak for.
    pub labels_weak: &'a [String],
    /// Codes of what a reader should know about how the file was read.
    pub warnings: Vec<String>,
    /// The run.
    pub provenance: Provenance,
}

/// A finding with its passage.
#[derive(Clone, Copy, Debug)]
pub struct Flagged<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The passage that it is about.
    pub passage: &'a Passage,
}

/// The most passages that an event lists beside the strongest.
const MOST_TARGETS: usize = 20;

/// The most that an event takes as JSON, in bytes: receivers of webhooks expect small bodies.
const LARGEST_EVENT: usize = 20_000;

/// What stands before and after a quote, in characters.
const CONTEXT: usize = 32;

/// The most of a quote that an event carries, in bytes: it is no copy of the document.
const LONGEST_QUOTE: usize = 2048;

/// The same for passages beside the strongest.
const LONGEST_FURTHER_QUOTE: usize = 400;

/// The event of a group of flags. `flags` are all of the document's, as they were given to [`CaseSpec::select`]; `summary` are
/// the summary's sentences under the group's label. Id, revision and status are set when the event is recorded. None where the
/// group names no flag.
pub fn draft(
    spec: &CaseSpec,
    subject: &Subject<'_>,
    group: &Group,
    flags: &[Flagged<'_>],
    summary: Vec<EventSentence>,
) -> Option<CaseEvent> {
    let members: Vec<&Flagged<'_>> = group.flags.iter().filter_map(|&place| flags.get(place)).collect();
    let (strongest, further) = members.split_first()?;
    let document = &subject.document;
    let target = target(document, strongest, LONGEST_QUOTE);
    let page = target.page;
    let data = CaseData {
        flag_id: String::new(),
        revision: 0,
        status: Status::New,
        severity: group.severity,
        priority_reason: reason(group, strongest.finding),
        document: document.clone(),
        institution: subject.institution.clone(),
        target,
        further_targets: further
            .iter()
            .take(MOST_TARGETS)
            .map(|flagged| self::target(document, flagged, LONGEST_FURTHER_QUOTE))
            .collect(),
        passages: members.len() as u32,
        labels: vec![label(subject, strongest)],
        summary,
        change: None,
        warnings: subject.warnings.clone(),
        provenance: subject.provenance.clone(),
        review: Review::default(),
        links: Links { view: spec.view_link.as_ref().map(|link| view(link, document, page)), evidence_pdf: None },
        handling: Handling { classification: group.classification.clone().or_else(|| spec.classification.clone()), tlp: None },
    };
    Some(within_size(CaseEvent::new(spec, subject.pipeline, subject.time.clone(), data)))
}

fn reason(group: &Group, strongest: &Finding) -> String {
    let rule = if group.rule.is_empty() { "a rule without a name" } else { &group.rule };
    format!("{rule}: {} flagged, strongest {:.2}", passages(group.flags.len()), strongest.score)
}

fn passages(count: usize) -> String {
    if count == 1 { "1 passage".to_owned() } else { format!("{count} passages") }
}

fn target(document: &EventDocument, flagged: &Flagged<'_>, longest: usize) -> Target {
    let Flagged { finding, passage } = flagged;
    let text = passage.text.as_str();
    let span = finding.evidence.first().copied().unwrap_or(Span::new(0..text.len()));
    let locations = locate(passage, span);
    let first = locations.first();
    let page = first.map(|location| location.page).or(passage.pages().map(|(first, _)| first));
    Target {
        source: format!("urn:sha256:{}", document.sha256),
        selector: selectors(passage, span, page, longest),
        page,
        boxes: first.map(|location| location.boxes.iter().map(corners).collect()).unwrap_or_default(),
        section: passage.heading_path.last().cloned(),
        passage: passage.ordinal,
        text_sha256: crate::digest::Digest::of(text.as_bytes()).to_string(),
        score: finding.score,
    }
}

/// A box to a hundredth of a point: finer than any printer.
fn corners(bbox: &BoundingBox) -> [f32; 4] {
    [bbox.x0, bbox.y0, bbox.x1, bbox.y1].map(|point| (point * 100.0).round() / 100.0)
}

/// The W3C selectors of a span: its words with their surroundings, its code points in the passage, its page.
fn selectors(passage: &Passage, span: Span, page: Option<u32>, longest: usize) -> Vec<Selector> {
    let text = passage.text.as_str();
    let quote = cut(span.of(text), longest);
    let before = text.get(..span.start as usize).unwrap_or_default();
    let after = text.get(span.start as usize + quote.len()..).unwrap_or_default();
    let skipped = before.chars().count().saturating_sub(CONTEXT);
    let (start, end) = CodePoints::new(text).span_to_code_points(span);
    let mut selectors = vec![
        Selector::TextQuoteSelector {
            exact: quote.to_owned(),
            prefix: before.chars().skip(skipped).collect(),
            suffix: after.chars().take(CONTEXT).collect(),
        },
        Selector::TextPositionSelector { start, end },
    ];
    selectors.extend(page.map(Selector::page));
    selectors
}

/// The first `most` bytes of a text, or one character's less.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

fn label(subject: &Subject<'_>, flagged: &Flagged<'_>) -> EventLabel {
    let Flagged { finding, passage } = flagged;
    let points = CodePoints::new(&passage.text);
    EventLabel {
        id: finding.label.clone(),
        taxonomy: subject.taxonomy_version.to_owned(),
        score: finding.score,
        threshold: finding.threshold,
        method: if finding.method == Method::Rule { "rule" } else { "model" }.to_owned(),
        detector: finding.method.name().to_owned(),
        weak: subject.labels_weak.contains(&finding.label),
        evidence: finding.evidence.iter().map(|span| points.span_to_code_points(*span)).collect(),
        attribution: finding
            .attribution
            .iter()
            .map(|part| EventContribution { span: points.span_to_code_points(part.span), weight: part.weight })
            .collect(),
    }
}

fn view(link: &str, document: &EventDocument, page: Option<u32>) -> String {
    link.replace("{document}", &document.sha256).replace("{page}", &page.unwrap_or(1).to_string())
}

/// The event with as many of the further passages as its size allows.
fn within_size(mut event: CaseEvent) -> CaseEvent {
    // The ids that are set when it is recorded take some more bytes.
    let reserve = 300;
    while serde_json::to_vec(&event).is_ok_and(|body| body.len() + reserve > LARGEST_EVENT)
        && event.data.further_targets.pop().is_some()
    {}
    event
}

impl EventSentence {
    /// A sentence of the summary with its check result; one that was not checked is not checkable.
    pub fn new(text: &str, origin: Origin, verdict: Option<&Verdict>, citations: &[Citation], passages: &[Passage]) -> Self {
        let evidence = citations.iter().filter_map(|citation| {
            let passage = passages.iter().find(|passage| passage.ordinal == citation.passage)?;
            Some(selectors(passage, citation.span, citation.page(), LONGEST_FURTHER_QUOTE))
        });
        let mut pages: Vec<u32> = citations.iter().flat_map(|citation| &citation.locations).map(|place| place.page).collect();
        pages.sort_unstable();
        pages.dedup();
        Self {
            sentence: text.to_owned(),
            origin: match origin {
                Origin::Quoted => "quoted",
                Origin::Generated => "generated",
            }
            .to_owned(),
            verdict: verdict.map_or(Outcome::NotCheckable, |verdict| verdict.outcome),
            score: verdict.map_or(0.0, |verdict| verdict.score),
            evidence: evidence.flatten().collect(),
            evidence_pages: pages,
            checks: verdict.map(checks).unwrap_or_default(),
        }
    }
}

/// The worst result of each kind of check: `ok`, `missing` or `conflicting`.
fn checks(verdict: &Verdict) -> BTreeMap<String, String> {
    let mut worst: BTreeMap<&str, CheckResult> = BTreeMap::new();
    for check in &verdict.checks {
        let kind = match check.kind {
            CheckKind::Number => "numbers",
            CheckKind::Percentage => "percentages",
            CheckKind::Date => "dates",
            CheckKind::Name => "names",
            CheckKind::Negation => "negation",
            CheckKind::Direction => "direction",
            CheckKind::Scope => "scope",
        };
        let result = worst.entry(kind).or_insert(CheckResult::Matched);
        if severity(check.result) > severity(*result) {
            *result = check.result;
        }
    }
    worst.into_iter().map(|(kind, result)| (kind.to_owned(), name(result).to_owned())).collect()
}

const fn severity(result: CheckResult) -> u8 {
    match result {
        CheckResult::Matched => 0,
        CheckResult::Missing => 1,
        CheckResult::Conflicting => 2,
    }
}

const fn name(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Matched => "ok",
        CheckResult::Missing => "missing",
        CheckResult::Conflicting => "conflicting",
    }
}

#[cfg(test)]
mod tests;
