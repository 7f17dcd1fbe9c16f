//! What commands show of a finished document: the checked summary with names, pages, quotes and coverage put together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::repair::{CheckedSentence, CheckedSummary, Fate};
use super::report::SentenceCounts;
use crate::config::UiLanguage;
use crate::digest::Digest;
use crate::document::{BoundingBox, DOUBTFUL, Document, DocumentWarning, HiddenReason, Metadata, Page, PageState, Recognition};
use crate::finding::taxonomy::Taxonomy;
use crate::finding::{Finding, Method, rules};
use crate::language::offsets::CodePoints;
use crate::passage::{Passage, PassageKind};
use crate::summary::{Citation, Origin, Prominence};
use crate::verdict::{Check, Outcome};

/// The schema of [`SummaryView`].
pub const SUMMARY_SCHEMA: &str = "scrutineer-summary/1";

/// A summary as shown: everything that a reader needs to defend it.
#[derive(Clone, Debug, Serialize)]
pub struct SummaryView {
    /// [`SUMMARY_SCHEMA`].
    pub schema: &'static str,
    /// The document.
    pub document: DocumentView,
    /// Which run judged it last.
    pub run: Option<String>,
    /// Digest by name of each model that judged it.
    pub models: BTreeMap<String, String>,
    /// Whether a person has reviewed a flag of it.
    pub reviewed: bool,
    /// What was read.
    pub coverage: Coverage,
    /// The sections, most prominent first.
    pub sections: Vec<SectionView>,
    /// Labels found that have no section of their own.
    pub further: Vec<LabelCount>,
    /// Labels that were looked for and not found in the pages read.
    pub none_found: Vec<LabelName>,
    /// What a reader should know about how the file was read.
    pub warnings: Vec<WarningView>,
    /// What became of the sentences. Support rates count generated sentences only.
    pub counts: SentenceCounts,
    /// Flags of the document that went to case management.
    pub flags_to_cases: u32,
    /// Flags of the document that wait for review.
    pub flags_in_review: u32,
}

/// The document at the head of a summary.
#[derive(Clone, Debug, Serialize)]
pub struct DocumentView {
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// The file name without its ending.
    pub stem: String,
    /// The title.
    pub title: Option<String>,
    /// The institution.
    pub institution: Option<String>,
    /// The type of document.
    pub document_type: Option<String>,
    /// The period.
    pub period: Option<String>,
}

/// What was read of a document.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Coverage {
    /// Pages of the file.
    pub pages: u32,
    /// Pages read, blank ones included.
    pub read: u32,
    /// Pages read by OCR.
    pub ocr: u32,
    /// Pages unread, from 1.
    pub unread: Vec<u32>,
}

/// A label with its name in the reader's language.
#[derive(Clone, Debug, Serialize)]
pub struct LabelName {
    /// The id.
    pub label: String,
    /// The name.
    pub name: String,
}

/// A label with the number of passages that carry it.
#[derive(Clone, Debug, Serialize)]
pub struct LabelCount {
    /// The id.
    pub label: String,
    /// The name.
    pub name: String,
    /// Passages.
    pub passages: u32,
}

/// A section as shown.
#[derive(Clone, Debug, Serialize)]
pub struct SectionView {
    /// The id of the label.
    pub label: String,
    /// The name of the label.
    pub name: String,
    /// Whether the model is weak for it: read the passages before acting.
    pub weak: bool,
    /// How much of the document speaks of it.
    pub prominence: Prominence,
    /// Passages that carry it.
    pub passages: u32,
    /// The sentences.
    pub sentences: Vec<SentenceView>,
}

/// A sentence as shown.
#[derive(Clone, Debug, Serialize)]
pub struct SentenceView {
    /// The sentence.
    pub text: String,
    /// `quoted` or `generated`.
    pub origin: Origin,
    /// The check result.
    pub verdict: Outcome,
    /// The probability that it is supported.
    pub score: f32,
    /// Whether it was released, replaced or dropped, with what failed.
    pub fate: FateView,
    /// The exact checks.
    pub checks: Vec<Check>,
    /// The source sentences.
    pub citations: Vec<CitationView>,
}

