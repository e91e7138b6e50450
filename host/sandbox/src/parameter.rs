//! Parameters: what a filter says can be set in its config. See `parameter` in `wit/filter.wit`.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

/// The kind of a parameter's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    /// `true` or `false`.
    Boolean,
    /// An integer of 64 bits, with a sign.
    Integer,
    /// IEEE 754 binary64.
    Number,
    /// Text.
    Text,
}

/// A value of a parameter. In JSON, numbers that JSON does not have are texts: `"inf"`, `"-inf"`, `"nan"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// See [`ParameterKind::Boolean`].
    Boolean(bool),
    /// See [`ParameterKind::Integer`].
    Integer(i64),
    /// See [`ParameterKind::Number`].
    Number(f64),
    /// See [`ParameterKind::Text`].
    Text(String),
}

/// A value is not of a parameter's kind.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not {}", kind.noun())]
pub struct WrongValue {
    /// The kind that it should have.
    pub kind: ParameterKind,
    /// The value, as in TOML.
    pub value: String,
}

/// What can be set in a filter's config, as the filter describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "Described")]
pub struct Parameter {
    /// The key in the config.
    pub name: String,
    /// The kind of its values.
    pub kind: ParameterKind,
    /// The value that it has if the config leaves it out. Without one, it has no value then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<ParameterValue>,
    /// Whether the config must have it.
    pub required: bool,
    /// What it is for.
    pub description: String,
}

/// A [`Parameter`] as it is written in JSON, where the kind says what a text means.
#[derive(Deserialize)]
struct Described {
    name: String,
    kind: ParameterKind,
    #[serde(default)]
    default: Option<ParameterValue>,
    required: bool,
    description: String,
}

impl ParameterKind {
    /// The kind with its article.
    pub fn noun(self) -> &'static str {
        match self {
            ParameterKind::Boolean => "a boolean (true or false)",
            ParameterKind::Integer => "an integer",
            ParameterKind::Number => "a number",
            ParameterKind::Text => "a text",
        }
    }

    /// The kind in one word.
    pub fn name(self) -> &'static str {
        match self {
            ParameterKind::Boolean => "boolean",
            ParameterKind::Integer => "integer",
            ParameterKind::Number => "number",
            ParameterKind::Text => "text",
        }
    }

    /// Reads a value that somebody has typed: texts are not quoted.
    ///
    /// # Errors
    /// Returns an error if it is not of this kind.
    pub fn parse(self, text: &str) -> Result<ParameterValue, WrongValue> {
        let value = match self {
            ParameterKind::Boolean => text.parse().ok().map(ParameterValue::Boolean),
            ParameterKind::Integer => text.parse().ok().map(ParameterValue::Integer),
            ParameterKind::Number => text.parse().ok().map(ParameterValue::Number),
            ParameterKind::Text => Some(ParameterValue::Text(text.to_owned())),
        };
        value.ok_or_else(|| WrongValue { kind: self, value: format!("{text:?}") })
    }

    /// Makes a value from JSON or TOML one of this kind.
    ///
    /// # Errors
    /// Returns an error if it is of another kind.
    pub fn convert(self, value: ParameterValue) -> Result<ParameterValue, WrongValue> {
        match (self, value) {
            (ParameterKind::Number, ParameterValue::Integer(value)) => Ok(ParameterValue::Number(value as f64)),
            (ParameterKind::Number, ParameterValue::Text(text)) if matches!(&*text, "inf" | "-inf" | "nan") => {
                self.parse(&text)
            }
            (kind, value) if kind == value.kind() => Ok(value),
            (kind, value) => Err(WrongValue { kind, value: value.to_toml() }),
        }
    }

    /// Reads a value of this kind that is written as in TOML.
    ///
    /// Returns `None` if it is not one.
    pub(super) fn parse_toml(self, text: &str) -> Option<ParameterValue> {
        let value = match text.parse::<toml::Value>().ok()? {
            toml::Value::Boolean(value) => ParameterValue::Boolean(value),
            toml::Value::Integer(value) => ParameterValue::Integer(value),
            toml::Value::Float(value) => ParameterValue::Number(value),
            // A quoted `inf` is a text.
            toml::Value::String(text) if self == ParameterKind::Text => ParameterValue::Text(text),
            _ => return None,
        };
        self.convert(value).ok()
    }
}

impl ParameterValue {
    fn kind(&self) -> ParameterKind {
        match self {
            ParameterValue::Boolean(_) => ParameterKind::Boolean,
            ParameterValue::Integer(_) => ParameterKind::Integer,
            ParameterValue::Number(_) => ParameterKind::Number,
            ParameterValue::Text(_) => ParameterKind::Text,
        }
    }

    /// The value as in TOML.
    pub fn to_toml(&self) -> String {
        toml::Value::from(self.clone()).to_string()
    }
}

impl From<ParameterValue> for toml::Value {
    fn from(value: ParameterValue) -> toml::Value {
        match value {
            ParameterValue::Boolean(value) => toml::Value::Boolean(value),
            ParameterValue::Integer(value) => toml::Value::Integer(value),
            ParameterValue::Number(value) => toml::Value::Float(value),
            ParameterValue::Text(value) => toml::Value::String(value),
        }
    }
}

impl Serialize for ParameterValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ParameterValue::Boolean(value) => serializer.serialize_bool(*value),
            ParameterValue::Integer(value) => serializer.serialize_i64(*value),
            ParameterValue::Number(value) if value.is_finite() => serializer.serialize_f64(*value),
            ParameterValue::Number(_) => serializer.serialize_str(&self.to_toml()),
            ParameterValue::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl PartialEq for ParameterValue {
    /// Compares numbers by their bits: a filter whose default is not a number describes itself as before.
    fn eq(&self, other: &ParameterValue) -> bool {
        match (self, other) {
            (ParameterValue::Boolean(one), ParameterValue::Boolean(other)) => one == other,
            (ParameterValue::Integer(one), ParameterValue::Integer(other)) => one == other,
            (ParameterValue::Number(one), ParameterValue::Number(other)) => one.to_bits() == other.to_bits(),
            (ParameterValue::Text(one), ParameterValue::Text(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for ParameterValue {}

impl utoipa::PartialSchema for ParameterValue {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        // A list of types, because an integer is a number, too: `oneOf` would refuse it.
        let types = SchemaType::from_iter([Type::Boolean, Type::Number, Type::String]);
        let object: Object = ObjectBuilder::new()
            .schema_type(types)
            .description(Some("A value of a parameter. Numbers that JSON does not have are texts: inf, -inf, nan."))
            .build();
        object.into()
    }
}

impl utoipa::ToSchema for ParameterValue {}

impl TryFrom<Described> for Parameter {
    type Error = WrongValue;

    fn try_from(described: Described) -> Result<Parameter, WrongValue> {
        let Described { name, kind, default, required, description } = described;
        let default = default.map(|value| kind.convert(value)).transpose()?;
        Ok(Parameter { name, kind, default, required, description })
    }
}
