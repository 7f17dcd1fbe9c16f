//! What people ask for, and what that means to Tantivy.
//!
//! A query is either in the query language ([`language`]) or a plain question ([`question`]); filters narrow both. Neither ever
//! comes from the text of a document.

mod language;
mod leaves;
mod period;
mod question;

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, Occur, Query as TantivyQuery, RangeQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use super::highlight::Pattern;
use super::indexed::HIDDEN;
use super::schema::{Fields, PAGE, PASSAGE};
pub(super) use period::days;
pub(super) use question::Question;

/// A part of a query that Tantivy runs.
pub(super) type Clause = Box<dyn TantivyQuery>;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The query in the query language, or a question; everything where empty.
    pub text: String,
    /// Read `text` as a plain question: any of its words may match, the rarer the better.
    pub plain: bool,
    /// What hits must be, whatever the text says.
    pub filters: Filters,
    /// The embedding of the question by the model that made the passages' ([`super::IndexedPassage::vector`]), at unit length. With
    /// it, the ranks by words and by meaning are fused.
    pub vector: Option<Vec<f32>>,
    /// Show passages that say nearly the same as one hit ([`super::Hit::similar`]).
    pub group_similar: bool,
    /// Hits wanted.
    pub limit: usize,
    /// Hits to pass over.
    pub offset: usize,
}

/// Filters as arguments. Each list means any of its values; an empty one means all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// Ids of labels.
    pub labels: Vec<String>,
    /// The least score of one of `labels`; of any label where there are none.
    pub least_score: Option<f32>,
    /// Check results of summary sentences that rest on the passage.
    pub verdicts: Vec<String>,
    /// Types of document.
    pub document_types: Vec<String>,
    /// Institutions: words of their names, in order.
    pub institutions: Vec<String>,
    /// Periods; a year holds its quarters and days.
    pub periods: Vec<String>,
    /// BCP 47 tags of languages; `zh` means both scripts.
    pub languages: Vec<String>,
    /// Stems of documents, or 8 or more digits of their SHA-256.
    pub documents: Vec<String>,
    /// File pages, from 1.
    pub pages: Vec<u32>,
}

/// Why a query cannot be run. Positions count characters of the query from 0; messages count them from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It does not follow the query language.
    #[error("cannot read the query at character {}: {detail}", at + 1)]
    Syntax {
        /// Where reading stopped.
        at: usize,
        /// What is wrong.
        detail: String,
    },
    /// There is no such field.
    #[error("there is no field {field:?} (character {}); the fields are {}; quote a word that holds a colon", at + 1, leaves::FIELDS.join(", "))]
    UnknownField {
        /// Where it stands.
        at: usize,
        /// What was written.
        field: String,
    },
    /// A field does not take that value.
    #[error("{field}: does not take {value:?} (character {}): {detail}", at + 1)]
    Value {
        /// Where it stands.
        at: usize,
        /// The field.
        field: String,
        /// What was written.
        value: String,
        /// What it takes.
        detail: &'static str,
    },
    /// It is longer, deeper or has more parts than a person would write.
    #[error("the query is too large (character {}): at most {limit} {what}", at + 1)]
    TooLarge {
        /// Where the limit was passed.
        at: usize,
        /// Of what there is too much.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl QueryError {
    /// Where in the query it went wrong, in characters from 0.
    pub fn position(&self) -> usize {
        match self {
            Self::Syntax { at, .. } | Self::UnknownField { at, .. } | Self::Value { at, .. } | Self::TooLarge { at, .. } => *at,
        }
    }
}

/// A query ready to run.
pub(super) struct Prepared {
    /// Matches rows of passages.
    pub(super) query: Clause,
    /// The same without ranking: which passages pass the filters.
    pub(super) filters: Clause,
    /// What to highlight.
    pub(super) patterns: Vec<Pattern>,
}

impl Query {
    /// The query over passages.
    pub(super) fn passages(&self, fields: &Fields) -> Result<Prepared, QueryError> {
        let (main, patterns) = match (self.text.trim().is_empty(), self.plain) {
            (true, _) => (Box::new(AllQuery) as Clause, Vec::new()),
            (false, true) => {
                let question = Question::read(&self.text)?;
                (question.passages(fields), question.patterns())
            }
            (false, false) => language::compile(&self.text, fields)?,
        };
        let filters = self.filters.clauses(fields, PASSAGE, self.plain)?;
        let query = Box::new(BooleanQuery::new(with_filters(Some(main), &filters)));
        Ok(Prepared { query, filters: Box::new(BooleanQuery::new(with_filters(None, &filters))), patterns })
    }

