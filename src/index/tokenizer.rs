//! Text -> terms, with the bytes of the original that each stands for.
//!
//! Both tokenizers read text folded (NFKC, lower case) and in simplified characters, one character for one, so that offsets into
//! the original hold. `phrases` gives English words, stemmed, and single Han characters, each at its own position. `words` gives
//! English words and what Jieba's search mode sees in each run of Han characters.

use tantivy::tokenizer::{Language, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer};
use tantivy_jieba::JiebaTokenizer;

use crate::language::Span;
use crate::language::normalise::fold_with_offsets;
use crate::language::script::{is_han, simplified};

/// The name of the tokenizer with positions.
pub(super) const PHRASES: &str = "scrutineer_phrases";
/// The name of the tokenizer with Chinese words.
pub(super) const WORDS: &str = "scrutineer_words";

/// Makes both tokenizers known to an index.
pub(super) fn register(index: &tantivy::Index) {
    index.tokenizers().register(PHRASES, phrases());
    index.tokenizers().register(WORDS, words());
}

/// The tokenizer with positions.
pub(super) fn phrases() -> TextAnalyzer {
    TextAnalyzer::builder(Bilingual { jieba: None }).filter(Stemmer::new(Language::English)).build()
}

/// The tokenizer with Chinese words.
pub(super) fn words() -> TextAnalyzer {
    TextAnalyzer::builder(Bilingual { jieba: Some(JiebaTokenizer::new()) }).filter(Stemmer::new(Language::English)).build()
}

/// The terms of a text by an analyzer, with their bytes in it.
pub(super) fn terms(analyzer: &mut TextAnalyzer, text: &str) -> Vec<(String, Span)> {
    let mut terms = Vec::new();
    let mut stream = analyzer.token_stream(text);
    while let Some(token) = stream.next() {
        terms.push((token.text.clone(), Span::new(token.offset_from..token.offset_to)));
    }
    terms
}

#[derive(Clone)]
struct Bilingual {
    jieba: Option<JiebaTokenizer>,
}

impl Tokenizer for Bilingual {
    type TokenStream<'a> = Tokens;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens {
        Tokens { tokens: self.tokens(text), next: 0, token: Token::default() }
    }
}

/// A run of like characters of the folded text.
#[derive(Default)]
struct Run {
    text: String,
    /// The bytes in the folded text of each character.
    places: Vec<Span>,
    han: bool,
}

impl Bilingual {
    fn tokens(&mut self, text: &str) -> Vec<Token> {
        let folded = fold_with_offsets(text);
        let mut tokens = Vec::new();
        for run in runs(&folded.text) {
            let mut push = |text: String, first: usize, last: usize| {
                let source = folded.source(Span { start: run.places[first].start, end: run.places[last].end });
                let range = source.range();
                let position = tokens.len();
                tokens.push(Token { offset_from: range.start, offset_to: range.end, position, text, position_length: 1 });
            };
            match &mut self.jieba {
                Some(jieba) if run.han => {
                    let starts: Vec<usize> = run.text.char_indices().map(|(at, _)| at).collect();
                    let place = |byte: usize| starts.binary_search(&byte).unwrap_or_else(|after| after);
                    let mut words = jieba.token_stream(&run.text);
                    while let Some(word) = words.next() {
                        push(word.text.clone(), place(word.offset_from), place(word.offset_to).max(1) - 1);
                    }
                }
                _ if run.han => run.text.chars().enumerate().for_each(|(at, c)| push(c.to_string(), at, at)),
                // Separators of thousands are no part of a number: 1,200 is found as 1200.
                _ => push(run.text.replace(',', ""), 0, run.places.len() - 1),
            }
        }
        tokens
    }
}

/// The runs of Han characters and of other letters and digits.
fn runs(folded: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    let mut characters = folded.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map_or(' ', |(_, next)| *next);
        let han = is_han(c);
        let within_number = matches!(c, '.' | ',') && before.is_ascii_digit() && next.is_ascii_digit();
        if han || c.is_alphanumeric() || within_number {
            if !open || runs.last().is_none_or(|run| run.han != han) {
                runs.push(Run { han, ..Run::default() });
                open = true;
            }
            if let Some(run) = runs.last_mut() {
                run.text.push(if han { variant(simplified(c), simplified(next)) } else { c });
                run.places.push(Span::new(at..at + c.len_utf8()));
            }
        } else {
            open = false;
        }
        before = c;
    }
    runs
}

/// One writing for words that Taiwan writes in two ways: 曝險 and 暴險 (exposure).
fn variant(c: char, next: char) -> char {
    if c == '曝' && next == '险' { '暴' } else { c }
}

/// Tokens made at once.
struct Tokens {
    tokens: Vec<Token>,
    next: usize,
    token: Token,
}

impl TokenStream for Tokens {
    fn advance(&mut self) -> bool {
        let Some(token) = self.tokens.get_mut(self.next) else { return false };
        self.token = std::mem::take(token);
        self.next += 1;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
