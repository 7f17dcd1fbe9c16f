//! Units -> passages: whole sentences under one heading path, packed to a target length in tokens.

use super::anchored::AnchoredText;
use super::flow::{Content, Unit};
use super::{Options, Passage, PassageKind, Sentence};
use crate::digest::Digest;
use crate::language::identify::identify;
use crate::language::sentences::sentences;
use crate::language::{Language, Span};

/// Packs units into passages. `count_tokens` is the encoder's count for a text, without prefix and special tokens.
pub(super) fn pack(document: Digest, units: &[Unit], options: &Options, count_tokens: &dyn Fn(&str) -> usize) -> Vec<Passage> {
    let mut packer = Packer { document, options, count_tokens, passages: Vec::new(), pending: Pending::default() };
    for unit in units {
        match &unit.content {
            Content::Text(text) => packer.paragraph(&unit.heading_path, text),
            Content::Table(rows) => packer.table(&unit.heading_path, rows),
            Content::Hidden(reason, text) => packer.whole(PassageKind::Hidden(*reason), &unit.heading_path, text),
        }
    }
    packer.flush();
    packer.passages
}

struct Packer<'a> {
    document: Digest,
    options: &'a Options,
    count_tokens: &'a dyn Fn(&str) -> usize,
    passages: Vec<Passage>,
    pending: Pending,
}

/// The passage being filled.
#[derive(Default)]
struct Pending {
    heading_path: Vec<String>,
    text: AnchoredText,
    sentences: Vec<Sentence>,
    tokens: usize,
}

impl Packer<'_> {
    fn paragraph(&mut self, heading_path: &[String], paragraph: &AnchoredText) {
        if self.pending.heading_path != heading_path {
            self.flush();
            self.pending.heading_path = heading_path.to_vec();
        }
        let mut end_of_last = None;
        for span in self.pieces(paragraph) {
            let tokens = (self.count_tokens)(span.of(&paragraph.text));
            if !self.fits(tokens) {
                self.flush_text();
                end_of_last = None;
            }
            // Within a paragraph the text stays as it stood, white space between sentences included.
            let from_start = match end_of_last {
                Some(end) => Span { start: end, end: span.end },
                None => span,
            };
            let separator = if end_of_last.is_none() && !self.pending.text.is_empty() { "\n" } else { "" };
            self.pending.text.append_slice(separator, paragraph, from_start);
            let end = self.pending.text.text.len();
            self.pending.sentences.push(Sentence { span: Span::new(end - span.len() as usize..end) });
            self.pending.tokens += tokens;
            end_of_last = Some(span.end);
        }
    }

    fn fits(&self, tokens: usize) -> bool {
        let Options { target_tokens, max_tokens } = *self.options;
        let filled = self.pending.tokens;
        filled == 0 || filled + tokens <= target_tokens || (filled < target_tokens / 2 && filled + tokens <= max_tokens)
    }

    fn table(&mut self, heading_path: &[String], rows: &[AnchoredText]) {
        self.flush();
        self.pending.heading_path = heading_path.to_vec();
        for row in rows {
            let tokens = (self.count_tokens)(&row.text);
            if self.pending.tokens > 0 && self.pending.tokens + tokens > self.options.target_tokens {
                self.flush_as(PassageKind::Table);
            }
            let separator = if self.pending.text.is_empty() { "" } else { "\n" };
            self.pending.text.append(separator, row);
            let end = self.pending.text.text.len();
            self.pending.sentences.push(Sentence { span: Span::new(end - row.text.len()..end) });
            self.pending.tokens += tokens;
        }
        self.flush_as(PassageKind::Table);
    }

    fn whole(&mut self, kind: PassageKind, heading_path: &[String], text: &AnchoredText) {
        self.flush();
        self.pending.heading_path = heading_path.to_vec();
        self.pending.sentences = self.sentence_spans(text).into_iter().map(|span| Sentence { span }).collect();
        self.pending.text = text.clone();
        self.flush_as(kind);
    }

    /// The sentences of a paragraph; one that is longer than a passage may be is cut where a clause ends.
    fn pieces(&self, paragraph: &AnchoredText) -> Vec<Span> {
        let text = &paragraph.text;
        let mut pieces = Vec::new();
        for sentence in self.sentence_spans(paragraph) {
            let tokens = (self.count_tokens)(sentence.of(text));
            if tokens <= self.options.max_tokens {
                pieces.push(sentence);
            } else {
                let mut parts = tokens.div_ceil(self.options.max_tokens);
                loop {
                    let cut = cut_at_clauses(text, sentence, parts);
                    let longest = cut.iter().map(|span| (self.count_tokens)(span.of(text))).max().unwrap_or(0);
                    if longest <= self.options.max_tokens || parts >= sentence.len() as usize {
                        pieces.extend(cut);
                        break;
                    }
                    parts += 1;
                }
            }
        }
        pieces
    }

    fn sentence_spans(&self, paragraph: &AnchoredText) -> Vec<Span> {
        sentences(&paragraph.text, identify(&paragraph.text))
    }

    fn flush(&mut self) {
        self.flush_text();
        self.pending = Pending::default();
    }

    fn flush_text(&mut self) {
        self.flush_as(PassageKind::Text);
    }

    /// Ends the passage being filled; the heading path stays.
    fn flush_as(&mut self, kind: PassageKind) {
        let heading_path = self.pending.heading_path.clone();
        let Pending { heading_path: path, text, sentences, tokens: _ } =
            std::mem::replace(&mut self.pending, Pending { heading_path, ..Pending::default() });
        if text.text.trim().is_empty() {
            return;
        }
        let language: Language = identify(&text.text);
        self.passages.push(Passage {
            document: self.document,
            ordinal: self.passages.len() as u32,
            kind,
            heading_path: path,
            text: text.text,
            language,
            sentences,
            anchors: text.anchors,
        });
    }
}

