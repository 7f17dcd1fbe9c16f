//! Queries -> hits.

use std::collections::HashMap;

use serde::Serialize;
use tantivy::collector::{Count, TopDocs};
use tantivy::schema::Value;
use tantivy::{IndexReader, TantivyDocument};

use super::query::{Query, QueryError, Sequence};
use super::schema::Fields;
use super::snippet;
use super::writer::Stored;
use super::{Index, IndexError, IndexedPassage};
use crate::digest::Digest;
use crate::language::Span;

/// Searches the last commit of an index.
pub struct Searcher {
    index: tantivy::Index,
    reader: IndexReader,
    fields: Fields,
}

/// The hits of a query.
#[derive(Clone, Debug)]
pub struct Hits {
    /// All passages that match.
    pub total: usize,
    /// The ones asked for, best first.
    pub hits: Vec<Hit>,
}

/// A passage that matches.
#[derive(Clone, Debug, Serialize)]
pub struct Hit {
    /// SHA-256 of the document.
    pub document: Digest,
    /// Its stem.
    pub stem: String,
    /// Its title.
    pub title: Option<String>,
    /// Its type.
    pub document_type: Option<String>,
    /// Its institution.
    pub institution: Option<String>,
    /// Its period.
    pub period: Option<String>,
    /// The passage.
    #[serde(skip)]
    pub passage: IndexedPassage,
    /// The score: BM25, higher is better.
    pub score: f32,
    /// The bytes of the passage's text that the query asked for.
    #[serde(skip)]
    pub matches: Vec<Span>,
    /// The part of the text worth showing.
    #[serde(skip)]
    pub snippet: Span,
}

impl Hit {
    /// The file page of the first match, from 1.
    pub fn page(&self) -> Option<u32> {
        let at = self.matches.first().map_or(0, |span| span.start);
        self.passage.page_at(at).map(|start| start.page)
    }

    /// Its printed label, where it differs.
    pub fn page_label(&self) -> Option<&str> {
        let at = self.matches.first().map_or(0, |span| span.start);
        self.passage.page_at(at).and_then(|start| start.label.as_deref())
    }
}

/// A page with the passages on it that match, taken together.
#[derive(Clone, Debug)]
pub struct PageHit {
    /// The document's stem.
    pub stem: String,
    /// The file page, from 1.
    pub page: u32,
    /// The ordinal of its best passage.
    pub passage: u32,
    /// The score of the page.
    pub score: f32,
}

/// A further passage of a page adds this share of its score: a page about a matter says it more than once.
const FURTHER_PASSAGE: f32 = 0.3;

/// Passages that pages are ranked from.
const PASSAGES_PER_PAGE_QUERY: usize = 120;

impl Searcher {
    pub(super) fn new(index: &Index) -> Result<Self, IndexError> {
        Ok(Self { index: index.inner.clone(), reader: index.inner.reader()?, fields: index.fields })
    }

    /// The passages that match, best first.
    ///
    /// # Errors
    /// A query that cannot be read; what Tantivy says.
    pub fn search(&self, query: &Query) -> Result<Result<Hits, QueryError>, IndexError> {
        let prepared = match query.prepare(&self.index, &self.fields) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        let searcher = self.reader.searcher();
        let top = TopDocs::with_limit(query.limit.max(1)).and_offset(query.offset).order_by_score();
        let (total, top) = searcher.search(&*prepared.query, &(Count, top))?;
        let mut hits = Vec::with_capacity(top.len());
        for (score, address) in top {
            hits.push(self.hit(&searcher.doc(address)?, score, &prepared.highlights)?);
        }
        // Equal scores are told apart by place, so that the same query gives the same page of hits.
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| (a.document, a.passage.ordinal).cmp(&(b.document, b.passage.ordinal)))
        });
        if query.limit == 0 {
            hits.clear();
        }
        Ok(Ok(Hits { total, hits }))
    }

    /// The pages that match, best first: what answers a question is a page.
    pub fn pages(&self, query: &Query) -> Result<Result<Vec<PageHit>, QueryError>, IndexError> {
        let wide = Query { limit: PASSAGES_PER_PAGE_QUERY.max(query.limit), offset: 0, ..query.clone() };
        let hits = match self.search(&wide)? {
            Ok(hits) => hits.hits,
            Err(error) => return Ok(Err(error)),
        };
        let mut pages: HashMap<(Digest, u32), PageHit> = HashMap::new();
        for hit in hits {
            let Some(page) = hit.page() else { continue };
            pages.entry((hit.document, page)).and_modify(|known| known.score += FURTHER_PASSAGE * hit.score).or_insert(PageHit {
                stem: hit.stem,
                page,
                passage: hit.passage.ordinal,
                score: hit.score,
            });
        }
        let mut pages: Vec<PageHit> = pages.into_values().collect();
        pages.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (&a.stem, a.page).cmp(&(&b.stem, b.page))));
        pages.truncate(query.limit);
        Ok(Ok(pages))
    }

    fn hit(&self, row: &TantivyDocument, score: f32, highlights: &[Sequence]) -> Result<Hit, IndexError> {
        let bytes = row.get_first(self.fields.stored).and_then(|value| value.as_bytes()).unwrap_or_default();
        let stored: Stored = postcard::from_bytes(bytes).map_err(|error| IndexError::Corrupt(error.to_string()))?;
        let matches = snippet::matches(&stored.passage.text, highlights);
        let snippet = snippet::window(&stored.passage.text, &matches);
        Ok(Hit {
            document: stored.document,
            stem: stored.stem,
            title: stored.title,
            document_type: stored.document_type,
            institution: stored.institution,
            period: stored.period,
            passage: stored.passage,
            score,
            matches,
            snippet,
        })
    }
}
