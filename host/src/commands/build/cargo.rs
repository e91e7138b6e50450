//! The settings that cargo is given, and the output that it gives.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;

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
pub(super) struct Message {
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

/// The folder of the standard library's packages, where it is compiled along with a filter. They are no packages of the
/// project, although they are known by their paths, too.
const STANDARD_LIBRARY: &str = "/lib/rustlib/src/rust/library/";

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
    /// Takes in a line.
    pub fn add(&mut self, message: Message) {
        let (Some(package), Some(target), "compiler-artifact") =
            (message.package_id, message.target, &message.reason[..])
        else {
            return;
        };
        // The id is `path+file:///home/me/my-filter#0.1.0`, or `…/rust#skysieve-sdk@0.1.0` if folder and package differ
        // in name.
        let own = package.strip_prefix("path+").filter(|path| !path.contains(STANDARD_LIBRARY));
        if let Some((path, rest)) = own.and_then(|path| path.split_once('#')) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_project() {
        let mut compiled = Compiled::default();
        for (package, target) in [
            ("path+file:///home/me/my-filter#0.1.0", "my_filter"),
            ("path+file:///home/me/skysieve/guest-sdk/rust#skysieve-sdk@0.1.0", "skysieve_sdk"),
            ("path+file:///usr/lib/rustlib/src/rust/library/core#0.0.0", "core"),
            ("registry+https://github.com/rust-lang/crates.io-index#serde@1.0.229", "serde"),
        ] {
            let line = format!(
                r#"{{"reason":"compiler-artifact","package_id":"{package}","target":{{"name":"{target}"}},"filenames":[],"fresh":false}}"#
            );
            compiled.add(serde_json::from_str(&line).unwrap());
        }
        assert_eq!(compiled.own, ["my-filter", "my_filter", "skysieve-sdk", "skysieve_sdk"]);
        assert_eq!(compiled.dependencies, 2);
    }
}
