//! Shadows of filters.

use super::Server;
use super::fake::status;
use crate::filters::{Expected, FilterChange};

fn last(server: &Server) -> (FilterChange, Expected) {
    server.control.changes.lock().last().unwrap().clone()
}

#[test]
fn a_shadow_begins_is_shown_becomes_active_and_ends() {
    let server = Server::start();
    server.control.add(status("bright"));
    let path = "/api/v1/filters/bright/shadow";
    let send = |method: &str, path: &str, tag: &str, body: &str| {
        server.send(method, path, &[("if-match", tag)], body.as_bytes())
    };
    let reply = send("POST", path, "\"6-18c2\"", r#"{"version": 2}"#);
    assert_eq!((reply.status, &reply.json()["version"], &reply.json()["state"]), (200, &2.into(), &"running".into()));
    let (change, expected) = last(&server);
    assert!(matches!(change, FilterChange::Shadow { version: 2, most: None }), "{change:?}");
    assert_eq!(expected, Expected::Revision("6-18c2".to_owned()));
    let shadow = server.get(path).json();
    assert_eq!(
        (&shadow["filter"], &shadow["seen"], &shadow["both"]["count"]),
        (&"bright".into(), &7.into(), &0.into())
    );
    for (query, force) in [("", false), ("?force=true", true)] {
        let reply = send("POST", &format!("{path}/activate{query}"), "*", "");
        assert_eq!((reply.status, reply.header("etag")), (200, "\"7-18c2\""));
        assert!(
            matches!(last(&server), (FilterChange::ActivateShadow { force: asked }, Expected::Present) if asked == force)
        );
    }
    assert_eq!(send("DELETE", path, "*", "").json()["version"], 2);
    assert!(matches!(last(&server).0, FilterChange::EndShadow));
    for body in ["", "{}", r#"{"version": -1}"#, r#"{"version": 1, "more": 2}"#] {
        send("POST", path, "*", body).error(400, "bad_body");
    }
    send("POST", &format!("{path}/activate?force=perhaps"), "*", "").error(400, "bad_query");
    send("POST", &format!("{path}/activate?version=3"), "*", "").error(400, "bad_query");
    send("DELETE", path, "\"1\"", "").error(412, "changed");
    server.get("/api/v1/filters/rising/shadow").error(404, "unknown_filter");
}
