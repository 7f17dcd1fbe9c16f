//! The fields of the query language and the values that they take.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{BooleanQuery, BoostQuery, EmptyQuery, ExistsQuery, Occur, PhraseQuery, RangeQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use super::{Clause, QueryError, any, days, scores, term};
use crate::index::schema::Fields;
use crate::index::tokenizer::phrase_words;
use crate::index::variants::synonyms;

/// The fields that people can name.
pub(super) const FIELDS: [&str; 13] =
    ["text", "heading", "title", "label", "score", "verdict", "type", "institution", "period", "lang", "page", "doc", "kind"];

/// A word in a heading counts for this share of one in the text.
const HEADING: f32 = 0.5;
/// Digits of a SHA-256 that name a document.
const LEAST_DIGITS: usize = 8;

/// The field of a `score.LABEL` name, and its label.
pub(super) fn split_field(name: &str) -> (&str, &str) {
    match name.strip_prefix("score.") {
        Some(label) => ("score", label),
        None => (name, ""),
    }
}

/// Passages with one value of a field.
pub(super) fn filter(fields: &Fields, name: &str, value: &str, at: usize) -> Result<Clause, QueryError> {
    let wrong = |detail| QueryError::Value { at, field: name.to_owned(), value: value.to_owned(), detail };
    let lower = value.trim().to_lowercase();
    Ok(match split_field(name).0 {
        "text" => phrase(fields.text, value, 0),
        "heading" => phrase(fields.heading, value, 0),
        "title" => phrase(fields.title, value, 0),
        "institution" => phrase(fields.institution, value, 0),
        "label" => starting_or_whole(fields.label, &lower),
        "type" => starting_or_whole(fields.document_type, &lower),
        "verdict" if ["supported", "contradicted", "not-found", "not-checkable"].contains(&lower.as_str()) => {
            term(fields.verdict, &lower)
        }
        "verdict" => return Err(wrong("supported, contradicted, not-found or not-checkable")),
        "kind" if ["text", "table", "hidden"].contains(&lower.as_str()) => term(fields.kind, &lower),
        "kind" => return Err(wrong("text, table or hidden")),
        "lang" => any(languages(&lower)
            .ok_or_else(|| wrong("en, zh, zh-Hant, zh-Hans or und"))?
            .iter()
            .map(|tag| term(fields.language, tag))
            .collect()),
        "period" => match days(value) {
            Some((first, last)) => within(fields, Bound::Included(first), Bound::Included(last)),
            None => term(fields.period, value.trim()),
        },
        "page" => match lower.parse() {
            Ok(page) => number(fields.page, page),
            Err(_) => return Err(wrong("a file page from 1, or a range such as [10 TO 20]")),
        },
        "doc" => document(fields, value.trim()),
        "score" => return Err(wrong("a range, such as score:>0.8 or score.credit-risk:[0.7 TO 1]")),
        _ => return Err(QueryError::UnknownField { at, field: name.to_owned() }),
    })
}

/// Passages with a value of a field between bounds.
pub(super) fn range(
    fields: &Fields,
    name: &str,
    lower: Bound<&str>,
    upper: Bound<&str>,
    at: usize,
) -> Result<Clause, QueryError> {
    let wrong = |value: &str, detail| QueryError::Value { at, field: name.to_owned(), value: value.to_owned(), detail };
    let (field, label) = split_field(name);
    Ok(match field {
        "page" => {
            let page = |text: &str| text.parse::<u64>().map_err(|_| wrong(text, "a file page from 1"));
            let term = |page| Term::from_field_u64(fields.page, page);
            let lower = map(lower, page)?;
            // Every page where neither end is given: Tantivy wants one bound.
            let lower = if matches!(lower, Bound::Unbounded) { Bound::Included(0) } else { lower };
            Box::new(RangeQuery::new(lower.map(term), map(upper, page)?.map(term)))
        }
        "score" => {
            let score = |text: &str| {
                let number = text.parse::<f64>().ok().filter(|score| (0.0..=1.0).contains(score));
                number.ok_or_else(|| wrong(text, "a number from 0 to 1"))
            };
            scores(fields, label, map(lower, score)?, map(upper, score)?)
        }
        "period" => {
            let period = |text: &str| days(text).ok_or_else(|| wrong(text, "2022, 2022-H1, 2022-Q3, 2022-05 or 2022-05-20"));
            let first = match map(lower, period)? {
                Bound::Included((first, _)) => Bound::Included(first),
                Bound::Excluded((_, last)) => Bound::Excluded(last),
                Bound::Unbounded => Bound::Included(0),
            };
            let last = match map(upper, period)? {
                Bound::Included((_, last)) => Bound::Included(last),
                Bound::Excluded((first, _)) => Bound::Excluded(first),
                Bound::Unbounded => Bound::Unbounded,
            };
            within(fields, first, last)
        }
        name if FIELDS.contains(&name) => return Err(wrong("…", "single values: ranges are for page, score and period")),
        _ => return Err(QueryError::UnknownField { at, field: name.to_owned() }),
    })
}

