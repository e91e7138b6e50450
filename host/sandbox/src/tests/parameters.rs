//! The parameters that a filter describes.

use super::*;

/// The kinds in the contract's order.
const KINDS: [&str; 4] = ["boolean", "integer", "number", "text"];

/// A parameter's name, the name of its kind, its default and its description.
type Described<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);

/// A guest that describes these parameters.
fn describing(parameters: &[Described<'_>]) -> Guest {
    const LIST: usize = 200_000;
    let mut memory = vec![0; 32 * parameters.len()];
    for (number, (name, kind, default, description)) in parameters.iter().enumerate() {
        let at = 32 * number;
        let mut text = |at: usize, text: &str| {
            let pointer = (LIST + memory.len()) as u32;
            memory.extend_from_slice(text.as_bytes());
            memory[at..at + 4].copy_from_slice(&pointer.to_le_bytes());
            memory[at + 4..at + 8].copy_from_slice(&(text.len() as u32).to_le_bytes());
        };
        text(at, name);
        text(at + 16, default.unwrap_or_default());
        text(at + 24, description);
        memory[at + 8] = KINDS.iter().position(|known| known == kind).unwrap() as u8;
        memory[at + 12] = u8::from(default.is_some());
    }
    let data: String = memory.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let describe = format!(
        r#"(data (i32.const {LIST}) "{data}")
           (func (export "describe") (param i32 i32) (result i32)
             (i32.store (i32.const 1044) (i32.const {LIST})) (i32.store (i32.const 1048) (i32.const {}))
             (i32.const 1024))"#,
        parameters.len()
    );
    Guest { describe, memory: "200".to_owned(), ..Guest::default() }
}

fn refused(parameters: &[Described<'_>]) -> String {
    Filter::start(&describing(parameters).load(), "", &Limits::default()).unwrap_err().to_string()
}

#[test]
fn parameters_are_what_describe_says() {
    let filter = describing(&[
        ("magnitude", "number", Some("22.5"), "The faintest magnitude."),
        ("trail", "number", Some("inf"), ""),
        ("limit", "number", Some("3"), ""),
        ("count", "integer", Some("-2"), ""),
        ("band", "text", Some("\"r\\\"\""), ""),
        ("new-only", "boolean", Some("true"), ""),
        ("note", "text", Some(""), "May be left out."),
        ("ra", "number", None, "Must be given."),
    ])
    .start();
    let json = r#"[
        {"name":"magnitude","kind":"number","default":22.5,"required":false,"description":"The faintest magnitude."},
        {"name":"trail","kind":"number","default":"inf","required":false,"description":""},
        {"name":"limit","kind":"number","default":3.0,"required":false,"description":""},
        {"name":"count","kind":"integer","default":-2,"required":false,"description":""},
        {"name":"band","kind":"text","default":"r\"","required":false,"description":""},
        {"name":"new-only","kind":"boolean","default":true,"required":false,"description":""},
        {"name":"note","kind":"text","required":false,"description":"May be left out."},
        {"name":"ra","kind":"number","required":true,"description":"Must be given."}
    ]"#;
    let parameters = &filter.manifest().parameters;
    let expected: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_value(parameters).unwrap(), expected);
    assert_eq!(serde_json::from_str::<Vec<Parameter>>(json).unwrap(), *parameters);
}

#[test]
fn a_filter_with_parameters_is_started_again() {
    // A default that is not equal to itself must not look like another description.
    let mut guest = describing(&[("odd", "number", Some("nan"), "")]);
    guest.evaluate = Guest::bad("(unreachable)").evaluate;
    only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Trap, "unreachable");
}

#[test]
fn parameters_that_no_filter_may_describe() {
    let names: Vec<String> = (0..65).map(|number| format!("p{number}")).collect();
    let many: Vec<Described<'_>> = names.iter().map(|name| (&**name, "text", None, "")).collect();
    assert_eq!(refused(&many), "the filter describes 65 parameters; the limit is 64");
    assert_eq!(describing(&many[1..]).start().manifest().parameters.len(), 64);
    for name in ["", "a.b", "a b", "größe", &"x".repeat(65)] {
        let refusal = refused(&[("ok", "text", None, ""), (name, "text", None, "")]);
        assert!(refusal.starts_with("parameter 1 of the filter is named"), "{refusal}");
    }
    assert_eq!(refused(&[("a", "text", None, ""), ("a", "number", None, "")]), "the filter has two parameters \"a\"");
    let long = "x".repeat(513);
    let refusal = refused(&[("a", "text", None, &long)]);
    assert_eq!(refusal, "the description of the filter's parameter \"a\" has 513 bytes; the limit is 512");
    let refusal = refused(&[("a", "text", Some(&long), "")]);
    assert_eq!(refusal, "the default of the filter's parameter \"a\" has 513 bytes; the limit is 512");
    for (kind, default) in [
        ("boolean", "1"),
        ("integer", "1.5"),
        ("integer", "\"1\""),
        ("number", "bright"),
        ("number", "\"inf\""),
        ("number", "1\nb = 2"),
        ("text", "r"),
        ("text", "[\"r\"]"),
    ] {
        let refusal = refused(&[("a", kind, Some(default), "")]);
        assert!(refusal.starts_with("the default of the filter's parameter \"a\" is "), "{kind} {default}: {refusal}");
    }
}

#[test]
fn values_are_read_by_their_kinds() {
    let parse = |kind: ParameterKind, text: &str| kind.parse(text).map(|value| value.to_toml());
    assert_eq!(parse(ParameterKind::Number, "20.5"), Ok("20.5".to_owned()));
    assert_eq!(parse(ParameterKind::Number, "20"), Ok("20.0".to_owned()));
    assert_eq!(parse(ParameterKind::Number, "-inf"), Ok("-inf".to_owned()));
    assert_eq!(parse(ParameterKind::Integer, "20"), Ok("20".to_owned()));
    assert_eq!(parse(ParameterKind::Boolean, "false"), Ok("false".to_owned()));
    assert_eq!(parse(ParameterKind::Text, "20"), Ok("\"20\"".to_owned()));
    let error = |kind: ParameterKind, text: &str| kind.parse(text).unwrap_err().to_string();
    assert_eq!(error(ParameterKind::Number, "bright"), "\"bright\" is not a number");
    assert_eq!(error(ParameterKind::Integer, "20.5"), "\"20.5\" is not an integer");
    assert_eq!(error(ParameterKind::Boolean, "yes"), "\"yes\" is not a boolean (true or false)");
    let wrong = ParameterKind::Integer.convert(ParameterValue::Number(20.5)).unwrap_err();
    assert_eq!(wrong.to_string(), "20.5 is not an integer");
}
