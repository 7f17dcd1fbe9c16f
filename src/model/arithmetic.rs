//! Which arithmetic evaluates a model: the kernels, in bytes or in f32, or Candle's operations as reference.

use scrutineer_kernels::Profile;

use super::ModelError;

/// The environment variable that names an arithmetic: for tests, and to see whether a difference comes from the kernels.
pub const VARIABLE: &str = "SCRUTINEER_KERNELS";

/// How a model is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// In bytes, by the kernels in a form that this processor can run. All forms give the same bits.
    Bytes(Profile),
    /// In f32, by the kernels: half as fast. All forms give the same bits.
    Single(Profile),
    /// In f32, by Candle's plain operations: slow, and made of none of our code, which is what evidence needs.
    Reference,
}

impl Arithmetic {
    /// The fastest kernels, in bytes.
    pub fn fastest() -> Self {
        Self::Bytes(Profile::best())
    }

    /// All that can run here: in bytes and in f32, the fastest form first, and the reference.
    pub fn available() -> Vec<Self> {
        let forms = Profile::available();
        forms.iter().copied().map(Self::Bytes).chain(forms.iter().copied().map(Self::Single)).chain([Self::Reference]).collect()
    }

    /// What [`VARIABLE`] names: `portable`, `avx2` or `avx512`, each with `-f32` for f32; `f32` for its fastest form; `reference`.
    /// The fastest where it is not set.
    ///
    /// # Errors
    /// A name that is none, or names what this processor cannot run.
    pub fn from_environment() -> Result<Self, ModelError> {
        match std::env::var_os(VARIABLE) {
            None => Ok(Self::fastest()),
            Some(name) => Self::named(&name.to_string_lossy()),
        }
    }

    /// The reference where it was asked for, else what the environment names.
    ///
    /// # Errors
    /// As for [`Arithmetic::from_environment`].
    pub fn chosen(reference: bool) -> Result<Self, ModelError> {
        if reference { Ok(Self::Reference) } else { Self::from_environment() }
    }

    /// The arithmetic of a name: as in [`VARIABLE`], or as [`Arithmetic::name`] gives it.
    ///
    /// # Errors
    /// A name that is none, or names what this processor cannot run.
    pub fn named(name: &str) -> Result<Self, ModelError> {
        let name = if name == "avx512" { "avx512-vnni" } else { name };
        let found = match name {
            "" => Some(Self::fastest()),
            "reference" => Some(Self::Reference),
            "f32" => Some(Self::Single(Profile::best())),
            other => Self::available().into_iter().find(|arithmetic| arithmetic.name() == other),
        };
        found.ok_or_else(|| ModelError::Arithmetic {
            name: name.to_owned(),
            available: Self::available().iter().map(|arithmetic| arithmetic.name()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Whether states are rounded to bytes on their way, so that a score differs a little from that of f32.
    pub fn is_rounded(self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// The name in run records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes(profile) => profile.name(),
            Self::Single(profile) => profile.name_in_f32(),
            Self::Reference => "reference-f32",
        }
    }
}
