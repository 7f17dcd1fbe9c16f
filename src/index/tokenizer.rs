//! Text -> terms, with the bytes of the original that each stands for.
//!
//! All three tokenizers read text folded (NFKC, lower case, radicals as characters) and in simplified characters, one character
//! for one, so that offsets into the original hold.
//!
//! - `phrases`: words stemmed, Han characters one by one, each at its own position. A Chinese phrase is a run of characters, so
//!   that it is found wherever it stands, whatever a segmenter would make of its surroundings.
//! - `words`: words stemmed, and what Jieba's search mode sees in each run of Han characters: for ranking.
//! - `forms`: words as they stand: for beginnings and near spellings, which stems would hide.

use tantivy::tokenizer::{Language, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer};
use tantivy_jieba::JiebaTokenizer;

use super::variants;
use crate::language::Span;
use crate::language::normalise::fold_with_offsets;
use crate::language::script::is_han;

/// The name of the tokenizer with a position for each word and character.
pub(super) const PHRASES: &str = "scrutineer_phrases";
/// The name of the tokenizer with Chinese words.
pub(super) const WORDS: &str = "scrutineer_words";
/// The name of the tokenizer without stems.
pub(super) const FORMS: &str = "scrutineer_forms";

/// Makes the tokenizers known to an index.
pub(super) fn register(index: &tantivy::Index) {
    index.tokenizers().register(PHRASES, stemmed(Han::Characters));
    index.tokenizers().register(WORDS, stemmed(Han::Words));
    index.tokenizers().register(FORMS, TextAnalyzer::builder(Bilingual { han: Han::Dropped }).build());
}

/// A term of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// As `phrases` and `words` index it.
    pub(super) term: String,
    /// As `forms` indexes it.
    pub(super) form: String,
    /// Its bytes in the text.
    pub(super) span: Span,
}

impl Word {
    /// Whether it is Chinese.
    pub(super) fn is_han(&self) -> bool {
        self.form.chars().next().is_some_and(is_han)
    }
}

/// The words and single Han characters of a text: what the field `text` holds.
pub(super) fn phrase_words(text: &str) -> Vec<Word> {
    words_of(text, Han::Characters)
}

/// The words of a text, Chinese ones as Jieba's search mode sees them: what the field `page_text` holds.
pub(super) fn search_words(text: &str) -> Vec<Word> {
    words_of(text, Han::Words)
}

/// The words that Jieba sees in a text without those inside longer ones, as their texts.
pub(super) fn segments(text: &str) -> Vec<String> {
    words_of(text, Han::Segments).into_iter().map(|word| word.span.of(text).to_owned()).collect()
}

fn words_of(text: &str, han: Han) -> Vec<Word> {
    let tokens = Bilingual { han }.tokens(text);
    let mut stems = stemmed(han);
    let mut stems = stems.token_stream(text);
    let mut words = Vec::with_capacity(tokens.len());
    // The stemmer changes the text of tokens and nothing else: both streams go in step.
    for token in tokens {
        let Some(stem) = stems.next() else { break };
        words.push(Word { term: stem.text.clone(), form: token.text, span: Span::new(token.offset_from..token.offset_to) });
    }
    words
}

fn stemmed(han: Han) -> TextAnalyzer {
    TextAnalyzer::builder(Bilingual { han }).filter(Stemmer::new(Language::English)).build()
}

/// What becomes of a run of Han characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Han {
    /// One token for each character.
    Characters,
    /// The words of Jieba's search mode: long words and the words within them.
    Words,
    /// The words of Jieba, each character in one of them.
    Segments,
    /// Nothing.
    Dropped,
}

#[derive(Clone)]
struct Bilingual {
    han: Han,
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
    fn tokens(&self, text: &str) -> Vec<Token> {
        let folded = fold_with_offsets(text);
        let mut tokens = Vec::new();
        for run in runs(&folded.text) {
            let mut push = |text: String, first: usize, last: usize| {
                let source = folded.source(Span { start: run.places[first].start, end: run.places[last].end });
                let range = source.range();
                let position = tokens.len();
                tokens.push(Token { offset_from: range.start, offset_to: range.end, position, text, position_length: 1 });
            };
            match self.han {
                // Separators of thousands are no part of a number: 1,200 is found as 1200.
                _ if !run.han => push(run.text.replace(',', ""), 0, run.places.len() - 1),
                Han::Characters => run.text.chars().enumerate().for_each(|(at, c)| push(c.to_string(), at, at)),
                Han::Words | Han::Segments => {
                    let starts: Vec<usize> = run.text.char_indices().map(|(at, _)| at).collect();
                    let place = |byte: usize| starts.binary_search(&byte).unwrap_or_else(|after| after);
                    let mut jieba = JiebaTokenizer::with_search_mode(self.han == Han::Words);
                    let mut words = jieba.token_stream(&run.text);
                    while let Some(word) = words.next() {
                        push(word.text.clone(), place(word.offset_from), place(word.offset_to).max(1) - 1);
                    }
                }
                Han::Dropped => {}
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
            // The s of a possessive is no word: bank's is found as bank.
            if !open
                && c == 's'
                && before == '\''
                && !next.is_alphanumeric()
                && runs.last().is_some_and(|run| ends_at(run, at - 1))
            {
                before = c;
                continue;
            }
            if !open || runs.last().is_none_or(|run| run.han != han) {
                runs.push(Run { han, ..Run::default() });
                open = true;
            }
            if let Some(run) = runs.last_mut() {
                run.text.push(c);
                run.places.push(Span::new(at..at + c.len_utf8()));
            }
        } else {
            open = false;
        }
        before = c;
    }
    runs.iter_mut().filter(|run| run.han).for_each(|run| run.text = variants::unified(&run.text));
    runs
}

/// Whether a run of letters ends at a byte of the folded text.
fn ends_at(run: &Run, byte: usize) -> bool {
    !run.han && run.places.last().is_some_and(|place| place.end as usize == byte)
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
