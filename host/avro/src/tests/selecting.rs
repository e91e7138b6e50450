//! Single values as JSON.

use insta::assert_snapshot;

use super::generate::long;
use super::*;
use crate::{BlobStyle, Selector};

const AVSC: &str = r#"{"type": "record", "name": "alert", "fields": [
    {"name": "id", "type": "long"},
    {"name": "time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "ok", "type": "boolean"},
    {"name": "mag", "type": ["null", "float"]},
    {"name": "ra", "type": "double"},
    {"name": "name", "type": ["null", "string"]},
    {"name": "band", "type": {"type": "enum", "name": "band", "symbols": ["g", "r"]}},
    {"name": "stamp", "type": ["null", "bytes", {"type": "record", "name": "cut", "fields": [
        {"name": "stampData", "type": "bytes"}]}]},
    {"name": "hash", "type": {"type": "fixed", "name": "hash", "size": 2}},
    {"name": "history", "type": {"type": "array", "items": {"type": "record", "name": "point", "fields": [
        {"name": "flux", "type": ["null", "float"]}, {"name": "flags", "type": {"type": "array", "items": "int"}}]}}},
    {"name": "matches", "type": {"type": "map", "values": "double"}}]}"#;

fn longs(numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|number| long(*number, &mut out));
    out
}

/// An alert with values of every type.
fn alert() -> Vec<u8> {
    let parts: [&[u8]; 13] = [
        &longs(&[i64::MAX, -1]),
        &[1],
        &[&longs(&[1])[..], &f32::NAN.to_le_bytes()].concat(),
        &1e300_f64.to_le_bytes(),
        &[&longs(&[1, 6])[..], b"a\"\n\xc2\x9b!"].concat(),
        &longs(&[1]),
        &[&longs(&[2, 3])[..], &[0, 255, 7]].concat(),
        &[1, 2],
        // Two points: one in a block with its size, and one in a block without.
        &[&longs(&[-1, 8, 1])[..], &1.1_f32.to_le_bytes(), &longs(&[1, 5, 0])].concat(),
        &[&longs(&[1, 0])[..], &longs(&[0]), &longs(&[0])].concat(),
        &[&longs(&[1, 4])[..], b"Gaia", &(-0.25_f64).to_le_bytes()].concat(),
        &longs(&[0]),
        &[],
    ];
    parts.concat()
}

fn schemas() -> (Schemas, SchemaId) {
    let schemas = Schemas::default();
    let schema = schemas.add(1, AVSC).unwrap();
    (schemas, schema)
}

/// The value at a path, or "-" if there is none.
fn select(paths: &[&str], style: BlobStyle) -> String {
    let ((schemas, schema), alert) = (schemas(), alert());
    let framed = Framed { schema, datum: alert.into() };
    schemas.validate(&framed).unwrap();
    let mut out = b"-".to_vec();
    if Selector::new(paths).unwrap().json(&schemas, &framed, style, &mut out).unwrap() {
        out.remove(0);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn every_type_prints() {
    let whole = r#"{"id":9223372036854775807,"time":-1,"ok":true,"mag":null,"ra":1e300,"name":"a\"\n9b!","band":"r","#;
    let rest = r#""stamp":{"stampData":3},"hash":2,"history":[{"flux":1.1,"flags":[5]},{"flux":null,"flags":[]}],"#;
    let last = r#""matches":{"Gaia":-0.25}}"#;
    let whole = [whole, rest, last].concat().replace("9b", "\u{9b}");
    assert_eq!(select(&["*"], BlobStyle::Length), whole);
    let paths = [
        "id",
        "time",
        "mag",
        "ra",
        "name",
        "stamp",
        "stamp.stampData",
        "stamp.other",
        "history",
        "history[]",
        "history[].flux",
        "history[].flags",
        "history[].flags[]",
        "history.flux",
        "matches",
        "matches.Gaia",
        "matches.x",
        "id.x",
        "id[]",
        "nothing",
    ];
    let lines = paths.map(|path| format!("{path}: {}", select(&[path], BlobStyle::Base64)));
    assert_snapshot!(lines.join("\n").replace('\u{9b}', "(9b)"), @r#"
    id: 9223372036854775807
    time: -1
    mag: null
    ra: 1e300
    name: "a\"\n(9b)!"
    stamp: {"stampData":"AP8H"}
    stamp.stampData: "AP8H"
    stamp.other: -
    history: [{"flux":1.1,"flags":[5]},{"flux":null,"flags":[]}]
    history[]: [{"flux":1.1,"flags":[5]},{"flux":null,"flags":[]}]
    history[].flux: [1.1,null]
    history[].flags: [[5],[]]
    history[].flags[]: [[5],[]]
    history.flux: -
    matches: {"Gaia":-0.25}
    matches.Gaia: -0.25
    matches.x: -
    id.x: -
    id[]: -
    nothing: -
    "#);
    assert_eq!(select(&["nothing", "band", "id"], BlobStyle::Length), r#""r""#);
}

#[test]
fn bytes_as_they_are() {
    let ((schemas, schema), alert) = (schemas(), alert());
    let framed = Framed { schema, datum: alert.into() };
    let bytes = |paths: &[&str]| Selector::new(paths).unwrap().bytes(&schemas, &framed).unwrap().map(<[u8]>::to_vec);
    assert_eq!(bytes(&["stamp", "stamp.stampData"]), Some(vec![0, 255, 7]));
    assert_eq!(bytes(&["hash"]), Some(vec![1, 2]));
    assert_eq!(bytes(&["name", "nothing", "mag"]), None);
}

#[test]
fn what_no_schema_has_is_refused_or_explained() {
    for wrong in ["", "a..b", "a[0]", "[]", "a]"] {
        assert!(Selector::new(&[wrong]).is_err(), "{wrong}");
    }
    let (schemas, schema) = schemas();
    let said = Selector::new(&["history[].fluxes"]).unwrap().absent(&schemas, schema).to_string();
    assert!(said.starts_with("alert has no history[].fluxes; the nearest it has: history[].flux"), "{said}");
}

#[test]
fn bombs_are_refused() {
    let nothings = r#"{"type": "array", "items": "null"}"#;
    let nested = r#"["null", {"type": "record", "name": "n", "fields": [{"name": "n", "type": ["null", "n"]}]}]"#;
    let lists = r#"{"type": "array", "items": {"type": "array", "items": "null"}}"#;
    let endless = longs(&[1 << 40, 0]);
    for (ty, paths, datum) in [
        (nothings, ["a", "a[]", "*"], endless.clone()),
        (lists, ["a[][]", "a[]", "a"], [&longs(&[1])[..], &endless, &longs(&[0])].concat()),
        (nested, ["a", "*", "a"], [longs(&[1; 70]), longs(&[0])].concat()),
    ] {
        let avsc = format!(r#"{{"type": "record", "name": "r", "fields": [{{"name": "a", "type": {ty}}}]}}"#);
        let schemas = Schemas::default();
        let framed = Framed { schema: schemas.add(1, &avsc).unwrap(), datum: datum.into() };
        for path in paths {
            let mut out = b"before".to_vec();
            let refused = Selector::new(&[path]).unwrap().json(&schemas, &framed, BlobStyle::Length, &mut out);
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("more than") && error.contains(path), "{path}: {error}");
            assert_eq!(out, b"before", "nothing of it is printed");
        }
    }
}
