//! Which form of the kernels runs: found from the processor, or named for a test.

use crate::simd::Portable;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};

/// A form of the kernels that this processor can run: a value exists only where its instructions do.
///
/// All forms give the same bits: integer sums are exact, and f32 operations (fused multiply-add among them) come in the same
/// order in vectors of sixteen lanes, whatever the width of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile(Form);

/// The forms, each with the proof that it can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable(Portable),
}

impl Profile {
    /// The forms that run here, the fastest first. The portable one is always there.
    pub fn available() -> Vec<Self> {
        let mut forms = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            forms.extend(Avx512::detect().map(|proof| Self(Form::Avx512(proof))));
            forms.extend(Avx2::detect().map(|proof| Self(Form::Avx2(proof))));
        }
        forms.push(Self::portable());
        forms
    }

    /// The fastest form that runs here.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// The form that the compiler's baseline for the target gives.
    pub const fn portable() -> Self {
        Self(Form::Portable(Portable))
    }

    /// The form of a name, where it runs here.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|profile| profile.name() == name)
    }

    /// The name in run records.
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Form::Avx512(_) => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Form::Avx2(_) => "avx2",
            Form::Portable(_) => "portable",
        }
    }

    /// The name in run records of what is evaluated in f32 all through.
    pub const fn name_in_f32(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Form::Avx512(_) => "avx512-f32",
            #[cfg(target_arch = "x86_64")]
            Form::Avx2(_) => "avx2-f32",
            Form::Portable(_) => "portable-f32",
        }
    }

    pub(crate) const fn form(self) -> Form {
        self.0
    }
}

/// Makes `$name(profile, arguments…)` from a body that is generic over [`Simd`](crate::simd::Simd): the body is compiled once for
/// each form, with the instructions of that form, and the call goes to the one that the profile names.
macro_rules! dispatched {
    (fn $name:ident ( $($argument:ident : $type:ty),* $(,)? ) => $body:ident) => {
        fn $name(profile: $crate::profile::Profile, $($argument: $type),*) {
            match profile.form() {
                #[cfg(target_arch = "x86_64")]
                $crate::profile::Form::Avx512(proof) => {
                    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
                    fn run(proof: $crate::simd::Avx512, $($argument: $type),*) {
                        $body(proof, $($argument),*);
                    }
                    // SAFETY: `proof` exists only where the processor has these instructions.
                    unsafe { run(proof, $($argument),*) }
                }
                #[cfg(target_arch = "x86_64")]
                $crate::profile::Form::Avx2(proof) => {
                    #[target_feature(enable = "avx2,fma")]
                    fn run(proof: $crate::simd::Avx2, $($argument: $type),*) {
                        $body(proof, $($argument),*);
                    }
                    // SAFETY: as above.
                    unsafe { run(proof, $($argument),*) }
                }
                $crate::profile::Form::Portable(proof) => $body(proof, $($argument),*),
            }
        }
    };
}
pub(crate) use dispatched;
