//! The compiler for filters: cargo and rustc with Rust's target `wasm32-unknown-unknown`.
//!
//! Rustup can download that target. If the download is blocked, Debian's packages rustc-web, cargo-web and rust-web-src
//! can compile the target's standard library along with the filter; the linker is rustup's. `scripts/guest-toolchain`
//! looks in the same places.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

/// The target that filters are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// One way to compile filters.
#[derive(Debug)]
pub struct Toolchain {
    cargo: OsString,
    rustc: OsString,
    /// The linker, if the standard library has to be compiled as well.
    from_source: Option<PathBuf>,
}

impl Toolchain {
    /// Finds the first toolchain that works: the active one or, failing that, Debian's.
    ///
    /// # Errors
    /// If there is no toolchain, returns an error that says what to install.
    pub fn find() -> anyhow::Result<Toolchain> {
        let variable = |name, default: &str| std::env::var_os(name).unwrap_or_else(|| default.into());
        let active = (variable("CARGO", "cargo"), variable("RUSTC", "rustc"));
        let all = [active, ("/usr/bin/cargo".into(), "/usr/bin/rustc".into())];
        if let Some((cargo, rustc)) = all.iter().find(|(_, rustc)| has_std(rustc)) {
            return Ok(Toolchain { cargo: cargo.clone(), rustc: rustc.clone(), from_source: None });
        }
        let source = all.iter().find(|(_, rustc)| has_source(rustc));
        if let (Some((cargo, rustc)), Some(linker)) = (source, linker(all.iter().map(|(_, rustc)| rustc))) {
            return Ok(Toolchain { cargo: cargo.clone(), rustc: rustc.clone(), from_source: Some(linker) });
        }
        bail!(
            "this Rust cannot compile to WebAssembly. Run `rustup target add {TARGET}`; where that download is refused, \
             on Debian: `apt-get install rustc-web cargo-web rust-web-src` (and `lld`, unless rustup has brought its \
             rust-lld)"
        )
    }

    /// Identifies the toolchain. Another one can't use what it has compiled.
    pub fn identity(&self) -> String {
        let version = Command::new(&self.rustc).arg("-vV").env_remove("LD_LIBRARY_PATH").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        format!("{version}\n{:?}\n{:?}", self.rustc, self.from_source)
    }

    /// Returns a cargo command. With the [`Toolchain::target_arguments`] it compiles for filters.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.arg(subcommand);
        // These are meant for the host's own code, or were set by the cargo that started this process.
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "LD_LIBRARY_PATH"] {
            command.env_remove(name);
        }
        command.env("RUSTC", &self.rustc);
        if let Some(linker) = &self.from_source {
            // This enables `-Zbuild-std`, which is not stable yet.
            command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
    }

    /// The arguments that make cargo compile for filters.
    pub fn target_arguments(&self) -> Vec<&'static str> {
        let mut arguments = vec!["--target", TARGET];
        arguments.extend(self.from_source.is_some().then_some("-Zbuild-std=std,panic_abort"));
        arguments
    }
}

/// The path that rustc prints, if rustc runs at all.
fn print(rustc: &OsString, arguments: &[&str]) -> Option<PathBuf> {
    let output = Command::new(rustc).args(arguments).env_remove("LD_LIBRARY_PATH").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

/// Whether the target's standard library is installed.
fn has_std(rustc: &OsString) -> bool {
    let Some(folder) = print(rustc, &["--print", "target-libdir", "--target", TARGET]) else { return false };
    entries(&folder)
        .iter()
        .any(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libstd-")))
}

/// Whether the standard library's source is installed.
fn has_source(rustc: &OsString) -> bool {
    print(rustc, &["--print", "sysroot"])
        .is_some_and(|sysroot| sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").exists())
}

/// Finds a linker for WebAssembly: one that came with rustup or, failing that, one on the path.
fn linker<'r>(rustcs: impl Iterator<Item = &'r OsString>) -> Option<PathBuf> {
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".rustup")));
    let mut sysroots: Vec<PathBuf> = rustcs.filter_map(|rustc| print(rustc, &["--print", "sysroot"])).collect();
    sysroots.extend(home.iter().flat_map(|home| entries(&home.join("toolchains"))));
    let brought = sysroots.iter().flat_map(|sysroot| entries(&sysroot.join("lib/rustlib")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let installed = folders.iter().flat_map(|folder| [folder.join("rust-lld"), folder.join("wasm-ld")]);
    brought.map(|target| target.join("bin/rust-lld")).chain(installed).find(|linker| linker.is_file())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
