//! Passages by meaning: every stored vector is compared, and the ranks are fused with those by words.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use tantivy::collector::DocSetCollector;
use tantivy::{DocAddress, Searcher};

use super::IndexError;
use super::query::Clause;

/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const FUSION: f32 = 60.0;

/// The stored form of a vector: its scale, then its values.
pub(super) fn to_bytes(scale: f32, values: &[i8]) -> Vec<u8> {
    scale.to_le_bytes().into_iter().chain(values.iter().map(|value| value.to_le_bytes()[0])).collect()
}

/// The nearest `count` of the passages that pass the filters, best first; equal ones in the order of the index. Exact: each
/// segment's vectors are read once, in the order in which they lie.
pub(super) fn nearest(
    searcher: &Searcher,
    filters: &Clause,
    wanted: &[f32],
    count: usize,
) -> Result<Vec<DocAddress>, IndexError> {
    let mut passing: Vec<DocAddress> = searcher.search(&**filters, &DocSetCollector)?.into_iter().collect();
    passing.sort_unstable();
    let mut best: BinaryHeap<Reverse<(Similarity, Reverse<DocAddress>)>> = BinaryHeap::new();
    for (segment, reader) in (0_u32..).zip(searcher.segment_readers()) {
        let Some(column) = reader.fast_fields().bytes("vector")? else { continue };
        let mut similarities = Vec::with_capacity(column.num_terms());
        let mut vectors = column.dictionary().stream().map_err(read_error)?;
        while vectors.advance() {
            similarities.push(similarity(vectors.key(), wanted));
        }
        let of_segment = passing.iter().filter(|address| address.segment_ord == segment);
        for address in of_segment {
            let Some(ordinal) = column.term_ords(address.doc_id).next() else { continue };
            let Some(Some(similarity)) = similarities.get(ordinal as usize) else { continue };
            best.push(Reverse((Similarity(*similarity), Reverse(*address))));
            if best.len() > count {
                best.pop();
            }
        }
    }
    Ok(best.into_sorted_vec().into_iter().map(|Reverse((_, Reverse(address)))| address).collect())
}

/// Ranks fused: who is high in either list is high, who is in both is higher. Best first.
pub(super) fn fuse<T: Copy + Eq + std::hash::Hash + Ord>(lists: &[Vec<T>]) -> Vec<(f32, T)> {
    let mut scores: HashMap<T, f32> = HashMap::new();
    for list in lists {
        for (rank, item) in list.iter().enumerate() {
            *scores.entry(*item).or_default() += 1.0 / (FUSION + rank as f32 + 1.0);
        }
    }
    let mut fused: Vec<(f32, T)> = scores.into_iter().map(|(item, score)| (score, item)).collect();
    fused.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    fused
}

/// The scalar product of a stored vector with another; none where their widths differ.
fn similarity(stored: &[u8], wanted: &[f32]) -> Option<f32> {
    let (scale, values) = stored.split_first_chunk::<4>()?;
    if values.len() != wanted.len() {
        return None;
    }
    let sum: f32 = values.iter().zip(wanted).map(|(value, wanted)| f32::from(i8::from_le_bytes([*value])) * wanted).sum();
    Some(sum * f32::from_le_bytes(*scale))
}

fn read_error(error: std::io::Error) -> IndexError {
    IndexError::Tantivy(tantivy::TantivyError::from(error))
}

/// A similarity that can be ordered.
#[derive(PartialEq)]
struct Similarity(f32);

impl Eq for Similarity {}

impl PartialOrd for Similarity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Similarity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stored_vectors_are_compared_by_their_scale() {
        let stored = to_bytes(0.01, &[100, -50, 0]);
        assert!((similarity(&stored, &[1.0, 1.0, 5.0]).unwrap() - 0.5).abs() < 1e-6);
        assert_eq!(similarity(&stored, &[1.0]), None);
        assert_eq!(similarity(&[1, 2], &[1.0]), None);
    }

    #[test]
    fn who_is_in_both_lists_comes_first() {
        let fused: Vec<i32> = fuse(&[vec![1, 2, 3], vec![3, 4]]).into_iter().map(|(_, item)| item).collect();
        assert_eq!(fused, [3, 1, 2, 4]);
    }
}
