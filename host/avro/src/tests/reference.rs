//! The expected values of a field, worked out from apache-avro's `Value`.

use apache_avro::types::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::alert::Kind;

/// One value of a column. Floats are compared by their bits, so that NaN is equal to itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Boolean(bool),
    Int(i32),
    Long(i64),
    Float(u32),
    Double(u64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Scalar {
    /// Reads a scalar from a column's buffer.
    pub(super) fn read(kind: Kind, bytes: &[u8]) -> Scalar {
        match kind {
            Kind::Boolean => Scalar::Boolean(bytes == [1]),
            Kind::Int => Scalar::Int(i32::from_le_bytes(bytes.try_into().unwrap())),
            Kind::Long => Scalar::Long(i64::from_le_bytes(bytes.try_into().unwrap())),
            Kind::Float => Scalar::Float(u32::from_le_bytes(bytes.try_into().unwrap())),
            Kind::Double => Scalar::Double(u64::from_le_bytes(bytes.try_into().unwrap())),
            Kind::Text => Scalar::Text(String::from_utf8(bytes.to_vec()).unwrap()),
            Kind::Bytes => Scalar::Bytes(bytes.to_vec()),
            Kind::Any => panic!("a column is never of kind any"),
        }
    }

    /// Promotes a value to the kind.
    fn promoted(value: &Value, kind: Kind) -> Scalar {
        match (value, kind) {
            (Value::Boolean(value), Kind::Boolean) => Scalar::Boolean(*value),
            (Value::Int(value), Kind::Int) => Scalar::Int(*value),
            (Value::Int(value), Kind::Long) => Scalar::Long((*value).into()),
            (Value::Int(value), Kind::Float) => Scalar::Float((*value as f32).to_bits()),
            (Value::Int(value), Kind::Double) => Scalar::Double(f64::from(*value).to_bits()),
            (Value::Long(value) | Value::TimestampMicros(value), Kind::Long) => Scalar::Long(*value),
            (Value::Long(value), Kind::Float) => Scalar::Float((*value as f32).to_bits()),
            (Value::Long(value), Kind::Double) => Scalar::Double((*value as f64).to_bits()),
            (Value::Float(value), Kind::Float) => Scalar::Float(value.to_bits()),
            (Value::Float(value), Kind::Double) => Scalar::Double(f64::from(*value).to_bits()),
            (Value::Double(value), Kind::Double) => Scalar::Double(value.to_bits()),
            (Value::String(text) | Value::Enum(_, text), Kind::Text) => Scalar::Text(text.clone()),
            (Value::String(text) | Value::Enum(_, text), Kind::Bytes) => Scalar::Bytes(text.clone().into_bytes()),
            (Value::Bytes(bytes) | Value::Fixed(_, bytes), Kind::Bytes) => Scalar::Bytes(bytes.clone()),
            // The value is printed if an array has several kinds.
            (Value::Bytes(bytes) | Value::Fixed(_, bytes), Kind::Text) => Scalar::Text(STANDARD.encode(bytes)),
            (Value::Boolean(value), Kind::Text) => Scalar::Text(value.to_string()),
            (Value::Int(value), Kind::Text) => Scalar::Text(value.to_string()),
            (Value::Long(value), Kind::Text) => Scalar::Text(value.to_string()),
            (Value::Float(value), Kind::Text) => Scalar::Text(format!("{value:?}")),
            (Value::Double(value), Kind::Text) => Scalar::Text(format!("{value:?}")),
            _ => panic!("{value:?} does not promote to {kind}"),
        }
    }
}

/// The values at `path` in an alert; there is exactly one if the path goes through no array.
pub(super) fn expected(alert: &Value, path: &str, kind: Kind) -> Vec<Option<Scalar>> {
    let steps: Vec<&str> = path.split('.').collect();
    let mut found = Vec::new();
    follow(alert, &steps, kind, &mut found);
    found
}

/// The kinds of the values at `path` in an alert, each once.
pub(super) fn kinds(alert: &Value, path: &str) -> Vec<Kind> {
    let mut found = Vec::new();
    visit(alert, &path.split('.').collect::<Vec<_>>(), &mut |value| {
        let kind = match value {
            Value::Boolean(_) => Kind::Boolean,
            Value::Int(_) => Kind::Int,
            Value::Long(_) => Kind::Long,
            Value::Float(_) => Kind::Float,
            Value::Double(_) => Kind::Double,
            Value::String(_) | Value::Enum(..) => Kind::Text,
            Value::Bytes(_) | Value::Fixed(..) => Kind::Bytes,
            _ => return,
        };
        if !found.contains(&kind) {
            found.push(kind);
        }
    });
    found
}

fn visit(value: &Value, steps: &[&str], each: &mut dyn FnMut(&Value)) {
    match (value, steps) {
        (Value::Union(_, value), _) => visit(value, steps, each),
        (value, []) => each(value),
        (Value::Record(fields), [step, rest @ ..]) => {
            let name = step.trim_end_matches("[]");
            let Some((_, value)) = fields.iter().find(|(field, _)| field == name) else { return };
            let mut value = value;
            while let Value::Union(_, inner) = value {
                value = inner;
            }
            match (value, step.ends_with("[]")) {
                (Value::Array(items), true) => items.iter().for_each(|item| visit(item, rest, each)),
                (value, false) => visit(value, rest, each),
                _ => {}
            }
        }
        _ => {}
    }
}

fn follow(value: &Value, steps: &[&str], kind: Kind, found: &mut Vec<Option<Scalar>>) {
    let list = steps.iter().any(|step| step.ends_with("[]"));
    let [step, rest @ ..] = steps else {
        match value {
            Value::Union(_, value) => follow(value, steps, kind, found),
            Value::Null | Value::Record(_) | Value::Array(_) | Value::Map(_) => found.push(None),
            scalar => found.push(Some(Scalar::promoted(scalar, kind))),
        }
        return;
    };
    match value {
        Value::Union(_, value) => follow(value, steps, kind, found),
        Value::Record(fields) => {
            let name = step.trim_end_matches("[]");
            match fields.iter().find(|(field, _)| field == name) {
                Some((_, value)) if step.ends_with("[]") => through(value, rest, kind, found),
                Some((_, value)) => follow(value, rest, kind, found),
                None if list => {}
                None => found.push(None),
            }
        }
        _ if list => {}
        _ => found.push(None),
    }
}

fn through(value: &Value, rest: &[&str], kind: Kind, found: &mut Vec<Option<Scalar>>) {
    match value {
        Value::Union(_, value) => through(value, rest, kind, found),
        Value::Array(items) => items.iter().for_each(|item| follow(item, rest, kind, found)),
        _ => {}
    }
}
