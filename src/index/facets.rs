//! How many of the passages that match carry each label, come from each institution, and so on.

use serde::Serialize;
use tantivy::aggregation::AggregationCollector;
use tantivy::aggregation::agg_req::Aggregations;

use super::IndexError;

/// Values counted of each field; more than a page of choices holds.
const MOST_VALUES: u32 = 200;

/// Passages that match, by the values of their fields: most first, equal ones by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facets {
    /// By label.
    pub labels: Vec<Count>,
    /// By type of document.
    pub document_types: Vec<Count>,
    /// By institution.
    pub institutions: Vec<Count>,
    /// By period.
    pub periods: Vec<Count>,
    /// By language.
    pub languages: Vec<Count>,
}

/// A value with the passages that have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The value.
    pub value: String,
    /// Passages.
    pub passages: u64,
}

const FIELDS: [&str; 5] = ["label", "type", "institution_name", "period", "lang"];

/// The collector that counts.
pub(super) fn collector() -> Result<AggregationCollector, IndexError> {
    let request: serde_json::Map<String, serde_json::Value> = FIELDS
        .iter()
        .map(|field| {
            let terms = serde_json::json!({ "terms": { "field": field, "size": MOST_VALUES, "segment_size": 10 * MOST_VALUES } });
            ((*field).to_owned(), terms)
        })
        .collect();
    let request: Aggregations = serde_json::from_value(request.into()).map_err(unexpected)?;
    Ok(AggregationCollector::from_aggs(request, tantivy::aggregation::AggContextParams::default()))
}

/// What it counted.
pub(super) fn facets(results: &impl Serialize) -> Result<Facets, IndexError> {
    let results = serde_json::to_value(results).map_err(unexpected)?;
    let counts = |field: &str| {
        let buckets = results.get(field).and_then(|facet| facet.get("buckets")).and_then(|buckets| buckets.as_array());
        let count = |bucket: &serde_json::Value| {
            let value = bucket.get("key")?.as_str()?.to_owned();
            Some(Count { value, passages: bucket.get("doc_count")?.as_u64()? })
        };
        let mut counts: Vec<Count> = buckets.into_iter().flatten().filter_map(count).collect();
        counts.sort_by(|a, b| b.passages.cmp(&a.passages).then_with(|| a.value.cmp(&b.value)));
        counts
    };
    let [labels, document_types, institutions, periods, languages] = FIELDS.map(counts);
    Ok(Facets { labels, document_types, institutions, periods, languages })
}

fn unexpected(error: serde_json::Error) -> IndexError {
    IndexError::Corrupt(error.to_string())
}
