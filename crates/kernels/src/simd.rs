//! Sixteen lanes of f32 in the registers of each form, and the functions made of them.
//!
//! The operations of a form are `#[inline(always)]`, so that they end up inside a function that is compiled with the form's
//! instructions (see `dispatched!`).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// Lanes of a vector, in every form.
pub(crate) const LANES: usize = 16;

/// The operations that a form offers; a value of the form is the proof that they can run. Each gives the same bits in every
/// form (for NaN: a NaN, or whatever `max` and `min` make of it).
pub(crate) trait Simd: Copy {
    /// Sixteen f32.
    type Vector: Copy;
    /// Whether a vector is one of 32 registers, rather than a pair (or more) of 16.
    const WIDE: bool;

    fn splat(self, value: f32) -> Self::Vector;
    fn load(self, values: &[f32; LANES]) -> Self::Vector;
    fn store(self, vector: Self::Vector, target: &mut [f32; LANES]);
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a > b ? a : b`.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a < b ? a : b`.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// 2^n by its bits, for whole n in -126..=127.
    fn power_of_two(self, n: Self::Vector) -> Self::Vector;
    /// `f32(sums - zero * column_sums)`.
    fn centred(self, sums: &[i32; LANES], zero: i32, column_sums: &[i32; LANES]) -> Self::Vector;
    /// Rounds values of 0..=127 to whole numbers, ties to even.
    fn store_levels(self, vector: Self::Vector, target: &mut [u8; LANES]);
    /// The sum of the lanes: halves on halves, so that every form adds in the same order.
    fn sum(self, vector: Self::Vector) -> f32;
    /// The largest lane, in the same way.
    fn largest(self, vector: Self::Vector) -> f32;
    /// The smallest lane, in the same way.
    fn smallest(self, vector: Self::Vector) -> f32;

    /// Sixty-four sums of products of four-byte groups, for each of `R` rows: see [`crate::int8`], which keeps levels and weights
    /// so small that the sums of two groups fit into 16 bits. There is an even number of groups.
    fn tile<const R: usize>(self, rows: [&[u8]; R], panel: &[crate::int8::Chunk], sums: &mut [[[i32; LANES]; 4]; R]);
}

/// e^x, for x <= 0 (below -87 counted as -87) to 2 units in the last place: 2^n times a polynomial in the rest.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    let x = simd.max(x, simd.splat(-87.0));
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    let shift = simd.splat(12_582_912.0);
    let n = simd.sub(simd.fma(x, simd.splat(std::f32::consts::LOG2_E), shift), shift);
    // ln 2 in two parts (Cody and Waite), so that the rest is exact.
    let rest = simd.fma(n, simd.splat(-0.693_359_4), x);
    let rest = simd.fma(n, simd.splat(2.121_944_4e-4), rest);
    let mut polynomial = simd.splat(1.388_889_9e-3);
    for coefficient in [8.333_452e-3, 4.166_667_5e-2, 1.666_666_6e-1, 0.5, 1.0, 1.0] {
        polynomial = simd.fma(polynomial, rest, simd.splat(coefficient));
    }
    simd.mul(polynomial, simd.power_of_two(n))
}

/// The exact GELU, x * Φ(x), to 2e-6 * max(1, |x|).
///
/// Φ(x) = 0.5 + x * P(x²) for |x| <= 5, P a minimax polynomial of degree 12 in x² moved to -1..=1 (where its coefficients lose
/// no digits); beyond 5, Φ differs from 0 or 1 by less than 3e-7.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    const LIMIT: f32 = 5.0;
    const COEFFICIENTS: [f32; 13] = [
        4.929_697_e-4,
        -1.514_154_1e-3,
        2.001_859_7e-3,
        -2.915_672_3e-3,
        6.165_431e-3,
        -1.097_323_3e-2,
        1.649_765_7e-2,
        -2.333_673_1e-2,
        3.142_623e-2,
        -4.043_295e-2,
        5.152_142e-2,
        -7.029_665e-2,
        1.413_637_8e-1,
    ];
    let clipped = simd.min(simd.max(x, simd.splat(-LIMIT)), simd.splat(LIMIT));
    let square = simd.fma(simd.mul(clipped, clipped), simd.splat(2.0 / (LIMIT * LIMIT)), simd.splat(-1.0));
    let mut polynomial = simd.splat(COEFFICIENTS[0]);
    for coefficient in &COEFFICIENTS[1..] {
        polynomial = simd.fma(polynomial, square, simd.splat(*coefficient));
    }
    simd.mul(x, simd.fma(clipped, polynomial, simd.splat(0.5)))
}

/// The chunks of sixteen of a slice whose length is a multiple of sixteen.
#[inline(always)]
pub(crate) fn vectors(values: &[f32]) -> &[[f32; LANES]] {
    let (vectors, rest) = values.as_chunks::<LANES>();
    debug_assert!(rest.is_empty());
    vectors
}

/// As [`vectors`], to be written.
#[inline(always)]
pub(crate) fn vectors_mut(values: &mut [f32]) -> &mut [[f32; LANES]] {
    let (vectors, rest) = values.as_chunks_mut::<LANES>();
    debug_assert!(rest.is_empty());
    vectors
}