/// Cuts a span into about `parts` pieces of like length, each cut after the clause mark or space nearest to its place.
fn cut_at_clauses(text: &str, span: Span, parts: usize) -> Vec<Span> {
    let body = span.of(text);
    let step = body.len().div_ceil(parts.max(1)).max(1);
    let mut pieces = Vec::new();
    let mut start = 0;
    while body.len() - start > step {
        let window_start = floor_char_boundary(body, start + step - step / 3);
        let window_end = floor_char_boundary(body, start + step);
        let cut = best_cut(&body[window_start..window_end]).map_or(window_end, |offset| window_start + offset);
        // A single character wider than the step still has to go somewhere.
        let cut = if cut > start { cut } else { body[start..].chars().next().map_or(body.len(), |c| start + c.len_utf8()) };
        push_trimmed(&mut pieces, body, start..cut, span.start);
        start = cut;
    }
    push_trimmed(&mut pieces, body, start..body.len(), span.start);
    pieces
}

/// The offset after the last strong clause mark of a window, else after the last weak one, else after the last space.
fn best_cut(window: &str) -> Option<usize> {
    let after_last =
        |marks: &[char]| window.char_indices().rev().find(|(_, c)| marks.contains(c)).map(|(at, c)| at + c.len_utf8());
    after_last(&[';', '；', ':', '：']).or_else(|| after_last(&[',', '，', '、', '|'])).or_else(|| after_last(&[' ', '\u{3000}']))
}

fn push_trimmed(pieces: &mut Vec<Span>, body: &str, range: std::ops::Range<usize>, base: u32) {
    let piece = &body[range.clone()];
    let start = range.start + piece.len() - piece.trim_start().len();
    let end = range.start + piece.trim_end().len();
    if start < end {
        pieces.push(Span::new(base as usize + start..base as usize + end));
    }
}

fn floor_char_boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
