//! Plain questions: any informative word may match; rarer words, words side by side, headings and the right document count more.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use tantivy::Term;
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, PhraseQuery};
use tantivy::schema::Field;

use super::{Clause, QueryError, any, leaves, term};
use crate::index::highlight::Pattern;
use crate::index::schema::Fields;
use crate::index::tokenizer::search_words;

/// Characters of a question.
const MOST_CHARACTERS: usize = 20_000;
/// Words that a question is searched by.
const MOST_WORDS: usize = 64;
/// What a word in a heading counts, of a word in the text.
const HEADING: f32 = 1.0;
/// What two neighbouring words of the question count when they are neighbours in the text too, of a word.
const PAIR: f32 = 0.6;
/// What a word of the institution's name, of the title or of the file name counts, of a word in the text: a question that names an
/// institution is about its documents.
const NAME: f32 = 2.0;
/// What a document of a year in the question is worth, in the units of BM25: about as much as a rare word.
const YEAR: f32 = 4.0;

/// English words that say nothing about what is asked: articles, pronouns, auxiliaries, prepositions, and the words by which
/// people ask for an answer in a certain form.
const STOP_WORDS: &str = " a about above after again all also am an and any are as at based be because been before being between both but by \
    can could did do does doing during each for from further had has have having he her here how i if in into is it its just like may me more \
    most much my no nor not of on only or other our out over own per please same she should so some such than that the their them then there \
    these they this those through to under until up us using was we were what when where which while who whom why will with would you your \
    according answer assume base basing calculate company compute decimal define defined describe detail details explain following give given \
    help identify information list place places provide question respond response round show shown state statement tell unit units ";

/// Chinese words that say nothing about what is asked.
const CHINESE_STOP_WORDS: &str = " 的 了 是 在 和 与 及 或 有 为 对 其 之 于 以 将 被 由 请 问 请问 什么 哪些 哪个 多少 如何 为何 是否 公司 本 该 这 那 吗 呢 说明 \
    列出 依据 根据 请依 何 年度 ";

/// A question, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::index) struct Question {
    words: Vec<Asked>,
    /// Terms of words that stand side by side.
    pairs: Vec<(String, String)>,
    /// Years that it names.
    years: BTreeSet<u64>,
}

/// A word of a question.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    term: String,
    /// As it stands in the question.
    text: String,
    han: bool,
}

impl Question {
    /// The informative words of a question; all its words where none is informative.
    pub(super) fn read(text: &str) -> Result<Self, QueryError> {
        if text.chars().count() > MOST_CHARACTERS {
            return Err(QueryError::TooLarge { at: MOST_CHARACTERS, what: "characters", limit: MOST_CHARACTERS });
        }
        let text = spelt_out(text);
        let mut question = Self { years: years(&text), ..Self::default() };
        question.collect(&text, is_informative);
        if question.words.is_empty() {
            question.collect(&text, |_| true);
        }
        Ok(question)
    }

    fn collect(&mut self, text: &str, wanted: impl Fn(&str) -> bool) {
        let mut before: Option<(String, u32)> = None;
        for word in search_words(text) {
            let han = word.is_han();
            if !wanted(&word.form) || (!han && word.form.len() < 2 && !word.form.starts_with(|c: char| c.is_ascii_digit())) {
                before = None;
                continue;
            }
            if let Some((first, end)) = before.take()
                && !han
                && text.get(end as usize..word.span.start as usize).is_some_and(|gap| gap.trim().is_empty() || gap == "-")
            {
                let pair = (first, word.term.clone());
                if !self.pairs.contains(&pair) {
                    self.pairs.push(pair);
                }
            }
            before = (!han).then(|| (word.term.clone(), word.span.end));
            if self.words.len() < MOST_WORDS && !self.words.iter().any(|asked| asked.term == word.term) {
                self.words.push(Asked { term: word.term, text: word.span.of(text).to_owned(), han });
            }
        }
        self.pairs.truncate(MOST_WORDS);
    }

    /// What to highlight.
    pub(in crate::index) fn patterns(&self) -> Vec<Pattern> {
        self.words.iter().map(|word| Pattern::phrase(&word.text, 0, false)).collect()
    }

    /// The question over rows of passages.
    pub(in crate::index) fn passages(&self, fields: &Fields) -> Clause {
        let mut clauses: Vec<Clause> = Vec::new();
        for word in &self.words {
            clauses.push(leaves::phrase(fields.text, &word.text, 0));
            clauses.push(boosted(leaves::phrase(fields.heading, &word.text, 0), HEADING));
        }
        for pair in &self.pairs {
            clauses.push(boosted(side_by_side(fields.text, pair), PAIR));
        }
        let names = |text: &str| {
            let fields = [fields.institution, fields.title];
            let names = fields.map(|field| boosted(leaves::phrase(field, text, 0), NAME));
            Box::new(DisjunctionMaxQuery::new(names.into())) as Clause
        };
        let names = self.words.iter().map(|word| names(&word.text)).collect();
        self.within_its_documents(any(clauses), names, fields)
    }

