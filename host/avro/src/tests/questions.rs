//! Paths that ask whether there is something.

use super::*;

const AVSC: &str = r#"{"type": "record", "name": "r", "fields": [
    {"name": "a", "type": ["null", {"type": "array", "items": ["null", {"type": "record", "name": "e", "fields": [
        {"name": "x", "type": ["null", "int"]}]}]}]},
    {"name": "b", "type": ["null", {"type": "record", "name": "s", "fields": [{"name": "y", "type": "int"}]}]},
    {"name": "c", "type": ["double", "null"]},
    {"name": "d", "type": {"type": "map", "values": "int"}},
    {"name": "n", "type": "null"}]}"#;

/// A full alert, one of nulls, and one with an empty array.
const ALERTS: [&[u8]; 3] =
    [&[2, 6, 0, 2, 0, 2, 2, 10, 0, 2, 8, 0, 0, 0, 0, 0, 0, 0, 240, 63, 0], &[0, 0, 2, 0], &[2, 0, 0, 2, 0]];

fn answers(path: &str) -> [Vec<Option<bool>>; 3] {
    let schemas = Arc::new(Schemas::default());
    let schema = schemas.add(1, AVSC).unwrap();
    let fields = [field(path, Kind::Any), field("a[].x", Kind::Any), field("b.y", Kind::Any), field("c", Kind::Any)];
    let group = decode(&schemas, schema, &fields, &ALERTS);
    let column = group.column(0);
    assert_eq!(column.kind, Kind::Boolean);
    let truth = |value| match value {
        None => None,
        Some(Scalar::Boolean(truth)) => Some(truth),
        other => panic!("{other:?}"),
    };
    [0, 1, 2].map(|row| values(column, row).into_iter().map(truth).collect())
}

#[test]
fn a_question_mark_asks_whether_there_is_something() {
    let [yes, no] = [vec![Some(true)], vec![Some(false)]];
    assert_eq!(answers("a?"), [yes.clone(), no.clone(), yes.clone()]);
    assert_eq!(answers("b?"), [yes.clone(), no.clone(), no.clone()]);
    assert_eq!(answers("c?"), [yes.clone(), no.clone(), no.clone()]);
    assert_eq!(answers("d?"), [yes.clone(), yes.clone(), yes.clone()]);
    assert_eq!(answers("n?"), [no.clone(), no.clone(), no]);
    assert_eq!(answers("b.y?"), [yes, vec![None], vec![None]]);
}

#[test]
fn it_asks_of_each_element() {
    let elements = |of: &[Option<bool>]| of.to_vec();
    assert_eq!(answers("a[]?"), [elements(&[Some(false), Some(true), Some(true)]), vec![], vec![]]);
    assert_eq!(answers("a[].x?"), [elements(&[None, Some(false), Some(true)]), vec![], vec![]]);
}

#[test]
fn there_is_no_answer_where_the_schema_has_no_such_field() {
    let schemas = Arc::new(Schemas::default());
    let schema = schemas.add(1, AVSC).unwrap();
    let group = decode(&schemas, schema, &[field("x?", Kind::Boolean), field("c", Kind::Any)], &ALERTS);
    assert_eq!(values(group.column(0), 0), [None]);
    for path in ["a?.x", "?", "a??", "a?[]"] {
        assert!(Projection::new().add(&field(path, Kind::Any)).is_err(), "{path}");
    }
}
