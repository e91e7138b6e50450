//! Compiles packages into core modules with cargo, and wraps core modules as components.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use wit_component::ComponentEncoder;

use super::cache::Cache;
use super::cargo::{Compiled, PROFILE};
use super::project::Workspace;
use super::toolchain::Toolchain;

/// Compiles the projects of a workspace. Cargo's own output goes to stderr.
///
/// # Errors
/// Returns an error if a project does not compile.
pub fn modules(toolchain: &Toolchain, workspace: &Workspace) -> anyhow::Result<HashMap<String, PathBuf>> {
    // This is not the folder of the workspace's own builds, which another cargo may have locked.
    let target = workspace.target.join("guest");
    let cache = Cache::of(toolchain);
    if let Some(cache) = &cache {
        cache.seed(&target);
    }
    let compiled = compile(toolchain, workspace, &target)?;
    if let Some(cache) = cache.filter(|_| compiled.dependencies > 0) {
        cache.keep(&target, &compiled);
    }
    Ok(compiled.modules)
}

fn compile(toolchain: &Toolchain, workspace: &Workspace, target: &Path) -> anyhow::Result<Compiled> {
    let mut cargo = toolchain.cargo("build");
    cargo.args(["--release", "--message-format", "json-render-diagnostics"]).args(toolchain.target_arguments());
    cargo.arg("--manifest-path").arg(workspace.root.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target);
    cargo.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    cargo.args(workspace.projects.iter().flat_map(|project| ["--package", &project.id]));
    let mut running = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut compiled = Compiled::default();
    for line in BufReader::new(running.stdout.take().context("cargo has no output")?).lines() {
        // Build scripts may print anything, so lines that are not messages are skipped.
        if let Ok(message) = serde_json::from_str(&line.context("cargo's output")?) {
            compiled.add(message);
        }
    }
    if !running.wait().context("cargo")?.success() {
        bail!("not compiled");
    }
    Ok(compiled)
}

/// Wraps a core module as a component.
///
/// # Errors
/// Returns an error if the module does not have the contract's imports and exports.
pub fn component(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let encoded = ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    encoded.context("it exports no filter: is there a function with #[filter(description = \"…\")]?")
}
