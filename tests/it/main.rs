//! The product as its users meet it: the real binary, run over the fixtures in a folder of its own.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod context;
mod configuration;
mod hub_server;
mod model_folder;
mod zip_file;

mod audit;
mod bad_input;
mod arithmetics;
mod cases;
mod extract;
mod fixtures;
mod generate;
mod help;
mod library;
mod ocr;
mod models;
mod models_pull;
mod reading;
mod review;
mod run;
mod scans;
mod search;
mod tables;
mod usage;
mod verify;

#[path = "../../examples/make_fixtures/press/mod.rs"]
#[allow(dead_code)]
mod press;
