//! The product as its users meet it: the real binary, run over the fixtures in a folder of its own.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod context;
mod configuration;

mod audit;
mod bad_input;
mod cases;
mod extract;
mod fixtures;
mod generate;
mod help;
mod library;
mod reading;
mod review;
mod run;
mod search;
mod usage;
mod verify;

#[path = "../../examples/make_fixtures/press/mod.rs"]
#[allow(dead_code)]
mod press;
