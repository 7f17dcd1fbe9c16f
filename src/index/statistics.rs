//! What BM25 counts: rows of one kind. Counting passages and pages together would make both averages wrong.

use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

/// The rows of one kind as all there are.
pub(super) struct Rows<'a> {
    searcher: &'a Searcher,
    count: u64,
}

impl<'a> Rows<'a> {
    /// The rows that have the term `kind`.
    pub(super) fn new(searcher: &'a Searcher, kind: Term) -> tantivy::Result<Self> {
        // BM25 divides by it.
        let count = Bm25StatisticsProvider::doc_freq(searcher, &kind)?.max(1);
        Ok(Self { searcher, count })
    }
}

impl Bm25StatisticsProvider for Rows<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.searcher.total_num_tokens(field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.count)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        // Fields that rows of both kinds have count more rows than there are of one: BM25 must not see that.
        Ok(Bm25StatisticsProvider::doc_freq(self.searcher, term)?.min(self.count))
    }
}
