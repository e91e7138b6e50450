//! Schemas and containers as real writers write them, against Avro's rules.

use insta::assert_snapshot;

use super::framing::{SCHEMA, block, by_hand, ids};
use super::generate::long;
use super::*;
use crate::{AvroError, fit};

fn schema(avsc: &str) -> (Arc<Schemas>, SchemaId) {
    let schemas = Arc::new(Schemas::default());
    let schema = schemas.add(1, avsc).unwrap_or_else(|error| panic!("{error}: {avsc}"));
    (schemas, schema)
}

/// The values of one field of one alert.
fn read(avsc: &str, path: &str, datum: &[u8]) -> Vec<Option<Scalar>> {
    let (schemas, schema) = schema(avsc);
    assert_eq!(schemas.validate(&Framed { schema, datum: datum.into() }), Ok(()), "{avsc}");
    let column = decode(&schemas, schema, &[field(path, Kind::Any)], &[datum]).columns.remove(0);
    values(&column, 0)
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "alert", "fields": [{fields}]}}"#)
}

#[test]
fn defaults_that_json_has_no_word_for() {
    for default in ["NaN", "-NaN", "Infinity", "-Infinity", "1e999", "-1E+400", "INF", "[NaN, {\"a\": -Infinity}]"] {
        let avsc = record(&format!(
            r#"{{"name": "a", "type": "int", "default": {default}, "doc": "NaN \" Infinity // \\"}}, {{"name": "NaN", "type": "int"}}"#
        ));
        assert_eq!(read(&avsc, "NaN", &[2, 4]), [Some(Scalar::Int(2))], "{default}");
    }
}

#[test]
fn comments() {
    let avsc = "\u{feff}// an alert: \"quoted\n{ /* \" // */ \"type\": \"record\", \"name\": \"alert\", // NaN \n \
                \"doc\": \"http://survey.org /* no comment */ \\\\\", \"fields\": [/**/{\"name\": \"a\", \"type\": \"int\"}]} // end";
    assert_eq!(read(avsc, "a", &[2]), [Some(Scalar::Int(1))]);
    // Other readers read the container that is written.
    let (schemas, schema) = schema(avsc);
    let message = schemas.container(schema).unwrap().wrap(&[2]);
    let written = apache_avro::Reader::new(&message[..]).unwrap().writer_schema().clone();
    let apache_avro::Schema::Record(written) = written else { panic!("{written:?}") };
    assert_eq!(written.doc.as_deref(), Some("http://survey.org /* no comment */ \\"));
}

#[test]
fn what_is_no_json_stays_none() {
    let broken = [
        "/",
        "/*",
        "//",
        "\"",
        "\"\\",
        "NaN",
        "{\"type\": NaN}",
        "{\"type\": \"record\" /* }",
        "[/]",
        "NaN\u{3b1}",
        "{/**/\"\u{3b1}",
    ];
    for avsc in broken {
        assert!(Schemas::default().add(1, avsc).is_err(), "{avsc}");
    }
    let quotes = "\"\\".repeat(1 << 18);
    assert!(Schemas::default().add(1, &quotes).is_err());
    assert!(Schemas::default().add(1, &format!("[{}]", "/**/".repeat(1 << 17))).is_err());
}

