//! Registries that do not answer, or that answer strangely.

use super::*;
use crate::schema_registry::Waiting;

/// Listens, but never answers.
fn silent() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::parse(&format!("http://{}", listener.local_addr().unwrap()), None).unwrap();
    (listener, address)
}

#[track_caller]
fn unavailable(lookup: Lookup) -> String {
    match lookup {
        Lookup::Unavailable(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_registry_that_says_nothing_keeps_nobody_waiting_for_long() {
    let (_listener, address) = silent();
    let short = Duration::from_millis(100);
    let patience = Patience { answer: short, lookup: 5 * short, ..Patience::default() };
    let registry = Registry::patient(address, patience);
    let begun = Instant::now();
    let why = unavailable(registry.look_up(7));
    assert!(why.contains("has not answered for 0 seconds"), "{why}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // The same lookup continues, whoever asks, until its time is over.
    while !unavailable(registry.look_up(8)).contains("timeout") {
        assert!(begun.elapsed() < Duration::from_secs(20), "never given up");
    }
}

#[test]
fn a_slow_answer_is_an_answer() {
    let (listener, address) = silent();
    let patience = Patience { answer: Duration::from_millis(20), ..Patience::default() };
    let registry = Registry::patient(address, patience);
    assert!(unavailable(registry.look_up(7)).contains("has not answered"));
    assert!(unavailable(registry.look_up(9)).contains("has not answered"));
    let (mut connection, _) = listener.accept().unwrap();
    let body = json!({ "schema": ALERT }).to_string();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    for byte in answer.bytes() {
        connection.write_all(&[byte]).unwrap();
    }
    // Another thread waits for it to end, and then asks for an id of its own.
    listener.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    while listener.accept().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody asks for the other id");
        assert!(unavailable(registry.look_up(9)).contains("has not answered"));
    }
    // The result of the first lookup was kept for its caller.
    let begun = Instant::now();
    while registry.look_up(7) != Lookup::Found(ALERT.to_owned(), Vec::new()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "it was lost");
    }
}

#[test]
fn trouble_is_no_answer() {
    let server = Server::start();
    let answer = |head: &str, body: &str| format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}");
    let cut = format!("200 OK\r\nContent-Length: {}", ALERT.len() + 100);
    let absent = r#"{"error_code": 50001, "message": "Error in the backend data store"}"#;
    let troubles = [
        (answer("500 Internal Server Error", absent), "status 500"),
        (answer("502 Bad Gateway", "<html>"), "status 502"),
        (answer("503 Service Unavailable", NOT_FOUND), "status 503"),
        (answer("504 Gateway Timeout", ""), "status 504"),
        (answer("429 Too Many Requests", ""), "status 429"),
        (answer("404 Not Found", "<html>"), "is a schema registry there?"),
        (answer("301 Moved Permanently\r\nLocation: /schemas/ids/7", ""), "/schemas/ids/7"),
        (answer("302 Found\r\nLocation: http://127.0.0.1:1/", ""), "/schemas/ids/7"),
        (answer(&cut, ALERT), "/schemas/ids/7"),
        (String::new(), "/schemas/ids/7"),
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "/schemas/ids/7"),
    ];
    for (answer, expected) in troubles {
        server.raw("/schemas/ids/7", &answer);
        let schemas = Schemas::default().with_resolver(server.registry());
        let error = schemas.frame(&message(7)).unwrap_err();
        assert!(error.may_pass(), "{answer}: {error}");
        assert!(error.to_string().contains(expected), "{answer}: {error}");
        assert_eq!(schemas.resolve(&message(7)), Err(error));
    }
}

#[test]
fn names_that_nobody_knows_and_ports_without_tls() {
    let server = Server::start();
    let tls = server.url.replace("http://", "https://");
    for url in [tls.as_str(), "http://no-such-host.invalid:8081"] {
        let registry = Arc::new(Registry::new(Address::parse(url, None).unwrap()));
        let schemas = Schemas::default().with_resolver(registry);
        assert!(schemas.frame(&message(7)).unwrap_err().may_pass(), "{url}");
    }
}

