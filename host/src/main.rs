//! The `skysieve` binary, which parses the command line and runs the subcommand.

use std::process::ExitCode;

use clap::Parser;
use skysieve::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
