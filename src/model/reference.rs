//! The encoder in plain f32 Candle operations: differentiable, slow, and what the fast one is held against.

use candle_core::{D, Device, Tensor};

use super::ModelError;
use super::checkpoint::{Linear, Norm};
use super::weights::{EncoderWeights, Sequence};

/// The encoder as Candle tensors of f32.
pub struct Reference {
    norm: TensorNorm,
    layers: Vec<TensorLayer>,
    heads: usize,
    width: usize,
}

struct TensorLayer {
    qkv: [TensorLinear; 3],
    attention_out: TensorLinear,
    attention_norm: TensorNorm,
    up: TensorLinear,
    down: TensorLinear,
    norm: TensorNorm,
}

struct TensorLinear {
    /// [in, out].
    weight: Tensor,
    bias: Tensor,
}

struct TensorNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl Reference {
    /// The weights of an encoder in f32.
    ///
    /// # Errors
    /// What Candle says.
    pub fn new(weights: &EncoderWeights) -> Result<Self, ModelError> {
        let epsilon = weights.config.layer_norm_eps;
        let mut layers = Vec::with_capacity(weights.layers.len());
        for layer in &weights.layers {
            let [query, key, value] = &layer.qkv;
            layers.push(TensorLayer {
                qkv: [TensorLinear::new(query)?, TensorLinear::new(key)?, TensorLinear::new(value)?],
                attention_out: TensorLinear::new(&layer.attention_out)?,
                attention_norm: TensorNorm::new(&layer.attention_norm, epsilon)?,
                up: TensorLinear::new(&layer.up)?,
                down: TensorLinear::new(&layer.down)?,
                norm: TensorNorm::new(&layer.norm, epsilon)?,
            });
        }
        let norm = TensorNorm::new(&weights.norm, epsilon)?;
        Ok(Self { norm, layers, heads: weights.config.num_attention_heads, width: weights.config.hidden_size })
    }

    /// The last layer's states of one sequence: [tokens, width].
    ///
    /// # Errors
    /// What Candle says.
    pub fn states(&self, weights: &EncoderWeights, sequence: Sequence<'_>) -> Result<Tensor, ModelError> {
        let tokens = sequence.ids.len();
        let mut embeddings = vec![0.0; tokens * self.width];
        weights.add_embeddings(sequence, &mut embeddings);
        let mut states = self.norm.apply(&Tensor::from_vec(embeddings, (tokens, self.width), &Device::Cpu)?)?;
        for layer in &self.layers {
            let context = self.attention(layer, &states)?;
            states = layer.attention_norm.apply(&(layer.attention_out.apply(&context)? + states)?)?;
            let inner = layer.up.apply(&states)?.gelu_erf()?;
            states = layer.norm.apply(&(layer.down.apply(&inner)? + states)?)?;
        }
        Ok(states)
    }

    fn attention(&self, layer: &TensorLayer, states: &Tensor) -> Result<Tensor, ModelError> {
        let tokens = states.dim(0)?;
        let head = self.width / self.heads;
        let part = |linear: &TensorLinear| {
            let part = linear.apply(states)?.reshape((tokens, self.heads, head))?.transpose(0, 1)?.contiguous()?;
            Ok::<_, ModelError>(part)
        };
        let [query, key, value] = &layer.qkv;
        let (query, key, value) = (part(query)?, part(key)?, part(value)?);
        let scores = (query.matmul(&key.transpose(1, 2)?.contiguous()?)? / (head as f64).sqrt())?;
        // Not candle-nn's fused softmax, which has no backward pass.
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let attention = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
        Ok(attention.matmul(&value)?.transpose(0, 1)?.contiguous()?.reshape((tokens, self.width))?)
    }
}

impl TensorLinear {
    fn new(linear: &Linear) -> Result<Self, ModelError> {
        let (outputs, inputs) = (linear.bias.len(), linear.weight.width());
        let weight = Tensor::from_vec(linear.weight.to_f32(), (outputs, inputs), &Device::Cpu)?.t()?;
        Ok(Self { weight, bias: Tensor::from_slice(&linear.bias, outputs, &Device::Cpu)? })
    }

    fn apply(&self, input: &Tensor) -> Result<Tensor, ModelError> {
        Ok(input.matmul(&self.weight)?.broadcast_add(&self.bias)?)
    }
}

impl TensorNorm {
    fn new(norm: &Norm, epsilon: f64) -> Result<Self, ModelError> {
        let part = |values: &[f32]| Tensor::from_slice(values, values.len(), &Device::Cpu);
        Ok(Self { weight: part(&norm.weight)?, bias: part(&norm.bias)?, epsilon })
    }

    /// From basic operations, which unlike Candle's fused one can be differentiated.
    fn apply(&self, values: &Tensor) -> Result<Tensor, ModelError> {
        let centred = values.broadcast_sub(&values.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let scaled = centred.broadcast_div(&(variance + self.epsilon)?.sqrt()?)?;
        Ok(scaled.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)?)
    }
}
