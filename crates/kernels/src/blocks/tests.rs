#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// The bits of an f16 that is a power of two times a small number: exact, so that a test can compute with it.
fn scale_bits(value: u16) -> u16 {
    // Exponents of 2^-8 to 2^-1 and a mantissa of four bits.
    (7 + value % 8) << 10 | (value / 8 % 16) << 6
}

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn unit(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 31) as f32 * 2.0 - 1.0
    }
}

/// A matrix with its weights in f64.
fn matrix(storage: Storage, inputs: usize, outputs: usize, seed: u64) -> (BlockMatrix, Vec<f64>) {
    let mut numbers = Numbers(seed);
    let mut matrix = BlockMatrix::new(storage, inputs, outputs);
    let mut plain = Vec::new();
    for output in 0..outputs {
        let scales: Vec<u16> = (0..inputs / BLOCK).map(|_| scale_bits(numbers.next() as u16)).collect();
        let least: Vec<f32> = (0..inputs / BLOCK).map(|_| numbers.unit()).collect();
        match storage {
            Storage::Bytes => {
                let weights: Vec<i8> = (0..inputs).map(|_| numbers.next() as i8).collect();
                matrix.set(output, &Row::Bytes { weights: &weights, scales: &scales });
                plain.extend(weights.iter().enumerate().map(|(at, w)| f64::from(half(scales[at / BLOCK])) * f64::from(*w)));
            }
            Storage::Nibbles => {
                let weights: Vec<u8> = (0..inputs).map(|_| numbers.next() as u8 & 15).collect();
                matrix.set(output, &Row::Nibbles { weights: &weights, scales: &scales, least: &least });
                let value =
                    |(at, w): (usize, &u8)| f64::from(half(scales[at / BLOCK])) * f64::from(*w) + f64::from(least[at / BLOCK]);
                plain.extend(weights.iter().enumerate().map(value));
            }
            Storage::Floats => {
                let weights: Vec<f32> = (0..inputs).map(|_| numbers.unit()).collect();
                matrix.set(output, &Row::Floats(&weights));
                plain.extend(weights.iter().map(|w| f64::from(*w)));
            }
        }
    }
    (matrix, plain)
}

fn product(profile: Profile, matrix: &BlockMatrix, input: &[f32]) -> Vec<f32> {
    let mut output = vec![f32::NAN; input.len() / matrix.inputs() * matrix.outputs()];
    matrix.apply(profile, input, &mut BlockScratch::default(), &mut output);
    output
}

#[test]
fn the_bits_of_an_f16_give_its_value() {
    for (bits, value) in [(0x3c00, 1.0), (0x0000, 0.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8), (0x7bff, 65504.0)] {
        assert_eq!(half(bits), value, "{bits:#x}");
    }
    // Every finite value that is not negative, in every form.
    let all: Vec<u16> = (0..0x7c00).collect();
    for bits in all.as_chunks::<LANES>().0 {
        let expected = bits.map(half);
        assert_eq!(crate::simd::Portable.half(bits), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_product_is_exact_to_rounding_and_the_same_in_every_form_and_number_of_rows(
        storage in prop_oneof![Just(Storage::Bytes), Just(Storage::Nibbles), Just(Storage::Floats)],
        blocks in 1usize..12, outputs in 1usize..150, rows in 1usize..15, seed in any::<u64>(),
    ) {
        let inputs = blocks * BLOCK;
        let (matrix, plain) = matrix(storage, inputs, outputs, seed);
        let mut numbers = Numbers(seed ^ 1);
        let input: Vec<f32> = (0..rows * inputs).map(|_| numbers.unit() * 3.0).collect();
        let reference = product(Profile::portable(), &matrix, &input);
        for profile in Profile::available() {
            let all = product(profile, &matrix, &input);
            prop_assert_eq!(&all, &reference, "{}", profile.name());
            for (row, output) in input.chunks_exact(inputs).zip(all.chunks_exact(outputs)) {
                prop_assert_eq!(&product(profile, &matrix, row), output, "a row alone, {}", profile.name());
            }
            // The outputs of one row in two parts.
            let middle = outputs / 2 / PANEL * PANEL;
            let mut parts = vec![f32::NAN; outputs];
            let (low, high) = parts.split_at_mut(middle);
            let mut scratch = BlockScratch::default();
            matrix.apply_part(profile, &input[..inputs], 0, &mut scratch, low);
            matrix.apply_part(profile, &input[..inputs], middle, &mut scratch, high);
            prop_assert_eq!(&parts, &all[..outputs]);
        }
        for (row, output) in input.chunks_exact(inputs).zip(reference.chunks_exact(outputs)) {
            for (weights, value) in plain.chunks_exact(inputs).zip(output) {
                let terms = row.iter().zip(weights).map(|(x, w)| f64::from(*x) * w);
                let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
                prop_assert!((f64::from(*value) - sum).abs() <= 2e-5 * size + 1e-6, "{value} instead of {sum}");
            }
        }
    }

    #[test]
    fn a_row_comes_out_as_it_went_in(
        storage in prop_oneof![Just(Storage::Bytes), Just(Storage::Nibbles), Just(Storage::Floats)],
        blocks in 1usize..6, outputs in 1usize..140, seed in any::<u64>(),
    ) {
        let inputs = blocks * BLOCK;
        let (matrix, plain) = matrix(storage, inputs, outputs, seed);
        let mut row = vec![f32::NAN; inputs];
        for (output, plain) in plain.chunks_exact(inputs).enumerate() {
            matrix.weights(output, &mut row);
            for (value, expected) in row.iter().zip(plain) {
                prop_assert!((f64::from(*value) - expected).abs() <= 1e-6 * expected.abs().max(1e-3));
            }
        }
    }
}
