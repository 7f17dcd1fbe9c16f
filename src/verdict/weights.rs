//! Made by `python3 training/fit_verdict.py`; do not edit.

use super::features::COUNT;
use super::fusion::Weights;

pub(super) const ENGLISH: Weights = Weights { bias: 0.0, plain: [0.0; COUNT], tight: [0.0; COUNT] };
pub(super) const CHINESE: Weights = Weights { bias: 0.0, plain: [0.0; COUNT], tight: [0.0; COUNT] };
