//! Weights of an encoder, and of the head above it, out of a checkpoint.

use std::sync::Arc;

use scrutineer_kernels::Mapping;

use super::ModelError;
use super::checkpoint::{Linear, Norm, Rows, Source};
use super::config::EncoderConfig;
use super::registry::LoadedFiles;

/// The weights of an encoder. Matrices stay in the mapped files.
#[derive(Debug)]
pub struct EncoderWeights {
    pub(super) config: EncoderConfig,
    /// The embedding of each token: [ids, width].
    tokens: Rows,
    /// [positions from the first token's, width], the embedding of token type 0 added.
    positions: Vec<f32>,
    /// What token type 1 adds beyond type 0; none where there is one type.
    second_type: Option<Vec<f32>>,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
    /// Where the head lies.
    head: Arc<Mapping>,
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

/// What an encoder reads: the token ids of a text or of a pair of texts, special tokens included.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// The ids.
    pub ids: &'a [u32],
    /// Where the tokens of type 1 begin: those of the second text of a pair, for a model that tells them apart by type.
    pub second: usize,
}

impl<'a> Sequence<'a> {
    /// One text.
    pub fn of(ids: &'a [u32]) -> Self {
        Self { ids, second: ids.len() }
    }
}

impl EncoderWeights {
    /// Takes `config.json` and the weights from a model's files: `model.safetensors`, or `embeddings.safetensors` and
    /// `layers.safetensors`.
    ///
    /// # Errors
    /// A missing tensor, a shape that the configuration does not give, an architecture that this runtime does not run.
    pub fn load(files: &mut LoadedFiles) -> Result<Self, ModelError> {
        let config = files.take("config.json")?;
        let config = EncoderConfig::parse(&config).map_err(|fault| files.malformed(format!("config.json: {fault}")))?;
        let [embeddings, layers] = match files.take("model.safetensors") {
            Ok(whole) => {
                let whole = Arc::new(whole);
                [Arc::clone(&whole), whole]
            }
            Err(_) => [Arc::new(files.take("embeddings.safetensors")?), Arc::new(files.take("layers.safetensors")?)],
        };
        let width = config.hidden_size;
        let source = Source::open(&embeddings, files)?.below(config.prefix());
        let tokens = source.rows("embeddings.word_embeddings.weight", [config.vocab_size, width])?;
        let positions = source.rows("embeddings.position_embeddings.weight", [config.max_position_embeddings, width])?;
        let mut positions = positions.to_f32().split_off(config.first_position() * width);
        let types = source.rows("embeddings.token_type_embeddings.weight", [config.type_vocab_size, width])?.to_f32();
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&types).for_each(|(position, token_type)| *position += token_type);
        }
        let second_type = types.get(width..2 * width).map(|second| second.iter().zip(&types).map(|(b, a)| b - a).collect());
        let norm = source.norm("embeddings.LayerNorm", width)?;
        let source = Source::open(&layers, files)?.below(config.prefix());
        let layers_read = (0..config.num_hidden_layers).map(|index| layer(&source, index, &config)).collect::<Result<_, _>>()?;
        Ok(Self { tokens, positions, second_type, norm, layers: layers_read, head: layers, config })
    }

    /// The embeddings of tokens with their positions, before normalisation, added to `target`: [tokens, width].
    pub(super) fn add_embeddings(&self, sequence: Sequence<'_>, target: &mut [f32]) {
        let width = self.config.hidden_size;
        let tokens = sequence.ids.iter().zip(self.positions.chunks_exact(width)).enumerate();
        for (state, (at, (&id, position))) in target.chunks_exact_mut(width).zip(tokens) {
            self.tokens.add(id, state);
            state.iter_mut().zip(position).for_each(|(state, position)| *state += position);
            if let Some(second) = self.second_type.as_ref().filter(|_| at >= sequence.second) {
                state.iter_mut().zip(second).for_each(|(state, second)| *state += second);
            }
        }
    }

    /// A linear layer of the head: [out, in]. A name that begins with `.` is below the encoder's own prefix.
    pub(super) fn head(&self, files: &LoadedFiles, name: &str, shape: [usize; 2]) -> Result<Linear, ModelError> {
        let source = Source::open(&self.head, files)?;
        match name.strip_prefix('.') {
            Some(name) => source.below(self.config.prefix()).linear(name, shape),
            None => source.linear(name, shape),
        }
    }

    pub(super) fn epsilon(&self) -> f32 {
        self.config.layer_norm_eps as f32
    }
}

fn layer(source: &Source<'_>, index: usize, config: &EncoderConfig) -> Result<Layer, ModelError> {
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let name = |part: &str| format!("encoder.layer.{index}.{part}");
    Ok(Layer {
        qkv: [
            source.linear(&name("attention.self.query"), [width, width])?,
            source.linear(&name("attention.self.key"), [width, width])?,
            source.linear(&name("attention.self.value"), [width, width])?,
        ],
        attention_out: source.linear(&name("attention.output.dense"), [width, width])?,
        attention_norm: source.norm(&name("attention.output.LayerNorm"), width)?,
        up: source.linear(&name("intermediate.dense"), [inner, width])?,
        down: source.linear(&name("output.dense"), [width, inner])?,
        norm: source.norm(&name("output.LayerNorm"), width)?,
    })
}
