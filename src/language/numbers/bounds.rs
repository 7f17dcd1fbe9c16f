//! Words that bound a number: at least, at most, about.

use super::{Bound, is_word};

const BOUNDS_BEFORE: &[(&str, Bound)] = &[
    ("no less than", Bound::AtLeast),
    ("not less than", Bound::AtLeast),
    ("no more than", Bound::AtMost),
    ("not more than", Bound::AtMost),
    ("more than", Bound::AtLeast),
    ("at least", Bound::AtLeast),
    ("in excess of", Bound::AtLeast),
    ("over", Bound::AtLeast),
    ("above", Bound::AtLeast),
    ("exceeding", Bound::AtLeast),
    ("exceeded", Bound::AtLeast),
    ("exceeds", Bound::AtLeast),
    ("less than", Bound::AtMost),
    ("fewer than", Bound::AtMost),
    ("at most", Bound::AtMost),
    ("under", Bound::AtMost),
    ("below", Bound::AtMost),
    ("up to", Bound::AtMost),
    ("about", Bound::About),
    ("approximately", Bound::About),
    ("approx.", Bound::About),
    ("around", Bound::About),
    ("roughly", Bound::About),
    ("nearly", Bound::About),
    ("almost", Bound::About),
    ("some", Bound::About),
    ("大約", Bound::About),
    ("約", Bound::About),
    ("约", Bound::About),
    ("將近", Bound::About),
    ("近", Bound::About),
    ("逾", Bound::AtLeast),
    ("超過", Bound::AtLeast),
    ("超过", Bound::AtLeast),
    ("超", Bound::AtLeast),
    ("至少", Bound::AtLeast),
    ("高於", Bound::AtLeast),
    ("不到", Bound::AtMost),
    ("未達", Bound::AtMost),
    ("低於", Bound::AtMost),
    ("不足", Bound::AtMost),
    ("至多", Bound::AtMost),
    ("最多", Bound::AtMost),
];

const BOUNDS_AFTER: &[(&str, Bound)] = &[
    ("or more", Bound::AtLeast),
    ("or less", Bound::AtMost),
    ("以上", Bound::AtLeast),
    ("以下", Bound::AtMost),
    ("以內", Bound::AtMost),
    ("左右", Bound::About),
    ("餘", Bound::AtLeast),
    ("多", Bound::AtLeast),
];

/// Whether the words around bound the number.
pub(super) fn bound(lower: &str, start: usize, end: usize) -> Bound {
    let before = lower[..start].trim_end_matches([' ', '\u{A0}']);
    let is_whole = |rest: &str, word: &str| !word.is_ascii() || !rest.chars().next_back().is_some_and(is_word);
    if let Some((_, bound)) =
        BOUNDS_BEFORE.iter().find(|(word, _)| before.strip_suffix(word).is_some_and(|rest| is_whole(rest, word)))
    {
        return *bound;
    }
    let after = lower[end..].trim_start_matches([' ', '\u{A0}']);
    BOUNDS_AFTER.iter().find(|(word, _)| after.starts_with(word)).map_or(Bound::Exactly, |(_, bound)| *bound)
}
