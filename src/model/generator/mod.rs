//! Models that write: GGUF files of the families Llama, Qwen 3 and Gemma 3, run on the processor.
//!
//! ```text
//! gguf ─▶ shape, blocks ─▶ network ─┐
//!      └▶ tokenizer ─▶ chat ────────┴▶ session: prompt ─▶ scores ─▶ sampling ─▶ text
//! ```
//!
//! The block formats are Candle's; the layers run on the kernels, as Candle's published models of these families compute some of
//! them wrongly and read prompts row by row. A token's scores have the same bits whether it is read alone or among others, on one
//! thread or several, in every form of the kernels; so what is generated depends on the prompt, the settings and the seed alone.
//!
//! What a model writes is never shown unchecked: see [`crate::summary::Generator`] and the check-and-repair loop of the pipeline.

pub mod blocks;
pub mod chat;
pub mod gguf;
mod memory;
mod network;
mod rotary;
pub mod sampling;
mod session;
pub mod shape;
mod spoken;
pub mod tokenizer;

use std::path::{Path, PathBuf};

use super::ModelError;
use super::arithmetic::Arithmetic;
use super::registry::Registry;
use crate::digest::Digest;
use chat::ChatForm;
use gguf::Gguf;
use network::{Compute, Network};
use tokenizer::Tokenizer;

pub use session::{Finish, Generated, Limits, Progress, Session};

/// A model that writes, with its tokenizer and the form in which it is talked to.
pub struct LanguageModel {
    name: String,
    digest: Digest,
    registered: bool,
    network: Network,
    tokenizer: Tokenizer,
    form: ChatForm,
    compute: Compute,
}

impl LanguageModel {
    /// Loads a model of the registry, the files' digests checked; `threads` share the work. The arithmetic says with which
    /// kernels: their portable form stands for the reference, as the plain f32 evaluation of these weights.
    ///
    /// # Errors
    /// What [`Registry::load`] gives; a card without a GGUF file; a file that cannot be run, with the reason.
    pub fn load(registry: &Registry, name: &str, arithmetic: Arithmetic, threads: usize) -> Result<Self, ModelError> {
        let path = gguf_of(registry, name)?;
        let mut files = registry.load(name)?;
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let file = Gguf::of_mapping(&path, files.take(&file_name)?)?;
        Self::of_file(name.to_owned(), files.digest(), true, &file, Compute::new(arithmetic, threads)?)
    }

    /// Opens a file that no registry describes: to try it out. A pipeline never runs such a model.
    ///
    /// # Errors
    /// A file that cannot be read or run, with the reason.
    pub fn open(path: &Path, threads: usize) -> Result<Self, ModelError> {
        let file = Gguf::open(path)?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Self::of_file(name, Digest::of(file.bytes()), false, &file, Compute::new(Arithmetic::from_environment()?, threads)?)
    }

    fn of_file(name: String, digest: Digest, registered: bool, file: &Gguf, compute: Compute) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::read(file)?;
        let form = ChatForm::of(file.header(), &tokenizer);
        let network = Network::load(file)?;
        Ok(Self { name, digest, registered, network, tokenizer, form, compute })
    }

    /// The model's name: the registry's, or the file's without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The digest over the model's files, or of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether the registry describes the model.
    pub fn is_registered(&self) -> bool {
        self.registered
    }

    /// The form in which the model is talked to.
    pub fn form(&self) -> ChatForm {
        self.form
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The most tokens that the model was trained to see.
    pub fn context(&self) -> usize {
        self.network.shape.context
    }

    /// The bytes that the weights take in memory.
    pub fn weight_bytes(&self) -> usize {
        self.network.bytes()
    }

    /// The form of the kernels.
    pub fn profile(&self) -> &'static str {
        self.compute.profile.name()
    }

    /// What a reader of a run record should know of how the model runs: one line each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.network.requantised.is_empty() {
            let types = self.network.requantised.join(", ");
            notes.push(format!(
                "model `{}`: weights of type {types} are rounded to bytes with a scale per 32 when it is loaded",
                self.name
            ));
        }
        if self.form == ChatForm::Plain {
            notes.push(format!(
                "model `{}` is a base model, not trained to follow instructions: it goes on with texts, and much of what it writes is \
                 copied or invented",
                self.name
            ));
        }
        if !self.registered {
            notes.push(format!("model `{}` is described by no registry: nobody answers for what it writes", self.name));
        }
        notes
    }

    /// Room for a prompt and an answer of `capacity` tokens together, at most what the model was trained to see.
    ///
    /// # Errors
    /// More room than the memory can be counted in.
    pub fn session(&self, capacity: usize) -> Result<Session<'_>, ModelError> {
        Session::new(self, capacity.min(self.context()))
    }
}

/// The GGUF file that a card lists.
fn gguf_of(registry: &Registry, name: &str) -> Result<PathBuf, ModelError> {
    let mut paths = registry.card(name)?.file.iter().map(|file| &file.path);
    let found = paths.find(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf")));
    found
        .cloned()
        .ok_or_else(|| ModelError::Malformed { model: name.to_owned(), detail: "its card lists no GGUF file".to_owned() })
}

#[cfg(test)]
mod tests;