    /// The question over pages, with what it asks for.
    pub(super) fn pages(&self, fields: &Fields) -> Result<(Clause, Question), QueryError> {
        let question = Question::read(&self.text)?;
        let filters = self.filters.clauses(fields, PAGE, true)?;
        let query = BooleanQuery::new(with_filters(Some(question.pages(fields)), &filters));
        Ok((Box::new(query), question))
    }
}

/// A clause that ranks, and filters that say which rows, not how well: they add nothing to the score.
fn with_filters(main: Option<Clause>, filters: &[Clause]) -> Vec<(Occur, Clause)> {
    let filters = filters.iter().map(|filter| unscored(filter.box_clone()));
    main.into_iter().chain(filters).map(|clause| (Occur::Must, clause)).collect()
}

impl Filters {
    fn clauses(&self, fields: &Fields, row: &str, seen_only: bool) -> Result<Vec<Clause>, QueryError> {
        let mut clauses = vec![term(fields.row, row)];
        if seen_only && row == PASSAGE {
            // Text that nobody sees must not decide what answers a question.
            let hidden = vec![(Occur::Must, Box::new(AllQuery) as Clause), (Occur::MustNot, term(fields.kind, HIDDEN))];
            clauses.push(Box::new(BooleanQuery::new(hidden)));
        }
        let mut add = |name: &'static str, values: &[String]| -> Result<(), QueryError> {
            if !values.is_empty() {
                let values: Result<Vec<Clause>, QueryError> =
                    values.iter().map(|value| leaves::filter(fields, name, value, 0)).collect();
                clauses.push(any(values?));
            }
            Ok(())
        };
        if self.least_score.is_none() {
            add("label", &self.labels)?;
        }
        add("verdict", &self.verdicts)?;
        add("type", &self.document_types)?;
        add("institution", &self.institutions)?;
        add("period", &self.periods)?;
        add("lang", &self.languages)?;
        add("doc", &self.documents)?;
        add("page", &self.pages.iter().map(u32::to_string).collect::<Vec<_>>())?;
        if let Some(least) = self.least_score {
            if !(0.0..=1.0).contains(&least) {
                let (field, value) = ("score".to_owned(), least.to_string());
                return Err(QueryError::Value { at: 0, field, value, detail: "a number from 0 to 1" });
            }
            let any_label = [String::new()];
            let labels = if self.labels.is_empty() { &any_label[..] } else { &self.labels };
            let range = |label: &String| scores(fields, label, Bound::Included(f64::from(least)), Bound::Unbounded);
            clauses.push(any(labels.iter().map(range).collect()));
        }
        Ok(clauses)
    }
}

fn term(field: Field, text: &str) -> Clause {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::WithFreqs))
}

/// Any of the clauses.
fn any(clauses: Vec<Clause>) -> Clause {
    Box::new(BooleanQuery::union(clauses))
}

fn unscored(clause: Clause) -> Clause {
    Box::new(ConstScoreQuery::new(clause, 0.0))
}

/// The term of a label's score: as many digits for each, so that terms sort as scores do. An empty label stands for any.
pub(super) fn score_term(label: &str, score: f64) -> String {
    format!("{label} {:.4}", score.clamp(0.0, 1.0))
}

/// Passages with a label whose score lies between the bounds; an empty label stands for any.
fn scores(fields: &Fields, label: &str, lower: Bound<f64>, upper: Bound<f64>) -> Clause {
    let bound = |bound: Bound<f64>, open: f64| match bound {
        Bound::Included(score) => Bound::Included(Term::from_field_text(fields.score, &score_term(label, score))),
        Bound::Excluded(score) => Bound::Excluded(Term::from_field_text(fields.score, &score_term(label, score))),
        Bound::Unbounded => Bound::Included(Term::from_field_text(fields.score, &score_term(label, open))),
    };
    Box::new(RangeQuery::new(bound(lower, 0.0), bound(upper, 1.0)))
}
