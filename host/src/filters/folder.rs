//! Filters in a folder: `NAME.wasm`, and `NAME.toml` beside it for config, quota and limits.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::control::{FilterError, Upload};
use super::name::check_name;
use super::settings::{LimitOverrides, Settings};

/// The content of a `NAME.toml`. A config that is a table is handed to the filter as TOML.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SettingsFile {
    config: Option<Config>,
    topics: Vec<String>,
    quota: Option<u32>,
    limits: LimitOverrides,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Config {
    Text(String),
    Table(toml::Table),
}

impl Settings {
    /// Reads the text of a `NAME.toml`: `config` (text, or a table), `topics`, `quota`, and `[limits]` with `fuel`, `memory` (bytes)
    /// and `deadline_ms`.
    ///
    /// # Errors
    /// When the text is not TOML, or has another key.
    pub fn from_toml(text: &str) -> Result<Settings, toml::de::Error> {
        let SettingsFile { config, topics, quota, limits } = toml::from_str(text)?;
        let config = match config {
            None => String::new(),
            Some(Config::Text(text)) => text,
            Some(Config::Table(table)) => table.to_string(),
        };
        Ok(Settings { config, topics, quota, limits })
    }
}

/// Reads the filters of a folder, sorted by name. A filter that can't be read does not keep the others from being used.
///
/// # Errors
/// When the folder can't be read.
pub fn read_folder(folder: &Path) -> std::io::Result<Vec<(String, Result<Upload, FilterError>)>> {
    let mut modules: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    modules.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    modules.sort();
    let named = |path: PathBuf| {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let upload = check_name(&name).and_then(|()| read(&path));
        (name, upload)
    };
    Ok(modules.into_iter().map(named).collect())
}

fn read(module: &Path) -> Result<Upload, FilterError> {
    let refused =
        |path: &Path, error: &dyn std::fmt::Display| FilterError::Refused(format!("{}: {error}", path.display()));
    let beside = module.with_extension("toml");
    let settings = match std::fs::read_to_string(&beside) {
        Ok(text) => Settings::from_toml(&text).map_err(|error| refused(&beside, &error))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
        Err(error) => return Err(refused(&beside, &error)),
    };
    let module = std::fs::read(module).map_err(|error| refused(module, &error))?;
    Ok(Upload { module, settings, strict: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_take_a_config_as_table_or_text() {
        let table = Settings::from_toml("quota = 5\n[config]\nmagnitude = 17.5\n[limits]\nfuel = 1000").unwrap();
        assert_eq!(table.config.trim(), "magnitude = 17.5");
        assert_eq!((table.quota, table.limits.fuel), (Some(5), Some(1000)));
        assert_eq!(Settings::from_toml("config = 'SELECT 1'").unwrap().config, "SELECT 1");
        assert_eq!(Settings::from_toml("").unwrap().quota, None);
        assert_eq!(Settings::from_toml("topics = ['ztf', 'lsst']").unwrap().topics, ["ztf", "lsst"]);
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let error = Settings::from_toml("[limits]\nfule = 1").unwrap_err().to_string();
        assert!(error.contains("fule"), "{error}");
    }

    #[test]
    fn one_bad_file_leaves_the_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("good.wasm", "module");
        write("good.toml", "quota = 3");
        write("bad.wasm", "module");
        write("bad.toml", "quota = 'three'");
        write("not a name.wasm", "module");
        write("notes.txt", "");
        let found = read_folder(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|(name, upload)| (name.as_str(), upload.is_ok())).collect();
        assert_eq!(names, [("bad", false), ("good", true), ("not a name", false)]);
    }
}
