//! Which languages a page is recognised in: what the program has, narrowed by what the document shows.

use super::super::Document;
use super::super::words::is_wide;

/// Languages of the program that filings are written in.
const TRADITIONAL: &str = "chi_tra";
const SIMPLIFIED: &str = "chi_sim";
const ENGLISH: &str = "eng";

/// So many letters of text on other pages tell the language of the scans among them.
const ENOUGH: usize = 400;
/// From this share of wide characters a document is Chinese.
const CHINESE: f32 = 0.2;
/// Up to this share of wide characters a document is English throughout.
const ENGLISH_ONLY: f32 = 0.002;

/// Whether the program has a language that filings are written in.
pub(super) fn any_known(available: &[String]) -> bool {
    [TRADITIONAL, SIMPLIFIED, ENGLISH].into_iter().any(|known| has(available, known))
}

/// What to recognise the scans of a document in, joined by `+`, best first: where a page comes out badly, the next is tried.
pub(super) fn attempts(document: &Document, available: &[String]) -> Vec<String> {
    let all: Vec<&str> = match shown(document).or_else(|| declared(document)) {
        Some(Shown::English) => vec![ENGLISH, TRADITIONAL],
        Some(Shown::Simplified) => vec![SIMPLIFIED, ENGLISH, TRADITIONAL],
        Some(Shown::Chinese) | None => vec![TRADITIONAL, ENGLISH, SIMPLIFIED],
    };
    let narrow: &[&str] = match shown(document).or_else(|| declared(document)) {
        Some(Shown::English) => &[ENGLISH],
        Some(Shown::Simplified) => &[SIMPLIFIED, ENGLISH],
        Some(Shown::Chinese) | None => &[TRADITIONAL, ENGLISH],
    };
    let joined = |wanted: &[&str]| {
        let there: Vec<&str> = wanted.iter().copied().filter(|language| has(available, language)).collect();
        (!there.is_empty()).then(|| there.join("+"))
    };
    let mut attempts: Vec<String> = [joined(narrow), joined(&all)].into_iter().flatten().collect();
    attempts.dedup();
    attempts
}

fn has(available: &[String], language: &str) -> bool {
    available.iter().any(|there| there == language)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    English,
    Chinese,
    Simplified,
}

/// The language of the pages that have text; none where there is too little, or both languages are there.
fn shown(document: &Document) -> Option<Shown> {
    let read = document.pages.iter().filter(|page| page.state.is_read());
    let blocks = read.flat_map(|page| &page.blocks).filter(|block| block.hidden.is_none());
    let characters = blocks.flat_map(|block| &block.lines).flat_map(|line| &line.words).flat_map(|word| word.text.chars());
    let (mut wide, mut letters) = (0_usize, 0_usize);
    for c in characters.filter(|c| c.is_alphabetic()) {
        letters += 1;
        wide += usize::from(is_wide(c));
    }
    let share = wide as f32 / letters.max(1) as f32;
    match letters {
        ENOUGH.. if share >= CHINESE => {
            Some(declared(document).filter(|&shown| shown == Shown::Simplified).unwrap_or(Shown::Chinese))
        }
        ENOUGH.. if share <= ENGLISH_ONLY => Some(Shown::English),
        _ => None,
    }
}

/// What the catalog declares. English is not believed: writers put it there by default, whatever the text.
fn declared(document: &Document) -> Option<Shown> {
    let tag = document.metadata.declared_language.as_deref()?.to_ascii_lowercase();
    let simplified = ["zh-cn", "zh-sg", "zh-hans"].into_iter().any(|known| tag.starts_with(known));
    match tag.get(..2) {
        Some("zh") if simplified => Some(Shown::Simplified),
        Some("zh") => Some(Shown::Chinese),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::document::sample::{lines, pdf};
    use crate::document::{ReadOptions, read};

    fn installed(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn languages_follow_the_text_then_what_is_declared() {
        let here = installed(&["chi_tra", "eng", "osd"]);
        let mut document = read(&pdf(&[""]), &ReadOptions::default()).unwrap();
        assert_eq!(attempts(&document, &here), ["chi_tra+eng"]);
        document.metadata.declared_language = Some("en-US".to_owned());
        assert_eq!(attempts(&document, &here), ["chi_tra+eng"]);
        document.metadata.declared_language = Some("zh-CN".to_owned());
        assert_eq!(attempts(&document, &installed(&["chi_sim", "chi_tra", "eng"])), ["chi_sim+eng", "chi_sim+eng+chi_tra"]);
        let text = lines(50.0, 700.0, &["The board reviewed the liquidity coverage ratio and found it adequate."; 12]);
        let document = read(&pdf(&[&text]), &ReadOptions::default()).unwrap();
        assert_eq!(attempts(&document, &here), ["eng", "eng+chi_tra"]);
    }

    #[test]
    fn what_is_not_installed_is_left_out() {
        let document = read(&pdf(&[""]), &ReadOptions::default()).unwrap();
        assert_eq!(attempts(&document, &installed(&["eng", "osd"])), ["eng"]);
        assert_eq!(attempts(&document, &installed(&["chi_tra"])), ["chi_tra"]);
        assert!(any_known(&installed(&["osd", "eng"])) && !any_known(&installed(&["deu", "osd"])));
    }
}
