//! Text to token ids, each with the bytes that it stands for.

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
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| error.to_string())?;
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
        let prefix = role.prefix();
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
