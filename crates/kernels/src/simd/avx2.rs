//! Pairs of 256-bit vectors with fused multiply-add.

use std::arch::x86_64::*;

use super::{LANES, Simd};
use crate::int8::{Panel, Quantised};

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
    const WORDS: bool = true;

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
    fn store_levels(self, [low, high]: Pair, bytes: &mut [u8; LANES], words: &mut [i16; LANES]) {
        unsafe {
            // Packing works within 128-bit halves: the permutation puts the eight-byte parts back in order.
            let packed = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
            let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
            _mm256_storeu_si256(words.as_mut_ptr().cast(), packed);
            let packed = _mm_packus_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256::<1>(packed));
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), packed);
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

    /// Eight columns of the rows at a time, the groups in the order of [`Order`](crate::order::Order).
    #[inline(always)]
    fn tile<const R: usize>(self, input: &Quantised, first: usize, panel: &Panel<'_>, sums: &mut [[[i32; LANES]; 4]; R]) {
        let groups = panel.chunks.len() / 4;
        let bytes: [&[u8]; R] = input.rows(&input.bytes, first);
        let words: [&[i16]; R] = input.rows(&input.words, first);
        assert!(bytes.iter().all(|row| row.len() >= 4 * groups), "a row is shorter than the panel");
        assert!(words.iter().all(|row| row.len() >= 4 * groups), "a row is shorter than the panel");
        for part in 0..4 {
            for half in 0..2 {
                let [pairs, singles, wide] = panel.order.of(2 * (4 * panel.index + part) + half);
                // SAFETY: `self` is the proof that AVX2 is there. In bounds: `Order` gives numbers below `groups`; the panel
                // holds four parts of `groups` chunks of 64 bytes, of which `half` names the first or the second 32; each row
                // has 4 * groups bytes and words; eight sums go to the first or second half of sixteen.
                unsafe {
                    let weights = panel.chunks.as_ptr().add(part * groups).cast::<i8>().add(32 * half);
                    let narrow = of_bytes(&bytes, weights, pairs, singles);
                    let widened = of_words(&words, weights, wide);
                    for ((narrow, widened), sums) in narrow.iter().zip(&widened).zip(sums.iter_mut()) {
                        let total = _mm256_add_epi32(*narrow, *widened);
                        _mm256_storeu_si256(sums[part].as_mut_ptr().cast::<__m256i>().add(half), total);
                    }
                }
            }
        }
    }
}

/// Sums of eight columns over groups whose products of bytes fit in 16 bits: over `pairs` two groups together.
///
/// # Safety
/// AVX2 is there; every number in `pairs` and `singles` names a group within each row (four bytes) and within the weights
/// (64 bytes from one group to the next, 32 of them read); `pairs` has an even length.
#[inline(always)]
unsafe fn of_bytes<const R: usize>(rows: &[&[u8]; R], weights: *const i8, pairs: &[u16], singles: &[u16]) -> [__m256i; R] {
    unsafe {
        let ones = _mm256_set1_epi16(1);
        let mut totals = [_mm256_setzero_si256(); R];
        let group = |group: u16| _mm256_loadu_si256(weights.add(64 * usize::from(group)).cast());
        let values =
            |row: &[u8], group: u16| _mm256_set1_epi32(row.as_ptr().add(4 * usize::from(group)).cast::<i32>().read_unaligned());
        for [a, b] in pairs.as_chunks::<2>().0 {
            let (first, second) = (group(*a), group(*b));
            for row in 0..R {
                let products = _mm256_add_epi16(
                    _mm256_maddubs_epi16(values(rows[row], *a), first),
                    _mm256_maddubs_epi16(values(rows[row], *b), second),
                );
                totals[row] = _mm256_add_epi32(totals[row], _mm256_madd_epi16(products, ones));
            }
        }
        for a in singles {
            let first = group(*a);
            for row in 0..R {
                let products = _mm256_maddubs_epi16(values(rows[row], *a), first);
                totals[row] = _mm256_add_epi32(totals[row], _mm256_madd_epi16(products, ones));
            }
        }
        totals
    }
}

/// Sums of eight columns over any groups: levels and weights as 16-bit words, whose products are of 32 bits.
///
/// # Safety
/// As for [`of_bytes`], with rows of words.
#[inline(always)]
unsafe fn of_words<const R: usize>(rows: &[&[i16]; R], weights: *const i8, groups: &[u16]) -> [__m256i; R] {
    unsafe {
        // Four columns each, in two partial sums.
        let mut totals = [[_mm256_setzero_si256(); 2]; R];
        for group in groups {
            let group = usize::from(*group);
            let weights = weights.add(64 * group).cast::<__m128i>();
            let low = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights));
            let high = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.add(1)));
            for row in 0..R {
                let values = _mm256_set1_epi64x(rows[row].as_ptr().add(4 * group).cast::<i64>().read_unaligned());
                totals[row][0] = _mm256_add_epi32(totals[row][0], _mm256_madd_epi16(values, low));
                totals[row][1] = _mm256_add_epi32(totals[row][1], _mm256_madd_epi16(values, high));
            }
        }
        // Columns 0, 1, 4, 5 and 2, 3, 6, 7 come out of the two halves: the permutation puts them in order.
        let mut columns = [_mm256_setzero_si256(); R];
        for row in 0..R {
            columns[row] = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(totals[row][0], totals[row][1]));
        }
        columns
    }
}
