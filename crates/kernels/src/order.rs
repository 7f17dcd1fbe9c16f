//! In which order AVX2 takes the groups of a layer, so that most products can be of bytes.
//!
//! `vpmaddubsw` multiplies bytes and adds two neighbouring products into 16 bits. With levels of 0..=255 that saturates where
//! weights of one sign come to more than 128: 255 * 128 = 32,640 is the last sum that fits. What fits depends on the weights
//! alone, so it is found once for each layer. Groups (four inputs) of eight outputs fall into three classes:
//!
//! - two groups whose weights, lane by lane, together stay within 128 for each sign: their products are added in 16 bits before
//!   they are widened, the fastest way;
//! - one group that stays within 128 by itself;
//! - groups that do not: their levels and weights are widened before they are multiplied.
//!
//! All three give the exact sum. Of the shipped encoder's weights 60 to 95 in a hundred are of the first class, 4 to 28 of the last.

use crate::int8::Chunk;

/// The most that the weights of one sign may come to in a 16-bit lane.
const MOST: u8 = 128;

/// The order for each half of a part: eight outputs.
#[derive(Debug)]
pub(crate) struct Order {
    /// Half by half, every group's number once: those of the first class two by two, then the second class, then the third.
    groups: Vec<u16>,
    /// For each half, how many groups are of the first class, and how many of the first two.
    classes: Vec<[u16; 2]>,
    /// Groups of a half.
    count: usize,
}

impl Order {
    /// The order for parts of `groups` chunks, one part after the other.
    pub(crate) fn new(chunks: &[Chunk], groups: usize) -> Self {
        let halves = chunks.len() / groups * 2;
        let mut order = Self { groups: Vec::with_capacity(halves * groups), classes: Vec::with_capacity(halves), count: groups };
        for part in chunks.chunks_exact(groups) {
            for half in 0..2 {
                order.add(part, half);
            }
        }
        order
    }

    /// No order at all, for the forms that need none.
    pub(crate) const fn none() -> Self {
        Self { groups: Vec::new(), classes: Vec::new(), count: 0 }
    }

    /// The groups of a half: of the first class, the second, the third.
    #[inline(always)]
    pub(crate) fn of(&self, half: usize) -> [&[u16]; 3] {
        let [first, second] = self.classes[half].map(usize::from);
        let groups = &self.groups[half * self.count..][..self.count];
        [&groups[..first], &groups[first..second], &groups[second..]]
    }

    fn add(&mut self, part: &[Chunk], half: usize) {
        let reaches: Vec<Reach> = part.iter().map(|chunk| Reach::of(&chunk.0[32 * half..][..32])).collect();
        let mut fit: Vec<u16> = (0..part.len() as u16).filter(|group| reaches[usize::from(*group)].largest() <= MOST).collect();
        // The hardest first, each with the easiest that it goes with.
        fit.sort_by_key(|group| std::cmp::Reverse(reaches[usize::from(*group)].largest()));
        let mut singles = Vec::new();
        let before = self.groups.len();
        while let Some(hardest) = (!fit.is_empty()).then(|| fit.remove(0)) {
            let reach = &reaches[usize::from(hardest)];
            match fit.iter().rposition(|other| reach.with(&reaches[usize::from(*other)]) <= MOST) {
                Some(at) => self.groups.extend([hardest, fit.remove(at)]),
                None => singles.push(hardest),
            }
        }
        let first = self.groups.len() - before;
        self.groups.extend(&singles);
        self.groups.extend((0..part.len() as u16).filter(|group| reaches[usize::from(*group)].largest() > MOST));
        self.classes.push([first as u16, (first + singles.len()) as u16]);
    }
}

/// What the weights of each sign come to in each of sixteen lanes of two neighbouring weights.
struct Reach([u8; 32]);

impl Reach {
    fn of(weights: &[i8]) -> Self {
        let mut reach = [0u8; 32];
        let (pairs, _) = weights.as_chunks::<2>();
        for (lane, pair) in pairs.iter().enumerate() {
            for weight in pair {
                let sign = if *weight > 0 { 0 } else { 16 };
                let reach = &mut reach[sign + lane];
                *reach = reach.saturating_add(weight.unsigned_abs());
            }
        }
        Self(reach)
    }

    fn largest(&self) -> u8 {
        self.0.iter().copied().fold(0, u8::max)
    }

    /// The largest of both together.
    fn with(&self, other: &Self) -> u8 {
        self.0.iter().zip(&other.0).map(|(a, b)| a.saturating_add(*b)).fold(0, u8::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_one_place_in_a_class_that_it_fits() {
        // 40 groups of all sizes of weights, the last ones too large for anything.
        let weight = |group: usize, at: usize| ((group * 3 + at * 7) % (2 * group + 1)) as i32 - group as i32;
        let chunk = |group: usize| Chunk(std::array::from_fn(|at| weight(group, at) as i8));
        let chunks: Vec<Chunk> = (0..40).map(|group| chunk(group * 3)).chain([Chunk([i8::MIN; 64])]).collect();
        let order = Order::new(&chunks, chunks.len());
        for half in 0..2 {
            let reach = |group: &u16| Reach::of(&chunks[usize::from(*group)].0[32 * half..][..32]);
            let [pairs, singles, wide] = order.of(half);
            assert!(!pairs.is_empty() && !wide.is_empty() && pairs.len().is_multiple_of(2));
            assert!(pairs.as_chunks::<2>().0.iter().all(|[a, b]| reach(a).with(&reach(b)) <= MOST));
            assert!(singles.iter().all(|group| reach(group).largest() <= MOST));
            assert!(wide.iter().all(|group| reach(group).largest() > MOST));
            let mut all = [pairs, singles, wide].concat();
            all.sort_unstable();
            assert_eq!(all, (0..41).collect::<Vec<u16>>());
        }
    }
}
