//! Several hosts with one registry.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use skysieve_tests::alerts;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::setup::{ids, packets};

use super::{ACCEPT, change, odd, sorted_ids};

/// The changes that each host makes: 100, or as many as are asked for.
fn changes() -> usize {
    std::env::var("SKYSIEVE_TEST_CHANGES").map_or(100, |changes| changes.parse().expect("it is a number"))
}

/// Starts a host of that name, beside others with the same registry.
fn start(brokers: &str, topic: &str, registry: &str, name: &str) -> Host {
    let [filters, modules] = ["filters", "modules"].map(|kind| format!("{registry}-{kind}"));
    let (name, prefix) = (format!("{registry}-{name}"), format!("{registry}-"));
    let arguments = ["--name", &name, "--output-prefix", &prefix, "--registry-filters", &filters];
    let host = Host::start(brokers, topic, &[&arguments[..], &["--registry-modules", &modules]].concat());
    host.await_reading();
    host
}

#[test]
fn a_host_follows_changes_at_another_one() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("followed");
    create_topic(&brokers, &topic, 1);
    let [a, b] = ["a", "b"].map(|name| start(&brokers, &topic, &topic, name));
    a.upload("it", ACCEPT, &odd());
    // As the host knows it that does not ask the other one.
    let alone = || b.request("GET", "/api/v1/filters/it", &[("skysieve-forwarded", "test")], b"").json();
    wait_for("the other host to know it", || alone()["state"] == "elsewhere");
    let state = |state: &str| wait_for(state, || a.filter("it")["state"] == state);
    change(&b, "POST", "it/pause", &Value::Null);
    state("paused");
    change(&b, "POST", "it/resume", &Value::Null);
    state("active");
    change(&b, "PATCH", "it", &json!({ "quota": 1000 }));
    wait_for("the quota", || a.filter("it")["settings"]["quota"] == 1000);
    let sent = alerts(1, 100);
    feed(&mut feeder(&brokers, &topic, 1), 1, packets(&sent));
    for host in [&a, &b] {
        host.await_committed(100);
    }
    // One of them has judged it.
    assert_eq!(ids(&read_all(&brokers, &[format!("{topic}-it")]), &format!("{topic}-it")), sorted_ids(&sent));
    change(&b, "DELETE", "it", &Value::Null);
    wait_for("its end", || a.request("GET", "/api/v1/filters/it", &[], b"").status == 404);
    for host in [a, b] {
        assert_eq!(host.stop().0, Some(0));
    }
}

#[test]
fn hosts_that_write_at_the_same_time_lose_no_update() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("writers");
    create_topic(&brokers, &topic, 1);
    let hosts = ["a", "b"].map(|name| start(&brokers, &topic, &topic, name));
    let names = ["one", "two", "three"];
    for name in names {
        hosts[0].upload(name, ACCEPT, &odd());
        // What is not judged is changed quickly.
        change(&hosts[0], "POST", &format!("{name}/pause"), &Value::Null);
    }
    for name in names {
        wait_for("both to know it", || hosts[1].filter(name)["registered"]["revision"] == 2);
    }
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (at, host) in hosts.iter().enumerate() {
            let refused = &refused;
            scope.spawn(move || {
                for number in 0..changes() {
                    let path = format!("/api/v1/filters/{}", names[number % names.len()]);
                    let body = json!({ "quota": 1 + 2 * number + at }).to_string();
                    loop {
                        let tag = host.request("GET", &path, &[], b"").tag;
                        let answer = host.request("PATCH", &path, &[("if-match", &tag)], body.as_bytes());
                        match answer.status {
                            200 => break,
                            412 | 503 => drop(refused.fetch_add(1, Ordering::Relaxed)),
                            _ => panic!("{answer:?}"),
                        }
                    }
                }
            });
        }
    });
    eprintln!("{} changes, {} refused", 2 * changes(), refused.load(Ordering::Relaxed));
    let registered = |host: &Host| names.map(|name| host.filter(name)["registered"].clone());
    wait_for("both hosts to know the same", || registered(&hosts[0]) == registered(&hosts[1]));
    // Each change that was acknowledged counts, and no other.
    let revisions = registered(&hosts[0]).map(|registered| registered["revision"].as_u64().unwrap() - 2);
    assert_eq!(revisions.iter().sum::<u64>(), 2 * changes() as u64);
    for host in hosts {
        assert_eq!(host.stop().0, Some(0));
    }
}