/// What became of a sentence.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
pub enum FateView {
    /// Shown as it was.
    Released,
    /// A quotation stands in place of a generated sentence that failed.
    Replaced {
        /// The sentence that failed.
        generated: String,
        /// What it failed with.
        verdict: Outcome,
    },
    /// Generated, failed, not shown as a statement.
    Dropped,
}

/// A place in the source.
#[derive(Clone, Debug, Serialize)]
pub struct CitationView {
    /// The ordinal of the passage.
    pub passage: u32,
    /// The quoted text.
    pub quote: String,
    /// Its code points in the passage's text.
    pub start: u32,
    /// The code point after its last.
    pub end: u32,
    /// The file page, from 1.
    pub page: Option<u32>,
    /// The printed page label.
    pub page_label: Option<String>,
    /// The headings above it.
    pub heading_path: Vec<String>,
    /// Boxes by page, in points with a top-left origin.
    pub boxes: Vec<(u32, Vec<BoundingBox>)>,
}

/// A warning about the file.
#[derive(Clone, Debug, Serialize)]
pub struct WarningView {
    /// The code.
    pub code: String,
    /// What the code means, in the reader's language.
    pub name: String,
    /// The page, from 1.
    pub page: Option<u32>,
    /// For people.
    pub message: String,
}

/// What was read of a document.
pub fn coverage(document: &Document) -> Coverage {
    let count = |wanted: fn(PageState) -> bool| document.pages.iter().filter(|page| wanted(page.state)).count() as u32;
    Coverage {
        pages: document.pages.len() as u32,
        read: count(PageState::is_read),
        ocr: count(|state| state == PageState::Ocr),
        unread: document.pages.iter().filter(|page| !page.state.is_read()).map(|page| page.number).collect(),
    }
}

/// The sections of a checked summary with names and quotes.
pub fn sections(
    summary: &CheckedSummary,
    document: &Document,
    passages: &[Passage],
    labels_weak: &[String],
    taxonomy: &Taxonomy,
    language: UiLanguage,
) -> Vec<SectionView> {
    let sentence = |checked: &CheckedSentence| SentenceView {
        text: checked.sentence.text.clone(),
        origin: checked.sentence.origin,
        verdict: checked.verdict.outcome,
        score: checked.verdict.score,
        fate: match &checked.fate {
            Fate::Released => FateView::Released,
            Fate::Replaced { generated, verdict } => {
                FateView::Replaced { generated: generated.clone(), verdict: verdict.outcome }
            }
            Fate::Dropped => FateView::Dropped,
        },
        checks: checked.verdict.checks.clone(),
        citations: checked.sentence.citations.iter().filter_map(|citation| cite(citation, document, passages)).collect(),
    };
    let section = |section: &super::repair::CheckedSection| SectionView {
        label: section.label.clone(),
        name: label_name(taxonomy, &section.label, language),
        weak: labels_weak.contains(&section.label),
        prominence: section.prominence,
        passages: section.passages,
        sentences: section.sentences.iter().map(sentence).collect(),
    };
    summary.sections.iter().map(section).collect()
}

/// The name of a label in the reader's language; its id where the taxonomy does not know it.
pub fn label_name(taxonomy: &Taxonomy, id: &str, language: UiLanguage) -> String {
    if let Some((_, english, chinese)) = rules::LABELS.iter().find(|(rule, _, _)| *rule == id) {
        return language.pick(english, chinese).to_owned();
    }
    taxonomy.label(id).map_or_else(|| id.to_owned(), |label| label.name(language).to_owned())
}

