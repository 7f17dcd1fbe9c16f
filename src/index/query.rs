//! What people type -> what Tantivy runs, and what to highlight.

use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query as TantivyQuery, QueryParser, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{Index, Term};
use tantivy_query_grammar::{UserInputAst, UserInputLeaf, parse_query};

use super::schema::Fields;
use super::tokenizer::{phrases, terms, words};

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The query in the query language; everything where empty.
    pub text: String,
    /// Read `text` as a plain question instead: any of its words may match, the rarer the better.
    pub plain: bool,
    /// Labels, any of them; all where empty. The same holds for the others.
    pub labels: Vec<String>,
    /// Types of document.
    pub document_types: Vec<String>,
    /// Institutions, by their whole name.
    pub institutions: Vec<String>,
    /// Periods.
    pub periods: Vec<String>,
    /// BCP 47 tags of languages; `zh` means both scripts.
    pub languages: Vec<String>,
    /// Stems of documents.
    pub documents: Vec<String>,
    /// Hits wanted.
    pub limit: usize,
    /// Hits to pass over.
    pub offset: usize,
}

/// Why a query cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It does not follow the query language.
    #[error("cannot read the query {query:?}: {detail}")]
    Syntax {
        /// The query.
        query: String,
        /// What is wrong.
        detail: String,
    },
    /// It is longer or deeper than a person would write.
    #[error("the query is too long or too deeply nested (at most {MOST_CHARACTERS} characters, {MOST_DEPTH} brackets deep)")]
    TooLarge,
}

const MOST_CHARACTERS: usize = 2_000;
const MOST_DEPTH: usize = 32;

/// A query ready to run.
pub(super) struct Prepared {
    pub(super) query: Box<dyn TantivyQuery>,
    /// Sequences of terms to highlight; the last term of one that ends in `*` is a prefix.
    pub(super) highlights: Vec<Sequence>,
}

/// Terms that stand one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) terms: Vec<String>,
    pub(super) prefix: bool,
}

impl Query {
    pub(super) fn prepare(&self, index: &Index, fields: &Fields) -> Result<Prepared, QueryError> {
        let depth = self.text.chars().filter(|c| matches!(c, '(' | '[' | '{')).count();
        if self.text.chars().count() > MOST_CHARACTERS || depth > MOST_DEPTH {
            return Err(QueryError::TooLarge);
        }
        let (main, highlights) = match (self.text.trim().is_empty(), self.plain) {
            (true, _) => (Box::new(tantivy::query::AllQuery) as Box<dyn TantivyQuery>, Vec::new()),
            (false, true) => plain(&self.text, fields),
            (false, false) => parsed(&self.text, index, fields)?,
        };
        let mut clauses = vec![(Occur::Must, main)];
        let languages: Vec<String> = self
            .languages
            .iter()
            .flat_map(|tag| if tag == "zh" { vec!["zh-Hant".to_owned(), "zh-Hans".to_owned()] } else { vec![tag.clone()] })
            .collect();
        let institutions: Vec<String> = self.institutions.iter().map(|name| name.to_lowercase()).collect();
        let filters = [
            (fields.label, &self.labels),
            (fields.document_type, &self.document_types),
            (fields.institution_name, &institutions),
            (fields.period, &self.periods),
            (fields.language, &languages),
            (fields.doc, &self.documents),
        ];
        for (field, wanted) in filters.into_iter().filter(|(_, wanted)| !wanted.is_empty()) {
            let any = wanted.iter().map(|value| (Occur::Should, term_query(field, value))).collect();
            // A filter says which, not how well: it adds nothing to the score.
            let any = tantivy::query::ConstScoreQuery::new(Box::new(BooleanQuery::new(any)), 0.0);
            clauses.push((Occur::Must, Box::new(any)));
        }
        Ok(Prepared { query: Box::new(BooleanQuery::new(clauses)), highlights })
    }
}

fn term_query(field: tantivy::schema::Field, text: &str) -> Box<dyn TantivyQuery> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::WithFreqs))
}

fn parsed(text: &str, index: &Index, fields: &Fields) -> Result<(Box<dyn TantivyQuery>, Vec<Sequence>), QueryError> {
    let fault = |detail: String| QueryError::Syntax { query: text.to_owned(), detail };
    let rewritten = with_prefixes(&half_width(text));
    let mut parser = QueryParser::for_index(index, vec![fields.text, fields.heading]);
    parser.set_conjunction_by_default();
    parser.set_field_boost(fields.heading, 0.5);
    parser.allow_regexes();
    let query = parser.parse_query(&rewritten).map_err(|error| fault(error.to_string()))?;
    let tree = parse_query(&rewritten).map_err(|_| fault("brackets or quotes are not closed".to_owned()))?;
    let mut highlights = Vec::new();
    collect(&tree, &mut highlights);
    Ok((query, highlights))
}

