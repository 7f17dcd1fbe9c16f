//! Flags -> case management: which become cases, the event that says so, and its delivery.
//!
//! A case groups the flags of one document under one label. Its id is minted once, as the id of the flag it was opened with,
//! and lives as long as any of its flags does; each change that a reader would see raises its revision and makes one event.

pub mod connector;
pub mod draft;
pub mod event;
pub mod outbox;
pub mod rules;
mod spool;
mod webhook;