#[test]
fn redirects_are_followed() {
    let server = Server::start();
    server.schema(8, ALERT);
    server.raw("/schemas/ids/7", "HTTP/1.1 307 Elsewhere\r\nLocation: /schemas/ids/8\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(server.registry().look_up(7), Lookup::Found(ALERT.to_owned(), Vec::new()));
}

#[test]
fn a_registry_that_wants_a_rest_gets_it() {
    let server = Server::start();
    for (status, rest) in [("429 Too Many Requests", "30"), ("503 Service Unavailable", "86400")] {
        let head = format!("HTTP/1.1 {status}\r\nRetry-After: {rest}\r\nContent-Length: 0\r\n\r\n");
        server.raw("/schemas/ids/7", &head);
        let registry = server.registry();
        let asked = server.requests().len();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(300) {
            unavailable(registry.look_up(7));
        }
        assert_eq!(server.requests().len(), asked + 1, "asked again within {rest} seconds");
    }
}

/// A registry's refusal of one id holds for that id, and says nothing about others.
#[test]
fn what_a_registry_refuses_for_good() {
    let server = Server::start();
    let why = json!({"error_code": 42202, "message": "The specified version is not valid"});
    server.put("/schemas/ids/7", 422, why);
    server.schema(8, ALERT);
    let schemas = Schemas::default().with_resolver(server.registry());
    let error = schemas.frame(&message(7)).unwrap_err();
    assert!(matches!(error, AvroError::UnusableSchema { .. }), "{error:?}");
    assert!(error.to_string().contains("status 422: The specified version is not valid"), "{error}");
    schemas.frame(&message(8)).unwrap();
    for kind in ["JSON", "PROTOBUF", "Thrift"] {
        server.put("/schemas/ids/9", 200, json!({"schema": "{}", "schemaType": kind}));
        let lookup = server.registry().look_up(9);
        assert!(matches!(&lookup, Lookup::Unusable(why) if why.contains(kind)), "{lookup:?}");
    }
    server.put("/schemas/ids/9", 200, json!({"schema": ALERT, "schemaType": "avro", "references": []}));
    assert_eq!(server.registry().look_up(9), Lookup::Found(ALERT.to_owned(), Vec::new()));
}

#[test]
fn too_many_references() {
    let server = Server::start();
    let refer = |n: usize| json!([{"name": "x", "subject": format!("s{n}"), "version": 1}]);
    server.put("/schemas/ids/7", 200, json!({"schema": ALERT, "references": refer(0)}));
    for n in 0..120 {
        let answer =
            json!({"schema": format!(r#"{{"type": "fixed", "name": "f{n}", "size": 1}}"#), "references": refer(n + 1)});
        server.put(&format!("/subjects/s{n}/versions/1?deleted=true"), 200, answer);
    }
    assert!(reason(server.registry().look_up(7)).contains("more than 100 schemas"));
}

#[test]
fn a_registry_that_is_waited_for() {
    let server = Server::start();
    server.put("/schemas/ids/7", 503, "");
    let registry = || Registry::patient(Address::parse(&server.url, None).unwrap(), quick());
    let waiting = Arc::new(Waiting::new(registry(), Duration::from_secs(60), Arc::default()));
    let thread = std::thread::spawn(move || waiting.look_up(7));
    let begun = Instant::now();
    while server.requests().len() < 7 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not asked again");
        std::thread::yield_now();
    }
    server.schema(7, ALERT);
    assert_eq!(thread.join().unwrap(), Lookup::Found(ALERT.to_owned(), Vec::new()));

    server.put("/schemas/ids/7", 503, "");
    let impatient = Waiting::new(registry(), Duration::from_millis(300), Arc::default());
    let begun = Instant::now();
    assert!(unavailable(impatient.look_up(7)).contains("status 503"));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let begun = Instant::now();
    unavailable(impatient.look_up(8));
    assert!(begun.elapsed() < Duration::from_millis(300), "one outage was waited for twice");
    let told_to_stop = Waiting::new(registry(), Duration::from_secs(60), Arc::new(AtomicBool::new(true)));
    unavailable(told_to_stop.look_up(7));
}

fn quick() -> Patience {
    Patience { first: Duration::from_millis(20), last: Duration::from_millis(20), ..Patience::default() }
}
