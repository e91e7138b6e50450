//! Reading single values from columns, and alerts' ids.

use std::borrow::Cow;
use std::fmt;

use skysieve_avro::alert::{Column, Kind};

/// The number of an id's bytes that are used. Ids become keys of messages and parts of file names.
const LONGEST_ID: usize = 256;

/// A value from a column that does not go through an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A whole number.
    Whole(i64),
    /// A float or double.
    Real(f64),
    /// Text, or bytes.
    Text(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Returns the value of the alert in a row of the column. `None` if it is null or a boolean.
    pub fn of(column: &'a Column, row: usize) -> Option<Value<'a>> {
        if column.has_null(row) {
            return None;
        }
        let view = column.slice(row..row + 1);
        let value = match column.kind {
            Kind::Int => Value::Whole(i32::from_le_bytes(view.values.try_into().ok()?).into()),
            Kind::Long => Value::Whole(i64::from_le_bytes(view.values.try_into().ok()?)),
            Kind::Float => Value::Real(f32::from_le_bytes(view.values.try_into().ok()?).into()),
            Kind::Double => Value::Real(f64::from_le_bytes(view.values.try_into().ok()?)),
            Kind::Text | Kind::Bytes => Value::Text(view.values),
            Kind::Boolean | Kind::Any => return None,
        };
        Some(value)
    }
}

/// The id of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertId {
    /// A number.
    Number(i64),
    /// Anything else. If it has more than 256 bytes, only the first ones are kept.
    Text(Box<str>),
}

impl AlertId {
    /// Makes an id from a value of an alert. Bytes that are not UTF-8 are written as hexadecimal digits. Empty text is
    /// not an id.
    pub fn of(value: Value<'_>) -> Option<AlertId> {
        match value {
            Value::Whole(number) => Some(AlertId::Number(number)),
            Value::Real(number) => Some(AlertId::Text(number.to_string().into())),
            Value::Text([]) => None,
            Value::Text(bytes) => {
                let id = text(bytes);
                Some(AlertId::Text(id[..id.floor_char_boundary(LONGEST_ID)].into()))
            }
        }
    }

    /// The id as a number, if it is one.
    pub fn number(&self) -> Option<i64> {
        match self {
            AlertId::Number(number) => Some(*number),
            AlertId::Text(_) => None,
        }
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AlertId::Number(number) => write!(f, "{number}"),
            AlertId::Text(text) => f.write_str(text),
        }
    }
}

/// UTF-8 as it is, or at most the first kilobyte of other bytes as hexadecimal digits.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().take(1024).map(|byte| format!("{byte:02x}")).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Kind, values: Vec<u8>) -> Column {
        Column { values, ..Column::new(kind, false) }
    }

    #[test]
    fn values_of_every_kind() {
        assert_eq!(Value::of(&column(Kind::Int, (-3i32).to_le_bytes().into()), 0), Some(Value::Whole(-3)));
        assert_eq!(Value::of(&column(Kind::Long, i64::MIN.to_le_bytes().into()), 0), Some(Value::Whole(i64::MIN)));
        assert_eq!(Value::of(&column(Kind::Float, 1.5f32.to_le_bytes().into()), 0), Some(Value::Real(1.5)));
        assert_eq!(Value::of(&column(Kind::Double, 2.5f64.to_le_bytes().into()), 0), Some(Value::Real(2.5)));
        assert_eq!(Value::of(&column(Kind::Boolean, vec![1]), 0), None);
        let mut texts = column(Kind::Text, b"abc".into());
        texts.offsets = [1u32, 3].iter().flat_map(|end| end.to_le_bytes()).collect();
        assert_eq!([0, 1].map(|row| Value::of(&texts, row)), [Some(Value::Text(b"a")), Some(Value::Text(b"bc"))]);
        texts.present = vec![0, 1];
        assert_eq!(Value::of(&texts, 0), None);
    }

    #[test]
    fn ids_are_numbers_or_text_of_bounded_length() {
        let id = |value| AlertId::of(value).map(|id| id.to_string());
        assert_eq!(id(Value::Whole(-5)).as_deref(), Some("-5"));
        assert_eq!(id(Value::Text(b"ZTF18abc")).as_deref(), Some("ZTF18abc"));
        assert_eq!(id(Value::Text(&[0xff, 0x01])).as_deref(), Some("ff01"));
        assert_eq!(id(Value::Text(b"")), None);
        assert_eq!(id(Value::Text("é".repeat(1000).as_bytes())).map(|id| id.len()), Some(256));
    }
}
