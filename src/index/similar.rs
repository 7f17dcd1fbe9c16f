//! Hits that say nearly the same as a better one: boilerplate that a group's reports share, the same paragraph year after year.

use super::Hit;
use crate::language::shingles::Shingles;

/// The share of neighbouring words from which two passages say the same.
const SAME: f32 = 0.8;

/// The first `most` groups of hits that say nearly the same, each under its best. The order stays.
pub(super) fn grouped(ranked: Vec<Hit>, most: usize) -> Vec<Hit> {
    let mut groups: Vec<(Shingles, Hit)> = Vec::new();
    for hit in ranked {
        let shingles = Shingles::of(&hit.passage.text);
        match groups.iter().position(|(known, _)| known.overlap(&shingles) >= SAME) {
            Some(place) => groups[place].1.similar.push(hit.place()),
            // What says something new comes after the groups that are wanted.
            None if groups.len() >= most => {}
            None => groups.push((shingles, hit)),
        }
    }
    groups.into_iter().map(|(_, hit)| hit).collect()
}
