//! 512-bit vectors, with VNNI for the products of bytes.

use std::arch::x86_64::*;

use super::{LANES, Simd};
use crate::int8::Chunk;

/// Proof that AVX-512 F, BW, DQ, VL and VNNI are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The proof, where this processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        there.then_some(Self(()))
    }
}

// SAFETY of every block here: `self` exists only where the processor has the instructions, and pointers come from references to
// arrays of exactly the bytes that are read or written (unaligned forms).
impl Simd for Avx512 {
    type Vector = __m512;
    const WIDE: bool = true;

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> __m512 {
        unsafe { _mm512_loadu_ps(values.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, vector: __m512, target: &mut [f32; LANES]) {
        unsafe { _mm512_storeu_ps(target.as_mut_ptr(), vector) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn power_of_two(self, n: __m512) -> __m512 {
        unsafe {
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
        }
    }

    #[inline(always)]
    fn centred(self, sums: &[i32; LANES], zero: i32, column_sums: &[i32; LANES]) -> __m512 {
        unsafe {
            let correction = _mm512_mullo_epi32(_mm512_set1_epi32(zero), _mm512_loadu_si512(column_sums.as_ptr().cast()));
            _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(sums.as_ptr().cast()), correction))
        }
    }

    #[inline(always)]
    fn store_levels(self, vector: __m512, target: &mut [u8; LANES]) {
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(vector));
            _mm_storeu_si128(target.as_mut_ptr().cast(), bytes);
        }
    }

    #[inline(always)]
    fn sum(self, vector: __m512) -> f32 {
        unsafe {
            let eight = _mm256_add_ps(_mm512_castps512_ps256(vector), _mm512_extractf32x8_ps::<1>(vector));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn largest(self, vector: __m512) -> f32 {
        unsafe {
            let eight = _mm256_max_ps(_mm512_castps512_ps256(vector), _mm512_extractf32x8_ps::<1>(vector));
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn smallest(self, vector: __m512) -> f32 {
        unsafe {
            let eight = _mm256_min_ps(_mm512_castps512_ps256(vector), _mm512_extractf32x8_ps::<1>(vector));
            let four = _mm_min_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_min_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)))
        }
    }

    /// One VNNI instruction takes the products of a group with sixteen columns: 24 accumulators for six rows, four registers of
    /// weights, one of a broadcast group.
    #[inline(always)]
    fn tile<const R: usize>(self, rows: [&[u8]; R], panel: &[Chunk], sums: &mut [[[i32; LANES]; 4]; R]) {
        let groups = panel.len() / 4;
        assert!(rows.iter().all(|row| row.len() >= 4 * groups), "a row is shorter than the panel");
        unsafe {
            let mut totals = [[_mm512_setzero_si512(); 4]; R];
            for group in 0..groups {
                // In bounds: the panel holds four parts of `groups` chunks, each row at least 4 * groups bytes.
                let chunk = panel.as_ptr().add(group);
                let weights = [0, 1, 2, 3].map(|part| _mm512_load_si512(chunk.add(part * groups).cast()));
                for (row, totals) in rows.iter().zip(&mut totals) {
                    let values = _mm512_set1_epi32(row.as_ptr().add(4 * group).cast::<i32>().read_unaligned());
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total = _mm512_dpbusd_epi32(*total, values, weights);
                    }
                }
            }
            for (totals, sums) in totals.iter().zip(sums) {
                for (total, sums) in totals.iter().zip(sums) {
                    _mm512_storeu_si512(sums.as_mut_ptr().cast(), *total);
                }
            }
        }
    }
}
