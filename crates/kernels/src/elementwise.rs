//! GELU, softmax and layer normalisation over rows, vectorised by the compiler for each profile.

use crate::{Profile, profile};

/// Compiles a function of this module for each profile and calls the one that runs here.
macro_rules! dispatched {
    ($name:ident => $body:ident ( $($argument:ident : $type:ty),* )) => {
        #[cfg(target_arch = "x86_64")]
        mod $name {
            #[target_feature(enable = "avx512f")]
            pub(super) fn avx512($($argument: $type),*) {
                super::$body($($argument),*);
            }

            #[target_feature(enable = "avx2,fma")]
            pub(super) fn avx2($($argument: $type),*) {
                super::$body($($argument),*);
            }
        }

        fn $name(profile: Profile, $($argument: $type),*) {
            match profile {
                // SAFETY: `profile()` names a form only where the processor has its features.
                #[cfg(target_arch = "x86_64")]
                Profile::Avx512 => unsafe { $name::avx512($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Profile::Avx2 => unsafe { $name::avx2($($argument),*) },
                _ => $body($($argument),*),
            }
        }
    };
}

dispatched!(gelu_dispatched => gelu_body(values: &mut [f32], bias: &[f32]));
dispatched!(softmax_dispatched => softmax_body(values: &mut [f32], width: usize, scale: f32));
dispatched!(layer_norm_dispatched => layer_norm_body(values: &mut [f32], other: &[f32], bias: &[f32], weight: &[f32], offset: &[f32], epsilon: f32));

/// `values = gelu(values + bias)` in rows of `bias.len()`: the exact GELU, x * Φ(x).
///
/// # Panics
/// Where `values` is no whole number of rows.
pub fn gelu(values: &mut [f32], bias: &[f32]) {
    assert!(!bias.is_empty() && values.len().is_multiple_of(bias.len()), "values are no whole rows");
    gelu_dispatched(profile(), values, bias);
}

/// Softmax of `scale * values` over each row of `width`.
///
/// # Panics
/// Where `values` is no whole number of rows.
pub fn softmax_rows(values: &mut [f32], width: usize, scale: f32) {
    assert!(width > 0 && values.len().is_multiple_of(width), "values are no whole rows");
    softmax_dispatched(profile(), values, width, scale);
}

/// `values = normalise(values + bias + other) * weight + offset` over each row of `weight.len()`.
///
/// # Panics
/// Where the lengths do not fit each other.
pub fn layer_norm(values: &mut [f32], other: &[f32], bias: &[f32], weight: &[f32], offset: &[f32], epsilon: f32) {
    let width = weight.len();
    assert!(width > 0 && values.len().is_multiple_of(width) && values.len() == other.len(), "values are no whole rows");
    assert!(bias.len() == width && offset.len() == width, "bias and offset are of another width");
    layer_norm_dispatched(profile(), values, other, bias, weight, offset, epsilon);
}

#[inline(always)]
fn gelu_body(values: &mut [f32], bias: &[f32]) {
    for row in values.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            let x = *value + bias;
            *value = 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

#[inline(always)]
fn softmax_body(values: &mut [f32], width: usize, scale: f32) {
    for row in values.chunks_exact_mut(width) {
        let largest = lanes(row, f32::MIN, f32::max);
        for value in row.iter_mut() {
            *value = exp((*value - largest) * scale);
        }
        let factor = 1.0 / lanes(row, 0.0, |a, b| a + b);
        for value in row.iter_mut() {
            *value *= factor;
        }
    }
}

#[inline(always)]
fn layer_norm_body(values: &mut [f32], other: &[f32], bias: &[f32], weight: &[f32], offset: &[f32], epsilon: f32) {
    let width = weight.len();
    for (row, other) in values.chunks_exact_mut(width).zip(other.chunks_exact(width)) {
        for ((value, other), bias) in row.iter_mut().zip(other).zip(bias) {
            *value += other + bias;
        }
        let mean = lanes(row, 0.0, |a, b| a + b) / width as f32;
        for value in row.iter_mut() {
            *value -= mean;
        }
        let mut squares = [0.0f32; LANES];
        let mut chunks = row.chunks_exact(LANES);
        for chunk in &mut chunks {
            for (sum, value) in squares.iter_mut().zip(chunk) {
                *sum += value * value;
            }
        }
        let rest: f32 = chunks.remainder().iter().map(|value| value * value).sum();
        let variance = (squares.iter().sum::<f32>() + rest) / width as f32;
        let factor = 1.0 / (variance + epsilon).sqrt();
        for ((value, weight), offset) in row.iter_mut().zip(weight).zip(offset) {
            *value = *value * factor * weight + offset;
        }
    }
}

/// Accumulators of a reduction: as many as a 512-bit vector holds, in a fixed order, so that every profile adds alike.
const LANES: usize = 16;

#[inline(always)]
fn lanes(row: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut partial = [start; LANES];
    let mut chunks = row.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (partial, value) in partial.iter_mut().zip(chunk) {
            *partial = combine(*partial, *value);
        }
    }
    let rest = chunks.remainder().iter().fold(start, |rest, value| combine(rest, *value));
    partial.iter().fold(rest, |whole, partial| combine(whole, *partial))
}

/// e^x for x <= 0 and moderate x > 0, to about 2 units in the last place: 2^n by its bits, 2^f by a polynomial of degree 6.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Below this the result is smaller than any softmax or erf can use.
    let x = x.clamp(-87.0, 88.0);
    let scaled = x * std::f32::consts::LOG2_E;
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number without a branch.
    const ROUND: f32 = 12_582_912.0;
    let whole = (scaled + ROUND) - ROUND;
    // ln 2 in two parts (Cody and Waite), so that the rest is exact.
    let rest = x - whole * 0.693_359_4 - whole * -2.121_944_4e-4;
    let mut polynomial = 1.388_889_9e-3f32;
    polynomial = polynomial * rest + 8.333_452e-3;
    polynomial = polynomial * rest + 4.166_667_5e-2;
    polynomial = polynomial * rest + 1.666_666_6e-1;
    polynomial = polynomial * rest + 0.5;
    polynomial = polynomial * rest + 1.0;
    polynomial = polynomial * rest + 1.0;
    let power = f32::from_bits((((whole + 127.0) as i32) << 23) as u32);
    polynomial * power
}

/// The error function to 1.5e-7 (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let mut polynomial = 1.061_405_4f32;
    polynomial = polynomial * t - 1.453_152_1;
    polynomial = polynomial * t + 1.421_413_8;
    polynomial = polynomial * t - 0.284_496_72;
    polynomial = polynomial * t + 0.254_829_6;
    let value = 1.0 - polynomial * t * exp(-size * size);
    value.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Forms that run on this processor.
    fn profiles() -> Vec<Profile> {
        let all = [Profile::Portable, Profile::Avx2, Profile::Avx512];
        let best = all.iter().position(|form| *form == profile()).unwrap_or(0);
        all[..=best].to_vec()
    }

    /// erf by its Maclaurin series in f64.
    fn erf_series(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        (sum * std::f64::consts::FRAC_2_SQRT_PI).clamp(-1.0, 1.0)
    }

    #[test]
    fn exp_and_erf_are_as_exact_as_they_say() {
        for step in -4000..=0 {
            let x = step as f32 * 0.02;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) - want).abs() <= want * 4e-7 + 1e-37, "exp({x})");
        }
        for step in -400..=400 {
            let x = step as f32 * 0.01;
            assert!((f64::from(erf(x)) - erf_series(f64::from(x))).abs() < 5e-7, "erf({x})");
        }
    }

    proptest! {
        #[test]
        fn profiles_agree(values in prop::collection::vec(-8.0f32..8.0, 1..200), bias in -1.0f32..1.0) {
            let width = values.len();
            let (bias, ones) = (vec![bias; width], vec![1.0; width]);
            let mut reference: Option<[Vec<f32>; 3]> = None;
            for profile in profiles() {
                let (mut a, mut b, mut c) = (values.clone(), values.clone(), values.clone());
                gelu_dispatched(profile, &mut a, &bias);
                softmax_dispatched(profile, &mut b, width, 0.5);
                layer_norm_dispatched(profile, &mut c, &ones, &bias, &ones, &bias, 1e-12);
                prop_assert!((b.iter().sum::<f32>() - 1.0).abs() < 1e-4);
                let all = [a, b, c];
                if let Some(reference) = &reference {
                    for (these, those) in all.iter().zip(reference) {
                        for (this, that) in these.iter().zip(those) {
                            prop_assert!((this - that).abs() <= 1e-4 * that.abs().max(1.0), "{profile:?}: {this} {that}");
                        }
                    }
                }
                reference.get_or_insert(all);
            }
        }
    }
}
