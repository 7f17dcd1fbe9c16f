//! The text that a model is writing: bytes to characters, and where it is to stop.

use super::session::{Finish, Limits};
use crate::language::sentences::sentences;

/// The text so far.
pub(super) struct Spoken<'a> {
    limits: &'a Limits,
    text: String,
    /// Bytes of a character that is not whole yet.
    pending: Vec<u8>,
    /// How much of the text was told of.
    told: usize,
    ended: bool,
}

impl<'a> Spoken<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, text: String::new(), pending: Vec::new(), told: 0, ended: false }
    }

    /// Takes a token's bytes; says where the text is to end with them.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Option<Finish> {
        let before = self.text.len();
        self.pending.extend_from_slice(bytes);
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(whole) => {
                    self.text.push_str(whole);
                    self.pending.clear();
                    break;
                }
                Err(error) => {
                    let (good, rest) = self.pending.split_at(error.valid_up_to());
                    self.text.push_str(&String::from_utf8_lossy(good));
                    // Bytes that can begin no character are shown as one that is unknown.
                    let Some(bad) = error.error_len() else {
                        self.pending = rest.to_vec();
                        break;
                    };
                    self.text.push(char::REPLACEMENT_CHARACTER);
                    self.pending = rest[bad..].to_vec();
                }
            }
        }
        self.stop(before)
    }

    fn stop(&mut self, before: usize) -> Option<Finish> {
        let longest = self.longest_stop();
        let from = self.text.floor_char_boundary(before.saturating_sub(longest));
        let found = self.limits.stops.iter().filter(|stop| !stop.is_empty());
        let found = found.filter_map(|stop| self.text[from..].find(stop.as_str())).min();
        if let Some(at) = found {
            self.text.truncate(from + at);
            self.ended = true;
            return Some(Finish::Stop);
        }
        let (most, language) = self.limits.sentences?;
        // A sentence has ended where the next one begins: a stop may belong to an abbreviation.
        let spans = sentences(&self.text, language);
        if spans.len() > most {
            let end = if most == 0 { 0 } else { spans[most - 1].end as usize };
            self.text.truncate(end);
            self.ended = true;
            return Some(Finish::Sentences);
        }
        None
    }

    fn longest_stop(&self) -> usize {
        self.limits.stops.iter().map(String::len).max().unwrap_or(0)
    }

    /// No more tokens come: bytes that are left form no character.
    pub(super) fn end(&mut self) {
        if !self.ended && !self.pending.is_empty() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        self.pending.clear();
        self.ended = true;
    }

    /// The text that was not told of yet and will not be taken back.
    pub(super) fn fresh(&mut self) -> &str {
        let sure = if self.ended {
            self.text.len()
        } else if let Some((_, language)) = self.limits.sentences {
            // The last sentence may be one too many.
            sentences(&self.text, language).last().map_or(0, |last| last.start as usize)
        } else {
            self.text.floor_char_boundary(self.text.len().saturating_sub(self.longest_stop().saturating_sub(1)))
        };
        let start = self.told.min(self.text.len());
        self.told = sure.max(start);
        &self.text[start..self.told]
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    /// Each piece with what is told of it, then the rest, and the finish.
    fn hear(limits: &Limits, pieces: &[&[u8]]) -> (Vec<String>, String, Option<Finish>) {
        let mut spoken = Spoken::new(limits);
        let mut told = Vec::new();
        for piece in pieces {
            let finish = spoken.hear(piece);
            if finish.is_some() {
                spoken.end();
                told.push(spoken.fresh().to_owned());
                return (told, spoken.into_text(), finish);
            }
            told.push(spoken.fresh().to_owned());
        }
        spoken.end();
        told.push(spoken.fresh().to_owned());
        (told, spoken.into_text(), None)
    }

    #[test]
    fn characters_come_whole() {
        let bytes = "雲端".as_bytes();
        let (told, text, _) = hear(&Limits::default(), &[&bytes[..2], &bytes[2..4], &bytes[4..]]);
        assert_eq!((told.join(""), text.as_str()), ("雲端".to_owned(), "雲端"));
        assert_eq!(told, ["", "雲", "端", ""]);
        let (_, text, _) = hear(&Limits::default(), &[b"a\xff", b"b\xe9"]);
        assert_eq!(text, "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn nothing_is_told_that_a_stop_takes_back() {
        let limits = Limits { stops: vec!["\n\nEND".to_owned()], ..Limits::default() };
        let (told, text, finish) = hear(&limits, &[b"It fell.", b"\n", b"\nE", b"ND and more"]);
        assert_eq!((text.as_str(), finish), ("It fell.", Some(Finish::Stop)));
        assert_eq!(told.join(""), "It fell.");
        let (told, text, finish) = hear(&limits, &[b"It fell.", b"\n", b"\nE", b"xit"]);
        assert_eq!((text.as_str(), finish), ("It fell.\n\nExit", None));
        assert_eq!(told.join(""), text);
    }

    #[test]
    fn sentences_are_counted_and_an_abbreviation_ends_none() {
        let limits = Limits { sentences: Some((2, Language::English)), ..Limits::default() };
        let pieces = ["The U.S.", " unit lost USD 3", ".5 million.", " Capital fell.", " And so", " on"];
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        let (told, text, finish) = hear(&limits, &pieces);
        assert_eq!((text.as_str(), finish), ("The U.S. unit lost USD 3.5 million. Capital fell.", Some(Finish::Sentences)));
        assert_eq!(told.join(""), text);
    }
}
