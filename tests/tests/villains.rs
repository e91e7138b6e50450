//! Filters that take all the time there is, on real Kafka: the others go on; they are deleted, and hosts are stopped,
//! while they do.

use std::time::{Duration, Instant};

use serde_json::Value;
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::alerts;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::setup::{ALL, Setup, ids, packets};
use skysieve_tests::villain::{VILLAINS, villain};

/// Arguments with which an upload may ask for any fuel and an hour.
const NO_CEILINGS: [&str; 4] = ["--max-fuel", "18446744073709551615", "--max-deadline", "3600000"];
/// What a villain asks for.
const HOUR: &str = "fuel=18446744073709551615&deadline_ms=3600000";
/// Much longer than it takes on a busy machine, and much shorter than a villain would take.
const SOON: Duration = Duration::from_secs(20);

/// Uploads a villain. Returns the status, and the message if it was refused.
fn upload(host: &Host, name: &str, body: &str, query: &str) -> (u16, String) {
    let request = ureq::put(format!("{}/api/v1/filters/{name}?force=true&{query}", host.url()));
    let request = request.config().http_status_as_error(false).build();
    let mut reply = request.content_type("application/wasm").send(villain(body)).unwrap();
    (reply.status().as_u16(), reply.body_mut().read_to_string().unwrap())
}

/// Starts a host that reads a new topic.
fn start(brokers: &str, name: &str, partitions: i32, arguments: &[&str]) -> (Setup, String, Host) {
    let (setup, topic) = (Setup::new(name, &[ALL]), unique("hostile"));
    create_topic(brokers, &topic, partitions);
    let host = setup.start(brokers, &topic, arguments);
    host.await_reading();
    (setup, topic, host)
}

fn await_fetched(host: &Host, messages: usize) {
    wait_for("messages fetched", || host.health()["messages"].as_u64().unwrap() >= messages as u64);
}

fn all_ids(alerts: &[SimulatedAlert]) -> Vec<i64> {
    let mut ids: Vec<i64> = alerts.iter().map(|alert| alert.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_filter_that_never_ends_holds_nobody_up_and_is_deleted_while_it_runs() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, "delete", 2, &NO_CEILINGS);
    let alerts = alerts(1, 60 * VILLAINS.len());
    let mut feeder = feeder(&brokers, &topic, 2);
    for (number, ((name, body), alerts)) in VILLAINS.iter().zip(alerts.chunks(60)).enumerate() {
        assert_eq!(upload(&host, name, body, HOUR).0, 201, "{name}");
        feed(&mut feeder, 2, packets(alerts));
        let sent = 60 * (number + 1);
        // The other filter does not wait for it.
        let begun = Instant::now();
        host.await_done(sent as u64);
        assert!(begun.elapsed() < SOON, "{name}: {:?}", begun.elapsed());
        if *name != "traps" {
            wait_for("the slow lane", || host.filter(name)["lane"] == "slow");
            assert!(host.filter(name)["counts"]["seen"] == 0, "{name} has judged an alert");
        }
        let begun = Instant::now();
        assert_eq!(ureq::delete(format!("{}/api/v1/filters/{name}", host.url())).call().unwrap().status(), 200);
        assert!(begun.elapsed() < SOON, "{name}: {:?}", begun.elapsed());
    }
    assert_eq!(host.filter("all")["counts"]["accepted"], Value::from(alerts.len()));
    assert_eq!(host.stop().0, Some(0));
    assert_eq!(ids(&read_all(&brokers, &[setup.topic("all")]), &setup.topic("all")), all_ids(&alerts));
}

#[test]
fn a_host_stops_within_seconds_whatever_its_filters_do() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("hostile");
    create_topic(&brokers, &topic, 2);
    let mut feeder = feeder(&brokers, &topic, 2);
    let (all, mut fed) = (alerts(1, 60 * VILLAINS.len()), Vec::new());
    for ((name, body), more) in VILLAINS.iter().zip(all.chunks(60)) {
        let setup = Setup::new("stop", &[ALL]);
        let host = setup.start(&brokers, &topic, &NO_CEILINGS);
        host.await_reading();
        host.await_done(fed.len() as u64);
        assert_eq!(upload(&host, name, body, HOUR).0, 201, "{name}");
        feed(&mut feeder, 2, packets(more));
        fed.extend_from_slice(more);
        await_fetched(&host, fed.len());
        let (code, took) = host.stop();
        eprintln!("{name}: stopped after {took:?}");
        assert!(code == Some(0) && took < Duration::from_secs(6), "{name}: {code:?} after {took:?}");
        // The villain was uploaded, so the next host does not have it.
        let host = setup.start(&brokers, &topic, &[]);
        host.await_reading();
        host.await_committed(fed.len() as i64);
        assert_eq!(host.stop().0, Some(0));
        let output = setup.topic("all");
        assert_eq!(ids(&read_all(&brokers, std::slice::from_ref(&output)), &output), all_ids(&fed), "{name}");
    }
}

#[test]
fn an_upload_that_asks_for_more_than_its_ceiling_is_refused() {
    let Some(brokers) = kafka() else { return };
    let (_setup, _, host) = start(&brokers, "ceiling", 1, &[]);
    let (_, spins) = VILLAINS[0];
    let (status, said) = upload(&host, "greedy", spins, HOUR);
    assert!(status == 422 && said.contains("10000000 at most") && said.contains("--max-fuel"), "{status} {said}");
    let (status, said) = upload(&host, "greedy", spins, "deadline_ms=3600000");
    assert!(status == 422 && said.contains("500 at most"), "{status} {said}");
    let (status, said) = upload(&host, "greedy", spins, "cpu_share=0.3");
    assert!(
        status == 422 && said.contains("0.25 of a processor") && said.contains("--cpu-share-of"),
        "{status} {said}"
    );
    assert_eq!(upload(&host, "small", spins, "cpu_share=0.2").0, 201);
    assert_eq!(host.filter("small")["cpu_share"], 0.2);
    assert_eq!(upload(&host, "modest", spins, "fuel=1000&deadline_ms=100&memory=1000000").0, 201);
    assert_eq!(host.stop().0, Some(0));
}
