//! The query language: Tantivy's grammar, read with limits and our own meaning of words.
//!
//! - A run of Han characters outside quotes means the words that Jieba sees in it, all of them, and ranks them higher where they
//!   stand together; in quotes it means exactly that run.
//! - `begin*` and `near~1` look at words as they stand, not at their stems.
//! - Regular expressions of the grammar are refused.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, BoostQuery, FuzzyTermQuery, Occur, PhrasePrefixQuery};
use tantivy_query_grammar::{Delimiter, UserInputAst, UserInputBound, UserInputLeaf, UserInputLiteral, parse_query};

use super::{Clause, QueryError, any, leaves, unscored};
use crate::index::highlight::Pattern;
use crate::index::schema::Fields;
use crate::index::tokenizer::{phrase_words, segments};
use crate::index::variants::synonyms;

/// Characters of a query.
const MOST_CHARACTERS: usize = 2_000;
/// Brackets within brackets.
const MOST_DEPTH: usize = 24;
/// Words, phrases and filters of a query.
const MOST_PARTS: usize = 128;
/// Words of a phrase.
const MOST_WORDS: usize = 64;
/// Words between the words of a phrase.
const MOST_SLOP: u32 = 50;
/// Parts that look through the list of all words.
const MOST_EXPANSIONS: usize = 16;
/// Words that the last word of a phrase may be the beginning of.
const MOST_ENDINGS: u32 = 500;
/// Letters before the star of a beginning.
const LEAST_BEGINNING: usize = 2;
/// Letters of a word whose near spellings are looked for: for one wrong letter and for two.
const LEAST_FUZZY: [usize; 2] = [3, 5];

/// A query in the query language, as Tantivy runs it, with what to highlight.
pub(super) fn compile(text: &str, fields: &Fields) -> Result<(Clause, Vec<Pattern>), QueryError> {
    let source: Vec<char> = half_width(text);
    check_size(&source)?;
    let source: String = source.into_iter().collect();
    let tree = parse_query(&source).map_err(|_| syntax_error(&source))?;
    let mut compiler = Compiler { source: &source, fields, patterns: Vec::new(), parts: 0, expansions: 0 };
    let clause = compiler.tree(&tree, true)?;
    Ok((clause.unwrap_or_else(|| Box::new(AllQuery)), compiler.patterns))
}

/// Brackets, quotes and colons as a Chinese keyboard gives them, in the form that the grammar knows, one character for one. An
/// apostrophe within a word is no quote.
fn half_width(text: &str) -> Vec<char> {
    let characters: Vec<char> = text.chars().collect();
    let within =
        |at: usize| at > 0 && characters[at - 1].is_alphanumeric() && characters.get(at + 1).is_some_and(|c| c.is_alphanumeric());
    let one = |(at, c): (usize, &char)| match c {
        '（' => '(',
        '）' => ')',
        '“' | '”' | '„' | '「' | '」' | '『' | '』' | '＂' => '"',
        '：' => ':',
        '［' => '[',
        '］' => ']',
        '＊' => '*',
        '～' => '~',
        '＞' => '>',
        '＜' => '<',
        '\u{3000}' | '\u{a0}' => ' ',
        '\'' if within(at) => '’',
        c => *c,
    };
    characters.iter().enumerate().map(one).collect()
}

fn check_size(source: &[char]) -> Result<(), QueryError> {
    if source.len() > MOST_CHARACTERS {
        return Err(QueryError::TooLarge { at: MOST_CHARACTERS, what: "characters", limit: MOST_CHARACTERS });
    }
    let (mut depth, mut words) = (0_usize, 0_usize);
    for (at, c) in source.iter().enumerate() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            // NOT NOT NOT … goes as deep as brackets do.
            'N' if source[at..].starts_with(&['N', 'O', 'T', ' ']) => words += 1,
            _ => {}
        }
        if depth > MOST_DEPTH {
            return Err(QueryError::TooLarge { at, what: "brackets within brackets", limit: MOST_DEPTH });
        }
        if words > MOST_PARTS {
            return Err(QueryError::TooLarge { at, what: "parts", limit: MOST_PARTS });
        }
    }
    Ok(())
}

