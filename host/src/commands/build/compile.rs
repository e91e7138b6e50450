//! Compiles packages into core modules with cargo, and wraps core modules as components.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Deserialize;
use wit_component::ComponentEncoder;

use super::cache::Cache;
use super::project::Workspace;
use super::toolchain::Toolchain;

/// The profile for filters, whatever their workspace says: optimised, and with the names of functions for backtraces.
pub const PROFILE: [&str; 7] = [
    "profile.release.opt-level=3",
    "profile.release.lto='fat'",
    "profile.release.codegen-units=1",
    "profile.release.panic='abort'",
    "profile.release.debug=false",
    "profile.release.strip='debuginfo'",
    "profile.release.incremental=false",
];

/// A line of cargo's output, with the parts that are needed.
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    /// Whether the artifact was there already.
    #[serde(default)]
    fresh: bool,
    target: Option<ArtifactTarget>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

/// The results of cargo.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The core modules, by package id.
    pub modules: HashMap<String, PathBuf>,
    /// The names of packages and crates that belong to the project.
    pub own: Vec<String>,
    /// The number of artifacts of other packages that had to be compiled.
    pub dependencies: usize,
}

impl Compiled {
    fn add(&mut self, message: Message) {
        let (Some(package), Some(target), "compiler-artifact") =
            (message.package_id, message.target, &message.reason[..])
        else {
            return;
        };
        // The id is `path+file:///home/me/my-filter#0.1.0`, or `…/rust#skysieve-sdk@0.1.0` if folder and package differ
        // in name.
        if let Some((path, rest)) = package.strip_prefix("path+").and_then(|path| path.split_once('#')) {
            let named = rest.split_once('@').map(|(name, _)| name);
            let name = named.or_else(|| path.rsplit_once('/').map(|(_, folder)| folder)).unwrap_or_default();
            self.own.extend([name.to_owned(), target.name.replace('-', "_")]);
        } else {
            self.dependencies += usize::from(!message.fresh);
        }
        let wasm = message.filenames.into_iter().find(|file| file.extension().is_some_and(|name| name == "wasm"));
        self.modules.extend(wasm.map(|wasm| (package, wasm)));
    }
}

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
