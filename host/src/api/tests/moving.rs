//! Filters that are moved between hosts.

use super::fake::{handover, status};
use super::*;
use crate::filters::HandOver;

#[test]
fn a_filter_is_released_its_module_read_and_the_move_confirmed() {
    let server = Server::start();
    server.control.add(status("bright"));
    let post = |path: &str, body: &str| server.send("POST", &format!("/api/v1/filters/{path}"), &[], body);
    for _ in 0..2 {
        let reply = post("bright/release", r#"{"to": "there"}"#);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(serde_json::from_str::<HandOver>(&reply.body).unwrap(), handover("bright", "there"));
    }
    post("bright/release", r#"{"to": "elsewhere"}"#).error(409, "conflict");
    post("dim/release", r#"{"to": "there"}"#).error(404, "unknown_filter");
    let moved = server.get("/api/v1/filters/bright").json();
    assert_eq!((&moved["state"], &moved["reason"]), (&"moved".into(), &"there".into()));
    let module = server.get("/api/v1/filters/bright/module");
    assert_eq!((module.header("content-type"), &*module.body), ("application/wasm", "\0asm"));
    server.get("/api/v1/filters/lost/module").error(404, "no_module");
    assert_eq!(post("bright/confirm", r#"{"id": "7"}"#).status, 200);
    post("bright/confirm", r#"{"id": "8"}"#).error(409, "conflict");
    let malformed = post("bright/release", r#"{"too": "there"}"#).error(400, "bad_body");
    assert!(malformed.contains("unknown field `too`"), "{malformed}");
    post("bright/release", &" ".repeat(5000)).error(400, "bad_body");
    assert_eq!(server.get("/api/v1/host").json()["name"], "here");
}

#[test]
fn a_hand_over_is_uploaded_with_the_module_and_without_settings() {
    let server = Server::start();
    let document = serde_json::to_string(&handover("bright", "here")).unwrap();
    let form = |more: &str| {
        let part =
            |name: &str, text: &str| format!("--x\r\ncontent-disposition: form-data; name={name}\r\n\r\n{text}\r\n");
        let body = format!("{}{}{more}--x--\r\n", part("module", "module"), part("handover", &document));
        server.send("PUT", "/api/v1/filters/bright", &[("content-type", "multipart/form-data; boundary=x")], &*body)
    };
    assert_eq!(form("").status, 201);
    assert_eq!(*server.control.last_upload().handover.unwrap(), handover("bright", "here"));
    let with = form("--x\r\ncontent-disposition: form-data; name=quota\r\n\r\n5\r\n").error(400, "bad_multipart");
    assert!(with.contains("no others can be given"), "{with}");
    let begun = server.put("/api/v1/filters/late?from=2026-05-09T03:00:00Z", b"module");
    assert_eq!(begun.status, 201);
    assert_eq!(server.control.last_upload().settings.from.as_deref(), Some("2026-05-09T03:00:00Z"));
}
