//! On real Kafka, uploaded filters outlive their host, whatever happens to it.

use std::time::Duration;

use serde_json::{Value, json};
use skysieve::kafka::{EmbeddedBroker, Received};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::bombs::{with_custom_section, with_large_section};
use skysieve_tests::host::{Host, write_filter};
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::setup::{ALL, Setup, ids, packets};
use skysieve_tests::{alerts, module};

#[path = "uploads/access.rs"]
mod access;
#[path = "uploads/kills.rs"]
mod kills;
#[path = "uploads/placed.rs"]
mod placed;
#[path = "uploads/relayed.rs"]
mod relayed;
#[path = "uploads/shared.rs"]
mod shared;

/// The query of a filter that accepts every alert.
const ACCEPT: &str = "config=mode%3D'accept'&quota=1000000";

fn odd() -> Vec<u8> {
    std::fs::read(module("odd")).unwrap()
}

fn sorted_ids<'a>(alerts: impl IntoIterator<Item = &'a SimulatedAlert>) -> Vec<i64> {
    let mut ids: Vec<i64> = alerts.into_iter().map(|alert| alert.id).collect();
    ids.sort_unstable();
    ids
}

/// Makes a change, which must succeed.
#[track_caller]
fn change(host: &Host, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = host.request(method, &format!("/api/v1/filters/{path}"), &[], body.as_bytes());
    assert!(matches!(answer.status, 200 | 201), "{method} {path}: {answer:?}");
    answer.json()
}

/// The SHA-256 hashes of the modules by which the alerts of a topic were judged, by the alerts' offsets.
fn judged_by(came: &[Received], topic: &str) -> Vec<(i64, String)> {
    let header = |message: &Received, name: &str| String::from_utf8(message.header(name).unwrap().to_vec()).unwrap();
    let of = came.iter().filter(|message| *message.topic == *topic);
    let mut judged: Vec<(i64, String)> = of
        .map(|message| (header(message, "skysieve-offset").parse().unwrap(), header(message, "skysieve-version")))
        .collect();
    judged.sort_unstable();
    judged
}

#[test]
fn uploads_are_there_after_a_kill() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("uploads");
    create_topic(&brokers, &topic, 1);
    let setup = Setup::new("uploads", &[ALL]);
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    let sent = alerts(3, 200);
    let mut feeder = feeder(&brokers, &topic, 1);
    let status = host.upload("every", ACCEPT, &odd());
    assert_eq!((&status["kept"], &status["registered"]["version"]), (&json!("registry"), &json!(1)), "{status}");
    // It does not fit into one message.
    let large = with_large_section(&odd(), 7, 3 << 20);
    host.upload("large", &format!("{ACCEPT}&note=large"), &large);
    let watchlist = format!("mode = 'accept'\n# {}\n", "x".repeat(300_000));
    let (config, boundary) = (watchlist.clone(), "----b");
    let mut form =
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"config\"\r\n\r\n{config}\r\n").into_bytes();
    form.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"module\"\r\n\r\n").into_bytes());
    form.extend([&odd()[..], format!("\r\n--{boundary}--\r\n").as_bytes()].concat());
    let kind = format!("multipart/form-data; boundary={boundary}");
    let answer = host.request("POST", "/api/v1/filters/wide", &[("content-type", &kind)], &form);
    assert_eq!(answer.status, 201, "{answer:?}");
    feed(&mut feeder, 1, packets(&sent[..300]));
    wait_for("some verdicts", || host.filter("every")["counts"]["seen"] != 0);
    host.kill();

    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    feed(&mut feeder, 1, packets(&sent[300..]));
    host.await_committed(sent.len() as i64);
    let listed: Value = serde_json::from_str(&host.get("/api/v1/filters")).unwrap();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|filter| filter["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["all", "every", "large", "wide"]);
    assert_eq!((&listed[0]["kept"], &listed[2]["registered"]["note"]), (&json!("folder"), &json!("large")));
    let version: Value = serde_json::from_str(&host.get("/api/v1/filters/wide/versions/1")).unwrap();
    assert_eq!(version["config"], watchlist);
    let came = host.request("GET", "/api/v1/filters/large/versions/1", &[], b"").json();
    assert_eq!((&came["bytes"], &came["sha256"]), (&json!(large.len()), &listed[2]["sha256"]));
    // An open host tells nobody apart.
    assert_eq!((&came["by"], &listed[2]["registered"]["owner"]), (&json!("anyone"), &json!("anyone")));
    assert_eq!(host.request("DELETE", "/api/v1/filters/wide", &[], b"").status, 200);
    assert_eq!(host.stop().0, Some(0));

    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    assert_eq!(host.request("GET", "/api/v1/filters/wide", &[], b"").status, 404);
    assert_eq!(host.stop().0, Some(0));
    let came = read_all(&brokers, &["all", "every", "large"].map(|name| setup.topic(name)));
    for name in ["all", "every", "large"] {
        assert_eq!(ids(&came, &setup.topic(name)), sorted_ids(&sent), "{name}");
    }
}