/// Where a query that the grammar refuses stops making sense. The grammar itself does not say.
fn syntax_error(source: &str) -> QueryError {
    let characters: Vec<char> = source.chars().collect();
    let error = |at: usize, detail: &str| QueryError::Syntax { at, detail: detail.to_owned() };
    let (mut open, mut quote, mut escaped) = (Vec::new(), None, false);
    for (at, c) in characters.iter().enumerate() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            (c, Some((mark, _))) if *c == mark => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some((*c, at)),
            ('(' | '[' | '{', None) => open.push(at),
            (')' | ']' | '}', None) if open.pop().is_none() => return error(at, "this bracket was not opened"),
            _ => {}
        }
    }
    if let Some((_, at)) = quote {
        return error(at, "this quote is not closed");
    }
    if let Some(at) = open.pop() {
        return error(at, "this bracket is not closed");
    }
    // The longest beginning of whole words that can be read; the word after it cannot.
    let starts = (1..characters.len()).filter(|at| !characters[*at].is_whitespace() && characters[at - 1].is_whitespace());
    let readable = |at: &usize| parse_query(&characters[..*at].iter().collect::<String>()).is_ok();
    let at = starts.filter(readable).max().unwrap_or(0);
    let word: String = characters[at..].iter().take_while(|c| !c.is_whitespace()).collect();
    let detail = match word.as_str() {
        "AND" | "OR" | "NOT" | "IN" => format!("{word} joins two parts; quote it to look for the word"),
        word if word.ends_with(':') => format!("{word} wants a value right after the colon"),
        _ => format!("{word:?} does not belong here; quote what holds signs such as : ^ ( ) [ ] {{ }}"),
    };
    QueryError::Syntax { at, detail }
}

struct Compiler<'a> {
    source: &'a str,
    fields: &'a Fields,
    patterns: Vec<Pattern>,
    parts: usize,
    expansions: usize,
}