fn cite(citation: &Citation, document: &Document, passages: &[Passage]) -> Option<CitationView> {
    let passage = passages.get(citation.passage as usize)?;
    let (start, end) = CodePoints::new(&passage.text).span_to_code_points(citation.span);
    let page = citation.page();
    Some(CitationView {
        passage: citation.passage,
        quote: citation.span.of(&passage.text).replace('\n', " "),
        start,
        end,
        page,
        page_label: page.and_then(|page| page_label(document, page)),
        heading_path: passage.heading_path.clone(),
        boxes: citation.locations.iter().map(|location| (location.page, location.boxes.clone())).collect(),
    })
}

/// The printed label of a page, where it differs from its number.
pub fn page_label(document: &Document, page: u32) -> Option<String> {
    let label = document.pages.get(page.checked_sub(1)? as usize)?.label.clone()?;
    (label != page.to_string()).then_some(label)
}

/// A document's facts and where its flags are.
#[derive(Clone, Debug, Serialize)]
pub struct DocumentOverview {
    /// The document.
    pub document: DocumentView,
    /// What it states about itself, with evidence.
    pub metadata: Metadata,
    /// Where its bytes were seen.
    pub sources: Vec<String>,
    /// What was read.
    pub coverage: Coverage,
    /// What a reader should know about how the file was read.
    pub warnings: Vec<WarningView>,
    /// The pages with flags.
    pub flagged_pages: Vec<FlaggedPage>,
}

/// A page with its flags.
#[derive(Clone, Debug, Serialize)]
pub struct FlaggedPage {
    /// The file page, from 1.
    pub page: u32,
    /// The printed label.
    pub label: Option<String>,
    /// The names of the labels flagged on it.
    pub labels: Vec<String>,
}

/// One page as read.
#[derive(Clone, Debug, Serialize)]
pub struct PageView {
    /// The document.
    pub document: DocumentView,
    /// The file page, from 1.
    pub page: u32,
    /// The printed label.
    pub label: Option<String>,
    /// How it was read.
    pub state: PageState,
    /// What read it, where its text was recognised by OCR.
    pub recognition: Option<Recognition>,
    /// The words that OCR was not sure of, in reading order: at most [`MOST_DOUBTFUL`].
    pub doubtful: Vec<DoubtfulWord>,
    /// The passages that stand on it, in reading order.
    pub passages: Vec<PassageView>,
}

/// A word that OCR was not sure of.
#[derive(Clone, Debug, Serialize)]
pub struct DoubtfulWord {
    /// The word as recognised.
    pub text: String,
    /// How sure OCR is, in percent.
    pub confidence: u8,
    /// Its box on the page, in points with a top-left origin.
    pub bbox: BoundingBox,
}

/// The most doubtful words that a page is shown with.
pub const MOST_DOUBTFUL: usize = 200;

/// The words of a page that OCR was not sure of.
pub fn doubtful_words(page: &Page) -> Vec<DoubtfulWord> {
    let shown = page.blocks.iter().filter(|block| block.hidden.is_none());
    let words = shown.flat_map(|block| &block.lines).flat_map(|line| &line.words);
    let doubtful = words.filter_map(|word| {
        let confidence = word.confidence.filter(|confidence| *confidence < DOUBTFUL)?;
        Some(DoubtfulWord { text: word.text.clone(), confidence, bbox: word.bbox })
    });
    doubtful.take(MOST_DOUBTFUL).collect()
}

/// A passage as shown on its page.
#[derive(Clone, Debug, Serialize)]
pub struct PassageView {
    /// Its ordinal in the document.
    pub passage: u32,
    /// Set where a reader of the page does not see it.
    pub hidden: Option<HiddenReason>,
    /// The headings above it.
    pub heading_path: Vec<String>,
    /// Its text.
    pub text: String,
    /// The evidence of its flags, as byte ranges of the text, in order and apart.
    #[serde(skip)]
    pub marks: Vec<(usize, usize)>,
    /// Its flags.
    pub flags: Vec<PassageFlag>,
}

