//! Pairs of 256-bit vectors with fused multiply-add.

use std::arch::x86_64::*;

use super::{LANES, Simd};
use crate::int8::{Chunk, Quantised};

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
    /// Widened once, when a row is quantised, and not again for every panel of weights.
    type Level = i16;
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
    fn levels(self, rows: &Quantised) -> &[i16] {
        &rows.words
    }

    #[inline(always)]
    fn levels_mut(self, rows: &mut Quantised) -> &mut Vec<i16> {
        &mut rows.words
    }

    #[inline(always)]
    fn store_levels(self, [low, high]: Pair, target: &mut [i16; LANES]) {
        unsafe {
            // Packing works within 128-bit halves: the permutation puts the eight-byte parts back in order.
            let words = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            _mm256_storeu_si256(target.as_mut_ptr().cast(), words);
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

    /// Products of 16-bit pairs cannot overflow (the byte instruction saturates). Eight columns of six rows at a time fill twelve
    /// registers with sums: two for each row, each with four columns of two partial sums.
    #[inline(always)]
    fn tile<const R: usize>(self, rows: [&[i16]; R], panel: &[Chunk], sums: &mut [[[i32; LANES]; 4]; R]) {
        let groups = panel.len() / 4;
        assert!(rows.iter().all(|row| row.len() >= 4 * groups), "a row is shorter than the panel");
        for part in 0..4 {
            for half in 0..2 {
                // SAFETY: `self` is the proof that AVX2 is there. In bounds: the panel holds four parts of `groups` chunks of
                // 64 bytes, of which `half` names the first or second 32; each row has 4 * groups words; eight sums go to the
                // first or second half of sixteen.
                unsafe {
                    let mut totals = [[_mm256_setzero_si256(); 2]; R];
                    let weights = panel.as_ptr().add(part * groups).cast::<__m128i>().add(2 * half);
                    for group in 0..groups {
                        let weights = weights.add(4 * group);
                        let low = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights));
                        let high = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.add(1)));
                        for (totals, row) in totals.iter_mut().zip(&rows) {
                            let values = _mm256_set1_epi64x(row.as_ptr().add(4 * group).cast::<i64>().read_unaligned());
                            totals[0] = _mm256_add_epi32(totals[0], _mm256_madd_epi16(values, low));
                            totals[1] = _mm256_add_epi32(totals[1], _mm256_madd_epi16(values, high));
                        }
                    }
                    for (totals, sums) in totals.iter().zip(sums.iter_mut()) {
                        // Columns 0, 1, 4, 5 and 2, 3, 6, 7 come out of the two halves: the permutation puts them in order.
                        let columns = _mm256_hadd_epi32(totals[0], totals[1]);
                        let columns = _mm256_permute4x64_epi64::<0b11_01_10_00>(columns);
                        _mm256_storeu_si256(sums[part].as_mut_ptr().cast::<__m256i>().add(half), columns);
                    }
                }
            }
        }
    }
}