/// Brackets, quotes and colons as a Chinese keyboard gives them, in the form that the query language knows.
fn half_width(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '（' => '(',
            '）' => ')',
            '“' | '”' | '「' | '」' | '『' | '』' | '＂' => '"',
            '：' => ':',
            '\u{3000}' => ' ',
            c => c,
        })
        .collect()
}

/// `word*` outside quotes as the pattern that finds every term with that beginning.
fn with_prefixes(text: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut word = String::new();
    let flush = |out: &mut String, word: &mut String| {
        let bare = word.strip_suffix('*').filter(|stem| stem.chars().count() >= 2 && stem.chars().all(char::is_alphanumeric));
        match bare {
            Some(stem) => out.push_str(&format!("text:/{}.*/", stem.to_lowercase())),
            None => out.push_str(word),
        }
        word.clear();
    };
    for c in text.chars() {
        if c == '"' {
            quoted = !quoted;
        }
        if quoted || c.is_whitespace() || matches!(c, '(' | ')' | '"') {
            flush(&mut out, &mut word);
            out.push(c);
        } else {
            word.push(c);
        }
    }
    flush(&mut out, &mut word);
    out
}

/// The sequences of terms that a query asks for in the text; what it excludes is not highlighted.
fn collect(tree: &UserInputAst, into: &mut Vec<Sequence>) {
    match tree {
        UserInputAst::Clause(clauses) => {
            let wanted = clauses.iter().filter(|(occur, _)| *occur != Some(tantivy_query_grammar::Occur::MustNot));
            wanted.for_each(|(_, clause)| collect(clause, into));
        }
        UserInputAst::Boost(inner, _) => collect(inner, into),
        UserInputAst::Leaf(leaf) => match leaf.as_ref() {
            UserInputLeaf::Literal(literal) if literal.field_name.as_deref().is_none_or(|field| field == "text") => {
                let terms: Vec<String> = terms(&mut phrases(), &literal.phrase).into_iter().map(|(term, _)| term).collect();
                if !terms.is_empty() {
                    into.push(Sequence { terms, prefix: literal.prefix });
                }
            }
            UserInputLeaf::Regex { pattern, .. } => {
                if let Some(stem) = pattern.strip_suffix(".*") {
                    into.push(Sequence { terms: vec![stem.to_owned()], prefix: true });
                }
            }
            _ => {}
        },
    }
}

/// English words that say nothing about what is asked.
const STOP_WORDS: &str = " a about above after again all also am an and any are as at based be because been before being between both but by \
    can could did do does doing during each for from further had has have having he her here how i if in into is it its just like may me more \
    most much my no nor not of on only or other our out over own per please same she should so some such than that the their them then there \
    these they this those through to under until up us using was we were what when where which while who whom why will with would you your \
    answer calculate company explain following give give information question state statement tell ";

/// Chinese words that say nothing about what is asked.
const CHINESE_STOP_WORDS: &str = " 的 了 是 在 和 与 及 或 有 为 对 其 之 于 以 将 被 由 请 问 请问 什么 哪些 哪个 多少 如何 为何 是否 公司 本 该 这 那 吗 呢 ";

/// A plain question: any informative word may match, in the text or above it.
fn plain(text: &str, fields: &Fields) -> (Box<dyn TantivyQuery>, Vec<Sequence>) {
    let informative = |term: &str| {
        let listed = format!(" {term} ");
        !STOP_WORDS.contains(&listed) && !CHINESE_STOP_WORDS.contains(&listed)
    };
    // The stop words are compared before stemming would change them.
    let mut analyzer = words();
    let mut asked: Vec<(String, String)> = Vec::new();
    for (term, span) in terms(&mut analyzer, text) {
        let word = span.of(text).to_lowercase();
        if informative(&word) && informative(&term) && !asked.iter().any(|(known, _)| *known == term) {
            asked.push((term, word));
        }
    }
    if asked.is_empty() {
        asked = terms(&mut analyzer, text).into_iter().map(|(term, span)| (term, span.of(text).to_owned())).collect();
    }
    let boosted = |field, term: &str, boost| Box::new(BoostQuery::new(term_query(field, term), boost)) as Box<dyn TantivyQuery>;
    let mut clauses: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
    for (term, _) in &asked {
        clauses.push((Occur::Should, term_query(fields.words, term)));
        // Headings, titles and names are indexed by characters: they help where a word is one term there too.
        for (field, boost) in [(fields.heading, 0.6), (fields.title, 0.4), (fields.institution, 0.6)] {
            clauses.push((Occur::Should, boosted(field, term, boost)));
        }
        if term.len() == 4 && term.bytes().all(|byte| byte.is_ascii_digit()) {
            clauses.push((Occur::Should, boosted(fields.period, term, 0.6)));
        }
    }
    let highlights = asked
        .into_iter()
        .map(|(_, word)| Sequence {
            terms: terms(&mut phrases(), &word).into_iter().map(|(term, _)| term).collect(),
            prefix: false,
        })
        .filter(|sequence| !sequence.terms.is_empty())
        .collect();
    (Box::new(BooleanQuery::new(clauses)), highlights)
}
