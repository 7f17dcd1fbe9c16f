//! GGUF files, read with nothing taken on trust: every count, length and offset is checked against the bytes that are there
//! before anything is allocated or read.
//!
//! The format is that of <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3, little endian. A header
//! costs no more memory than a small multiple of its bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scrutineer_kernels::Mapping;

use super::blocks::BlockType;
use crate::model::ModelError;

/// The most dimensions of a tensor.
const MOST_DIMENSIONS: u32 = 4;
/// Alignments that are accepted: a power of two of at least eight, so that no number lies across its own size.
const ALIGNMENTS: std::ops::RangeInclusive<u64> = 8..=1 << 16;
/// Where no alignment is stated.
const ALIGNMENT: u64 = 32;

/// A GGUF file: mapped, its header read.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: Mapping,
    header: Header,
}

/// What stands before the tensors' data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, TensorInfo>,
}

/// A metadata value. Whole numbers of every width are one kind, as files differ in which they use.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(i128),
    /// A number with a fraction.
    Real(f64),
    /// Yes or no.
    Truth(bool),
    /// A text; bytes that are no UTF-8 are replaced.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// Whole numbers.
    Wholes(Vec<i64>),
    /// Numbers with fractions.
    Reals(Vec<f32>),
    /// Truth values.
    Truths(Vec<bool>),
}

/// A tensor's place and form. Everything in it was checked: the bytes lie within the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// How its numbers are kept.
    pub block: BlockType,
    /// The length of a row: the innermost dimension.
    pub inputs: usize,
    /// The number of rows: the product of the other dimensions.
    pub outputs: usize,
    /// The first byte in the file.
    start: usize,
    /// Its length in bytes.
    length: usize,
}

impl Gguf {
    /// Maps a file and reads its header.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no GGUF file which this program reads: which, and what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = Mapping::open(path)
            .map_err(|error| ModelError::File { path: path.to_owned(), detail: format!("cannot be read: {error}") })?;
        Self::of_mapping(path, file)
    }

    /// Reads the header of a file that is mapped already.
    ///
    /// # Errors
    /// As [`Gguf::open`].
    pub fn of_mapping(path: &Path, file: Mapping) -> Result<Self, ModelError> {
        let header = Header::read(&file).map_err(|detail| ModelError::File { path: path.to_owned(), detail })?;
        Ok(Self { path: path.to_owned(), file, header })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.file
    }

    /// A tensor with its bytes.
    ///
    /// # Errors
    /// Where there is no such tensor, or it is not of `outputs` rows of `inputs` numbers.
    pub fn tensor(&self, name: &str, inputs: usize, outputs: usize) -> Result<(&TensorInfo, &[u8]), ModelError> {
        let Some(info) = self.header.tensors.get(name) else {
            return Err(self.fault(format!("it has no tensor `{name}`")));
        };
        if (info.inputs, info.outputs) != (inputs, outputs) {
            let detail = format!(
                "tensor `{name}` is {} by {}, where its metadata call for {inputs} by {outputs}",
                info.inputs, info.outputs
            );
            return Err(self.fault(detail));
        }
        Ok((info, self.file.get(info.start..info.start + info.length).unwrap_or_default()))
    }

    /// An error about this file.
    pub fn fault(&self, detail: impl Into<String>) -> ModelError {
        ModelError::File { path: self.path.clone(), detail: detail.into() }
    }
}

