//! The angles of rotary positions: tables that layers share, as long as the tokens in hand.

/// The cosine and sine of each pair's angle, position by position: [positions, head width / 2].
#[derive(Debug)]
pub(super) struct Rotary {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rotary {
    /// Angles for positions from 0: `position / (divisor * factor * base^(2 i / width))` for the pair `i`, with a factor per pair
    /// where there are some.
    pub(super) fn new(head_width: usize, base: f64, divisor: f64, factors: Option<&[f32]>, positions: usize) -> Self {
        let half = head_width / 2;
        let rate = |pair: usize| {
            let factor = factors.and_then(|factors| factors.get(pair)).map_or(1.0, |factor| f64::from(*factor));
            1.0 / (divisor * factor * base.powf(2.0 * pair as f64 / head_width as f64))
        };
        let rates: Vec<f64> = (0..half).map(rate).collect();
        let (mut cosines, mut sines) = (Vec::with_capacity(positions * half), Vec::with_capacity(positions * half));
        for position in 0..positions {
            for rate in &rates {
                let (sine, cosine) = (position as f64 * rate).sin_cos();
                cosines.push(cosine as f32);
                sines.push(sine as f32);
            }
        }
        Self { half, cosines, sines }
    }

    /// The cosines and sines of `count` positions.
    pub(super) fn of(&self, first: usize, count: usize) -> (&[f32], &[f32]) {
        let range = first * self.half..(first + count) * self.half;
        (&self.cosines[range.clone()], &self.sines[range])
    }
}
