//! Configs as they are given at upload, and verdicts.

use serde::Deserialize;
use skysieve_sdk::{IntoVerdict, Verdict, parse_config};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    limit: f64,
    names: Vec<String>,
    nested: Nested,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Nested {
    days: u32,
}

#[test]
fn toml_and_json_say_the_same() {
    let toml = "limit = 17\nnames = [\"a\", \"b\"] # two\n[nested]\ndays = 3\n";
    let json = r#" {"limit": 17, "names": ["a", "b"], "nested": {"days": 3}} "#;
    let expected = Config { limit: 17.0, names: vec!["a".to_owned(), "b".to_owned()], nested: Nested { days: 3 } };
    assert_eq!(parse_config::<Config>(toml).unwrap(), expected);
    assert_eq!(parse_config::<Config>(json).unwrap(), expected);
    assert_eq!(parse_config::<Config>("limit = inf").unwrap().limit, f64::INFINITY);
}

#[test]
fn an_empty_config_is_an_empty_table() {
    assert_eq!(parse_config::<Config>(" \n").unwrap(), Config::default());
}

#[test]
fn errors_name_the_field() {
    let error = |text| parse_config::<Config>(text).unwrap_err();
    for (text, field) in [
        ("limit = \"bright\"", "limit"),
        ("[nested]\ndays = -1", "days"),
        ("limits = 17", "limits"),
        (r#"{"limit": "bright"}"#, "limit"),
        (r#"{"nested": {"days": -1}}"#, "nested.days"),
        (r#"{"limits": 17}"#, "limits"),
    ] {
        assert!(error(text).starts_with("config: ") && error(text).contains(field), "{}", error(text));
    }
    assert!(error("{} {}").contains("trailing"), "{}", error("{} {}"));
    assert!(error("limit 17").contains("line 1"), "{}", error("limit 17"));
}

#[test]
fn what_a_filter_may_return() {
    assert_eq!(true.into_verdict(), Ok(Verdict::Accept));
    assert_eq!(Verdict::from(false).into_verdict(), Ok(Verdict::Reject));
    assert_eq!(Ok::<_, String>(true).into_verdict(), Ok(Verdict::Accept));
    assert_eq!(Err::<bool, _>("no flux").into_verdict(), Err("no flux".to_owned()));
}

#[test]
fn only_accepted_alerts_are_annotated() {
    assert_eq!(Verdict::Reject.with("mag", 17), Verdict::Reject);
    let verdict = Verdict::accept_if(true).with("mag", 17.5).with("band", "g");
    assert_eq!((verdict.annotation("mag"), verdict.annotation("band")), (Some("17.5"), Some("g")));
    assert_eq!(verdict.annotation("seeing"), None);
}
