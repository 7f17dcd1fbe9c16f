//! The layers of a model: from tokens to the scores of the next one.
//!
//! Llama, Qwen 3 and Gemma 3 are one form with differences, each in one place: the norms of query and key (Qwen, Gemma), the norms
//! after attention and feed-forward (Gemma), the pairs that rotary positions turn (neighbours in Llama, whose weights GGUF permutes,
//! halves elsewhere), the gate (SiLU, GELU in Gemma), local layers with angles of their own (Gemma), the embedding scaled by the
//! root of its width (Gemma, whose norms hold 1 + weight in GGUF already).

use rayon::prelude::*;
use scrutineer_kernels::{
    BlockMatrix, BlockScratch, Gate, Kept, PANEL, Pairs, Profile, QueryHeads, add, attention_over, gated, rms_norm,
    rms_norm_in_place, rotate,
};

use super::blocks::{self, Taken};
use super::gguf::Gguf;
use super::memory::Memory;
use super::shape::{Family, Shape};
use crate::model::ModelError;
use crate::model::arithmetic::Arithmetic;

/// Rows that go through the layers together: enough that widening the weights costs little.
pub(super) const ROWS: usize = 256;

/// The weights of a model.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) shape: Shape,
    /// The embedding of each token, a row each; also what scores the next token where there is no `output`.
    tokens: BlockMatrix,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    output: Option<BlockMatrix>,
    /// Factors of the rotary angles, one per pair (Llama 3).
    pub(super) rope_factors: Option<Vec<f32>>,
    /// The types of numbers that were rounded to bytes, by name.
    pub(super) requantised: Vec<&'static str>,
}

/// One layer. Matrices are [outputs, inputs].
#[derive(Debug)]
struct Layer {
    attention_norm: Vec<f32>,
    query: BlockMatrix,
    key: BlockMatrix,
    value: BlockMatrix,
    attention_out: BlockMatrix,
    /// Norms of each head of query and key.
    head_norms: Option<[Vec<f32>; 2]>,
    feed_forward_norm: Vec<f32>,
    gate: BlockMatrix,
    up: BlockMatrix,
    down: BlockMatrix,
    /// Norms of what attention and feed-forward add.
    post_norms: Option<[Vec<f32>; 2]>,
}

/// How the work is done: the form of the kernels, and the threads that share it.
#[derive(Debug)]
pub(super) struct Compute {
    pub(super) profile: Profile,
    /// More threads than the calling one, where there are any. Their number changes no bit.
    pub(super) threads: Option<rayon::ThreadPool>,
}

impl Compute {
    /// The kernels of an arithmetic, on as many threads.
    ///
    /// # Errors
    /// Where threads cannot be started.
    pub(super) fn new(arithmetic: Arithmetic, threads: usize) -> Result<Self, ModelError> {
        let profile = match arithmetic {
            Arithmetic::Bytes(profile) | Arithmetic::Single(profile) => profile,
            Arithmetic::Reference => Profile::portable(),
        };
        let threads = match threads {
            0 | 1 => None,
            several => Some(rayon::ThreadPoolBuilder::new().num_threads(several).build().map_err(ModelError::Threads)?),
        };
        Ok(Self { profile, threads })
    }
}

/// Buffers that calls share.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    state: Vec<f32>,
    normal: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    context: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    added: Vec<f32>,
    scores: Vec<f32>,
    scratch: BlockScratch,
}

