//! Printing for commands. If the reader has gone (`skysieve check … | head`), the process ends quietly as other
//! programs do, instead of panicking as `println!` does.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::exit;

/// The code that a shell reports for a program that was ended by SIGPIPE: 128 + 13. Rust programs ignore that signal,
/// and a host has to: OpenSSL writes to sockets that brokers may have closed.
const READER_GONE: i32 = 141;

/// Prints a line on stdout.
pub fn print_line(line: impl Display) {
    print(format_args!("{line}\n"));
}

/// Prints text on stdout.
pub fn print(text: impl Display) {
    let mut stdout = io::stdout().lock();
    let printed = write!(stdout, "{text}").and_then(|()| stdout.flush());
    match printed {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(READER_GONE),
        Err(error) => {
            tell(format_args!("error: cannot write to stdout: {error}"));
            exit(1)
        }
    }
}

/// Prints a line on stderr. If nobody reads that, nobody can be told.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
