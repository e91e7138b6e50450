//! The subcommands. Each of them puts the parts of the library together.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "doc comments of arguments are what --help shows: brackets are no links"
)]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::heap;
use common::LogFormat;

pub mod build;
pub mod catalog;
pub mod check;
mod common;
pub mod compile_module;
pub mod consume;
mod cost;
mod defaults;
pub mod demo;
pub mod documents;
mod fields;
pub mod filters;
pub mod host;
pub mod hosts;
mod job;
#[cfg(test)]
mod limits;
pub mod move_filter;
pub mod new;
mod output;
mod packets;
pub mod produce;
mod profiles;
mod properties;
pub mod remote;
pub mod replay;
mod secret;
mod serve;
mod set;
pub mod token;
pub mod upload;

pub use common::UsageError;

/// Run many users' filters, as WebAssembly, over a sky survey's alert stream that is decoded once for all of them.
#[derive(Debug, Parser)]
#[command(
    name = "skysieve",
    version,
    max_term_width = 110,
    after_help = "\
Examples:
  skysieve demo                                     the whole system in one process
  skysieve new my-filter                            write a filter's project
  skysieve build my-filter                          compile it to my-filter/target/filters/my-filter.wasm
  skysieve check my-filter.wasm alerts/             run it over archived alerts
  skysieve host --brokers kafka:9092 --topic alerts --filters filters/
  skysieve upload my-filter.wasm --activate         give it to a running host
  skysieve catalog                                  the predefined filters, and what can be set in them
  skysieve filters list                             the filters of a running host
  skysieve hosts                                    the hosts that share its registry
  skysieve token new --user ada --role author       let a user come in
  skysieve produce --brokers kafka:9092 --topic alerts --simulate lsst    publish visits of alerts
  skysieve consume --brokers kafka:9092 my-filter   print what a filter accepts, one alert on each line
  skysieve move my-filter --from http://node1:8080 --to http://node2:8080   another host goes on with a filter
  skysieve replay my-filter --from 2026-05-08     what would it have accepted since then?"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    New(new::NewArgs),
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Host(Box<host::HostArgs>),
    Produce(produce::ProduceArgs),
    Consume(consume::ConsumeArgs),
    Move(move_filter::MoveArgs),
    Replay(replay::ReplayArgs),
    Upload(upload::UploadArgs),
    Catalog(catalog::CatalogArgs),
    Filters(filters::FiltersArgs),
    Hosts(hosts::HostsArgs),
    Token(token::TokenArgs),
    Completions(documents::CompletionsArgs),
    Man(documents::ManArgs),
    #[command(hide = true)]
    CompileModule(compile_module::CompileArgs),
}

impl Cli {
    /// Parses the command line. What is wrong with it is printed, and the process ends.
    pub fn of_process() -> Result<Cli, ExitCode> {
        let line: Vec<OsString> = std::env::args_os().collect();
        let command = defaults::with_files(Cli::command(), &line).map_err(|error| {
            output::tell(format_args!("error: {error}"));
            ExitCode::from(2)
        })?;
        let parsed = Cli::from_arg_matches(&command.get_matches_from(line));
        Ok(parsed.unwrap_or_else(|error| error.exit()))
    }

    /// Runs the subcommand. Errors are printed on stderr. The exit code is 2 for wrong usage and 1 for other failures.
    pub fn run(self) -> ExitCode {
        // It has little memory, and what it says goes to the host that started it.
        if let Command::CompileModule(args) = &self.command {
            return compile_module::run(args);
        }
        heap::keep();
        common::start_log(match &self.command {
            Command::Host(args) => args.log_format,
            _ => LogFormat::Text,
        });
        let result = match self.command {
            Command::Demo(args) => demo::run(args),
            Command::New(args) => new::run(args),
            Command::Build(args) => build::run(args),
            Command::Check(args) => check::run(args),
            Command::Host(args) => host::run(*args),
            Command::Produce(args) => produce::run(args),
            Command::Consume(args) => consume::run(args),
            Command::Move(args) => move_filter::run(args),
            Command::Replay(args) => replay::run(args),
            Command::Upload(args) => upload::run(&args),
            Command::Catalog(args) => catalog::run(&args),
            Command::Filters(args) => filters::run(args),
            Command::Hosts(args) => hosts::run(&args),
            Command::Token(args) => token::run(args),
            Command::Completions(args) => Ok(documents::completions(&args, Cli::command())),
            Command::Man(args) => documents::man(&args, Cli::command()),
            Command::CompileModule(args) => Ok(compile_module::run(&args)),
        };
        result.unwrap_or_else(|error| {
            output::tell(format_args!("error: {error:#}"));
            ExitCode::from(if error.is::<UsageError>() { 2 } else { 1 })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
