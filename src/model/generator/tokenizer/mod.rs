//! Text to tokens and back, by the vocabulary that a GGUF file holds.
//!
//! **Document text is data.** [`Tokenizer::encode`] never gives a control token, whatever the text says: `<|im_start|>` in a document
//! becomes the pieces of those characters. Control tokens are put in by the chat format alone, by their ids.

mod byte_pairs;
mod pieces;

use std::collections::HashMap;

use super::gguf::{Gguf, Header, Value};
use crate::model::ModelError;
use byte_pairs::BytePairs;
use pieces::Pieces;

/// What stands for a space in the pieces of SentencePiece.
const SPACE_MARK: char = '\u{2581}';

/// A model's vocabulary and the rule that parts text into it.
pub struct Tokenizer {
    vocabulary: Vocabulary,
    rule: Rule,
}

enum Rule {
    /// SentencePiece: the neighbours with the best score are joined.
    Pieces(Pieces),
    /// Byte pairs of GPT-2: joined in the order of a list, within words.
    BytePairs(Box<BytePairs>),
}

/// The tokens of a model.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// The bytes that each token stands for in text, one after another; none for control tokens.
    bytes: Vec<u8>,
    /// Where the bytes of each token end.
    ends: Vec<usize>,
    /// Tokens that steer the model and are no text, sorted.
    control: Vec<u32>,
    /// Those of them, and of the tokens that a user of the model defined, by name.
    named: HashMap<String, u32>,
    begin: Option<u32>,
    stops: Vec<u32>,
}

/// What a token is, as the format counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    Control,
    UserDefined,
    Byte,
}

/// Tokens after which a model has said all: the ends of texts and of turns.
const ENDS: [&str; 8] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<end_of_turn>", "<eos>", "</s>"];

impl Tokenizer {
    /// Reads the vocabulary of a file.
    ///
    /// # Errors
    /// A vocabulary that is missing, false or of a kind that is not read.
    pub fn read(file: &Gguf) -> Result<Self, ModelError> {
        Self::of_header(file.header()).map_err(|fault| file.fault(fault))
    }

    fn of_header(header: &Header) -> Result<Self, String> {
        let tokens = match header.get("tokenizer.ggml.tokens") {
            Some(Value::Texts(tokens)) => tokens,
            _ => return Err("it holds no list of tokens".to_owned()),
        };
        let kinds = kinds(header, tokens.len())?;
        let model = header.text("tokenizer.ggml.model").ok_or("it does not say of which kind its tokens are")?;
        let rule = match model {
            "llama" => Rule::Pieces(Pieces::read(header, tokens, &kinds)?),
            "gpt2" => Rule::BytePairs(Box::new(BytePairs::read(header, tokens, &kinds)?)),
            other => return Err(format!("its tokens are of the kind `{other}`: `llama` and `gpt2` are read")),
        };
        let mut vocabulary = Vocabulary {
            bytes: Vec::new(),
            ends: Vec::with_capacity(tokens.len()),
            control: Vec::new(),
            named: HashMap::new(),
            begin: None,
            stops: Vec::new(),
        };
        for (id, (token, kind)) in tokens.iter().zip(&kinds).enumerate() {
            match kind {
                Kind::Control => vocabulary.control.push(id as u32),
                Kind::UserDefined => vocabulary.bytes.extend_from_slice(token.as_bytes()),
                Kind::Byte => vocabulary.bytes.extend(pieces::byte_of(token)),
                Kind::Normal => match &rule {
                    Rule::Pieces(_) => vocabulary.bytes.extend(token.replace(SPACE_MARK, " ").bytes()),
                    Rule::BytePairs(pairs) => pairs.append_bytes(token, &mut vocabulary.bytes),
                },
            }
            vocabulary.ends.push(vocabulary.bytes.len());
            if matches!(kind, Kind::Control | Kind::UserDefined) {
                vocabulary.named.insert(token.clone(), id as u32);
            }
        }
        vocabulary.find_ends(header, tokens.len())?;
        Ok(Self { vocabulary, rule })
    }

    /// The tokens of a text, none of them a control token.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.rule {
            Rule::Pieces(pieces) => pieces.encode(text),
            Rule::BytePairs(pairs) => pairs.encode(text),
        }
    }

    /// The bytes that a token stands for in text: none for a control token, part of a character for some.
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.vocabulary.bytes(token)
    }

    /// The text of tokens; bytes that form no characters are replaced.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| self.bytes(*token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The token that begins every text, where the model wants one.
    pub fn begin(&self) -> Option<u32> {
        self.vocabulary.begin
    }

    /// A control token, or one that a user of the model defined, by its name.
    pub fn named(&self, name: &str) -> Option<u32> {
        self.vocabulary.named.get(name).copied()
    }

    /// Whether a token ends what the model says.
    pub fn is_end(&self, token: u32) -> bool {
        self.vocabulary.stops.contains(&token)
    }

    /// The tokens that steer the model, but for those that end what it says: a generator never picks them.
    pub fn unspoken(&self) -> impl Iterator<Item = u32> {
        self.vocabulary.control.iter().copied().filter(|token| !self.is_end(*token))
    }

    /// The number of tokens.
    pub fn size(&self) -> usize {
        self.vocabulary.ends.len()
    }
}

impl Vocabulary {
    fn bytes(&self, token: u32) -> &[u8] {
        let token = token as usize;
        let start = if token == 0 { 0 } else { self.ends.get(token - 1).copied().unwrap_or_default() };
        let end = self.ends.get(token).copied().unwrap_or(start);
        &self.bytes[start..end]
    }

    fn find_ends(&mut self, header: &Header, size: usize) -> Result<(), String> {
        let id = |key: &str| match header.get(&format!("tokenizer.ggml.{key}")) {
            None => Ok(None),
            Some(_) => header
                .whole(&format!("tokenizer.ggml.{key}"))
                .filter(|id| *id < size as u64)
                .map(|id| Some(id as u32))
                .ok_or_else(|| format!("`tokenizer.ggml.{key}` is none of its {size} tokens")),
        };
        let begins = header.truth("tokenizer.ggml.add_bos_token");
        // Files of SentencePiece that do not say so want the token.
        let wanted = begins.unwrap_or_else(|| header.text("tokenizer.ggml.model") == Some("llama"));
        self.begin = id("bos_token_id")?.filter(|_| wanted);
        let stated = [id("eos_token_id")?, id("eot_token_id")?, id("eom_token_id")?];
        self.stops = stated.into_iter().flatten().chain(ENDS.iter().filter_map(|name| self.named.get(*name).copied())).collect();
        self.stops.sort_unstable();
        self.stops.dedup();
        Ok(())
    }
}

/// What each token is. Unused tokens and the one for what is unknown are never to be said, and count as control tokens; so does
/// whatever a chat format or an end goes by, as some files list it as text.
fn kinds(header: &Header, count: usize) -> Result<Vec<Kind>, String> {
    let stated = match header.get("tokenizer.ggml.token_type") {
        None => return Err("it does not say which of its tokens are text".to_owned()),
        Some(Value::Wholes(kinds)) if kinds.len() == count => kinds,
        Some(_) => return Err(format!("the kinds of its tokens are not as many as its {count} tokens")),
    };
    Ok(stated
        .iter()
        .map(|kind| match kind {
            1 => Kind::Normal,
            4 => Kind::UserDefined,
            6 => Kind::Byte,
            _ => Kind::Control,
        })
        .collect())
}

#[cfg(test)]
mod tests;
