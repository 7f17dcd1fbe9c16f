//! Weights of a BERT encoder from safetensors: int8 with a scale per row, the rest in f32.

use std::ops::Range;
use std::sync::Arc;

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
    /// Token types; the encoder uses the first.
    pub type_vocab_size: usize,
    /// The epsilon of layer normalisation.
    pub layer_norm_eps: f64,
    /// `gelu`.
    pub hidden_act: String,
}

/// The weights of an encoder. Matrices stay in the mapped files.
#[derive(Debug)]
pub struct BertWeights {
    pub(super) config: BertConfig,
    /// The embedding of each token: [ids, width].
    pub(super) tokens: Rows,
    /// [positions, width], the embedding of token type 0 added.
    pub(super) positions: Vec<f32>,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
}

/// One layer. Matrices are [out, in].
#[derive(Debug)]
pub(super) struct Layer {
    /// Query, key and value: each [width, width].
    pub(super) qkv: [Linear; 3],
    pub(super) attention_out: Linear,
    pub(super) attention_norm: Norm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) norm: Norm,
}

#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Rows,
    pub(super) bias: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// A matrix as it lies in a mapped file: rows of int8, a scale per row.
#[derive(Debug)]
pub(super) struct Rows {
    file: Arc<Mapping>,
    /// Where in the file; the length is `scales.len() * width`.
    values: Range<usize>,
    scales: Vec<f32>,
    width: usize,
}

impl Rows {
    /// The length of a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The rows in order, each with its scale.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[i8], f32)> {
        self.file.signed()[self.values.clone()].chunks_exact(self.width).zip(self.scales.iter().copied())
    }

    /// Adds a row to `target`. Rows beyond the matrix count as its last.
    pub(super) fn add(&self, row: u32, target: &mut [f32]) {
        let row = (row as usize).min(self.scales.len().saturating_sub(1));
        let values = &self.file.signed()[self.values.start + row * self.width..][..self.width];
        let scale = self.scales[row];
        for (target, value) in target.iter_mut().zip(values) {
            *target += f32::from(*value) * scale;
        }
    }

    /// All rows in f32, one after the other.
    pub(super) fn to_f32(&self) -> Vec<f32> {
        self.iter().flat_map(|(row, scale)| row.iter().map(move |value| f32::from(*value) * scale)).collect()
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
        config.check().map_err(|fault| files.malformed(format!("config.json: {fault}")))?;
        let width = config.hidden_size;
        let embeddings = Arc::new(files.take("embeddings.safetensors")?);
        let source = Source::open(&embeddings, files)?;
        let tokens = source.rows("embeddings.word_embeddings.weight", [config.vocab_size, width])?;
        let mut positions =
            source.rows("embeddings.position_embeddings.weight", [config.max_position_embeddings, width])?.to_f32();
        let types = source.rows("embeddings.token_type_embeddings.weight", [config.type_vocab_size, width])?.to_f32();
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&types).for_each(|(position, token_type)| *position += token_type);
        }
        let norm = source.norm("embeddings.LayerNorm", width)?;
        let layers = Arc::new(files.take("layers.safetensors")?);
        let source = Source::open(&layers, files)?;
        let layers = (0..config.num_hidden_layers).map(|index| source.layer(index, &config)).collect::<Result<_, _>>()?;
        Ok(Self { tokens, positions, norm, layers, config })
    }

    /// The embeddings of tokens with their positions, before normalisation, added to `target`: [tokens, width].
    pub(super) fn add_embeddings(&self, ids: &[u32], target: &mut [f32]) {
        let width = self.config.hidden_size;
        for ((state, &id), position) in target.chunks_exact_mut(width).zip(ids).zip(self.positions.chunks_exact(width)) {
            self.tokens.add(id, state);
            state.iter_mut().zip(position).for_each(|(state, position)| *state += position);
        }
    }

    pub(super) fn epsilon(&self) -> f32 {
        self.config.layer_norm_eps as f32
    }
}

impl BertConfig {
    /// What this runtime runs, in sizes whose products cannot overflow.
    fn check(&self) -> Result<(), String> {
        if self.model_type != "bert" || self.hidden_act != "gelu" {
            return Err(format!("cannot run a `{}` model with `{}`", self.model_type, self.hidden_act));
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
        if self.max_position_embeddings < 3 {
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

/// A safetensors file, whose tensors are asked for with the shape that they must have.
struct Source<'a> {
    file: &'a Arc<Mapping>,
    tensors: SafeTensors<'a>,
    files: &'a LoadedFiles,
}

impl<'a> Source<'a> {
    fn open(file: &'a Arc<Mapping>, files: &'a LoadedFiles) -> Result<Self, ModelError> {
        // The reader checks every offset against the file's length before anything is read.
        let tensors = SafeTensors::deserialize(file).map_err(|error| files.malformed(error.to_string()))?;
        Ok(Self { file, tensors, files })
    }

    fn layer(&self, index: usize, config: &BertConfig) -> Result<Layer, ModelError> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        Ok(Layer {
            qkv: [
                self.linear(&name("attention.self.query"), [width, width])?,
                self.linear(&name("attention.self.key"), [width, width])?,
                self.linear(&name("attention.self.value"), [width, width])?,
            ],
            attention_out: self.linear(&name("attention.output.dense"), [width, width])?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"), width)?,
            up: self.linear(&name("intermediate.dense"), [inner, width])?,
            down: self.linear(&name("output.dense"), [width, inner])?,
            norm: self.norm(&name("output.LayerNorm"), width)?,
        })
    }

    fn linear(&self, name: &str, shape: [usize; 2]) -> Result<Linear, ModelError> {
        Ok(Linear { weight: self.rows(&format!("{name}.weight"), shape)?, bias: self.vector(&format!("{name}.bias"), shape[0])? })
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, ModelError> {
        Ok(Norm { weight: self.vector(&format!("{name}.weight"), width)?, bias: self.vector(&format!("{name}.bias"), width)? })
    }

    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<Rows, ModelError> {
        let values = self.bytes(name, Dtype::I8, &shape)?;
        let scales = self.vector(&format!("{name}.scale"), shape[0])?;
        let start = values.as_ptr() as usize - self.file.as_ptr() as usize;
        Ok(Rows { file: Arc::clone(self.file), values: start..start + values.len(), scales, width: shape[1] })
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