impl Compiler<'_> {
    /// What a tree means; nothing where it holds no word. What is not `wanted` is not highlighted.
    fn tree(&mut self, tree: &UserInputAst, wanted: bool) -> Result<Option<Clause>, QueryError> {
        match tree {
            UserInputAst::Clause(clauses) => self.clauses(clauses, wanted),
            UserInputAst::Boost(inner, boost) => {
                let boost = boost.into_inner() as f32;
                let boost = if boost.is_finite() { boost.clamp(0.0, 100.0) } else { 1.0 };
                let inner = self.tree(inner, wanted)?;
                Ok(inner.map(|inner| Box::new(BoostQuery::new(inner, boost)) as Clause))
            }
            UserInputAst::Leaf(leaf) => self.leaf(leaf, wanted),
        }
    }

    fn clauses(
        &mut self,
        clauses: &[(Option<tantivy_query_grammar::Occur>, UserInputAst)],
        wanted: bool,
    ) -> Result<Option<Clause>, QueryError> {
        let mut compiled = Vec::with_capacity(clauses.len());
        for (occur, clause) in clauses {
            let occur = match occur {
                // All words must be there, unless the query says otherwise.
                None | Some(tantivy_query_grammar::Occur::Must) => Occur::Must,
                Some(tantivy_query_grammar::Occur::Should) => Occur::Should,
                Some(tantivy_query_grammar::Occur::MustNot) => Occur::MustNot,
            };
            if let Some(clause) = self.tree(clause, wanted && occur != Occur::MustNot)? {
                compiled.push((occur, clause));
            }
        }
        if compiled.is_empty() {
            return Ok(None);
        }
        if compiled.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            compiled.push((Occur::Must, Box::new(AllQuery)));
        }
        Ok(Some(Box::new(BooleanQuery::new(compiled))))
    }

    fn leaf(&mut self, leaf: &UserInputLeaf, wanted: bool) -> Result<Option<Clause>, QueryError> {
        let fields = self.fields;
        let at = match leaf {
            UserInputLeaf::Literal(UserInputLiteral { field_name, phrase, .. }) => self.place(field_name.as_deref(), phrase),
            UserInputLeaf::Range { field, .. } | UserInputLeaf::Set { field, .. } | UserInputLeaf::Regex { field, .. } => {
                self.place(field.as_deref(), "")
            }
            UserInputLeaf::Exists { field } => self.place(Some(field), ""),
            UserInputLeaf::All => 0,
        };
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(QueryError::TooLarge { at, what: "words, phrases and filters", limit: MOST_PARTS });
        }
        match leaf {
            UserInputLeaf::All => Ok(Some(Box::new(AllQuery))),
            UserInputLeaf::Literal(literal) => match literal.field_name.as_deref() {
                None | Some("text") => self.words(literal, at, wanted),
                Some(name) => leaves::filter(fields, name, &with_star(literal), at).map(|clause| Some(scored(name, clause))),
            },
            UserInputLeaf::Range { field: Some(field), lower, upper } => {
                leaves::range(fields, field, bound(lower), bound(upper), at).map(|clause| Some(unscored(clause)))
            }
            UserInputLeaf::Set { field: Some(field), elements } => {
                self.parts += elements.len();
                if self.parts > MOST_PARTS {
                    return Err(QueryError::TooLarge { at, what: "words, phrases and filters", limit: MOST_PARTS });
                }
                let clauses: Result<Vec<Clause>, QueryError> =
                    elements.iter().map(|element| leaves::filter(fields, field, element, at)).collect();
                Ok(Some(scored(field, any(clauses?))))
            }
            UserInputLeaf::Exists { field } => leaves::exists(fields, field, at).map(|clause| Some(unscored(clause))),
            UserInputLeaf::Range { field: None, .. } | UserInputLeaf::Set { field: None, .. } => Err(QueryError::Syntax {
                at,
                detail: "a range or a list wants a field before it, such as period:[2021 TO 2023]".to_owned(),
            }),
            UserInputLeaf::Regex { .. } => {
                let detail = "regular expressions are not part of the language; use begin* or near~1";
                Err(QueryError::Syntax { at, detail: detail.to_owned() })
            }
        }
    }

    /// Words of the text: a word, a phrase, a beginning, a near spelling.
    fn words(&mut self, literal: &UserInputLiteral, at: usize, wanted: bool) -> Result<Option<Clause>, QueryError> {
        let quoted = literal.delimiter != Delimiter::None;
        let (text, modifier) = match (quoted, literal.prefix, literal.slop) {
            (true, true, _) => (literal.phrase.as_str(), Modifier::Beginning),
            (true, false, slop) => (literal.phrase.as_str(), Modifier::Slop(slop.min(MOST_SLOP))),
            (false, ..) => modifier(&literal.phrase, at)?,
        };
        let words = phrase_words(text);
        if words.len() > MOST_WORDS {
            return Err(QueryError::TooLarge { at, what: "words in a phrase", limit: MOST_WORDS });
        }
        let Some(last) = words.last() else { return Ok(None) };
        let (clause, patterns) = match modifier {
            Modifier::Beginning if !last.is_han() => {
                self.expand(at)?;
                if last.form.chars().count() < LEAST_BEGINNING {
                    return Err(value_error(at, text, "two letters or more before the *"));
                }
                if let [only] = words.as_slice() {
                    (leaves::starting_with(self.fields.forms, &only.form), vec![Pattern::Beginning(only.form.clone())])
                } else {
                    let terms = words.iter().map(|word| Term::from_field_text(self.fields.text, &word.term)).collect();
                    let mut phrase = PhrasePrefixQuery::new(terms);
                    phrase.set_max_expansions(MOST_ENDINGS);
                    (Box::new(phrase) as Clause, vec![Pattern::phrase(text, 0, true)])
                }
            }
            Modifier::Fuzzy(distance) => {
                self.expand(at)?;
                let [only] = words.as_slice() else { return Err(value_error(at, text, "one word in letters before the ~")) };
                if only.is_han() || only.form.chars().count() < LEAST_FUZZY[usize::from(distance > 1)] {
                    return Err(value_error(at, text, "a word of 3 letters or more before ~1, of 5 or more before ~2"));
                }
                let term = Term::from_field_text(self.fields.forms, &only.form);
                let pattern = Pattern::Fuzzy { form: only.form.clone(), distance };
                (Box::new(FuzzyTermQuery::new(term, distance, true)) as Clause, vec![pattern])
            }
            Modifier::Beginning => phrase(self.fields, text, 0),
            Modifier::Slop(slop) => phrase(self.fields, text, slop),
            Modifier::None => plain_words(self.fields, text),
        };
        if wanted {
            self.patterns.extend(patterns);
        }
        Ok(Some(clause))
    }

    fn expand(&mut self, at: usize) -> Result<(), QueryError> {
        self.expansions += 1;
        match self.expansions > MOST_EXPANSIONS {
            true => Err(QueryError::TooLarge { at, what: "beginnings and near spellings", limit: MOST_EXPANSIONS }),
            false => Ok(()),
        }
    }

    /// Where a leaf stands in the query, in characters: the grammar does not tell, so it is looked for.
    fn place(&self, field: Option<&str>, text: &str) -> usize {
        let wanted = field.map_or_else(|| text.to_owned(), |field| format!("{field}:"));
        self.source.find(&wanted).map_or(0, |byte| self.source[..byte].chars().count())
    }
}