impl Network {
    /// Takes the weights of a file over; whatever else the file holds is refused, as leaving it out would compute another model.
    ///
    /// # Errors
    /// A tensor that is missing, of another shape or unknown, or whose numbers cannot be used.
    pub(super) fn load(file: &Gguf) -> Result<Self, ModelError> {
        let shape = Shape::read(file)?;
        let source = Source { file, shape: &shape };
        source.refuse_unknown()?;
        // Checked before anything is built: a false header costs nothing.
        let tokens = source.matrix("token_embd.weight", shape.width, shape.vocabulary)?;
        let layers = (0..shape.layers).into_par_iter().map(|index| source.layer(index)).collect::<Result<Vec<_>, _>>()?;
        let norm = source.norm("output_norm.weight", shape.width)?;
        let has_output = file.header().has_tensor("output.weight");
        let output = has_output.then(|| source.matrix("output.weight", shape.width, shape.vocabulary)).transpose()?;
        let has_factors = file.header().has_tensor("rope_freqs.weight");
        let rope_factors = has_factors.then(|| source.norm("rope_freqs.weight", shape.head_width / 2)).transpose()?;
        if rope_factors.iter().flatten().any(|factor| *factor <= 0.0) {
            return Err(file.fault("tensor `rope_freqs.weight`: a factor that is not above 0"));
        }
        let mut requantised: Vec<_> = file.header().tensor_names().filter_map(|name| file.header().tensor(name)).collect();
        requantised.retain(|info| info.outputs > 1 && info.block.taken() == Taken::Requantised);
        let mut requantised: Vec<&str> = requantised.iter().map(|info| info.block.name()).collect();
        requantised.sort_unstable();
        requantised.dedup();
        Ok(Self { tokens, layers, norm, output, rope_factors, requantised, shape })
    }

    /// The bytes that the weights take.
    pub(super) fn bytes(&self) -> usize {
        let of_layer = |layer: &Layer| -> usize {
            let matrices = [&layer.query, &layer.key, &layer.value, &layer.attention_out, &layer.gate, &layer.up, &layer.down];
            matrices.iter().map(|matrix| matrix.bytes()).sum()
        };
        let ends = self.tokens.bytes() + self.output.as_ref().map_or(0, BlockMatrix::bytes);
        ends + self.layers.iter().map(of_layer).sum::<usize>()
    }

    /// Reads at most [`ROWS`] tokens after those that the memory holds, and keeps them there; gives the scores of the token after
    /// the last, where they are wanted.
    ///
    /// Tokens must be below the vocabulary's size, and the memory must have room: the caller sees to both.
    pub(super) fn read(
        &self,
        tokens: &[u32],
        memory: &mut Memory,
        buffers: &mut Buffers,
        compute: &Compute,
        logits: Option<&mut Vec<f32>>,
    ) {
        let shape = &self.shape;
        let (rows, width) = (tokens.len(), shape.width);
        self.embed(tokens, &mut buffers.state);
        for (index, layer) in self.layers.iter().enumerate() {
            self.attend(index, layer, rows, memory, buffers, compute);
            self.feed_forward(layer, rows, buffers, compute);
        }
        memory.keep(tokens);
        if let Some(logits) = logits {
            let Buffers { state, normal, scratch, .. } = buffers;
            normal.resize(width, 0.0);
            rms_norm(compute.profile, &state[(rows - 1) * width..], &self.norm, shape.epsilon, normal);
            logits.resize(shape.vocabulary, 0.0);
            compute.product(self.output.as_ref().unwrap_or(&self.tokens), normal, scratch, logits);
        }
    }

    fn embed(&self, tokens: &[u32], state: &mut Vec<f32>) {
        let width = self.shape.width;
        state.resize(tokens.len() * width, 0.0);
        for (state, token) in state.chunks_exact_mut(width).zip(tokens) {
            self.tokens.weights(*token as usize, state);
        }
        if self.shape.family == Family::Gemma3 {
            let scale = (width as f32).sqrt();
            state.iter_mut().for_each(|value| *value *= scale);
        }
    }

