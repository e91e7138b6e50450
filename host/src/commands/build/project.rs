//! A filter's project, which is a cargo package with a cdylib.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::toolchain::Toolchain;

/// One package to compile.
#[derive(Clone, Debug)]
pub struct Project {
    /// The name of the package, and of the module.
    pub name: String,
    /// The package's id in cargo.
    pub id: String,
}

/// Packages that are compiled together.
#[derive(Debug)]
pub struct Workspace {
    /// The workspace's folder.
    pub root: PathBuf,
    /// The folder for cargo's output.
    pub target: PathBuf,
    /// The packages that were asked for.
    pub projects: Vec<Project>,
    /// All packages of the workspace.
    packages: Vec<Package>,
}

/// The output of `cargo metadata`, with the parts that are needed.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// Finds the projects in these folders, grouped by workspace.
///
/// # Errors
/// Returns an error if a folder does not contain a filter's project.
pub fn find(toolchain: &Toolchain, folders: &[PathBuf]) -> anyhow::Result<Vec<Workspace>> {
    let mut workspaces: Vec<Workspace> = Vec::new();
    for folder in folders {
        let manifest = manifest(folder)?;
        let known = workspaces.iter().position(|workspace| workspace.package(&manifest).is_some());
        let index = match known {
            Some(index) => index,
            None => {
                workspaces.push(metadata(toolchain, &manifest)?);
                workspaces.len() - 1
            }
        };
        let workspace = &mut workspaces[index];
        let Some(package) = workspace.package(&manifest) else {
            bail!("{} is a workspace; name the folders of its filters", manifest.display());
        };
        if !package.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib")) {
            bail!("{} is not a filter's: put `crate-type = [\"cdylib\"]` under [lib]", manifest.display());
        }
        let project = Project { name: package.name.clone(), id: package.id.clone() };
        if workspaces.iter().flat_map(|workspace| &workspace.projects).any(|other| other.name == project.name) {
            bail!("{}: another project is named {:?} too", manifest.display(), project.name);
        }
        workspaces[index].projects.push(project);
    }
    Ok(workspaces)
}

impl Workspace {
    fn package(&self, manifest: &Path) -> Option<&Package> {
        self.packages.iter().find(|package| package.manifest_path == manifest)
    }
}

/// The path of the project's Cargo.toml in the form that cargo uses.
fn manifest(folder: &Path) -> anyhow::Result<PathBuf> {
    let named = folder.file_name().is_some_and(|name| name == "Cargo.toml");
    let manifest = if named { folder.to_owned() } else { folder.join("Cargo.toml") };
    let hint = "`skysieve new NAME` writes a filter's project";
    manifest
        .canonicalize()
        .with_context(|| format!("{} is not a filter's project: there is no Cargo.toml; {hint}", folder.display()))
}

fn metadata(toolchain: &Toolchain, manifest: &Path) -> anyhow::Result<Workspace> {
    let mut cargo = toolchain.cargo("metadata");
    cargo.args(["--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo cannot read {}", manifest.display());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    Ok(Workspace {
        root: metadata.workspace_root,
        target: metadata.target_directory,
        projects: Vec::new(),
        packages: metadata.packages,
    })
}
