//! What a filter has to tell, asked of another host than its own, also as it comes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use skysieve_tests::alerts;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{feed, feeder};
use skysieve_tests::setup::packets;

use super::placed::Hosts;
use super::{change, odd};

/// The events of a stream.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(host: &Host, path: &str, last: Option<&str>) -> Events {
        let address = host.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n{last}Connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut events = Events(BufReader::new(stream));
        assert!(events.line().unwrap().contains(" 200 "));
        events
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| line.trim_end().to_owned())
    }

    /// The next record. `None`: the stream has ended.
    fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(data) = self.line()?.strip_prefix("data:") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[test]
fn faults_of_another_hosts_filter_come_at_once() {
    let Some(mut all) = Hosts::start("relayed", &["a", "b"]) else { return };
    let query = format!("config=mode%3D'panic'%0Aevery%3D3&host={}", all.name("b"));
    let path = format!("/api/v1/filters/it?{query}");
    assert_eq!(all.hosts[0].request("PUT", &path, &[], &odd()).status, 201);
    let [a, b] = [&all.hosts[0], &all.hosts[1]];
    let path = "/api/v1/filters/it/faults";
    let mut events = Events::open(a, path, None);
    let sent = alerts(1, 40);
    let mut culprits: Vec<String> =
        sent.iter().filter(|alert| alert.id % 3 == 0).map(|alert| alert.id.to_string()).collect();
    culprits.sort();
    assert!(culprits.len() > 1);
    let mut feeder = feeder(&all.brokers, &all.topic, 1);
    let begun = Instant::now();
    feed(&mut feeder, 1, packets(&sent));
    let came: Vec<Value> = culprits.iter().map(|_| events.next().unwrap()).collect();
    // The stream is still open: nothing has waited for its end, or for a comment.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let mut ids: Vec<&str> = came.iter().map(|fault| fault["alert"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, culprits);
    let first = &came[0];
    assert!(first["kind"] == "trap" && first["message"].as_str().unwrap().contains("not to my taste"), "{first}");
    assert!(first["backtrace"].as_str().unwrap().contains("odd::dislike"), "{first}");
    assert_eq!(first["topic"], all.topic);

    // The same at both hosts, newest first, and behind an event.
    for host in [a, b] {
        let page: Value = serde_json::from_str(&host.get(path)).unwrap();
        let faults: Vec<&Value> = page["faults"].as_array().unwrap().iter().rev().collect();
        assert_eq!(faults, came.iter().collect::<Vec<_>>());
    }
    let mut rest = Events::open(a, path, first["id"].as_str());
    assert_eq!(rest.next().as_ref(), Some(&came[1]));

    let stats: Value = serde_json::from_str(&a.get("/api/v1/filters/it/stats")).unwrap();
    let counts = &stats["total"]["counts"];
    assert_eq!((&counts["seen"], &counts["faulted"]), (&40.into(), &culprits.len().into()), "{stats}");
    assert_eq!(stats["faults"]["trap"], culprits.len(), "{stats}");

    // What a filter has told stays through a pause, and a stream goes on.
    change(a, "POST", "it/pause", &Value::Null);
    assert_eq!(serde_json::from_str::<Value>(&a.get(path)).unwrap()["faults"].as_array().unwrap().len(), came.len());
    change(a, "POST", "it/resume", &Value::Null);
    feed(&mut feeder, 1, packets(&sent));
    assert!(culprits.contains(&events.next().unwrap()["alert"].as_str().unwrap().to_owned()));

    // The host that passes a stream on ends it when it stops.
    let begun = Instant::now();
    let a = all.hosts.remove(0);
    assert_eq!(a.stop().0, Some(0));
    while events.next().is_some() {}
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    all.stop();
}
