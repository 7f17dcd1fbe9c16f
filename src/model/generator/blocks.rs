//! Numbers as GGUF files keep them, laid out for the kernels.
//!
//! What a kernel has a form for is taken over exactly: `Q8_0` and `Q5_0` as bytes with a scale per block of 32, `Q4_0`, `Q4_1` and
//! `Q4_K` as half bytes with a scale and a least value (`Q4_K`'s scale, a product of two, is rounded to f16: at most 2^-11 of it), `F32` as it
//! is. What has none (`F16`, `BF16`, `Q5_1`, `Q2_K`, `Q3_K`, `Q5_K`, `Q6_K`) is brought to bytes with a scale per block of 32, at most
//! 1/254 of a block's largest number away; a model names the types of which that holds ([`Taken::Requantised`]).

use candle_core::quantized::{GgmlDType, ggml_file};
use half::{bf16, f16};
use scrutineer_kernels::{BLOCK, BlockMatrix, Row, Storage};

/// How a tensor's numbers are kept: the types of GGUF that this program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(non_camel_case_types, missing_docs)] // the names are the format's
pub enum BlockType {
    F32,
    F16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    BF16,
}

/// How the numbers of a tensor were taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// As they are.
    Exact,
    /// Rounded to bytes with a scale per block.
    Requantised,
}

impl BlockType {
    /// The type of an id of the format.
    pub const fn of_id(id: u32) -> Option<Self> {
        Some(match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2_K,
            11 => Self::Q3_K,
            12 => Self::Q4_K,
            13 => Self::Q5_K,
            14 => Self::Q6_K,
            30 => Self::BF16,
            _ => return None,
        })
    }

    /// The numbers and the bytes of a block.
    pub const fn size(self) -> (u64, u64) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::BF16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q2_K => (256, 84),
            Self::Q3_K => (256, 110),
            Self::Q4_K => (256, 144),
            Self::Q5_K => (256, 176),
            Self::Q6_K => (256, 210),
        }
    }

    /// The type's name in the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q2_K => "Q2_K",
            Self::Q3_K => "Q3_K",
            Self::Q4_K => "Q4_K",
            Self::Q5_K => "Q5_K",
            Self::Q6_K => "Q6_K",
        }
    }

    const fn storage(self) -> Storage {
        match self {
            Self::F32 => Storage::Floats,
            Self::Q4_0 | Self::Q4_1 | Self::Q4_K => Storage::Nibbles,
            _ => Storage::Bytes,
        }
    }

    /// How numbers of this type are taken over.
    pub const fn taken(self) -> Taken {
        match self {
            Self::F32 | Self::Q8_0 | Self::Q5_0 | Self::Q4_0 | Self::Q4_1 | Self::Q4_K => Taken::Exact,
            _ => Taken::Requantised,
        }
    }
}

/// A matrix of a tensor's bytes: rows of `inputs` numbers.
///
/// # Errors
/// Rows that are no whole blocks of 32; numbers that are not finite.
pub fn matrix(block: BlockType, inputs: usize, outputs: usize, bytes: &[u8]) -> Result<BlockMatrix, String> {
    if !inputs.is_multiple_of(BLOCK) {
        return Err(format!("rows of {inputs} numbers are no whole blocks of {BLOCK}"));
    }
    let mut matrix = BlockMatrix::new(block.storage(), inputs, outputs);
    let mut row = RowBuffer::new(inputs);
    for (output, bytes) in rows(block, inputs, bytes).enumerate() {
        row.fill(block, bytes)?;
        matrix.set(output, &row.of(block.storage()));
    }
    Ok(matrix)
}

/// The numbers of a tensor's bytes in f32: norms and the like.
///
/// # Errors
/// Numbers that are not finite.
pub fn floats(block: BlockType, inputs: usize, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let mut numbers = Vec::new();
    for bytes in rows(block, inputs, bytes) {
        numbers.extend(dequantised(block, bytes)?);
    }
    Ok(numbers)
}

fn rows(block: BlockType, inputs: usize, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (numbers, size) = block.size();
    bytes.chunks_exact(inputs / numbers as usize * size as usize)
}

/// One row, in the form that its matrix takes.
struct RowBuffer {
    bytes: Vec<i8>,
    nibbles: Vec<u8>,
    floats: Vec<f32>,
    scales: Vec<u16>,
    least: Vec<f32>,
}

impl RowBuffer {
    fn new(inputs: usize) -> Self {
        let blocks = inputs / BLOCK;
        Self {
            bytes: vec![0; inputs],
            nibbles: vec![0; inputs],
            floats: vec![0.0; inputs],
            scales: vec![0; blocks],
            least: vec![0.0; blocks],
        }
    }

