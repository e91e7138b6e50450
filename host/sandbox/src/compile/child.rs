//! A child process that compiles one module.

use std::io::{self, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use super::super::limits::{COMPILE_MEMORY, COMPILED_BYTES};
use super::super::refusal::Refusal;
use super::super::text::one_line;
use super::sealed::{Memory, Sealed};

/// The hidden subcommand of this binary that compiles.
pub const SUBCOMMAND: &str = "compile-module";

/// The exit code of a child that refuses the module.
pub const REFUSED: u8 = 3;
/// The exit code of a child that can't work.
pub const FAILED: u8 = 4;

/// How often to look whether the child has ended. Most modules take a tenth of a second or more.
const TICK: Duration = Duration::from_millis(5);

/// How many bytes of what a child says are read.
const SAID: u64 = 4 << 10;

/// How children are started.
pub struct Child {
    /// How much address space the engine reserves for a memory: machine code depends on it.
    pub reservation: u64,
    /// The number of threads that compile.
    pub threads: usize,
    /// How long a module may take.
    pub time: Duration,
}

impl Child {
    /// Compiles a module that has been inspected, which may take `times` as long as usual by the clock.
    pub fn compile(&self, bytes: &[u8], times: u32) -> Result<Sealed, Refusal> {
        let failed = |error: io::Error| Refusal::Compiler(error.to_string());
        let (compiled, said) = (Memory::new("skysieve-compiled"), Memory::new("skysieve-said"));
        let (compiled, said) = (compiled.map_err(failed)?, said.map_err(failed)?);
        let time = self.time * times;
        let status = self.run(bytes, time, &compiled, &said).map_err(failed)?;
        match status {
            Some(status) if status.success() => compiled.seal().map_err(failed),
            Some(status) => Err(refusal(status, &said.text(SAID), self.cpu_seconds())),
            None => Err(Refusal::Costly { limit: format!("{} s", time.as_secs()) }),
        }
    }

    /// The CPU time that it may use.
    fn cpu_seconds(&self) -> u64 {
        self.time.as_secs() * self.threads as u64
    }

    /// Runs the child. Returns its status, or `None` if it had to be killed because its time was over.
    fn run(&self, bytes: &[u8], time: Duration, compiled: &Memory, said: &Memory) -> io::Result<Option<ExitStatus>> {
        let module = Memory::new("skysieve-module")?;
        module.file().write_all(bytes)?;
        module.file().rewind()?;
        // The link leads to this very binary, even if the file was replaced by a newer one.
        let mut child = Command::new("/proc/self/exe")
            .args([SUBCOMMAND, &self.reservation.to_string(), &self.cpu_seconds().to_string()])
            .env_clear()
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            .stdin(module.handle()?)
            .stdout(compiled.handle()?)
            .stderr(said.handle()?)
            .spawn()?;
        let end = Instant::now() + time;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= end {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(TICK);
        }
    }
}

/// Why a child that ended without success refuses the module.
fn refusal(status: ExitStatus, said: &str, cpu_seconds: u64) -> Refusal {
    let mib = |bytes: u64| format!("{} MiB of memory", bytes >> 20);
    let short = ["memory allocation of", "out of memory", "Cannot allocate memory", "Resource temporarily unavailable"];
    let limit = match status.signal() {
        Some(libc::SIGXCPU) => format!("{cpu_seconds} s of CPU time"),
        Some(libc::SIGXFSZ) => format!("{} MiB of machine code", COMPILED_BYTES >> 20),
        _ if short.iter().any(|text| said.contains(text)) => mib(COMPILE_MEMORY),
        // The system stops the largest process if it is short of memory; children ask to be the first.
        Some(libc::SIGKILL) => "the memory that the host has".to_owned(),
        Some(signal) => return Refusal::Compile(format!("the compiler failed (signal {signal}): {}", one_line(said))),
        None if status.code() == Some(REFUSED.into()) => return Refusal::Compile(one_line(said)),
        None if status.code() == Some(FAILED.into()) => return Refusal::Compiler(one_line(said)),
        None => return Refusal::Compile(format!("the compiler failed ({status}): {}", one_line(said))),
    };
    Refusal::Costly { limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: i32, said: &str, expected: &str) {
        let refusal = refusal(ExitStatus::from_raw(status), said, 60).to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }

    #[test]
    fn the_reason_for_the_end_of_a_child() {
        check(libc::SIGXCPU, "", "takes more than 60 s of CPU time");
        check(libc::SIGXFSZ, "", "takes more than 256 MiB of machine code");
        check(libc::SIGABRT, "memory allocation of 64 bytes failed", "takes more than 1024 MiB of memory");
        check(libc::SIGKILL, "", "takes more than the memory that the host has");
        check(
            libc::SIGSEGV,
            "thread 'main'\nhas overflowed its stack",
            "can't be compiled: the compiler failed (signal 11)",
        );
        check(3 << 8, "too\nlarge", "the module can't be compiled: too large");
        check(4 << 8, "no such file", "this host can't run its compiler: no such file");
        check(101 << 8, "index out of bounds", "the compiler failed (exit status: 101): index out of bounds");
    }
}
