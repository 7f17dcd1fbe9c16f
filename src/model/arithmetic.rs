//! Which arithmetic evaluates a model: the kernels in one of their forms, or plain f32 as reference.

use scrutineer_kernels::Profile;

use super::ModelError;

/// The environment variable that names an arithmetic: for tests, and to see whether a difference comes from the kernels.
pub const VARIABLE: &str = "SCRUTINEER_KERNELS";

/// How a model is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// In bytes, by the kernels in a form that this processor can run. All forms give the same bits.
    Kernels(Profile),
    /// In f32, by Candle's own operations: slow, for evidence.
    Reference,
}

impl Arithmetic {
    /// The fastest kernels.
    pub fn fastest() -> Self {
        Self::Kernels(Profile::best())
    }

    /// What [`VARIABLE`] names: `portable`, `avx2`, `avx512` or `reference`; the fastest where it is not set.
    ///
    /// # Errors
    /// A name that is none, or names what this processor cannot run.
    pub fn from_environment() -> Result<Self, ModelError> {
        match std::env::var_os(VARIABLE) {
            None => Ok(Self::fastest()),
            Some(name) => Self::named(&name.to_string_lossy()),
        }
    }

    /// The arithmetic of a name: as in [`VARIABLE`], or as [`Arithmetic::name`] gives it.
    ///
    /// # Errors
    /// A name that is none, or names what this processor cannot run.
    pub fn named(name: &str) -> Result<Self, ModelError> {
        let profile = match name {
            "" => return Ok(Self::fastest()),
            "reference" | "reference-f32" => return Ok(Self::Reference),
            "avx512" => "avx512-vnni",
            other => other,
        };
        Profile::named(profile).map(Self::Kernels).ok_or_else(|| ModelError::Arithmetic {
            name: name.to_owned(),
            available: Profile::available().iter().map(|profile| profile.name()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The name in run records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernels(profile) => profile.name(),
            Self::Reference => "reference-f32",
        }
    }
}
