//! `skysieve host` as a process on the embedded broker: files, uploads, signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use skysieve::kafka::{EmbeddedBroker, Feeder, Options, Subscriber};
use skysieve_simulate::{Config as Simulation, SimulatedAlert, Simulator, Survey};
use skysieve_tests::host::{Host, write_filter};
use skysieve_tests::{alerts, module, skysieve, text};

fn broker(topics: &[&str]) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("alerts", 2).unwrap();
    topics.iter().for_each(|topic| broker.create_topic(topic, 1).unwrap());
    broker
}

fn feeder(options: &Options) -> Feeder {
    // These are a few small alerts, so that nothing has to wait.
    let consumed = AtomicI64::new(0);
    Feeder::new(options, "alerts", 2, Arc::new(move |_| consumed.fetch_add(1, Ordering::Relaxed))).unwrap()
}

fn send(feeder: &mut Feeder, alerts: &[SimulatedAlert]) {
    for (at, alert) in alerts.iter().enumerate() {
        feeder.send(at as i32 % 2, Vec::new(), alert.bytes.clone().into()).unwrap();
    }
    feeder.finish().unwrap();
}

/// Reads `count` messages, and returns their keys in order.
fn receive(subscriber: &mut Subscriber, count: usize) -> Vec<i64> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut keys = Vec::new();
    while keys.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} came", keys.len());
        if let Some(message) = subscriber.next(Duration::from_millis(100)).unwrap() {
            keys.push(std::str::from_utf8(&message.key).unwrap().parse().unwrap());
        }
    }
    keys.sort_unstable();
    keys
}

