//! Sets parameters of a config by their names.

use std::collections::BTreeMap;

use toml::Table;

use super::change::Upload;
use super::control::Inspected;
use super::error::FilterError;
use super::language::{is_program, set_in_program};
use skysieve_sandbox::{Parameter, ParameterValue};

/// Values of parameters, by their names. A text stands for a value of the parameter's kind, as somebody would type it.
pub type ParameterValues = BTreeMap<String, ParameterValue>;

/// How far the name of another parameter may be from one that does not exist, to be what was meant (1: the same).
const NEAR: f64 = 0.6;

/// Sets parameters in an upload's config. `inspect` asks the filter which there are. Returns its answer, unless there is
/// nothing to set.
///
/// # Errors
/// Returns [`FilterError::Refused`] if the filter has no such parameter, if a value is of another kind, or if the config is
/// not TOML; and the errors of `inspect`.
pub fn set_parameters(
    upload: &mut Upload,
    values: &ParameterValues,
    inspect: impl Fn(&Upload) -> Result<Inspected, FilterError>,
) -> Result<Option<Inspected>, FilterError> {
    if values.is_empty() {
        return Ok(None);
    }
    let config = std::mem::take(&mut upload.settings.config);
    // The filter describes itself only if it takes the config, which may lack what it needs. So it is asked with what the
    // values seem to be and, if it does not take that, without them.
    upload.settings.config = with_values(&config, values, &[])?;
    let inspected = match inspect(upload) {
        Err(error @ FilterError::Refused(_)) => {
            upload.settings.config.clone_from(&config);
            inspect(upload).map_err(|_| error)?
        }
        inspected => inspected?,
    };
    upload.settings.config = with_values(&config, values, &inspected.manifest.parameters)?;
    Ok(Some(inspected))
}

/// A config with these values. Without known parameters, texts are what TOML takes them for.
fn with_values(config: &str, values: &ParameterValues, known: &[Parameter]) -> Result<String, FilterError> {
    let of_program = is_program(config);
    let value_of =
        |(name, value): (&String, &ParameterValue)| Ok((name.clone(), checked(name, value, known, of_program)?));
    let values = values.iter().map(value_of).collect::<Result<Table, FilterError>>()?;
    if let Some(set) = set_in_program(config, &values) {
        return set;
    }
    let mut table = config.parse::<Table>().map_err(|_| {
        FilterError::Refused("parameters can be set only in a config that is a table of TOML".to_owned())
    })?;
    table.extend(values);
    Ok(table.to_string())
}

/// A value of its parameter's kind.
fn checked(
    name: &str,
    value: &ParameterValue,
    known: &[Parameter],
    of_program: bool,
) -> Result<toml::Value, FilterError> {
    let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
        // Programs have lists, too, which no kind describes; their runner knows all of their parameters.
        let may_guess = known.is_empty() || of_program;
        return if may_guess { Ok(guessed(value)) } else { Err(FilterError::Refused(no_such(name, known))) };
    };
    let value = match value {
        ParameterValue::Text(text) => parameter.kind.parse(text),
        value => parameter.kind.convert(value.clone()),
    };
    Ok(value.map_err(|error| FilterError::Refused(format!("parameter {name}: {error}")))?.into())
}

/// A number, a truth value or an array as TOML writes it; anything else is a text.
fn guessed(value: &ParameterValue) -> toml::Value {
    let ParameterValue::Text(text) = value else { return value.clone().into() };
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| toml::Value::String(text.clone()))
}

/// What is said of a parameter that the filter does not have.
fn no_such(name: &str, known: &[Parameter]) -> String {
    let names: Vec<&str> = known.iter().map(|parameter| &*parameter.name).collect();
    let meant = nearest(name, &names).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
    let shown: String = name.chars().take(100).collect();
    format!("the filter has no parameter {shown:?}{meant}: it has {}; set other keys in the config", names.join(", "))
}

