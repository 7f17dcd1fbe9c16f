//! Heads on encoders: one judgement of a pair of texts ([`SequenceClassifier`]), or one of each token ([`TokenClassifier`]).
//!
//! Checkpoints are those of Hugging Face as they are: `config.json` (`bert`, `xlm-roberta`), `tokenizer.json`, and
//! `model.safetensors` in f32, f16 or bf16. Matrices of the encoder are quantised row by row as they are loaded, unless the
//! [`Arithmetic`] says f32; the head itself is always evaluated in f32.
//!
//! | head | tensors | how |
//! |---|---|---|
//! | BERT, sequence | `bert.pooler.dense`, `classifier` | tanh(dense(first state)), then linear |
//! | XLM-R, sequence | `classifier.dense`, `classifier.out_proj` | the same under other names |
//! | token, both | `classifier` | linear on each state |
//!
//! A cross-encoder that was trained on entailment reads the source sentences as the first text and the claim as the second; its
//! probability of entailment is what a verdict can weigh beside its exact checks. No such model ships: the exact checks stand
//! alone until an operator registers one (`docs/inference.md`).

use scrutineer_kernels::{Activation, Profile, SingleLinear};

use super::ModelError;
use super::arithmetic::Arithmetic;
use super::checkpoint::Linear;
use super::config::Family;
use super::registry::{LoadedFiles, Registry};
use super::runtime::Runtime;
use super::tokenizer::Tokenizer;
use super::weights::Sequence;
use crate::digest::Digest;
use crate::language::Span;

/// A cross-encoder: reads two texts together and gives each label a score.
pub struct SequenceClassifier {
    runtime: Runtime,
    tokenizer: Tokenizer,
    dense: SingleLinear,
    out: SingleLinear,
    profile: Profile,
    labels: Vec<String>,
    digest: Digest,
}

/// What a classifier says of a pair of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The probability of each label, in the order of [`SequenceClassifier::labels`]; they sum to 1.
    pub probabilities: Vec<f32>,
    /// Whether the pair was longer than the model reads: the longer text was cut.
    pub truncated: bool,
}

impl SequenceClassifier {
    /// Loads a model of the registry, in the arithmetic that the environment names.
    ///
    /// # Errors
    /// What [`Registry::load`] and the files' contents give.
    pub fn load(registry: &Registry, name: &str) -> Result<Self, ModelError> {
        Self::load_with(registry, name, Arithmetic::from_environment()?)
    }

    /// As [`SequenceClassifier::load`], in the arithmetic given.
    ///
    /// # Errors
    /// What [`Registry::load`] and the files' contents give.
    pub fn load_with(registry: &Registry, name: &str, arithmetic: Arithmetic) -> Result<Self, ModelError> {
        let mut files = registry.load(name)?;
        let tokenizer = Tokenizer::load(&mut files)?;
        let runtime = Runtime::load(&mut files, arithmetic)?;
        let labels = labels(&runtime, &files)?;
        let [dense, out] = match runtime.weights().config.model_type {
            Family::Bert => [".pooler.dense", "classifier"],
            Family::Roberta => ["classifier.dense", "classifier.out_proj"],
        };
        let width = runtime.width();
        let dense = laid_out(&runtime.weights().head(&files, dense, [width, width])?);
        let out = laid_out(&runtime.weights().head(&files, out, [labels.len(), width])?);
        let profile = head_profile(arithmetic);
        Ok(Self { runtime, tokenizer, dense, out, profile, labels, digest: files.digest() })
    }

    /// The labels, in the order of every score.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The digest over the model's files.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Judges pairs of texts: the first is what the second is held against (premise and hypothesis, source and claim).
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn judge(&self, pairs: &[(&str, &str)]) -> Result<Vec<Judged>, ModelError> {
        let most = self.runtime.most_tokens();
        let pairs = pairs.iter().map(|(first, second)| self.tokenizer.pair(first, second, most));
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        let sequences: Vec<Sequence<'_>> = pairs.iter().map(|pair| Sequence { ids: &pair.ids, second: pair.second }).collect();
        let logits = self.logits(&sequences)?;
        let judged = pairs.iter().zip(logits);
        Ok(judged.map(|(pair, logits)| Judged { probabilities: softmax(&logits), truncated: pair.truncated }).collect())
    }

