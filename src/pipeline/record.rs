//! What the stages made of a document -> what the ledger and the index keep of it.

use std::collections::BTreeMap;

use super::inputs::{Declared, lei_is_valid};
use super::judge::{Judged, ScoredPassage};
use super::spec::Pipeline;
use crate::case::draft::{Flagged, Subject, draft};
use crate::case::event::{EventDocument, EventInstitution, EventModel, EventSentence, Provenance};
use crate::case::rules::{DocumentFacts, FlagFacts, Selection};
use crate::digest::Digest;
use crate::document::{Document, PageState};
use crate::finding::taxonomy::Taxonomy;
use crate::finding::{Finding, head};
use crate::index::{IndexedDocument, IndexedPassage, PageStart};
use crate::ledger::{CaseCandidate, DocumentRecord, FlagCandidate, PageTally, RunRecord};
use crate::model::encoder;
use crate::passage::{Passage, PassageKind};
use crate::verdict::Outcome;

use super::repair::{CheckedSummary, Fate};
use super::view::page_label;

/// A document's row, with what the manifest declares in place of what was detected.
pub(super) fn document_record(
    digest: &Digest,
    stem: &str,
    judged: &Judged,
    declared: &Declared,
    supersedes: Option<Digest>,
) -> DocumentRecord {
    let metadata = &judged.document.metadata;
    let stated = |declared: &Option<String>, detected: &Option<crate::document::Stated>| {
        declared.clone().or_else(|| detected.as_ref().map(|stated| stated.value.clone()))
    };
    let counts = &judged.summary.counts;
    let sentences = [
        ("generated", counts.generated),
        ("supported", counts.supported),
        ("contradicted", counts.contradicted),
        ("not-found", counts.not_found),
        ("not-checkable", counts.not_checkable),
        ("released", counts.released),
        ("replaced", counts.replaced),
        ("dropped", counts.dropped),
        ("quoted", counts.quoted),
        ("uncited", counts.uncited),
    ];
    DocumentRecord {
        digest: *digest,
        stem: stem.to_owned(),
        title: metadata.title.as_ref().map(|title| title.value.clone()),
        institution: stated(&declared.institution, &metadata.institution),
        institution_id: declared.institution_id.clone(),
        lei: declared.lei.clone(),
        document_type: stated(&declared.document_type, &metadata.document_type),
        period: stated(&declared.period, &metadata.period),
        filing: declared.filing_id.clone(),
        filed_at: declared.filed_at.clone(),
        supersedes,
        language: main_language(&judged.passages),
        pages: page_tally(&judged.document),
        scans: judged.scans,
        warnings: warnings(judged, declared),
        labels_sought: Vec::new(),
        labels_weak: Vec::new(),
        keys: judged.keys.clone(),
        in_review: 0,
        sentences: sentences.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
    }
}

/// The pages of a document by how they were read.
pub(super) fn page_tally(document: &Document) -> PageTally {
    let count = |state: PageState| document.pages.iter().filter(|page| page.state == state).count() as u32;
    PageTally {
        total: document.pages.len() as u32,
        text: [PageState::Text, PageState::TextLayer, PageState::Invisible].into_iter().map(count).sum(),
        ocr: count(PageState::Ocr),
        blank: count(PageState::Blank),
        unread: document.pages.iter().filter(|page| !page.state.is_read()).map(|page| page.number).collect(),
    }
}

/// The language of most of the text, by characters.
fn main_language(passages: &[Passage]) -> String {
    let mut characters: BTreeMap<&str, usize> = BTreeMap::new();
    for passage in passages.iter().filter(|passage| passage.is_model_input()) {
        *characters.entry(passage.language.tag()).or_default() += passage.text.chars().count();
    }
    characters.into_iter().max_by_key(|(_, count)| *count).map_or("und", |(tag, _)| tag).to_owned()
}

