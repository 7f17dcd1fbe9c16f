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
    fn store_u8(self, [low, high]: Pair, target: &mut [u8; LANES]) {
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

    /// Bytes are widened to 16 bits, whose pairs of products cannot overflow (the byte instruction saturates): each register
    /// takes four columns with two partial sums each. One chunk of sixteen columns and three rows at a time fill the registers.
    #[inline(always)]
    fn tile<const R: usize>(self, rows: [&[u8]; R], panel: &[Chunk], sums: &mut [[[i32; LANES]; 4]; R]) {
        let groups = panel.len() / 4;
        assert!(rows.iter().all(|row| row.len() >= 4 * groups), "a row is shorter than the panel");
        for part in 0..4 {
            let mut first = 0;
            while first + 3 <= R {
                sixteen_columns::<3>([rows[first], rows[first + 1], rows[first + 2]], panel, part, |row, totals| {
                    sums[first + row][part] = totals;
                });
                first += 3;
            }
            while first < R {
                sixteen_columns::<1>([rows[first]], panel, part, |_, totals| sums[first][part] = totals);
                first += 1;
            }
        }
    }
}

/// The sums of one chunk of columns. Its callers have checked the lengths of the rows, and hold the proof.
#[inline(always)]
fn sixteen_columns<const R: usize>(rows: [&[u8]; R], panel: &[Chunk], part: usize, mut done: impl FnMut(usize, [i32; LANES])) {
    let groups = panel.len() / 4;
    // SAFETY: called by `tile` alone, which holds the proof that AVX2 is there and has checked that each row has at least
    // 4 * groups bytes; the panel holds 4 * groups chunks of 64 bytes, and part < 4.
    unsafe {
        let mut totals = [[_mm256_setzero_si256(); 4]; R];
        for group in 0..groups {
            let chunk = panel.as_ptr().add(4 * group + part).cast::<__m128i>();
            let mut values = [_mm256_setzero_si256(); R];
            for (values, row) in values.iter_mut().zip(&rows) {
                let four = row.as_ptr().add(4 * group).cast::<i32>().read_unaligned();
                *values = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
            }
            for quarter in 0..4 {
                let weights = _mm256_cvtepi8_epi16(_mm_loadu_si128(chunk.add(quarter)));
                for (totals, values) in totals.iter_mut().zip(&values) {
                    totals[quarter] = _mm256_add_epi32(totals[quarter], _mm256_madd_epi16(*values, weights));
                }
            }
        }
        for (row, totals) in totals.iter().enumerate() {
            let mut columns = [0i32; LANES];
            for (quarter, total) in totals.iter().enumerate() {
                let mut partial = [0i32; 8];
                _mm256_storeu_si256(partial.as_mut_ptr().cast(), *total);
                for column in 0..4 {
                    columns[4 * quarter + column] = partial[2 * column] + partial[2 * column + 1];
                }
            }
            done(row, columns);
        }
    }
}