    fn attend(&self, index: usize, layer: &Layer, rows: usize, memory: &mut Memory, buffers: &mut Buffers, compute: &Compute) {
        let (shape, profile) = (&self.shape, compute.profile);
        let (wide, narrow) = (shape.heads * shape.head_width, shape.shared_heads * shape.head_width);
        let Buffers { state, normal, query, key, value, context, added, scores, scratch, .. } = buffers;
        for (buffer, length) in
            [(&mut *normal, shape.width), (query, wide), (key, narrow), (value, narrow), (context, wide), (added, shape.width)]
        {
            buffer.resize(rows * length, 0.0);
        }
        rms_norm(profile, state, &layer.attention_norm, shape.epsilon, normal);
        for (matrix, target) in [(&layer.query, &mut *query), (&layer.key, &mut *key), (&layer.value, &mut *value)] {
            compute.product(matrix, normal, scratch, target);
        }
        if let Some([of_query, of_key]) = &layer.head_norms {
            rms_norm_in_place(profile, query, of_query, shape.epsilon);
            rms_norm_in_place(profile, key, of_key, shape.epsilon);
        }
        let window = shape.window(index);
        let (first, pairs) = (memory.len(), self.pairs());
        let (cosines, sines) = memory.angles(window.is_some(), first, rows);
        rotate(profile, query, shape.head_width, pairs, cosines, sines);
        rotate(profile, key, shape.head_width, pairs, cosines, sines);
        memory.write(index, key, value);
        let heads = QueryHeads {
            count: shape.heads,
            shared: shape.shared_heads,
            width: shape.head_width,
            scale: shape.attention_scale,
            window,
        };
        compute.attention(query, first, heads, memory.kept(index), scores, context);
        compute.product(&layer.attention_out, context, scratch, added);
        if let Some([after_attention, _]) = &layer.post_norms {
            rms_norm_in_place(profile, added, after_attention, shape.epsilon);
        }
        add(profile, state, added);
    }

    fn feed_forward(&self, layer: &Layer, rows: usize, buffers: &mut Buffers, compute: &Compute) {
        let (shape, profile) = (&self.shape, compute.profile);
        let Buffers { state, normal, gate, up, added, scratch, .. } = buffers;
        gate.resize(rows * shape.feed_forward, 0.0);
        up.resize(rows * shape.feed_forward, 0.0);
        rms_norm(profile, state, &layer.feed_forward_norm, shape.epsilon, normal);
        compute.product(&layer.gate, normal, scratch, gate);
        compute.product(&layer.up, normal, scratch, up);
        gated(profile, if shape.family == Family::Gemma3 { Gate::GeluTanh } else { Gate::Silu }, gate, up);
        compute.product(&layer.down, gate, scratch, added);
        if let Some([_, after_feed_forward]) = &layer.post_norms {
            rms_norm_in_place(profile, added, after_feed_forward, shape.epsilon);
        }
        add(profile, state, added);
    }

    fn pairs(&self) -> Pairs {
        if self.shape.family == Family::Llama { Pairs::Neighbours } else { Pairs::Halves }
    }
}

impl Compute {
    /// `output = input * weightᵀ`, parted among the threads: outputs of one row, or rows.
    fn product(&self, matrix: &BlockMatrix, input: &[f32], scratch: &mut BlockScratch, output: &mut [f32]) {
        let Some(threads) = &self.threads else { return matrix.apply(self.profile, input, scratch, output) };
        let count = threads.current_num_threads();
        let rows = input.len() / matrix.inputs();
        threads.install(|| {
            if rows == 1 {
                let part = matrix.outputs().div_ceil(count).next_multiple_of(PANEL);
                output.par_chunks_mut(part).enumerate().for_each(|(index, output)| {
                    matrix.apply_part(self.profile, input, index * part, &mut BlockScratch::default(), output);
                });
            } else {
                let part = rows.div_ceil(count);
                let outputs = output.par_chunks_mut(part * matrix.outputs());
                outputs.zip(input.par_chunks(part * matrix.inputs())).for_each(|(output, input)| {
                    matrix.apply(self.profile, input, &mut BlockScratch::default(), output);
                });
            }
        });
    }

