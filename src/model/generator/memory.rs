//! What a model keeps of the tokens that it has read: their keys and values, in a room of fixed size.

use scrutineer_kernels::Kept;

use super::rotary::Rotary;
use super::shape::Shape;

/// The keys and values of the tokens read, for every layer. All of it is allocated at the start.
#[derive(Debug)]
pub(super) struct Memory {
    tokens: Vec<u32>,
    capacity: usize,
    head_width: usize,
    shared_heads: usize,
    layers: Vec<Pair>,
    /// The angles of layers that see all positions, and of local ones.
    global: Rotary,
    local: Option<Rotary>,
}

/// Keys and values of a layer: [shared heads, capacity, head width].
#[derive(Debug)]
struct Pair {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Memory {
    /// Room for `capacity` tokens, none read.
    pub(super) fn new(shape: &Shape, rope_factors: Option<&[f32]>, capacity: usize) -> Self {
        let size = shape.shared_heads * capacity * shape.head_width;
        let width = shape.head_width;
        Self {
            tokens: Vec::with_capacity(capacity),
            capacity,
            head_width: width,
            shared_heads: shape.shared_heads,
            layers: (0..shape.layers).map(|_| Pair { keys: vec![0.0; size], values: vec![0.0; size] }).collect(),
            global: Rotary::new(width, shape.rope_base, shape.rope_divisor, rope_factors, capacity),
            local: shape.local.map(|local| Rotary::new(width, local.rope_base, 1.0, None, capacity)),
        }
    }

    /// The bytes that room for `capacity` tokens takes; none where they cannot be counted.
    pub(super) fn bytes(shape: &Shape, capacity: usize) -> Option<usize> {
        let per_token = shape.layers.checked_mul(2 * size_of::<f32>())?.checked_mul(shape.shared_heads * shape.head_width)?;
        per_token.checked_mul(capacity)
    }

    /// The number of tokens read.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The tokens read.
    pub(super) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The tokens that there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets all tokens but the first `length`.
    pub(super) fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
    }

    /// Counts tokens as read, whose keys and values every layer has written.
    pub(super) fn keep(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// The cosines and sines of `count` positions from `first`.
    pub(super) fn angles(&self, local: bool, first: usize, count: usize) -> (&[f32], &[f32]) {
        self.local.as_ref().filter(|_| local).unwrap_or(&self.global).of(first, count)
    }

    /// Writes the keys and values of rows of heads, side by side, behind those of the tokens read.
    pub(super) fn write(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        let (width, size) = (self.head_width, self.capacity * self.head_width);
        let first = self.tokens.len();
        let Pair { keys: kept_keys, values: kept_values } = &mut self.layers[layer];
        for (rows, kept) in [(keys, kept_keys), (values, kept_values)] {
            for (row, heads) in rows.chunks_exact(self.shared_heads * width).enumerate() {
                for (head, numbers) in heads.chunks_exact(width).enumerate() {
                    kept[head * size + (first + row) * width..][..width].copy_from_slice(numbers);
                }
            }
        }
    }

    /// The keys and values of a layer.
    pub(super) fn kept(&self, layer: usize) -> Kept<'_> {
        let Pair { keys, values } = &self.layers[layer];
        Kept { keys, values, capacity: self.capacity }
    }
}