    /// The logits of each label for each sequence. A sequence's logits have the same bits whatever it is evaluated beside.
    ///
    /// # Errors
    /// An empty sequence, and what [`Runtime::states`] gives.
    pub fn logits(&self, sequences: &[Sequence<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let width = self.runtime.width();
        let states = self.runtime.states(sequences)?;
        let logits = states.iter().map(|states| {
            let first = states.get(..width).ok_or_else(|| ModelError::Malformed {
                model: "classifier".to_owned(),
                detail: "a sequence without tokens has nothing to judge; give it its special tokens at least".to_owned(),
            })?;
            let mut pooled = vec![0.0; width];
            self.dense.apply(self.profile, first, Activation::Identity, &mut pooled);
            pooled.iter_mut().for_each(|value| *value = value.tanh());
            let mut logits = vec![0.0; self.labels.len()];
            self.out.apply(self.profile, &pooled, Activation::Identity, &mut logits);
            Ok(logits)
        });
        logits.collect()
    }
}

/// A tagger: gives each token of a text a score for each label.
pub struct TokenClassifier {
    runtime: Runtime,
    tokenizer: Tokenizer,
    out: SingleLinear,
    profile: Profile,
    labels: Vec<String>,
    digest: Digest,
}

/// What a tagger says of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagged {
    /// The bytes of the text that each token stands for; empty for special tokens.
    pub tokens: Vec<Span>,
    /// The probability of each label, token by token: [tokens, labels].
    pub probabilities: Vec<f32>,
    /// Whether the text was longer than the model reads.
    pub truncated: bool,
}

impl TokenClassifier {
    /// Loads a model of the registry, in the arithmetic that the environment names.
    ///
    /// # Errors
    /// What [`Registry::load`] and the files' contents give.
    pub fn load(registry: &Registry, name: &str) -> Result<Self, ModelError> {
        Self::load_with(registry, name, Arithmetic::from_environment()?)
    }

    /// As [`TokenClassifier::load`], in the arithmetic given.
    ///
    /// # Errors
    /// What [`Registry::load`] and the files' contents give.
    pub fn load_with(registry: &Registry, name: &str, arithmetic: Arithmetic) -> Result<Self, ModelError> {
        let mut files = registry.load(name)?;
        let tokenizer = Tokenizer::load(&mut files)?;
        let runtime = Runtime::load(&mut files, arithmetic)?;
        let labels = labels(&runtime, &files)?;
        let out = laid_out(&runtime.weights().head(&files, "classifier", [labels.len(), runtime.width()])?);
        let profile = head_profile(arithmetic);
        Ok(Self { runtime, tokenizer, out, profile, labels, digest: files.digest() })
    }

    /// The labels, in the order of every score.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The digest over the model's files.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Tags the tokens of texts.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn tag(&self, texts: &[&str]) -> Result<Vec<Tagged>, ModelError> {
        let most = self.runtime.most_tokens();
        let tokens = texts.iter().map(|text| self.tokenizer.plain(text, most)).collect::<Result<Vec<_>, _>>()?;
        let sequences: Vec<Sequence<'_>> = tokens.iter().map(|tokens| Sequence::of(&tokens.ids)).collect();
        let tagged = self.logits(&sequences)?.into_iter().zip(tokens).map(|(logits, tokens)| Tagged {
            tokens: tokens.spans,
            probabilities: logits.chunks_exact(self.labels.len()).flat_map(softmax).collect(),
            truncated: tokens.truncated,
        });
        Ok(tagged.collect())
    }

    /// The logits of each sequence: [tokens, labels].
    ///
    /// # Errors
    /// What [`Runtime::states`] gives.
    pub fn logits(&self, sequences: &[Sequence<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let states = self.runtime.states(sequences)?;
        let logits = states.iter().map(|states| {
            let mut logits = vec![0.0; states.len() / self.runtime.width() * self.labels.len()];
            self.out.apply(self.profile, states, Activation::Identity, &mut logits);
            logits
        });
        Ok(logits.collect())
    }
}

/// The labels that `config.json` names.
fn labels(runtime: &Runtime, files: &LoadedFiles) -> Result<Vec<String>, ModelError> {
    let labels = runtime.weights().config.labels().filter(|labels| !labels.is_empty());
    labels.ok_or_else(|| files.malformed("config.json: id2label does not name a label for every number from 0"))
}

/// The form that evaluates a head: all forms give the same bits, so the reference needs no other.
fn head_profile(arithmetic: Arithmetic) -> Profile {
    match arithmetic {
        Arithmetic::Bytes(profile) | Arithmetic::Single(profile) => profile,
        Arithmetic::Reference => Profile::best(),
    }
}

fn laid_out(linear: &Linear) -> SingleLinear {
    let values = linear.weight.to_f32();
    SingleLinear::new(linear.weight.width(), &values, &linear.bias)
}

/// Logits as probabilities.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

#[cfg(test)]
mod tests;
