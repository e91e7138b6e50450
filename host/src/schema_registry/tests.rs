//! Tests of the client with a small registry in this process.

mod anything;
mod trouble;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;

use super::Registry;
use super::pauses::Patience;
use crate::http_client::Address;
use skysieve_avro::{AvroError, Lookup, Resolver, Schemas};

const NOT_FOUND: &str = r#"{"error_code": 40403, "message": "Schema not found"}"#;

/// A server with fixed answers, which records the heads of requests.
struct Server {
    url: String,
    answers: Arc<Mutex<HashMap<String, (u16, String)>>>,
    requests: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answers, requests, ended) = (Arc::default(), Arc::default(), Arc::new(AtomicBool::new(false)));
        let server = Server { url, answers, requests, ended };
        let (answers, requests, ended) = (server.answers.clone(), server.requests.clone(), server.ended.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming().take_while(|_| !ended.load(Ordering::Relaxed)) {
                answer(connection.unwrap(), &answers, &requests);
            }
        });
        server
    }

    fn put(&self, path: &str, status: u16, body: impl ToString) {
        self.answers.lock().insert(path.to_owned(), (status, body.to_string()));
    }

    /// Sets an answer, including its head, as it is sent.
    fn raw(&self, path: &str, answer: &str) {
        self.put(path, 0, answer);
    }

    fn schema(&self, id: u32, avsc: &str) {
        self.put(&format!("/schemas/ids/{id}"), 200, json!({ "schema": avsc }));
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }

    /// A client with pauses of 50 ms instead of seconds.
    fn registry(&self) -> Arc<Registry> {
        let pause = Duration::from_millis(50);
        let patience = Patience { first: pause, last: pause * 2, ..Patience::default() };
        self.patient(patience)
    }

    fn patient(&self, patience: Patience) -> Arc<Registry> {
        Arc::new(Registry::patient(Address::parse(&self.url, None).unwrap(), patience))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn answer(mut connection: TcpStream, answers: &Mutex<HashMap<String, (u16, String)>>, requests: &Mutex<Vec<String>>) {
    let lines = BufReader::new(connection.try_clone().unwrap()).lines();
    let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
    let known = answers.lock().get(path).cloned();
    requests.lock().push(head.join("\n"));
    let (status, body) = known.unwrap_or((404, NOT_FOUND.to_owned()));
    // A server that refuses a long body hangs up.
    if status == 0 {
        let _ = connection.write_all(body.as_bytes());
        return;
    }
    let _ = write!(
        connection,
        "HTTP/1.1 {status} Thus\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

const ALERT: &str = r#"{"type": "record", "name": "alert", "fields": [{"name": "id", "type": "long"}]}"#;

/// A message with that schema id.
fn message(id: u32) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), &[14]].concat()
}

#[track_caller]
fn reason(lookup: Lookup) -> String {
    match lookup {
        Lookup::Unavailable(why) | Lookup::Unusable(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_schema_is_asked_for_once() {
    let server = Server::start();
    server.schema(7, ALERT);
    let schemas = Schemas::builtin().with_resolver(server.registry());
    for _ in 0..3 {
        let message = message(7);
        let framed = schemas.frame(&message).unwrap();
        assert_eq!(schemas.name(framed.schema), "alert");
        schemas.validate(&framed).unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].starts_with("GET /schemas/ids/7 HTTP/1.1\n"), "{requests:?}");
    schemas.frame(&message(1101)).unwrap();
    assert_eq!(
        server.requests().len(),
        2,
        "whoever names a registry wants to know what it says of ids that are built in"
    );
    schemas.frame(&message(1101)).unwrap();
    assert_eq!(server.requests().len(), 2, "but not for every alert");
}

#[test]
fn references_are_followed() {
    let server = Server::start();
    let alert = r#"{"type": "record", "name": "alert", "namespace": "sky", "fields":
        [{"name": "id", "type": "long"}, {"name": "source", "type": "sky.source"}, {"name": "band", "type": "band"}]}"#;
    let source = r#"{"type": "record", "name": "sky.source", "fields": [{"name": "band", "type": "sky.band"}]}"#;
    let band = r#"{"type": "enum", "name": "sky.band", "symbols": ["g", "r"]}"#;
    // References can have any name.
    let refer = |name: &str, subject: &str| json!([{"name": name, "subject": subject, "version": 3}]);
    server.put("/schemas/ids/9", 200, json!({"schema": alert, "references": refer("diaSource.avsc", "a/b c")}));
    let answer = json!({"schema": source, "references": refer("diaSource.avsc", "bands"), "id": 4});
    server.put("/subjects/a%2Fb%20c/versions/3?deleted=true", 200, answer);
    server.put("/subjects/bands/versions/3?deleted=true", 200, json!({"schema": band, "references": null}));
    let schemas = Schemas::default().with_resolver(server.registry());
    let schema = schemas.frame(&message(9)).unwrap().schema;
    let paths: Vec<String> = schemas.paths(schema).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["id", "source.band", "band"]);

    server.put("/schemas/ids/10", 200, json!({"schema": alert, "references": refer("sky.source", "gone")}));
    let error = schemas.frame(&message(10)).unwrap_err().to_string();
    assert!(error.contains("/subjects/gone/versions/3"), "{error}");
}

