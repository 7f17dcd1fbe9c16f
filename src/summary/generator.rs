//! The seam for a model that writes: it sees only selected, numbered sentences and must cite them.

use super::{Citation, Origin, Section, Summary, SummarySentence};
use crate::language::Language;
use crate::passage::Passage;

/// A source sentence shown to a generator under a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The sentence.
    pub text: String,
}

/// A sentence that a generator wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The sentence.
    pub text: String,
    /// The evidence it rests on: indices into what it was shown. A draft without a valid citation is thrown away.
    pub cites: Vec<usize>,
}

/// Why a generator gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("the generator gave no usable text: {0}")]
pub struct GeneratorError(pub String);

/// Writes sentences over evidence. Implementations are deterministic for the same input and never see anything but the
/// evidence: document text is data, so it cannot change the prompt's structure.
pub trait Generator: Sync {
    /// At most `max_sentences` sentences in `language` on `label`, each citing evidence.
    fn generate(
        &self,
        label: &str,
        language: Language,
        evidence: &[Evidence],
        max_sentences: usize,
    ) -> Result<Vec<Draft>, GeneratorError>;
}

/// What a generator made of an extractive summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Drafted {
    /// The summary with generated sentences, not checked yet.
    pub summary: Summary,
    /// Sentences thrown away because they cite nothing that was shown.
    pub uncited: u32,
}

/// Puts a generator's sentences in place of the quotations of each section, where it has some; a section that the generator
/// fails on keeps its quotations. Nothing here is checked yet: the caller checks every generated sentence before it is shown.
pub fn draft(extract: &Summary, passages: &[Passage], generator: &dyn Generator) -> Drafted {
    let mut uncited = 0;
    let sections = extract.sections.iter().map(|section| draft_section(section, passages, generator, &mut uncited)).collect();
    Drafted { summary: Summary { sections, further: extract.further.clone() }, uncited }
}

fn draft_section(section: &Section, passages: &[Passage], generator: &dyn Generator, uncited: &mut u32) -> Section {
    let citations: Vec<Citation> = section.sentences.iter().flat_map(|sentence| sentence.citations.clone()).collect();
    let evidence: Vec<Evidence> = section.sentences.iter().map(|sentence| Evidence { text: sentence.text.clone() }).collect();
    let language = citations
        .first()
        .and_then(|citation| passages.get(citation.passage as usize))
        .map_or(Language::Undetermined, |passage| passage.language);
    let drafts = generator.generate(&section.label, language, &evidence, section.sentences.len()).unwrap_or_else(|error| {
        tracing::warn!(label = section.label, %error, "a section keeps its quotations");
        Vec::new()
    });
    let written = drafts.len();
    let generated: Vec<SummarySentence> = drafts
        .into_iter()
        .filter_map(|draft| {
            let cited: Option<Vec<Citation>> = draft.cites.iter().map(|&index| citations.get(index).cloned()).collect();
            let citations = cited.filter(|cited| !cited.is_empty())?;
            Some(SummarySentence { text: draft.text, origin: Origin::Generated, citations })
        })
        .collect();
    *uncited += (written - generated.len()) as u32;
    if generated.is_empty() { section.clone() } else { Section { sentences: generated, ..section.clone() } }
}
