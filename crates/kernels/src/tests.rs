#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// Values like activations: mostly small, some large.
fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
            if state.is_multiple_of(37) { unit * 40.0 } else { unit * 4.0 }
        })
        .collect()
}

/// Weights of any size, or of half or a quarter of it or less.
fn bytes(count: usize, seed: u64) -> Vec<i8> {
    let whole = values(count, seed).into_iter().map(|value| ((value * 997.0) as i64).rem_euclid(255) as u8 as i8);
    whole.map(|byte| byte.max(-127) >> (seed % 4)).collect()
}

fn packed(outputs: usize, inputs: usize, seed: u64) -> (PackedLinear, Vec<f64>) {
    let weights = bytes(outputs * inputs, seed);
    let scales: Vec<f32> = values(outputs, seed + 1).iter().map(|value| value.abs() / 100.0 + 1e-4).collect();
    let biases = values(outputs, seed + 2);
    let rows: Vec<_> = weights.chunks_exact(inputs).zip(scales.iter().copied()).collect();
    let columns = Columns::spread(&values(inputs, seed + 3), seed as usize % 19);
    let packed = PackedLinear::new(columns, &rows, &biases);
    let plain = weights.iter().enumerate().map(|(at, weight)| f64::from(*weight) * f64::from(scales[at / inputs])).collect();
    (packed, plain)
}

fn linear(profile: Profile, layer: &PackedLinear, input: &[f32], activation: Activation) -> Vec<f32> {
    let mut output = vec![f32::NAN; input.len() / layer.inputs() * layer.outputs()];
    layer.apply(profile, input, activation, &mut Levels::default(), &mut output);
    output
}

fn single(outputs: usize, inputs: usize, seed: u64) -> (SingleLinear, Vec<f32>) {
    let weights = values(outputs * inputs, seed);
    (SingleLinear::new(inputs, &weights, &values(outputs, seed + 2)), weights)
}

fn in_single(profile: Profile, layer: &SingleLinear, input: &[f32], activation: Activation) -> Vec<f32> {
    let mut output = vec![f32::NAN; input.len() / layer.inputs() * layer.outputs()];
    layer.apply(profile, input, activation, &mut output);
    output
}

fn attend(profile: Profile, qkv: &[f32], heads: Heads, lengths: &[usize]) -> Vec<f32> {
    let mut context = vec![f32::NAN; qkv.len() / 3];
    attention(profile, qkv, heads, lengths, &mut AttentionScratch::default(), &mut context);
    context
}

/// erf by its Maclaurin series.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.0 {
        // The series loses its digits here, and erf differs from 1 by less than 2e-8.
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn the_portable_form_is_always_there_and_last() {
    let all = Profile::available();
    assert_eq!(all.last(), Some(&Profile::portable()));
    assert_eq!(Profile::named("portable"), Some(Profile::portable()));
    assert_eq!(Profile::named("no such form"), None);
}

#[test]
fn gelu_is_as_exact_as_it_says() {
    // A weight of 0: what comes out is the bias, with GELU.
    let layer = PackedLinear::new(Columns::plain(1), &[(&[1i8][..], 1.0)], &[0.0]);
    for step in -1600..=1600 {
        let x = step as f32 * 0.005;
        let shifted = PackedLinear::new(Columns::plain(1), &[(&[0i8][..], 1.0)], &[x]);
        let y = linear(Profile::best(), &shifted, &[1.0], Activation::Gelu)[0];
        let want = f64::from(x) * 0.5 * (1.0 + erf(f64::from(x) * std::f64::consts::FRAC_1_SQRT_2));
        assert!((f64::from(y) - want).abs() < 2.5e-6, "gelu({x}) = {y}, not {want}");
    }
    assert_eq!(linear(Profile::best(), &layer, &[0.0], Activation::Identity), [0.0]);
}

#[test]
fn the_shares_of_an_input_at_an_end_of_the_range_are_not_cut_off() {
    // Sixteen shares of the first input make the lowest end, at 1.3 steps below the zero point.
    let columns = Columns::spread(&[1.7, 0.13], 16);
    let layer = PackedLinear::new(columns, &[(&[100, 0][..], 0.01)], &[0.0]);
    let output = linear(Profile::best(), &layer, &[-0.023_25, 0.272_17], Activation::Identity)[0];
    assert!((output + 0.023_25).abs() < 0.001, "{output}");
}

#[test]
fn softmax_is_as_exact_as_it_says() {
    // Two keys whose values are 0 and 1: the context is the second key's weight.
    for step in 0..2000 {
        let x = step as f32 * 0.04;
        let heads = Heads { count: 1, width: 16 };
        let mut qkv = vec![0.0; 3 * 2 * 16];
        qkv[0] = 4.0;
        qkv[2 * 16] = x;
        qkv[5 * 16] = 1.0;
        for profile in Profile::available() {
            let got = f64::from(attend(profile, &qkv, heads, &[2])[0]);
            let want = 1.0 / (1.0 + f64::from(x).exp());
            assert!((got - want).abs() <= want * 2e-6 + 1e-37, "{}: {got}, not {want}", profile.name());
        }
    }
}

