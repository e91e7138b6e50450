//! Which fields can be read, and the messages about those that can't.

use insta::assert_snapshot;

use super::*;
use crate::check_field;

const SCHEMA: &str = r#"{"type": "record", "name": "alert", "namespace": "survey", "fields": [
    {"name": "id", "type": "long", "aliases": ["alertId"]},
    {"name": "source", "type": {"type": "record", "name": "source", "fields": [
        {"name": "flux", "type": ["null", "float"], "aliases": ["psFlux", "id"]},
        {"name": "number", "type": ["int", "null", "double"]},
        {"name": "either", "type": ["string", "bytes"]},
        {"name": "mixed", "type": ["string", "double"]},
        {"name": "nothing", "type": "null"}]}},
    {"name": "previous", "type": ["null", {"type": "array", "items": "source"}]},
    {"name": "grid", "type": {"type": "array", "items": {"type": "array", "items": "float"}}},
    {"name": "tags", "type": {"type": "map", "values": "string"}},
    {"name": "tree", "type": {"type": "record", "name": "tree", "fields": [
        {"name": "value", "type": "int"}, {"name": "parts", "type": {"type": "array", "items": "tree"}}]}},
    {"name": "shape", "type": [
        {"type": "record", "name": "disc", "fields": [{"name": "size", "type": "int"}]},
        {"type": "record", "name": "box", "fields": [{"name": "size", "type": "float"}, {"name": "tilt", "type": "float"}]}]}
]}"#;

fn check(paths: &str, kind: Kind) -> String {
    let schemas = Schemas::default();
    let schema = schemas.add(1, SCHEMA).unwrap();
    check_field(&schemas, schema, &field(paths, kind)).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
}

#[test]
fn names_aliases_and_alternatives() {
    for paths in ["source.flux", "source.psFlux", "previous[].flux", "none source.flux", "alertId", "source.id"] {
        assert_eq!(check(paths, Kind::Double), "fine", "{paths}");
    }
    assert_eq!(check("id", Kind::Long), "fine", "a name comes before an alias");
}

