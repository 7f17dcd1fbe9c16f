//! Queries -> hits.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tantivy::collector::{Count, TopDocs};
use tantivy::query::{BooleanQuery, Occur, TermQuery};
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::{DocAddress, IndexReader, TantivyDocument, Term};

use super::facets::{self, Facets};
use super::highlight::{Pattern, matches};
use super::query::{Clause, Prepared, Query, Question};
use super::schema::{Fields, PAGE, PASSAGE};
use super::statistics::Rows;
use super::writer::{Stored, StoredPage};
use super::{Index, IndexError, IndexedPassage, similar, snippet, vectors};
use crate::digest::Digest;
use crate::language::Span;
use crate::passage::Location;

/// Searches the last commit of an index; commits made meanwhile are seen soon after.
pub struct Searcher {
    reader: IndexReader,
    fields: Fields,
}

/// The hits of a query.
#[derive(Clone, Debug)]
pub struct Hits {
    /// All passages that match.
    pub total: usize,
    /// What they are.
    pub facets: Facets,
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
    /// The score, higher is better: BM25, or fused ranks where the query has a vector.
    pub score: f32,
    /// The bytes of the passage's text that the query asked for.
    #[serde(skip)]
    pub matches: Vec<Span>,
    /// The part of the text worth showing.
    #[serde(skip)]
    pub snippet: Span,
    /// Passages further down that say nearly the same, where the query wants them grouped.
    pub similar: Vec<Place>,
}

/// Where a passage stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// SHA-256 of the document.
    pub document: Digest,
    /// Its stem.
    pub stem: String,
    /// The file page, from 1.
    pub page: Option<u32>,
    /// The ordinal of the passage.
    pub passage: u32,
}

impl Hit {
    /// The file page of the first match that the snippet shows, from 1.
    pub fn page(&self) -> Option<u32> {
        self.passage.page_at(self.shown_from()).map(|start| start.page)
    }

    /// Its printed label, where it differs.
    pub fn page_label(&self) -> Option<&str> {
        self.passage.page_at(self.shown_from()).and_then(|start| start.label.as_deref())
    }

    /// The boxes of the matches by page.
    pub fn locations(&self) -> Vec<Location> {
        let mut locations: Vec<Location> = Vec::new();
        for found in self.matches.iter().flat_map(|span| self.passage.locate(*span)) {
            match locations.iter_mut().find(|location| location.page == found.page) {
                Some(location) => location.boxes.extend(found.boxes),
                None => locations.push(found),
            }
        }
        locations
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { document: self.document, stem: self.stem.clone(), page: self.page(), passage: self.passage.ordinal }
    }

    fn shown_from(&self) -> u32 {
        let shown = self.matches.iter().find(|span| span.start >= self.snippet.start && span.start < self.snippet.end);
        shown.map_or(self.snippet.start, |span| span.start)
    }
}

/// A page that answers a question.
#[derive(Clone, Debug, PartialEq)]
pub struct PageHit {
    /// SHA-256 of the document.
    pub document: Digest,
    /// The document's stem.
    pub stem: String,
    /// The file page, from 1.
    pub page: u32,
    /// Its printed label, where it differs.
    pub label: Option<String>,
    /// The ordinal of its best passage.
    pub passage: u32,
    /// The score of the page, higher is better.
    pub score: f32,
}

/// Passages or pages whose ranks are fused.
const FUSED: usize = 200;
/// Passages that are looked through for near-duplicates.
const MOST_GROUPED: usize = 1_000;
/// Hits that are passed over at most: nobody pages further, and Tantivy keeps them all in memory.
const MOST_HITS: usize = 10_000;

impl Searcher {
    pub(super) fn new(index: &Index) -> Result<Self, IndexError> {
        Ok(Self { reader: index.inner.reader()?, fields: index.fields })
    }