impl Header {
    /// Reads the header of a file of `bytes`.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(4)? != b"GGUF" {
            return Err("it is no GGUF file".to_owned());
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(format!("it is GGUF of version {version} (or of another byte order); versions 2 and 3 are read"));
        }
        let (tensors, entries) = (reader.u64()?, reader.u64()?);
        let mut header = Self::default();
        // Each entry takes bytes of the file, so a false count ends with the file, not with the memory.
        for _ in 0..entries {
            let key = reader.text()?;
            let kind = reader.u32()?;
            let value = reader.value(kind).map_err(|fault| format!("metadata `{key}`: {fault}"))?;
            if header.metadata.insert(key.clone(), value).is_some() {
                return Err(format!("metadata `{key}` is stated twice"));
            }
        }
        let alignment = match header.metadata.get("general.alignment") {
            None => ALIGNMENT,
            Some(Value::Whole(stated)) => u64::try_from(*stated)
                .ok()
                .filter(|stated| stated.is_power_of_two() && ALIGNMENTS.contains(stated))
                .ok_or_else(|| format!("an alignment of {stated} bytes"))?,
            Some(_) => return Err("an alignment that is no number".to_owned()),
        };
        let mut stated = Vec::new();
        for _ in 0..tensors {
            stated.push(reader.tensor()?);
        }
        let data = (reader.at as u64).next_multiple_of(alignment);
        for (name, shape, block, offset) in stated {
            let info = placed(&shape, block, offset, alignment, data, bytes.len() as u64)
                .map_err(|fault| format!("tensor `{name}`: {fault}"))?;
            if header.tensors.insert(name.clone(), info).is_some() {
                return Err(format!("tensor `{name}` is stated twice"));
            }
        }
        Ok(header)
    }

    /// A metadata value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// The names of the tensors.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor's place and form.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// A text, where the key is there and holds one.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative, where the key is there and holds one.
    pub fn whole(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(Value::Whole(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A number, where the key is there and holds one that is finite.
    pub fn real(&self, key: &str) -> Option<f64> {
        match self.get(key) {
            Some(Value::Real(number)) => Some(*number).filter(|number| number.is_finite()),
            Some(Value::Whole(number)) => Some(*number as f64),
            _ => None,
        }
    }

    /// A truth value, where the key is there and holds one.
    pub fn truth(&self, key: &str) -> Option<bool> {
        match self.get(key) {
            Some(Value::Truth(truth)) => Some(*truth),
            _ => None,
        }
    }
}

/// Where a tensor lies, checked.
fn placed(shape: &[u64], block: u32, offset: u64, alignment: u64, data: u64, file: u64) -> Result<TensorInfo, String> {
    let block = BlockType::of_id(block).ok_or_else(|| format!("numbers of type {block}, which this program does not read"))?;
    let (&inputs, outer) = shape.split_first().ok_or("it has no dimensions")?;
    let outputs = outer.iter().try_fold(1_u64, |product, dimension| product.checked_mul(*dimension));
    let outputs = outputs.ok_or("it has more numbers than a file can hold")?;
    let (numbers, bytes) = block.size();
    if inputs == 0 || outputs == 0 || !inputs.is_multiple_of(numbers) {
        return Err(format!("rows of {inputs} numbers cannot be parted in blocks of {numbers}"));
    }
    let length = (inputs / numbers).checked_mul(bytes).and_then(|row| row.checked_mul(outputs));
    let end = length.and_then(|length| data.checked_add(offset)?.checked_add(length));
    let (Some(length), Some(end)) = (length, end) else { return Err("it has more numbers than a file can hold".to_owned()) };
    if end > file {
        return Err(format!("it ends at byte {end} of a file of {file}: the file is cut off or false"));
    }
    if !offset.is_multiple_of(alignment) {
        return Err(format!("its offset {offset} is no multiple of {alignment}"));
    }
    // All of these are within the file's length, and that is within the memory.
    let within = |number: u64| usize::try_from(number).map_err(|_| "it is larger than the memory".to_owned());
    Ok(TensorInfo {
        block,
        inputs: within(inputs)?,
        outputs: within(outputs)?,
        start: within(data + offset)?,
        length: within(length)?,
    })
}

/// The bytes, and how far they are read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A tensor as stated: name, dimensions from the innermost, type, offset.
type Stated = (String, Vec<u64>, u32, u64);

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let count = usize::try_from(count).ok().filter(|count| *count <= rest.len());
        let count =
            count.ok_or_else(|| "the header goes on beyond the end of the file: the file is cut off or false".to_owned())?;
        self.at += count;
        Ok(&rest[..count])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N as u64)?);
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.u64()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn value(&mut self, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            8 => Value::Text(self.text()?),
            9 => {
                let kind = self.u32()?;
                let count = self.u64()?;
                self.values(kind, count)?
            }
            _ => self.number(kind)?,
        })
    }

    /// A value that is neither text nor list.
    fn number(&mut self, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Whole(i128::from(u8::from_le_bytes(self.array()?))),
            1 => Value::Whole(i128::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Whole(i128::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Whole(i128::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Whole(i128::from(self.u32()?)),
            5 => Value::Whole(i128::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Real(f64::from(f32::from_le_bytes(self.array()?))),
            7 => Value::Truth(self.array::<1>()? != [0]),
            10 => Value::Whole(i128::from(self.u64()?)),
            11 => Value::Whole(i128::from(i64::from_le_bytes(self.array()?))),
            12 => Value::Real(f64::from_le_bytes(self.array()?)),
            other => return Err(format!("a value of type {other}, which this program does not read")),
        })
    }

    /// A list of one kind. Lists of lists are not used by any model that this program runs, and refused.
    fn values(&mut self, kind: u32, count: u64) -> Result<Value, String> {
        let least: u64 = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            other => return Err(format!("a list of values of type {other}, which this program does not read")),
        };
        let left = (self.bytes.len() - self.at) as u64;
        if count.checked_mul(least).is_none_or(|needed| needed > left) {
            return Err(format!("a list of {count} values, where {left} bytes are left"));
        }
        let count = 0..count;
        Ok(match kind {
            6 | 12 => Value::Reals(count.map(|_| self.number(kind).map(as_real)).collect::<Result<_, _>>()?),
            7 => Value::Truths(
                count.map(|_| self.number(kind).map(|value| value == Value::Truth(true))).collect::<Result<_, _>>()?,
            ),
            8 => Value::Texts(count.map(|_| self.text()).collect::<Result<_, _>>()?),
            _ => Value::Wholes(count.map(|_| self.number(kind).and_then(as_whole)).collect::<Result<_, _>>()?),
        })
    }

    fn tensor(&mut self) -> Result<Stated, String> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(format!("tensor `{name}`: {dimensions} dimensions"));
        }
        let shape = (0..dimensions).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok((name, shape, self.u32()?, self.u64()?))
    }
}

fn as_real(value: Value) -> f32 {
    if let Value::Real(number) = value { number as f32 } else { f32::NAN }
}

fn as_whole(value: Value) -> Result<i64, String> {
    match value {
        Value::Whole(number) => i64::try_from(number).map_err(|_| format!("{number} is beyond what this program reads")),
        _ => Err("a list of mixed values".to_owned()),
    }
}

#[cfg(test)]
pub(in crate::model::generator) mod tests;