/// The name that was probably meant, if one is near.
pub fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let near = |other: &&'a str| (strsim::normalized_damerau_levenshtein(name, other), *other);
    let best = names.iter().map(near).max_by(|one, other| one.0.total_cmp(&other.0))?;
    // Comparing takes time by both lengths, and names have at most a hundred letters.
    (name.len() <= 200 && best.0 >= NEAR).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::Settings;
    use skysieve_sandbox::{Manifest, ParameterKind};

    fn parameter(name: &str, kind: ParameterKind) -> Parameter {
        Parameter { name: name.to_owned(), kind, default: None, required: false, description: String::new() }
    }

    /// What becomes of a config of a filter that must be given a magnitude.
    fn set(config: &str, values: &[(&str, ParameterValue)]) -> Result<String, String> {
        let parameters = vec![
            parameter("magnitude", ParameterKind::Number),
            parameter("band", ParameterKind::Text),
            parameter("new", ParameterKind::Boolean),
        ];
        set_in(config, values, parameters)
    }

    fn set_in(config: &str, values: &[(&str, ParameterValue)], known: Vec<Parameter>) -> Result<String, String> {
        let mut upload =
            Upload { settings: Settings { config: config.to_owned(), ..Settings::default() }, ..Upload::default() };
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let inspect = |upload: &Upload| match upload.settings.config.contains("bnad") {
            true => Err(FilterError::Refused("unknown field `bnad`".to_owned())),
            false => {
                let manifest = Manifest { description: String::new(), fields: Vec::new(), parameters: known.clone() };
                Ok(Inspected { sha256: String::new(), manifest, module: None })
            }
        };
        set_parameters(&mut upload, &values, inspect).map_err(|error| error.to_string())?;
        Ok(upload.settings.config)
    }

    fn text(text: &str) -> ParameterValue {
        ParameterValue::Text(text.to_owned())
    }

    #[test]
    fn values_are_of_the_parameters_kinds() {
        assert_eq!(set("", &[("magnitude", text("20"))]).unwrap(), "magnitude = 20.0\n");
        assert_eq!(set("", &[("magnitude", ParameterValue::Integer(20))]).unwrap(), "magnitude = 20.0\n");
        assert_eq!(set("", &[("magnitude", text("inf"))]).unwrap(), "magnitude = inf\n");
        assert_eq!(set("", &[("band", text("5"))]).unwrap(), "band = \"5\"\n");
        assert_eq!(set("new = true\nband = 'r'", &[("new", text("false"))]).unwrap(), "band = \"r\"\nnew = false\n");
        assert_eq!(set("# as it is", &[]).unwrap(), "# as it is");
    }

    #[test]
    fn what_can_not_be_set_is_told() {
        let said = |values: &[(&str, ParameterValue)]| set("", values).unwrap_err();
        let unknown = said(&[("bnad", text("r"))]);
        assert_eq!(
            unknown,
            "the filter has no parameter \"bnad\" (did you mean band?): it has magnitude, band, new; set other keys in the \
             config"
        );
        let unknown = said(&[("zzz", text("r"))]);
        assert!(unknown.contains("no parameter \"zzz\": it has magnitude"), "{unknown}");
        assert_eq!(said(&[("magnitude", text("bright"))]), "parameter magnitude: \"bright\" is not a number");
        assert_eq!(said(&[("band", ParameterValue::Integer(5))]), "parameter band: 5 is not a text");
        assert!(set("{\"band\": 5}", &[("band", text("r"))]).unwrap_err().contains("a table of TOML"));
    }

    #[test]
    fn where_nothing_is_described_values_are_what_toml_takes_them_for() {
        let guess = |value: &str| set_in("", &[("x", text(value))], Vec::new()).unwrap();
        for (value, config) in [("20.5", "20.5"), ("3", "3"), ("true", "true"), ("[1, 2]", "[1, 2]"), ("g", "\"g\"")] {
            assert_eq!(guess(value), format!("x = {config}\n"));
        }
        for value in ["SN Ia", "1.2.3", "a\nb = 3", ""] {
            let table: Table = guess(value).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(value));
        }
    }
}
