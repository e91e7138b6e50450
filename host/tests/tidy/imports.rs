//! Which parts of the library may import which others.

use super::tokens::{Token, tokens};

/// The parts of the library ("rooms"), and the others that each of them may import.
const ROOMS: [(&str, &[&str]); 14] = [
    ("heap", &[]),
    ("health", &[]),
    ("http_client", &[]),
    ("schema_registry", &["http_client"]),
    ("hosts", &["filters", "http_client"]),
    ("filters", &["health"]),
    ("catalog", &["filters"]),
    ("jobs", &["filters"]),
    ("access", &["filters"]),
    ("registry", &["access", "filters", "health", "jobs"]),
    ("pipeline", &["filters", "health", "heap", "jobs"]),
    ("kafka", &["access", "filters", "health", "hosts", "jobs", "pipeline", "registry"]),
    ("api", &["access", "catalog", "filters", "health", "hosts", "jobs", "pipeline"]),
    (
        "commands",
        &[
            "access",
            "api",
            "catalog",
            "filters",
            "health",
            "heap",
            "hosts",
            "http_client",
            "jobs",
            "kafka",
            "pipeline",
            "registry",
            "schema_registry",
        ],
    ),
];

/// Crates that only these rooms may import. (For `avro`, `survey`, `sandbox` and `simulate`, their `Cargo.toml` decides.)
const CRATES: [(&str, &[&str]); 8] = [
    ("rdkafka", &["kafka"]),
    ("kafka_protocol", &["kafka"]),
    ("libc", &["heap"]),
    ("axum", &["api"]),
    ("tower_http", &["api"]),
    ("utoipa_axum", &["api"]),
    ("clap", &["commands"]),
    ("ureq", &["http_client", "schema_registry"]),
];

/// Returns what is wrong with a source of the package. Other sources are not checked.
pub fn check(path: &str, source: &str) -> Vec<String> {
    let Some(file) = path.strip_prefix("host/src/").and_then(|path| path.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let modules: Vec<&str> = file.split('/').collect();
    let tokens = tokens(source);
    let mut wrong = Vec::new();
    for at in 0..tokens.len() {
        for known in rooms_named(&tokens, at, modules.len()) {
            wrong.extend(room_advice(modules[0], known.text).map(|advice| format!("{path}:{}: {advice}", known.line)));
        }
        let advice = crate_named(&tokens, at).and_then(|name| crate_advice(&modules, name));
        wrong.extend(advice.map(|advice| format!("{path}:{}: {advice}", tokens[at].line)));
    }
    wrong
}

fn room_advice(room: &str, known: &str) -> Option<String> {
    let may_know = match room {
        "lib" => return None,
        "main" => &["commands"][..],
        _ => match ROOMS.iter().find(|(name, _)| *name == room) {
            Some((_, others)) => others,
            None => return Some(format!("`{room}` is no room: add it to ROOMS in host/tests/tidy/imports.rs")),
        },
    };
    if known == room || may_know.contains(&known) {
        return None;
    }
    Some(format!("`{room}` must not know `{known}`: let `commands` hand over what is needed, or move the code"))
}

fn crate_advice(modules: &[&str], name: &str) -> Option<String> {
    let (_, owners) = CRATES.iter().find(|(known, _)| *known == name)?;
    // Tests of a server need a client.
    let tests = name == "ureq" && modules.get(1) == Some(&"tests");
    let allowed = owners.contains(&modules[0]) || (name == "clap" && modules[0] == "main") || tests;
    (!allowed).then(|| format!("only `{}` may know the crate `{name}`: move the code there", owners.join("` and `")))
}

/// The rooms that a path, or a group of paths, beginning at `at` leads to: behind `crate::`, behind the library's name,
/// or behind as many `super::` as lead out of the room (`depth` of them, or more from a module within the file).
fn rooms_named<'a>(tokens: &[Token<'a>], at: usize, depth: usize) -> Vec<Token<'a>> {
    let text = |at: usize| tokens.get(at).map(|token| token.text);
    match text(at) {
        Some("crate" | "skysieve") if text(at + 1) == Some("::") => heads(&tokens[at + 2..]),
        Some("super") if at < 2 || text(at - 2) != Some("super") => {
            let supers =
                (at..).step_by(2).take_while(|&at| (text(at), text(at + 1)) == (Some("super"), Some("::"))).count();
            let known = heads(&tokens[at + 2 * supers..]);
            let is_room = |token: &Token| ROOMS.iter().any(|(room, _)| *room == token.text);
            if supers < depth { Vec::new() } else { known.into_iter().filter(is_room).collect() }
        }
        _ => Vec::new(),
    }
}

