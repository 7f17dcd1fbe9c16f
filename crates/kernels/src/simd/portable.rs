//! The form without special instructions: what the others are held against, and what runs on other processors.

use super::{LANES, Simd};
use crate::int8::Chunk;

/// The portable form. `BLOCKS_OF_WIDE` takes blocks as large as AVX-512 does: slower, and how a test sees them on any machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Portable<const BLOCKS_OF_WIDE: bool = false>;

#[inline(always)]
fn lanes(mut of: impl FnMut(usize) -> f32) -> [f32; LANES] {
    let mut target = [0.0; LANES];
    for (lane, value) in target.iter_mut().enumerate() {
        *value = of(lane);
    }
    target
}

#[inline(always)]
fn folded(mut vector: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            vector[lane] = combine(vector[lane], vector[lane + half]);
        }
        half /= 2;
    }
    vector[0]
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

impl<const BLOCKS_OF_WIDE: bool> Simd for Portable<BLOCKS_OF_WIDE> {
    type Vector = [f32; LANES];
    const WIDE: bool = BLOCKS_OF_WIDE;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::Vector {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Self::Vector {
        *values
    }

    #[inline(always)]
    fn store(self, vector: Self::Vector, target: &mut [f32; LANES]) {
        *target = vector;
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn fma(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        lanes(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| larger(a[lane], b[lane]))
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| smaller(a[lane], b[lane]))
    }

    #[inline(always)]
    fn power_of_two(self, n: Self::Vector) -> Self::Vector {
        lanes(|lane| f32::from_bits(((n[lane] as i32).wrapping_add(127) << 23).cast_unsigned()))
    }

    #[inline(always)]
    fn centred(self, sums: &[i32; LANES], zero: i32, column_sums: &[i32; LANES]) -> Self::Vector {
        lanes(|lane| sums[lane].wrapping_sub(zero.wrapping_mul(column_sums[lane])) as f32)
    }

    #[inline(always)]
    fn store_levels(self, vector: Self::Vector, target: &mut [u8; LANES]) {
        for (target, value) in target.iter_mut().zip(vector) {
            // Adding 1.5 * 2^23 rounds to the nearest whole number, ties to even; taken away again it is exact.
            *target = ((value + 12_582_912.0) - 12_582_912.0) as u8;
        }
    }

    #[inline(always)]
    fn sum(self, vector: Self::Vector) -> f32 {
        folded(vector, |a, b| a + b)
    }

    #[inline(always)]
    fn largest(self, vector: Self::Vector) -> f32 {
        folded(vector, larger)
    }

    #[inline(always)]
    fn smallest(self, vector: Self::Vector) -> f32 {
        folded(vector, smaller)
    }

    #[inline(always)]
    fn tile<const R: usize>(self, rows: [&[u8]; R], panel: &[Chunk], sums: &mut [[[i32; LANES]; 4]; R]) {
        for (row, sums) in rows.iter().zip(sums) {
            *sums = [[0; LANES]; 4];
            let (groups, _) = row.as_chunks::<4>();
            for (sums, chunks) in sums.iter_mut().zip(panel.chunks_exact(panel.len() / 4)) {
                for (group, chunk) in groups.iter().zip(chunks) {
                    for lane in 0..LANES {
                        for part in 0..4 {
                            sums[lane] += i32::from(group[part]) * i32::from(chunk.0[4 * lane + part]);
                        }
                    }
                }
            }
        }
    }
}
