//! Byte pairs as GPT-2, Llama 3 and Qwen use them: text is parted in words by a pattern, the bytes of a word are joined in the order
//! of a list. The words and the joining are those of the `tokenizers` crate.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

use super::super::gguf::{Header, Value};
use super::Kind;

/// The patterns of words, by the names that files give them.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA3: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// The rule that parts text into byte pairs.
pub(super) struct BytePairs {
    inner: Tokenizer,
    /// The byte that each character of a token stands for.
    byte_of: HashMap<char, u8>,
}

impl BytePairs {
    pub(super) fn read(header: &Header, tokens: &[String], kinds: &[Kind]) -> Result<Self, String> {
        let (pattern, whole_words) = match header.text("tokenizer.ggml.pre") {
            Some("qwen2") => (QWEN2, false),
            // Llama 3 takes a word that is a token as it is, whatever the list would make of it.
            Some("llama-bpe" | "llama3" | "llama-v3") => (LLAMA3, true),
            Some("gpt-2") => (GPT2, false),
            other => {
                let named = other.unwrap_or("not stated");
                return Err(format!("its words are parted by the rule `{named}`: `qwen2`, `llama-bpe` and `gpt-2` are read"));
            }
        };
        let merges = match header.get("tokenizer.ggml.merges") {
            Some(Value::Texts(merges)) => merges,
            _ => return Err("it holds no list of byte pairs".to_owned()),
        };
        let merges = merges
            .iter()
            .map(|merge| merge.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or("a byte pair that is no pair")?;
        // Control tokens are no part of the vocabulary that text is parted into.
        let spoken = tokens.iter().zip(kinds).enumerate().filter(|(_, (_, kind))| **kind == Kind::Normal);
        let vocabulary: Vocab = spoken.map(|(id, (token, _))| (token.clone(), id as u32)).collect();
        let byte_of = byte_characters();
        if let Some(missing) = byte_of.keys().find(|character| !vocabulary.contains_key(&character.to_string())) {
            return Err(format!("it lacks a token for the byte {:#04x}", byte_of[missing]));
        }
        let model = BPE::builder().vocab_and_merges(vocabulary, merges).ignore_merges(whole_words).build();
        let mut inner = Tokenizer::new(model.map_err(|error| format!("its byte pairs cannot be used: {error}"))?);
        let split = Split::new(SplitPattern::Regex(pattern.to_owned()), SplitDelimiterBehavior::Isolated, false)
            .map_err(|error| format!("the pattern of words cannot be used: {error}"))?;
        let parts = vec![split.into(), ByteLevel::new(false, false, false).into()];
        inner.with_pre_tokenizer(Some(Sequence::new(parts)));
        Ok(Self { inner, byte_of })
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        // Every byte has a token, so no text is refused.
        self.inner.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
    }

    /// Adds the bytes that a token stands for.
    pub(super) fn append_bytes(&self, token: &str, target: &mut Vec<u8>) {
        for character in token.chars() {
            match self.byte_of.get(&character) {
                Some(byte) => target.push(*byte),
                None => target.extend(character.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
    }
}

/// The characters that stand for bytes: printable ones for themselves, the others in order from U+0100 on (GPT-2).
pub(super) fn byte_characters() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut others = (0x100..).filter_map(char::from_u32);
    let of = |byte: u8| if printable(byte) { Some(char::from(byte)) } else { others.next() };
    let characters: Vec<Option<char>> = (0..=u8::MAX).map(of).collect();
    characters.into_iter().zip(0..=u8::MAX).filter_map(|(character, byte)| Some((character?, byte))).collect()
}