/// The first name of a path, or of each path in a group: `a` and `b` of `{a::c, b::{d, e}}`.
fn heads<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let is_group = tokens.first().is_some_and(|token| token.text == "{");
    if !is_group {
        return tokens.first().copied().into_iter().collect();
    }
    let (mut depth, mut heads) = (0, Vec::new());
    for pair in tokens.windows(2) {
        match pair[0].text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].text, "{" | ",") && pair[1].text != "}" {
            heads.push(pair[1]);
        }
    }
    heads
}

/// The name at `at`, if a path begins with it.
fn crate_named<'a>(tokens: &[Token<'a>], at: usize) -> Option<&'a str> {
    let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map(|token| token.text);
    let (before, after) = (text(at.checked_sub(1)), text(at.checked_add(1)));
    let begins = before != Some("::") || at < 2 || !is_name(tokens[at - 2].text);
    let is_path = matches!(after, Some("::" | "as")) || matches!(before, Some("use" | "crate"));
    (begins && is_path).then_some(tokens[at].text)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_') && text != "use"
}

#[cfg(test)]
mod tests {
    use super::check;

    #[track_caller]
    fn refused(path: &str, source: &str, known: &[&str]) {
        let wrong = check(path, source);
        assert_eq!(wrong.len(), known.len(), "{wrong:?}");
        for (wrong, known) in wrong.iter().zip(known) {
            assert!(wrong.starts_with(&format!("{path}:")) && wrong.contains(&format!("`{known}`")), "{wrong}");
        }
    }

    #[test]
    fn a_room_that_must_not_be_known_is_found() {
        refused("host/src/pipeline/run.rs", "use crate::kafka::Topic;", &["kafka"]);
        refused("host/src/pipeline.rs", "use crate::filters::Entry;\nfn a() { crate::api::b() }", &["api"]);
        refused(
            "host/src/kafka/sink.rs",
            "use crate::{filters::{self, Entry}, api::{a, pipeline}, pipeline, commands};",
            &["api", "commands"],
        );
        refused("host/src/heap.rs", "#[cfg(test)] mod tests { use crate::filters::Entry; }", &["filters"]);
        refused("host/src/filters/entry.rs", "use super::super::kafka::Table;", &["kafka"]);
        refused("host/src/filters.rs", "mod tests { use super::super::{api, kafka}; }", &["api", "kafka"]);
        refused("host/src/main.rs", "fn main() { skysieve::api::serve() }", &["api"]);
        refused("host/src/attic.rs", "use crate::api::Server;", &["attic"]);
    }

    #[test]
    fn a_crate_in_the_wrong_room_is_found() {
        refused("host/src/pipeline/io.rs", "use rdkafka::Message;", &["rdkafka"]);
        refused(
            "host/src/kafka.rs",
            "use {::axum::Router, tower_http as t}; use clap;",
            &["axum", "tower_http", "clap"],
        );
        refused("host/src/api.rs", "#[derive(clap::Parser)] struct A;", &["clap"]);
        refused("host/src/filters/control.rs", "use ureq::Agent;", &["ureq"]);
    }

    #[test]
    fn what_may_be_known_is_let_be() {
        for (path, source) in [
            ("host/src/commands/demo.rs", "use crate::{api, kafka, pipeline}; use clap::Parser;"),
            ("host/src/main.rs", "use clap::Parser; use skysieve::commands::Command;"),
            ("host/src/kafka/source.rs", "use super::topic; use crate::kafka::topic; use rdkafka::Message;"),
            ("host/src/pipeline/run.rs", "// crate::kafka\nlet a = \"crate::api\"; use super::kafka::b;"),
            ("host/src/lib.rs", "pub mod kafka;"),
            ("host/src/api/tests/reading.rs", "use ureq::Agent;"),
            ("tests/src/lib.rs", "use skysieve::kafka; use rdkafka::Message;"),
            ("host/src/commands/produce/files.rs", "use super::super::common::Band; use self::axum;"),
        ] {
            assert_eq!(check(path, source), Vec::<String>::new(), "{source}");
        }
    }
}
