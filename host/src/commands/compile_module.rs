//! `skysieve compile-module`: what a host starts to compile one module. It is not for people, so it is hidden.

use std::process::ExitCode;

use clap::Args;

/// Compiles the module on the standard input to machine code on the standard output, with limits and without rights.
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// Bytes of address space that the host's engine reserves for a memory
    reservation: u64,
    /// Seconds of CPU time
    cpu: u64,
}

/// Compiles the module.
pub fn run(args: &CompileArgs) -> ExitCode {
    skysieve_sandbox::compile_module(args.reservation, args.cpu)
}
