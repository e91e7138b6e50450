//! Statistics, faults and log messages, also as they come.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use skysieve_sandbox::{FaultKind, Level, Log};

use super::fake::Fake;
use super::fake::{owned, status};
use super::{PATIENCE, Server};
use crate::access::UserLimits;
use crate::api::ApiConfig;
use crate::api::tests::access::users::{OPERATOR, Users};
use crate::filters::{FAULTS, FaultRecord, LogRecord};

fn fault(offset: i64) -> FaultRecord {
    FaultRecord {
        id: String::new(),
        time: SystemTime::UNIX_EPOCH,
        version: "5e88".to_owned(),
        alert: format!("17{offset}"),
        topic: "ztf".to_owned(),
        partition: 3,
        offset,
        kind: FaultKind::Trap,
        message: "unreachable".to_owned(),
        backtrace: Some("0x0000ab brightness::slope\n".to_owned()),
    }
}

fn add_faults(control: &Fake, offsets: std::ops::Range<i64>) {
    let journals = control.journals.lock().entry("bright".to_owned()).or_default().clone();
    journals.faults.add(0, offsets.map(fault).collect());
}

/// A client of a stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(server: &Server, path: &str, headers: &str) -> Events {
        let mut stream = server.connect();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut events = Events(BufReader::new(stream));
        let head: Vec<String> = std::iter::from_fn(|| events.line()).take_while(|line| !line.is_empty()).collect();
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
        events
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| line.trim_end().to_owned())
    }

    /// The next line that begins with this. `None`: the stream has ended.
    fn next(&mut self, field: &str) -> Option<String> {
        loop {
            let line = self.line()?;
            if let Some(value) = line.strip_prefix(field) {
                return Some(value.trim().to_owned());
            }
        }
    }

    /// The id of the next fault, and its offset.
    fn fault(&mut self) -> (String, i64) {
        assert_eq!(self.next("event:").unwrap(), "fault");
        let id = self.next("id:").unwrap();
        let data: serde_json::Value = serde_json::from_str(&self.next("data:").unwrap()).unwrap();
        assert_eq!(data["id"], id);
        (id, data["offset"].as_i64().unwrap())
    }
}

#[test]
fn statistics_add_up() {
    let server = Server::start();
    server.control.add(status("bright"));
    let stats = server.get("/api/v1/filters/bright/stats").json();
    for part in [&stats["total"], &stats["visits"][0]] {
        let counts = &part["counts"];
        let sum: u64 = counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(counts["seen"].as_u64().unwrap() * 2, sum, "{stats}");
        assert_eq!((&part["fuel"]["median"], &part["fuel"]["max"]), (&101.into(), &5000.into()), "{stats}");
        assert_eq!(part["micros"]["max"], 20.0, "{stats}");
    }
    assert_eq!((&stats["faults"]["fuel"], &stats["visits"][0]["visit"]), (&5.into(), &"2024111900094".into()));
    server.get("/api/v1/filters/other/stats").error(404, "unknown_filter");
}

#[test]
fn faults_and_logs_are_read_newest_first() {
    let server = Server::start();
    server.control.add(status("bright"));
    let path = "/api/v1/filters/bright/faults";
    assert_eq!(server.get(path).json()["faults"], serde_json::json!([]));
    let most = FAULTS as i64;
    add_faults(&server.control, 0..most + 7);
    let page = server.get(path).json();
    let faults = page["faults"].as_array().unwrap();
    assert!(faults.len() as i64 <= most && faults[0]["offset"] == most + 6, "{page}");
    assert_eq!(page["missed"], most + 7 - faults.len() as i64);
    let first = &faults[0];
    assert_eq!((&first["kind"], &first["time"]), (&"trap".into(), &"1970-01-01T00:00:00.000Z".into()));
    assert_eq!((&first["alert"], &first["partition"]), (&"17106".into(), &3.into()));
    assert!(first["backtrace"].as_str().unwrap().contains("brightness::slope"));
    assert_eq!(server.get(&format!("{path}?limit=2")).json()["faults"].as_array().unwrap().len(), 2);
    for query in ["limit=-1", "limit=1001", "limit=x", "other=1", "limit=1&limit=2"] {
        server.get(&format!("{path}?{query}")).error(400, "bad_query");
    }

    let journals = server.control.journals.lock()["bright"].clone();
    let log = |level, message: &str| LogRecord::new("5e88", &Log { level, message: message.to_owned() });
    journals.logs.add(0, vec![log(Level::Info, "one"), log(Level::Warn, "two")]);
    let page = server.get("/api/v1/filters/bright/logs").json();
    let texts: Vec<_> = page["logs"].as_array().unwrap().iter().map(|log| (&log["level"], &log["message"])).collect();
    assert_eq!(texts, [(&"warn".into(), &"two".into()), (&"info".into(), &"one".into())]);
}

