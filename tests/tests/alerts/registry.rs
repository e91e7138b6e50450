//! Schemas from a real registry.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::registry::Registry;
use skysieve_tests::setup::{ALL, Setup, ids, packets};
use skysieve_tests::{alerts, root, skysieve, text};

/// Registers LSST's schema v11.1 with its source as a schema of its own. Returns the alert's own part, and the id of
/// the source's schema.
fn register_source(registry: &Registry) -> (Value, u32) {
    let avsc = std::fs::read_to_string(root().join("schema/lsst/lsst.v11_1.alert.avsc")).unwrap();
    let mut alert: Value = serde_json::from_str(&avsc).unwrap();
    let fields = alert["fields"].as_array_mut().unwrap();
    let source = fields.iter_mut().find(|field| field["name"] == "diaSource").unwrap();
    let name = source["type"]["name"].clone();
    let source = std::mem::replace(&mut source["type"], name);
    (alert, registry.register("source", &source, &[]))
}

/// The reference is named after a file, as Java's users often do it.
fn register_alert(registry: &Registry, alert: &Value) -> u32 {
    registry.register("alert", alert, &[("diaSource.avsc", "source", 1)])
}

/// Puts the alert into a message with that schema id.
fn of_schema(id: u32) -> impl Fn(&SimulatedAlert) -> Bytes {
    move |alert| Bytes::from([&[0][..], &id.to_be_bytes(), alert.datum()].concat())
}

fn await_detail(host: &Host, text: &str) {
    wait_for(text, || {
        let health = host.health();
        health["ready"] == false && health["detail"].as_str().unwrap().contains(text)
    });
}

fn waits(host: &Host) {
    await_detail(host, "can't be looked up");
    assert_eq!(host.health()["waiting_for_schema"], true);
    assert!(host.get("/metrics").contains("\nskysieve_waiting_for_schema 1\n"));
}

#[test]
fn an_outage_is_waited_for_and_what_the_registry_lacks_is_not() {
    let (Some(brokers), Some(registry)) = (kafka(), Registry::start("outage")) else { return };
    let (alert, source_id) = register_source(&registry);
    let id = register_alert(&registry, &alert);
    let absent = source_id.max(id) + 1000;
    let topic = unique("outage");
    create_topic(&brokers, &topic, 1);
    let all = alerts(1, 20);
    let mut feeder = feeder(&brokers, &topic, 1);
    feed(&mut feeder, 1, packets(&all[..5]).chain(all[5..10].iter().map(of_schema(absent))));

    let setups = [Setup::new("waits", &[ALL]), Setup::new("goes-on", &[ALL])];
    let named = ["--schema-registry", &registry.url];
    let waiting = setups[0].start(&brokers, &topic, &[&named[..], &["--unknown-schema", "wait"]].concat());
    let going = setups[1].start(&brokers, &topic, &named);
    for host in [&waiting, &going] {
        host.await_done(10);
        assert_eq!((&host.health()["ready"], &host.health()["waiting_for_schema"]), (&true.into(), &false.into()));
    }
    registry.kill();
    feed(&mut feeder, 1, all[10..].iter().map(of_schema(id)));
    waits(&waiting);
    waits(&going);
    let told_to_stop = Instant::now();
    assert_eq!(going.stop().0, Some(0));
    assert!(told_to_stop.elapsed() < Duration::from_secs(5), "{:?}", told_to_stop.elapsed());
    registry.revive();
    waiting.await_done(20);
    let again = setups[1].start(&brokers, &topic, &named);
    again.await_done(10);
    assert_eq!((waiting.stop().0, again.stop().0), (Some(0), Some(0)));

    for setup in &setups {
        let (output, letters) = (setup.topic("all"), setup.topic("dead-letters"));
        let messages = read_all(&brokers, &[output.clone(), letters.clone()]);
        let mut expected: Vec<i64> = all[..5].iter().chain(&all[10..]).map(|alert| alert.id).collect();
        expected.sort_unstable();
        assert_eq!(ids(&messages, &output), expected, "{}", setup.name);
        let letters = messages.iter().filter(|message| *message.topic == *letters);
        let reasons: Vec<String> = letters.map(|letter| text(letter.header("skysieve-reason").unwrap())).collect();
        assert_eq!(reasons.len(), 5, "{}", setup.name);
        for reason in reasons {
            // Messages about ids that look like LSST's contain the version.
            let told = reason.starts_with(&format!("schema id {absent} "))
                && reason.ends_with("is not known, nor does the schema registry have it");
            assert!(told, "{}: {reason}", setup.name);
        }
    }
}

#[test]
fn what_was_produced_with_a_registered_id_is_read() {
    let (Some(brokers), Some(registry)) = (kafka(), Registry::start("produced")) else { return };
    let (alert, _) = register_source(&registry);
    let id = register_alert(&registry, &alert);
    let topic = unique("registered");
    let packets = tempfile::tempdir().unwrap();
    let all = alerts(1, 30);
    for alert in &all {
        std::fs::write(packets.path().join(alert.id.to_string()).with_extension("avro"), &alert.bytes).unwrap();
    }
    let folder = packets.path().to_str().unwrap();
    let number = id.to_string();
    let to = ["produce", folder, "--brokers", &brokers, "--topic", &topic];
    let produced = skysieve([&to[..], &["--framing", "confluent", "--schema-id", &number]].concat());
    assert!(produced.status.success(), "{}", text(&produced.stderr));

    let read = ["consume", &topic, "--brokers", &brokers, "--from", "earliest", "--until-end", "--json"];
    let output = skysieve(read);
    let expected = format!("schema id {id} is not known");
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains(&expected), "{}", text(&output.stderr));
    let output = skysieve([&read[..], &["--schema-registry", &registry.url]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), all.len());
}
