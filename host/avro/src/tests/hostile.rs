//! Schemas and alerts made to do harm.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::generate::long;
use super::*;
use crate::AvroError;

/// Reads `path` from an alert whose only field `a` has the given type, and also the whole alert.
fn try_read(ty: &str, path: &str, datum: &[u8]) -> (Result<Vec<u8>, String>, Result<(), AvroError>) {
    let schemas = Arc::new(Schemas::default());
    let avsc = format!(
        r#"{{"type": "record", "name": "r", "fields": [{{"name": "a", "type": {ty}}}, {{"name": "z", "type": "int"}}]}}"#
    );
    let schema = schemas.add(1, &avsc).unwrap();
    let alert = Framed { schema, datum: datum.into() };
    let mut decoder = Decoder::new(Arc::clone(&schemas), projection(&[field(path, Kind::Any)]));
    decoder.push(0, &alert).unwrap();
    let mut group = decoder.finish().groups.remove(0);
    let read = match group.unread(0) {
        [] => Ok(group.columns.remove(0).values),
        unread => Err(unread[0].to_string()),
    };
    (read, schemas.validate(&alert))
}

fn longs(numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|number| long(*number, &mut out));
    out
}

const POINT: &str =
    r#"{"type": "record", "name": "point", "fields": [{"name": "x", "type": "int"}, {"name": "t", "type": "string"}]}"#;

