//! Changed alerts, alerts as JSON, and alerts in other framings, compared with apache-avro.

use std::collections::HashMap;
use std::rc::Rc;

use apache_avro::types::Value;
use apache_avro::{Reader, Schema, from_avro_datum};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::generate::{self, Choices, Ty, encode};
use super::*;
use crate::{AvroError, Change};

/// A random schema, an alert of it, and paths of fields within records.
struct Case {
    schemas: Schemas,
    alert: Framed<'static>,
    ty: Rc<Ty>,
    apache: Schema,
    value: Value,
    paths: Vec<String>,
}

impl Case {
    fn new(bytes: &[u8]) -> Case {
        let mut choices = Choices::new(bytes);
        let ty = generate::schema(&mut choices);
        let avsc = generate::json(&ty, &mut Vec::new()).to_string();
        let schemas = Schemas::default();
        let schema = schemas.add(1, &avsc).unwrap();
        let value = generate::value(&ty, &mut choices);
        let mut datum = Vec::new();
        encode(&value, &mut choices, &mut datum);
        let mut paths = Vec::new();
        record_paths(&ty, "", &mut paths);
        paths.truncate(200);
        let alert = Framed { schema, datum: datum.into() };
        Case { schemas, alert, ty, apache: Schema::parse_str(&avsc).unwrap(), value, paths }
    }

    fn edited(&self, edits: &[(&str, Change)]) -> Vec<u8> {
        let mut out = b"before".to_vec();
        self.schemas.edit(&self.alert, edits, &mut out).unwrap();
        out.split_off(6)
    }
}

fn record_paths(ty: &Ty, path: &str, found: &mut Vec<String>) {
    match ty {
        Ty::Union(branches) => branches.iter().for_each(|branch| record_paths(branch, path, found)),
        Ty::Record(_, fields) => {
            for (name, ty) in fields {
                let field = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                found.push(field.clone());
                record_paths(ty, &field, found);
            }
        }
        _ => {}
    }
}

/// Applies the change to apache-avro's value.
fn changed(ty: &Ty, value: &Value, path: &[&str], change: Change) -> Value {
    match (ty, value, path) {
        (Ty::Union(branches), Value::Union(index, inner), _) => {
            let null = branches.iter().position(|branch| matches!(**branch, Ty::Null));
            match null.filter(|_| path.is_empty() && change == Change::Clear) {
                Some(null) => Value::Union(null as u32, Box::new(Value::Null)),
                None => Value::Union(*index, Box::new(changed(&branches[*index as usize], inner, path, change))),
            }
        }
        (Ty::Record(_, types), Value::Record(fields), _) => {
            let field = |((_, ty), (name, value)): (&(String, Rc<Ty>), &(String, Value))| {
                let value = match path {
                    [] if change == Change::Clear => changed(ty, value, &[], change),
                    [first, rest @ ..] if first == name => changed(ty, value, rest, change),
                    _ => value.clone(),
                };
                (name.clone(), value)
            };
            Value::Record(types.iter().zip(fields).map(field).collect())
        }
        (_, _, [_, ..]) => value.clone(),
        (_, Value::Bytes(_), []) if change == Change::Clear => Value::Bytes(Vec::new()),
        (_, Value::String(_), []) if change == Change::Clear => Value::String(String::new()),
        (_, Value::Array(_), []) if change == Change::Clear => Value::Array(Vec::new()),
        (_, Value::Map(_), []) if change == Change::Clear => Value::Map(HashMap::new()),
        (_, value, []) => match (value, change) {
            (Value::Int(_), Change::Put(number)) => Value::Int(number as i32),
            (Value::Int(value), Change::Add(more)) => Value::Int(value.wrapping_add(more as i32)),
            (Value::Long(_), Change::Put(number)) => Value::Long(number),
            (Value::Long(value), Change::Add(more)) => Value::Long(value.wrapping_add(more)),
            (Value::Float(value), Change::AddReal(more)) => Value::Float((f64::from(*value) + more) as f32),
            (Value::Double(value), Change::AddReal(more)) => Value::Double(value + more),
            _ => value.clone(),
        },
    }
}

