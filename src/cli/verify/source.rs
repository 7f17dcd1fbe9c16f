//! What a summary is checked against: the sentences of a PDF, or of a text, with their pages.

use std::path::Path;

use super::{read_bytes, text_of};
use crate::document::ocr::{NoStore, Recogniser};
use crate::document::{DocumentError, ReadOptions, worker};
use crate::error::{OrFail, Result};
use crate::language::Span;
use crate::language::identify::identify;
use crate::language::sentences::sentences;
use crate::passage::{Options, locate, passages};

pub(super) const PDF_MAGIC: &[u8] = b"%PDF-";

/// A source file as text, with the pages its sentences stand on.
pub(super) struct SourceFile {
    pub(super) text: String,
    pub(super) sentences: Vec<Span>,
    /// By sentence, where the file has pages.
    pub(super) pages: Vec<Option<u32>>,
    pub(super) complete: bool,
}

/// Reads the source: a PDF in the worker process, anything else as UTF-8 text.
pub(super) fn read_source_file(path: &Path) -> Result<SourceFile> {
    let bytes = read_bytes(path)?;
    if bytes.starts_with(PDF_MAGIC) {
        return read_pdf(path, &bytes);
    }
    let text = unwrapped(&text_of(path, bytes)?);
    let sentences = sentences(&text, identify(&text));
    let pages = pages_of(&text, &sentences);
    Ok(SourceFile { text, sentences, pages, complete: true })
}

/// Text whose lines were broken for their length alone, as mail and editors do: a line that starts in lower case goes on from the
/// line before. A space stands for the line end, so offsets hold.
fn unwrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let goes_on = c == '\n' && !out.ends_with('\n') && characters.peek().is_some_and(|next| next.is_lowercase());
        out.push(if goes_on { ' ' } else { c });
    }
    out
}

/// The sentences of a PDF with their pages, hidden text left out. Scans are read by OCR where it is installed; unread pages make the
/// source incomplete.
fn read_pdf(path: &Path, bytes: &[u8]) -> Result<SourceFile> {
    let options = ReadOptions::default();
    let document = worker::read_isolated(bytes, &options, &mut |_| {})
        .map_err(DocumentError::from)
        .or_fail(|| format!("cannot read {}", path.display()))?;
    let document = Recogniser::auto().read_scans(document, bytes, &options, &NoStore).document;
    let mut file = SourceFile {
        text: String::new(),
        sentences: Vec::new(),
        pages: Vec::new(),
        complete: document.pages.iter().all(|page| page.state.is_read()),
    };
    // How passages are cut does not matter here: their sentences are what is looked at.
    for passage in
        passages(&document, &Options::default(), &|text| text.len() / 4).iter().filter(|passage| passage.is_model_input())
    {
        for sentence in &passage.sentences {
            let start = file.text.len();
            file.text.push_str(sentence.span.of(&passage.text));
            file.sentences.push(Span::new(start..file.text.len()));
            file.pages.push(locate(passage, sentence.span).first().map(|location| location.page));
            file.text.push('\n');
        }
    }
    Ok(file)
}

/// Form feeds part the pages of a text file, as `pdftotext` writes it; without them there are no pages.
fn pages_of(text: &str, sentences: &[Span]) -> Vec<Option<u32>> {
    if !text.contains('\u{c}') {
        return vec![None; sentences.len()];
    }
    sentences.iter().map(|span| Some(1 + text[..span.start as usize].matches('\u{c}').count() as u32)).collect()
}
