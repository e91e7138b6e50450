//! Parameters that are set on the command line.

use std::collections::btree_map::Entry;

use clap::Args;

use super::common::UsageError;
use crate::filters::ParameterValues;
use skysieve_sandbox::ParameterValue;

/// Parameters that are set on the command line.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Set one parameter of the filter in its config; may be given several times. Values are of the kinds that the filter
    /// describes; if it describes none, they are what TOML takes them for, or text
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl SetArgs {
    /// The values by their names.
    ///
    /// # Errors
    /// Returns a [`UsageError`] if one is malformed, or is given twice.
    pub fn values(&self) -> Result<ParameterValues, UsageError> {
        let mut values = ParameterValues::new();
        for pair in &self.set {
            let (key, value) = pair
                .split_once('=')
                .map(|(key, value)| (key.trim(), value))
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(|| UsageError(format!("--set {pair:?} is not KEY=VALUE")))?;
            match values.entry(key.to_owned()) {
                Entry::Occupied(_) => return Err(UsageError(format!("--set: {key} is set twice"))),
                Entry::Vacant(entry) => entry.insert(ParameterValue::Text(value.to_owned())),
            };
        }
        Ok(values)
    }

    /// The same as a JSON object, if there are any.
    ///
    /// # Errors
    /// As [`SetArgs::values`]'.
    pub fn json(&self) -> anyhow::Result<Option<String>> {
        let values = self.values()?;
        Ok(if values.is_empty() { None } else { Some(serde_json::to_string(&values)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(set: &[&str]) -> Result<Option<String>, String> {
        let set = set.iter().map(|pair| (*pair).to_owned()).collect();
        SetArgs { set }.json().map_err(|error| error.to_string())
    }

    #[test]
    fn pairs_are_taken_apart_at_the_first_sign() {
        assert_eq!(json(&["b=x=y", " a =", "c= 1"]).unwrap().unwrap(), r#"{"a":"","b":"x=y","c":" 1"}"#);
        assert_eq!(json(&[]).unwrap(), None);
        assert_eq!(json(&["magnitude"]).unwrap_err(), "--set \"magnitude\" is not KEY=VALUE");
        assert_eq!(json(&["=5"]).unwrap_err(), "--set \"=5\" is not KEY=VALUE");
        assert_eq!(json(&["a=5", "a=6"]).unwrap_err(), "--set: a is set twice");
    }
}