#[test]
fn what_is_said_of_broken_alerts() {
    let array = |items: &str| format!(r#"{{"type": "array", "items": {items}}}"#);
    let points = array(POINT);
    let cases: [(&str, &str, &str, Vec<u8>); 20] = [
        ("cut number", r#""long""#, "a", vec![0x80]),
        ("cut double", r#""double""#, "a", vec![0; 7]),
        ("endless number", r#""long""#, "a", vec![0xff; 11]),
        ("65 bits", r#""long""#, "a", [&[0xff; 9][..], &[2]].concat()),
        ("int", r#""int""#, "a", longs(&[1 << 31])),
        ("boolean", r#""boolean""#, "a", vec![2]),
        ("negative length", r#""string""#, "a", longs(&[-1])),
        ("huge length", r#""bytes""#, "a", longs(&[i64::MAX])),
        ("utf-8", r#""string""#, "a", b"\x04\xc3(\x00".to_vec()),
        ("symbol", r#"{"type": "enum", "name": "e", "symbols": ["A", "B"]}"#, "a", longs(&[2])),
        ("branch", r#"["null", "int"]"#, "a", longs(&[2])),
        ("negative branch", r#"["null", "int", "long"]"#, "a", longs(&[-1])),
        ("branch in two bytes", r#"["null", "int"]"#, "a", vec![0x80, 0]),
        ("element", &points, "a[].x", longs(&[2, 5, 0, 1 << 40])),
        ("before it", &array(r#"["null", "float"]"#), "z", longs(&[3, 0, 0, 7])),
        ("block too long", &points, "a[].x", longs(&[-1, 3, 5, 0, 0])),
        ("block too short", &points, "a[].x", longs(&[-1, 1, 5, 0, 0])),
        ("block beyond the end", &points, "a[].x", longs(&[-1, 100, 5, 0, 0])),
        ("negative block", &points, "z", longs(&[-1, -2, 5, 0, 0])),
        ("trailing", r#""int""#, "z", longs(&[1, 2, 3])),
    ];
    let said = cases.map(|(what, ty, path, datum)| {
        let (read, validated) = try_read(ty, path, &datum);
        let error = validated.unwrap_err();
        let AvroError::Datum { offset, why, .. } = &error else { panic!("{what}: {error}") };
        assert_eq!(read, Err(format!("{why}, at byte {offset} of the alert")), "{what}");
        format!("{what}: {error}")
    });
    assert_snapshot!(said.join("\n"), @"
    cut number: r, byte 0 of the alert: a: the data ends in it (1 bytes are left)
    cut double: r, byte 0 of the alert: a: the data ends in it (7 bytes are left)
    endless number: r, byte 0 of the alert: a: a number of more than 64 bits
    65 bits: r, byte 0 of the alert: a: a number of more than 64 bits
    int: r, byte 0 of the alert: a: 2147483648 is beyond 32 bits
    boolean: r, byte 0 of the alert: a: the byte 2 is not a boolean
    negative length: r, byte 0 of the alert: a: the length -1 is negative
    huge length: r, byte 10 of the alert: a: the data ends in it (0 bytes are left)
    utf-8: r, byte 0 of the alert: a: it is not UTF-8
    symbol: r, byte 0 of the alert: a: it is not one of the 2 symbols of its enum
    branch: r, byte 0 of the alert: a: it is not one of the 2 branches of its union
    negative branch: r, byte 0 of the alert: a: it is not one of the 3 branches of its union
    branch in two bytes: r, byte 0 of the alert: a: it is not one of the 2 branches of its union
    element: r, byte 3 of the alert: a[1].x: 1099511627776 is beyond 32 bits
    before it: r, byte 3 of the alert: a[2]: it is not one of the 2 branches of its union
    block too long: r, byte 0 of the alert: a: a block claims to have 3 bytes, but its items have 2
    block too short: r, byte 0 of the alert: a: a block claims to have 1 bytes, but its items have 2
    block beyond the end: r, byte 3 of the alert: a: the data ends in it (3 bytes are left)
    negative block: r, byte 1 of the alert: a: the length -2 is negative
    trailing: r, byte 2 of the alert: 1 bytes follow its end
    ");
}

#[test]
fn counts_are_not_believed() {
    let huge = longs(&[1 << 40, 0, 0]);
    let said = |ty: &str, path: &str, datum: &[u8]| match try_read(ty, path, datum).0 {
        Ok(values) => format!("{} bytes", values.len()),
        Err(error) => error,
    };
    let fixed = r#"{"type": "array", "items": {"type": "fixed", "name": "f", "size": 0}}"#;
    let records =
        r#"{"type": "array", "items": {"type": "record", "name": "e", "fields": [{"name": "n", "type": "null"}]}}"#;
    let maps = r#"{"type": "map", "values": "null"}"#;
    let nested = format!(r#"{{"type": "array", "items": {records}}}"#);
    let texts = r#"{"type": "array", "items": "string"}"#;
    let all = [
        said(fixed, "a[]", &huge),
        said(fixed, "z", &huge),
        said(records, "z", &huge),
        said(maps, "z", &huge),
        said(&nested, "z", &longs(&[2, 1 << 40, 0, 1 << 50, 0, 0, 0])),
        said(texts, "a[]", &longs(&[1 << 20, 0])),
        said(texts, "a[]", &longs(&[1 << 20 | 1, 0])),
        said(texts, "z", &longs(&[i64::MIN, 1, 0, 0, 0])),
        said(texts, "z", &longs(&[i64::MIN, i64::MAX, 0, 0, 0])),
    ];
    assert_snapshot!(all.join("\n"), @"
    it has more than 1032 elements, at byte 0 of the alert
    4 bytes
    4 bytes
    the data ends in it (0 bytes are left), at byte 8 of the alert
    4 bytes
    it has more than 1029 elements, at byte 0 of the alert
    it has more than 1029 elements, at byte 0 of the alert
    4 bytes
    the data ends in it (3 bytes are left), at byte 20 of the alert
    ");
}

#[test]
fn what_one_alert_may_fill_is_bounded() {
    let symbol = "S".repeat(255);
    let ty = format!(r#"{{"type": "array", "items": {{"type": "enum", "name": "e", "symbols": ["{symbol}"]}}}}"#);
    let mut datum = longs(&[300_000]);
    datum.extend(vec![0; 300_000 + 2]);
    let error = try_read(&ty, "a[]", &datum).0.unwrap_err();
    assert!(error.starts_with("the alert holds more than 67108864 bytes that are asked for"), "{error}");
}

#[test]
fn nesting_is_bounded() {
    let tree = r#"["null", {"type": "record", "name": "t", "fields": [{"name": "next", "type": ["null", "t"]}]}]"#;
    let nested = |depth: usize| [vec![2; depth], vec![0, 2]].concat();
    assert!(try_read(tree, "z", &nested(20)).0.is_ok());
    let (read, validated) = try_read(tree, "z", &nested(1_000_000));
    assert!(read.unwrap_err().starts_with("it is nested more than 64 deep"));
    assert!(validated.is_err());
    let itself =
        r#"{"type": "record", "name": "t", "fields": [{"name": "a", "type": "t"}, {"name": "b", "type": "t"}]}"#;
    assert!(try_read(itself, "z", &[0; 100]).0.is_err());
}

#[test]
fn text_that_nobody_asked_for_is_not_looked_at() {
    let (read, validated) = try_read(r#""string""#, "z", b"\x04\xc3(\x02");
    assert_eq!(read.unwrap(), [1, 0, 0, 0]);
    assert!(validated.unwrap_err().to_string().ends_with("a: it is not UTF-8"));
}

/// A schema in which each record contains the one before twice, so that each level doubles its size.
fn doubling(levels: usize, first: &str) -> String {
    let mut fields =
        vec![format!(r#"{{"name": "l0", "type": {{"type": "record", "name": "t0", "fields": [{first}]}}}}"#)];
    for level in 1..levels {
        let below = level - 1;
        fields.push(format!(
            r#"{{"name": "l{level}", "type": {{"type": "record", "name": "t{level}", "fields": [
                {{"name": "a", "type": "t{below}"}}, {{"name": "b", "type": "t{below}"}}]}}}}"#
        ));
    }
    format!(r#"{{"type": "record", "name": "r", "fields": [{}]}}"#, fields.join(","))
}

#[test]
fn schemas_that_multiply() {
    for first in [
        "",
        r#"{"name": "x", "type": "int"}"#,
        r#"{"name": "x", "type": "double"}"#,
        r#"{"name": "x", "type": "null"}"#,
    ] {
        let schemas = Arc::new(Schemas::default());
        let schema = schemas.add(1, &doubling(60, first)).unwrap();
        let alert = Framed { schema, datum: vec![0; 1000].into() };
        let mut decoder = Decoder::new(
            Arc::clone(&schemas),
            projection(&[field("l59.a.b", Kind::Any), field("l3.a.b.a.x", Kind::Any)]),
        );
        let _ = decoder.push(0, &alert);
        let _ = schemas.validate(&alert);
        assert!(schemas.paths(schema).len() <= 10_000);
    }
}

#[test]
fn unions_that_multiply() {
    let mut fields = Vec::new();
    for level in 0..8 {
        for branch in 0..10 {
            let below: Vec<_> = (0..10).map(|below| format!(r#""t{}_{below}""#, level - 1)).collect();
            let ty = if level == 0 { r#""int""#.to_owned() } else { format!("[{}]", below.join(",")) };
            fields.push(format!(
                r#"{{"name": "f{level}_{branch}", "type": {{"type": "record", "name": "t{level}_{branch}", "fields": [{{"name": "a", "type": {ty}}}]}}}}"#
            ));
        }
    }
    let schemas = Arc::new(Schemas::default());
    let schema =
        schemas.add(1, &format!(r#"{{"type": "record", "name": "r", "fields": [{}]}}"#, fields.join(","))).unwrap();
    let deep = field("f7_0.a.a.a.a.a.a.a.a", Kind::Int);
    let error = crate::check_field(&schemas, schema, &deep).unwrap_err().to_string();
    assert!(error.ends_with("reached in too many ways, through unions within unions"), "{error}");
    let mut decoder = Decoder::new(Arc::clone(&schemas), projection(&[deep, field("f2_0.a.a.a", Kind::Int)]));
    let _ = decoder.push(0, &Framed { schema, datum: vec![0; 1000].into() });
    assert!(schemas.paths(schema).len() <= 10_000);
}

#[test]
fn long_chains_of_records() {
    let schemas = Arc::new(Schemas::default());
    let link = |link: usize| {
        let next = if link == 0 { r#""int""#.to_owned() } else { format!(r#"["null", "t{}"]"#, link - 1) };
        format!(
            r#"{{"name": "f{link}", "type": {{"type": "record", "name": "t{link}", "fields": [{{"name": "n", "type": {next}}}]}}}}"#
        )
    };
    let fields: Vec<_> = (0..8000).map(link).collect();
    let schema =
        schemas.add(1, &format!(r#"{{"type": "record", "name": "r", "fields": [{}]}}"#, fields.join(","))).unwrap();
    assert!(schemas.paths(schema).len() <= 10_000);
    let mut decoder =
        Decoder::new(Arc::clone(&schemas), projection(&[field("f7999.n.n", Kind::Int), field("f0.n", Kind::Int)]));
    let alert = Framed { schema, datum: vec![2; 100_000].into() };
    let _ = decoder.push(0, &alert);
    let _ = schemas.validate(&alert);
}

#[test]
fn what_is_no_schema() {
    let record = |field: &str| format!(r#"{{"type": "record", "name": "r", "fields": [{field}]}}"#);
    let of = |ty: &str| record(&format!(r#"{{"name": "a", "type": {ty}}}"#));
    let schemas: [String; 19] = [
        "{".to_owned(),
        "[".repeat(1000),
        format!("\"{}\"", "a".repeat(1 << 20)),
        "3".to_owned(),
        "\"int\"".to_owned(),
        r#"["null", "int"]"#.to_owned(),
        r#"{"type": "record", "name": "r"}"#.to_owned(),
        r#"{"type": "record", "fields": []}"#.to_owned(),
        r#"{"type": "record", "name": "a\nr", "fields": []}"#.to_owned(),
        r#"{"type": "record", "name": "a..r", "fields": []}"#.to_owned(),
        record(r#"{"type": "int"}"#),
        record(r#"{"name": "a"}"#),
        record(r#"{"name": "a\"b", "type": "int"}"#),
        of(r#""other""#),
        of("[]"),
        of(r#"["int", ["null"]]"#),
        of(r#"{"type": "array"}"#),
        of(r#"{"type": "fixed", "name": "f", "size": -1}"#),
        of(r#"{"type": "enum", "name": "e", "symbols": [1]}"#),
    ];
    let said = schemas.map(|avsc| Schemas::default().add(1, &avsc).unwrap_err().to_string());
    assert_snapshot!(said.join("\n"), @r#"
    the schema is not JSON: EOF while parsing an object at line 1 column 1
    the schema is not JSON: recursion limit exceeded at line 1 column 128
    the schema has 1048578 bytes, at most 1048576 are read
    the schema: a type is a name, an object or a list
    the schema: an alert is a record, not int
    the schema: an alert is a record, not union
    the schema: a record without fields
    the schema: a record without a name
    the schema: "a\nr" is not a name: 1 to 255 bytes, without quotes, backslashes and control characters
    the schema: "" is not a name: 1 to 255 bytes, without quotes, backslashes and control characters
    the schema: record r has a field without a name
    r.a: a field without a type
    the schema: record r: "a\"b" is not a name: 1 to 255 bytes, without quotes, backslashes and control characters
    r.a: there is no type "other"
    r.a: a union without branches
    r.a: a union directly in a union
    r.a: an array without items
    r.a: a fixed without a size
    r.a: an enum with a symbol that is not text
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Damaging a schema never makes anything panic.
    #[test]
    fn damaged_schemas(damage in prop::collection::vec((any::<prop::sample::Index>(), 0x20..0x7f_u8), 1..8)) {
        let mut avsc = doubling(6, r#"{"name": "x", "type": ["null", {"type": "array", "items": "int"}]}"#).into_bytes();
        for (at, byte) in damage {
            let at = at.index(avsc.len());
            avsc[at] = byte;
        }
        let schemas = Arc::new(Schemas::default());
        if let Ok(schema) = schemas.add(1, std::str::from_utf8(&avsc).unwrap()) {
            let fields: Vec<_> = schemas.paths(schema).iter().map(|(path, kind)| field(path, *kind)).collect();
            let mut decoder = Decoder::new(Arc::clone(&schemas), projection(&fields));
            let _ = decoder.push(0, &Framed { schema, datum: vec![2; 300].into() });
        }
    }
}

#[test]
fn bytes_behind_an_alert_spoil_what_is_read_at_its_end_alone() {
    let schemas = Arc::new(Schemas::default());
    let avsc = r#"{"type": "record", "name": "r", "fields":
        [{"name": "a", "type": [{"type": "array", "items": "double"}, "int"]}]}"#;
    let schema = schemas.add(1, avsc).unwrap();
    // An empty array, so the one that reads a number stops before the end.
    let alert = Framed { schema, datum: vec![0, 0, 7, 7].into() };
    let fields = [field("a", Kind::Int), field("a[]", Kind::Double)];
    let unread = |fields: &[Field]| {
        let mut decoder = Decoder::new(Arc::clone(&schemas), projection(fields));
        decoder.push(0, &alert).unwrap();
        let group = decoder.finish().groups.remove(0);
        (0..fields.len()).map(|slot| !group.unread(slot).is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(unread(&fields), [false, true]);
    assert_eq!((unread(&fields[..1]), unread(&fields[1..])), (vec![false], vec![true]));
}
