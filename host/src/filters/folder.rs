//! The filters in a folder: `NAME.wasm`, with `NAME.toml` beside it for config, quota and limits.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::change::Upload;
use super::error::FilterError;
use super::name::check_name;
use super::settings::{CONFIG_BYTES, LimitOverrides, Settings};
use skysieve_sandbox::limits::MODULE_BYTES;

/// The content of a `NAME.toml`. A config that is a table is passed to the filter as TOML.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SettingsFile {
    config: Option<toml::Value>,
    topics: Vec<String>,
    quota: Option<u32>,
    cpu_share: Option<f64>,
    from: Option<String>,
    limits: LimitOverrides,
}

impl Settings {
    /// Parses the text of a `NAME.toml`: `config` (text, or a table), `topics`, `quota`, `cpu_share`, `from`, and `[limits]`
    /// with `fuel`, `memory` (bytes) and `deadline_ms`.
    ///
    /// # Errors
    /// Returns an error if the text is not TOML, or has another key.
    pub fn from_toml(text: &str) -> Result<Settings, toml::de::Error> {
        let SettingsFile { config, topics, quota, cpu_share, from, limits } = toml::from_str(text)?;
        let config = match config {
            None => String::new(),
            Some(toml::Value::String(text)) => text,
            Some(toml::Value::Table(table)) => table.to_string(),
            Some(_) => return Err(serde::de::Error::custom("config is neither text nor a table")),
        };
        Ok(Settings { config, topics, quota, cpu_share, from, limits })
    }

    /// Whether a text is that of a `NAME.toml`, rather than a config itself. This includes a text that a host would
    /// read if it did not have an unknown key: its author should be told about that key.
    pub fn is_file(text: &str) -> bool {
        let Ok(table) = text.parse::<toml::Table>() else { return false };
        let all =
            table.keys().all(|key| matches!(&**key, "config" | "topics" | "quota" | "cpu_share" | "from" | "limits"));
        let nested = ["config", "limits"].iter().any(|key| table.get(*key).is_some_and(toml::Value::is_table));
        !table.is_empty() && (all || nested)
    }
}

/// Reads the filters of a folder, sorted by name. A filter that can't be read does not affect the others.
///
/// # Errors
/// Returns an error if the folder can't be read.
pub fn read_folder(folder: &Path) -> std::io::Result<Vec<(String, Result<Upload, FilterError>)>> {
    let mut modules: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    modules.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    modules.sort();
    let named = |path: PathBuf| {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let upload = check_name(&name).and_then(|()| read_filter(&path));
        (name, upload)
    };
    Ok(modules.into_iter().map(named).collect())
}

/// Reads the filter of a module, and the settings beside it.
///
/// # Errors
/// Returns [`FilterError::Refused`], which names the file.
pub fn read_filter(module: &Path) -> Result<Upload, FilterError> {
    let refused =
        |path: &Path, error: &dyn std::fmt::Display| FilterError::Refused(format!("{}: {error}", path.display()));
    let beside = module.with_extension("toml");
    // A config of the largest size may contain escape sequences, and so take more room in the file.
    let settings = match read_file(&beside, 2 * CONFIG_BYTES).map(String::from_utf8) {
        Ok(Ok(text)) => Settings::from_toml(&text).map_err(|error| refused(&beside, &error))?,
        Ok(Err(error)) => return Err(refused(&beside, &error.utf8_error())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
        Err(error) => return Err(refused(&beside, &error)),
    };
    let file = Some(module.to_owned());
    let module = read_file(module, MODULE_BYTES).map_err(|error| refused(module, &error))?;
    Ok(Upload { module, settings, by_operator: true, file, ..Upload::default() })
}

/// Reads an ordinary file. Pipes are refused, because nobody may ever write into them.
fn read_file(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    let meta = path.metadata()?;
    if !meta.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    if meta.len() > most as u64 {
        return Err(std::io::Error::other(format!("it has {} bytes; at most {most} are read", meta.len())));
    }
    std::fs::read(path)
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
        assert_eq!(Settings::from_toml("cpu_share = 0.5").unwrap().cpu_share, Some(0.5));
        assert_eq!(Settings::from_toml("from = '2026-05-09'").unwrap().from.unwrap(), "2026-05-09");
        assert_eq!(Settings::from_toml("topics = ['ztf', 'lsst']").unwrap().topics, ["ztf", "lsst"]);
    }

    #[test]
    fn either_file_is_told_from_the_other() {
        let settings = [
            "config = \"\"\"\nmagnitude = 21.0\n\"\"\"",
            "[config]\nmagnitude = 21.0",
            "quota = 5",
            "[limits]\nfuel = 1",
            "# of a host\nquota = 5\n[config]\nmagnitude = 1\n[limits]\nfuel = 1",
            "qouta = 5\n[config]\nmagnitude = 1",
        ];
        for text in settings {
            assert!(Settings::is_file(text), "{text}");
        }
        let configs = [
            "",
            "# nothing",
            "magnitude = 21.0",
            "SELECT * FROM alerts",
            "quota = 5\nmagnitude = 21.0",
            "config = 'x'\nmagnitude = 21.0",
            "[limit]\nfuel = 1",
        ];
        for text in configs {
            assert!(!Settings::is_file(text), "{text}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let error = Settings::from_toml("[limits]\nfule = 1").unwrap_err().to_string();
        assert!(error.contains("fule"), "{error}");
        let error = Settings::from_toml("config = 5").unwrap_err().to_string();
        assert!(error.contains("config is neither text nor a table"), "{error}");
    }

    #[test]
    fn what_is_not_a_file_is_refused_and_hangs_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let pipe =
            |name: &str| assert!(std::process::Command::new("mkfifo").arg(path(name)).status().unwrap().success());
        std::fs::create_dir(path("a-folder.wasm")).unwrap();
        pipe("b-pipe.wasm");
        std::fs::write(path("c-settings.wasm"), "module").unwrap();
        pipe("c-settings.toml");
        std::fs::File::create(path("d-large.wasm")).unwrap().set_len(1 << 30).unwrap();
        let found = read_folder(folder.path()).unwrap();
        let said: Vec<_> = found.into_iter().map(|(_, upload)| upload.unwrap_err().to_string()).collect();
        let endings =
            ["a-folder.wasm: it is not a file", "b-pipe.wasm: it is not a file", "c-settings.toml: it is not a file"];
        for (said, ending) in said.iter().zip(endings) {
            assert!(said.ends_with(ending), "{said}");
        }
        assert!(said[3].ends_with("it has 1073741824 bytes; at most 67108864 are read"), "{}", said[3]);
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
