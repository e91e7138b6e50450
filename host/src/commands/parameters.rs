//! Prints the parameters that a filter describes.

use std::fmt;

use super::filters::show::one_line;
use skysieve_sandbox::Parameter;

/// A line for each parameter, for people.
pub struct ParameterLines<'a>(pub &'a [Parameter]);

impl fmt::Display for ParameterLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|parameter| parameter.name.len()).max().unwrap_or(0);
        for Parameter { name, kind, default, required, description } in self.0 {
            let value = match default {
                Some(value) => value.to_toml(),
                None if *required => "must be given".to_owned(),
                None => "may be left out".to_owned(),
            };
            let line = format!("  {name:<width$}  {}, {value}  {description}", kind.name());
            writeln!(f, "{}", one_line(line.trim_end()))?;
        }
        Ok(())
    }
}