#[test]
fn a_field_that_is_declared_twice() {
    let candidate = r#"{"type": "record", "name": "candidate", "fields": [
        {"name": "ra", "type": "int"}, {"name": "dec", "type": "int"}, {"name": "ra", "type": ["null", "string"]}]}"#;
    let avsc = record(&format!(r#"{{"name": "candidate", "type": {candidate}}}, {{"name": "id", "type": "int"}}"#));
    let datum = [2, 4, 2, 2, b'x', 6];
    assert_eq!(read(&avsc, "candidate.ra", &datum), [Some(Scalar::Text("x".to_owned()))]);
    assert_eq!(read(&avsc, "candidate.dec", &datum), [Some(Scalar::Int(2))]);
    assert_eq!(read(&avsc, "id", &datum), [Some(Scalar::Int(3))]);
    let (schemas, schema) = schema(&avsc);
    let told = |paths: &str| {
        let found = fit(&schemas, &[schema], &[field(paths, Kind::Any)]);
        assert_eq!(found.refusal, None);
        found.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_snapshot!(told("none candidate.ra"), @"candidate.ra is ambiguous: record candidate declares ra more than once, and the last one is read");
    assert_eq!([told("candidate.dec"), told("id")], ["", ""]);
}

#[test]
fn names_of_other_languages() {
    let avsc = r#"{"type": "record", "name": "Alert", "namespace": "org.survey.Outer$", "fields": [
        {"name": "inner", "type": {"type": "record", "name": "Inner$1", "namespace": "my-survey.v1.Outer$Middle", "fields": [
            {"name": "2mass_id", "type": "int"}, {"name": "\u03b1", "type": "int"}]}},
        {"name": "flag", "type": {"type": "enum", "name": "Flag", "symbols": ["N/A", "", "0", "a \"b\""]}},
        {"name": "other", "type": "my-survey.v1.Outer$Middle.Inner$1"}, {"name": "this$0", "type": "Flag"}]}"#;
    let datum = [2, 4, 0, 6, 8, 6];
    assert_eq!(read(avsc, "inner.2mass_id", &datum), [Some(Scalar::Int(1))]);
    assert_eq!(read(avsc, "other.\u{3b1}", &datum), [Some(Scalar::Int(4))]);
    assert_eq!(read(avsc, "flag", &datum), [Some(Scalar::Text("N/A".to_owned()))]);
    assert_eq!(read(avsc, "this$0", &datum), [Some(Scalar::Text("a \"b\"".to_owned()))]);
    let (schemas, schema) = schema(avsc);
    let mut json = Vec::new();
    schemas.json(&Framed { schema, datum: datum[..].into() }, &mut json).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap()["this$0"], "a \"b\"");
}

#[test]
fn types_that_are_used_before_they_are_defined() {
    let avsc = r#"{"type": "record", "name": "a.alert", "fields": [
        {"name": "first", "type": ["null", "point"]}, {"name": "filter", "type": "b.band"}, {"name": "tree", "type": "tree"},
        {"name": "points", "type": {"type": "array", "items": {"type": "record", "name": "point", "fields": [
            {"name": "x", "type": "mjd"},
            {"name": "y", "type": {"type": "fixed", "name": "mjd", "size": 1}}]}}},
        {"name": "holder", "type": {"type": "record", "name": "tree", "namespace": "a", "fields": [
            {"name": "band", "type": {"type": "enum", "name": "band", "namespace": "b", "symbols": ["g", "r"]}},
            {"name": "below", "type": ["null", "tree"]}]}}]}"#;
    let datum = [2, b'1', b'2', 2, 0, 2, 2, 0, 2, b'3', b'4', 0, 2, 0];
    assert_eq!(read(avsc, "first.x", &datum), [Some(Scalar::Bytes(b"1".to_vec()))]);
    assert_eq!(read(avsc, "points[].y", &datum), [Some(Scalar::Bytes(b"4".to_vec()))]);
    assert_eq!(read(avsc, "filter", &datum), [Some(Scalar::Text("r".to_owned()))]);
    let nobody =
        record(r#"{"name": "a", "type": "b"}, {"name": "c", "type": {"type": "fixed", "name": "d.b", "size": 1}}"#);
    let error = Schemas::default().add(1, &nobody).unwrap_err().to_string();
    assert_eq!(error, "alert.a: there is no type \"b\"");
}

