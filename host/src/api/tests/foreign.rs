//! Requests that a browser sends on behalf of a foreign page.

use super::*;

#[test]
fn a_name_that_leads_here_by_somebody_elses_will_is_refused() {
    let server = Server::with(ApiConfig { names: vec!["sieve.example.org".to_owned()], ..ApiConfig::default() });
    let list = |host| server.send("GET", "/api/v1/filters", &[("host", host)], ());
    let message = list("evil.example.com:8080").error(421, "unknown_host");
    assert!(message.contains("\"evil.example.com:8080\"") && message.contains("--allow-host"), "{message}");
    for host in ["sieve.example.org", "localhost:8080", "[::1]", "node-3:8080"] {
        assert_eq!(list(host).status, 200, "{host}");
    }
}

#[test]
fn a_foreign_page_changes_nothing() {
    let server = Server::start();
    let put = |origin: &str| server.send("PUT", "/api/v1/filters/bright", &[("origin", origin)], &b"module"[..]);
    let message = put("http://evil.example.com").error(403, "foreign_page");
    assert!(message.contains("\"http://evil.example.com\""), "{message}");
    assert!(server.control.uploads.lock().is_empty());
    assert_eq!(put(&format!("http://{}", server.address)).status, 201);
}
