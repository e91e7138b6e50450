//! Versions of filters, and changes that are meant for a revision.

use super::Server;
use super::fake::status;
use crate::filters::{Expected, FilterChange, SettingsPatch};

fn server() -> Server {
    let server = Server::start();
    server.control.add(status("bright"));
    server
}

fn last(server: &Server) -> (FilterChange, Expected) {
    server.control.changes.lock().last().unwrap().clone()
}

#[test]
fn versions_are_listed_and_shown() {
    let server = server();
    let list = server.get("/api/v1/filters/bright/versions").json();
    assert_eq!((list.as_array().unwrap().len(), &list[1]["active"]), (2, &true.into()));
    assert_eq!(server.get("/api/v1/filters/bright/versions/1").json()["note"], "tighter");
    server.get("/api/v1/filters/bright/versions/3").error(404, "unknown_version");
    server.get("/api/v1/filters/rising/versions").error(404, "unknown_filter");
    for number in ["0x1", "-1", "99999999999", "%00"] {
        server.get(&format!("/api/v1/filters/bright/versions/{number}")).error(400, "bad_path");
    }
    server.get("/api/v1/filters/..%2f/versions/1").error(400, "bad_name");
}

#[test]
fn changes_carry_the_revision_that_they_are_meant_for() {
    let server = server();
    let post = |path: &str, tag: &str, body: &str| {
        server.send("POST", &format!("/api/v1/filters/bright/{path}"), &[("if-match", tag)], body.as_bytes())
    };
    let reply = post("activate", "\"6-18c2\"", r#"{"version": 2}"#);
    assert_eq!((reply.status, reply.header("etag")), (200, "\"7-18c2\""));
    let (change, expected) = last(&server);
    assert!(matches!(change, FilterChange::Activate { version: 2, force: false }), "{change:?}");
    assert_eq!(expected, Expected::Revision("6-18c2".to_owned()));
    let error = post("pause", "\"1\"", "").error(412, "changed");
    assert!(error.contains("revision 7") && error.contains("revision 1"), "{error}");
    assert_eq!(post("resume", "*", "").status, 200);
    assert!(matches!(last(&server), (FilterChange::Resume, Expected::Present)));
    post("resume", "7", "").error(400, "bad_header");
    for body in ["", "{}", r#"{"version": -1}"#, r#"{"version": 1, "more": 2}"#] {
        post("activate", "*", body).error(400, "bad_body");
    }
    let delete = server.send("DELETE", "/api/v1/filters/bright", &[("if-match", "\"7\"")], ());
    assert_eq!(delete.status, 200, "{}", delete.body);
    assert!(matches!(last(&server).0, FilterChange::Delete));
}

#[test]
fn settings_are_patched() {
    let server = server();
    let patch = |body: &str| server.send("PATCH", "/api/v1/filters/bright", &[], body.as_bytes());
    let sent = |body: &str| {
        assert_eq!(patch(body).status, 200, "{body}");
        let (FilterChange::Set(patch), _) = last(&server) else { panic!("{body}") };
        patch
    };
    assert_eq!(sent("{}"), SettingsPatch::default());
    assert_eq!(sent(r#"{"quota": null}"#).quota, Some(None));
    assert_eq!(
        sent(r#"{"quota": 5, "paused": true}"#),
        SettingsPatch { quota: Some(Some(5)), paused: Some(true), ..SettingsPatch::default() }
    );
    assert_eq!(sent(r#"{"limits": {"fuel": 9}}"#).limits.unwrap().fuel, Some(9));
    for body in [r#"{"quota": -1}"#, r#"{"qouta": 1}"#, "7", &" ".repeat(5000)] {
        patch(body).error(400, "bad_body");
    }
}

#[test]
fn a_version_is_added_without_being_activated() {
    let server = server();
    let path = "/api/v1/filters/bright/versions?config=a&note=tighter";
    let reply = server.send("POST", path, &[("content-type", "application/wasm")], b"module");
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.header("location"), "/api/v1/filters/bright/versions/2");
    let (FilterChange::AddVersion(upload), _) = last(&server) else { panic!("no version") };
    assert_eq!((&*upload.note, &*upload.settings.config, &*upload.module), ("tighter", "a", &b"module"[..]));
}
