//! What is said to people about recognised pages: the warnings of a document.

use super::super::{Document, DocumentWarning, PageState};
use super::OcrError;
use super::Recognition;

/// What a reader should know of the pages that were recognised.
pub(super) fn summary(document: &Document) -> Option<DocumentWarning> {
    let read: Vec<(u32, &Recognition)> = document
        .pages
        .iter()
        .filter(|page| page.state == PageState::Ocr)
        .filter_map(|page| Some((page.number, page.recognition.as_ref()?)))
        .collect();
    let (_, first) = read.first()?;
    let words: u32 = read.iter().map(|(_, recognition)| recognition.words).sum();
    let doubtful: u32 = read.iter().map(|(_, recognition)| recognition.doubtful_words).sum();
    let sum: u64 = read.iter().map(|(_, it)| u64::from(it.confidence) * u64::from(it.words)).sum();
    let mean = sum.checked_div(u64::from(words)).unwrap_or(0);
    let numbers: Vec<u32> = read.iter().map(|(number, _)| *number).collect();
    let least = read.iter().filter(|(_, it)| it.words > 0).min_by_key(|(_, it)| it.confidence);
    let least = least.map(|(page, it)| format!(", least on p.{page}: {} %", it.confidence)).filter(|_| read.len() > 1);
    let message = format!(
        "the text of {} was recognised by OCR ({} {}); confidence {mean} %{}; {doubtful} of {words} words are doubtful",
        pages(&numbers),
        first.engine,
        first.version,
        least.unwrap_or_default(),
    );
    Some(DocumentWarning { code: "ocr".to_owned(), page: None, message })
}

/// The warning for scans that none of was tried.
pub(super) fn not_recognised(code: &str, scans: &[u32], why: &str) -> DocumentWarning {
    DocumentWarning { code: code.to_owned(), page: None, message: format!("{} not read: {why}", scanned(scans)) }
}

fn scanned(numbers: &[u32]) -> String {
    let verb = if numbers.len() == 1 { "is a scan and was" } else { "are scans and were" };
    format!("{} {verb}", pages(numbers))
}

/// An error with what to do about it.
pub(super) fn told(error: &OcrError) -> String {
    match error.remedy() {
        Some(remedy) => format!("{error}; {remedy}"),
        None => error.to_string(),
    }
}

/// Page numbers in order for people: `p.1-4, 7`.
fn pages(numbers: &[u32]) -> String {
    let mut out = String::from("p.");
    for (index, run) in numbers.chunk_by(|a, b| a + 1 == *b).enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        match run {
            [first, .., last] => out.push_str(&format!("{first}-{last}")),
            _ => out.push_str(&run.first().map(u32::to_string).unwrap_or_default()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_numbers_are_told_in_runs() {
        assert_eq!(pages(&[2]), "p.2");
        assert_eq!(pages(&[1, 2, 3, 7, 9, 10]), "p.1-3, 7, 9-10");
        assert_eq!(
            not_recognised("ocr-off", &[4], "OCR is switched off").message,
            "p.4 is a scan and was not read: OCR is switched off"
        );
    }

    #[test]
    fn a_missing_program_comes_with_its_remedy() {
        let message = told(&OcrError::Missing { program: "tesseract".to_owned() });
        assert!(message.contains("tesseract cannot be found; apt install tesseract-ocr tesseract-ocr-chi-tra"), "{message}");
    }
}
