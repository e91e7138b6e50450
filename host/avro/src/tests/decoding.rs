//! Nulls, arrays, schemas that lack fields, and batches.

use super::generate::long;
use super::*;
use crate::{AvroError, Lacking};

/// A batch of one alert in one column.
fn read(ty: &str, path: &str, kind: Kind, datum: &[u8]) -> Column {
    let schemas = Arc::new(Schemas::default());
    let avsc = format!(r#"{{"type": "record", "name": "r", "fields": [{{"name": "a", "type": {ty}}}]}}"#);
    let schema = schemas.add(1, &avsc).unwrap();
    decode(&schemas, schema, &[field(path, kind)], &[datum]).columns.remove(0)
}

fn u32s(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

const LIST: &str = r#"["null", {"type": "array", "items": ["null", {"type": "record", "name": "i", "fields": [
    {"name": "x", "type": ["null", "int"]}, {"name": "t", "type": "string"}]}]}]"#;

#[test]
fn nulls_take_their_room_as_zeros() {
    let column = read(r#"["null", "double"]"#, "a", Kind::Any, &[0]);
    assert_eq!((column.kind, column.values, column.present), (Kind::Double, vec![0; 8], vec![0]));
    let column = read(r#"["string", "null"]"#, "a", Kind::Text, &[2]);
    assert_eq!((column.values, column.offsets, column.present), (vec![], u32s(&[0]), vec![0]));
}

#[test]
fn present_is_empty_until_the_first_null() {
    let schemas = Arc::new(Schemas::default());
    let avsc = r#"{"type": "record", "name": "r", "fields": [{"name": "a", "type": ["null", "boolean"]}]}"#;
    let schema = schemas.add(1, avsc).unwrap();
    let fields = [field("a", Kind::Boolean)];
    let some = decode(&schemas, schema, &fields, &[&[2, 1], &[2, 0]]).columns.remove(0);
    assert_eq!((some.values, some.present), (vec![1, 0], vec![]));
    let none = decode(&schemas, schema, &fields, &[&[2, 1], &[0], &[2, 1]]).columns.remove(0);
    assert_eq!((none.values, none.present), (vec![1, 0, 1], vec![1, 0, 1]));
}

#[test]
fn a_null_array_is_an_empty_one() {
    for path in ["a[].x", "a[].t"] {
        let column = read(LIST, path, Kind::Any, &[0]);
        assert_eq!((column.len(), column.ends, column.present), (0, u32s(&[0]), vec![]), "{path}");
    }
}

#[test]
fn a_null_element_is_a_null() {
    // Two elements: a null, and a record in which `x` is null and `t` is "r".
    let datum = [2, 4, 0, 2, 0, 2, b'r', 0];
    let column = read(LIST, "a[].x", Kind::Long, &datum);
    assert_eq!((column.values, column.present, column.ends), (vec![0; 16], vec![0, 0], u32s(&[2])));
    let column = read(LIST, "a[].t", Kind::Text, &datum);
    assert_eq!((column.values, column.offsets, column.present), (vec![b'r'], u32s(&[0, 1]), vec![0, 1]));
}

#[test]
fn text_and_bytes_promote_to_each_other() {
    assert_eq!(read(r#""bytes""#, "a", Kind::Text, b"\x04ab").values, b"ab");
    assert_eq!(read(r#""string""#, "a", Kind::Bytes, b"\x04ab").values, b"ab");
    assert_eq!(read(r#"{"type": "fixed", "name": "f", "size": 2}"#, "a", Kind::Text, b"ab").values, b"ab");
    assert_eq!(read(r#"{"type": "enum", "name": "e", "symbols": ["A", "BC"]}"#, "a", Kind::Any, &[2]).values, b"BC");
}

#[test]
fn numbers_promote_by_value() {
    let mut datum = Vec::new();
    long(-(1 << 24) - 1, &mut datum);
    let number = |ty: &str, kind| read(ty, "a", kind, &datum).values;
    assert_eq!(number(r#""int""#, Kind::Long), (-(1_i64 << 24) - 1).to_le_bytes());
    assert_eq!(number(r#""int""#, Kind::Float), (-(1_i32 << 24) as f32).to_le_bytes());
    assert_eq!(number(r#""long""#, Kind::Double), (-(f64::from(1 << 24)) - 1.0).to_le_bytes());
    assert_eq!(read(r#""float""#, "a", Kind::Double, &1.5_f32.to_le_bytes()).values, 1.5_f64.to_le_bytes());
}

/// Three versions of a schema, in which `b` is absent, an int and a text.
fn versions() -> (Arc<Schemas>, [Framed<'static>; 3]) {
    let schemas = Arc::new(Schemas::default());
    let version = |id: u32, b: &str, datum: &'static [u8]| {
        let avsc = format!(r#"{{"type": "record", "name": "v{id}", "fields": [{{"name": "a", "type": "int"}} {b}]}}"#);
        Framed { schema: schemas.add(id, &avsc).unwrap(), datum: datum.into() }
    };
    let versions = [
        version(1, "", &[2]),
        version(2, r#", {"name": "b", "type": "int"}"#, &[4, 2]),
        version(3, r#", {"name": "b", "type": "string"}"#, &[6, 2, b'x']),
    ];
    (schemas, versions)
}

#[test]
fn schemas_that_agree_share_a_group() {
    let (schemas, [without, int, text]) = versions();
    let fields = [field("a", Kind::Any), field("b", Kind::Double), field("c[].d", Kind::Text)];
    let mut decoder = Decoder::new(schemas, projection(&fields));
    for (row, alert) in [&int, &without, &text, &int].into_iter().enumerate() {
        decoder.push(10 + row as u32, alert).unwrap();
    }
    let group = &decoder.finish().groups[0];
    assert_eq!(group.rows, [10, 11, 12, 13]);
    assert_eq!(group.schemas, [int.schema, without.schema, text.schema, int.schema]);
    let lacking: Vec<_> = group.lacking.iter().map(|lacks| (lacks.schema, &lacks.absent[..], unfit(lacks))).collect();
    let text_lacks = vec!["1: b of v3 is text, which does not promote to double".to_owned()];
    let expected = [(without.schema, &[1, 2][..], vec![]), (int.schema, &[2], vec![]), (text.schema, &[2], text_lacks)];
    assert_eq!(lacking, expected);
    assert_eq!(group.columns[0].values, u32s(&[2, 1, 3, 2]));
    assert_eq!(group.columns[1].present, [1, 0, 0, 1]);
    assert_eq!(group.columns[2].ends, u32s(&[0, 0, 0, 0]));
}

#[test]
fn schemas_that_disagree_on_a_kind_do_not() {
    let (schemas, [without, int, text]) = versions();
    let mut decoder = Decoder::new(schemas, projection(&[field("b", Kind::Any)]));
    for (row, alert) in [&text, &without, &int, &text].into_iter().enumerate() {
        decoder.push(row as u32, alert).unwrap();
    }
    let decoded = decoder.finish();
    let groups: Vec<_> = decoded.groups.iter().map(|group| (group.columns[0].kind, &group.rows[..])).collect();
    assert_eq!(groups, [(Kind::Text, &[0, 3][..]), (Kind::Double, &[1]), (Kind::Int, &[2])]);
    let lacking = &decoded.groups[1].lacking[0];
    assert_eq!((lacking.schema, &lacking.absent[..], unfit(lacking)), (without.schema, &[0][..], vec![]));
    assert_eq!(decoded.groups[2].lacking, []);
}

/// The slots that are there but can't be read, and the reasons.
fn unfit(lacking: &Lacking) -> Vec<String> {
    lacking.unfit.iter().map(|(slot, why)| format!("{slot}: {why}")).collect()
}

#[test]
fn what_is_null_by_its_type_is_a_null_and_not_lacking() {
    let schemas = Arc::new(Schemas::default());
    let avsc = r#"{"type": "record", "name": "r", "fields": [{"name": "a", "type": "null"}, {"name": "list", "type":
        {"type": "array", "items": {"type": "record", "name": "s", "fields": [{"name": "b", "type": "null"}]}}}]}"#;
    let schema = schemas.add(1, avsc).unwrap();
    let fields = [field("a", Kind::Double), field("list[].b", Kind::Int)];
    // Two elements without bytes.
    let group = decode(&schemas, schema, &fields, &[&[4, 0]]);
    assert_eq!(group.lacking, []);
    assert_eq!(values(&group.columns[0], 0), [None]);
    assert_eq!(values(&group.columns[1], 0), [None, None]);
}

#[test]
fn batches_do_not_touch_each_other() {
    let (schemas, [without, int, _]) = versions();
    let mut decoder = Decoder::new(schemas, projection(&[field("b", Kind::Int)]));
    decoder.push(0, &without).unwrap();
    let first = decoder.finish();
    assert_eq!(first.groups[0].columns[0].present, [0]);
    decoder.recycle(first);
    assert!(decoder.finish().groups.is_empty());
    for row in 0..3 {
        decoder.push(row, &int).unwrap();
        let next = decoder.finish();
        assert_eq!(next.groups[0].rows, [row]);
        assert_eq!((&next.groups[0].columns[0].values, &next.groups[0].columns[0].present), (&u32s(&[1]), &vec![]));
        assert_eq!(next.groups[0].lacking, []);
        decoder.recycle(next);
    }
}

#[test]
fn reading_stops_behind_the_last_field_wanted() {
    let (schemas, [_, int, _]) = versions();
    let cut = Framed { schema: int.schema, datum: int.datum[..1].into() };
    let mut decoder = Decoder::new(schemas.clone(), projection(&[field("a", Kind::Int)]));
    assert_eq!(decoder.push(0, &cut), Ok(()));
    assert_eq!(
        schemas.validate(&cut).unwrap_err().to_string(),
        "v2, byte 1 of the alert: b: the data ends in it (0 bytes are left)"
    );
}

#[test]
fn a_batch_has_room_for_so_much() {
    let (schemas, [_, _, text]) = versions();
    let mut decoder = Decoder::new(schemas, projection(&[field("b", Kind::Text)])).with_most(14);
    assert_eq!((decoder.push(0, &text), decoder.push(1, &text)), (Ok(()), Ok(())));
    let error = decoder.push(2, &text).unwrap_err();
    assert_eq!(error.to_string(), "the batch has 10 bytes of columns; the alert's values would take it beyond 14");
    assert_eq!(decoder.finish().groups[0].columns[0].values, b"xx");
    // A batch always has room for one alert.
    let mut decoder = decoder.with_most(1);
    assert_eq!(decoder.push(2, &text), Ok(()));
    assert!(matches!(decoder.push(3, &text), Err(AvroError::BatchFull { .. })));
}

/// Two users ask for the same thing by different alternatives, one of them without saying the kind.
#[test]
fn what_is_asked_for_twice_is_kept_once() {
    let (schemas, [_, int, text]) = versions();
    let asked = [field("b", Kind::Int), field("old.b b", Kind::Any), field("b c", Kind::Int), field("b", Kind::Long)];
    let absent = [field("x", Kind::Int), field("y z", Kind::Int), field("x", Kind::Double)];
    let mut decoder = Decoder::new(schemas, projection(&[&asked[..], &absent].concat()));
    decoder.push(0, &int).unwrap();
    let group = decoder.finish().groups.remove(0);
    let columns: Vec<usize> = (0..7).map(|slot| group.column_of(slot)).collect();
    assert_eq!(columns, [0, 0, 0, 1, 2, 2, 3]);
    assert_eq!((group.columns.len(), values(group.column(2), 0)), (4, vec![Some(Scalar::Int(1))]));
    // In another version the field is a text, and only the slot that asks for no kind can read it.
    decoder.push(1, &text).unwrap();
    let group = decoder.finish().groups.remove(0);
    assert_eq!(values(group.column(1), 0), [Some(Scalar::Text("x".to_owned()))]);
    assert_eq!((values(group.column(0), 0), unfit(&group.lacking[0]).len()), (vec![None], 3));
}

#[test]
fn buffers_of_another_decoder_are_not_kept() {
    let (schemas, [_, int, _]) = versions();
    let decoder = || Decoder::new(Arc::clone(&schemas), projection(&[field("b", Kind::Int)]));
    let (mut one, mut other) = (decoder(), decoder());
    one.push(0, &int).unwrap();
    let decoded = one.finish();
    assert!(other.recycle(decoded.clone()) > 0);
    assert_eq!((other.spare_bytes(), one.recycle(decoded)), (0, 0));
    assert!(one.spare_bytes() > 0);
}
