//! The filter's settings, from flags or from a file of either form.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::commands::common::{UsageError, read_file};
use crate::filters::Settings;

/// A filter's config, as it is given on the command line.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// A file with the filter's config, or one like those that hosts read beside a module (NAME.toml, as written by
    /// `skysieve new`: config, quota, topics and [limits])
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// The filter's config, as text
    #[arg(long, value_name = "TEXT", conflicts_with = "config_file")]
    config: Option<String>,
}

impl ConfigArgs {
    /// Reads the settings.
    ///
    /// # Errors
    /// Returns an error if the file can't be read or is not UTF-8, if it is a host's settings file that a host would
    /// refuse.
    pub fn choose(&self) -> anyhow::Result<Chosen> {
        choose(self.config.as_deref(), self.config_file.as_deref())
    }
}

/// The filter's settings, and where they come from.
#[derive(Debug)]
pub struct Chosen {
    pub settings: Settings,
    pub from: Origin,
}

/// Where settings come from.
#[derive(Debug)]
pub enum Origin {
    /// No settings were given.
    Nowhere,
    /// `--config`.
    Flag,
    /// A file that consists of the config alone.
    Config(String),
    /// A file like those that hosts read beside a module, with config, quota and limits.
    Settings(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Nowhere => f.write_str("empty"),
            Origin::Flag => f.write_str("of --config"),
            Origin::Config(file) => write!(f, "{file}, as it is"),
            Origin::Settings(file) => {
                write!(f, "of {file}, read as hosts read NAME.toml: its config, quota and [limits]")
            }
        }
    }
}

/// Reads the settings, before single parameters are set.
fn choose(config: Option<&str>, file: Option<&Path>) -> anyhow::Result<Chosen> {
    let bare = |config: &str| Settings { config: config.to_owned(), ..Settings::default() };
    let (settings, from) = match (config, file) {
        (Some(text), _) => (bare(text), Origin::Flag),
        (None, None) => (Settings::default(), Origin::Nowhere),
        (None, Some(path)) => {
            let text = read_file(path).map_err(|error| UsageError(format!("{error:#}")))?;
            let name = path.display().to_string();
            let text = String::from_utf8(text).with_context(|| format!("{name} is not UTF-8"))?;
            match Settings::is_file(&text) {
                true => (Settings::from_toml(&text).context(name.clone())?, Origin::Settings(name)),
                false => (bare(&text), Origin::Config(name)),
            }
        }
    };
    Ok(Chosen { settings, from })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_is_taken_apart_and_its_mistakes_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, "quota = 5\n[config]\nmagnitude = 21.0\n[limits]\ndeadline_ms = 7").unwrap();
        let Chosen { settings, from } = choose(None, Some(&file)).unwrap();
        assert_eq!((settings.config.trim(), settings.quota), ("magnitude = 21.0", Some(5)));
        assert_eq!(settings.limits.deadline_ms, Some(7));
        assert!(from.to_string().contains("mine.toml, read as hosts read NAME.toml"), "{from}");
        std::fs::write(&file, "qouta = 5\n[config]\nmagnitude = 21.0").unwrap();
        let error = format!("{:#}", choose(None, Some(&file)).unwrap_err());
        assert!(error.contains("mine.toml") && error.contains("qouta"), "{error}");
        std::fs::write(&file, "magnitude = 21.0").unwrap();
        let Chosen { settings, from } = choose(None, Some(&file)).unwrap();
        assert_eq!((&*settings.config, settings.quota), ("magnitude = 21.0", None));
        assert!(from.to_string().ends_with("mine.toml, as it is"), "{from}");
    }
}
