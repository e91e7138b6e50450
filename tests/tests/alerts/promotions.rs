//! What a Rust filter reads for every type that an alert's schema may have and every type that it may ask for: from the
//! alert's bytes, through the host's decoder and the SDK.

use std::sync::Arc;

use skysieve_avro::alert::{self, Column};
use skysieve_avro::{Decoder, Framed, Projection, Schemas, fit};
use skysieve_sdk::__private::{Annotation, RawColumn, judge_all};
use skysieve_sdk::{Alert, Kind, Value, Verdict};

/// Defines structs that ask for the field `a` as one type each.
macro_rules! asked {
    ($($name:ident [$($life:lifetime)?] $type:ty;)*) => {$(
        #[derive(Alert)]
        struct $name $(<$life>)? {
            #[field("a")]
            a: $type,
        }
    )*};
}

asked! {
    Bool [] bool; I32 [] i32; I64 [] i64; F32 [] f32; F64 [] f64; Str ['a] &'a str; Slice ['a] &'a [u8]; Any ['a] Value<'a>;
    MaybeBool [] Option<bool>; MaybeI32 [] Option<i32>; MaybeI64 [] Option<i64>; MaybeF32 [] Option<f32>;
    MaybeF64 [] Option<f64>; MaybeStr ['a] Option<&'a str>; MaybeSlice ['a] Option<&'a [u8]>; MaybeAny ['a] Option<Value<'a>>;
}

fn host(kind: Kind) -> alert::Kind {
    match kind {
        Kind::Any => alert::Kind::Any,
        Kind::Boolean => alert::Kind::Boolean,
        Kind::Int => alert::Kind::Int,
        Kind::Long => alert::Kind::Long,
        Kind::Float => alert::Kind::Float,
        Kind::Double => alert::Kind::Double,
        Kind::Text => alert::Kind::Text,
        Kind::Bytes => alert::Kind::Bytes,
    }
}

fn guest(kind: alert::Kind) -> Kind {
    let all = [Kind::Boolean, Kind::Int, Kind::Long, Kind::Float, Kind::Double, Kind::Text, Kind::Bytes];
    all.into_iter().find(|guest| host(*guest) == kind).expect("a column is never of kind any")
}

/// What a filter with a field `a` of some type prints for it, unless it is refused.
macro_rules! read {
    ($name:ident, $type:expr, $alert:expr) => {{
        let asked = &<$name as Alert>::fields()[0];
        read($type, $alert, asked.kind, asked.optional, |column| {
            let mut seen = String::new();
            let judge = |alert: &$name| Ok(Verdict::Accept.with("a", format!("{:?}", alert.a)));
            let accept = |_: u32, annotations: Vec<Annotation>| seen.clone_from(&annotations[0].value);
            judge_all::<$name>(1, &[column], judge, accept).expect("the column is sound");
            seen
        })
    }};
}

fn read(ty: &str, datum: &[u8], kind: Kind, optional: bool, shown: impl Fn(RawColumn<'_>) -> String) -> String {
    let schemas = Arc::new(Schemas::default());
    let avsc = format!(r#"{{"type": "record", "name": "alert", "fields": [{{"name": "a", "type": {ty}}}]}}"#);
    let schema = schemas.add(1, &avsc).unwrap();
    let field = alert::Field { paths: vec!["a".to_owned()], kind: host(kind), optional };
    if fit(&schemas, &[schema], std::slice::from_ref(&field)).refusal.is_some() {
        return "refused".to_owned();
    }
    let mut projection = Projection::new();
    projection.add(&field).unwrap();
    let mut decoder = Decoder::new(schemas, projection);
    decoder.push(0, &Framed { schema, datum: datum.into() }).unwrap();
    let group = decoder.finish().groups.remove(0);
    let Column { kind, values, offsets, present, ends, .. } = &group.columns[0];
    if !optional && present.contains(&0) {
        return "rejected".to_owned();
    }
    shown(RawColumn { kind: guest(*kind), values, offsets, present, ends })
}

/// Reads it as every type of the SDK that is not an `Option`, and as every one that is.
fn row(ty: &str, datum: &[u8]) -> [Vec<String>; 2] {
    [
        vec![
            read!(Bool, ty, datum),
            read!(I32, ty, datum),
            read!(I64, ty, datum),
            read!(F32, ty, datum),
            read!(F64, ty, datum),
            read!(Str, ty, datum),
            read!(Slice, ty, datum),
            read!(Any, ty, datum),
        ],
        vec![
            read!(MaybeBool, ty, datum),
            read!(MaybeI32, ty, datum),
            read!(MaybeI64, ty, datum),
            read!(MaybeF32, ty, datum),
            read!(MaybeF64, ty, datum),
            read!(MaybeStr, ty, datum),
            read!(MaybeSlice, ty, datum),
            read!(MaybeAny, ty, datum),
        ],
    ]
}

/// A type, an encoded value of it, and what `bool`, `i32`, `i64`, `f32`, `f64`, `&str`, `&[u8]` and `Value` read from
/// it. A dash means that the filter is refused.
fn table() -> Vec<(&'static str, Vec<u8>, [&'static str; 8])> {
    let (float, double) = (1.5_f32.to_le_bytes().to_vec(), 2.5_f64.to_le_bytes().to_vec());
    vec![
        (r#""boolean""#, vec![1], ["true", "-", "-", "-", "-", "-", "-", "Boolean(true)"]),
        (r#""int""#, vec![5], ["-", "-3", "-3", "-3.0", "-3.0", "-", "-", "Int(-3)"]),
        (r#""long""#, vec![5], ["-", "-", "-3", "-3.0", "-3.0", "-", "-", "Long(-3)"]),
        (r#""float""#, float, ["-", "-", "-", "1.5", "1.5", "-", "-", "Float(1.5)"]),
        (r#""double""#, double, ["-", "-", "-", "-", "2.5", "-", "-", "Double(2.5)"]),
        (r#""string""#, b"\x02r".to_vec(), ["-", "-", "-", "-", "-", "\"r\"", "[114]", "Text(\"r\")"]),
        (r#""bytes""#, b"\x02r".to_vec(), ["-", "-", "-", "-", "-", "\"r\"", "[114]", "Bytes([114])"]),
        (
            r#"{"type": "enum", "name": "e", "symbols": ["g", "r"]}"#,
            vec![2],
            ["-", "-", "-", "-", "-", "\"r\"", "[114]", "Text(\"r\")"],
        ),
        (
            r#"{"type": "fixed", "name": "f", "size": 1}"#,
            b"r".to_vec(),
            ["-", "-", "-", "-", "-", "\"r\"", "[114]", "Bytes([114])"],
        ),
    ]
}

#[test]
fn every_type_as_every_type_of_the_sdk() {
    for (ty, value, expected) in table() {
        let plain = expected.map(|shown| if shown == "-" { "refused".to_owned() } else { shown.to_owned() });
        let some = expected.map(|shown| if shown == "-" { "refused".to_owned() } else { format!("Some({shown})") });
        let none = expected.map(|shown| if shown == "-" { "refused" } else { "None" }.to_owned());
        let rejected = expected.map(|shown| if shown == "-" { "refused" } else { "rejected" }.to_owned());
        assert_eq!(row(ty, &value), [plain.to_vec(), some.to_vec()], "{ty}");
        for (union, branch, null) in [(format!(r#"["null", {ty}]"#), 2, 0), (format!(r#"[{ty}, "null"]"#), 0, 2)] {
            let datum = [&[branch][..], &value].concat();
            assert_eq!(row(&union, &datum), [plain.to_vec(), some.to_vec()], "{union}");
            assert_eq!(row(&union, &[null]), [rejected.to_vec(), none.to_vec()], "{union}");
        }
    }
}

#[test]
fn a_union_of_an_int_and_a_string_is_a_value() {
    let ty = r#"["null", "int", "string"]"#;
    assert_eq!([read!(Any, ty, &[2, 5]), read!(MaybeAny, ty, &[2, 5])], ["Int(-3)", "Some(Int(-3))"]);
    assert_eq!(read!(MaybeAny, ty, &[4, 2, b'r']), r#"Some(Text("r"))"#);
    assert_eq!([read!(Any, ty, &[0]), read!(MaybeAny, ty, &[0])], ["rejected", "None"]);
    assert_eq!([read!(I32, ty, &[2, 5]), read!(MaybeStr, ty, &[2, 5])], ["refused", "refused"]);
}