fn json(value: &Value) -> serde_json::Value {
    let real = |text: String| serde_json::from_str(&text).unwrap();
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Long(value) => (*value).into(),
        Value::Float(value) => real(serde_json::to_string(value).unwrap()),
        Value::Double(value) => real(serde_json::to_string(value).unwrap()),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => STANDARD.encode(bytes).into(),
        Value::String(text) | Value::Enum(_, text) => text.as_str().into(),
        Value::Union(_, inner) => json(inner),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        Value::Record(fields) => fields.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        other => panic!("{other:?} is not generated"),
    }
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<i64>().prop_map(Change::Put),
        any::<i64>().prop_map(Change::Add),
        (-1e6..1e6).prop_map(Change::AddReal),
        Just(Change::Clear),
    ]
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The named fields change, and nothing else does.
    #[test]
    fn edits_change_what_they_name(
        bytes in any_bytes(),
        wanted in prop::collection::vec((any::<prop::sample::Index>(), changes()), 1..4),
    ) {
        let case = Case::new(&bytes);
        let mut edits: Vec<(&str, Change)> = Vec::new();
        for (index, change) in wanted {
            let path = case.paths[index.index(case.paths.len())].as_str();
            // Of two edits, one within the other, the inner one would be lost.
            if !edits.iter().any(|(other, _)| other.starts_with(path) || path.starts_with(other)) {
                edits.push((path, change));
            }
        }
        let expected = edits.iter().fold(case.value.clone(), |value, (path, change)| {
            changed(&case.ty, &value, &path.split('.').collect::<Vec<_>>(), *change)
        });
        let edited = case.edited(&edits);
        let mut rest = &edited[..];
        let read = from_avro_datum(&case.apache, &mut rest, None).unwrap();
        prop_assert_eq!(rest.len(), 0);
        prop_assert_eq!(&read, &expected, "{:?}", edits);
        if expected == case.value {
            prop_assert_eq!(from_avro_datum(&case.apache, &mut &case.alert.datum[..], None).unwrap(), expected);
        }
        let alert = Framed { schema: case.alert.schema, datum: edited.into() };
        prop_assert_eq!(case.schemas.validate(&alert), Ok(()));
    }

    #[test]
    fn without_an_edit_every_byte_stays(bytes in any_bytes()) {
        let case = Case::new(&bytes);
        prop_assert_eq!(&case.edited(&[])[..], &case.alert.datum[..]);
        prop_assert_eq!(&case.edited(&[("no.such", Change::Clear)])[..], &case.alert.datum[..]);
    }

    #[test]
    fn json_agrees(bytes in any_bytes()) {
        let case = Case::new(&bytes);
        let mut out = Vec::new();
        case.schemas.json(&case.alert, &mut out).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(read, json(&case.value));
    }

    /// Both apache-avro and this crate read the alert from the containers that this crate writes.
    #[test]
    fn containers_are_read(bytes in any_bytes()) {
        let case = Case::new(&bytes);
        // A container can't hold alerts that take no room.
        prop_assume!(!case.alert.datum.is_empty());
        let message = case.schemas.container(case.alert.schema).unwrap().wrap(&case.alert.datum);
        let read: Vec<Value> = Reader::new(&message[..]).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(&read, &vec![case.value.clone()]);
        prop_assert_eq!(&case.schemas.frame(&message).unwrap().datum, &case.alert.datum);
    }

    /// Editing refuses broken alerts where a walk refuses them, and never panics.
    #[test]
    fn broken_alerts(bytes in any_bytes(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let case = Case::new(&bytes);
        let mut datum = case.alert.datum.to_vec();
        if !datum.is_empty() {
            let at = at.index(datum.len());
            datum[at] = byte;
        }
        let alert = Framed { schema: case.alert.schema, datum: datum.into() };
        let valid = case.schemas.validate(&alert);
        let edits: Vec<_> = case.paths.iter().map(|path| (path.as_str(), Change::Clear)).collect();
        let edited = case.schemas.edit(&alert, &edits, &mut Vec::new());
        prop_assert_eq!(edited.is_ok(), valid.is_ok(), "{:?} {:?}", edited, valid);
        let json = case.schemas.json(&alert, &mut Vec::new());
        // A changed length may stand for millions of items without a byte, which are valid, but too many to be written.
        if !json.as_ref().is_err_and(has_too_many_values) {
            prop_assert_eq!(json.is_ok(), valid.is_ok(), "{:?} {:?}", json, valid);
        }
    }
}

fn has_too_many_values(error: &AvroError) -> bool {
    error.to_string().contains("values that are asked for")
}

/// What takes no room in an alert takes room in JSON.
#[test]
fn items_without_bytes_are_bounded_in_json() {
    let avsc =
        r#"{"type": "record", "name": "a", "fields": [{"name": "b", "type": {"type": "array", "items": "null"}}]}"#;
    let schemas = Schemas::default();
    let schema = schemas.add(1, avsc).unwrap();
    let items = |count: i64| {
        let mut datum = Vec::new();
        generate::long(count, &mut datum);
        datum.push(0);
        Framed { schema, datum: datum.into() }
    };
    let mut out = Vec::new();
    schemas.json(&items(1000), &mut out).unwrap();
    assert_eq!(out.len(), r#"{"b":[]}"#.len() + 1000 * "null,".len() - 1);
    let many = items(1 << 40);
    schemas.validate(&many).unwrap();
    let error = schemas.json(&many, &mut Vec::new()).unwrap_err();
    assert!(has_too_many_values(&error) && error.to_string().contains(" b: "), "{error}");
}

#[test]
fn what_is_wrong_is_named() {
    let avsc = r#"{"type": "record", "name": "a", "fields": [{"name": "b", "type":
        {"type": "record", "name": "c", "fields": [{"name": "text", "type": "string"}]}}]}"#;
    let schemas = Schemas::default();
    let alert = |datum: &'static [u8]| Framed { schema: schemas.add(1, avsc).unwrap(), datum: datum.into() };
    let edit = |datum| schemas.edit(&alert(datum), &[("b.text", Change::Clear)], &mut Vec::new()).unwrap_err();
    assert_eq!(edit(&[2, 0xff]).to_string(), "a, byte 0 of the alert: b.text: it is not UTF-8");
    assert_eq!(edit(&[2, b'a', 0]).to_string(), "a, byte 2 of the alert: 1 bytes follow its end");
    let json = schemas.json(&alert(&[4, b'a']), &mut Vec::new()).unwrap_err();
    assert!(matches!(&json, AvroError::Datum { field, .. } if field == "b.text"), "{json}");
}

#[test]
fn schemas_have_ids_of_their_own_or_lssts() {
    let schemas = Schemas::builtin();
    let add =
        |id, name: &str| schemas.add(id, &format!(r#"{{"type": "record", "name": "{name}", "fields": []}}"#)).unwrap();
    let [mine, newer] = [add(7, "lsst.v12_3.alert"), add(7, "ztf.alert")];
    assert_eq!(schemas.confluent_id(schemas.by_id(1101).unwrap()), Some(1101));
    assert_eq!(schemas.confluent_id(newer), Some(7));
    assert_eq!(schemas.confluent_id(mine), Some(1203), "another took its place; the name tells");
}
