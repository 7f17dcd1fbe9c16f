//! Pipeline files and their execution: what wires the stages, keeps their artefacts and reports.

pub mod archive;
mod artefacts;
mod executor;
pub mod inputs;
mod judge;
mod progress;
mod quarantine;
mod record;
mod recorder;
pub mod repair;
pub mod report;
pub mod spec;
pub mod view;

pub use executor::{Models, RunOptions, run};