    fn of(&self, storage: Storage) -> Row<'_> {
        match storage {
            Storage::Bytes => Row::Bytes { weights: &self.bytes, scales: &self.scales },
            Storage::Nibbles => Row::Nibbles { weights: &self.nibbles, scales: &self.scales, least: &self.least },
            Storage::Floats => Row::Floats(&self.floats),
        }
    }

    fn fill(&mut self, block: BlockType, bytes: &[u8]) -> Result<(), String> {
        match block {
            BlockType::F32 => {
                self.floats = dequantised(block, bytes)?;
            }
            BlockType::Q8_0 => {
                for (index, block) in bytes.as_chunks::<34>().0.iter().enumerate() {
                    let scale = number(block, 0)?;
                    let weights = block[2..].iter().map(|byte| i32::from(byte.cast_signed()));
                    self.set_bytes(index, scale, weights)?;
                }
            }
            BlockType::Q5_0 => {
                for (index, block) in bytes.as_chunks::<22>().0.iter().enumerate() {
                    let scale = number(block, 0)?;
                    let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
                    let weights = (0..32).map(|at| {
                        let byte = block[6 + at % 16];
                        let low = if at < 16 { byte & 15 } else { byte >> 4 };
                        i32::from(low | ((fifth >> at & 1) << 4) as u8) - 16
                    });
                    self.set_bytes(index, scale, weights)?;
                }
            }
            BlockType::Q4_0 => {
                for (index, block) in bytes.as_chunks::<18>().0.iter().enumerate() {
                    let scale = number(block, 0)?;
                    self.set_nibbles(index, scale, -8.0 * scale, |at| halved(&block[2..], at))?;
                }
            }
            BlockType::Q4_1 => {
                for (index, block) in bytes.as_chunks::<20>().0.iter().enumerate() {
                    self.set_nibbles(index, number(block, 0)?, number(block, 2)?, |at| halved(&block[4..], at))?;
                }
            }
            BlockType::Q4_K => {
                for (index, block) in bytes.as_chunks::<144>().0.iter().enumerate() {
                    self.set_q4_k(index, block)?;
                }
            }
            _ => {
                let values = dequantised(block, bytes)?;
                for (index, values) in values.as_chunks::<BLOCK>().0.iter().enumerate() {
                    self.requantise(index, values)?;
                }
            }
        }
        Ok(())
    }

    /// `scale * weights`; a negative scale is turned with its weights, which leave room for it.
    fn set_bytes(&mut self, block: usize, scale: f32, weights: impl Iterator<Item = i32>) -> Result<(), String> {
        let sign = if scale < 0.0 { -1 } else { 1 };
        self.scales[block] = scale_bits(scale)?;
        // -128 with a negative scale: no writer of the format makes it, as its scales are a largest value by 127.
        let target = &mut self.bytes[block * BLOCK..][..BLOCK];
        target.iter_mut().zip(weights).for_each(|(target, weight)| *target = (weight * sign).clamp(-128, 127) as i8);
        Ok(())
    }

    /// `scale * weight + least`; with a negative scale the weights count from the other end.
    fn set_nibbles(&mut self, block: usize, scale: f32, least: f32, weight: impl Fn(usize) -> u8) -> Result<(), String> {
        let turned = scale < 0.0;
        self.scales[block] = scale_bits(scale)?;
        self.least[block] = if turned { 15.0 * scale + least } else { least };
        let target = &mut self.nibbles[block * BLOCK..][..BLOCK];
        target.iter_mut().enumerate().for_each(|(at, target)| *target = if turned { 15 - weight(at) } else { weight(at) });
        Ok(())
    }

    /// Eight blocks of 32, whose scales and least values are 6-bit numbers, packed in twelve bytes.
    fn set_q4_k(&mut self, index: usize, block: &[u8; 144]) -> Result<(), String> {
        let (scale, least) = (number(block, 0)?, number(block, 2)?);
        let packed = &block[4..16];
        for part in 0..8 {
            let (factor, fall) = if part < 4 {
                (packed[part] & 63, packed[part + 4] & 63)
            } else {
                let shared = packed[part + 4];
                (shared & 15 | packed[part - 4] >> 6 << 4, shared >> 4 | packed[part] >> 6 << 4)
            };
            // Two blocks share 32 bytes: the low halves are the first's, the high the second's.
            let weights = &block[16 + part / 2 * 32..][..32];
            let weight = |at: usize| if part % 2 == 0 { weights[at] & 15 } else { weights[at] >> 4 };
            self.set_nibbles(index * 8 + part, scale * f32::from(factor), -least * f32::from(fall), weight)?;
        }
        Ok(())
    }

    fn requantise(&mut self, block: usize, values: &[f32; BLOCK]) -> Result<(), String> {
        let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let bits = scale_bits(largest / 127.0)?;
        let scale = f16::from_bits(bits).to_f32();
        self.scales[block] = bits;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let target = &mut self.bytes[block * BLOCK..][..BLOCK];
        target.iter_mut().zip(values).for_each(|(target, value)| *target = (value * inverse).round().clamp(-127.0, 127.0) as i8);
        Ok(())
    }
}

