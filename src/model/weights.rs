//! Weights of a BERT encoder from safetensors: int8 with a scale per row, or f32.

use std::ops::Range;

use safetensors::{Dtype, SafeTensors};
use scrutineer_kernels::Mapping;
use serde::Deserialize;

use super::ModelError;
use super::registry::LoadedFiles;

/// `config.json` of a BERT encoder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BertConfig {
    /// `bert`.
    pub model_type: String,
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
    /// The most tokens of one text.
    pub max_position_embeddings: usize,
    /// The epsilon of layer normalisation.
    pub layer_norm_eps: f64,
    /// `gelu`.
    pub hidden_act: String,
}

/// The weights of an encoder, in f32 but for the table of token embeddings.
#[derive(Debug)]
pub struct BertWeights {
    pub(super) config: BertConfig,
    pub(super) tokens: EmbeddingTable,
    /// [positions, width], the embedding of token type 0 added.
    pub(super) positions: Vec<f32>,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
}

/// One layer. Matrices are [out, in], row by row.
#[derive(Debug)]
pub(super) struct Layer {
    /// Query, key and value, one under the other: [3 * width, width].
    pub(super) qkv: Linear,
    pub(super) attention_out: Linear,
    pub(super) attention_norm: Norm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) norm: Norm,
}

#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// The table of token embeddings, as it lies in the mapped file: rows of int8, a scale per row.
#[derive(Debug)]
pub(super) struct EmbeddingTable {
    file: Mapping,
    values: Range<usize>,
    scales: Vec<f32>,
    width: usize,
}

impl EmbeddingTable {
    /// Adds the embedding of a token to `target`. Ids beyond the table count as its last row.
    pub(super) fn add(&self, id: u32, target: &mut [f32]) {
        let row = (id as usize).min(self.scales.len().saturating_sub(1));
        let values = &self.file[self.values.start + row * self.width..][..self.width];
        let scale = self.scales[row];
        for (target, value) in target.iter_mut().zip(values) {
            *target += f32::from(value.cast_signed()) * scale;
        }
    }
}

impl BertWeights {
    /// Takes `config.json`, `embeddings.safetensors` and `layers.safetensors` from a model's files.
    ///
    /// # Errors
    /// A missing tensor, a shape that the configuration does not give, an architecture that this runtime does not run.
    pub fn load(files: &mut LoadedFiles) -> Result<Self, ModelError> {
        let config = files.take("config.json")?;
        let config: BertConfig =
            serde_json::from_slice(&config).map_err(|error| files.malformed(format!("config.json: {error}")))?;
        if config.model_type != "bert" || config.hidden_act != "gelu" {
            return Err(files.malformed(format!("cannot run a `{}` model with `{}`", config.model_type, config.hidden_act)));
        }
        if config.num_attention_heads == 0 || !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(files.malformed("hidden_size is no multiple of num_attention_heads"));
        }
        let width = config.hidden_size;
        let embeddings = files.take("embeddings.safetensors")?;
        let source = Source::open(&embeddings, files)?;
        let (tokens, scales) = source.quantised("embeddings.word_embeddings.weight", [config.vocab_size, width])?;
        let start = tokens.as_ptr() as usize - embeddings.as_ptr() as usize;
        let range = start..start + tokens.len();
        let mut positions = source.matrix("embeddings.position_embeddings.weight", [config.max_position_embeddings, width])?;
        let types = source.matrix("embeddings.token_type_embeddings.weight", [2, width])?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&types).for_each(|(position, token_type)| *position += token_type);
        }
        let norm = source.norm("embeddings.LayerNorm", width)?;
        let layers = files.take("layers.safetensors")?;
        let source = Source::open(&layers, files)?;
        let layers = (0..config.num_hidden_layers).map(|index| source.layer(index, &config)).collect::<Result<_, _>>()?;
        let tokens = EmbeddingTable { values: range, scales, width, file: embeddings };
        Ok(Self { tokens, positions, norm, layers, config })
    }
}

struct Source<'a> {
    tensors: SafeTensors<'a>,
    files: &'a LoadedFiles,
}

impl<'a> Source<'a> {
    fn open(mapping: &'a Mapping, files: &'a LoadedFiles) -> Result<Self, ModelError> {
        // The reader checks every offset against the file's length before anything is read.
        let tensors = SafeTensors::deserialize(mapping).map_err(|error| files.malformed(error.to_string()))?;
        Ok(Self { tensors, files })
    }

    fn layer(&self, index: usize, config: &BertConfig) -> Result<Layer, ModelError> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let mut qkv = Linear { weight: Vec::with_capacity(3 * width * width), bias: Vec::with_capacity(3 * width) };
        for part in ["query", "key", "value"] {
            let linear = self.linear(&name(&format!("attention.self.{part}")), [width, width])?;
            qkv.weight.extend(linear.weight);
            qkv.bias.extend(linear.bias);
        }
        Ok(Layer {
            qkv,
            attention_out: self.linear(&name("attention.output.dense"), [width, width])?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"), width)?,
            up: self.linear(&name("intermediate.dense"), [inner, width])?,
            down: self.linear(&name("output.dense"), [width, inner])?,
            norm: self.norm(&name("output.LayerNorm"), width)?,
        })
    }

    fn linear(&self, name: &str, shape: [usize; 2]) -> Result<Linear, ModelError> {
        Ok(Linear {
            weight: self.matrix(&format!("{name}.weight"), shape)?,
            bias: self.vector(&format!("{name}.bias"), shape[0])?,
        })
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, ModelError> {
        Ok(Norm { weight: self.vector(&format!("{name}.weight"), width)?, bias: self.vector(&format!("{name}.bias"), width)? })
    }

    fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>, ModelError> {
        let (values, scales) = self.quantised(name, shape)?;
        let rows = values.chunks_exact(shape[1]).zip(&scales);
        Ok(rows.flat_map(|(row, scale)| row.iter().map(move |value| f32::from(value.cast_signed()) * scale)).collect())
    }

    fn quantised(&self, name: &str, shape: [usize; 2]) -> Result<(&'a [u8], Vec<f32>), ModelError> {
        let values = self.bytes(name, Dtype::I8, &shape)?;
        Ok((values, self.vector(&format!("{name}.scale"), shape[0])?))
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
        let bytes = self.bytes(name, Dtype::F32, &[length])?;
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'a [u8], ModelError> {
        let tensor = self.tensors.tensor(name).map_err(|error| self.files.malformed(format!("tensor {name}: {error}")))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let (found, found_shape) = (tensor.dtype(), tensor.shape());
            return Err(self.files.malformed(format!("tensor {name} is {found:?} {found_shape:?}, not {dtype:?} {shape:?}")));
        }
        Ok(tensor.data())
    }
}
