//! The blocks of a matrix in each storage, and what a product needs of them.

use super::{BLOCK, PANEL, VECTORS};
use crate::simd::LANES;
use crate::widen::Widen;

/// A vector of outputs for a block of inputs, in f32.
pub(super) type Widened = [[f32; LANES]; BLOCK];

/// A panel's weights for a block of inputs. The scales lie beside their weights, so that a matrix is read as one stream.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Bytes {
    pub(super) scales: [u16; PANEL],
    pub(super) weights: [[i8; PANEL]; BLOCK],
}

#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Nibbles {
    pub(super) scales: [u16; PANEL],
    pub(super) least: [f32; PANEL],
    /// Two inputs in a byte, the even one in the low half.
    pub(super) weights: [[u8; PANEL]; BLOCK / 2],
}

#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Floats {
    pub(super) weights: [[f32; PANEL]; BLOCK],
}

/// What a product needs of a block, whatever its storage.
pub(super) trait Block {
    /// Whether values are raised by a least one.
    const HAS_LEAST: bool;

    /// `Σ input * weight` for each vector of outputs, without the scale.
    fn products<S: Widen>(&self, simd: S, input: &[f32; BLOCK]) -> [S::Vector; VECTORS];
    /// The weights of a vector of outputs, without the scale.
    fn widen<S: Widen>(&self, simd: S, vector: usize, target: &mut Widened);
    /// `total + scale * product`.
    fn scaled<S: Widen>(&self, simd: S, vector: usize, product: S::Vector, total: S::Vector) -> S::Vector;
    /// `total + least * sum`.
    fn raised<S: Widen>(&self, simd: S, vector: usize, sum: f32, total: S::Vector) -> S::Vector {
        let _ = (simd, vector, sum);
        total
    }
}

/// The lanes of a vector of a panel.
#[inline(always)]
fn part<T>(values: &[T; PANEL], vector: usize) -> &[T; LANES] {
    &values.as_chunks::<LANES>().0[vector]
}

impl Block for Bytes {
    const HAS_LEAST: bool = false;

    #[inline(always)]
    fn products<S: Widen>(&self, simd: S, input: &[f32; BLOCK]) -> [S::Vector; VECTORS] {
        let mut products = [simd.splat(0.0); VECTORS];
        for (input, weights) in input.iter().zip(&self.weights) {
            let input = simd.splat(*input);
            for vector in 0..VECTORS {
                products[vector] = simd.fma(input, simd.widen(part(weights, vector)), products[vector]);
            }
        }
        products
    }

    #[inline(always)]
    fn widen<S: Widen>(&self, simd: S, vector: usize, target: &mut Widened) {
        for (target, weights) in target.iter_mut().zip(&self.weights) {
            simd.store(simd.widen(part(weights, vector)), target);
        }
    }

    #[inline(always)]
    fn scaled<S: Widen>(&self, simd: S, vector: usize, product: S::Vector, total: S::Vector) -> S::Vector {
        simd.fma(simd.half(part(&self.scales, vector)), product, total)
    }
}

impl Block for Nibbles {
    const HAS_LEAST: bool = true;

    #[inline(always)]
    fn products<S: Widen>(&self, simd: S, input: &[f32; BLOCK]) -> [S::Vector; VECTORS] {
        let mut products = [simd.splat(0.0); VECTORS];
        for (input, weights) in input.as_chunks::<2>().0.iter().zip(&self.weights) {
            let [even, odd] = input.map(|input| simd.splat(input));
            for vector in 0..VECTORS {
                let [low, high] = simd.widen_halves(part(weights, vector));
                products[vector] = simd.fma(odd, high, simd.fma(even, low, products[vector]));
            }
        }
        products
    }

    #[inline(always)]
    fn widen<S: Widen>(&self, simd: S, vector: usize, target: &mut Widened) {
        for (target, weights) in target.as_chunks_mut::<2>().0.iter_mut().zip(&self.weights) {
            let [low, high] = simd.widen_halves(part(weights, vector));
            simd.store(low, &mut target[0]);
            simd.store(high, &mut target[1]);
        }
    }

    #[inline(always)]
    fn scaled<S: Widen>(&self, simd: S, vector: usize, product: S::Vector, total: S::Vector) -> S::Vector {
        simd.fma(simd.half(part(&self.scales, vector)), product, total)
    }

    #[inline(always)]
    fn raised<S: Widen>(&self, simd: S, vector: usize, sum: f32, total: S::Vector) -> S::Vector {
        simd.fma(simd.load(part(&self.least, vector)), simd.splat(sum), total)
    }
}

impl Block for Floats {
    const HAS_LEAST: bool = false;

    #[inline(always)]
    fn products<S: Widen>(&self, simd: S, input: &[f32; BLOCK]) -> [S::Vector; VECTORS] {
        let mut products = [simd.splat(0.0); VECTORS];
        for (input, weights) in input.iter().zip(&self.weights) {
            let input = simd.splat(*input);
            for vector in 0..VECTORS {
                products[vector] = simd.fma(input, simd.load(part(weights, vector)), products[vector]);
            }
        }
        products
    }

    #[inline(always)]
    fn widen<S: Widen>(&self, _: S, vector: usize, target: &mut Widened) {
        target.iter_mut().zip(&self.weights).for_each(|(target, weights)| *target = *part(weights, vector));
    }

    #[inline(always)]
    fn scaled<S: Widen>(&self, simd: S, _: usize, product: S::Vector, total: S::Vector) -> S::Vector {
        simd.add(product, total)
    }
}