#[test]
fn a_stream_goes_on_where_an_earlier_one_has_ended() {
    let server = Server::start();
    server.control.add(status("bright"));
    add_faults(&server.control, 0..3);
    let path = "/api/v1/filters/bright/faults";
    let mut events = Events::open(&server, path, "");
    let first: Vec<i64> = (0..3).map(|_| events.fault().1).collect();
    assert_eq!(first, [0, 1, 2]);
    add_faults(&server.control, 3..4);
    let (id, offset) = events.fault();
    assert_eq!(offset, 3);
    drop(events);

    add_faults(&server.control, 4..6);
    let again = format!("last-event-id: {id}\r\n");
    let mut events = Events::open(&server, path, &again);
    assert_eq!([events.fault().1, events.fault().1], [4, 5]);
    // More than are kept have come since then.
    add_faults(&server.control, 6..1006);
    let mut late = Events::open(&server, path, &again);
    assert_eq!(late.next("event:").unwrap(), "missed");
    let missed: serde_json::Value = serde_json::from_str(&late.next("data:").unwrap()).unwrap();
    let kept = server.get(path).json()["faults"].as_array().unwrap().len() as u64;
    assert_eq!((missed["count"].as_u64().unwrap(), late.fault().1), (1002 - kept, 1006 - kept as i64));
    // Of another start of the host, nobody knows.
    let mut stranger = Events::open(&server, path, "last-event-id: 7-2\r\n");
    assert_eq!(stranger.next("event:").unwrap(), "missed");
    assert_eq!(stranger.next("data:").unwrap(), "{\"count\":null}");
    let mut new = Events::open(&server, &format!("{path}?limit=0"), "");
    add_faults(&server.control, 2000..2001);
    assert_eq!(new.fault().1, 2000);
}

#[test]
fn streams_end_with_the_filter_and_with_the_server() {
    let mut server = Server::start();
    for name in ["bright", "rising"] {
        server.control.add(status(name));
    }
    let [mut bright, mut rising] = ["bright", "rising"]
        .map(|name| Events::open(&server, &format!("/api/v1/filters/{name}/logs"), "connection: close\r\n"));
    server.delete("/api/v1/filters/bright");
    assert_eq!(bright.next("event:"), None);
    let begun = std::time::Instant::now();
    server.stop();
    assert_eq!(rising.next("event:"), None);
    server.end().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn streams_are_limited() {
    let server = Server::with(ApiConfig { streams: 2, ..ApiConfig::default() });
    server.control.add(status("bright"));
    let path = "/api/v1/filters/bright/logs";
    let open = [Events::open(&server, path, ""), Events::open(&server, path, "")];
    let refused = server.send("GET", path, &[("accept", "text/event-stream")], ());
    assert!(refused.error(429, "too_many_streams").contains("2 streams"));
    assert_eq!(refused.header("retry-after"), "5");
    // They hold up nothing else.
    assert_eq!(server.get(path).status, 200);
    drop(open);
    let begun = std::time::Instant::now();
    while server.send("HEAD", path, &[("accept", "text/event-stream")], ()).status == 429 {
        assert!(begun.elapsed() < PATIENCE);
        // A server notices that a client has gone when it writes to it.
        add_faults(&server.control, 0..1);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn streams_are_for_those_who_may_see_the_filter() {
    let config = ApiConfig { check_time: Duration::from_millis(50), ..ApiConfig::default() };
    let users = Users::at(config, UserLimits::default());
    users.server.control.add(owned("bright", "ada"));
    let path = "/api/v1/filters/bright/faults";
    users.get("bob", path).error(404, "unknown_filter");
    assert_eq!(users.get("wall", path).status, 200);
    let open = |user: &str| {
        let header = format!("authorization: Bearer {}\r\nconnection: close\r\n", users.token(user));
        Events::open(&users.server, path, &header)
    };
    let (mut ada, mut operator) = (open("ada"), open(OPERATOR));
    add_faults(&users.server.control, 0..1);
    assert_eq!((ada.fault().1, operator.fault().1), (0, 0));
    // It is another's now.
    users.server.control.add(owned("bright", "bob"));
    assert_eq!(ada.next("event:"), None);
    let mut bob = open("bob");
    assert_eq!(bob.fault().1, 0);
    users.revoke("bob");
    assert_eq!(bob.next("event:"), None);
    add_faults(&users.server.control, 1..2);
    assert_eq!(operator.fault().1, 1);
}