#[test]
fn an_unknown_id_is_asked_for_again_after_a_pause_only() {
    let server = Server::start();
    let schemas = Schemas::default().with_resolver(server.registry());
    let begun = Instant::now();
    let mut lookups = 0;
    while begun.elapsed() < Duration::from_millis(400) {
        let error = schemas.frame(&message(7)).unwrap_err();
        assert_eq!(error, AvroError::AbsentSchema { id: 7 });
        assert!(!error.may_pass(), "the registry has answered");
        lookups += 1;
    }
    let asked = server.requests().len();
    assert!(lookups > 100 && (2..=8).contains(&asked), "asked {asked} times in {lookups} lookups");
    server.schema(7, ALERT);
    while schemas.frame(&message(7)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "never decoded");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_stream_of_unknown_ids_does_not_wear_the_registry_out() {
    let server = Server::start();
    let registry = server.patient(Patience { burst: 5.0, per_second: 100.0, ..Patience::default() });
    let begun = Instant::now();
    assert!((0..35).all(|id| registry.look_up(id) == Lookup::Unknown), "each is answered, none is put off");
    assert!(begun.elapsed() >= Duration::from_millis(290), "{:?}", begun.elapsed());
    assert_eq!(server.requests().len(), 35);
    // The registry is not asked for numbers that can't be ids.
    assert!((1 << 31..(1 << 31) + 10_000).all(|id| registry.look_up(id) == Lookup::Unknown));
    assert_eq!(registry.look_up(u32::MAX), Lookup::Unknown);
    assert_eq!(server.requests().len(), 35);
}

#[test]
fn a_registry_out_of_reach_is_told_from_an_unknown_id() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = Address::parse(&format!("http://me:hush@{unused}"), None).unwrap();
    let registry = Arc::new(Registry::new(address));
    let schemas = Schemas::default().with_resolver(registry);
    let error = schemas.frame(&message(7)).unwrap_err();
    assert!(matches!(error, AvroError::SchemaUnavailable { id: 7, .. }) && error.may_pass(), "{error:?}");
    let said = error.to_string();
    assert!(said.contains(&format!("http://{unused}/schemas/ids/7")) && !said.contains("hush"), "{said}");
    let begun = Instant::now();
    assert_eq!(schemas.frame(&message(8)).unwrap_err().to_string(), said.replacen("id 7", "id 8", 1));
    assert!(begun.elapsed() < Duration::from_millis(90), "it was asked again at once");
}

