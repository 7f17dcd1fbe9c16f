//! What a GGUF file's metadata say of a model: its family and its sizes, checked.

use super::gguf::{Gguf, Value};
use crate::model::ModelError;

/// The families of models that are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Llama 2 and 3, Mistral, and what uses their form.
    Llama,
    /// Qwen 3, dense.
    Qwen3,
    /// Gemma 3, text.
    Gemma3,
}

/// The sizes of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The family.
    pub family: Family,
    /// Layers.
    pub layers: usize,
    /// The width of a token's state.
    pub width: usize,
    /// The width within a feed-forward part.
    pub feed_forward: usize,
    /// Heads of a query.
    pub heads: usize,
    /// Heads of a key and a value, shared among those of the query.
    pub shared_heads: usize,
    /// The width of a head.
    pub head_width: usize,
    /// The epsilon of the norms.
    pub epsilon: f32,
    /// Tokens.
    pub vocabulary: usize,
    /// The most tokens that the model was trained to see.
    pub context: usize,
    /// The base of the rotary angles.
    pub rope_base: f64,
    /// What positions are divided by.
    pub rope_divisor: f64,
    /// Local layers: the positions that they see and the base of their angles.
    pub local: Option<Local>,
    /// What a product of query and key is multiplied by.
    pub attention_scale: f32,
}

/// Layers that see the nearest positions alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Local {
    /// The positions that they see, the token's own included.
    pub window: usize,
    /// The base of their rotary angles.
    pub rope_base: f64,
    /// Every so many layers the last one sees all positions.
    pub period: usize,
}

impl Shape {
    /// Reads and checks the sizes.
    ///
    /// # Errors
    /// A family that is not run, a size that is missing or out of bounds, a feature that would be computed wrongly.
    pub fn read(file: &Gguf) -> Result<Self, ModelError> {
        let header = file.header();
        let name =
            header.text("general.architecture").ok_or_else(|| file.fault("it does not say of which architecture it is"))?;
        let family = match name {
            "llama" => Family::Llama,
            "qwen3" => Family::Qwen3,
            "gemma3" => Family::Gemma3,
            other => {
                return Err(file.fault(format!("its architecture is `{other}`: llama, qwen3 and gemma3 can be run")));
            }
        };
        let size = |key: &str, most: u64| {
            let key = format!("{name}.{key}");
            let size = header.whole(&key).ok_or_else(|| file.fault(format!("it does not state `{key}`")))?;
            if (1..=most).contains(&size) {
                Ok(size as usize)
            } else {
                Err(file.fault(format!("`{key}` is {size}: from 1 to {most}")))
            }
        };
        let optional = |key: &str, most: u64| {
            if header.get(&format!("{name}.{key}")).is_some() { size(key, most).map(Some) } else { Ok(None) }
        };
        let real = |key: &str, default: f64| match header.get(&format!("{name}.{key}")) {
            None => Ok(default),
            Some(_) => header
                .real(&format!("{name}.{key}"))
                .filter(|number| *number > 0.0)
                .ok_or_else(|| file.fault(format!("`{name}.{key}` is no number above 0"))),
        };
        let (width, heads) = (size("embedding_length", 1 << 16)?, size("attention.head_count", 1 << 10)?);
        let shared_heads = optional("attention.head_count_kv", 1 << 10)?.unwrap_or(heads);
        let head_width = optional("attention.key_length", 1 << 12)?.unwrap_or(width / heads);
        let layers = size("block_count", 1 << 10)?;
        let local = match family {
            Family::Gemma3 => Some(Local {
                window: size("attention.sliding_window", 1 << 24)?,
                rope_base: real("rope.freq_base_swa", 10_000.0)?,
                period: optional("attention.sliding_window_pattern", 1 << 10)?.unwrap_or(6),
            }),
            _ => None,
        };
        let vocabulary = match header.get("tokenizer.ggml.tokens") {
            Some(Value::Texts(tokens)) if !tokens.is_empty() && tokens.len() <= 1 << 24 => tokens.len(),
            _ => return Err(file.fault("it holds no list of tokens")),
        };
        // The 27-billion model of the family, told by its layers, scales by its width per head.
        let scaled_by = if family == Family::Gemma3 && layers == 62 { width / heads } else { head_width };
        let shape = Self {
            family,
            layers,
            width,
            feed_forward: size("feed_forward_length", 1 << 18)?,
            heads,
            shared_heads,
            head_width,
            epsilon: real("attention.layer_norm_rms_epsilon", 1e-6)? as f32,
            vocabulary,
            context: size("context_length", 1 << 24)?,
            rope_base: real("rope.freq_base", 10_000.0)?,
            rope_divisor: rope_divisor(file, name)?,
            local,
            attention_scale: 1.0 / (scaled_by.max(1) as f32).sqrt(),
        };
        let value_width = optional("attention.value_length", 1 << 12)?.unwrap_or(head_width);
        let turned = optional("rope.dimension_count", 1 << 12)?.unwrap_or(head_width);
        shape.check(value_width, turned).map_err(|fault| file.fault(fault))?;
        Ok(shape)
    }

    fn check(&self, value_width: usize, turned: usize) -> Result<(), String> {
        let Self { width, heads, shared_heads, head_width, feed_forward, .. } = *self;
        if head_width == 0 || !head_width.is_multiple_of(16) || value_width != head_width || turned != head_width {
            return Err(format!(
                "heads of {head_width} with values of {value_width}, of which {turned} are turned: heads of a multiple of 16 that are \
                 turned whole can be run"
            ));
        }
        if !heads.is_multiple_of(shared_heads) {
            return Err(format!("{heads} heads cannot share {shared_heads} evenly"));
        }
        if !width.is_multiple_of(32) || !feed_forward.is_multiple_of(32) || !(heads * head_width).is_multiple_of(32) {
            return Err(format!("widths of {width} and {feed_forward}: multiples of 32 can be run"));
        }
        Ok(())
    }

    /// The window of a layer, where it has one.
    pub fn window(&self, layer: usize) -> Option<usize> {
        self.local.filter(|local| !(layer + 1).is_multiple_of(local.period)).map(|local| local.window)
    }
}

/// What global positions are divided by. Other scalings than the linear one would be computed wrongly, and are refused; Llama 3's
/// comes as a tensor of factors.
fn rope_divisor(file: &Gguf, name: &str) -> Result<f64, ModelError> {
    let header = file.header();
    let key = format!("{name}.rope.scaling.type");
    match header.text(&key) {
        None | Some("none") => Ok(1.0),
        Some("linear") => header
            .real(&format!("{name}.rope.scaling.factor"))
            .filter(|factor| *factor >= 1.0)
            .ok_or_else(|| file.fault("its rotary scaling has no factor of 1 or more")),
        Some(other) => Err(file.fault(format!("`{key}` is `{other}`: `linear` and none can be run"))),
    }
}
