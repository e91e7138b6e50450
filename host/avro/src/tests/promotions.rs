//! Every type of Avro's, in every shape that surveys put it in, read as every kind that may be wanted.

use super::*;
use crate::check_field;

const KINDS: [Kind; 8] =
    [Kind::Any, Kind::Boolean, Kind::Int, Kind::Long, Kind::Float, Kind::Double, Kind::Text, Kind::Bytes];

/// A type, an encoded value of it, and the kinds as which it can be read, with the results. All other kinds are
/// refused.
type Row = (&'static str, Vec<u8>, Vec<(Kind, Scalar)>);

fn table() -> Vec<Row> {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let bytes = |text: &str| Scalar::Bytes(text.as_bytes().to_vec());
    let int = vec![
        (Kind::Any, Scalar::Int(-3)),
        (Kind::Int, Scalar::Int(-3)),
        (Kind::Long, Scalar::Long(-3)),
        (Kind::Float, Scalar::Float((-3_f32).to_bits())),
        (Kind::Double, Scalar::Double((-3_f64).to_bits())),
    ];
    let long = vec![
        (Kind::Any, Scalar::Long(-3)),
        (Kind::Long, Scalar::Long(-3)),
        (Kind::Float, Scalar::Float((-3_f32).to_bits())),
        (Kind::Double, Scalar::Double((-3_f64).to_bits())),
    ];
    let blob = vec![(Kind::Any, bytes("ab")), (Kind::Text, text("ab")), (Kind::Bytes, bytes("ab"))];
    let string = vec![(Kind::Any, text("ab")), (Kind::Text, text("ab")), (Kind::Bytes, bytes("ab"))];
    let double = Scalar::Double(0.1_f64.to_bits());
    vec![
        (r#""boolean""#, vec![1], vec![(Kind::Any, Scalar::Boolean(true)), (Kind::Boolean, Scalar::Boolean(true))]),
        (r#""int""#, vec![5], int.clone()),
        (r#"{"type": "int", "logicalType": "date"}"#, vec![5], int),
        (r#""long""#, vec![5], long.clone()),
        (r#"{"type": "long", "logicalType": "timestamp-millis"}"#, vec![5], long),
        (
            r#""float""#,
            0.1_f32.to_le_bytes().to_vec(),
            vec![
                (Kind::Any, Scalar::Float(0.1_f32.to_bits())),
                (Kind::Float, Scalar::Float(0.1_f32.to_bits())),
                (Kind::Double, Scalar::Double(f64::from(0.1_f32).to_bits())),
            ],
        ),
        (r#""double""#, 0.1_f64.to_le_bytes().to_vec(), vec![(Kind::Any, double.clone()), (Kind::Double, double)]),
        (r#""string""#, b"\x04ab".to_vec(), string.clone()),
        (r#"{"type": "string", "avro.java.string": "String"}"#, b"\x04ab".to_vec(), string.clone()),
        (r#"{"type": "enum", "name": "e", "namespace": "n", "symbols": ["x", "ab"]}"#, vec![2], string),
        (r#""bytes""#, b"\x04ab".to_vec(), blob.clone()),
        (r#"{"type": "bytes", "logicalType": "decimal", "precision": 4}"#, b"\x04ab".to_vec(), blob.clone()),
        (r#"{"type": "fixed", "name": "n.f", "size": 2}"#, b"ab".to_vec(), blob),
    ]
}

/// The type of a field `a`, the path to the value, the alert with the value, and the alert with a null in its place.
type Shape = (String, &'static str, Vec<u8>, Option<Vec<u8>>);

fn shapes(ty: &str, value: &[u8]) -> Vec<Shape> {
    let behind = |head: &[u8]| [head, value].concat();
    let record =
        |ty: &str| format!(r#"{{"type": "record", "name": "inner", "fields": [{{"name": "b", "type": {ty}}}]}}"#);
    let array = |ty: &str| format!(r#"{{"type": "array", "items": {ty}}}"#);
    let (first, last) = (format!(r#"["null", {ty}]"#), format!(r#"[{ty}, "null"]"#));
    let several = format!(r#"["null", {{"type": "map", "values": "int"}}, {ty}]"#);
    let listed = |head: &[u8]| [&behind(head)[..], &[0]].concat();
    vec![
        (ty.to_owned(), "a", value.to_vec(), None),
        (format!("[{ty}]"), "a", behind(&[0]), None),
        (first.clone(), "a", behind(&[2]), Some(vec![0])),
        (last.clone(), "a", behind(&[0]), Some(vec![2])),
        (several, "a", behind(&[4]), Some(vec![0])),
        (record(&first), "a.b", behind(&[2]), Some(vec![0])),
        (format!(r#"["null", {}]"#, record(&last)), "a.b", behind(&[2, 0]), Some(vec![0])),
        (array(ty), "a[]", listed(&[2]), None),
        (format!(r#"["null", {}]"#, array(&first)), "a[]", listed(&[2, 2, 2]), Some(vec![2, 2, 0, 0])),
        (array(&record(&last)), "a[].b", listed(&[2, 0]), Some(vec![2, 2, 0])),
    ]
}

#[test]
fn every_type_in_every_shape_is_read_in_every_kind_that_it_promotes_to() {
    for (ty, value, readable) in table() {
        for (shape, path, datum, null) in shapes(ty, &value) {
            let schemas = Arc::new(Schemas::default());
            let avsc = format!(r#"{{"type": "record", "name": "r", "fields": [{{"name": "a", "type": {shape}}}]}}"#);
            let schema = schemas.add(1, &avsc).unwrap();
            for kind in KINDS {
                let what = format!("{shape} as {kind}");
                let asked = [field(path, kind)];
                let Some((_, scalar)) = readable.iter().find(|(readable, _)| *readable == kind) else {
                    assert!(check_field(&schemas, schema, &asked[0]).is_err(), "{what}");
                    let column = decode(&schemas, schema, &asked, &[&datum]).columns.remove(0);
                    assert!(values(&column, 0).iter().all(Option::is_none), "{what}");
                    continue;
                };
                assert_eq!(check_field(&schemas, schema, &asked[0]), Ok(()), "{what}");
                let null = null.as_deref();
                let data: Vec<&[u8]> = [&datum[..]].into_iter().chain(null).chain([&datum[..]]).collect();
                let column = decode(&schemas, schema, &asked, &data).columns.remove(0);
                let read: Vec<_> = (0..data.len()).flat_map(|row| values(&column, row)).collect();
                let expected = [Some(scalar)].into_iter().chain(null.map(|_| None)).chain([Some(scalar)]);
                assert_eq!(read, expected.map(Option::<&Scalar>::cloned).collect::<Vec<_>>(), "{what}");
            }
        }
    }
}
