//! The arithmetic of the encoder and of generators, and the mapping of model files: all unsafe code of the project.
//!
//! Every function is safe to call: what it needs of its arguments it checks. The same code is compiled for AVX-512 with VNNI, for
//! AVX2 with FMA and for the baseline of the target, and chosen at run time ([`Profile`]); all forms give the same bits.

// Loops over lanes are written like their vector forms; coefficients keep the digits of their source.
#![allow(clippy::needless_range_loop, clippy::excessive_precision)]

mod attention;
mod blocks;
mod buffer;
mod columns;
mod decoder;
mod int8;
mod mapping;
mod normalise;
mod product;
mod profile;
mod simd;
mod single;
mod slabs;
mod widen;

pub use attention::{AttentionScratch, Heads, attention};
pub use blocks::{BLOCK, BlockMatrix, BlockScratch, PANEL, Row, Storage};
pub use buffer::Buffer;
pub use columns::Columns;
pub use decoder::{Gate, Kept, Pairs, QueryHeads, add, attention_over, gated, rms_norm, rms_norm_in_place, rotate};
pub use int8::{Activation, Levels, PackedLinear};
pub use mapping::Mapping;
pub use normalise::layer_norm;
pub use profile::Profile;
pub use single::SingleLinear;

#[cfg(test)]
mod tests;
