//! Token ids -> states: an encoder's weights in one of the arithmetics. The encoder and the heads stand on it.

use std::sync::OnceLock;

use super::ModelError;
use super::arithmetic::Arithmetic;
use super::packed::PackedEncoder;
use super::reference::Reference;
use super::registry::LoadedFiles;
use super::weights::{EncoderWeights, Sequence};

/// Tokens that are evaluated together: enough that reading the weights costs little, few enough that the states stay in the cache.
const PACK: usize = 512;

/// An encoder that can be run. Threads share it: the weights are in memory once.
pub struct Runtime {
    weights: EncoderWeights,
    engine: Engine,
    /// The same in f32, laid out when it is first asked for: the weights once more, in four times the bytes.
    in_single: OnceLock<Engine>,
}

enum Engine {
    Packed(PackedEncoder),
    Reference(Reference),
}

impl Runtime {
    /// Takes the encoder out of a model's files.
    ///
    /// # Errors
    /// What [`EncoderWeights::load`] gives.
    pub fn load(files: &mut LoadedFiles, arithmetic: Arithmetic) -> Result<Self, ModelError> {
        let weights = EncoderWeights::load(files)?;
        let engine = match arithmetic {
            Arithmetic::Bytes(profile) => Engine::Packed(PackedEncoder::in_bytes(&weights, profile)),
            Arithmetic::Single(profile) => Engine::Packed(PackedEncoder::in_single(&weights, profile)),
            Arithmetic::Reference => Engine::Reference(Reference::new(&weights)?),
        };
        Ok(Self { weights, engine, in_single: OnceLock::new() })
    }

    /// The arithmetic.
    pub fn arithmetic(&self) -> Arithmetic {
        match &self.engine {
            Engine::Packed(packed) => packed.arithmetic(),
            Engine::Reference(_) => Arithmetic::Reference,
        }
    }

    /// The width of a state.
    pub fn width(&self) -> usize {
        self.weights.config.hidden_size
    }

    /// The most tokens of one sequence.
    pub fn most_tokens(&self) -> usize {
        self.weights.config.most_tokens()
    }

    pub(super) fn weights(&self) -> &EncoderWeights {
        &self.weights
    }

    /// The last layer's states of each sequence: [tokens, width], token by token. A sequence's states have the same bits whatever
    /// it is evaluated beside; tokens beyond [`Runtime::most_tokens`] get no states.
    ///
    /// # Errors
    /// What Candle says, in the reference arithmetic alone.
    pub fn states(&self, sequences: &[Sequence<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.evaluate(&self.engine, sequences)
    }

    /// As [`Runtime::states`], in f32 where the arithmetic is one of bytes: for decisions that the rounding of bytes could turn.
    ///
    /// # Errors
    /// What Candle says, in the reference arithmetic alone.
    pub fn states_in_single(&self, sequences: &[Sequence<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        match self.arithmetic() {
            Arithmetic::Bytes(profile) => {
                let lay_out = || Engine::Packed(PackedEncoder::in_single(&self.weights, profile));
                self.evaluate(self.in_single.get_or_init(lay_out), sequences)
            }
            Arithmetic::Single(_) | Arithmetic::Reference => self.states(sequences),
        }
    }

    fn evaluate(&self, engine: &Engine, sequences: &[Sequence<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let sequences: Vec<Sequence<'_>> = sequences
            .iter()
            .map(|sequence| Sequence { ids: &sequence.ids[..sequence.ids.len().min(self.most_tokens())], ..*sequence })
            .collect();
        let mut states = Vec::with_capacity(sequences.len());
        let mut rest = sequences.as_slice();
        while !rest.is_empty() {
            // At least one, however long; then as many as fit.
            let mut tokens = 0;
            let fit = rest.iter().take_while(|sequence| {
                tokens += sequence.ids.len();
                tokens <= PACK
            });
            let (pack, others) = rest.split_at(fit.count().max(1));
            rest = others;
            match engine {
                Engine::Packed(packed) => {
                    let all = packed.states(&self.weights, pack);
                    let mut all = &*all;
                    for sequence in pack {
                        let (own, others) = all.split_at(sequence.ids.len() * self.width());
                        all = others;
                        states.push(own.to_vec());
                    }
                }
                Engine::Reference(reference) => {
                    for sequence in pack {
                        states.push(reference.states(&self.weights, *sequence)?.flatten_all()?.to_vec1::<f32>()?);
                    }
                }
            }
        }
        Ok(states)
    }
}
