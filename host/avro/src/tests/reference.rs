//! What a field's values are, worked out from apache-avro's `Value`.

use apache_avro::types::Value;

use crate::alert::Kind;

/// One value of a column. Floats by their bits: NaN is equal to itself here.
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
    /// From a column's buffer.
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

    /// From a value, promoted.
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
            (Value::Bytes(bytes) | Value::Fixed(_, bytes), Kind::Text) => {
                Scalar::Text(String::from_utf8(bytes.clone()).unwrap())
            }
            _ => panic!("{value:?} does not promote to {kind}"),
        }
    }
}

/// The values that `path` has in an alert: one when it goes through no array.
pub(super) fn expected(alert: &Value, path: &str, kind: Kind) -> Vec<Option<Scalar>> {
    let steps: Vec<&str> = path.split('.').collect();
    let mut found = Vec::new();
    follow(alert, &steps, kind, &mut found);
    found
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