fn warnings(judged: &Judged, declared: &Declared) -> Vec<String> {
    let mut warnings: Vec<String> = judged
        .document
        .warnings
        .iter()
        .map(|warning| match warning.page {
            Some(page) => format!("p.{page}: {}", warning.message),
            None => warning.message.clone(),
        })
        .collect();
    let metadata = &judged.document.metadata;
    let pairs = [
        ("institution", &declared.institution, &metadata.institution),
        ("type", &declared.document_type, &metadata.document_type),
        ("period", &declared.period, &metadata.period),
    ];
    for (what, declared, detected) in pairs {
        if let (Some(declared), Some(detected)) = (declared, detected)
            && declared.to_lowercase() != detected.value.to_lowercase()
        {
            warnings.push(format!("declared {what} {declared:?} differs from detected {:?}", detected.value));
        }
    }
    let cut = judged.scored.iter().filter(|scored| scored.truncated).count();
    if cut > 0 {
        warnings.push(format!("{cut} passages were longer than the encoder reads; their ends were not judged"));
    }
    warnings
}

/// The findings as the ledger keeps them; the order is that of the findings.
pub(super) fn flag_candidates(judged: &Judged) -> Vec<FlagCandidate> {
    let label = |page: u32| page_label(&judged.document, page);
    let candidate = |finding: &Finding| {
        let passage = judged.passages.get(finding.passage as usize)?;
        let candidate = FlagCandidate::new(finding, passage, &label, verdicts_on(&judged.summary, finding));
        let ocr_confidence = candidate.page.and_then(|page| ocr_confidence(&judged.document, page));
        Some(FlagCandidate { ocr_confidence, ..candidate })
    };
    judged.findings.iter().filter_map(candidate).collect()
}

/// How sure OCR was of a page, in percent; none where its text is the file's own.
fn ocr_confidence(document: &Document, page: u32) -> Option<u8> {
    let page = document.pages.get(page.checked_sub(1)? as usize)?;
    page.recognition.as_ref().filter(|_| page.state == PageState::Ocr).map(|recognition| recognition.confidence)
}

/// The cases that the rules choose from a document's findings, and how many flags wait for review.
pub(super) fn cases(
    pipeline: &Pipeline,
    run: &RunRecord,
    record: &DocumentRecord,
    judged: &Judged,
    taxonomy: &Taxonomy,
    source_uri: &str,
    time: &str,
) -> (Vec<CaseCandidate>, u32) {
    let spec = &pipeline.spec.case;
    let facts = DocumentFacts {
        institution: [record.institution.as_deref(), record.institution_id.as_deref(), record.lei.as_deref()],
        document_type: record.document_type.as_deref(),
    };
    let flags: Vec<FlagFacts<'_>> = judged
        .findings
        .iter()
        .map(|finding| FlagFacts {
            label: &finding.label,
            group: taxonomy.label(&finding.label).map(|label| label.group.as_str()),
            score: finding.score,
            verdict: verdicts_on(&judged.summary, finding).first().copied(),
        })
        .collect();
    let Selection { groups, in_review } = spec.select(&facts, &flags);
    let subject = subject(pipeline, run, record, taxonomy, source_uri, time);
    let flagged: Vec<Flagged<'_>> = judged
        .findings
        .iter()
        .filter_map(|finding| Some(Flagged { finding, passage: judged.passages.get(finding.passage as usize)? }))
        .collect();
    let cases = groups.into_iter().filter_map(|group| {
        let event = draft(spec, &subject, &group, &flagged, sentences(judged, &group.label))?;
        Some(CaseCandidate { label: group.label, candidates: group.flags, event })
    });
    (cases.collect(), in_review as u32)
}

/// The check results of the summary's sentences that rest on a finding's passage under its label.
fn verdicts_on(summary: &CheckedSummary, finding: &Finding) -> Vec<Outcome> {
    let sections = summary.sections.iter().filter(|section| section.label == finding.label);
    let sentences = sections.flat_map(|section| &section.sentences);
    let on_passage =
        sentences.filter(|checked| checked.sentence.citations.iter().any(|citation| citation.passage == finding.passage));
    on_passage.map(|checked| checked.verdict.outcome).collect()
}

