//! Packages to core modules by cargo, core modules to components.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Deserialize;
use wit_component::ComponentEncoder;

use super::project::Workspace;
use super::toolchain::Toolchain;

/// What a filter is compiled with, whatever its workspace says: fast, and with the names of functions for backtraces.
const PROFILE: [&str; 7] = [
    "profile.release.opt-level=3",
    "profile.release.lto='fat'",
    "profile.release.codegen-units=1",
    "profile.release.panic='abort'",
    "profile.release.debug=false",
    "profile.release.strip='debuginfo'",
    "profile.release.incremental=false",
];

/// A line of cargo's output, as far as it is needed.
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Compiles a workspace's projects; the core modules by package id. Cargo's own output goes to stderr.
///
/// # Errors
/// When one does not compile.
pub fn modules(toolchain: &Toolchain, workspace: &Workspace) -> anyhow::Result<HashMap<String, PathBuf>> {
    let mut cargo = toolchain.cargo("build");
    cargo.args(["--release", "--message-format", "json-render-diagnostics"]).args(toolchain.target_arguments());
    cargo.arg("--manifest-path").arg(workspace.root.join("Cargo.toml"));
    // Not the folder of the workspace's own builds, which another cargo may be holding.
    cargo.arg("--target-dir").arg(workspace.target.join("guest"));
    cargo.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    cargo.args(workspace.projects.iter().flat_map(|project| ["--package", &project.id]));
    let mut running = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut modules = HashMap::new();
    for line in BufReader::new(running.stdout.take().context("cargo has no output")?).lines() {
        // Build scripts may print anything.
        let Ok(message) = serde_json::from_str::<Message>(&line.context("cargo's output")?) else { continue };
        let wasm = message.filenames.into_iter().find(|file| file.extension().is_some_and(|name| name == "wasm"));
        if let (Some(package), Some(wasm), "compiler-artifact") = (message.package_id, wasm, &message.reason[..]) {
            modules.insert(package, wasm);
        }
    }
    if !running.wait().context("cargo")?.success() {
        bail!("not compiled");
    }
    Ok(modules)
}

/// A core module as a component.
///
/// # Errors
/// When it has not the contract's imports and exports.
pub fn component(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let encoded = ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    encoded.context("it exports no filter: is there a function with #[filter(description = \"…\")]?")
}
