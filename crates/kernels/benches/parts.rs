//! Where the time of a layer goes, in every form of the kernels that runs here.

use std::time::Instant;

use scrutineer_kernels::{
    Activation, AttentionScratch, Buffer, Columns, Heads, Levels, PackedLinear, Profile, SingleLinear, attention, layer_norm,
};

/// What each part of a layer of the shipped encoder's shape costs for 512 tokens in sequences of 128, in milliseconds; in f32 the
/// linear layers alone, the rest being the same. Name forms to see them alone: the portable one takes its time.
fn main() {
    const TOKENS: usize = 512;
    const SHAPES: [(usize, usize, Activation); 4] = [
        (1152, 384, Activation::Identity),
        (384, 384, Activation::Identity),
        (1536, 384, Activation::Gelu),
        (384, 1536, Activation::Identity),
    ];
    println!("{:14} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", "ms", "qkv", "attention", "out", "up+gelu", "down", "norm");
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    for profile in Profile::available() {
        if !named.is_empty() && !named.iter().any(|name| name == profile.name()) {
            continue;
        }
        let layer = |outputs: usize, inputs: usize| {
            let weights = weights(outputs * inputs);
            let rows: Vec<_> = weights.chunks_exact(inputs).map(|row| (row, 0.01)).collect();
            PackedLinear::new(Columns::spread(&vec![1.0; inputs], 16), &rows, &vec![0.1; outputs])
        };
        let values = |width: usize| {
            let mut values = Buffer::zeros(TOKENS * width);
            values.iter_mut().enumerate().for_each(|(at, value)| *value = (at % 97) as f32 * 0.02 - 1.0);
            values
        };
        let (narrow, wide) = (values(384), values(1536));
        let mut levels = Levels::default();
        let mut row = Vec::new();
        for (outputs, inputs, activation) in SHAPES {
            let layer = layer(outputs, inputs);
            let input = if inputs == 384 { &narrow } else { &wide };
            let mut output = Buffer::zeros(TOKENS * outputs);
            // Queries, keys and values lie head by head.
            let slab = if outputs == 1152 { 32 } else { outputs };
            row.push(fastest(|| layer.apply_in_slabs(profile, input, activation, &mut levels, slab, &mut output)));
        }
        let (qkv, mut context, mut scratch) = (values(1152), values(384), AttentionScratch::default());
        let heads = Heads { count: 12, width: 32 };
        row.insert(1, fastest(|| attention(profile, &qkv, heads, &[128; 4], &mut scratch, &mut context)));
        let (weight, bias) = (vec![1.0; 384], vec![0.0; 384]);
        row.push(fastest(|| {
            layer_norm(profile, &mut context, Some(&narrow), &weight, &bias, 1e-12);
            layer_norm(profile, &mut context, Some(&narrow), &weight, &bias, 1e-12);
        }));
        print!("{:14}", profile.name());
        row.iter().for_each(|ms| print!(" {ms:>9.3}"));
        println!(
            "   all {:.3}, {:.1} sequences of 128 per second in 12 layers",
            row.iter().sum::<f64>(),
            4000.0 / 12.0 / row.iter().sum::<f64>()
        );
        print!("{:14}", "  in f32");
        for (outputs, inputs, activation) in SHAPES {
            let weights: Vec<f32> = (0..outputs * inputs).map(|at| (at * 31 % 255) as f32 * 0.01 - 1.2).collect();
            let layer = SingleLinear::new(inputs, &weights, &vec![0.1; outputs]);
            let mut output = Buffer::zeros(TOKENS * outputs);
            let (input, slab) = (if inputs == 384 { &narrow } else { &wide }, if outputs == 1152 { 32 } else { outputs });
            let ms = fastest(|| layer.apply_in_slabs(profile, input, activation, slab, &mut output));
            print!(" {ms:>9.3}");
            if outputs == 1152 {
                print!(" {:>9}", "");
            }
        }
        println!();
    }
}

/// Weights as a trained layer has them: about normal, a third of the largest as their deviation. (How fast AVX2 is depends on it.)
fn weights(count: usize) -> Vec<i8> {
    let mut state = 1_u64;
    let mut part = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 58) as i8 - 32
    };
    (0..count).map(|_| part().saturating_add(part()).saturating_add(part()).saturating_add(part()).max(-127)).collect()
}

/// The fastest of several runs, in milliseconds.
fn fastest(mut work: impl FnMut()) -> f64 {
    let times = (0..30).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1000.0
    });
    times.fold(f64::MAX, f64::min)
}
