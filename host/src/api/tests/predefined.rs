//! Predefined filters, parameters that are set by their names, and filters that are created.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::uploading::{form, send_form};
use super::{ApiConfig, Reply, Server};
use crate::catalog::Catalog;

/// A server with a catalogue of two modules, one of which is bad.
fn start() -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lsst-bright.wasm"), "bright").unwrap();
    std::fs::write(folder.path().join("bad.wasm"), "refused").unwrap();
    let catalog = Some(Arc::new(Catalog::new(folder.path())));
    (Server::with(ApiConfig { catalog, ..ApiConfig::default() }), folder)
}

fn send_json(server: &Server, method: &str, path: &str, body: &Value) -> Reply {
    server.send(method, path, &[("content-type", "application/json")], body.to_string().as_bytes())
}

#[test]
fn the_catalogue_says_what_there_is_to_set() {
    let (server, _folder) = start();
    let entries = server.get("/api/v1/catalog");
    assert_eq!(entries.status, 200, "{}", entries.body);
    let entries = entries.json();
    assert_eq!((&entries[0]["name"], &entries[0]["refused"]), (&json!("bad"), &json!("it is refused")));
    let parameter = json!({"name": "magnitude", "kind": "number", "default": 17.0, "required": false,
        "description": "The faintest magnitude."});
    assert_eq!((&entries[1]["name"], &entries[1]["parameters"]), (&json!("lsst-bright"), &json!([parameter])));
    assert_eq!(entries[1]["fields"], json!(["candidate.magpsf"]));

    let none = Server::start();
    let reply = none.get("/api/v1/catalog");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (501, Some("no_catalog")), "{}", reply.body);
    assert!(reply.body.contains("--catalog DIR"), "{}", reply.body);
    assert_eq!(none.put("/api/v1/filters/x?predefined=lsst-bright", b"").status, 501);
}

#[test]
fn a_filter_is_made_of_a_predefined_one() {
    let (server, _folder) = start();
    let settings = json!({"predefined": "lsst-bright", "parameters": {"magnitude": 20.5}, "quota": 5,
        "limits": {"fuel": 1000}, "note": "mine"});
    let reply = send_json(&server, "PUT", "/api/v1/filters/mine", &settings);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let upload = server.control.last_upload();
    assert_eq!((&*upload.module, &*upload.settings.config), (&b"bright"[..], "magnitude = 20.5\n"));
    assert_eq!((upload.settings.quota, upload.settings.limits.fuel, &*upload.note), (Some(5), Some(1000), "mine"));

    // The same in the query, and in a form, where texts stand for numbers.
    let query = "predefined=lsst-bright&parameters=%7B%22magnitude%22%3A%20%2219%22%7D";
    let reply = server.put(&format!("/api/v1/filters/mine?{query}"), b"");
    assert_eq!((reply.status, &*server.control.last_upload().settings.config), (200, "magnitude = 19.0\n"));
    let parts: [(&str, &str, &[u8]); 3] =
        [("module", "", b"other"), ("config", "", b"band = 'r'"), ("parameters", "", br#"{"magnitude": "inf"}"#)];
    let reply = send_form(&server, "PUT", "/api/v1/filters/mine", &form(&parts));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let upload = server.control.last_upload();
    assert_eq!((&*upload.module, &*upload.settings.config), (&b"other"[..], "band = \"r\"\nmagnitude = inf\n"));
}

#[test]
fn what_can_not_be_made_is_told() {
    let (server, _folder) = start();
    let put = |settings: Value| {
        let reply = send_json(&server, "PUT", "/api/v1/filters/mine", &settings);
        (reply.status, reply.json()["detail"].as_str().unwrap_or_default().to_owned())
    };
    let with = |parameters: Value| json!({"predefined": "lsst-bright", "parameters": parameters});
    for (settings, status, says) in [
        (with(json!({"magnitud": 20})), 422, "no parameter \"magnitud\" (did you mean magnitude?)"),
        (with(json!({"magnitude": "bright"})), 422, "parameter magnitude: \"bright\" is not a number"),
        (with(json!({"magnitude": true})), 422, "parameter magnitude: true is not a number"),
        (with(json!({"magnitude": [1]})), 400, "cannot read the body"),
        (json!({"predefined": "lsst-brihgt"}), 404, "(did you mean lsst-bright?)"),
        (json!({"predefined": "../lsst-bright"}), 404, "no predefined filter"),
        (json!({"predefined": "lsst-bright", "colour": "red"}), 400, "colour"),
        (json!({"parameters": {"magnitude": 20}}), 400, "`predefined`"),
        (json!({"name": "x", "predefined": "lsst-bright"}), 400, "the path has the filter's name"),
        (json!({"predefined": "lsst-bright", "quota": 0}), 400, "cannot read the body: quota is 0"),
        (json!("lsst-bright"), 400, "cannot read the body"),
    ] {
        let (found, detail) = put(settings.clone());
        assert!(found == status && detail.contains(says), "{settings}: {found} {detail}");
    }
    let twice = json!({"predefined": "lsst-bright", "note": "mine"});
    let reply = send_json(&server, "PUT", "/api/v1/filters/mine?note=theirs", &twice);
    assert!(reply.status == 400 && reply.body.contains("given in the query, too"), "{}", reply.body);
    let reply = server.put("/api/v1/filters/mine?predefined=lsst-bright", b"module");
    assert!(reply.status == 400 && reply.body.contains("predefined"), "{}", reply.body);
    assert_eq!(server.get("/api/v1/filters/mine").status, 404);
}

#[test]
fn a_filter_is_created_once() {
    let (server, _folder) = start();
    let settings = json!({"name": "mine", "predefined": "lsst-bright"});
    let reply = send_json(&server, "POST", "/api/v1/filters", &settings);
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.headers["location"], "/api/v1/filters/mine");
    assert_eq!(server.control.last_upload().module, b"bright");
    let reply = send_json(&server, "POST", "/api/v1/filters", &settings);
    assert_eq!((reply.status, reply.json()["code"].as_str()), (409, Some("conflict")), "{}", reply.body);

    let parts: [(&str, &str, &[u8]); 2] = [("name", "", b"other"), ("module", "other.wasm", b"module")];
    let reply = send_form(&server, "POST", "/api/v1/filters", &form(&parts));
    assert_eq!((reply.status, &*server.control.last_upload().module), (201, &b"module"[..]), "{}", reply.body);
    for (settings, says) in [
        (json!({"predefined": "lsst-bright"}), "what is the filter to be called?"),
        (json!({"name": "a/b", "predefined": "lsst-bright"}), "is not a filter's name"),
        (json!({"name": "", "predefined": "lsst-bright"}), "is not a filter's name"),
    ] {
        let reply = send_json(&server, "POST", "/api/v1/filters", &settings);
        assert!(reply.status == 400 && reply.body.contains(says), "{settings}: {}", reply.body);
    }
}
