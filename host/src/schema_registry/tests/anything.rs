//! Arbitrary answers of a registry.

use proptest::prelude::*;

use crate::schema_registry::fuzz::registry;

/// A part of an answer; answers are put together from these at random.
fn part() -> impl Strategy<Value = String> {
    let known = [
        r#"{"schema": "\"string\""}"#,
        r#"{"schema": "{\"type\": \"record\", \"name\": \"a\", \"fields\": [{\"name\": \"b\", \"type\": \"other\"}]}", "references": [{"name": "x", "subject": "s/../\u0001?", "version": -1}]}"#,
        r#"{"schema": "{\"type\": \"enum\", \"name\": \"other\", \"symbols\": [\"x\"]}"}"#,
        r#"{"schema": "x", "schemaType": "PROTO\u001b[31mBUF"}"#,
        r#"{"error_code": 40403, "message": "\u0007 no \n such"}"#,
        r#"{"schema": 7}"#,
        "86400",
        "\u{0}",
    ];
    prop_oneof![
        4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => ".{0,40}",
        1 => r#"[{}\[\]",:a-z0-9\\]{0,60}"#,
    ]
}

proptest! {
    #[test]
    fn any_answer_is_read_or_refused(parts in proptest::collection::vec(part(), 0..8)) {
        registry(parts.concat().as_bytes());
        registry(parts.join("\0").as_bytes());
    }
}
