//! Hits that say nearly the same as a better one: boilerplate that a group's reports share, the same paragraph year after year.

use super::Hit;
use crate::language::shingles::Shingles;

/// The share of neighbouring words from which two passages say the same.
const SAME: f32 = 0.8;

/// The hits with those that say nearly the same as a better one put under it. The order stays.
pub(super) fn grouped(ranked: Vec<Hit>) -> Vec<Hit> {
    let mut groups: Vec<(Shingles, Hit)> = Vec::new();
    for hit in ranked {
        let shingles = Shingles::of(&hit.passage.text);
        match groups.iter_mut().find(|(known, _)| known.overlap(&shingles) >= SAME) {
            Some((_, first)) => first.similar.push(hit.place()),
            None => groups.push((shingles, hit)),
        }
    }
    groups.into_iter().map(|(_, hit)| hit).collect()
}