/// An f16 that must be finite.
fn number(block: &[u8], at: usize) -> Result<f32, String> {
    let number = f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
    if number.is_finite() { Ok(number) } else { Err("it holds a scale that is no number".to_owned()) }
}

/// The bits of the size of a scale as an f16.
fn scale_bits(scale: f32) -> Result<u16, String> {
    let scale = f16::from_f32(scale.abs());
    if scale.is_finite() { Ok(scale.to_bits()) } else { Err("it holds a number beyond what is read".to_owned()) }
}

/// The numbers of `Q4_0` and `Q4_1`: sixteen low halves, then sixteen high ones.
fn halved(bytes: &[u8], at: usize) -> u8 {
    if at < 16 { bytes[at] & 15 } else { bytes[at - 16] >> 4 }
}

/// A row in f32.
fn dequantised(block: BlockType, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let numbers: Vec<f32> = match block {
        BlockType::F32 => bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        BlockType::F16 => bytes.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
        BlockType::BF16 => bytes.as_chunks::<2>().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect(),
        _ => {
            let kind = candle_type(block);
            let count = bytes.len() / kind.type_size() * kind.block_size();
            let device = candle_core::Device::Cpu;
            let read = ggml_file::qtensor_from_ggml(kind, bytes, vec![count], &device).and_then(|row| row.dequantize(&device));
            read.and_then(|row| row.to_vec1::<f32>()).map_err(|error| error.to_string())?
        }
    };
    if numbers.iter().all(|number| number.is_finite()) { Ok(numbers) } else { Err("it holds what is no number".to_owned()) }
}

const fn candle_type(block: BlockType) -> GgmlDType {
    match block {
        BlockType::F32 => GgmlDType::F32,
        BlockType::F16 => GgmlDType::F16,
        BlockType::BF16 => GgmlDType::BF16,
        BlockType::Q4_0 => GgmlDType::Q4_0,
        BlockType::Q4_1 => GgmlDType::Q4_1,
        BlockType::Q5_0 => GgmlDType::Q5_0,
        BlockType::Q5_1 => GgmlDType::Q5_1,
        BlockType::Q8_0 => GgmlDType::Q8_0,
        BlockType::Q2_K => GgmlDType::Q2K,
        BlockType::Q3_K => GgmlDType::Q3K,
        BlockType::Q4_K => GgmlDType::Q4K,
        BlockType::Q5_K => GgmlDType::Q5K,
        BlockType::Q6_K => GgmlDType::Q6K,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};

    use super::*;

    /// Candle writes and reads each type; the kernels' layout must give what Candle reads, exactly or to the rounding stated.
    #[test]
    fn every_type_is_taken_over_as_candle_reads_it() {
        let (inputs, outputs) = (512, 5);
        let numbers: Vec<f32> =
            (0..inputs * outputs).map(|at| ((at * 7919 % 1000) as f32 / 500.0 - 1.0) * (1 + at / 700) as f32).collect();
        let tensor = Tensor::from_slice(&numbers, (outputs, inputs), &Device::Cpu).unwrap();
        use BlockType::*;
        for block in [F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K] {
            let kept = QTensor::quantize(&tensor, candle_type(block)).unwrap();
            let expected = kept.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let matrix = matrix(block, inputs, outputs, &kept.data().unwrap()).unwrap();
            let mut row = vec![0.0; inputs];
            for (output, expected) in expected.chunks_exact(inputs).enumerate() {
                matrix.weights(output, &mut row);
                for (values, expected) in row.chunks_exact(BLOCK).zip(expected.chunks_exact(BLOCK)) {
                    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                    let tolerance = match (block.taken(), block) {
                        (Taken::Requantised, _) => largest * (1.0 / 254.0 + 1e-3),
                        (_, Q4_K) => largest * 2e-3,
                        _ => largest * 1e-6,
                    };
                    for (value, expected) in values.iter().zip(expected) {
                        assert!((value - expected).abs() <= tolerance, "{}: {value}, not {expected}", block.name());
                    }
                }
            }
        }
    }

    #[test]
    fn a_scale_that_is_no_number_is_refused() {
        let mut bytes = vec![0; 34];
        bytes[..2].copy_from_slice(&f16::NAN.to_le_bytes());
        assert!(matrix(BlockType::Q8_0, 32, 1, &bytes).is_err());
        assert!(matrix(BlockType::F16, 32, 1, &f16::INFINITY.to_le_bytes().repeat(32)).is_err());
    }
}
