//! Reads the text given at upload as a value of the author's type.

use std::fmt::Display;

use serde::de::DeserializeOwned;

/// Parses a config: JSON if the text begins with `{`, otherwise TOML. An empty text is an empty table, so all fields
/// with defaults (`#[serde(default)]`) may be left out.
pub fn parse<C: DeserializeOwned>(text: &str) -> Result<C, String> {
    let parsed = if text.trim_start().starts_with('{') {
        let mut json = serde_json::Deserializer::from_str(text);
        let config = serde_path_to_error::deserialize(&mut json).map_err(|error| error.to_string());
        config.and_then(|config| json.end().map(|()| config).map_err(|error| error.to_string()))
    } else {
        basic_toml::from_str(text).map_err(|error| error.to_string())
    };
    parsed.map_err(|error| format!("config: {error}"))
}

/// Checks the config of a filter that takes none.
pub fn none(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Ok(()) } else { Err("config: this filter takes none; leave it empty".to_owned()) }
}

/// Returns the config if the author's own check accepts it.
pub fn checked<C, E: Display>(config: C, check: impl FnOnce(&C) -> Result<(), E>) -> Result<C, String> {
    match check(&config) {
        Ok(()) => Ok(config),
        Err(error) => Err(format!("config: {error}")),
    }
}
