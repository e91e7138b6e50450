//! Users with tokens, at hosts that share a registry.

use std::process::{Command, Output};

use serde_json::{Value, json};
use skysieve_tests::host::{Answer, Host};
use skysieve_tests::kafka::{create_topic, kafka, read_all, unique, wait_for};
use skysieve_tests::{binary, module, skysieve, text};

use super::{ACCEPT, odd, with_large_section};

/// The first operator's token.
const OPERATOR: &str = "a-token-that-nobody-guesses-4711";

/// A topic with hosts that have one registry, and the first operator's token.
struct Site {
    brokers: String,
    topic: String,
    token: tempfile::NamedTempFile,
}

impl Site {
    fn new(name: &str) -> Option<Site> {
        let brokers = kafka()?;
        let topic = unique(name);
        create_topic(&brokers, &topic, 1);
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), format!("{OPERATOR}\n")).unwrap();
        Some(Site { brokers, topic, token })
    }

    /// Starts a host of that name, which reads the stream when this returns.
    fn start(&self, name: &str, more: &[&str]) -> Host {
        let host = self.begin(name, more);
        host.await_reading();
        host
    }

    fn begin(&self, name: &str, more: &[&str]) -> Host {
        let [filters, modules] = ["filters", "modules"].map(|kind| format!("{}-{kind}", self.topic));
        let (name, prefix) = (format!("{}-{name}", self.topic), format!("{}-", self.topic));
        let token = ["--operator-token-file", self.token.path().to_str().unwrap()];
        let arguments = ["--name", &name, "--output-prefix", &prefix, "--registry-filters", &filters];
        let arguments = [&arguments[..], &["--registry-modules", &modules], &token, more].concat();
        Host::start(&self.brokers, &self.topic, &arguments)
    }
}

/// Runs a command with a token in its environment.
fn run(host: &Host, token: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).args(["--server", host.url()]).env("SKYSIEVE_TOKEN", token).env("RUST_LOG", "debug");
    command.output().unwrap()
}

