//! What generators need of a form beyond [`Simd`]: narrow numbers to f32, and quotients.

use crate::blocks::HALF_RANGE;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{LANES, Portable, Simd, exp};

/// Narrow numbers to f32. As with [`Simd`], each operation gives the same bits in every form.
pub(crate) trait Widen: Simd {
    /// Vectors of outputs that a tile of six rows takes together: as many as there are registers for.
    const TILE: usize;

    /// Whole numbers of a byte.
    fn widen(self, bytes: &[i8; LANES]) -> Self::Vector;
    /// The low and the high half of each byte, 0..=15.
    fn widen_halves(self, bytes: &[u8; LANES]) -> [Self::Vector; 2];
    /// f16 that are finite and not negative, by their bits.
    fn half(self, bits: &[u16; LANES]) -> Self::Vector;
    /// `a / b`.
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Has the processor fetch what will be read soon; changes no result.
    #[inline(always)]
    fn fetch<T>(self, soon: &T) {
        let _ = soon;
    }
}

/// The logistic function, 1 / (1 + e^-x), without overflow for any x.
#[inline(always)]
pub(crate) fn sigmoid<S: Widen>(simd: S, x: S::Vector) -> S::Vector {
    let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
    let negated = simd.sub(zero, x);
    // Of e^min(x, 0) and e^-|x| one is 1 where x is positive, both are e^x where it is not.
    let above = exp(simd, simd.min(x, zero));
    let falling = exp(simd, simd.min(x, negated));
    simd.div(above, simd.add(one, falling))
}

impl Widen for Portable {
    const TILE: usize = 1;

    #[inline(always)]
    fn widen(self, bytes: &[i8; LANES]) -> Self::Vector {
        bytes.map(f32::from)
    }

    #[inline(always)]
    fn widen_halves(self, bytes: &[u8; LANES]) -> [Self::Vector; 2] {
        [bytes.map(|byte| f32::from(byte & 15)), bytes.map(|byte| f32::from(byte >> 4))]
    }

    #[inline(always)]
    fn half(self, bits: &[u16; LANES]) -> Self::Vector {
        bits.map(|bits| f32::from_bits(u32::from(bits) << 13) * HALF_RANGE)
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        let mut quotients = [0.0; LANES];
        for lane in 0..LANES {
            quotients[lane] = a[lane] / b[lane];
        }
        quotients
    }
}

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

// SAFETY of every block here: `self` exists only where the processor has the instructions, and pointers come from references to
// arrays of at least the bytes that are read (unaligned forms).
#[cfg(target_arch = "x86_64")]
impl Widen for Avx2 {
    const TILE: usize = 1;

    #[inline(always)]
    fn widen(self, bytes: &[i8; LANES]) -> Self::Vector {
        unsafe {
            let eight =
                |start: usize| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(bytes.as_ptr().add(start).cast())));
            [eight(0), eight(8)]
        }
    }

    #[inline(always)]
    fn widen_halves(self, bytes: &[u8; LANES]) -> [Self::Vector; 2] {
        unsafe {
            let low_bits = _mm256_set1_epi32(15);
            let eight = |start: usize| _mm256_cvtepu8_epi32(_mm_loadl_epi64(bytes.as_ptr().add(start).cast()));
            let (first, second) = (eight(0), eight(8));
            let low = |words| _mm256_cvtepi32_ps(_mm256_and_si256(words, low_bits));
            let high = |words| _mm256_cvtepi32_ps(_mm256_srli_epi32::<4>(words));
            [[low(first), low(second)], [high(first), high(second)]]
        }
    }

    #[inline(always)]
    fn half(self, bits: &[u16; LANES]) -> Self::Vector {
        unsafe {
            let range = _mm256_set1_ps(HALF_RANGE);
            let eight = |start: usize| {
                let words = _mm256_cvtepu16_epi32(_mm_loadu_si128(bits.as_ptr().add(start).cast()));
                _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32::<13>(words)), range)
            };
            [eight(0), eight(8)]
        }
    }

    #[inline(always)]
    fn fetch<T>(self, soon: &T) {
        fetch(soon);
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        unsafe { [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])] }
    }
}

// SAFETY: as above.
#[cfg(target_arch = "x86_64")]
impl Widen for Avx512 {
    const TILE: usize = 4;

    #[inline(always)]
    fn widen(self, bytes: &[i8; LANES]) -> Self::Vector {
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(bytes.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn widen_halves(self, bytes: &[u8; LANES]) -> [Self::Vector; 2] {
        unsafe {
            let words = _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.as_ptr().cast()));
            let low = _mm512_and_si512(words, _mm512_set1_epi32(15));
            [_mm512_cvtepi32_ps(low), _mm512_cvtepi32_ps(_mm512_srli_epi32::<4>(words))]
        }
    }

    #[inline(always)]
    fn half(self, bits: &[u16; LANES]) -> Self::Vector {
        unsafe {
            let words = _mm512_cvtepu16_epi32(_mm256_loadu_si256(bits.as_ptr().cast()));
            _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32::<13>(words)), _mm512_set1_ps(HALF_RANGE))
        }
    }

    #[inline(always)]
    fn fetch<T>(self, soon: &T) {
        fetch(soon);
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        unsafe { _mm512_div_ps(a, b) }
    }
}

/// Prefetches every cache line of a value.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fetch<T>(soon: &T) {
    const LINE: usize = 64;
    let start = std::ptr::from_ref(soon).cast::<i8>();
    for line in 0..size_of::<T>().div_ceil(LINE) {
        // SAFETY: a prefetch is a hint, which reads nothing; the address lies within the value.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(line * LINE)) };
    }
}