#[test]
fn versions_change_between_two_alerts() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("versions");
    create_topic(&brokers, &topic, 1);
    let setup = Setup::new("versions", &[ALL]);
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    let sent = alerts(6, 50);
    let mut feeder = feeder(&brokers, &topic, 1);
    let mut parts = sent.chunks(50);
    let mut next = |host: &Host, done: i64| {
        feed(&mut feeder, 1, packets(parts.next().unwrap()));
        host.await_committed(done);
    };
    let first = host.upload("it", ACCEPT, &odd());
    next(&host, 50);
    let second = host.upload("it", ACCEPT, &with_custom_section(&odd(), 2));
    assert_eq!(second["since"][&topic]["0"], 50, "{second}");
    next(&host, 100);
    let rolled_back = change(&host, "POST", "it/activate", &json!({"version": 1}));
    assert_eq!((&rolled_back["sha256"], &rolled_back["since"][&topic]["0"]), (&first["sha256"], &json!(100)));
    next(&host, 150);
    assert_eq!(change(&host, "POST", "it/pause", &Value::Null)["state"], "paused");
    next(&host, 200);
    host.kill();
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    assert_eq!(host.filter("it")["state"], "paused");
    next(&host, 250);
    let patched = change(&host, "PATCH", "it", &json!({"quota": 7, "limits": {"fuel": 900_000}}));
    assert_eq!((&patched["state"], &patched["settings"]["quota"]), (&json!("paused"), &json!(7)), "{patched}");
    let resumed = change(&host, "POST", "it/resume", &Value::Null);
    assert_eq!((&resumed["state"], &resumed["settings"]["limits"]["fuel"]), (&json!("active"), &json!(900_000)));
    next(&host, 300);
    // Filters in the folder are the operator's.
    for (method, path) in [("DELETE", "all"), ("PUT", "all"), ("POST", "all/pause"), ("POST", "all/versions")] {
        let body = if method == "DELETE" { Vec::new() } else { odd() };
        let answer = host.request(method, &format!("/api/v1/filters/{path}"), &[], &body);
        assert!(answer.status == 409 && answer.body.contains("--filters"), "{method} {path}: {answer:?}");
    }
    assert_eq!(host.stop().0, Some(0));
    let came = read_all(&brokers, &[setup.topic("it")]);
    let judged = judged_by(&came, &setup.topic("it"));
    let by = |from: usize, to: usize| {
        let part: Vec<&(i64, String)> = judged.iter().filter(|(at, _)| (from..to).contains(&(*at as usize))).collect();
        let mut versions: Vec<&str> = part.iter().map(|(_, version)| &**version).collect();
        versions.dedup();
        (part.len(), versions.concat())
    };
    let [first, second] = [&first, &second].map(|status| status["sha256"].as_str().unwrap().to_owned());
    assert_eq!([by(0, 50), by(50, 100), by(100, 150)], [(50, first.clone()), (50, second), (50, first.clone())]);
    assert_eq!([by(150, 250), by(250, 300)], [(0, String::new()), (7, first)]);
}