/// Passages with any value of a field.
pub(super) fn exists(fields: &Fields, name: &str, at: usize) -> Result<Clause, QueryError> {
    match name {
        "label" | "type" | "period" => Ok(Box::new(ExistsQuery::new(name.to_owned(), false))),
        "institution" => Ok(Box::new(ExistsQuery::new("institution_name".to_owned(), false))),
        "verdict" => Ok(starting_with(fields.verdict, "")),
        _ if FIELDS.contains(&split_field(name).0) => {
            let detail = "a word before the *; alone it is for label, verdict, type, institution and period";
            Err(QueryError::Value { at, field: name.to_owned(), value: "*".to_owned(), detail })
        }
        _ => Err(QueryError::UnknownField { at, field: name.to_owned() }),
    }
}

/// The words of `text` one after another in the passage or in a heading above it, `slop` words between them at most, or
/// another way to say them.
pub(super) fn words(fields: &Fields, text: &str, slop: u32) -> Clause {
    let others = synonyms(text);
    let ways = std::iter::once(text).chain(others.iter().map(String::as_str));
    let clauses = ways.flat_map(|way| {
        let heading = BoostQuery::new(phrase(fields.heading, way, slop), HEADING);
        [phrase(fields.text, way, slop), Box::new(heading) as Clause]
    });
    any(clauses.collect())
}

/// The words of `text` one after another in a field.
pub(super) fn phrase(field: Field, text: &str, slop: u32) -> Clause {
    let terms: Vec<Term> = phrase_words(text).iter().map(|word| Term::from_field_text(field, &word.term)).collect();
    match terms.as_slice() {
        [] => Box::new(EmptyQuery),
        [only] => Box::new(TermQuery::new(only.clone(), IndexRecordOption::WithFreqs)),
        _ => {
            let mut phrase = PhraseQuery::new(terms);
            phrase.set_slop(slop);
            Box::new(phrase)
        }
    }
}

/// Terms of a field with this beginning.
pub(super) fn starting_with(field: Field, beginning: &str) -> Clause {
    let first = Term::from_field_text(field, beginning);
    let last = Term::from_field_text(field, &format!("{beginning}{}", char::MAX));
    Box::new(RangeQuery::new(Bound::Included(first), Bound::Excluded(last)))
}

fn starting_or_whole(field: Field, value: &str) -> Clause {
    match value.strip_suffix('*') {
        Some(beginning) => starting_with(field, beginning),
        None => term(field, value),
    }
}

fn languages(tag: &str) -> Option<&'static [&'static str]> {
    Some(match tag {
        "en" => &["en"],
        "zh" => &["zh-Hant", "zh-Hans"],
        "zh-hant" | "zh-tw" | "zh-hk" => &["zh-Hant"],
        "zh-hans" | "zh-cn" => &["zh-Hans"],
        "und" => &["und"],
        _ => return None,
    })
}

fn number(field: Field, number: u64) -> Clause {
    Box::new(TermQuery::new(Term::from_field_u64(field, number), IndexRecordOption::Basic))
}

/// Documents whose period lies between two days.
pub(super) fn within(fields: &Fields, first: Bound<u64>, last: Bound<u64>) -> Clause {
    let clause = |field: Field, lower: Bound<u64>, upper: Bound<u64>| -> Clause {
        let term = |day| Term::from_field_u64(field, day);
        Box::new(RangeQuery::new(lower.map(term), upper.map(term)))
    };
    let mut clauses = vec![(Occur::Must, clause(fields.period_first, first, Bound::Unbounded))];
    if !matches!(last, Bound::Unbounded) {
        clauses.push((Occur::Must, clause(fields.period_last, Bound::Unbounded, last)));
    }
    Box::new(BooleanQuery::new(clauses))
}

/// A document by its stem, or by the first digits of its digest.
fn document(fields: &Fields, name: &str) -> Clause {
    let stem = starting_or_whole(fields.doc, name);
    if name.len() >= LEAST_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return any(vec![stem, starting_with(fields.document, &name.to_ascii_lowercase())]);
    }
    stem
}

fn map<T>(bound: Bound<&str>, value: impl Fn(&str) -> Result<T, QueryError>) -> Result<Bound<T>, QueryError> {
    Ok(match bound {
        Bound::Included(text) => Bound::Included(value(text)?),
        Bound::Excluded(text) => Bound::Excluded(value(text)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}