    /// The passages that match, best first.
    ///
    /// # Errors
    /// A query that cannot be read; what Tantivy says.
    pub fn search(&self, query: &Query) -> Result<Hits, IndexError> {
        let prepared = query.passages(&self.fields)?;
        let searcher = self.reader.searcher();
        let (total, counted) = searcher.search(&*prepared.query, &(Count, facets::collector()?))?;
        let facets = facets::facets(&counted)?;
        let (offset, limit) = (query.offset.min(MOST_HITS), query.limit.min(MOST_HITS));
        let hits = match query.group_similar {
            false => self.ranked(&searcher, query, &prepared, offset, limit)?,
            true => {
                let ranked = self.ranked(&searcher, query, &prepared, 0, MOST_GROUPED.max(offset + limit))?;
                similar::grouped(ranked, offset + limit).into_iter().skip(offset).collect()
            }
        };
        Ok(Hits { total, facets, hits })
    }

    /// The pages that answer a question best, best first. Without `plain`, the pages of the passages that match.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn pages(&self, query: &Query) -> Result<Vec<PageHit>, IndexError> {
        if query.plain && !query.text.trim().is_empty() { self.answering(query) } else { self.holding(query) }
    }

    /// The hits from `offset` on.
    fn ranked(
        &self,
        searcher: &tantivy::Searcher,
        query: &Query,
        prepared: &Prepared,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Hit>, IndexError> {
        let statistics = Rows::new(searcher, Term::from_field_text(self.fields.row, PASSAGE))?;
        let top = |offset, limit: usize| {
            let top = TopDocs::with_limit(limit.max(1)).and_offset(offset).order_by_score();
            searcher.search_with_statistics_provider(&*prepared.query, &top, &statistics)
        };
        let ranked = match &query.vector {
            None => top(offset, limit)?,
            Some(vector) => {
                let by_words = top(0, FUSED.max(offset + limit))?.into_iter().map(|(_, address)| address).collect();
                let by_meaning = vectors::nearest(searcher, &prepared.filters, vector, FUSED.max(offset + limit))?;
                vectors::fuse(&[by_words, by_meaning]).into_iter().skip(offset).collect()
            }
        };
        let ranked = ranked.into_iter().take(limit);
        let mut hits = Vec::with_capacity(ranked.len());
        for (score, address) in ranked {
            hits.push(self.hit(searcher, address, score, &prepared.patterns)?);
        }
        // Equal scores are told apart by place, so that the same query gives the same page of hits.
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| (a.document, a.passage.ordinal).cmp(&(b.document, b.passage.ordinal)))
        });
        Ok(hits)
    }

    fn hit(
        &self,
        searcher: &tantivy::Searcher,
        address: DocAddress,
        score: f32,
        patterns: &[Pattern],
    ) -> Result<Hit, IndexError> {
        let Stored { document, stem, title, document_type, institution, period, passage } = self.stored(searcher, address)?;
        let matches = matches(&passage.text, patterns);
        let snippet = snippet::window(&passage.text, &matches);
        Ok(Hit {
            document,
            stem,
            title,
            document_type,
            institution,
            period,
            passage,
            score,
            matches,
            snippet,
            similar: Vec::new(),
        })
    }

    fn stored<T: DeserializeOwned>(&self, searcher: &tantivy::Searcher, address: DocAddress) -> Result<T, IndexError> {
        let row: TantivyDocument = searcher.doc(address)?;
        let bytes = row.get_first(self.fields.stored).and_then(|value| value.as_bytes()).unwrap_or_default();
        postcard::from_bytes(bytes).map_err(|error| IndexError::Corrupt(error.to_string()))
    }

    /// Pages by the words of a plain question, and by meaning where it has a vector.
    fn answering(&self, query: &Query) -> Result<Vec<PageHit>, IndexError> {
        let searcher = self.reader.searcher();
        let (clause, question) = query.pages(&self.fields)?;
        let statistics = Rows::new(&searcher, Term::from_field_text(self.fields.row, PAGE))?;
        let limit = query.limit.min(MOST_HITS);
        let top = TopDocs::with_limit(limit.max(FUSED)).order_by_score();
        let mut pages: HashMap<(Digest, u32), PageHit> = HashMap::new();
        let mut ranks: Vec<(f32, (Digest, u32))> = Vec::new();
        for (score, address) in searcher.search_with_statistics_provider(&*clause, &top, &statistics)? {
            let StoredPage { document, stem, page, label, passages } = self.stored(&searcher, address)?;
            let passage = passages.first().copied().unwrap_or_default();
            pages.insert((document, page), PageHit { document, stem, page, label, passage, score });
            ranks.push((score, (document, page)));
        }
        // Pages found by meaning alone have their best passage already.
        let mut by_meaning: HashMap<(Digest, u32), u32> = HashMap::new();
        if let Some(vector) = &query.vector {
            let by_words = ranks.iter().map(|(_, key)| *key).collect();
            let mut nearest = Vec::new();
            for address in vectors::nearest(&searcher, &query.passages(&self.fields)?.filters, vector, FUSED)? {
                let stored: Stored = self.stored(&searcher, address)?;
                let Some(start) = stored.passage.pages.first() else { continue };
                let key = (stored.document, start.page);
                let passage = stored.passage.ordinal;
                by_meaning.entry(key).or_insert_with(|| {
                    nearest.push(key);
                    passage
                });
                pages.entry(key).or_insert_with(|| PageHit {
                    document: stored.document,
                    stem: stored.stem,
                    page: start.page,
                    label: start.label.clone(),
                    passage,
                    score: 0.0,
                });
            }
            ranks = vectors::fuse(&[by_words, nearest]);
        }
        let mut found: Vec<PageHit> =
            ranks.into_iter().filter_map(|(score, key)| pages.remove(&key).map(|page| PageHit { score, ..page })).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (&a.stem, a.page).cmp(&(&b.stem, b.page))));
        found.truncate(limit);
        for page in &mut found {
            let nearest = by_meaning.get(&(page.document, page.page)).copied();
            let best = self.best_passage(&searcher, page, &question)?;
            page.passage = best.or(nearest).unwrap_or(page.passage);
        }
        Ok(found)
    }

    /// The passage on a page that has most of the question's words.
    fn best_passage(&self, searcher: &tantivy::Searcher, page: &PageHit, question: &Question) -> Result<Option<u32>, IndexError> {
        let exactly = |term| (Occur::Must, Box::new(TermQuery::new(term, IndexRecordOption::Basic)) as Clause);
        let on_page = BooleanQuery::new(vec![
            exactly(Term::from_field_text(self.fields.row, PASSAGE)),
            exactly(Term::from_field_text(self.fields.document, &page.document.to_string())),
            exactly(Term::from_field_u64(self.fields.page, u64::from(page.page))),
            (Occur::Must, question.passages(&self.fields)),
        ]);
        let best = searcher.search(&on_page, &TopDocs::with_limit(1).order_by_score())?;
        let Some((_, address)) = best.first() else { return Ok(None) };
        Ok(Some(self.stored::<Stored>(searcher, *address)?.passage.ordinal))
    }

    /// The pages of the passages that match a query, in their order.
    fn holding(&self, query: &Query) -> Result<Vec<PageHit>, IndexError> {
        let wide = Query { limit: FUSED.max(query.limit), offset: 0, group_similar: false, ..query.clone() };
        let mut pages: Vec<PageHit> = Vec::new();
        for hit in self.search(&wide)?.hits {
            let Some(page) = hit.page() else { continue };
            if pages.iter().all(|known| (known.document, known.page) != (hit.document, page)) {
                let label = hit.page_label().map(str::to_owned);
                pages.push(PageHit {
                    document: hit.document,
                    stem: hit.stem.clone(),
                    page,
                    label,
                    passage: hit.passage.ordinal,
                    score: hit.score,
                });
            }
        }
        pages.truncate(query.limit);
        Ok(pages)
    }
}
