//! What a child process does: it compiles one module from its standard input to its standard output.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use super::super::limits::MODULE_BYTES;
use super::child::{FAILED, REFUSED};
use super::config::compile_config;
use super::confine::confine;

/// Compiles the module on the standard input, and writes machine code to the standard output. First of all it gives up
/// all rights and resources that this does not need. The exit code is 0 for success, 3 for a module that can't be
/// compiled, and 4 if this process can't work. The reason is on the standard error.
pub fn compile_module(reservation: u64, cpu_seconds: u64) -> ExitCode {
    let refused = |error: wasmtime::Error| (REFUSED, format!("{error:#}"));
    let done = module(cpu_seconds).map_err(|error| (FAILED, error.to_string())).and_then(|module| {
        let engine =
            wasmtime::Engine::new(&compile_config(reservation)).map_err(|error| (FAILED, format!("{error:#}")))?;
        let compiled = engine.precompile_component(&module).map_err(refused)?;
        let mut out = io::stdout().lock();
        out.write_all(&compiled).and_then(|()| out.flush()).map_err(|error| (FAILED, error.to_string()))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, reason)) => {
            let _ = io::stderr().write_all(reason.as_bytes());
            ExitCode::from(code)
        }
    }
}

fn module(cpu_seconds: u64) -> io::Result<Vec<u8>> {
    confine(cpu_seconds)?;
    let mut module = Vec::new();
    io::stdin().lock().take(MODULE_BYTES as u64).read_to_end(&mut module)?;
    Ok(module)
}
