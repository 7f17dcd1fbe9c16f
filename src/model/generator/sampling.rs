//! Which token comes next: the likeliest, or one drawn by a seed.

/// How tokens are chosen.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sampling {
    /// 0 for the likeliest token; above, scores are divided by it before one is drawn.
    pub temperature: f32,
    /// Of the drawn, only so many of the likeliest; 0 for all.
    pub top_k: usize,
    /// Of the drawn, only the likeliest that together have this probability; 1 for all.
    pub top_p: f32,
    /// Of the drawn, only those with at least this part of the likeliest's probability; 0 for all.
    pub min_p: f32,
    /// What draws: the same seed draws the same.
    pub seed: u64,
    /// What the score of a token said among the last [`Sampling::REPEAT_WINDOW`] is divided by (multiplied, where it is negative);
    /// 1 for nothing.
    pub repeat_penalty: f32,
    /// No run of so many tokens is said twice; 0 for no such rule.
    pub no_repeat: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: 40, top_p: 0.95, min_p: 0.05, seed: 0, repeat_penalty: 1.0, no_repeat: 0 }
    }
}

impl Sampling {
    /// How far back a repeated token counts.
    pub const REPEAT_WINDOW: usize = 64;

    /// What is wrong with the settings, where something is.
    pub fn fault(&self) -> Option<&'static str> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            Some("the temperature must be 0 or more")
        } else if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            Some("top-p must be above 0 and at most 1")
        } else if !(0.0..=1.0).contains(&self.min_p) {
            Some("min-p must be from 0 to 1")
        } else if !(self.repeat_penalty.is_finite() && self.repeat_penalty >= 1.0) {
            Some("the repeat penalty must be 1 or more")
        } else {
            None
        }
    }
}

/// Draws tokens, one after another.
#[derive(Debug)]
pub(super) struct Sampler {
    options: Sampling,
    state: u64,
    /// Tokens by their scores, reused.
    ranked: Vec<(f32, u32)>,
}

impl Sampler {
    pub(super) fn new(options: Sampling) -> Self {
        Self { state: options.seed, options, ranked: Vec::new() }
    }

    /// The next token after those said. Scores of tokens that may not be said are negative infinity; `scores` is changed.
    pub(super) fn next(&mut self, scores: &mut [f32], said: &[u32]) -> u32 {
        self.penalise(scores, said);
        if self.options.temperature == 0.0 {
            return likeliest(scores);
        }
        self.rank(scores);
        let largest = self.ranked.first().map_or(0.0, |(score, _)| f64::from(*score));
        let temperature = f64::from(self.options.temperature);
        let mut weights: Vec<f64> =
            self.ranked.iter().map(|(score, _)| ((f64::from(*score) - largest) / temperature).exp()).collect();
        // The likeliest has weight 1, so this is a part of its probability.
        let least = f64::from(self.options.min_p);
        weights.truncate(weights.iter().take_while(|weight| **weight >= least && **weight > 0.0).count().max(1));
        let all: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let within = weights.iter().take_while(|weight| {
            let below = sum < all * f64::from(self.options.top_p);
            sum += **weight;
            below
        });
        let count = within.count().max(1);
        weights.truncate(count);
        let mut drawn = self.draw() * weights.iter().sum::<f64>();
        let chosen = weights.iter().position(|weight| {
            drawn -= weight;
            drawn < 0.0
        });
        self.ranked.get(chosen.unwrap_or(weights.len() - 1)).map_or(0, |(_, token)| *token)
    }

