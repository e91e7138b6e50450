//! Dry runs over HTTP.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Server;
use super::fake::status;
use super::uploading::{form, send_form};
use crate::jobs::{CheckedAlerts, JobState, PACKET_BYTES};

fn server() -> Server {
    let server = Server::start();
    server.control.add(status("bright"));
    server.control.jobs.set_most(100);
    server
}

/// From when to when the last check was to judge alerts.
fn span(server: &Server) -> (String, Option<String>) {
    match server.control.checks.lock().last().unwrap().alerts.clone() {
        CheckedAlerts::Past { from, to } => (from, to),
        CheckedAlerts::Packets(_) => panic!("packets"),
    }
}

#[test]
fn a_module_is_checked_on_recent_alerts() {
    let server = server();
    let post = |query: &str| server.send("POST", &format!("/api/v1/check{query}"), &[], b"module");
    let begun = post("?name=mine&quota=5&last=200");
    assert_eq!((begun.status, begun.header("location")), (202, "/api/v1/jobs/1"), "{}", begun.body);
    let job = begun.json();
    assert_eq!((&job["kind"], &job["filter"], &job["cost"]), (&json!("check"), &json!("mine"), &json!(null)));
    assert_eq!(span(&server), ("-200".to_owned(), None));
    let request = server.control.checks.lock().pop().unwrap();
    assert_eq!((&request.upload.module[..], request.upload.settings.quota), (&b"module"[..], Some(5)));
    for (query, from, to) in [
        ("", "-1000", None),
        ("?last=10&to=1778300000", "-10", Some("1778300000")),
        ("?from=earliest", "earliest", None),
        ("?from=1&to=2", "1", Some("2")),
    ] {
        assert_eq!(post(query).status, 202, "{query}");
        assert_eq!(span(&server), (from.to_owned(), to.map(str::to_owned)), "{query}");
    }
}

#[test]
fn packets_come_as_parts_of_a_form() {
    let server = server();
    let body = form(&[("module", "", b"module"), ("packets", "a.avro", b"one"), ("packets", "b.avro", b"two")]);
    assert_eq!(send_form(&server, "POST", "/api/v1/check", &body).status, 202);
    let request = server.control.checks.lock().pop().unwrap();
    assert!(matches!(&request.alerts, CheckedAlerts::Packets(files) if *files == ["one", "two"]), "{request:?}");
    assert_eq!(request.name, "check");
    let body = form(&[("packets", "a.avro", b"one")]);
    assert_eq!(send_form(&server, "POST", "/api/v1/filters/bright/versions/2/check", &body).status, 202);
    let request = server.control.checks.lock().pop().unwrap();
    assert_eq!((&request.name[..], &request.upload.module[..]), ("bright", &b"version 2"[..]));
    // An upload takes no packets.
    let body = form(&[("module", "", b"module"), ("packets", "", b"one")]);
    send_form(&server, "PUT", "/api/v1/filters/bright", &body).error(400, "bad_multipart");
    let large = vec![0; PACKET_BYTES + 1];
    let body = form(&[("module", "", b"module"), ("packets", "", &large)]);
    send_form(&server, "POST", "/api/v1/check", &body).error(413, "too_large");
    let body = form(&[("module", "", b"module"), ("packets", "", b"one")]);
    send_form(&server, "POST", "/api/v1/check?last=5", &body).error(400, "bad_multipart");
}

#[test]
fn a_version_is_checked_as_it_is() {
    let server = server();
    let path = "/api/v1/filters/bright/versions";
    assert_eq!(server.send("POST", &format!("{path}/1/check?last=5"), &[], b"").status, 202);
    server.send("POST", &format!("{path}/7/check"), &[], b"").error(404, "unknown_version");
    server.send("POST", "/api/v1/filters/none/versions/1/check", &[], b"").error(404, "unknown_filter");
    server.send("POST", &format!("{path}/x/check"), &[], b"").error(400, "bad_path");
    for (query, body) in [("?quota=5", &b""[..]), ("", b"module")] {
        let message = server.send("POST", &format!("{path}/1/check{query}"), &[], body).error(400, "bad_body");
        assert!(message.contains("packets only"), "{message}");
    }
}

#[test]
fn a_client_can_wait_for_the_end() {
    let server = server();
    let begun = Instant::now();
    let waited = std::thread::scope(|scope| {
        scope.spawn(|| {
            let running = loop {
                match server.control.running.lock().pop() {
                    Some(running) => break running,
                    None => std::thread::yield_now(),
                }
            };
            std::thread::sleep(Duration::from_millis(100));
            running.end(JobState::Done, None);
        });
        server.send("POST", "/api/v1/check?wait=50", &[], b"module")
    });
    assert_eq!((waited.status, &waited.json()["state"]), (200, &json!("done")));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    let begun = Instant::now();
    assert_eq!(server.send("POST", "/api/v1/check?wait=1", &[], b"module").status, 202);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn what_can_t_be_checked_is_refused() {
    let server = server();
    let post = |query: &str, body: &[u8]| server.send("POST", &format!("/api/v1/check{query}"), &[], body);
    for query in ["?last=0", "?last=x", "?last=1&from=1", "?to=1", "?wait=61", "?wait=x", "?last=1&last=2", "?what=1"] {
        post(query, b"module").error(400, "bad_query");
    }
    post("?name=..", b"module").error(400, "bad_name");
    post("", b"refused").error(422, "refused");
    assert!(server.control.checks.lock().is_empty());
}
