//! SentencePiece as Llama and Gemma use it: characters, of which the two neighbours whose union has the best score are joined until
//! no union is a piece; what is no piece is written in bytes.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use super::super::gguf::{Header, Value};
use super::{Kind, SPACE_MARK};

/// The pieces with their scores.
pub(super) struct Pieces {
    pieces: HashMap<String, (u32, f32)>,
    /// The token of each byte.
    bytes: Vec<u32>,
    /// Tokens that stand for themselves wherever they are in a text (runs of line breaks in Gemma), the longest first.
    whole: Vec<(String, u32)>,
    /// The characters that those begin with.
    whole_begin: Vec<char>,
    /// A space goes before the text.
    leading_space: bool,
}

/// A part of the text that is joined so far.
struct Symbol {
    start: usize,
    end: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

/// Two neighbours whose union is a piece.
struct Union {
    score: f32,
    left: usize,
    right: usize,
    /// The length of the union when it was found: another one since then makes it void.
    length: usize,
}

impl PartialEq for Union {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Union {}

impl PartialOrd for Union {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Union {
    /// The best score first, of equals the one further left.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl Pieces {
    pub(super) fn read(header: &Header, tokens: &[String], kinds: &[Kind]) -> Result<Self, String> {
        let scores = match header.get("tokenizer.ggml.scores") {
            Some(Value::Reals(scores)) if scores.len() == tokens.len() => scores,
            _ => return Err("its tokens have no scores, or not as many as there are tokens".to_owned()),
        };
        let mut pieces = HashMap::with_capacity(tokens.len());
        let (mut bytes, mut whole) = (vec![None; 256], Vec::new());
        for (id, ((token, kind), score)) in tokens.iter().zip(kinds).zip(scores).enumerate() {
            let id = id as u32;
            match kind {
                Kind::Normal => {
                    pieces.insert(token.clone(), (id, *score));
                }
                Kind::Byte => {
                    let byte = byte_of(token).ok_or_else(|| format!("token {id} is no byte"))?;
                    bytes[usize::from(byte)] = Some(id);
                }
                // What looks like a mark of a chat format stays out of texts, whatever the file calls it.
                Kind::UserDefined if !token.is_empty() && !is_mark(token) => whole.push((token.clone(), id)),
                Kind::UserDefined | Kind::Control => {}
            }
        }
        whole.sort_by_key(|(token, _)| std::cmp::Reverse(token.len()));
        let bytes = bytes.into_iter().collect::<Option<Vec<u32>>>().ok_or("it lacks tokens for some bytes")?;
        let mut whole_begin: Vec<char> = whole.iter().filter_map(|(token, _)| token.chars().next()).collect();
        whole_begin.sort_unstable();
        whole_begin.dedup();
        let leading_space = header.truth("tokenizer.ggml.add_space_prefix").unwrap_or(true);
        Ok(Self { pieces, bytes, whole, whole_begin, leading_space })
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        let mut rest = text;
        let mut first = true;
        while !rest.is_empty() {
            let (before, found) = self.next_whole(rest);
            if !before.is_empty() {
                let lead = if first && self.leading_space { " " } else { "" };
                self.join(&format!("{lead}{before}").replace(' ', SPACE_MARK.encode_utf8(&mut [0; 4])), &mut tokens);
            }
            first = false;
            rest = match found {
                Some((token, id)) => {
                    tokens.push(id);
                    &rest[before.len() + token.len()..]
                }
                None => "",
            };
        }
        tokens
    }

    /// The text before the first token that stands for itself, and that token.
    fn next_whole<'a>(&'a self, text: &'a str) -> (&'a str, Option<(&'a str, u32)>) {
        for (at, _) in text.char_indices().filter(|(_, character)| self.whole_begin.contains(character)) {
            // Longest first, so that a run of line breaks is one token.
            if let Some((token, id)) = self.whole.iter().find(|(token, _)| text[at..].starts_with(token.as_str())) {
                return (&text[..at], Some((token, *id)));
            }
        }
        (text, None)
    }

    fn join(&self, text: &str, tokens: &mut Vec<u32>) {
        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(index, (start, character))| Symbol {
                start,
                end: start + character.len_utf8(),
                previous: index.checked_sub(1),
                next: Some(index + 1),
            })
            .collect();
        if let Some(last) = symbols.last_mut() {
            last.next = None;
        }
        let mut unions = BinaryHeap::new();
        for left in 1..symbols.len() {
            unions.extend(self.union(text, &symbols, left - 1, left));
        }
        while let Some(Union { left, right, length, .. }) = unions.pop() {
            // Void where either part was joined to another since.
            let (start, end) = (symbols[left].start, symbols[right].end);
            if symbols[left].end == start || symbols[right].end == symbols[right].start || end - start != length {
                continue;
            }
            symbols[left].end = end;
            // An empty symbol is one that was joined to its left.
            symbols[right].start = end;
            let next = symbols[right].next;
            symbols[left].next = next;
            if let Some(next) = next {
                symbols[next].previous = Some(left);
                unions.extend(self.union(text, &symbols, left, next));
            }
            if let Some(previous) = symbols[left].previous {
                unions.extend(self.union(text, &symbols, previous, left));
            }
        }
        let mut at = (!symbols.is_empty()).then_some(0);
        while let Some(index) = at {
            let piece = &text[symbols[index].start..symbols[index].end];
            match self.pieces.get(piece) {
                Some((id, _)) => tokens.push(*id),
                None => tokens.extend(piece.bytes().map(|byte| self.bytes[usize::from(byte)])),
            }
            at = symbols[index].next;
        }
    }

    fn union(&self, text: &str, symbols: &[Symbol], left: usize, right: usize) -> Option<Union> {
        let (start, end) = (symbols[left].start, symbols[right].end);
        let (_, score) = self.pieces.get(&text[start..end])?;
        Some(Union { score: *score, left, right, length: end - start })
    }
}

/// Whether a token looks like a mark of a chat format: `<start_of_turn>`, `<|im_end|>`, `[INST]`. Tags of HTML do not.
fn is_mark(token: &str) -> bool {
    let inner = token.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let bracketed = token.starts_with('[') && token.ends_with(']');
    bracketed || inner.is_some_and(|inner| inner.contains(['|', '_']) || inner == "think" || inner == "/think")
}

/// The byte of a token like `<0x0A>`.
pub(super) fn byte_of(token: &str) -> Option<u8> {
    u8::from_str_radix(token.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}