/// A flag of a passage.
#[derive(Clone, Debug, Serialize)]
pub struct PassageFlag {
    /// The id of the label.
    pub label: String,
    /// Its name.
    pub name: String,
    /// The calibrated score.
    pub score: f32,
    /// The threshold it reached.
    pub threshold: f32,
    /// How it was found.
    pub method: Method,
    /// The words that drove the decision, strongest first.
    pub words: Vec<String>,
    /// Their shares of the logit.
    pub weights: Vec<f32>,
    /// The evidence, as code points of the text.
    pub evidence: Vec<(u32, u32)>,
}

/// The passages that stand on a page, with their flags.
pub fn passages_on(
    page: u32,
    passages: &[Passage],
    findings: &[Finding],
    taxonomy: &Taxonomy,
    language: UiLanguage,
) -> Vec<PassageView> {
    let on_page = passages.iter().filter(|passage| passage.anchors.iter().any(|anchor| anchor.page == page));
    on_page
        .map(|passage| {
            let points = CodePoints::new(&passage.text);
            let flags: Vec<&Finding> = findings.iter().filter(|finding| finding.passage == passage.ordinal).collect();
            let marks = apart(
                flags.iter().flat_map(|finding| finding.evidence.iter().map(|span| (span.range().start, span.range().end))),
            );
            let flag = |finding: &&Finding| PassageFlag {
                label: finding.label.clone(),
                name: label_name(taxonomy, &finding.label, language),
                score: finding.score,
                threshold: finding.threshold,
                method: finding.method,
                words: finding.attribution.iter().map(|word| word.span.of(&passage.text).to_owned()).collect(),
                weights: finding.attribution.iter().map(|word| word.weight).collect(),
                evidence: finding.evidence.iter().map(|span| points.span_to_code_points(*span)).collect(),
            };
            PassageView {
                passage: passage.ordinal,
                hidden: match passage.kind {
                    PassageKind::Hidden(reason) => Some(reason),
                    _ => None,
                },
                heading_path: passage.heading_path.clone(),
                text: passage.text.clone(),
                marks,
                flags: flags.iter().map(flag).collect(),
            }
        })
        .collect()
}

/// Ranges in order, overlapping ones joined.
fn apart(ranges: impl Iterator<Item = (usize, usize)>) -> Vec<(usize, usize)> {
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_unstable();
    let mut joined: Vec<(usize, usize)> = Vec::new();
    for (start, end) in ranges {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

/// The warnings about a file, named in the reader's language.
pub fn warnings(document: &Document, language: UiLanguage) -> Vec<WarningView> {
    let view = |warning: &DocumentWarning| WarningView {
        code: warning.code.clone(),
        name: warning_name(&warning.code, language).to_owned(),
        page: warning.page,
        message: warning.message.clone(),
    };
    document.warnings.iter().map(view).collect()
}

fn warning_name(code: &str, language: UiLanguage) -> &str {
    let (english, chinese) = match code {
        "hidden-text" => ("hidden text, not shown to the models", "隱藏文字，未送入模型"),
        "invisible-text-layer" => ("invisible text layer", "不可見之文字層"),
        "unmapped-glyphs" => ("glyphs without a character", "無對應文字之字形"),
        "limit-reached" => ("a limit was reached", "超過處理上限"),
        "repaired" => ("the file was repaired", "檔案經修復後讀取"),
        "page-unreadable" => ("unreadable page", "頁面無法讀取"),
        "ocr" => ("text recognised by OCR", "文字係由 OCR 辨識"),
        "ocr-absent" | "ocr-off" | "ocr-failed" => ("scan not read", "掃描頁未讀取"),
        "reading-interrupted" => ("reading was interrupted", "讀取中斷"),
        other => return other,
    };
    language.pick(english, chinese)
}