#[test]
fn promotions() {
    use Kind::*;
    let kinds = [Any, Boolean, Int, Long, Float, Double, Text, Bytes];
    let readable = |ty: &str| {
        let schemas = Schemas::default();
        let named = format!(r#"{{"type": "record", "name": "r", "fields": [{{"name": "f", "type": {ty}}}]}}"#);
        let schema = schemas.add(1, &named).unwrap();
        let readable = kinds.iter().filter(|kind| check_field(&schemas, schema, &field("f", **kind)).is_ok());
        let any = schemas.paths(schema).first().map_or("none".to_owned(), |(_, kind)| kind.to_string());
        format!("{} ({any})", readable.map(Kind::to_string).collect::<Vec<_>>().join(" "))
    };
    let types = [
        r#""null""#,
        r#""boolean""#,
        r#""int""#,
        r#""long""#,
        r#""float""#,
        r#""double""#,
        r#""string""#,
        r#""bytes""#,
        r#"{"type": "fixed", "name": "f", "size": 2}"#,
        r#"{"type": "enum", "name": "e", "symbols": ["A"]}"#,
        r#"{"type": "int", "logicalType": "date"}"#,
        r#"{"type": "long", "logicalType": "timestamp-micros"}"#,
        r#"{"type": "bytes", "logicalType": "decimal", "precision": 4}"#,
        r#"["null", "int"]"#,
        r#"["int", "long"]"#,
        r#"["int", "float", "null"]"#,
        r#"["long", "double"]"#,
        r#"["string", "bytes"]"#,
        r#"["string", "int"]"#,
        r#"["boolean", "int"]"#,
    ];
    let table: Vec<_> = types.iter().map(|ty| format!("{ty}: {}", readable(ty))).collect();
    assert_snapshot!(table.join("\n"), @r#"
    "null":  (none)
    "boolean": any boolean (boolean)
    "int": any int long float double (int)
    "long": any long float double (long)
    "float": any float double (float)
    "double": any double (double)
    "string": any text bytes (text)
    "bytes": any text bytes (bytes)
    {"type": "fixed", "name": "f", "size": 2}: any text bytes (bytes)
    {"type": "enum", "name": "e", "symbols": ["A"]}: any text bytes (text)
    {"type": "int", "logicalType": "date"}: any int long float double (int)
    {"type": "long", "logicalType": "timestamp-micros"}: any long float double (long)
    {"type": "bytes", "logicalType": "decimal", "precision": 4}: any text bytes (bytes)
    ["null", "int"]: any int long float double (int)
    ["int", "long"]: any long float double (long)
    ["int", "float", "null"]: any float double (float)
    ["long", "double"]: any double (double)
    ["string", "bytes"]: any text bytes (bytes)
    ["string", "int"]: any (any)
    ["boolean", "int"]: any (any)
    "#);
}

#[test]
fn what_cannot_be_read() {
    let asked = [
        ("source.flxu", Kind::Float),
        ("source.fluxx source.psflux", Kind::Float),
        ("candidate.tilt", Kind::Float),
        ("id", Kind::Int),
        ("id source.flux", Kind::Text),
        ("source.either", Kind::Long),
        ("source.mixed", Kind::Text),
        ("source.nothing", Kind::Any),
        ("source", Kind::Any),
        ("previous", Kind::Any),
        ("previous.flux", Kind::Any),
        ("source[].flux", Kind::Any),
        ("grid[]", Kind::Any),
        ("tags.a", Kind::Text),
        ("tags", Kind::Text),
        ("tree.value", Kind::Int),
        ("tree.parts[].value", Kind::Int),
        ("id.x", Kind::Int),
    ];
    let said: Vec<_> = asked.iter().map(|(paths, kind)| check(paths, *kind)).collect();
    assert_snapshot!(said.join("\n"), @r#"
    survey.alert has no source.flxu; the nearest it has: source.flux, source.mixed, source.number
    survey.alert has no source.fluxx or source.psflux; the nearest it has: source.flux, source.mixed, source.number
    survey.alert has no candidate.tilt; the nearest it has: shape.tilt, shape.size, id
    id of survey.alert is long, which does not promote to int
    id of survey.alert is long, which does not promote to text
    source.either of survey.alert is text or bytes, which does not promote to long
    source.mixed of survey.alert is text or double, which does not promote to text
    source.nothing cannot be read from survey.alert: source.nothing is always null
    source cannot be read from survey.alert: source is a record: name one of its fields
    previous cannot be read from survey.alert: previous is an array: write "[]" behind it
    previous.flux cannot be read from survey.alert: previous is an array: write "[]" behind it
    source[].flux cannot be read from survey.alert: source is a record, not an array: leave out the "[]"
    grid[] cannot be read from survey.alert: grid[] is an array within an array; a field goes through one at most
    tags.a cannot be read from survey.alert: tags is a map
    tags cannot be read from survey.alert: tags is a map
    tree.value cannot be read from survey.alert: tree is a record that can hold itself
    tree.parts[].value cannot be read from survey.alert: tree is a record that can hold itself
    survey.alert has no id.x; the nearest it has: id, source.flux, shape.size
    "#);
}

#[test]
fn paths_that_no_schema_has() {
    let asked = ["", "a..b", "a.", "[].a", "a[0].b", "a[].b[].c", "a[][]", "a[]b", "a[].b c", &"a.".repeat(600)];
    let mut said: Vec<_> = asked[..8]
        .iter()
        .map(|path| {
            let field = Field { paths: vec![path.to_string()], kind: Kind::Any, optional: false };
            Projection::new().add(&field).unwrap_err().to_string()
        })
        .collect();
    said.push(Projection::new().add(&field(asked[8], Kind::Any)).unwrap_err().to_string());
    said.push(Projection::new().add(&field("", Kind::Any)).unwrap_err().to_string());
    assert_snapshot!(said.join("\n"), @r#"
    path "" has an empty name
    path "a..b" has an empty name
    path "a." has an empty name
    path "[].a" has an empty name
    path "a[0].b" has a bracket that is not "[]" behind a name
    path "a[].b[].c" has "[]" twice; a field goes through one array at most
    path "a[][]" has "[]" twice; a field goes through one array at most
    path "a[]b" has a bracket that is not "[]" behind a name
    a field has paths through an array and paths through none
    a field has no path
    "#);
    let long = Field { paths: vec!["a.".repeat(600) + "a"], kind: Kind::Any, optional: false };
    assert!(Projection::new().add(&long).unwrap_err().to_string().ends_with("is too long"));
}

#[test]
fn equal_fields_share_a_slot() {
    let mut projection = Projection::new();
    let optional = Field { optional: true, ..field("a b", Kind::Long) };
    assert_eq!(projection.add(&field("a b", Kind::Long)), Ok(0));
    assert_eq!(projection.add(&field("a", Kind::Long)), Ok(1));
    assert_eq!(projection.add(&optional), Ok(0));
    assert_eq!(projection.add(&field("a b", Kind::Any)), Ok(2));
    assert_eq!(projection.len(), 3);
}

#[test]
fn listed_paths() {
    let schemas = Schemas::default();
    let schema = schemas.add(1, SCHEMA).unwrap();
    let listed: Vec<_> = schemas.paths(schema).into_iter().map(|(path, kind)| format!("{path}: {kind}")).collect();
    assert_snapshot!(listed.join("\n"), @"
    id: long
    source.flux: float
    source.number: double
    source.either: bytes
    source.mixed: any
    previous[].flux: float
    previous[].number: double
    previous[].either: bytes
    previous[].mixed: any
    shape.size: float
    shape.tilt: float
    ");
}
