//! Tensors of a checkpoint in safetensors: int8 with a scale per row, f32, f16 or bf16, left where they lie in the mapped file.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use scrutineer_kernels::Mapping;

use super::ModelError;
use super::registry::LoadedFiles;

/// A matrix as it lies in a mapped file.
#[derive(Debug)]
pub(super) struct Rows {
    file: Arc<Mapping>,
    /// Where in the file: the bytes of whole rows.
    values: Range<usize>,
    kind: Kind,
    count: usize,
    width: usize,
}

/// How numbers are written.
#[derive(Debug)]
enum Kind {
    /// int8, with a scale for each row.
    Bytes(Vec<f32>),
    Single,
    Half,
    Brain,
}

/// A linear layer: `weight` is [out, in].
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

impl Rows {
    /// The length of a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Adds a row to `target`. Rows beyond the matrix count as its last.
    pub(super) fn add(&self, row: u32, target: &mut [f32]) {
        let row = (row as usize).min(self.count.saturating_sub(1));
        self.for_each(row, |at, value| target[at] += value);
    }

    /// All rows in f32, one after the other.
    pub(super) fn to_f32(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.count * self.width];
        for (row, target) in values.chunks_exact_mut(self.width).enumerate() {
            self.for_each(row, |at, value| target[at] = value);
        }
        values
    }

    /// The rows as int8, each with its scale: as they lie there, or rounded so that the largest of a row becomes 127 (as
    /// `training/make_base.py` does it).
    pub(super) fn levels(&self) -> Vec<(Cow<'_, [i8]>, f32)> {
        if let Kind::Bytes(scales) = &self.kind {
            let rows = self.file.signed()[self.values.clone()].chunks_exact(self.width);
            return rows.map(Cow::Borrowed).zip(scales.iter().copied()).collect();
        }
        let mut single = vec![0.0; self.width];
        let rows = (0..self.count).map(|row| {
            self.for_each(row, |at, value| single[at] = value);
            let largest = single.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            (Cow::Owned(single.iter().map(|value| (value / scale).round_ties_even() as i8).collect()), scale)
        });
        rows.collect()
    }

    fn for_each(&self, row: usize, mut take: impl FnMut(usize, f32)) {
        let bytes = |size: usize| &self.file[self.values.start + row * self.width * size..][..self.width * size];
        match &self.kind {
            Kind::Bytes(scales) => {
                let values = &self.file.signed()[self.values.start + row * self.width..][..self.width];
                values.iter().enumerate().for_each(|(at, value)| take(at, f32::from(*value) * scales[row]));
            }
            Kind::Single => singles(bytes(4)).enumerate().for_each(|(at, value)| take(at, value)),
            Kind::Half => halves(bytes(2)).enumerate().for_each(|(at, value)| take(at, value)),
            Kind::Brain => brains(bytes(2)).enumerate().for_each(|(at, value)| take(at, value)),
        }
    }
}

fn singles(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

fn halves(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32())
}

fn brains(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<2>().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32())
}

/// A safetensors file, whose tensors are asked for with the shape that they must have.
pub(super) struct Source<'a> {
    file: &'a Arc<Mapping>,
    tensors: SafeTensors<'a>,
    files: &'a LoadedFiles,
    /// What the names begin with.
    prefix: &'static str,
}

impl<'a> Source<'a> {
    pub(super) fn open(file: &'a Arc<Mapping>, files: &'a LoadedFiles) -> Result<Self, ModelError> {
        // The reader checks every offset against the file's length before anything is read.
        let tensors = SafeTensors::deserialize(file).map_err(|error| files.malformed(error.to_string()))?;
        Ok(Self { file, tensors, files, prefix: "" })
    }

    /// The tensors below a prefix, where there are any.
    pub(super) fn below(mut self, prefix: &'static str) -> Self {
        if self.tensors.iter().any(|(name, _)| name.starts_with(prefix)) {
            self.prefix = prefix;
        }
        self
    }

    /// A linear layer of [out, in].
    pub(super) fn linear(&self, name: &str, shape: [usize; 2]) -> Result<Linear, ModelError> {
        Ok(Linear { weight: self.rows(&format!("{name}.weight"), shape)?, bias: self.vector(&format!("{name}.bias"), shape[0])? })
    }

    pub(super) fn norm(&self, name: &str, width: usize) -> Result<Norm, ModelError> {
        Ok(Norm { weight: self.vector(&format!("{name}.weight"), width)?, bias: self.vector(&format!("{name}.bias"), width)? })
    }

    /// A matrix of [rows, width].
    pub(super) fn rows(&self, name: &str, shape: [usize; 2]) -> Result<Rows, ModelError> {
        let (dtype, values) = self.tensor(name, &shape)?;
        let kind = match dtype {
            Dtype::I8 => Kind::Bytes(self.vector(&format!("{name}.scale"), shape[0])?),
            Dtype::F32 => Kind::Single,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::Brain,
            other => return Err(self.unread(name, other)),
        };
        let start = values.as_ptr() as usize - self.file.as_ptr() as usize;
        let [count, width] = shape;
        Ok(Rows { file: Arc::clone(self.file), values: start..start + values.len(), kind, count, width })
    }

    pub(super) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
        let (dtype, bytes) = self.tensor(name, &[length])?;
        let values: Vec<f32> = match dtype {
            Dtype::F32 => singles(bytes).collect(),
            Dtype::F16 => halves(bytes).collect(),
            Dtype::BF16 => brains(bytes).collect(),
            other => return Err(self.unread(name, other)),
        };
        // One such number makes every state it touches meaningless, and says nothing.
        if values.iter().any(|value| !value.is_finite()) {
            return Err(self.files.malformed(format!("tensor {}{name} holds numbers that are not finite", self.prefix)));
        }
        Ok(values)
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<(Dtype, &'a [u8]), ModelError> {
        let name = format!("{}{name}", self.prefix);
        let tensor = self.tensors.tensor(&name).map_err(|error| self.files.malformed(format!("tensor {name}: {error}")))?;
        if tensor.shape() != shape {
            return Err(self.files.malformed(format!("tensor {name} is {:?}, not {shape:?}", tensor.shape())));
        }
        Ok((tensor.dtype(), tensor.data()))
    }

    fn unread(&self, name: &str, dtype: Dtype) -> ModelError {
        self.files.malformed(format!(
            "tensor {}{name} is {dtype:?}; this runtime reads F32, F16, BF16, and I8 with a scale",
            self.prefix
        ))
    }
}
