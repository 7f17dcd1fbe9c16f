//! Pipeline files and their execution: what wires the stages, keeps their artefacts and reports.

pub mod inputs;
pub mod progress;
pub mod report;
