//! `skysieve build`: compiles the projects of filters into components.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use sha2::{Digest, Sha256};

use super::output::print_line;
use toolchain::Toolchain;

mod cache;
mod cargo;
mod compile;
mod project;
mod toolchain;

/// Compile filters into components.
///
/// Needs Rust with its target wasm32-unknown-unknown (`rustup target add wasm32-unknown-unknown`), or Debian's packages
/// rustc-web, cargo-web and rust-web-src.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve build                          the project in this folder, to target/filters/NAME.wasm
  skysieve build my-filter                the project in my-filter, to my-filter/target/filters/my-filter.wasm
  skysieve build examples/* --out /tmp    all of them")]
pub struct BuildArgs {
    /// Folders with filters' projects
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Folder for the components [default: target/filters of the project, or of its workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Compiles, and prints path, size and SHA-256 of every component.
///
/// # Errors
/// Returns an error if there is no toolchain, or a project is not a filter's or does not compile.
pub fn run(args: BuildArgs) -> anyhow::Result<ExitCode> {
    let toolchain = Toolchain::find()?;
    for workspace in project::find(&toolchain, &args.paths)? {
        let modules = compile::modules(&toolchain, &workspace)?;
        let out = args.out.clone().unwrap_or_else(|| workspace.target.join("filters"));
        for project in &workspace.projects {
            let module =
                modules.get(&project.id).with_context(|| format!("cargo made no module for {}", project.name))?;
            let module = std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
            let component = compile::component(&module).with_context(|| project.name.clone())?;
            let path = out.join(format!("{}.wasm", project.name));
            write(&path, &component).with_context(|| format!("cannot write {}", path.display()))?;
            let sha256 = Sha256::digest(&component);
            print_line(format_args!(
                "{}  {} KB  sha256 {sha256:x}",
                shown(&path).display(),
                component.len().div_ceil(1000)
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file completely or not at all.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("it has no folder")?;
    std::fs::create_dir_all(folder)?;
    let partial = path.with_extension("wasm.partial");
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, path)?;
    Ok(())
}

/// The path relative to the working directory, if it lies below that.
fn shown(path: &Path) -> &Path {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path)
}