    /// The question over rows of pages.
    pub(super) fn pages(&self, fields: &Fields) -> Clause {
        let mut clauses: Vec<Clause> = Vec::new();
        for word in &self.words {
            clauses.push(term(fields.page_text, &word.term));
            clauses.push(boosted(term(fields.page_heading, &word.term), HEADING));
        }
        for pair in &self.pairs {
            clauses.push(boosted(side_by_side(fields.page_text, pair), PAIR));
            clauses.push(boosted(side_by_side(fields.page_heading, pair), PAIR));
        }
        let names = self.words.iter().map(|word| boosted(term(fields.page_names, &word.term), NAME)).collect();
        self.within_its_documents(any(clauses), names, fields)
    }

    /// Rows that match, those of the institutions and years that the question names first.
    fn within_its_documents(&self, rows: Clause, names: Vec<Clause>, fields: &Fields) -> Clause {
        let mut clauses = vec![(Occur::Must, rows)];
        clauses.extend(names.into_iter().map(|name| (Occur::Should, name)));
        for year in &self.years {
            let (first, last) = (year * 10_000, year * 10_000 + 9_999);
            let first = std::ops::Bound::Included(first);
            let of_year = leaves::within(fields, first, std::ops::Bound::Included(last));
            clauses.push((Occur::Should, Box::new(ConstScoreQuery::new(of_year, YEAR))));
        }
        Box::new(BooleanQuery::new(clauses))
    }
}

fn is_informative(form: &str) -> bool {
    let listed = format!(" {form} ");
    !STOP_WORDS.contains(&listed) && !CHINESE_STOP_WORDS.contains(&listed)
}

fn boosted(clause: Clause, boost: f32) -> Clause {
    Box::new(BoostQuery::new(clause, boost))
}

fn side_by_side(field: Field, (first, second): &(String, String)) -> Clause {
    Box::new(PhraseQuery::new(vec![Term::from_field_text(field, first), Term::from_field_text(field, second)]))
}

/// Shorthand for fiscal periods in words that stand in reports: FY2018 and FY18 as 2018, Q22023 and 2Q23 as Q2 2023.
fn spelt_out(text: &str) -> String {
    static SHORTHAND: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let pattern = r"(?i)\b(?:fy ?(?<fy>(?:19|20)?\d\d)(?:q(?<fq>[1-4]))?|(?<yq>(?:19|20)\d\d)q(?<yqq>[1-4])|q(?<q>[1-4]) ?(?<qy>(?:19|20)\d\d)|(?<nq>[1-4])q(?<nqy>(?:19|20)?\d\d))\b";
        Regex::new(pattern).ok()
    });
    let Some(shorthand) = SHORTHAND.as_ref() else { return text.to_owned() };
    let spell = |found: &regex::Captures<'_>| {
        let of = |names: &[&str]| names.iter().find_map(|name| found.name(name)).map(|group| group.as_str().to_owned());
        let year = of(&["fy", "yq", "qy", "nqy"]).unwrap_or_default();
        let year = if year.len() == 2 { format!("20{year}") } else { year };
        of(&["fq", "yqq", "q", "nq"]).map_or(year.clone(), |quarter| format!("Q{quarter} {year}"))
    };
    shorthand.replace_all(text, spell).into_owned()
}

/// The years that a question names, those of the Republic of China calendar (民國113年) too.
fn years(text: &str) -> BTreeSet<u64> {
    static YEARS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?:民[國国]\s?)(\d{2,3})|\b((?:19|20)\d\d)(?:\b|年)|(\d{3})\s?年度?").ok());
    let Some(years) = YEARS.as_ref() else { return BTreeSet::new() };
    let number = |found: regex::Captures<'_>| {
        let group = |nth: usize| found.get(nth).and_then(|group| group.as_str().parse::<u64>().ok());
        group(2).or_else(|| group(1).or_else(|| group(3)).filter(|year| (1..200).contains(year)).map(|year| year + 1911))
    };
    years.captures_iter(text).filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        Question::read(text).unwrap().words.into_iter().map(|word| word.term).collect()
    }

    #[test]
    fn stop_words_go_unless_there_is_nothing_else() {
        assert_eq!(terms("What is the bank's largest exposure?"), ["bank", "largest", "exposur"]);
        assert_eq!(terms("What is it?"), ["what", "is", "it"]);
        assert_eq!(terms("本行的流動性覆蓋比率是多少？")[..2], ["本行", "流动"]);
        assert!(terms("").is_empty());
    }

    #[test]
    fn fiscal_shorthand_is_spelt_out() {
        for (text, expected) in [
            ("FY2018 sales", "2018 sales"),
            ("FY18", "2018"),
            ("Q22023", "Q2 2023"),
            ("2023Q1", "Q1 2023"),
            ("2Q23", "Q2 2023"),
            ("FY2023Q1", "Q1 2023"),
            ("q2", "q2"),
        ] {
            assert_eq!(spelt_out(text), expected);
        }
    }

    #[test]
    fn years_of_both_calendars() {
        for (text, expected) in [
            ("in 2021 and 2022", vec![2021, 2022]),
            ("民國113年", vec![2024]),
            ("112年度", vec![2023]),
            ("2024年", vec![2024]),
            ("12 years", vec![]),
            ("120345", vec![]),
        ] {
            assert_eq!(years(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn pairs_are_neighbours_of_the_question() {
        let question = Question::read("the effective tax rate, and cash-flow of 2021").unwrap();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(question.pairs, [pair("effect", "tax"), pair("tax", "rate"), pair("cash", "flow")]);
        assert!(matches!(Question::read(&"a".repeat(MOST_CHARACTERS + 1)), Err(QueryError::TooLarge { .. })));
    }
}