/// What all events of a document share.
fn subject<'a>(
    pipeline: &'a Pipeline,
    run: &RunRecord,
    record: &'a DocumentRecord,
    taxonomy: &'a Taxonomy,
    source_uri: &str,
    time: &str,
) -> Subject<'a> {
    Subject {
        pipeline: &pipeline.spec.name,
        time: time.to_owned(),
        taxonomy_version: taxonomy.version(),
        document: EventDocument {
            sha256: record.digest.to_string(),
            title: record.title.clone(),
            document_type: record.document_type.clone(),
            language: record.language.clone(),
            period: record.period.clone(),
            filed_on: record.filed_at.clone(),
            source_uri: Some(source_uri.to_owned()),
            pages: record.pages.total,
        },
        institution: record.institution.as_ref().map(|name| EventInstitution {
            name: name.clone(),
            lei: record.lei.clone(),
            lei_valid: record.lei.as_deref().map(lei_is_valid),
            matched: if record.institution_id.is_some() || record.lei.is_some() { "declared" } else { "detected" }.to_owned(),
            score: None,
            local_id: record.institution_id.clone(),
        }),
        labels_weak: &record.labels_weak,
        warnings: record.warnings.clone(),
        provenance: Provenance {
            run_id: run.id.clone(),
            activity: "prov:Activity".to_owned(),
            models: run.models.iter().map(event_model).collect(),
            params_sha256: pipeline.digest.to_string(),
            software: run.version.clone(),
            derived_from: vec![record.digest.to_string()],
            audit_seq: None,
            audit_hash: None,
        },
    }
}

/// The summary's sentences under a label, with their check results.
fn sentences(judged: &Judged, label: &str) -> Vec<EventSentence> {
    let sections = judged.summary.sections.iter().filter(|section| section.label == label);
    let shown = sections.flat_map(|section| &section.sentences).filter(|checked| checked.fate != Fate::Dropped);
    shown
        .map(|checked| {
            let sentence = &checked.sentence;
            EventSentence::new(&sentence.text, sentence.origin, Some(&checked.verdict), &sentence.citations, &judged.passages)
        })
        .collect()
}

fn event_model((name, digest): (&String, &String)) -> EventModel {
    let role = match name.as_str() {
        encoder::DEFAULT => "encoder",
        head::DEFAULT => "classifier",
        _ => "generator",
    };
    EventModel { id: name.clone(), sha256: digest.clone(), role: role.to_owned() }
}

/// A document as the index takes it, from its row and its artefacts.
pub(super) fn indexed(
    record: &DocumentRecord,
    document: &Document,
    passages: &[Passage],
    scored: &[ScoredPassage],
    findings: &[Finding],
    summary: &CheckedSummary,
) -> IndexedDocument {
    let labels = |ordinal: u32| {
        let of_passage = findings.iter().filter(move |finding| finding.passage == ordinal);
        of_passage.map(|finding| (finding.label.clone(), finding.score)).collect()
    };
    let verdicts = |ordinal: u32| {
        let checked = summary.sections.iter().flat_map(|section| &section.sentences);
        let on_passage = checked.filter(|checked| checked.sentence.citations.iter().any(|citation| citation.passage == ordinal));
        let mut verdicts: Vec<String> = on_passage.map(|checked| checked.verdict.outcome.name().to_owned()).collect();
        verdicts.sort_unstable();
        verdicts.dedup();
        verdicts
    };
    let passages = passages.iter().map(|passage| IndexedPassage {
        ordinal: passage.ordinal,
        kind: match passage.kind {
            PassageKind::Text => "text",
            PassageKind::Table => "table",
            PassageKind::Hidden(_) => "hidden",
        }
        .to_owned(),
        language: passage.language.tag().to_owned(),
        heading_path: passage.heading_path.clone(),
        text: passage.text.clone(),
        pages: page_starts(passage, document),
        anchors: passage.anchors.clone(),
        labels: labels(passage.ordinal),
        verdicts: verdicts(passage.ordinal),
        vector: scored
            .get(passage.ordinal as usize)
            .and_then(|scored| scored.vector.as_ref())
            .map(|vector| (vector.scale, vector.values.clone())),
    });
    IndexedDocument {
        digest: record.digest,
        stem: record.stem.clone(),
        title: record.title.clone(),
        document_type: record.document_type.clone(),
        institution: record.institution.clone(),
        period: record.period.clone(),
        passages: passages.collect(),
    }
}

fn page_starts(passage: &Passage, document: &Document) -> Vec<PageStart> {
    let mut starts: Vec<PageStart> = Vec::new();
    for anchor in &passage.anchors {
        if starts.last().is_none_or(|last| last.page != anchor.page) {
            starts.push(PageStart { byte: anchor.span.start, page: anchor.page, label: page_label(document, anchor.page) });
        }
    }
    starts
}
