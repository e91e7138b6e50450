//! The copy of the SDK in a project, with which it builds on a machine without this repository.

use anyhow::Context;
use toml::{Table, Value};

/// Includes files of the repository by their paths in it.
macro_rules! files {
    ($($path:literal,)*) => {
        [$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../", $path)))),*]
    };
}

const WORKSPACE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));

/// The files: their paths below the folder that contains the SDK, and their texts.
pub const FILES: [(&str, &str); 28] = files![
    "guest-sdk/README.md",
    "guest-sdk/rust/Cargo.toml",
    "guest-sdk/rust/src/alert.rs",
    "guest-sdk/rust/src/bindings.rs",
    "guest-sdk/rust/src/column.rs",
    "guest-sdk/rust/src/config.rs",
    "guest-sdk/rust/src/element.rs",
    "guest-sdk/rust/src/export.rs",
    "guest-sdk/rust/src/field.rs",
    "guest-sdk/rust/src/generated.rs",
    "guest-sdk/rust/src/lib.rs",
    "guest-sdk/rust/src/log.rs",
    "guest-sdk/rust/src/opener.rs",
    "guest-sdk/rust/src/parameter.rs",
    "guest-sdk/rust/src/run.rs",
    "guest-sdk/rust/src/value.rs",
    "guest-sdk/rust/src/verdict.rs",
    "guest-sdk/rust/src/view.rs",
    "guest-sdk/rust/macros/Cargo.toml",
    "guest-sdk/rust/macros/src/alert.rs",
    "guest-sdk/rust/macros/src/filter.rs",
    "guest-sdk/rust/macros/src/kinds.rs",
    "guest-sdk/rust/macros/src/lib.rs",
    "guest-sdk/rust/macros/src/lifetimes.rs",
    "guest-sdk/rust/macros/src/parameters.rs",
    "guest-sdk/rust/macros/src/path.rs",
    "guest-sdk/rust/macros/src/serde_attributes.rs",
    "wit/filter.wit",
];

/// The SDK's files in a form that works outside of the repository.
///
/// # Errors
/// Returns an error if a manifest inherits a key that the workspace does not have.
pub fn files() -> anyhow::Result<Vec<(&'static str, String)>> {
    let text = |(path, text): (&'static str, &str)| {
        let text = if path.ends_with("Cargo.toml") { standalone(text).context(path)? } else { text.to_owned() };
        Ok((path, text))
    };
    FILES.into_iter().map(text).collect()
}

/// A package's manifest with everything that it inherits from the workspace written out, and without the parts that are
/// only needed for tests and lints.
fn standalone(manifest: &str) -> anyhow::Result<String> {
    let mut manifest: Table = manifest.parse()?;
    let workspace: Table = WORKSPACE.parse()?;
    let workspace = workspace.get("workspace").and_then(Value::as_table).context("no [workspace]")?;
    manifest.remove("dev-dependencies");
    manifest.remove("lints");
    for name in ["package", "dependencies"] {
        let Some(section) = manifest.get_mut(name).and_then(Value::as_table_mut) else { continue };
        let inherited = workspace.get(name).and_then(Value::as_table).context("nothing to inherit")?;
        for (key, value) in section.iter_mut().filter(|(_, value)| inherits(value)) {
            *value = inherited.get(key).with_context(|| format!("the workspace has no {key}"))?.clone();
        }
    }
    Ok(toml::to_string(&manifest)?)
}

/// Whether the value is that of `KEY.workspace = true`.
fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_source_file_of_the_sdk_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for folder in ["guest-sdk/rust/src", "guest-sdk/rust/macros/src", "wit"] {
            let entries = std::fs::read_dir(root.join(folder)).unwrap();
            let there: BTreeSet<String> =
                entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display())).collect();
            let carried = FILES.iter().map(|(path, _)| (*path).to_owned());
            let carried: BTreeSet<String> = carried.filter(|path| path.starts_with(&format!("{folder}/"))).collect();
            assert_eq!(there, carried);
        }
    }

    #[test]
    fn manifests_inherit_nothing() {
        for (path, text) in files().unwrap() {
            assert!(!path.ends_with("Cargo.toml") || !text.contains("workspace"), "{path}: {text}");
        }
    }
}