#[test]
fn trouble_is_tried_again() {
    let server = Server::start();
    server.put("/schemas/ids/7", 503, "later");
    let registry = server.registry();
    assert!(reason(registry.look_up(7)).contains("status 503"));
    assert_eq!(server.requests().len(), 3);
    server.schema(7, ALERT);
    let begun = Instant::now();
    while registry.look_up(7) != Lookup::Found(ALERT.to_owned(), Vec::new()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "never found");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn hostile_answers_are_refused() {
    let server = Server::start();
    let schemas = Schemas::default().with_resolver(server.registry());
    let circle = json!([{"name": "b", "subject": "b", "version": 1}, {"name": "a", "subject": "a", "version": 1}]);
    let avsc = r#"{"type": "record", "name": "a", "fields": [{"name": "b", "type": "b"}]}"#;
    for subject in ["a", "b"] {
        let path = format!("/subjects/{subject}/versions/1?deleted=true");
        server.put(&path, 200, json!({"schema": avsc, "references": circle}));
    }
    let endless = "[".repeat(1 << 19);
    let bodies = [
        (1, json!({"schema": "\"string\""}), "an alert is a record"),
        (2, json!({"schema": endless}), "recursion limit"),
        (3, json!({"schema": "message A {}", "schemaType": "PROTOBUF"}), "PROTOBUF"),
        (4, json!({"schema": avsc, "references": circle}), "there is no type"),
        (5, json!({"schema": avsc}), "there is no type"),
    ];
    for (id, body, expected) in &bodies {
        server.put(&format!("/schemas/ids/{id}"), 200, body);
        let error = schemas.frame(&message(*id)).unwrap_err();
        assert!(matches!(error, AvroError::UnusableSchema { .. }) && !error.may_pass(), "{error:?}");
        assert!(error.to_string().contains(expected), "{id}: {error}");
        let asked = server.requests().len();
        assert_eq!(schemas.frame(&message(*id)).unwrap_err(), error);
        assert_eq!(server.requests().len(), asked, "asked again for what never changes");
    }
    server.put("/schemas/ids/6", 200, "x".repeat(5 << 20));
    let large = server.registry().look_up(6);
    assert!(matches!(&large, Lookup::Unusable(why) if why.contains("more than 4194304 bytes")), "{large:?}");
    for body in ["<html>", "", "[]", "{}", r#"{"schema": 7}"#, r#"{"schema": "7"#] {
        server.put("/schemas/ids/6", 200, body);
        let lookup = server.registry().look_up(6);
        let told = |why: &String| why.contains("does not answer as a schema registry");
        assert!(matches!(&lookup, Lookup::Unavailable(why) if told(why)), "{lookup:?}");
    }
    server.put("/schemas/ids/6", 404, "<html>");
    assert!(reason(server.registry().look_up(6)).contains("is a schema registry there?"));
}

#[test]
fn basic_auth_from_the_address_or_beside_it() {
    let server = Server::start();
    server.schema(7, ALERT);
    let host = server.url.trim_start_matches("http://");
    let authorization = |url: &str, user: Option<&str>| {
        Registry::new(Address::parse(url, user).unwrap()).look_up(7);
        let head = server.requests().pop().unwrap();
        head.lines().find_map(|line| line.to_lowercase().starts_with("authorization:").then(|| line[15..].to_owned()))
    };
    assert_eq!(authorization(&server.url, None), None);
    // These are "m:e" and "p@ss", and "a:b".
    assert_eq!(authorization(&format!("http://m%3Ae:p%40ss@{host}/"), Some("a:b")).unwrap(), "Basic bTplOnBAc3M=");
    assert_eq!(authorization(&server.url, Some("a:b")).unwrap(), "Basic YTpi");
    server.put("/schemas/ids/7", 401, "");
    let why = reason(server.registry().look_up(7));
    assert!(why.contains("user and password") && why.contains("--schema-registry-user"), "{why}");
    server.put("/schemas/ids/7", 403, "");
    assert!(reason(server.registry().look_up(7)).contains("is forbidden to this user"));
}

#[test]
fn addresses() {
    let shown = |url: &str| Address::parse(url, None).map(|address| address.to_string());
    assert_eq!(shown("https://me:hush@sky.org:8081/api/").as_deref(), Ok("https://sky.org:8081/api"));
    assert_eq!(shown("http://[::1]:8081").as_deref(), Ok("http://[::1]:8081"));
    for wrong in ["sky.org:8081", "ftp://sky.org", "http://", "http://a b", "http://a?b=c", "http://%ff@a", "http://@"]
    {
        let error = shown(wrong).unwrap_err().to_string();
        assert!(error.starts_with("the address ") && !error.contains("%ff"), "{wrong}: {error}");
    }
    let address = Address::parse("http://me:hush@sky.org", None).unwrap();
    assert!(!format!("{address:?} {:?}", Registry::new(address.clone())).contains("hush"));
}
