//! The `skysieve` binary: parses and dispatches.

use std::process::ExitCode;

use clap::Parser;
use skysieve::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
