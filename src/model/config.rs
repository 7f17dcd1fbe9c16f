//! `config.json` of an encoder, as Hugging Face writes it: BERT and XLM-R.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What an encoder's `config.json` says of its architecture and its heads.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EncoderConfig {
    /// The family.
    pub model_type: Family,
    /// The width of a token's state.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// The width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Token ids.
    pub vocab_size: usize,
    /// Rows of the table of positions.
    pub max_position_embeddings: usize,
    /// Token types: BERT tells the second text of a pair by its type, XLM-R has one type only.
    pub type_vocab_size: usize,
    /// The epsilon of layer normalisation.
    pub layer_norm_eps: f64,
    /// `gelu`.
    pub hidden_act: String,
    /// The id of the padding token. Nothing is padded here, but XLM-R counts its positions from it.
    #[serde(default)]
    pub pad_token_id: usize,
    /// The labels of the head, by their number.
    #[serde(default)]
    id2label: BTreeMap<String, String>,
}

/// A family of encoders: the same layers, other positions, token types and heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Family {
    /// Devlin et al. 2019, arXiv 1810.04805.
    #[serde(rename = "bert")]
    Bert,
    /// RoBERTa (Liu et al. 2019, arXiv 1907.11692) and XLM-R (Conneau et al. 2020, arXiv 1911.02116).
    #[serde(rename = "xlm-roberta", alias = "roberta")]
    Roberta,
}

impl EncoderConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// What is wrong in it, or what this runtime does not run.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let config: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    /// The row of the table of positions that a text's first token takes: RoBERTa leaves the rows up to the padding's to padding.
    pub(super) fn first_position(&self) -> usize {
        match self.model_type {
            Family::Bert => 0,
            Family::Roberta => self.pad_token_id + 1,
        }
    }

    /// The most tokens of one text.
    pub(super) fn most_tokens(&self) -> usize {
        self.max_position_embeddings - self.first_position()
    }

    /// What the tensors of the encoder begin with in a checkpoint that has a head as well.
    pub(super) fn prefix(&self) -> &'static str {
        match self.model_type {
            Family::Bert => "bert.",
            Family::Roberta => "roberta.",
        }
    }

    /// The labels of the head, in order; none where the numbers have gaps.
    pub(super) fn labels(&self) -> Option<Vec<String>> {
        (0..self.id2label.len()).map(|number| self.id2label.get(&number.to_string()).cloned()).collect()
    }

    /// What this runtime runs, in sizes whose products cannot overflow.
    fn check(&self) -> Result<(), String> {
        if self.hidden_act != "gelu" {
            return Err(format!("cannot run a model with `{}`", self.hidden_act));
        }
        let sizes = [
            ("hidden_size", self.hidden_size, 1 << 15),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("intermediate_size", self.intermediate_size, 1 << 15),
            ("vocab_size", self.vocab_size, 1 << 24),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
            ("type_vocab_size", self.type_vocab_size, 1 << 10),
        ];
        if let Some((key, size, most)) = sizes.into_iter().find(|(_, size, most)| !(1..=*most).contains(size)) {
            return Err(format!("{key} is {size}, not between 1 and {most}"));
        }
        if self.pad_token_id >= self.vocab_size {
            return Err(format!("pad_token_id is {}, beyond vocab_size", self.pad_token_id));
        }
        if self.max_position_embeddings < self.first_position() + 3 {
            return Err("max_position_embeddings leaves no room for a token between the special ones".to_owned());
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err("hidden_size is no multiple of num_attention_heads".to_owned());
        }
        // The kernels take vectors of sixteen; every published BERT and XLM-R has heads of 32 or 64.
        if !(self.hidden_size / self.num_attention_heads).is_multiple_of(16) {
            return Err("the width of a head is no multiple of 16".to_owned());
        }
        Ok(())
    }
}
