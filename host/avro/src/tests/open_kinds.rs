//! Unions of kinds that do not promote to each other.

use super::generate::long;
use super::*;

fn schemas(ty: &str) -> (Arc<Schemas>, SchemaId) {
    let schemas = Arc::new(Schemas::default());
    let avsc = format!(
        r#"{{"type": "record", "name": "r", "fields": [{{"name": "t", "type": "string"}}, {{"name": "a", "type": {ty}}}]}}"#
    );
    let schema = schemas.add(1, &avsc).unwrap();
    (schemas, schema)
}

/// Decodes alerts whose field `a` has the given type. Returns, for each alert, the kind of its column and its values.
fn read(ty: &str, path: &str, data: &[&[u8]]) -> Vec<(Kind, Vec<Option<Scalar>>)> {
    let (schemas, schema) = schemas(ty);
    let mut decoder = Decoder::new(schemas, projection(&[field(path, Kind::Any)]));
    for (row, datum) in data.iter().enumerate() {
        let datum = [b"\x02\xff", *datum].concat().into();
        decoder.push(row as u32, &Framed { schema, datum }).unwrap();
    }
    let mut read = vec![None; data.len()];
    for group in decoder.finish().groups {
        assert_eq!(group.lacking, []);
        for (at, row) in group.rows.iter().enumerate() {
            read[*row as usize] = Some((group.columns[0].kind, values(&group.columns[0], at)));
        }
    }
    read.into_iter().map(Option::unwrap).collect()
}

const MIXED: &str = r#"["null", "int", "string", "double", "bytes", "boolean"]"#;

#[test]
fn each_alert_decides() {
    let double = [&[6][..], &2.5_f64.to_le_bytes()].concat();
    let data: [&[u8]; 7] = [&[2, 10], &[4, 2, b'x'], &[0], &double, &[8, 2, 0xff], &[10, 1], &[2, 12]];
    let text = |text: &str| Some(Scalar::Text(text.to_owned()));
    assert_eq!(
        read(MIXED, "a", &data),
        [
            (Kind::Int, vec![Some(Scalar::Int(5))]),
            (Kind::Text, vec![text("x")]),
            (Kind::Double, vec![None]),
            (Kind::Double, vec![Some(Scalar::Double(2.5_f64.to_bits()))]),
            (Kind::Bytes, vec![Some(Scalar::Bytes(vec![0xff]))]),
            (Kind::Boolean, vec![Some(Scalar::Boolean(true))]),
            (Kind::Int, vec![Some(Scalar::Int(6))]),
        ]
    );
}

#[test]
fn an_array_is_of_the_kind_that_holds_all_of_it_or_printed() {
    let items = format!(r#"{{"type": "array", "items": {MIXED}}}"#);
    let list = |items: &[&[u8]]| {
        let mut datum = Vec::new();
        long(items.len() as i64, &mut datum);
        datum.extend(items.concat());
        datum.extend((!items.is_empty()).then_some(0));
        datum
    };
    let double = [&[6][..], &2.5_f64.to_le_bytes()].concat();
    let text = |text: &str| Some(Scalar::Text(text.to_owned()));
    let data = [
        list(&[&[2, 10], &[0], &[2, 12]]),
        list(&[&[2, 10], &double]),
        list(&[&[2, 10], &[4, 2, b'x'], &[0], &double, &[8, 2, 0xff], &[10, 1]]),
        list(&[]),
        list(&[&[4, 2, b'x'], &[8, 2, 0xff]]),
    ];
    let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    assert_eq!(
        read(&items, "a[]", &data),
        [
            (Kind::Int, vec![Some(Scalar::Int(5)), None, Some(Scalar::Int(6))]),
            (Kind::Double, vec![Some(Scalar::Double(5_f64.to_bits())), Some(Scalar::Double(2.5_f64.to_bits()))]),
            (Kind::Text, vec![text("5"), text("x"), None, text("2.5"), text("/w=="), text("true")]),
            (Kind::Double, vec![]),
            (Kind::Bytes, vec![Some(Scalar::Bytes(b"x".to_vec())), Some(Scalar::Bytes(vec![0xff]))]),
        ]
    );
}

#[test]
fn records_of_a_union_decide_as_well() {
    let ty = r#"["null", {"type": "record", "name": "x", "fields": [{"name": "v", "type": "int"}]},
        {"type": "record", "name": "y", "fields": [{"name": "v", "type": "string"}]}]"#;
    let read = read(ty, "a.v", &[&[2, 10], &[4, 2, b'x'], &[0]]);
    assert_eq!(read[0], (Kind::Int, vec![Some(Scalar::Int(5))]));
    assert_eq!(read[1], (Kind::Text, vec![Some(Scalar::Text("x".to_owned()))]));
    assert_eq!(read[2], (Kind::Double, vec![None]));
}

#[test]
fn many_choices_are_not_remembered_for_good() {
    let fields: Vec<_> = (0..4).map(|at| format!(r#"{{"name": "f{at}", "type": {MIXED}}}"#)).collect();
    let avsc = format!(r#"{{"type": "record", "name": "r", "fields": [{}]}}"#, fields.join(","));
    let schemas = Arc::new(Schemas::default());
    let schema = schemas.add(1, &avsc).unwrap();
    let asked: Vec<_> = (0..4).map(|at| field(&format!("f{at}"), Kind::Any)).collect();
    let mut decoder = Decoder::new(schemas, projection(&asked));
    let branches: [&[u8]; 5] = [&[0], &[2, 10], &[4, 2, b'x'], &[8, 2, 0xff], &[10, 1]];
    for batch in 0..3 {
        for choice in 0..625_usize {
            let datum = (0..4).flat_map(|at| branches[choice / 5_usize.pow(at) % 5]).copied().collect::<Vec<_>>();
            decoder.push(choice as u32, &Framed { schema, datum: datum.into() }).unwrap();
        }
        let decoded = decoder.finish();
        assert_eq!(decoded.groups.iter().map(|group| group.rows.len()).sum::<usize>(), 625, "batch {batch}");
        assert!(decoder.remembered() <= 64, "{} are remembered", decoder.remembered());
        decoder.recycle(decoded);
    }
}

#[test]
fn broken_values_are_nobodys() {
    let (schemas, schema) = schemas(&format!(r#"{{"type": "array", "items": {MIXED}}}"#));
    let mut decoder = Decoder::new(schemas, projection(&[field("a[]", Kind::Any)]));
    let huge = [&[0][..], &[0xff; 8], &[0x7e]].concat();
    for datum in [&[0][..], &[0, 2, 14], &[0, 2, 4, 2], &huge, &[0, 2, 4, 2, 0xff, 0], &[0, 2, 2, 10, 0, 0]] {
        decoder.push(0, &Framed { schema, datum: datum.into() }).unwrap();
        let group = decoder.finish().groups.remove(0);
        assert_eq!((values(group.column(0), 0), unread(&group, 1).len()), (vec![], 1), "{datum:?}");
    }
}