    fn penalise(&self, scores: &mut [f32], said: &[u32]) {
        if self.options.repeat_penalty > 1.0 {
            let mut recent = said[said.len().saturating_sub(Sampling::REPEAT_WINDOW)..].to_vec();
            recent.sort_unstable();
            recent.dedup();
            for token in recent {
                if let Some(score) = scores.get_mut(token as usize) {
                    *score =
                        if *score > 0.0 { *score / self.options.repeat_penalty } else { *score * self.options.repeat_penalty };
                }
            }
        }
        // The tokens that once followed what was said last would say it again.
        let run = self.options.no_repeat;
        if run > 1 && said.len() >= run {
            let last = &said[said.len() + 1 - run..];
            for window in said.windows(run).filter(|window| window.starts_with(last)) {
                if let Some(score) = scores.get_mut(window[run - 1] as usize) {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
    }

    /// The tokens by score, the best first, no more of them than can be drawn.
    fn rank(&mut self, scores: &[f32]) {
        self.ranked.clear();
        self.ranked.extend(scores.iter().zip(0..).filter(|(score, _)| **score > f32::NEG_INFINITY).map(|(s, token)| (*s, token)));
        let better = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let most = if self.options.top_k == 0 { self.ranked.len() } else { self.options.top_k };
        if most < self.ranked.len() {
            self.ranked.select_nth_unstable_by(most, better);
            self.ranked.truncate(most);
        }
        self.ranked.sort_unstable_by(better);
    }

    /// A number from 0 to below 1 (SplitMix64, Steele et al. 2014).
    fn draw(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The token with the best score, of equals the first.
fn likeliest(scores: &[f32]) -> u32 {
    let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    best.map_or(0, |(token, _)| token as u32)
}

/// Whether what was said ends in the same run of tokens, three times or more and over at least 24 tokens.
pub(super) fn loops(said: &[u32]) -> bool {
    const LEAST: usize = 24;
    const LONGEST: usize = 48;
    (1..=LONGEST.min(said.len() / 3)).any(|period| {
        let length = LEAST.max(3 * period);
        let Some(tail) = said.len().checked_sub(length).map(|start| &said[start..]) else { return false };
        tail.iter().zip(&tail[period..]).all(|(a, b)| a == b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(options: &Sampling, scores: &[f32], count: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(options.clone());
        (0..count).map(|_| sampler.next(&mut scores.to_vec(), &[])).collect()
    }

    #[test]
    fn without_temperature_the_likeliest_is_taken_and_of_equals_the_first() {
        assert_eq!(drawn(&Sampling::default(), &[0.5, 2.0, 2.0, -1.0], 3), [1, 1, 1]);
    }

    #[test]
    fn a_seed_draws_the_same_and_another_one_something_else() {
        let scores: Vec<f32> = (0..50).map(|at| (at % 7) as f32 * 0.1).collect();
        let options = |seed| Sampling { temperature: 1.0, seed, ..Sampling::default() };
        assert_eq!(drawn(&options(7), &scores, 40), drawn(&options(7), &scores, 40));
        assert_ne!(drawn(&options(7), &scores, 40), drawn(&options(8), &scores, 40));
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let options = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() };
        let scores = [0.0, 1.0_f32.ln(), 2.0_f32.ln(), 6.0_f32.ln(), f32::NEG_INFINITY];
        let drawn = drawn(&options, &scores, 20_000);
        for (token, expected) in [(0, 0.1), (1, 0.1), (2, 0.2), (3, 0.6), (4, 0.0)] {
            let share = drawn.iter().filter(|drawn| **drawn == token).count() as f64 / 20_000.0;
            assert!((share - expected).abs() < 0.015, "{token}: {share}");
        }
    }

    #[test]
    fn each_cut_leaves_what_it_says() {
        let scores = [6.0_f32.ln(), 2.0_f32.ln(), 1.0_f32.ln(), 1.0_f32.ln()];
        let all = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() };
        let seen = |options: &Sampling| {
            let mut seen = drawn(options, &scores, 2000);
            seen.sort_unstable();
            seen.dedup();
            seen
        };
        assert_eq!(seen(&all), [0, 1, 2, 3]);
        assert_eq!(seen(&Sampling { top_k: 2, ..all.clone() }), [0, 1]);
        assert_eq!(seen(&Sampling { top_p: 0.7, ..all.clone() }), [0, 1]);
        assert_eq!(seen(&Sampling { min_p: 0.3, ..all.clone() }), [0, 1]);
        assert_eq!(seen(&Sampling { temperature: 0.05, ..all }), [0]);
    }

    #[test]
    fn what_was_said_is_held_back() {
        let options = Sampling { repeat_penalty: 2.0, ..Sampling::default() };
        let mut sampler = Sampler::new(options);
        assert_eq!(sampler.next(&mut [1.0, 1.5, 0.2], &[1]), 0);
        let mut sampler = Sampler::new(Sampling { no_repeat: 3, ..Sampling::default() });
        // 4 5 was followed by 6 once: 6 may not follow it again.
        assert_eq!(sampler.next(&mut [0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 9.0], &[4, 5, 6, 4, 5]), 1);
    }

    #[test]
    fn a_loop_is_known_and_a_list_is_not_one() {
        assert!(loops(&[7; 24]));
        assert!(!loops(&[7; 23]));
        assert!(loops(&[1, 2, 3].repeat(9)));
        assert!(!loops(&(0..200).collect::<Vec<_>>()));
        assert!(!loops(&(0..120).map(|at| if at % 5 == 0 { at } else { at % 5 }).collect::<Vec<_>>()));
    }
}
