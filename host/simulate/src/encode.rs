//! Writes Avro by table. The schema says which fields a record has, in which order and of which types; what the fields
//! hold is looked up by name, once for each writer.

use serde_json::Value as Json;

/// The value of a field, whatever type of number its schema has for it.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// No value; the schema must allow null.
    Null,
    /// A boolean.
    Flag(bool),
    /// An int or a long.
    Whole(i64),
    /// A float or a double. NaN becomes null where the schema allows null.
    Real(f64),
    /// A string. An empty one becomes null where the schema allows null.
    Text(&'a str),
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Value::Null, Value::Whole)
    }
}

/// Where a field's value comes from.
pub enum Getter<T> {
    /// The same for all records.
    Same(Value<'static>),
    /// Read from a `T`.
    Of(Box<dyn Fn(&T) -> Value<'_> + Send + Sync>),
}

/// How to write values of `T` as a record.
pub struct Record<T> {
    steps: Vec<Step<T>>,
}

enum Step<T> {
    /// Consecutive fields that are the same in every record, already encoded.
    Same(Vec<u8>),
    Field {
        get: Box<dyn Fn(&T) -> Value<'_> + Send + Sync>,
        kind: Kind,
        nullable: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Whole,
    Float,
    Double,
    Text,
}

/// The branches of a union of null and something.
const NULL: u8 = 0;
const PRESENT: u8 = 2;

impl<T> Record<T> {
    /// A writer of records of `schema`. `getter` returns the value of a field by its name; fields that it does not know
    /// are null, or false if they are flags.
    ///
    /// # Panics
    /// Panics if the schema has a type that occurs in no alert's record, or if a value does not fit its type.
    pub fn new(schema: &Json, getter: impl Fn(&str) -> Option<Getter<T>>) -> Record<T> {
        let mut steps = Vec::new();
        for field in fields(schema) {
            let (name, (kind, nullable)) = (text(&field["name"]), kind(&field["type"]));
            let value = match getter(name) {
                Some(Getter::Of(get)) => {
                    steps.push(Step::Field { get, kind, nullable });
                    continue;
                }
                Some(Getter::Same(value)) => value,
                None if kind == Kind::Boolean => Value::Flag(false),
                None => Value::Null,
            };
            if !matches!(steps.last(), Some(Step::Same(_))) {
                steps.push(Step::Same(Vec::new()));
            }
            if let Some(Step::Same(bytes)) = steps.last_mut() {
                write(bytes, kind, nullable, value);
            }
        }
        Record { steps }
    }

    /// Appends `of` as a record.
    pub fn write(&self, out: &mut Vec<u8>, of: &T) {
        for step in &self.steps {
            match step {
                Step::Same(bytes) => out.extend_from_slice(bytes),
                Step::Field { get, kind, nullable } => write(out, *kind, *nullable, get(of)),
            }
        }
    }
}

// With inlining, an alert takes 9 % fewer instructions.
#[inline(always)]
fn write(out: &mut Vec<u8>, kind: Kind, nullable: bool, value: Value<'_>) {
    let null = match value {
        Value::Null => true,
        Value::Real(number) => number.is_nan(),
        Value::Text(text) => text.is_empty(),
        Value::Flag(_) | Value::Whole(_) => false,
    };
    if nullable && null {
        return out.push(NULL);
    }
    let few = match (kind, value) {
        (Kind::Boolean, Value::Flag(flag)) => Few { bytes: flag.into(), length: 1 },
        (Kind::Whole, Value::Whole(number)) => Few::zigzag(number),
        (Kind::Float, Value::Real(number)) => Few { bytes: (number as f32).to_bits().into(), length: 4 },
        (Kind::Double, Value::Real(number)) => Few { bytes: number.to_bits().into(), length: 8 },
        (Kind::Text, Value::Text(text)) => {
            if nullable {
                out.push(PRESENT);
            }
            return bytes(out, text.as_bytes());
        }
        (kind, value) => panic!("{value:?} does not fit the schema's {kind:?}"),
    };
    let few = if nullable { few.behind(PRESENT) } else { few };
    few.append(out);
}

/// At most 16 bytes, in little-endian order. Bytes that are put together in registers can be written at once.
#[derive(Clone, Copy)]
struct Few {
    bytes: u128,
    length: usize,
}

impl Few {
    /// An int or a long: each byte has seven bits, lowest first, and all bytes but the last have the top bit set.
    fn zigzag(number: i64) -> Few {
        let whole = ((number << 1) ^ (number >> 63)) as u64;
        let length = (64 - (whole | 1).leading_zeros() as usize).div_ceil(7);
        // The bits are spread by halving: 56 bits become two groups of 28, these become groups of 14, and these groups
        // of 7.
        let mut low = (whole & 0x0fff_ffff) | (whole & 0x00ff_ffff_f000_0000) << 4;
        low = (low & 0x0000_3fff_0000_3fff) | (low & 0x0fff_c000_0fff_c000) << 2;
        low = (low & 0x007f_007f_007f_007f) | (low & 0x3f80_3f80_3f80_3f80) << 1;
        let high = whole >> 56 & 0x7f | (whole >> 63) << 8;
        let more = 0x80_8080_8080_8080_8080_u128 & ((1 << (8 * (length - 1))) - 1);
        Few { bytes: u128::from(low) | u128::from(high) << 64 | more, length }
    }

    fn behind(self, first: u8) -> Few {
        Few { bytes: self.bytes << 8 | u128::from(first), length: self.length + 1 }
    }

    fn append(self, out: &mut Vec<u8>) {
        let end = out.len() + self.length;
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.truncate(end);
    }
}

/// Appends an int or a long.
pub fn long(out: &mut Vec<u8>, number: i64) {
    Few::zigzag(number).append(out);
}

/// Appends bytes or a string.
pub fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

/// Appends an optional value; `write` appends the value if there is one.
pub fn optional<V>(out: &mut Vec<u8>, value: Option<V>, write: impl FnOnce(&mut Vec<u8>, V)) {
    match value {
        None => out.push(NULL),
        Some(value) => {
            out.push(PRESENT);
            write(out, value);
        }
    }
}

/// Appends an array as one block. `write` appends each item.
pub fn array<I>(out: &mut Vec<u8>, items: impl ExactSizeIterator<Item = I>, mut write: impl FnMut(&mut Vec<u8>, I)) {
    if items.len() > 0 {
        long(out, items.len() as i64);
        items.for_each(|item| write(out, item));
    }
    long(out, 0);
}

/// The fields in a record's schema.
pub fn fields(schema: &Json) -> &[Json] {
    schema["fields"].as_array().expect("a record's schema has fields")
}

/// The schema of the record that is a field's type, or one branch of its union, or the items of its array.
pub fn record<'a>(schema: &'a Json, field: &str) -> &'a Json {
    fn find(schema: &Json) -> Option<&Json> {
        match schema {
            Json::Array(branches) => branches.iter().find_map(find),
            Json::Object(object) if object.contains_key("fields") => Some(schema),
            Json::Object(object) => object.get("items").and_then(find),
            _ => None,
        }
    }
    let found = fields(schema).iter().find(|candidate| candidate["name"] == field);
    found.and_then(|found| find(&found["type"])).unwrap_or_else(|| panic!("the schema has no record {field}"))
}

fn text(json: &Json) -> &str {
    json.as_str().expect("names in a schema are text")
}

/// The kind of a field, and whether it may be null instead.
fn kind(schema: &Json) -> (Kind, bool) {
    match schema {
        Json::Array(branches) => match &branches[..] {
            [null, of] if null == "null" => (kind(of).0, true),
            _ => panic!("no union of null and a type: {schema}"),
        },
        Json::Object(object) => kind(&object["type"]),
        _ => match text(schema) {
            "boolean" => (Kind::Boolean, false),
            "int" | "long" => (Kind::Whole, false),
            "float" => (Kind::Float, false),
            "double" => (Kind::Double, false),
            "string" => (Kind::Text, false),
            other => panic!("no value of type {other} is simulated"),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encoded(schema: &str, value: Value<'static>) -> Vec<u8> {
        let schema = json!({"type": "record", "name": "r", "fields": [
            {"name": "known", "type": serde_json::from_str::<Json>(schema).unwrap()},
            {"name": "flag", "type": ["null", "boolean"]},
            {"name": "unknown", "type": ["null", "double"]},
        ]});
        let record = Record::new(&schema, |name| (name == "known").then(|| Getter::Of(Box::new(move |()| value))));
        let mut out = Vec::new();
        record.write(&mut out, &());
        assert_eq!(out.split_off(out.len() - 3), [2, 0, 0]);
        out
    }

    #[test]
    fn values_are_written_as_the_schema_has_them() {
        assert_eq!(encoded(r#""long""#, Value::Whole(-65)), [0x81, 1]);
        assert_eq!(encoded(r#""long""#, Value::Whole(0)), [0]);
        assert_eq!(encoded(r#""long""#, Value::Whole(i64::MIN)), [[0xff; 9].as_slice(), &[1]].concat());
        assert_eq!(encoded(r#"["null", "int"]"#, Value::Whole(64)), [2, 0x80, 1]);
        assert_eq!(encoded(r#"["null", "float"]"#, Value::Real(1.0)), [2, 0, 0, 0x80, 0x3f]);
        assert_eq!(encoded(r#"["null", "double"]"#, Value::Real(f64::NAN)), [0]);
        assert_eq!(encoded(r#"["null", "string"]"#, Value::Text("g")), [2, 2, b'g']);
        assert_eq!(
            encoded(r#"["null", {"type": "long", "logicalType": "timestamp-micros"}]"#, Value::Whole(1)),
            [2, 2]
        );
    }

    #[test]
    fn numbers_of_every_length_are_written() {
        for bits in 0..64 {
            let whole = 1u64 << bits | 1 << (bits / 2);
            let number = (whole >> 1) as i64 ^ -((whole & 1) as i64);
            let mut out = Vec::new();
            long(&mut out, number);
            let (last, first) = out.split_last().unwrap();
            assert!(first.iter().all(|byte| byte & 0x80 != 0) && last & 0x80 == 0, "{number}: {out:?}");
            let read = out.iter().rev().fold(0u64, |read, byte| read << 7 | u64::from(byte & 0x7f));
            assert_eq!((read, out.len()), (whole, bits as usize / 7 + 1), "{number}");
        }
    }

    #[test]
    fn arrays_and_choices_end() {
        let mut out = Vec::new();
        array(&mut out, [1, 2].iter(), |out, &item| long(out, item));
        array(&mut out, [].iter(), |out, &item| long(out, item));
        optional(&mut out, Some("x"), |out, text| bytes(out, text.as_bytes()));
        assert_eq!(out, [4, 2, 4, 0, 0, 2, 2, b'x']);
    }
}
