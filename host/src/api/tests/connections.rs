//! Connections that are slow, numerous, too long, or open when the server stops.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::{ApiConfig, Server};

const SOON: Duration = Duration::from_millis(100);

/// Reads everything until the server closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn headers_that_never_end_are_cut_off() {
    let server = Server::with(ApiConfig { header_time: SOON, ..ApiConfig::default() });
    let mut stream = server.connect();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n").unwrap();
    assert_eq!(rest(stream), "");
}

#[test]
fn an_upload_that_stands_still_is_cut_off() {
    let cases = [
        (ApiConfig { stall_time: SOON, ..ApiConfig::default() }, "no data arrived for 0.1 s"),
        (ApiConfig { upload_time: SOON, ..ApiConfig::default() }, "the upload took longer than 0.1 s"),
    ];
    for (config, message) in cases {
        let server = Server::with(config);
        let mut stream = server.connect();
        stream.write_all(b"PUT /api/v1/filters/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nmod").unwrap();
        let mut reply = vec![0; 600];
        let read = stream.read(&mut reply).unwrap();
        let reply = String::from_utf8_lossy(&reply[..read]);
        assert!(reply.starts_with("HTTP/1.1 408 ") && reply.contains(message), "{reply}");
    }
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let server = Server::with(ApiConfig { uploads: 1, ..ApiConfig::default() });
    let mut stream = server.connect();
    stream.write_all(b"PUT /api/v1/filters/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nmod").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = rest(stream);
    // The only permit for uploads becomes free again sooner or later.
    while server.put("/api/v1/filters/y", b"module").status == 429 {
        thread::yield_now();
    }
    assert_eq!(server.control.filters.lock().keys().collect::<Vec<_>>(), ["y"]);
}

#[test]
fn uploads_beyond_the_limit_are_told_to_come_back() {
    let server = Server::with(ApiConfig { uploads: 1, ..ApiConfig::default() });
    let waiting = server.control.gate();
    thread::scope(|scope| {
        let first = scope.spawn(|| server.put("/api/v1/filters/first", b"wait"));
        waiting.reached();
        let reply = server.put("/api/v1/filters/second", &[0; 1_000_000]);
        let message = reply.error(429, "busy");
        assert!(message.starts_with("1 uploads are under way"), "{message}");
        assert_eq!(reply.header("retry-after"), "5");
        assert_eq!(server.get("/api/v1/filters").status, 200);
        waiting.open();
        assert_eq!(first.join().unwrap().status, 201);
    });
    assert_eq!(server.put("/api/v1/filters/second", b"module").status, 201);
}

#[test]
fn connections_beyond_the_limit_wait() {
    let server = Server::with(ApiConfig { connections: 1, header_time: SOON, ..ApiConfig::default() });
    let idle = server.connect();
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(rest(idle), "");
}

#[test]
fn a_connection_is_not_used_for_ever() {
    let server = Server::with(ApiConfig { connection_time: SOON, ..ApiConfig::default() });
    let mut stream = server.connect();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(rest(stream).ends_with(r#"{"status":"live"}"#));
}

#[test]
fn a_request_in_flight_ends_before_the_server() {
    let mut server = Server::start();
    let waiting = server.control.gate();
    // The client keeps this connection open; it must not delay the server's end.
    let idle = server.connect();
    let mut stream = server.connect();
    stream.write_all(b"PUT /api/v1/filters/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nwait").unwrap();
    waiting.reached();
    server.stop();
    while TcpStream::connect(server.address).map_or_else(|error| error.kind(), |_| ErrorKind::Other)
        != ErrorKind::ConnectionRefused
    {
        thread::yield_now();
    }
    waiting.open();
    assert!(rest(stream).starts_with("HTTP/1.1 201 "));
    server.end().unwrap();
    assert_eq!(rest(idle), "");
}

#[test]
fn a_request_that_does_not_end_is_cut_off_when_the_server_stops() {
    let mut server = Server::with(ApiConfig { drain_time: SOON, ..ApiConfig::default() });
    let waiting = server.control.gate();
    let mut stream = server.connect();
    stream.write_all(b"PUT /api/v1/filters/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nwait").unwrap();
    waiting.reached();
    server.stop();
    server.end().unwrap();
    assert_eq!(rest(stream), "");
    waiting.open();
}
