//! Pairs of 256-bit vectors with fused multiply-add.

use std::arch::x86_64::*;

use super::{LANES, Simd};
use crate::int8::Chunk;

/// Proof that AVX2 and FMA are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, where this processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

/// Lanes 0..8 and 8..16.
type Pair = [__m256; 2];

// SAFETY of every block here: `self` exists only where the processor has the instructions, and pointers come from references to
// arrays of exactly the bytes that are read or written (unaligned forms).
impl Simd for Avx2 {
    type Vector = Pair;
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> Pair {
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Pair {
        unsafe { [_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values.as_ptr().add(8))] }
    }

    #[inline(always)]
    fn store(self, [low, high]: Pair, target: &mut [f32; LANES]) {
        unsafe {
            _mm256_storeu_ps(target.as_mut_ptr(), low);
            _mm256_storeu_ps(target.as_mut_ptr().add(8), high);
        }
    }

    #[inline(always)]
    fn add(self, a: Pair, b: Pair) -> Pair {
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: Pair, b: Pair) -> Pair {
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul(self, a: Pair, b: Pair) -> Pair {
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn fma(self, a: Pair, b: Pair, c: Pair) -> Pair {
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn max(self, a: Pair, b: Pair) -> Pair {
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn min(self, a: Pair, b: Pair) -> Pair {
        unsafe { [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn power_of_two(self, n: Pair) -> Pair {
        unsafe {
            let bias = _mm256_set1_epi32(127);
            let power = |n| _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_cvtps_epi32(n), bias)));
            [power(n[0]), power(n[1])]
        }
    }

    #[inline(always)]
    fn centred(self, sums: &[i32; LANES], zero: i32, column_sums: &[i32; LANES]) -> Pair {
        unsafe {
            let zero = _mm256_set1_epi32(zero);
            let half = |start: usize| {
                let columns = _mm256_loadu_si256(column_sums.as_ptr().add(start).cast());
                let sums = _mm256_loadu_si256(sums.as_ptr().add(start).cast());
                _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, _mm256_mullo_epi32(zero, columns)))
            };
            [half(0), half(8)]
        }
    }

    #[inline(always)]
    fn store_levels(self, [low, high]: Pair, target: &mut [u8; LANES]) {
        unsafe {
            // Packing works within 128-bit halves: the permutation puts the eight-byte parts back in order.
            let words = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(target.as_mut_ptr().cast(), bytes);
        }
    }

    #[inline(always)]
    fn sum(self, [low, high]: Pair) -> f32 {
        unsafe {
            let eight = _mm256_add_ps(low, high);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn largest(self, [low, high]: Pair) -> f32 {
        unsafe {
            let eight = _mm256_max_ps(low, high);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn smallest(self, [low, high]: Pair) -> f32 {
        unsafe {
            let eight = _mm256_min_ps(low, high);
            let four = _mm_min_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_min_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)))
        }
    }

    /// Three rows at a time: their six registers of sums, the weights of two groups for sixteen outputs in four, and room for the
    /// products between them.
    #[inline(always)]
    fn tile<const R: usize>(self, rows: [&[u8]; R], panel: &[Chunk], sums: &mut [[[i32; LANES]; 4]; R]) {
        let (threes, rest) = rows.as_chunks::<3>();
        let (sums_of_threes, sums_of_rest) = sums.as_chunks_mut::<3>();
        for part in 0..4 {
            let part_of_panel = &panel[part * (panel.len() / 4)..][..panel.len() / 4];
            for (rows, [a, b, c]) in threes.iter().zip(sums_of_threes.iter_mut()) {
                sums_of_part(self, *rows, part_of_panel, [&mut a[part], &mut b[part], &mut c[part]]);
            }
            match (rest, &mut *sums_of_rest) {
                ([first], [sums]) => sums_of_part(self, [*first], part_of_panel, [&mut sums[part]]),
                ([first, second], [sums, others]) => {
                    sums_of_part(self, [*first, *second], part_of_panel, [&mut sums[part], &mut others[part]]);
                }
                _ => {}
            }
        }
    }
}

/// Sixteen sums for each row. The product of bytes adds neighbours in 16 bits: two groups are added there, and only then widened.
/// Without closures: they might stay calls, compiled for the baseline.
#[inline(always)]
fn sums_of_part<const N: usize>(_proof: Avx2, rows: [&[u8]; N], part: &[Chunk], sums: [&mut [i32; LANES]; N]) {
    assert!(rows.iter().all(|row| row.len() >= 4 * part.len()), "a row is shorter than the panel");
    // SAFETY: `_proof` is the proof that AVX2 is there. In bounds: two chunks of 64 bytes, aligned to 64, at a time, and eight
    // bytes of each row, which has four for each chunk; sixteen sums are two vectors. Sums fit into 16 bits by [`crate::int8`].
    unsafe {
        let ones = _mm256_set1_epi16(1);
        let mut totals = [[_mm256_setzero_si256(); 2]; N];
        for (index, chunks) in part.as_chunks::<2>().0.iter().enumerate() {
            let start = chunks.as_ptr().cast::<__m256i>();
            let first = [_mm256_load_si256(start), _mm256_load_si256(start.add(1))];
            let second = [_mm256_load_si256(start.add(2)), _mm256_load_si256(start.add(3))];
            for row in 0..N {
                let levels = rows[row].as_ptr().add(8 * index).cast::<i32>();
                let of_first = _mm256_set1_epi32(levels.read_unaligned());
                let of_second = _mm256_set1_epi32(levels.add(1).read_unaligned());
                for half in 0..2 {
                    let products = _mm256_maddubs_epi16(of_first, first[half]);
                    let products = _mm256_add_epi16(products, _mm256_maddubs_epi16(of_second, second[half]));
                    totals[row][half] = _mm256_add_epi32(totals[row][half], _mm256_madd_epi16(products, ones));
                }
            }
        }
        for (totals, sums) in totals.iter().zip(sums) {
            let target = sums.as_mut_ptr().cast::<__m256i>();
            _mm256_storeu_si256(target, totals[0]);
            _mm256_storeu_si256(target.add(1), totals[1]);
        }
    }
}
