//! Local models: registry, digests, tokenizer, encoder, heads, generators. Imports no stage.
//!
//! No model runs that the registry does not describe, and none whose files do not have the digests that it gives.

pub mod arithmetic;
mod checkpoint;
pub mod config;
pub mod encoder;
pub mod generator;
pub mod heads;
pub mod input;
mod packed;
pub mod reference;
pub mod registry;
pub mod runtime;
pub mod sources;
pub mod speed;
pub mod tokenizer;
pub mod weights;

use std::path::PathBuf;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no folder with models.
    #[error(
        "no models found; name their folder with --models DIR or SCRUTINEER_MODELS, or put it beside the program as `models`"
    )]
    NoFolder,
    /// The registry's file is wrong.
    #[error("the model registry {} is not valid: {message}", path.display())]
    Registry {
        /// `models.toml`.
        path: PathBuf,
        /// What is wrong, with line and key.
        message: String,
    },
    /// The registry does not describe the model.
    #[error("the model registry does not describe a model `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The registry describes the model and says where to get it; it is not on this machine.
    #[error("model `{model}` is not on this machine ({} is not there); fetch it with `scrutineer models pull {model}`", path.display())]
    NotFetched {
        /// The model.
        model: String,
        /// The first file that is missing.
        path: PathBuf,
    },
    /// A file of a model cannot be read.
    #[error("model `{model}`: cannot read {}; restore it from the distribution ({source})", path.display())]
    Unreadable {
        /// The model.
        model: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of a model is not the one that the registry describes.
    #[error("model `{model}`: {} is not the file that the registry describes (SHA-256 {found}, expected {expected}): it was changed or damaged; restore it from the distribution, or fetch it again with `scrutineer models pull {model}`", path.display())]
    Tampered {
        /// The model.
        model: String,
        /// The file.
        path: PathBuf,
        /// The digest that the registry gives.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// A file of a model does not hold what it should.
    #[error("model `{model}`: {detail}")]
    Malformed {
        /// The model.
        model: String,
        /// What is missing or wrong.
        detail: String,
    },
    /// A model's file cannot be used.
    #[error("model file {}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A prompt does not fit.
    #[error("model `{model}`: the prompt has {tokens} tokens, and there is room for 1 to {room}")]
    Prompt {
        /// The model.
        model: String,
        /// The prompt's tokens.
        tokens: usize,
        /// The most that it may have.
        room: usize,
    },
    /// The arithmetic that was asked for cannot run here.
    #[error("`{name}` is no arithmetic that this processor can run; SCRUTINEER_KERNELS may name {available}")]
    Arithmetic {
        /// The name.
        name: String,
        /// What can run.
        available: String,
    },
    /// The system gave no threads.
    #[error("threads for a model cannot be started")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// Candle refused an operation.
    #[error("the model could not be evaluated")]
    Evaluation(#[from] candle_core::Error),
}

#[cfg(test)]
mod tests;