#[test]
#[should_panic(expected = "whole number of rows")]
fn a_part_of_a_row_is_refused_in_bytes() {
    let (layer, _) = packed(3, 8, 1);
    layer.apply(Profile::best(), &[0.0; 12], Activation::Identity, &mut Levels::default(), &mut [0.0; 3]);
}

#[test]
#[should_panic(expected = "whole number of rows")]
fn a_part_of_a_row_is_refused() {
    let (layer, _) = single(3, 8, 1);
    layer.apply(Profile::best(), &[0.0; 12], Activation::Identity, &mut [0.0; 3]);
}

#[test]
#[should_panic(expected = "slabs of 24 outputs")]
fn slabs_of_parts_of_vectors_are_refused() {
    let (layer, _) = single(48, 8, 1);
    layer.apply_in_slabs(Profile::best(), &[0.0; 8], Activation::Identity, 24, &mut [0.0; 48]);
}

#[test]
#[should_panic(expected = "could overflow")]
fn sums_that_could_overflow_are_refused() {
    PackedLinear::new(Columns::plain(70_000), &[], &[]);
}

#[test]
fn the_largest_sums_do_not_overflow() {
    let inputs = 1 << 16;
    // Where products of bytes saturate at the latest, and where two or four of them do.
    for weight in [-128, -127, -65, -64, -33, -32, 32, 33, 64, 65, 127i8] {
        let (weights, input) = (vec![weight; inputs], vec![3.0f32; inputs]);
        let layer = PackedLinear::new(Columns::plain(inputs), &[(&weights[..], 1.0)], &[0.0]);
        for profile in Profile::available() {
            let output = linear(profile, &layer, &input, Activation::Identity)[0];
            let want = f32::from(weight) * 3.0 * inputs as f32;
            assert!((output - want).abs() < want.abs() * 1e-5, "{}: {output}, not {want}", profile.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn linear_layers_are_right_and_alike_in_every_form(rows in 1..20usize, inputs in 1..90usize, outputs in 1..150usize, seed in 0..1000u64, gelu: bool) {
        let (layer, weights) = packed(outputs, inputs, seed);
        let input = values(rows * inputs, seed + 7);
        let activation = if gelu { Activation::Gelu } else { Activation::Identity };
        let portable = linear(Profile::portable(), &layer, &input, activation);
        for profile in Profile::available() {
            prop_assert_eq!(&linear(profile, &layer, &input, activation), &portable, "{}", profile.name());
        }
        let biases = values(outputs, seed + 2);
        let plain = linear(Profile::portable(), &layer, &input, Activation::Identity);
        for (row, (input, output)) in input.chunks_exact(inputs).zip(plain.chunks_exact(outputs)).enumerate() {
            // Half a step of the row's range for each input.
            let (low, high) = input.iter().fold((0f32, 0f32), |(low, high), value| (low.min(*value), high.max(*value)));
            let step = f64::from(high - low) / 126.0;
            for (column, output) in output.iter().enumerate() {
                let weights = &weights[column * inputs..][..inputs];
                let want: f64 = weights.iter().zip(input).map(|(w, x)| w * f64::from(*x)).sum::<f64>() + f64::from(biases[column]);
                let bound: f64 = weights.iter().map(|w| w.abs() * step * 0.501).sum::<f64>() + 1e-4 * want.abs().max(1.0);
                prop_assert!((f64::from(*output) - want).abs() <= bound, "row {row} column {column}: {output}, not {want}");
            }
        }
    }

    #[test]
    fn single_layers_are_right_and_alike_in_every_form(rows in 0..40usize, inputs in 1..90usize, outputs in 0..150usize, seed in 0..1000u64, gelu: bool) {
        let (layer, weights) = single(outputs, inputs, seed);
        let input = values(rows * inputs, seed + 7);
        let activation = if gelu { Activation::Gelu } else { Activation::Identity };
        let portable = in_single(Profile::portable(), &layer, &input, activation);
        for profile in Profile::available() {
            prop_assert_eq!(&in_single(profile, &layer, &input, activation), &portable, "{}", profile.name());
        }
        let biases = values(outputs, seed + 2);
        let plain = in_single(Profile::best(), &layer, &input, Activation::Identity);
        for (row, input) in input.chunks_exact(inputs).enumerate() {
            // Alone as in the batch.
            prop_assert_eq!(&in_single(Profile::best(), &layer, input, activation)[..], &portable[row * outputs..][..outputs]);
            for column in 0..outputs {
                let weights = &weights[column * inputs..][..inputs];
                let products = weights.iter().zip(input).map(|(w, x)| f64::from(*w) * f64::from(*x));
                let (want, size) = products.fold((f64::from(biases[column]), 0.0), |(sum, size), product| (sum + product, size + product.abs()));
                let got = f64::from(plain[row * outputs + column]);
                prop_assert!((got - want).abs() <= 1e-5 * (size + want.abs()), "row {row} column {column}: {got}, not {want}");
            }
        }
    }

    #[test]
    fn slabs_hold_what_rows_hold(rows in 0..40usize, inputs in 1..40usize, slabs in 1..6usize, parts in 1..5usize, seed in 0..1000u64) {
        let width = 16 * parts;
        let outputs = slabs * width;
        let input = values(rows * inputs, seed + 7);
        let ((layer, _), (in_f32, _)) = (packed(outputs, inputs, seed), single(outputs, inputs, seed));
        for profile in Profile::available() {
            let in_rows = [linear(profile, &layer, &input, Activation::Gelu), in_single(profile, &in_f32, &input, Activation::Gelu)];
            let mut in_slabs = [vec![f32::NAN; rows * outputs], vec![f32::NAN; rows * outputs]];
            layer.apply_in_slabs(profile, &input, Activation::Gelu, &mut Levels::default(), width, &mut in_slabs[0]);
            in_f32.apply_in_slabs(profile, &input, Activation::Gelu, width, &mut in_slabs[1]);
            for (in_rows, in_slabs) in in_rows.iter().zip(&in_slabs) {
                for (at, value) in in_slabs.iter().enumerate() {
                    let (slab, row, column) = (at / (rows * width), at / width % rows, at % width);
                    prop_assert_eq!(*value, in_rows[row * outputs + slab * width + column]);
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours(rows in 2..20usize, seed in 0..1000u64) {
        let (layer, _) = packed(70, 33, seed);
        let input = values(rows * 33, seed);
        let together = linear(Profile::best(), &layer, &input, Activation::Gelu);
        for (input, output) in input.chunks_exact(33).zip(together.chunks_exact(70)) {
            prop_assert_eq!(linear(Profile::best(), &layer, input, Activation::Gelu), output);
        }
    }

    #[test]
    fn attention_is_right_and_alike_in_every_form(lengths in prop::collection::vec(0..90usize, 1..4), count in 1..4usize, parts in 1..5usize, seed in 0..1000u64) {
        let heads = Heads { count, width: 16 * parts };
        let width = heads.count * heads.width;
        let tokens: usize = lengths.iter().sum();
        let qkv: Vec<f32> = values(tokens * 3 * width, seed).iter().map(|value| value * 0.5).collect();
        let portable = attend(Profile::portable(), &qkv, heads, &lengths);
        for profile in Profile::available() {
            prop_assert_eq!(&attend(profile, &qkv, heads, &lengths), &portable, "{}", profile.name());
        }
        let mut first = 0;
        for length in lengths {
            // Of nothing but empty sequences there are no slabs.
            let slabs = qkv.chunks_exact((tokens * heads.width).max(1));
            let part: Vec<f32> = slabs.flat_map(|slab| &slab[first * heads.width..][..length * heads.width]).copied().collect();
            // Alone as in the batch.
            prop_assert_eq!(&attend(Profile::best(), &part, heads, &[length])[..], &portable[first * width..][..length * width]);
            for head in 0..count {
                let at = |token: usize, kind: usize, d: usize| f64::from(part[((kind * count + head) * length + token) * heads.width + d]);
                for query in 0..length {
                    let scores: Vec<f64> = (0..length).map(|key| (0..heads.width).map(|d| at(query, 0, d) * at(key, 1, d)).sum::<f64>() / (heads.width as f64).sqrt()).collect();
                    let largest = scores.iter().copied().fold(f64::MIN, f64::max);
                    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
                    let sum: f64 = weights.iter().sum();
                    for d in 0..heads.width {
                        let want: f64 = weights.iter().enumerate().map(|(key, weight)| weight * at(key, 2, d)).sum::<f64>() / sum;
                        let got = f64::from(portable[(first + query) * width + head * heads.width + d]);
                        prop_assert!((got - want).abs() < 2e-4, "{got}, not {want}");
                    }
                }
            }
            first += length;
        }
    }

    #[test]
    fn layer_norm_is_right_and_alike_in_every_form(rows in 1..9usize, vectors in 1..30usize, with_residual: bool, seed in 0..1000u64) {
        let width = 16 * vectors;
        let (input, residual) = (values(rows * width, seed), values(rows * width, seed + 1));
        let (weight, bias) = (values(width, seed + 2), values(width, seed + 3));
        let residual = with_residual.then_some(&residual[..]);
        let run = |profile| {
            let mut rows = input.clone();
            layer_norm(profile, &mut rows, residual, &weight, &bias, 1e-12);
            rows
        };
        let portable = run(Profile::portable());
        for profile in Profile::available() {
            prop_assert_eq!(&run(profile), &portable, "{}", profile.name());
        }
        for row in 0..rows {
            let sums: Vec<f64> = (0..width).map(|at| f64::from(input[row * width + at]) + residual.map_or(0.0, |values| f64::from(values[row * width + at]))).collect();
            let mean = sums.iter().sum::<f64>() / width as f64;
            let variance = sums.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / width as f64;
            for at in 0..width {
                let want = (sums[at] - mean) / (variance + 1e-12).sqrt() * f64::from(weight[at]) + f64::from(bias[at]);
                let got = f64::from(portable[row * width + at]);
                prop_assert!((got - want).abs() < 1e-3 * want.abs().max(1.0), "{got}, not {want}");
            }
        }
    }
}
