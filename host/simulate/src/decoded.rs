//! Reads values of decoded alerts by their paths, for tests.

use apache_avro::types::Value;

/// Returns the value at a path, or null if a record on the way is null.
pub fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(present(value), |value, name| match value {
        Value::Record(fields) => {
            let found = fields.iter().find(|(field, _)| field == name);
            present(&found.unwrap_or_else(|| panic!("no {name} in {path}")).1)
        }
        other => other,
    })
}

fn present(value: &Value) -> &Value {
    if let Value::Union(_, inner) = value { inner } else { value }
}

/// Reads an int or a long.
pub fn long(value: &Value, path: &str) -> i64 {
    match at(value, path) {
        Value::Long(number) => *number,
        Value::Int(number) => (*number).into(),
        other => panic!("{path} is {other:?}"),
    }
}

/// Reads a float or a double.
pub fn double(value: &Value, path: &str) -> f64 {
    match at(value, path) {
        Value::Double(number) => *number,
        Value::Float(number) => (*number).into(),
        other => panic!("{path} is {other:?}"),
    }
}

/// Reads a string.
pub fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    if let Value::String(text) = at(value, path) { text } else { panic!("{path} is no text") }
}

/// Reads a boolean.
pub fn flag(value: &Value, path: &str) -> bool {
    at(value, path) == &Value::Boolean(true)
}

/// Whether the value, or a record that contains it, is null.
pub fn is_null(value: &Value, path: &str) -> bool {
    at(value, path) == &Value::Null
}

/// Returns the items of an array, or none if the array is null.
pub fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    if let Value::Array(items) = at(value, path) { items } else { &[] }
}
