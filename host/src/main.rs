//! The `skysieve` binary, which parses the command line and runs the subcommand.

use std::process::ExitCode;

use skysieve::commands::Cli;

fn main() -> ExitCode {
    Cli::of_process().map_or_else(|code| code, Cli::run)
}