    fn attention(
        &self,
        query: &[f32],
        first: usize,
        heads: QueryHeads,
        kept: Kept<'_>,
        scores: &mut Vec<f32>,
        context: &mut [f32],
    ) {
        let width = heads.count * heads.width;
        let rows = query.len() / width;
        match &self.threads {
            Some(threads) if rows > 1 => threads.install(|| {
                let part = rows.div_ceil(threads.current_num_threads());
                let parts = context.par_chunks_mut(part * width).zip(query.par_chunks(part * width)).enumerate();
                parts.for_each(|(index, (context, query))| {
                    attention_over(self.profile, query, first + index * part, heads, kept, &mut Vec::new(), context);
                });
            }),
            _ => attention_over(self.profile, query, first, heads, kept, scores, context),
        }
    }
}

/// A file whose tensors are asked for with the shape that they must have.
struct Source<'a> {
    file: &'a Gguf,
    shape: &'a Shape,
}

impl Source<'_> {
    fn layer(&self, index: usize) -> Result<Layer, ModelError> {
        let Shape { family, width, feed_forward, heads, shared_heads, head_width, .. } = *self.shape;
        let (wide, narrow) = (heads * head_width, shared_heads * head_width);
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let norms = |first: &str, second: &str, width: usize| -> Result<[Vec<f32>; 2], ModelError> {
            Ok([self.norm(&name(first), width)?, self.norm(&name(second), width)?])
        };
        let normed_heads = family != Family::Llama;
        let normed_after = family == Family::Gemma3;
        Ok(Layer {
            attention_norm: self.norm(&name("attn_norm"), width)?,
            query: self.matrix(&name("attn_q"), width, wide)?,
            key: self.matrix(&name("attn_k"), width, narrow)?,
            value: self.matrix(&name("attn_v"), width, narrow)?,
            attention_out: self.matrix(&name("attn_output"), wide, width)?,
            head_norms: normed_heads.then(|| norms("attn_q_norm", "attn_k_norm", head_width)).transpose()?,
            feed_forward_norm: self.norm(&name("ffn_norm"), width)?,
            gate: self.matrix(&name("ffn_gate"), width, feed_forward)?,
            up: self.matrix(&name("ffn_up"), width, feed_forward)?,
            down: self.matrix(&name("ffn_down"), feed_forward, width)?,
            post_norms: normed_after.then(|| norms("post_attention_norm", "post_ffw_norm", width)).transpose()?,
        })
    }

    fn matrix(&self, name: &str, inputs: usize, outputs: usize) -> Result<BlockMatrix, ModelError> {
        let (info, bytes) = self.file.tensor(name, inputs, outputs)?;
        blocks::matrix(info.block, inputs, outputs, bytes).map_err(|fault| self.file.fault(format!("tensor `{name}`: {fault}")))
    }

    fn norm(&self, name: &str, width: usize) -> Result<Vec<f32>, ModelError> {
        let (info, bytes) = self.file.tensor(name, width, 1)?;
        blocks::floats(info.block, width, bytes).map_err(|fault| self.file.fault(format!("tensor `{name}`: {fault}")))
    }

    /// Refuses a tensor that the family's form has no place for: a bias, an adapter, experts.
    fn refuse_unknown(&self) -> Result<(), ModelError> {
        const OF_MODEL: [&str; 4] = ["token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"];
        const OF_LAYER: [&str; 9] =
            ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"];
        let known = |name: &str| {
            let of_layer = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
            let Some((index, part)) = of_layer else { return OF_MODEL.contains(&name) };
            let Some(part) = part.strip_suffix(".weight") else { return false };
            let by_family = match part {
                "attn_q_norm" | "attn_k_norm" => self.shape.family != Family::Llama,
                "post_attention_norm" | "post_ffw_norm" => self.shape.family == Family::Gemma3,
                _ => OF_LAYER.contains(&part),
            };
            by_family && index.parse::<usize>().is_ok_and(|index| index < self.shape.layers)
        };
        match self.file.header().tensor_names().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => {
                Err(self.file.fault(format!("tensor `{name}` has no place in its architecture as this program runs it")))
            }
        }
    }
}
