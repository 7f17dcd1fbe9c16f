//! How much of one text another shares: sets of neighbouring words, of neighbouring characters in Chinese.

use std::collections::BTreeSet;

use super::normalise::fold;
use super::script::is_han;

/// The pairs of neighbouring words (Han characters each count as a word) of a folded text, as hashes that are stable over builds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shingles(BTreeSet<u64>);

impl Shingles {
    /// The shingles of a text; of one with a single word, that word.
    pub fn of(text: &str) -> Self {
        let folded = fold(text);
        let words = words(&folded);
        if let [only] = words.as_slice() {
            return Self([hash(only, "")].into());
        }
        Self(words.windows(2).map(|pair| hash(pair[0], pair[1])).collect())
    }

    /// The share of the smaller set that the other has too: 1 where one text contains the other.
    pub fn containment(&self, other: &Self) -> f32 {
        self.shared(other) / self.0.len().min(other.0.len()).max(1) as f32
    }

    /// The share of the larger set that the other has too: 1 where the texts are the same.
    pub fn overlap(&self, other: &Self) -> f32 {
        self.shared(other) / self.0.len().max(other.0.len()).max(1) as f32
    }

    fn shared(&self, other: &Self) -> f32 {
        self.0.intersection(&other.0).count() as f32
    }
}

fn words(folded: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start: Option<usize> = None;
    for (at, c) in folded.char_indices() {
        if c.is_alphanumeric() && !is_han(c) {
            start.get_or_insert(at);
            continue;
        }
        words.extend(start.take().map(|start| &folded[start..at]));
        if is_han(c) {
            words.push(&folded[at..at + c.len_utf8()]);
        }
    }
    words.extend(start.map(|start| &folded[start..]));
    words
}

/// FNV-1a: unlike the standard hasher it is the same in every build.
fn hash(a: &str, b: &str) -> u64 {
    let bytes = a.bytes().chain([0]).chain(b.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_share_all_and_other_words_nothing() {
        let a = Shingles::of("The bank depends on ONE cloud provider.");
        assert!((a.overlap(&Shingles::of("the bank depends on one cloud provider")) - 1.0).abs() < f32::EPSILON);
        assert!(a.overlap(&Shingles::of("Loans went bad.")) < f32::EPSILON);
        assert!(a.overlap(&Shingles::of("")) < f32::EPSILON);
    }

    #[test]
    fn chinese_is_compared_by_characters() {
        let a = Shingles::of("核心系統委由單一雲端業者代管");
        assert!(a.containment(&Shingles::of("委由單一雲端業者")) > 0.99);
        assert!(a.overlap(&Shingles::of("核心系統委由兩家雲端業者代管")) > 0.5);
    }
}
