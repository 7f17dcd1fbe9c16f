//! The arithmetic of the encoder, and the mapping of model files: all unsafe code of the project.
//!
//! Every function is safe to call: what it needs of its arguments it checks. The same code is compiled for AVX-512, AVX2 with FMA
//! and the portable baseline and chosen at run time ([`profile`]); on other processors the portable form runs.

mod elementwise;
mod mapping;
mod matrix;

pub use elementwise::{gelu, layer_norm, softmax_rows};
pub use mapping::Mapping;
pub use matrix::{Matrix, MatrixMut, multiply};

/// Which form of the kernels runs on this processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// 512-bit vectors.
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// What the compiler's baseline for the target gives.
    Portable,
}

impl Profile {
    /// The name in run records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "f32-avx512",
            Self::Avx2 => "f32-avx2",
            Self::Portable => "f32-portable",
        }
    }
}

/// The form that runs on this processor; found once.
pub fn profile() -> Profile {
    #[cfg(target_arch = "x86_64")]
    {
        // The macro keeps what it found: a later call costs a load.
        if is_x86_feature_detected!("avx512f") {
            return Profile::Avx512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Profile::Avx2;
        }
    }
    Profile::Portable
}
