//! The repository's files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders with Rust sources, relative to the repository's root.
const FOLDERS: [&str; 5] = ["host", "guest-sdk", "examples", "tests", "bench"];

fn root() -> PathBuf {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.parent().expect("the package is a folder of the repository").to_owned()
}

/// All Rust sources: their paths relative to the root, and their texts.
pub fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), &mut found);
    }
    assert!(!found.is_empty(), "there are no sources in {}", root.display());
    let relative = |path: &Path| path.strip_prefix(&root).expect("found below it").to_string_lossy().replace('\\', "/");
    found.iter().map(|path| (relative(path), fs::read_to_string(path).expect("sources are UTF-8"))).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a folder can be read").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The paths that git knows; there are none if this is not a checkout.
pub fn committed() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root()).output();
    let names = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    names.lines().map(str::to_owned).collect()
}