#[test]
fn a_change_is_meant_for_a_revision() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("revisions");
    create_topic(&brokers, &topic, 1);
    let setup = Setup::new("revisions", &[]);
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    let put = |headers: &[(&str, &str)]| host.request("PUT", &format!("/api/v1/filters/it?{ACCEPT}"), headers, &odd());
    assert_eq!(put(&[("if-match", "*")]).status, 404);
    let first = put(&[("if-none-match", "*")]);
    assert_eq!((first.status, host.request("GET", "/api/v1/filters/it", &[], b"").tag), (201, first.tag.clone()));
    assert_eq!(put(&[("if-none-match", "*")]).status, 412);
    let patch = |tag: &str, quota: u32| {
        let body = json!({ "quota": quota }).to_string();
        host.request("PATCH", "/api/v1/filters/it", &[("if-match", tag)], body.as_bytes())
    };
    let second = patch(&first.tag, 5);
    assert_eq!(second.status, 200, "{second:?}");
    let late = patch(&first.tag, 6);
    assert!(late.status == 412 && late.body.contains("at revision 2"), "{late:?}");
    assert_eq!(patch("\"2\"", 7).status, 200);
    assert_eq!(host.request("DELETE", "/api/v1/filters/it", &[("if-match", &second.tag)], b"").status, 412);
    assert_eq!(host.request("DELETE", "/api/v1/filters/it", &[("if-match", "\"3\"")], b"").status, 200);
    assert_eq!(host.request("GET", "/api/v1/filters/it/versions", &[], b"").status, 404);
    assert_eq!(host.stop().0, Some(0));
}

#[test]
fn garbage_in_the_registry_stops_nobody() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("garbage");
    create_topic(&brokers, &topic, 1);
    let setup = Setup::new("garbage", &[]);
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    host.upload("good", ACCEPT, &odd());
    let write = |kind: &str, key: &[u8], value: &'static [u8]| {
        let mut feeder = feeder(&brokers, &format!("{}-{kind}", setup.name), 1);
        feeder.send(0, key.to_vec(), bytes::Bytes::from_static(value)).unwrap();
        feeder.finish().unwrap();
    };
    write("filters", b"good", b"\xff\xfe");
    write("filters", b"newer", br#"{"format": 99, "name": "newer"}"#);
    write("filters", b"../../etc", br#"{"format": 1}"#);
    write("modules", b"nothing/0/18446744073709551615", b"x");
    let unreadable = |host: &Host| host.health()["registry"]["unreadable"].to_string();
    wait_for("three records", || host.health()["registry"]["unreadable"].as_array().unwrap().len() == 3);
    assert!(unreadable(&host).contains("newer") && unreadable(&host).contains("format is 99"), "{}", unreadable(&host));
    let refused = host.request("PUT", &format!("/api/v1/filters/newer?{ACCEPT}"), &[], &odd());
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(host.filter("good")["state"], "active");
    assert_eq!(host.stop().0, Some(0));
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    assert_eq!(host.filter("good")["state"], "active");
    wait_for("the host to be ready", || host.health()["ready"] == true);
    assert_eq!(host.stop().0, Some(0));
}

#[test]
fn without_a_registry_uploads_last_as_long_as_the_process() {
    let broker = EmbeddedBroker::start().unwrap();
    for topic in ["alerts", "t-dead-letters", "t-quotas", "it", "file"] {
        broker.create_topic(topic, 1).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    write_filter(folder.path(), "file", "odd", "[config]\nmode = 'accept'");
    let arguments = ["--name", "t", "--registry", "none", "--filters", folder.path().to_str().unwrap()];
    let host = Host::start(broker.brokers(), "alerts", &arguments);
    host.await_reading();
    assert_eq!(host.upload("it", ACCEPT, &odd())["kept"], "process");
    assert_eq!(host.request("GET", "/api/v1/filters/it/versions", &[], b"").status, 501);
    assert_eq!(host.request("POST", "/api/v1/filters/it/pause", &[], b"").status, 501);
    assert!(host.stop().1 < Duration::from_secs(6));
}