/// Runs a command that must succeed. Returns what it prints.
#[track_caller]
fn print(host: &Host, token: &str, arguments: &[&str]) -> String {
    let output = run(host, token, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Makes a token. Returns it and its id.
#[track_caller]
fn new_token(host: &Host, user: &str, role: &str, more: &[&str]) -> (String, String) {
    let arguments = [&["token", "new", "--user", user, "--role", role], more].concat();
    let printed = print(host, OPERATOR, &arguments);
    // It is alone on stdout.
    let token = printed.strip_suffix('\n').unwrap().to_owned();
    assert!(token.starts_with("sky_") && token.len() == 81 && !token.contains(char::is_whitespace), "{printed}");
    let id = token[4..16].to_owned();
    (token, id)
}

fn ask(host: &Host, token: &str, method: &str, path: &str, body: &[u8]) -> Answer {
    host.request(method, path, &[("authorization", &format!("Bearer {token}"))], body)
}

fn whoami(host: &Host, token: &str) -> u16 {
    ask(host, token, "GET", "/api/v1/whoami", b"").status
}

#[test]
fn tokens_are_known_and_revoked_at_every_host() {
    let Some(site) = Site::new("tokens") else { return };
    let [a, b] = ["a", "b"].map(|name| site.start(name, &[]));
    let (ada, id) = new_token(&a, "ada", "author", &["--note", "for the summer"]);
    wait_for("the other host to know the token", || whoami(&b, &ada) == 200);
    let (bob, _) = new_token(&b, "bob", "viewer", &["--expires", "1h"]);
    wait_for("the first host to know the other token", || whoami(&a, &bob) == 200);
    assert!(print(&a, &ada, &["token", "whoami"]).starts_with("ada: author\n"));
    let list = print(&b, OPERATOR, &["token", "list"]);
    assert!(list.contains(&id) && list.contains("for the summer") && list.contains("operator"), "{list}");
    assert!(!list.contains(&ada[17..]));

    // A record of a token is neither a filter nor garbage.
    let health = ask(&a, OPERATOR, "GET", "/health/ready", b"").json();
    assert_eq!(health["registry"]["unreadable"], json!([]), "{health}");
    assert_eq!(a.get("/health/ready"), r#"{"ready":true}"#);

    // A token does not need its maker: another host with the same registry starts without an operator's token.
    assert!(print(&a, OPERATOR, &["token", "revoke", &id]).contains("ada (author): revoked"));
    assert_eq!(whoami(&a, &ada), 401);
    wait_for("the other host to know of the end", || whoami(&b, &ada) == 401);
    let logs = [a.log(), b.log()].concat();
    assert_eq!(b.stop().0, Some(0));
    let b = site.start("b", &[]);
    assert_eq!((whoami(&b, &ada), whoami(&b, &bob)), (401, 200));

    let (late, _) = new_token(&a, "late", "author", &["--expires", "2s"]);
    wait_for("a token to expire", || whoami(&a, &late) == 401);
    let output = run(&a, &late, &["filters", "list"]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("expired at") && said.contains("token new"), "{said}");
    let output = run(&a, &bob, &["filters", "delete", "nothing"]);
    assert!(text(&output.stderr).contains("role viewer"), "{}", text(&output.stderr));

    // Secrets are nowhere but where they were asked for.
    let seen = [logs, a.log(), b.log(), said, a.command_line(), text(&skysieve(["host", "--help"]).stdout)].concat();
    for secret in [OPERATOR, &ada[17..], &bob[17..], &late[17..]] {
        assert!(!seen.contains(secret), "a secret is told: {seen}");
    }
}

#[test]
fn another_s_filter_is_as_if_it_were_not_there() {
    let Some(site) = Site::new("owners") else { return };
    let [a, b] = ["a", "b"].map(|name| site.start(name, &[]));
    let [(ada, _), (bob, _)] = ["ada", "bob"].map(|user| new_token(&a, user, "author", &[]));
    let put = format!("/api/v1/filters/mine?{ACCEPT}");
    let made = ask(&a, &ada, "PUT", &put, &odd());
    assert_eq!(made.status, 201, "{made:?}");
    let registered = made.json()["registered"].clone();
    assert_eq!(registered["owner"], "ada");
    assert_eq!(ask(&a, &ada, "GET", "/api/v1/filters/mine/versions/1", b"").json()["by"], "ada");
    wait_for("the other host to know bob", || whoami(&b, &bob) == 200);
    wait_for("the other host to know the filter", || ask(&b, &ada, "GET", "/api/v1/filters/mine", b"").status == 200);
    let replayed = ask(&a, &ada, "POST", "/api/v1/filters/mine/replay?from=earliest&into=x", b"");
    assert_eq!(replayed.status, 422, "{replayed:?}");
    let odd = odd();
    for host in [&a, &b] {
        for (method, path, body, status) in [
            ("GET", "mine", &b""[..], 404),
            ("GET", "mine/module", b"", 404),
            ("GET", "mine/versions", b"", 404),
            ("GET", "mine/versions/1", b"", 404),
            ("GET", "mine/versions/1/module", b"", 404),
            ("PUT", "mine", &odd, 409),
            ("POST", "mine", &odd, 409),
            ("POST", "mine/versions", &odd, 409),
            ("POST", "mine/activate", br#"{"version": 1}"#, 404),
            ("POST", "mine/pause", b"", 404),
            ("POST", "mine/resume", b"", 404),
            ("PATCH", "mine", br#"{"quota": 1}"#, 404),
            ("PATCH", "mine", br#"{"owner": "bob"}"#, 403),
            ("DELETE", "mine", b"", 404),
            ("POST", "mine/replay?from=earliest", b"", 404),
            ("POST", "mine/release", br#"{"to": "b"}"#, 404),
            ("POST", "mine/confirm", br#"{"id": "7"}"#, 404),
            ("PATCH", "mine", br#"{"host": "b"}"#, 404),
        ] {
            let headers = [("authorization", &*format!("Bearer {bob}")), ("content-type", "application/wasm")];
            let answer = host.request(method, &format!("/api/v1/filters/{path}"), &headers[..1], body);
            assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
            assert!(!answer.body.contains("ada"), "{method} {path}: {answer:?}");
            // Nor is told that there is one elsewhere.
            if status == 404 {
                let absent = host.request(
                    method,
                    &format!("/api/v1/filters/{path}").replace("mine", "none"),
                    &headers[..1],
                    body,
                );
                assert_eq!(answer.body, absent.body.replace("none", "mine"), "{method} {path}");
            }
        }
    }
    assert_eq!(ask(&a, &bob, "GET", "/api/v1/filters", b"").json(), json!([]));
    let now = ask(&a, &ada, "GET", "/api/v1/filters/mine", b"").json();
    assert_eq!((&now["registered"], &now["state"]), (&registered, &json!("active")));

    // An operator gives it to bob.
    let given = ask(&b, OPERATOR, "PATCH", "/api/v1/filters/mine", br#"{"owner": "bob"}"#);
    assert_eq!((given.status, &given.json()["registered"]["owner"]), (200, &json!("bob")), "{given:?}");
    wait_for("the first host to know that", || ask(&a, &ada, "GET", "/api/v1/filters/mine", b"").status == 404);
    assert_eq!(ask(&a, &bob, "DELETE", "/api/v1/filters/mine", b"").status, 200);
}

#[test]
fn users_have_so_much_and_no_more() {
    let Some(site) = Site::new("limits") else { return };
    let host = site.start("a", &["--filters-per-user", "2", "--uploads-per-hour", "5", "--bytes-per-user", "1"]);
    let (ada, _) = new_token(&host, "ada", "author", &[]);
    let put = |token: &str, name: &str, body: &[u8]| {
        ask(&host, token, "PUT", &format!("/api/v1/filters/{name}?{ACCEPT}"), body)
    };
    assert_eq!((put(&ada, "one", &odd()).status, put(&ada, "two", &odd()).status), (201, 201));
    let refused = put(&ada, "three", &odd());
    assert_eq!((refused.status, &refused.json()["code"]), (507, &json!("over_limit")), "{refused:?}");
    assert!(refused.body.contains("ada has 2 filters") && refused.body.contains("--filters-per-user"), "{refused:?}");
    assert_eq!(ask(&host, &ada, "GET", "/api/v1/filters/three", b"").status, 404);
    // The same code takes no room; other code does.
    let large = with_large_section(&odd(), 7, 1 << 20);
    let refused = put(&ada, "one", &large);
    assert_eq!((refused.status, &refused.json()["code"]), (507, &json!("over_limit")), "{refused:?}");
    assert!(refused.body.contains("--bytes-per-user"), "{refused:?}");
    assert_eq!(put(&ada, "one", &odd()).status, 200);
    let refused = put(&ada, "one", &odd());
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("too_many_uploads")), "{refused:?}");
    // Nobody else is concerned, and operators are not bounded.
    assert_eq!((put(OPERATOR, "three", &large).status, put(OPERATOR, "four", &odd()).status), (201, 201));
    assert_eq!(ask(&host, &ada, "DELETE", "/api/v1/filters/two", b"").status, 200);
}

#[test]
fn changes_are_recorded_in_a_topic() {
    let Some(site) = Site::new("audit") else { return };
    let host = site.start("a", &[]);
    let (ada, id) = new_token(&host, "ada", "author", &[]);
    let (odd, odd_path) = (odd(), module("odd"));
    let upload = ["upload", odd_path.to_str().unwrap(), "--name", "mine", "--config", "mode = 'accept'", "--activate"];
    assert!(print(&host, &ada, &upload).contains("version 1 is active"));
    assert_eq!(host.request("PUT", "/api/v1/filters/mine", &[], &odd).status, 401);
    print(&host, &ada, &["filters", "pause", "mine"]);
    print(&host, &ada, &["filters", "delete", "mine"]);
    print(&host, OPERATOR, &["token", "revoke", &id]);
    let log = host.log();
    assert_eq!(host.stop().0, Some(0));
    let topic = format!("{}-filters-audit", site.topic);
    let records: Vec<Value> = read_all(&site.brokers, std::slice::from_ref(&topic))
        .iter()
        .map(|message| serde_json::from_slice(&message.payload).unwrap())
        .collect();
    let seen: Vec<Value> =
        records.iter().map(|one| json!([one["user"], one["action"], one["filter"], one["status"]])).collect();
    assert_eq!(
        json!(seen),
        json!([
            ["operator", "create_token", null, 201],
            ["ada", "put_filter", "mine", 201],
            [null, "put_filter", "mine", 401],
            ["ada", "pause_filter", "mine", 200],
            ["ada", "delete_filter", "mine", 200],
            ["operator", "revoke_token", null, 200],
        ])
    );
    assert_eq!((&records[1]["token"], &records[1]["role"]), (&json!(id), &json!("author")));
    assert!(records[1]["detail"].as_str().unwrap().starts_with("version 1, SHA-256 "), "{}", records[1]);
    assert!(records.iter().all(|record| record["peer"].as_str().unwrap().starts_with("127.0.0.1:")));
    assert_eq!(
        log.lines().filter(|line| line.contains("audit")).filter(|line| line.contains("put_filter")).count(),
        2,
        "{log}"
    );
}

#[test]
fn a_host_that_everybody_or_nobody_could_use_does_not_start() {
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(binary());
        command.args(["host", "--brokers", "127.0.0.1:1", "--topic", "alerts"]).args(arguments);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let (code, error) = run(&["--open", "--listen", listen], &[]);
        assert!(code == Some(2) && error.contains(listen) && error.contains("--operator-token-file"), "{error}");
    }
    let (code, error) = run(&["--registry", "none"], &[]);
    assert!(code == Some(2) && error.contains("nobody could use") && error.contains("--open"), "{error}");
    let token = ("SKYSIEVE_OPERATOR_TOKEN", "hunter2-hunter2");
    let (code, error) = run(&[], &[token]);
    assert!(code == Some(2) && error.contains("it has 15 characters") && !error.contains("hunter2"), "{error}");
    let (code, error) = run(&["--open"], &[("SKYSIEVE_OPERATOR_TOKEN", OPERATOR)]);
    assert!(code == Some(2) && error.contains("leave out one") && !error.contains(OPERATOR), "{error}");
    let (code, error) = run(&["--operator-token-file", "/no/such"], &[]);
    assert!(code == Some(2) && error.contains("--operator-token-file /no/such: No such file"), "{error}");

    // Only the registry can tell whether there are tokens.
    let Some(brokers) = kafka() else { return };
    let topic = unique("nobody");
    create_topic(&brokers, &topic, 1);
    let mut command = Command::new(binary());
    let filters = format!("{topic}-filters");
    command.args(["host", "--brokers", &brokers, "--topic", &topic, "--name", &topic, "--listen", "127.0.0.1:0"]);
    let output = command.args(["--registry-filters", &filters]).output().unwrap();
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("nobody could use this host's API"), "{error}");
}
