//! The `scrutineer` program: parse, start logging, run, map to an exit code.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use scrutineer::{cli, telemetry};

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    telemetry::start(arguments.verbosity());
    match arguments.run() {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            cli::report_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