/// What a sign after a word asks for.
enum Modifier {
    None,
    Beginning,
    Fuzzy(u8),
    Slop(u32),
}

/// The grammar leaves `*` and `~1` within unquoted words.
fn modifier(word: &str, at: usize) -> Result<(&str, Modifier), QueryError> {
    if let Some(beginning) = word.strip_suffix('*') {
        return match beginning.contains('*') {
            true => Err(value_error(at, word, "one * at the end of a word")),
            false => Ok((beginning, Modifier::Beginning)),
        };
    }
    if let Some((stem, distance)) = word.rsplit_once('~')
        && !stem.is_empty()
    {
        return match distance {
            "" | "1" => Ok((stem, Modifier::Fuzzy(1))),
            "2" => Ok((stem, Modifier::Fuzzy(2))),
            _ => Err(value_error(at, word, "~1 or ~2 after a word")),
        };
    }
    match word.contains('*') {
        true => Err(value_error(at, word, "a * at the end of a word")),
        false => Ok((word, Modifier::None)),
    }
}

fn value_error(at: usize, value: &str, detail: &'static str) -> QueryError {
    QueryError::Value { at, field: "text".to_owned(), value: value.to_owned(), detail }
}

/// The words of a phrase, or of another way to say it.
fn phrase(fields: &Fields, text: &str, slop: u32) -> (Clause, Vec<Pattern>) {
    let ways = std::iter::once(text.to_owned()).chain(synonyms(text));
    (leaves::words(fields, text, slop), ways.map(|way| Pattern::phrase(&way, slop, false)).collect())
}

/// An unquoted word. Of Han characters all the words that Jieba sees, wherever they stand, best together; else the word, whose
/// parts (third-party) stand together.
fn plain_words(fields: &Fields, text: &str) -> (Clause, Vec<Pattern>) {
    let whole = phrase(fields, text, 0);
    let words = segments(text);
    let all_han = phrase_words(text).iter().all(crate::index::tokenizer::Word::is_han);
    if !all_han || words.len() < 2 {
        return whole;
    }
    let (clauses, patterns): (Vec<Clause>, Vec<Vec<Pattern>>) = words.iter().map(|word| phrase(fields, word, 0)).unzip();
    let mut clauses: Vec<(Occur, Clause)> = clauses.into_iter().map(|clause| (Occur::Must, clause)).collect();
    clauses.push((Occur::Should, whole.0));
    let apart: Clause = Box::new(BooleanQuery::new(clauses));
    // A way to say the whole that shares no word with it stands beside.
    let others = synonyms(text);
    let others_found = others.iter().map(|way| leaves::words(fields, way, 0));
    let clause = any(std::iter::once(apart).chain(others_found).collect());
    (clause, whole.1.into_iter().chain(patterns.into_iter().flatten()).collect())
}

/// Fields of text rank; the others only choose.
fn scored(field: &str, clause: Clause) -> Clause {
    if ["text", "heading", "title"].contains(&field) { clause } else { unscored(clause) }
}

/// The value of a field with the star that the grammar may have taken off.
fn with_star(literal: &UserInputLiteral) -> String {
    if literal.prefix && literal.delimiter == Delimiter::None { format!("{}*", literal.phrase) } else { literal.phrase.clone() }
}

fn bound(bound: &UserInputBound) -> Bound<&str> {
    match bound {
        UserInputBound::Inclusive(text) => Bound::Included(text),
        UserInputBound::Exclusive(text) => Bound::Excluded(text),
        UserInputBound::Unbounded => Bound::Unbounded,
    }
}
