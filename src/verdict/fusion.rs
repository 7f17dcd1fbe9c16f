//! Features -> the probability that the claim is supported: a logistic function of the features, and of the same features times how
//! closely the claim follows one sentence. The weights are fitted by `training/fit_verdict.py`.

use super::features::{COUNT, Feature, Features};
use super::weights::{CHINESE, ENGLISH};

/// The weights of one language.
pub(super) struct Weights {
    pub(super) bias: f32,
    /// By feature.
    pub(super) plain: [f32; COUNT],
    /// By feature, times tightness.
    pub(super) tight: [f32; COUNT],
}

/// What an exact check found to be otherwise in the source. However well the words fit, such a claim is not supported.
const CONTRADICTIONS: [Feature; 3] = [Feature::UnitConflict, Feature::FigureConflict, Feature::DateConflict];
/// A claim that follows its sentence this closely and differs from it by a negation says the opposite.
const NEAR_COPY: f32 = 0.75;
/// By what the probability is multiplied where an exact check contradicts the claim: what remains is below any threshold in use.
const CONTRADICTED: f32 = 0.45;

/// The probability that a claim with these features is supported.
pub(super) fn probability(features: &Features, is_chinese: bool) -> f32 {
    let weights = if is_chinese { &CHINESE } else { &ENGLISH };
    let tightness = features.tightness();
    let mut logit = weights.bias;
    for (index, value) in features.0.iter().enumerate() {
        logit += value * (weights.plain[index] + tightness * weights.tight[index]);
    }
    let probability = 1.0 / (1.0 + (-logit).exp());
    // The same sentence but for a `not`.
    let is_denied = features.get(Feature::NegationOdd) > 0.0 && features.get(Feature::Ordered) >= NEAR_COPY;
    let ceiling = if features.get(Feature::CoverageAll) <= 0.0 {
        // Nothing of the claim in the source: no reading of the weights may call that supported.
        0.05
    } else if CONTRADICTIONS.iter().any(|feature| features.get(*feature) > 0.0) || is_denied {
        CONTRADICTED
    } else {
        1.0
    };
    if probability.is_finite() { probability * ceiling } else { 0.0 }
}
