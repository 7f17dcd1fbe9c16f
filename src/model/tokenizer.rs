//! Text to token ids, each with the bytes that it stands for.

use tokenizers::{PostProcessor, TruncationDirection};

use super::ModelError;
use super::input::Role;
use super::registry::LoadedFiles;
use crate::language::Span;

/// The encoder's tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

/// A text as the encoder reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The ids, special tokens included.
    pub ids: Vec<u32>,
    /// The bytes of the text that each id stands for; empty for special tokens and the prefix.
    pub spans: Vec<Span>,
    /// Whether the text had to be cut.
    pub truncated: bool,
}

/// Two texts as a cross-encoder reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairTokens {
    /// The ids, special tokens included.
    pub ids: Vec<u32>,
    /// Where the tokens of type 1 begin; behind the last where the model has one type.
    pub second: usize,
    /// Whether a text had to be cut.
    pub truncated: bool,
}

impl Tokenizer {
    /// Takes `tokenizer.json` from a model's files.
    ///
    /// # Errors
    /// Where the file is missing or cannot be read.
    pub fn load(files: &mut LoadedFiles) -> Result<Self, ModelError> {
        let mapping = files.take("tokenizer.json")?;
        Self::parse(&mapping).map_err(|fault| files.malformed(format!("tokenizer.json: {fault}")))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        // The crate that reads the file panics on some that are not valid JSON (tokenizers 0.23.2, decoders); that is a refusal too.
        let read = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(bytes));
        let read = read.map_err(|_| "it broke the reader: it is no valid tokenizer file".to_owned())?;
        let mut inner = read.map_err(|error| error.to_string())?;
        // How long a text may be is the caller's matter. A file could ask for padding to a length that no memory holds.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| error.to_string())?;
        Ok(Self { inner })
    }

    /// The tokens of a text in a role, at most `most` of them.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn tokens(&self, role: Role, text: &str, most: usize) -> Result<Tokens, ModelError> {
        self.prefixed(role.prefix(), text, most)
    }

    /// The tokens of a text as it stands, at most `most` of them.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn plain(&self, text: &str, most: usize) -> Result<Tokens, ModelError> {
        self.prefixed("", text, most)
    }

    /// The tokens of two texts with the special tokens of a pair, at most `most` of them: the longer text is cut first.
    ///
    /// # Errors
    /// What the tokenizer says, or a model that leaves no room between the special tokens.
    pub fn pair(&self, first: &str, second: &str, most: usize) -> Result<PairTokens, ModelError> {
        let mut first = self.inner.encode(first, false).map_err(fault)?;
        let mut second = self.inner.encode(second, false).map_err(fault)?;
        let special = self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(true));
        let room = most.saturating_sub(special);
        let truncated = first.len() + second.len() > room;
        if truncated {
            let (long, short) = (first.len().max(second.len()), first.len().min(second.len()));
            // The shorter keeps what it has where half the room is enough for it.
            let short = short.min(room / 2);
            let long = long.min(room - short);
            let (left, right) = if first.len() >= second.len() { (long, short) } else { (short, long) };
            first.truncate(left, 0, TruncationDirection::Right);
            second.truncate(right, 0, TruncationDirection::Right);
        }
        let pair = self.inner.post_process(first, Some(second), true).map_err(fault)?;
        let types = pair.get_type_ids();
        let second = types.iter().position(|kind| *kind > 0).unwrap_or(types.len());
        Ok(PairTokens { ids: pair.get_ids().to_vec(), second, truncated })
    }

    fn prefixed(&self, prefix: &str, text: &str, most: usize) -> Result<Tokens, ModelError> {
        let encoding = self.inner.encode(format!("{prefix}{text}"), true).map_err(fault)?;
        let mut ids = encoding.get_ids().to_vec();
        let within = |&(start, end): &(usize, usize)| match (start.checked_sub(prefix.len()), end.checked_sub(prefix.len())) {
            // A piece that begins in the prefix's last space belongs to the text.
            (start, Some(end)) if end > 0 => Span::new(start.unwrap_or(0)..end),
            _ => Span::new(0..0),
        };
        let mut spans: Vec<Span> = encoding.get_offsets().iter().map(within).collect();
        let truncated = ids.len() > most;
        if truncated {
            // The closing special token stays: the encoder was trained with it.
            let last = ids[ids.len() - 1];
            ids.truncate(most - 1);
            ids.push(last);
            spans.truncate(most - 1);
            spans.push(Span::new(0..0));
        }
        Ok(Tokens { ids, spans, truncated })
    }

    /// The number of tokens of a text alone.
    pub fn count(&self, text: &str) -> usize {
        // The tokenizer refuses no text; were it to, a byte per token is the safe side.
        self.inner.encode_fast(text, false).map_or(text.len(), |encoding| encoding.len())
    }
}

fn fault(error: tokenizers::Error) -> ModelError {
    ModelError::Malformed { model: "tokenizer".to_owned(), detail: error.to_string() }
}

#[cfg(test)]
mod tests;
