//! Right-to-left script: glyphs are painted where they are seen, text is kept in the order in which it is read.

use super::Word;

/// Words from left to right as seen -> words as read. Lines without right-to-left letters are returned as they are.
pub(super) fn visual_to_logical(mut words: Vec<Word>) -> Vec<Word> {
    if !words.iter().any(|word| word.text.contains(is_right_to_left)) {
        return words;
    }
    let (right, left) = words.iter().flat_map(|word| word.text.chars()).fold((0, 0), |(right, left), c| {
        (right + usize::from(is_right_to_left(c)), left + usize::from(c.is_alphabetic() && !is_right_to_left(c)))
    });
    for word in words.iter_mut().filter(|word| word.text.contains(is_right_to_left)) {
        reverse(word);
    }
    if right >= left {
        // The whole line runs from right to left; runs of left-to-right words within it keep their order.
        reverse_runs(&mut words, |_| true);
        reverse_runs(&mut words, |word| !word.text.contains(is_right_to_left) && word.text.contains(char::is_alphanumeric));
    } else {
        reverse_runs(&mut words, |word| word.text.contains(is_right_to_left));
    }
    words
}

fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
        && !matches!(c, '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}')
}

/// Turns the characters of a word, marks staying with their letters and numbers keeping their order.
fn reverse(word: &mut Word) {
    let mut clusters: Vec<String> = Vec::new();
    for c in word.text.chars() {
        let joins = matches!(c, '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}')
            || (c.is_numeric() && clusters.last().is_some_and(|last| last.ends_with(char::is_numeric)));
        match clusters.last_mut() {
            Some(last) if joins => last.push(c),
            _ => clusters.push(c.into()),
        }
    }
    word.text = clusters.iter().rev().flat_map(|cluster| cluster.chars()).map(mirrored).collect();
}

fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '«' => '»',
        '»' => '«',
        _ => c,
    }
}

fn reverse_runs(words: &mut [Word], belongs: impl Fn(&Word) -> bool) {
    let mut start = 0;
    while start < words.len() {
        let length = words[start..].iter().take_while(|word| belongs(word)).count();
        let run = &mut words[start..start + length];
        if length > 1 {
            let spaces: Vec<bool> = run.iter().map(|word| word.space_before).collect();
            run.reverse();
            // The space between two words stays between them.
            if let Some((first, rest)) = run.split_first_mut() {
                first.space_before = spaces[0];
                for (word, space) in rest.iter_mut().zip(spaces[1..].iter().rev()) {
                    word.space_before = *space;
                }
            }
        }
        start += length.max(1);
    }
}
