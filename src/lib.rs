//! Scrutineer reads supervisory filings on the authority's own machine.
//!
//! ```text
//! bytes -> document -> passage -> finding -> summary -> verdict -> index, case, report
//! ```
//!
//! Each stage is a module that owns its types and offers plain functions over values; [`pipeline`] wires them and keeps their
//! artefacts in the [`ledger`]. A stage imports only the stages above it, plus the foundations.

#![forbid(unsafe_code)]

// The stages, in the order of the flow.
pub mod document;
pub mod passage;
pub mod finding;
pub mod summary;
pub mod verdict;
pub mod index;
pub mod case;

// What wires and records them.
pub mod ledger;
pub mod pipeline;
pub mod cli;

// Foundations: import no stage.
pub mod config;
pub mod digest;
pub mod durable;
pub mod error;
pub mod language;
pub mod model;
pub mod telemetry;
