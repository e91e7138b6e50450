//! Schemas of a registry that refer to others.

use super::*;
use crate::parse::{parse, whole};

/// The paths of a schema together with those that it refers to, separated by `|`.
fn paths(avsc: &str, references: &[&str]) -> Result<String, String> {
    let references: Vec<String> = references.iter().map(|text| (*text).to_owned()).collect();
    let whole = whole(avsc, &references).map_err(|error| error.to_string())?;
    let schemas = Schemas::default();
    let id = schemas.add(1, &whole).map_err(|error| error.to_string())?;
    Ok(schemas.paths(id).into_iter().map(|(path, _)| path).collect::<Vec<_>>().join("|"))
}

const ALERT: &str = r#"{"type": "record", "name": "alert", "namespace": "sky", "fields": [
    {"name": "id", "type": "long"}, {"name": "source", "type": "source"},
    {"name": "before", "type": ["null", {"type": "array", "items": "sky.source"}]}, {"name": "band", "type": "sky.band"}]}"#;
const SOURCE: &str = r#"{"type": "record", "name": "sky.source", "fields": [
    {"name": "band", "type": {"type": "enum", "name": "band", "symbols": ["g", "r"]}}, {"name": "flux", "type": "float"}]}"#;

#[test]
fn types_are_known_by_what_defines_them() {
    assert_eq!(paths(ALERT, &[SOURCE]).as_deref(), Ok("id|source.band|source.flux|before[].band|before[].flux|band"));
    // This includes definitions within a schema whose own record nobody uses, and definitions in a union.
    let around = format!(r#"{{"type": "record", "name": "unused", "fields": [{{"name": "x", "type": {SOURCE}}}]}}"#);
    let union = format!(r#"["null", {SOURCE}]"#);
    let map = format!(r#"{{"type": "map", "values": {{"type": {SOURCE}}}}}"#);
    for text in [&around, &union, &map] {
        assert_eq!(paths(ALERT, &[text]), paths(ALERT, &[SOURCE]), "{text}");
    }
    let band = r#"{"type": "enum", "name": "band", "namespace": "sky", "symbols": ["g", "r"]}"#;
    let bare = r#"{"type": "record", "name": "sky.source", "fields": [{"name": "band", "type": "band"}, {"name": "flux", "type": "float"}]}"#;
    assert_eq!(paths(ALERT, &[band, bare]), paths(ALERT, &[SOURCE]), "nested ones, in Java's order");
    assert_eq!(paths(ALERT, &[bare, band]), paths(ALERT, &[SOURCE]), "and in the other");
}

#[test]
fn a_type_without_a_namespace_is_found_from_within_one() {
    let band = r#"{"type": "enum", "name": "band", "symbols": ["g", "r"]}"#;
    let alert = r#"{"type": "record", "name": "alert", "namespace": "sky", "fields": [
        {"name": "one", "type": "band"}, {"name": "two", "type": "band"}]}"#;
    assert_eq!(paths(alert, &[band]).as_deref(), Ok("one|two"));
}

#[test]
fn the_same_definition_twice_is_one() {
    let twice = r#"{"type": "record", "name": "object", "namespace": "sky", "fields": [{"name": "b", "type":
        {"type": "enum", "name": "band", "symbols": ["g", "r"]}}]}"#;
    let alert = ALERT.replace(r#"{"name": "id", "type": "long"}"#, r#"{"name": "object", "type": "object"}"#);
    let expected = "object.b|source.band|source.flux|before[].band|before[].flux|band";
    assert_eq!(paths(&alert, &[SOURCE, twice]).as_deref(), Ok(expected));
    let other = twice.replace(r#""r""#, r#""z""#);
    assert!(paths(&alert, &[SOURCE, &other]).unwrap_err().contains("\"sky.band\" is defined twice, in different ways"));
}

#[test]
fn types_that_hold_each_other() {
    let node = r#"{"type": "record", "name": "sky.source", "fields": [
        {"name": "flux", "type": "float"}, {"name": "next", "type": ["null", "sky.band"]}]}"#;
    let back =
        r#"{"type": "record", "name": "sky.band", "fields": [{"name": "back", "type": ["null", "sky.source"]}]}"#;
    assert!(paths(ALERT, &[node, back]).is_ok());
    assert!(paths(ALERT, &[node]).unwrap_err().contains("there is no type \"sky.band\""));
}

#[test]
fn the_whole_goes_into_a_container() {
    let schemas = Schemas::default();
    let whole = whole(ALERT, &[SOURCE.to_owned()]).unwrap();
    let id = schemas.add(1, &whole).unwrap();
    let message = schemas.container(id).unwrap().wrap(&[2, 0, 0, 0, 0, 0, 0, 0]);
    let other = Schemas::default();
    other.validate(&other.frame(&message).unwrap()).unwrap();
    let java = apache_avro::Reader::new(&message[..]).unwrap();
    assert_eq!(java.map(Result::unwrap).count(), 1);
}

/// No text becomes much longer, however many names it has.
#[test]
fn hostile_references() {
    let long = "n".repeat(250);
    let space = format!("{long}.{long}");
    let fixed: Vec<String> = (0..20_000)
        .map(|n| format!(r#"{{"name": "f{n}", "type": {{"type": "fixed", "name": "t{n}", "size": 1}}}}"#))
        .collect();
    let many =
        format!(r#"{{"type": "record", "name": "many", "namespace": "{space}", "fields": [{}]}}"#, fixed.join(", "));
    let error = paths(ALERT, &[SOURCE, &many]).unwrap_err();
    assert!(error.contains("full names have more than"), "{error}");
    // Each level uses the type of the next one.
    let level = |n: usize| {
        format!(r#"{{"type": "record", "name": "l{n}", "fields": [{{"name": "x", "type": "l{}"}}]}}"#, n + 1)
    };
    let levels: Vec<String> = (0..5000).map(level).collect();
    let error = paths(&levels[0], &levels[1..].iter().map(String::as_str).collect::<Vec<_>>()).unwrap_err();
    assert!(error.contains("nested more than 128 deep"), "{error}");
    let deep = format!("{}\"long\"{}", r#"{"type": "array", "items": "#.repeat(100), "}".repeat(100));
    assert!(whole(ALERT, &[deep]).is_ok());
    for wrong in
        ["[", "null", "7", r#"{"type": "record"}"#, r#"{"type": "record", "name": 7, "fields": 7}"#, r#"{"type": {}}"#]
    {
        let said = whole(wrong, &[SOURCE.to_owned()]).and_then(|whole| parse(&whole, &mut |_| Ok(None)));
        assert!(said.is_err(), "{wrong}");
    }
}
