//! Alerts in Confluent's wire format: whatever they contain, they are either refused or read, and all ways of reading
//! agree.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use skysieve_avro::alert::{Field, Kind};
use skysieve_avro::{BlobStyle, Change, Decoder, Projection, Schemas, Selector};

/// Every type of Avro's, in the shapes that surveys use.
const SCHEMA: &str = r#"{"type": "record", "name": "alert", "fields": [
    {"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"]},
    {"name": "mixed", "type": ["null", "int", "string", "bytes", "boolean"]},
    {"name": "list", "type": {"type": "array", "items": ["null", "float", "string"]}},
    {"name": "nothing", "type": {"type": "array", "items": "null"}},
    {"name": "source", "type": ["null", {"type": "record", "name": "source", "fields": [
        {"name": "flux", "type": ["float", "null"]}, {"name": "time", "type": "double"}, {"name": "band", "type":
            {"type": "enum", "name": "band", "symbols": ["g", "r"]}}, {"name": "code", "type":
            {"type": "fixed", "name": "code", "size": 3}}]}]},
    {"name": "history", "type": ["null", {"type": "array", "items": "source"}]},
    {"name": "tags", "type": {"type": "map", "values": {"type": "array", "items": "int"}}},
    {"name": "tree", "type": {"type": "record", "name": "tree", "fields": [
        {"name": "below", "type": {"type": "array", "items": "tree"}}]}},
    {"name": "stamp", "type": "bytes"}]}"#;

static SCHEMAS: LazyLock<Arc<Schemas>> = LazyLock::new(|| {
    let schemas = Schemas::builtin();
    schemas.add(1, SCHEMA).expect("it is sound");
    Arc::new(schemas)
});

fuzz_target!(|data: &[u8]| {
    let schemas = &*SCHEMAS;
    let Some((first, datum)) = data.split_first() else { return };
    let id: u32 = [1, 1, 1, 704, 900, 1101][usize::from(*first) % 6];
    let message = [&[0][..], &id.to_be_bytes(), datum].concat();
    let alert = schemas.frame(&message).expect("it is framed");
    let sound = schemas.validate(&alert);

    let mut projection = Projection::new();
    for (index, (path, _)) in schemas.paths(alert.schema).into_iter().enumerate() {
        if index % 8 == usize::from(*first) / 6 % 8 || id == 1 {
            let field = Field { paths: vec![path], kind: Kind::Any, optional: true };
            projection.add(&field).expect("it is listed");
        }
    }
    let mut decoder = Decoder::new(Arc::clone(schemas), projection);
    let read = decoder.push(0, &alert);
    let mut json = Vec::new();
    let written = schemas.json(&alert, &mut json);
    let mut chosen = Vec::new();
    let all = Selector::new(&["*"]).expect("it is a path");
    let _ = all.json(schemas, &alert, BlobStyle::Length, &mut chosen);
    let mut edited = Vec::new();
    let changed = schemas.edit(&alert, &[("id", Change::Add(0)), ("stamp", Change::Clear)], &mut edited);
    if sound.is_ok() {
        assert_eq!(read, Ok(()));
        for group in decoder.finish().groups {
            for column in &group.columns {
                assert_eq!(column.slice(0..1).values.len(), column.values.len());
            }
        }
        // There may be more values without bytes than are written out.
        if written.is_ok() {
            serde_json::from_slice::<serde_json::Value>(&json).expect("it is JSON");
        }
        assert_eq!(changed, Ok(()));
        let again = schemas.frame(&[&message[..5], &edited].concat()).map(|alert| schemas.validate(&alert));
        assert_eq!(again, Ok(Ok(())));
    }
});
