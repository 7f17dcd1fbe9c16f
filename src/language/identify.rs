//! Which language a text is in.
//!
//! Letters are counted by script first; a Han character weighs as much as [`HAN_WEIGHT`] Latin letters, so that a Chinese passage
//! full of English names stays Chinese. Traditional and Simplified are told apart by the characters that only one of them uses.

use whichlang::Lang;

use super::Language;
use super::script::{self, Evidence};

/// A Han character says about as much as this many Latin letters.
const HAN_WEIGHT: usize = 4;
/// Fewer Latin letters than this are English only where they hold a common English word.
const CLEAR_LETTERS: usize = 24;
/// No more characters than this are looked at.
const LONGEST: usize = 6_000;

/// Words that tell English from its neighbours in short texts: function words, then words of headings in filings.
const ENGLISH_WORDS: &[&str] = &[
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "are",
    "was",
    "were",
    "for",
    "with",
    "by",
    "from",
    "that",
    "this",
    "we",
    "our",
    "its",
    "has",
    "have",
    "not",
    "or",
    "as",
    "at",
    "on",
    "it",
    "be",
    "will",
    "would",
    "may",
    "which",
    "he",
    "she",
    "they",
    "you",
    "his",
    "her",
    "their",
    "who",
    "what",
    "when",
    "how",
    "there",
    "did",
    "does",
    "been",
    "an",
    "also",
    "all",
    "no",
    "yes",
    "than",
    "year",
    "years",
    "risk",
    "risks",
    "credit",
    "market",
    "liquidity",
    "operational",
    "capital",
    "assets",
    "liabilities",
    "revenue",
    "income",
    "loss",
    "losses",
    "cash",
    "interest",
    "rate",
    "rates",
    "bank",
    "report",
    "annual",
    "statements",
    "financial",
    "management",
    "business",
    "committee",
    "meeting",
    "minutes",
    "table",
    "contents",
    "item",
    "note",
    "notes",
    "page",
    "summary",
    "overview",
    "net",
    "tax",
    "total",
    "growth",
    "inflation",
    "policy",
    "sales",
    "results",
    "increase",
    "decrease",
    "increased",
    "decreased",
    "quarter",
    "ended",
    "cyber",
    "security",
    "and/or",
    "controls",
    "governance",
];

/// The language of `text`. Chinese without a character that tells its script counts as Traditional, in which such a text is equally
/// valid. Texts with too few letters, in other languages, or in Japanese and Korean are [`Language::Undetermined`].
pub fn identify(text: &str) -> Language {
    let counts = Counts::of(text);
    let han = counts.han * HAN_WEIGHT;
    let letters = han + counts.latin + counts.other + counts.kana + counts.hangul;
    if letters == 0 || counts.other + counts.hangul > letters / 3 {
        return Language::Undetermined;
    }
    if han + counts.kana > counts.latin {
        // Chinese texts quote some kana; Japanese has them in every clause.
        return match () {
            () if counts.kana * 12 > counts.han => Language::Undetermined,
            () if counts.han < 2 => Language::Undetermined,
            () if counts.simplified > counts.traditional => Language::SimplifiedChinese,
            () => Language::TraditionalChinese,
        };
    }
    if is_english(text, counts.latin) { Language::English } else { Language::Undetermined }
}

#[derive(Default)]
struct Counts {
    latin: usize,
    han: usize,
    kana: usize,
    hangul: usize,
    other: usize,
    traditional: usize,
    simplified: usize,
}

impl Counts {
    fn of(text: &str) -> Self {
        let mut counts = Self::default();
        for character in text.chars().take(LONGEST) {
            match character {
                'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{24F}' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' => counts.latin += 1,
                '\u{3041}'..='\u{30FF}' => counts.kana += 1,
                '\u{1100}'..='\u{11FF}' | '\u{AC00}'..='\u{D7AF}' => counts.hangul += 1,
                character if script::is_han(character) => {
                    counts.han += 1;
                    match script::evidence(character) {
                        Evidence::Traditional => counts.traditional += 1,
                        Evidence::Simplified => counts.simplified += 1,
                        Evidence::None => {}
                    }
                }
                // Bopomofo belongs to Chinese and says nothing more.
                '\u{3105}'..='\u{312F}' => {}
                character if character.is_alphabetic() => counts.other += 1,
                _ => {}
            }
        }
        counts
    }
}

fn is_english(text: &str, letters: usize) -> bool {
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
    let words = text[..end].split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let (mut common, mut all) = (0, 0);
    for word in words {
        all += 1;
        common += usize::from(ENGLISH_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)));
    }
    if letters < CLEAR_LETTERS {
        // `of` and `in` belong to Dutch and German too: one common word must weigh against few others.
        return common > 0 && all <= common * 4;
    }
    // Tables of names and codes confuse the model; a fair share of common words does not.
    common * 5 >= all || whichlang::detect_language(&text[..end]) == Lang::Eng
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_languages_apart() {
        for (text, expected) in [
            ("The bank's allowance for credit losses increased by 12% in 2023.", Language::English),
            ("Credit risk", Language::English),
            ("本行備抵呆帳增加12%，主要係不動產放款。", Language::TraditionalChinese),
            ("本行贷款损失准备增加12%，主要是房地产贷款。", Language::SimplifiedChinese),
            ("本公司採用 Amazon Web Services 與 Microsoft Azure 之雲端服務", Language::TraditionalChinese),
            ("The branch in Taipei (臺北) was closed in March.", Language::English),
            ("Die Bank hat im vergangenen Jahr ihre Rückstellungen erhöht und das Kapital gestärkt.", Language::Undetermined),
            ("当行は昨年、貸倒引当金を増やしました。", Language::Undetermined),
            ("Банк увеличил резервы на возможные потери по ссудам.", Language::Undetermined),
            ("은행은 지난해 대손충당금을 늘렸다", Language::Undetermined),
            ("1,234 | 5,678 | 9%", Language::Undetermined),
            ("", Language::Undetermined),
            ("XQZ", Language::Undetermined),
            ("中央政府", Language::TraditionalChinese),
        ] {
            assert_eq!(identify(text), expected, "{text}");
        }
    }
}