fn ids<'a>(alerts: impl IntoIterator<Item = &'a SimulatedAlert>) -> Vec<i64> {
    let mut ids: Vec<i64> = alerts.into_iter().map(|alert| alert.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn files_and_uploads() {
    let broker = broker(&["file", "upload", "t-dead-letters", "t-quotas", "t-filters", "t-modules"]);
    let folder = tempfile::tempdir().unwrap();
    write_filter(folder.path(), "file", "odd", "quota = 1000\n[config]\nmode = 'accept'");
    std::fs::write(folder.path().join("broken.wasm"), "no module").unwrap();
    let arguments = ["--name", "t", "--filters", folder.path().to_str().unwrap(), "-X", "fetch.wait.max.ms=20"];
    let options = broker.options();
    let mut subscriber = Subscriber::new(&options, &["file".into(), "upload".into()]).unwrap();
    let mut feeder = feeder(&options);
    let all = alerts(2, 100);

    let host = Host::start(broker.brokers(), "alerts", &arguments);
    send(&mut feeder, &all[..100]);
    host.await_done(100);
    assert_eq!(receive(&mut subscriber, 100), ids(&all[..100]));
    let filters: Value = serde_json::from_str(&host.get("/api/v1/filters")).unwrap();
    assert_eq!(filters.as_array().unwrap().len(), 1, "the broken one is left out: {filters}");
    assert_eq!(filters[0]["counts"]["accepted"], 100);

    let url = format!("{}/api/v1/filters/upload?config=mode='accept'%0Aevery=3&quota=1000", host.url());
    let reply = ureq::put(&url).content_type("application/wasm").send(std::fs::read(module("odd")).unwrap()).unwrap();
    assert_eq!(reply.status(), 201);
    send(&mut feeder, &all[100..200]);
    host.await_done(200);
    let third = |alert: &&SimulatedAlert| alert.id % 3 == 0;
    let mut expected = ids(all[100..200].iter().chain(all[100..200].iter().filter(third)));
    expected.sort_unstable();
    assert_eq!(receive(&mut subscriber, expected.len()), expected);
    assert_eq!(host.filter("upload")["counts"]["seen"], 100);
    assert!(host.get("/metrics").contains("filter=\"upload\""));
    ureq::delete(format!("{}/api/v1/filters/upload", host.url())).call().unwrap();
    assert!(ureq::get(format!("{}/api/v1/filters/upload", host.url())).call().is_err());
    assert_eq!(host.stop().0, Some(0));
}

#[test]
fn broken_messages_and_faults_reach_the_dead_letter_topic() {
    let broker = broker(&["bad", "t-dead-letters", "t-quotas"]);
    let folder = tempfile::tempdir().unwrap();
    write_filter(folder.path(), "bad", "odd", "[config]\nmode = 'panic'\nevery = 10");
    let options = broker.options();
    let mut feeder = feeder(&options);
    let all = alerts(1, 100);
    send(&mut feeder, &all);
    feeder.send(0, Vec::new(), bytes::Bytes::from_static(b"rubbish")).unwrap();
    feeder.finish().unwrap();

    let host = Host::start(broker.brokers(), "alerts", &["--name", "t", "--filters", folder.path().to_str().unwrap()]);
    host.await_done(101);
    let mut letters = Subscriber::new(&options, &["t-dead-letters".into()]).unwrap();
    let mut kinds = Vec::new();
    let faults = all.iter().filter(|alert| alert.id % 10 == 0).count();
    while kinds.len() < faults + 1 {
        let letter = letters.next(Duration::from_secs(30)).unwrap().expect("a dead letter");
        let kind = text(letter.header("skysieve-kind").unwrap());
        assert!(letter.header("skysieve-reason").is_some() && letter.header("skysieve-offset").is_some());
        if kind == "undecodable" {
            assert_eq!((&letter.payload[..], letter.header("skysieve-offset").unwrap()), (&b"rubbish"[..], &b"50"[..]));
        }
        kinds.push(kind);
    }
    kinds.sort();
    assert_eq!(kinds.iter().filter(|kind| *kind == "trap").count(), faults);
    assert_eq!(kinds.last().unwrap(), "undecodable");
    assert_eq!(host.stop().0, Some(0));
}

#[test]
fn filters_of_two_surveys_share_a_host() {
    let broker = broker(&["ztf", "bright", "chosen", "lsst-bright", "t-dead-letters", "t-quotas"]);
    let folder = tempfile::tempdir().unwrap();
    write_filter(folder.path(), "bright", "bright", "");
    write_filter(folder.path(), "lsst-bright", "lsst-bright", "");
    write_filter(folder.path(), "chosen", "odd", "topics = ['ztf']\n[config]\nmode = 'accept'");
    let options = broker.options();
    let simulation = Simulation { stamps: false, ..Simulation::default() };
    let ztf: Vec<SimulatedAlert> = Simulator::new(Survey::Ztf, simulation).visit(40).collect();
    send(&mut feeder(&options), &alerts(1, 60));
    let mut other = Feeder::new(&options, "ztf", 1, Arc::new(|_| i64::MAX)).unwrap();
    ztf.iter().for_each(|alert| other.send(0, Vec::new(), alert.bytes.clone().into()).unwrap());
    other.finish().unwrap();

    let arguments = ["--topic", "ztf", "--name", "t", "--filters", folder.path().to_str().unwrap()];
    let host = Host::start(broker.brokers(), "alerts", &arguments);
    host.await_done(100);
    for (name, topic, seen) in [("bright", "ztf", 40), ("chosen", "ztf", 40), ("lsst-bright", "alerts", 60)] {
        let filter = host.filter(name);
        assert_eq!(filter["topics"], serde_json::json!([topic]), "{name}");
        assert_eq!((&filter["counts"]["seen"], &filter["counts"]["faulted"]), (&seen.into(), &0.into()), "{name}");
    }
    let url = format!("{}/api/v1/filters/upload?config=mode='accept'&topics=ztv", host.url());
    let refused = ureq::put(&url).config().http_status_as_error(false).build();
    let mut reply = refused.content_type("application/wasm").send(std::fs::read(module("odd")).unwrap()).unwrap();
    let said = reply.body_mut().read_to_string().unwrap();
    assert!(reply.status() == 422 && said.contains("it reads alerts, ztf"), "{said}");
    assert_eq!(host.stop().0, Some(0));
}

#[test]
fn a_host_that_cannot_start_says_why() {
    let run = |arguments: &[&str]| {
        let output = skysieve(["host", "--topic", "alerts"].iter().chain(arguments));
        (output.status.code(), text(&output.stderr))
    };
    let (code, error) = run(&[]);
    assert!(code == Some(2) && error.contains("--brokers"), "{error}");
    let (code, error) = run(&["--brokers", "127.0.0.1:1", "-X", "no.such.thing=1"]);
    assert!(code == Some(2) && error.contains("no.such.thing"), "{error}");
    let (code, error) = run(&["--brokers", "127.0.0.1:1", "--name", "a#2"]);
    assert!(code == Some(2) && error.contains("--name"), "{error}");
    let (code, error) = run(&["--brokers", "127.0.0.1:1", "--listen", "nowhere"]);
    assert!(code == Some(1) && error.contains("--listen nowhere"), "{error}");
    let (code, error) = run(&["--brokers", "127.0.0.1:1", "--filters", "/no/such/folder"]);
    assert!(code == Some(1) && error.contains("/no/such/folder"), "{error}");
}
