#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 * 4.0 - 2.0
    };
    (0..count).map(|_| next()).collect()
}

fn near(value: f32, expected: f64, tolerance: f64) -> bool {
    (f64::from(value) - expected).abs() <= tolerance * expected.abs().max(1.0)
}

/// Attention of one row and head by its definition, in f64.
fn plain_attention(query: &[f32], keys: &[&[f32]], values: &[&[f32]], scale: f32) -> Vec<f64> {
    let dot = |key: &[f32]| query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>() * f64::from(scale);
    let scores: Vec<f64> = keys.iter().map(|key| dot(key)).collect();
    let largest = scores.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let column = |at: usize| weights.iter().zip(values).map(|(w, v)| w * f64::from(v[at])).sum::<f64>() / sum;
    (0..query.len()).map(column).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn attention_is_that_of_its_definition_and_the_same_for_rows_alone(
        (shared, group, parts) in (1usize..3, 1usize..4, 1usize..3), (first, rows) in (0usize..40, 1usize..9),
        window in proptest::option::of(1usize..30), seed in any::<u64>(),
    ) {
        let (width, capacity) = (parts * LANES, first + rows + 3);
        let heads = QueryHeads { count: shared * group, shared, width, scale: 0.3, window };
        let queries = values(rows * heads.count * width, seed);
        let (keys, kept) = (values(shared * capacity * width, seed ^ 1), values(shared * capacity * width, seed ^ 2));
        let kept = Kept { keys: &keys, values: &kept, capacity };
        let run = |profile, queries: &[f32], first| {
            let mut context = vec![f32::NAN; queries.len()];
            attention_over(profile, queries, first, heads, kept, &mut Vec::new(), &mut context);
            context
        };
        let reference = run(Profile::portable(), &queries, first);
        for profile in Profile::available() {
            prop_assert_eq!(&run(profile, &queries, first), &reference, "{}", profile.name());
            for (row, query) in queries.chunks_exact(heads.count * width).enumerate() {
                let alone = run(profile, query, first + row);
                prop_assert_eq!(&alone, &reference[row * query.len()..][..query.len()]);
            }
        }
        for (index, (query, context)) in queries.chunks_exact(width).zip(reference.chunks_exact(width)).enumerate() {
            let (row, head) = (index / heads.count, index % heads.count);
            let end = first + row + 1;
            let seen = window.map_or(0, |window| end.saturating_sub(window))..end;
            let base = head / group * capacity;
            let rows = |of: &'_ [f32]| -> Vec<Vec<f32>> {
                seen.clone().map(|at| of[(base + at) * width..][..width].to_vec()).collect()
            };
            let (keys, values) = (rows(kept.keys), rows(kept.values));
            let (keys, values): (Vec<&[f32]>, Vec<&[f32]>) =
                (keys.iter().map(Vec::as_slice).collect(), values.iter().map(Vec::as_slice).collect());
            for (value, expected) in context.iter().zip(plain_attention(query, &keys, &values, heads.scale)) {
                prop_assert!(near(*value, expected, 1e-4), "{value} instead of {expected}");
            }
        }
    }

    #[test]
    fn gates_and_norms_are_those_of_their_definition(seed in any::<u64>(), rows in 1usize..4, parts in 1usize..5) {
        let width = parts * LANES;
        let (source, weight) = (values(rows * width, seed), values(width, seed ^ 1));
        for profile in Profile::available() {
            let mut normal = vec![f32::NAN; source.len()];
            rms_norm(profile, &source, &weight, 1e-5, &mut normal);
            let mut within = source.clone();
            rms_norm_in_place(profile, &mut within, &weight, 1e-5);
            prop_assert_eq!(&normal, &within);
            for (source, normal) in source.chunks_exact(width).zip(normal.chunks_exact(width)) {
                let squares: f64 = source.iter().map(|x| f64::from(*x).powi(2)).sum();
                let factor = 1.0 / (squares / width as f64 + 1e-5).sqrt();
                for ((x, w), value) in source.iter().zip(&weight).zip(normal) {
                    prop_assert!(near(*value, f64::from(*x) * factor * f64::from(*w), 1e-5));
                }
            }
            let wide: Vec<f32> = source.iter().map(|x| x * 30.0).collect();
            for x in [&source, &wide] {
                let up = values(x.len(), seed ^ 2);
                for function in [Gate::Silu, Gate::GeluTanh] {
                    let mut gate = x.clone();
                    gated(profile, function, &mut gate, &up);
                    for ((x, up), value) in x.iter().zip(&up).zip(&gate) {
                        let (x, up) = (f64::from(*x), f64::from(*up));
                        let expected = match function {
                            Gate::Silu => x / (1.0 + (-x).exp()),
                            Gate::GeluTanh => {
                                0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
                            }
                        };
                        prop_assert!(near(*value, expected * up, 2e-6), "{function:?} of {x}: {value}, not {}", expected * up);
                    }
                    let mut portable = x.clone();
                    gated(Profile::portable(), function, &mut portable, &up);
                    prop_assert_eq!(&gate, &portable);
                }
            }
        }
    }
}

#[test]
fn pairs_are_turned_by_their_angle() {
    let (cosine, sine) = (0.6_f32, 0.8_f32);
    let row: Vec<f32> = (0..8).map(|at| at as f32).collect();
    for profile in Profile::available() {
        let mut halves = row.clone();
        rotate(profile, &mut halves, 4, Pairs::Halves, &[cosine, 1.0], &[sine, 0.0]);
        assert_eq!(
            halves,
            [0.0 * 0.6 - 2.0 * 0.8, 1.0, 0.0 * 0.8 + 2.0 * 0.6, 3.0, 4.0 * 0.6 - 6.0 * 0.8, 5.0, 4.0 * 0.8 + 6.0 * 0.6, 7.0]
        );
        let mut neighbours = row.clone();
        rotate(profile, &mut neighbours, 4, Pairs::Neighbours, &[cosine, 1.0], &[sine, 0.0]);
        assert_eq!(
            neighbours,
            [0.0 * 0.6 - 1.0 * 0.8, 0.0 * 0.8 + 1.0 * 0.6, 2.0, 3.0, 4.0 * 0.6 - 5.0 * 0.8, 4.0 * 0.8 + 5.0 * 0.6, 6.0, 7.0]
        );
    }
}