#[test]
fn types_that_nest_and_repeat() {
    let of = |ty: &str| record(&format!(r#"{{"name": "a", "type": {ty}}}"#));
    let int = |ty: &str, datum: &[u8]| assert_eq!(read(&of(ty), "a", datum), [Some(Scalar::Int(1))], "{ty}");
    int(r#"{"type": {"type": {"type": "int", "logicalType": "date"}}}"#, &[2]);
    int(r#"["int"]"#, &[0, 2]);
    int(r#"["int", "null", "int"]"#, &[4, 2]);
    int(r#"{"type": ["null", {"type": "int"}]}"#, &[2, 2]);
    // A name is looked for in the namespace first, then without one. Avro's `error` type is a record.
    let avsc = r#"{"type": "error", "name": "alert", "namespace": "a", "fields": [
        {"name": "a", "type": {"type": "record", "name": "point", "namespace": "", "fields": [{"name": "x", "type": "int"}]}},
        {"name": "b", "type": "point"},
        {"name": "c", "type": {"type": "record", "name": "point", "namespace": "", "fields": [{"name": "y", "type": "string"}]}},
        {"name": "d", "type": "point"}]}"#;
    let datum = [2, 4, 2, b'x', 2, b'y'];
    assert_eq!(read(avsc, "b.x", &datum), [Some(Scalar::Int(2))]);
    assert_eq!(read(avsc, "d.y", &datum), [Some(Scalar::Text("y".to_owned()))]);
}

/// Makes a container of these alerts, with one block for each entry.
fn container(avsc: &str, blocks: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut rest = vec![7; 16];
    for (alerts, content) in blocks {
        rest.extend(&block(*alerts, content)[16..]);
    }
    by_hand(&[("avro.schema", avsc.as_bytes())], &rest)
}

/// Makes alerts with ids from `first` on; the text of those in `bad` is not UTF-8.
fn alerts(first: i64, count: i64, bad: &[i64]) -> (i64, Vec<u8>) {
    let mut content = Vec::new();
    for id in first..first + count {
        long(id, &mut content);
        content.extend([2, if bad.contains(&id) { 0xff } else { b'x' }]);
    }
    (count, content)
}

/// Returns the ids of all sound alerts, and the messages about the others.
fn all(file: &[u8]) -> (Vec<i64>, Vec<String>) {
    let schemas = Arc::new(Schemas::default());
    let (mut sound, mut said) = (Vec::new(), Vec::new());
    let mut alerts = schemas.alerts(file);
    while let Some(alert) = alerts.next() {
        let checked = alert.and_then(|alert| schemas.validate(&alert).map(|()| alert));
        match checked {
            Err(error) => said.push(alerts.tell(&error)),
            Ok(alert) => {
                let column = decode(&schemas, alert.schema, &[field("id", Kind::Long)], &[&alert.datum]);
                sound.push(i64::from_le_bytes(column.columns[0].values[..].try_into().unwrap()));
            }
        }
    }
    (sound, said)
}

#[test]
fn a_bad_alert_among_others_is_told_with_its_place() {
    let file = container(SCHEMA, &[alerts(0, 30, &[]), alerts(30, 40, &[50]), alerts(70, 30, &[99])]);
    let (sound, said) = all(&file);
    assert_eq!(sound, (0..100).filter(|id| ![50, 99].contains(id)).collect::<Vec<_>>());
    assert_eq!(
        said,
        [51, 100].map(|number| format!(
            "alert {number} of the file: survey.alert, byte {} of the alert: text: it is not UTF-8",
            if number == 51 { 1 } else { 2 }
        ))
    );
}

#[test]
fn numbers_and_symbols_that_are_out_of_range_do_not_hide_the_others() {
    let avsc = record(
        r#"{"name": "id", "type": "long"}, {"name": "a", "type": "int"}, {"name": "b", "type": "boolean"},
           {"name": "c", "type": {"type": "enum", "name": "e", "symbols": ["A"]}}, {"name": "d", "type": {"type": "map", "values": "int"}}"#,
    );
    let good = |id: u8| vec![id * 2, 2, 1, 0, 0];
    let bad = [
        vec![4, 0x80, 0x80, 0x80, 0x80, 0x20, 1, 0, 0],
        vec![6, 2, 7, 0, 0],
        vec![8, 2, 1, 2, 0],
        vec![10, 2, 1, 0, 2, 2, 0xff, 2, 0],
    ];
    let content = [good(1), bad.concat(), good(6)].concat();
    let (sound, said) = all(&container(&avsc, &[(6, content)]));
    assert_eq!(sound, [1, 6]);
    let numbers: Vec<_> = said.iter().map(|said| said[..24].to_owned()).collect();
    assert_eq!(numbers, [2, 3, 4, 5].map(|number| format!("alert {number} of the file: ale")), "{said:?}");
}

#[test]
fn what_can_not_be_found_is_counted_and_the_next_block_is_read() {
    let lost = (4, [&alerts(2, 1, &[]).1[..], &[6, 0x7f], &[0; 4]].concat());
    let (sound, said) = all(&container(SCHEMA, &[alerts(0, 2, &[]), lost, alerts(6, 2, &[7])]));
    assert_eq!(sound, [0, 1, 2, 6]);
    assert_snapshot!(said.join("\n"), @r"
    alert 4 of the file: survey.alert, byte 4 of the alert: text: the length -64 is negative; the 2 alerts behind it in the block can't be found
    alert 8 of the file: survey.alert, byte 1 of the alert: text: it is not UTF-8
    ");
}

#[test]
fn broken_blocks_do_not_hide_the_next_ones() {
    let mut file = container(SCHEMA, &[alerts(0, 2, &[]), alerts(2, 2, &[]), alerts(4, 2, &[])]);
    // The second block's size is damaged: it leads beyond the end of the file.
    let size = file.len() - 2 * 16 - 2 * 6 - 2 - 1;
    assert_eq!(file[size], 12);
    file[size] = 0x7e;
    let (sound, said) = all(&file);
    assert_eq!((sound, said.len()), (vec![0, 1, 4, 5], 1), "{said:?}");
    // Some of these sizes are smaller or larger than the alerts.
    let blocks = [
        (3, alerts(0, 2, &[]).1),
        alerts(2, 1, &[]),
        (1 << 40, vec![0; 9]),
        (-1, vec![]),
        (0, vec![]),
        alerts(3, 1, &[]),
    ];
    let (sound, said) = all(&container(SCHEMA, &blocks));
    assert_eq!((sound, said.len()), (vec![0, 1, 2, 3], 3), "{said:?}");
    // That many broken blocks are no accident.
    let hostile = container(SCHEMA, &vec![(-1, vec![]); 5000]);
    assert_eq!(all(&hostile).1.len(), 1000);
}

#[test]
fn alerts_without_a_byte() {
    let avsc = record(
        r#"{"name": "a", "type": "null"}, {"name": "b", "type": {"type": "record", "name": "e", "fields": []}}"#,
    );
    let count = |blocks: &[(i64, Vec<u8>)]| {
        let schemas = Schemas::default();
        let file = container(&avsc, blocks);
        let (alerts, errors): (Vec<_>, Vec<_>) = schemas.alerts(&file).partition(Result::is_ok);
        (alerts.len(), errors.len())
    };
    assert_eq!(count(&[(1, vec![])]), (1, 0));
    assert_eq!(count(&[(3, vec![]), (0, vec![]), (2, vec![])]), (5, 0));
    assert_eq!(count(&[(i64::MAX, vec![])]), (0, 1), "nobody believes that");
    assert_eq!(
        count(&[(1 << 20, vec![]), (1, vec![]), (1 << 20, vec![])]),
        (1 << 20, 2),
        "the file has its bound as well"
    );
    let message = container(&avsc, &[(1, vec![])]);
    assert_eq!(Schemas::default().frame(&message).unwrap().datum.len(), 0);
    // Now the same in arrays.
    let avsc = record(
        r#"{"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "e", "fields": [
        {"name": "n", "type": "null"}]}}}, {"name": "z", "type": "int"}"#,
    );
    let hostile = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 2];
    assert_eq!(read(&avsc, "z", &hostile), [Some(Scalar::Int(1))]);
    let (schemas, schema) = schema(&avsc);
    let alert = Framed { schema, datum: hostile[..].into() };
    let mut json = Vec::new();
    assert!(matches!(schemas.json(&alert, &mut json), Err(AvroError::Datum { .. })));
}

#[test]
fn metadata_in_blocks_with_a_size() {
    let mut entries = Vec::new();
    for text in ["avro.schema", SCHEMA, "x.any", "\u{3b1}"] {
        long(text.len() as i64, &mut entries);
        entries.extend(text.as_bytes());
    }
    let mut file = b"Obj\x01".to_vec();
    long(-2, &mut file);
    long(entries.len() as i64, &mut file);
    file.extend(entries);
    file.push(0);
    file.extend(block(1, &[2, 2, b'x']));
    assert_eq!(ids(&Arc::new(Schemas::default()), &file), (vec![1], None));
}
