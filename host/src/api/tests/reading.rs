//! Reading filters, health, metrics, the page and the description, and requesting paths that do not exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fake::status;
use super::{Reply, Server};
use crate::filters::{State, Status};
use crate::health::{Health, PartitionLag, RegistryHealth, StageSeconds};

#[test]
fn filters_are_listed_shown_and_deleted() {
    let server = Server::start();
    assert_eq!(server.get("/api/v1/filters").json(), json!([]));
    server.control.add(status("bright"));
    server.control.add(Status { state: State::Suspended("too many faults".to_owned()), ..status("asteroid") });

    let list = server.get("/api/v1/filters");
    assert_eq!(list.status, 200);
    assert_eq!(list.json()[0]["name"], "asteroid");
    let bright = server.get("/api/v1/filters/bright").json();
    assert_eq!(list.json()[1], bright);
    assert_eq!(bright["state"], "active");
    assert_eq!(
        bright["counts"],
        json!({"seen": 1000, "accepted": 20, "rejected": 950, "over_quota": 25, "faulted": 5, "too_large": 0})
    );
    assert_eq!(list.json()[0]["state"], "suspended");
    assert_eq!(list.json()[0]["reason"], "too many faults");

    let deleted = server.delete("/api/v1/filters/bright");
    assert_eq!((deleted.status, deleted.json()), (200, bright));
    let message = server.get("/api/v1/filters/bright").error(404, "unknown_filter");
    assert_eq!(message, r#"there is no filter "bright""#);
    server.delete("/api/v1/filters/bright").error(404, "unknown_filter");
}

#[test]
fn lists_come_in_pages_and_by_state() {
    let server = Server::start();
    for name in ["a", "b-1", "c.d", "e", "f"] {
        server.control.add(status(name));
    }
    server.control.add(Status { state: State::Paused, ..status("d") });
    let names = |reply: &Reply| -> Vec<String> {
        reply.json().as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let (mut path, mut seen) = ("/api/v1/filters?limit=2&state=active".to_owned(), Vec::new());
    for page in [&["a", "b-1"][..], &["c.d", "e"], &["f"]] {
        let reply = server.get(&path);
        assert_eq!(names(&reply), page);
        seen.push(reply.header("link").to_owned());
        path = seen.last().unwrap().split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    }
    assert_eq!(seen[0], "</api/v1/filters?state=active&limit=2&after=b%2D1>; rel=\"next\"");
    assert_eq!(seen[2], "", "the last page is the last");
    assert_eq!(names(&server.get("/api/v1/filters?state=paused")), ["d"]);
    assert_eq!(names(&server.get("/api/v1/filters?after=d&limit=1000")), ["e", "f"]);
    assert_eq!(names(&server.get("/api/v1/filters?owner=nobody")), [""; 0]);
    for query in ["limit=0", "limit=1001", "limit=x", "state=asleep", "page=2", "after=a&after=b"] {
        server.get(&format!("/api/v1/filters?{query}")).error(400, "bad_query");
    }
    for name in State::NAMES {
        assert_eq!(server.get(&format!("/api/v1/filters?state={name}")).status, 200);
    }
    let json = serde_json::to_value(State::Elsewhere("b".to_owned())).unwrap();
    assert_eq!(json["state"], State::Elsewhere(String::new()).name());
}

#[test]
fn names_that_are_none_are_refused() {
    let server = Server::start();
    let cases = [
        ("a%2Fb", "400", "bad_name"),
        ("..%2f..%2fetc%2fpasswd", "400", "bad_name"),
        ("a%00", "400", "bad_name"),
        ("%C3%A4", "400", "bad_name"),
        ("%", "400", "bad_name"),
        ("%FF", "400", "bad_path"),
        (&"a".repeat(101), "400", "bad_name"),
        ("a/b", "404", "no_such_path"),
        ("", "404", "no_such_path"),
    ];
    for (name, status, code) in cases {
        for method in ["GET", "PUT", "DELETE"] {
            let head = format!("{method} /api/v1/filters/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
            let reply = server.raw(format!("{head}Content-Length: 0\r\n\r\n").as_bytes());
            assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {name:?}: {reply}");
            assert!(reply.contains(&format!(r#""code":"{code}""#)), "{method} {name:?}: {reply}");
        }
    }
}

#[test]
fn other_paths_and_methods_are_refused() {
    let server = Server::start();
    server.get("/api/v2/filters").error(404, "no_such_path");
    let reply = server.put("/api/v1/filters", b"module");
    reply.error(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), "GET,HEAD,POST");
    server.delete("/metrics").error(405, "method_not_allowed");
}

#[test]
fn what_is_not_http_is_refused() {
    let server = Server::start();
    assert!(server.first_line(b"\x16\x03\x01\x02\x00\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    assert!(server.first_line(long.as_bytes()).starts_with("HTTP/1.1 414 "));
    let wide = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(200_000));
    assert!(server.first_line(wide.as_bytes()).starts_with("HTTP/1.1 431 "));
    assert_eq!(server.get("/health/live").status, 200);
}

#[test]
fn health_says_why_the_host_is_not_ready() {
    let server = Server::start();
    let live = server.get("/health/live");
    assert_eq!((live.status, live.json()), (200, json!({"status": "live"})));

    *server.control.health.lock() =
        Health { detail: "no broker answers at kafka:9092".to_owned(), ..Health::default() };
    let unready = server.get("/health/ready");
    assert_eq!((unready.status, &unready.json()["ready"]), (503, &json!(false)));
    assert_eq!(unready.json()["detail"], "no broker answers at kafka:9092");

    *server.control.health.lock() = Health { ready: true, messages: 7, ..Health::default() };
    let ready = server.get("/health/ready");
    assert_eq!((ready.status, &ready.json()["messages"]), (200, &json!(7)));
}

#[test]
fn a_panic_is_answered_and_kept_secret() {
    let server = Server::start();
    for reply in [
        server.get("/api/v1/filters/panic"),
        server.delete("/api/v1/filters/panic"),
        server.put("/api/v1/filters/any", b"panic"),
    ] {
        reply.error(500, "internal");
        assert!(!reply.body.contains("secret"), "{}", reply.body);
    }
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.put("/api/v1/filters/any", b"module").status, 201);
}

#[test]
fn metrics_are_open_metrics() {
    let server = Server::start();
    check_metrics(&server.get("/metrics"));
    server.control.add(status("bright"));
    server.control.add(Status { state: State::Suspended(String::new()), ..status("a\"\\\n} 1") });
    *server.control.health.lock() = Health {
        ready: true,
        messages: 12,
        bytes: 4096,
        stage_seconds: StageSeconds { judge: 1.5, ..StageSeconds::default() },
        ..Health::default()
    };

    let samples = check_metrics(&server.get("/metrics"));
    let value =
        |sample: &str| samples.get(sample).map(String::as_str).unwrap_or_else(|| panic!("{sample}: {samples:#?}"));
    assert_eq!(value("skysieve_ready"), "1");
    assert_eq!(value("skysieve_filters"), "2");
    assert_eq!(value("skysieve_messages_total"), "12");
    assert_eq!(value("skysieve_fetched_bytes_total"), "4096");
    for (verdict, count) in [("accepted", "20"), ("rejected", "950"), ("over_quota", "25"), ("faulted", "5")] {
        assert_eq!(value(&format!(r#"skysieve_filter_alerts_total{{filter="bright",verdict="{verdict}"}}"#)), count);
    }
    assert_eq!(value(r#"skysieve_filter_seen_alerts_total{filter="bright"}"#), "1000");
    assert_eq!(value(r#"skysieve_filter_fuel_total{filter="bright"}"#), "123456");
    assert_eq!(value(r#"skysieve_filter_time_seconds_total{filter="bright"}"#), "0.25");
    assert_eq!(value(r#"skysieve_filter_memory_peak_bytes{filter="bright"}"#), "1114112");
    assert_eq!(value(r#"skysieve_filter_active{filter="bright"}"#), "1");
    assert_eq!(value(r#"skysieve_filter_faults_total{filter="bright",kind="fuel"}"#), "5");
    assert_eq!(value(r#"skysieve_filter_info{filter="bright",version="",module="5e884898da28",owner=""}"#), "1");
    for (filter, state, is_so) in
        [("bright", "active", "1"), ("bright", "suspended", "0"), (r#"a\"\\\n} 1"#, "suspended", "1")]
    {
        assert_eq!(value(&format!(r#"skysieve_filter_state{{filter="{filter}",state="{state}"}}"#)), is_so);
    }
    assert_eq!(value("skysieve_live_hosts"), "1");
    assert_eq!(value(r#"skysieve_stage_seconds_total{stage="judge"}"#), "1.5");
    assert_eq!(value(r#"skysieve_filter_active{filter="a\"\\\n} 1"}"#), "0");
}

/// Checks that the text conforms to [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/), as far
/// as it is used here, and returns the value of each sample.
fn check_metrics(reply: &Reply) -> BTreeMap<String, String> {
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = reply.body.strip_suffix("# EOF\n").unwrap();
    let (mut kinds, mut helps, mut samples) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (keyword, family, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match keyword {
                "TYPE" => assert_eq!(kinds.insert(family, rest), None, "{line}"),
                "HELP" => assert!(helps.insert(family), "{line}"),
                "UNIT" => assert!(family.ends_with(&format!("_{rest}")), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().unwrap() >= 0.0, "{line}");
        let name = sample.split('{').next().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        let family = name.strip_suffix("_total").unwrap_or(name);
        assert_eq!(kinds[family], if name == family { "gauge" } else { "counter" }, "{line}");
        assert!(helps.contains(family), "{line}");
        if let Some(labels) = sample.strip_prefix(name).unwrap().strip_prefix('{') {
            check_labels(labels.strip_suffix('}').unwrap());
        }
        assert_eq!(samples.insert(sample.to_owned(), value.to_owned()), None, "{line}");
    }
    samples
}

/// Checks labels: `name="value"`, separated by commas, where a backslash in a value precedes only a backslash, a quote
/// or an n.
fn check_labels(labels: &str) {
    let (name, rest) = labels.split_once("=\"").unwrap();
    assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{labels}");
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => assert!(matches!(chars.next(), Some((_, '\\' | '"' | 'n'))), "{labels}"),
            '"' => match &rest[at + 1..] {
                "" => return,
                more => return check_labels(more.strip_prefix(',').unwrap()),
            },
            _ => {}
        }
    }
    panic!("no end: {labels}");
}

#[test]
fn the_page_needs_nothing_else_and_runs_nothing_else() {
    let page = Server::start().get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'self'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    for tag in ["<script>", "</script>", "<style>", "</style>"] {
        assert_eq!(page.body.matches(tag).count(), 1, "{tag}");
    }
    for foreign in ["://", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "onclick", " style="] {
        assert!(!page.body.contains(foreign), "{foreign}");
    }
}

#[test]
fn openapi_has_every_route_and_every_schema() {
    const ROUTES: [(&str, &[&str]); 33] = [
        ("/", &["get"]),
        ("/api/v1/catalog", &["get"]),
        ("/api/v1/check", &["post"]),
        ("/api/v1/filters", &["get", "post"]),
        ("/api/v1/filters/{name}", &["delete", "get", "patch", "post", "put"]),
        ("/api/v1/filters/{name}/activate", &["post"]),
        ("/api/v1/filters/{name}/confirm", &["post"]),
        ("/api/v1/filters/{name}/faults", &["get"]),
        ("/api/v1/filters/{name}/logs", &["get"]),
        ("/api/v1/filters/{name}/module", &["get"]),
        ("/api/v1/filters/{name}/pause", &["post"]),
        ("/api/v1/filters/{name}/release", &["post"]),
        ("/api/v1/filters/{name}/replay", &["post"]),
        ("/api/v1/filters/{name}/resume", &["post"]),
        ("/api/v1/filters/{name}/shadow", &["delete", "get", "post"]),
        ("/api/v1/filters/{name}/shadow/activate", &["post"]),
        ("/api/v1/filters/{name}/stats", &["get"]),
        ("/api/v1/filters/{name}/versions", &["get", "post"]),
        ("/api/v1/filters/{name}/versions/{number}", &["get"]),
        ("/api/v1/filters/{name}/versions/{number}/check", &["post"]),
        ("/api/v1/filters/{name}/versions/{number}/module", &["get"]),
        ("/api/v1/host", &["get"]),
        ("/api/v1/hosts", &["get"]),
        ("/api/v1/jobs", &["get"]),
        ("/api/v1/jobs/{id}", &["delete", "get"]),
        ("/api/v1/jobs/{id}/ids", &["get"]),
        ("/api/v1/openapi.json", &["get"]),
        ("/api/v1/tokens", &["get", "post"]),
        ("/api/v1/tokens/{id}", &["delete"]),
        ("/api/v1/whoami", &["get"]),
        ("/health/live", &["get"]),
        ("/health/ready", &["get"]),
        ("/metrics", &["get"]),
    ];
    let server = Server::start();
    server.control.add(status("{name}"));
    let document = server.get("/api/v1/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    let listed: Vec<(&str, Vec<&str>)> = paths
        .iter()
        .map(|(path, methods)| (path.as_str(), methods.as_object().unwrap().keys().map(String::as_str).collect()))
        .collect();
    assert_eq!(listed, ROUTES.map(|(path, methods)| (path, methods.to_vec())));
    for (path, methods) in ROUTES {
        for method in methods {
            let path = path.replace("{name}", "bright").replace("{id}", "7").replace("{number}", "1");
            let reply = server.send(&method.to_uppercase(), &path, &[], ());
            assert!(!reply.body.contains("no_such_path") && reply.status != 405, "{method} {path}: {}", reply.body);
        }
    }
    let (mut references, schemas) = (BTreeSet::new(), document["components"]["schemas"].as_object().unwrap());
    find_references(&document, &mut references);
    assert!(references.len() > 5);
    let operations = || paths.values().flat_map(|path| path.as_object().unwrap().values());
    let ids: BTreeSet<&str> = operations().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations().count(), "{ids:?}");
    for operation in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let is_problem = response["content"].get("application/problem+json").is_some();
            // A host that is not ready says so with its whole state.
            let is_state = response.to_string().contains("schemas/Readiness");
            assert_eq!(is_problem, status.starts_with(['4', '5']) && !is_state, "{status}: {operation}");
        }
    }
    for reference in references {
        assert!(schemas.contains_key(reference.strip_prefix("#/components/schemas/").unwrap()), "{reference}");
    }
}

fn find_references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| find_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| find_references(value, found)),
        _ => {}
    }
}

#[test]
fn every_metric_is_explained() {
    let server = Server::start();
    server.control.add(status("bright"));
    let lag = PartitionLag {
        topic: "a".to_owned(),
        partition: 0,
        position: Some(1),
        committed: Some(1),
        high: Some(2),
        lost: 1,
    };
    let registry = RegistryHealth { offset: Some(7), last_write: Some(1), ..RegistryHealth::default() };
    let partitions = vec![lag];
    *server.control.health.lock() =
        Health { memory: Some(1), registry: Some(registry), partitions, ..Health::default() };
    let metrics = server.get("/metrics").body;
    let samples = metrics.lines().filter(|line| !line.starts_with('#'));
    let written: BTreeSet<&str> = samples.map(|line| line.split(['{', ' ']).next().unwrap()).collect();
    let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations/metrics.md"));
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let explained: BTreeSet<&str> = rows.map(|(name, _)| name).collect();
    assert_eq!(written, explained);
}
