//! The encoder in plain Candle operations: differentiable, slow, and what the fast one is held against.

use candle_core::{D, Device, Tensor};

use super::ModelError;
use super::encoder::Encoder;
use super::input::Role;
use super::weights::{Layer, Linear, Norm};

/// The last layer's states of a text, [tokens, width], by Candle's own operations on the same weights.
///
/// # Errors
/// What the tokenizer and Candle say.
pub fn states(encoder: &Encoder, role: Role, text: &str) -> Result<Tensor, ModelError> {
    let tokens = encoder.tokens(role, text)?;
    let weights = encoder.weights();
    let width = encoder.width();
    let mut states = Tensor::from_vec(weights.embedded(&tokens.ids), (tokens.ids.len(), width), &Device::Cpu)?;
    for layer in &weights.layers {
        states = apply(layer, &states, weights.config.num_attention_heads, weights.config.layer_norm_eps)?;
    }
    Ok(states)
}

fn apply(layer: &Layer, states: &Tensor, heads: usize, epsilon: f64) -> Result<Tensor, ModelError> {
    let (tokens, width) = states.dims2()?;
    let head = width / heads;
    let qkv = linear(states, &layer.qkv)?.reshape((tokens, 3, heads, head))?;
    let part = |index: usize| qkv.narrow(1, index, 1)?.squeeze(1)?.transpose(0, 1)?.contiguous();
    let (query, key, value) = (part(0)?, part(1)?, part(2)?);
    let scores = (query.matmul(&key.transpose(1, 2)?.contiguous()?)? / (head as f64).sqrt())?;
    let attention = candle_nn::ops::softmax(&scores, D::Minus1)?;
    let context = attention.matmul(&value)?.transpose(0, 1)?.contiguous()?.reshape((tokens, width))?;
    let states = norm(&(linear(&context, &layer.attention_out)? + states)?, &layer.attention_norm, epsilon)?;
    let inner = linear(&states, &layer.up)?.gelu_erf()?;
    norm(&(linear(&inner, &layer.down)? + states)?, &layer.norm, epsilon)
}

fn linear(input: &Tensor, linear: &Linear) -> Result<Tensor, ModelError> {
    let outputs = linear.bias.len();
    let weight = Tensor::from_slice(&linear.weight, (outputs, linear.weight.len() / outputs), &Device::Cpu)?;
    let bias = Tensor::from_slice(&linear.bias, outputs, &Device::Cpu)?;
    Ok(input.matmul(&weight.t()?)?.broadcast_add(&bias)?)
}

/// Layer normalisation from basic operations, which unlike Candle's fused one can be differentiated.
fn norm(values: &Tensor, norm: &Norm, epsilon: f64) -> Result<Tensor, ModelError> {
    let centred = values.broadcast_sub(&values.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let scaled = centred.broadcast_div(&(variance + epsilon)?.sqrt()?)?;
    let part = |values: &[f32]| Tensor::from_slice(values, values.len(), &Device::Cpu);
    Ok(scaled.broadcast_mul(&part(&norm.weight)?)?.broadcast_add(&part(&norm.bias)?)?)
}
