//! Layer normalisation of rows, with the residual sum before it.

use crate::profile::{Profile, dispatched};
use crate::simd::{LANES, Simd, vectors, vectors_mut};

dispatched!(fn layer_norm_dispatched(rows: &mut [f32], residual: Option<&[f32]>, weight: &[f32], bias: &[f32], epsilon: f32) => body);

/// `rows = normalise(rows + residual) * weight + bias`, for each row of `weight.len()`.
///
/// # Panics
/// Where the lengths do not fit each other, or the width is no multiple of 16.
pub fn layer_norm(profile: Profile, rows: &mut [f32], residual: Option<&[f32]>, weight: &[f32], bias: &[f32], epsilon: f32) {
    let width = weight.len();
    assert!(width > 0 && width.is_multiple_of(LANES) && bias.len() == width, "weight and bias are of another width");
    assert!(rows.len().is_multiple_of(width), "values are no whole rows");
    assert!(residual.is_none_or(|residual| residual.len() == rows.len()), "the residual has another size");
    layer_norm_dispatched(profile, rows, residual, weight, bias, epsilon);
}

#[inline(always)]
fn body<S: Simd>(simd: S, rows: &mut [f32], residual: Option<&[f32]>, weight: &[f32], bias: &[f32], epsilon: f32) {
    let width = weight.len();
    let (weight, bias) = (vectors(weight), vectors(bias));
    for (index, row) in rows.chunks_exact_mut(width).enumerate() {
        let row = vectors_mut(row);
        let mut sum = simd.splat(0.0);
        if let Some(residual) = residual {
            let residual = vectors(&residual[index * width..][..width]);
            for (values, residual) in row.iter_mut().zip(residual) {
                let value = simd.add(simd.load(values), simd.load(residual));
                simd.store(value, values);
                sum = simd.add(sum, value);
            }
        } else {
            for values in row.iter() {
                sum = simd.add(sum, simd.load(values));
            }
        }
        let mean = simd.splat(simd.sum(sum) / width as f32);
        // The variance from the differences: from the squares it would lose digits where the mean is large.
        let mut squares = simd.splat(0.0);
        for values in row.iter() {
            let difference = simd.sub(simd.load(values), mean);
            squares = simd.fma(difference, difference, squares);
        }
        let factor = simd.splat(1.0 / (simd.sum(squares) / width as f32 + epsilon).sqrt());
        for ((values, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
            let normal = simd.mul(simd.sub(simd.load(values), mean), factor);
            simd.store(simd.fma(normal, simd.load(weight), simd.load(bias)), values);
        }
    }
}
