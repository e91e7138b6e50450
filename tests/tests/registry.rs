//! Schemas from a real registry.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use skysieve::kafka::Received;
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::registry::Registry;
use skysieve_tests::setup::{ALL, Setup, ids, packets};
use skysieve_tests::{alerts, root, skysieve, text};

/// LSST's schema v11.1 with its source as a schema of its own, which is registered; the alert's own part is returned.
fn register_source(registry: &Registry) -> (Value, u32) {
    let avsc = std::fs::read_to_string(root().join("schema/lsst/lsst.v11_1.alert.avsc")).unwrap();
    let mut alert: Value = serde_json::from_str(&avsc).unwrap();
    let fields = alert["fields"].as_array_mut().unwrap();
    let source = fields.iter_mut().find(|field| field["name"] == "diaSource").unwrap();
    let name = source["type"]["name"].clone();
    let source = std::mem::replace(&mut source["type"], name);
    (alert, registry.register("source", &source, &[]))
}

fn register_alert(registry: &Registry, alert: &Value) -> u32 {
    registry.register("alert", alert, &[("lsst.v11_1.diaSource", "source", 1)])
}

/// The alert in a message of that schema id.
fn of_schema(id: u32) -> impl Fn(&SimulatedAlert) -> Bytes {
    move |alert| Bytes::from([&[0][..], &id.to_be_bytes(), alert.datum()].concat())
}

fn await_detail(host: &Host, text: &str) {
    wait_for(text, || {
        let health = host.health();
        health["ready"] == false && health["detail"].as_str().unwrap().contains(text)
    });
}

#[test]
fn a_schema_that_comes_later() {
    let (Some(brokers), Some(registry)) = (kafka(), Registry::start("later")) else { return };
    let (alert, source_id) = register_source(&registry);
    let id = source_id + 1;
    let topic = unique("later");
    create_topic(&brokers, &topic, 1);
    let all = alerts(1, 20);
    let mut feeder = feeder(&brokers, &topic, 1);
    feed(&mut feeder, 1, packets(&all[..5]).chain(all[5..10].iter().map(of_schema(id))));

    let (waits, goes_on) = (Setup::new("waits", &[ALL]), Setup::new("goes-on", &[ALL]));
    let waiting = waits.start(&brokers, &topic, &["--schema-registry", &registry.url, "--unknown-schema", "wait"]);
    let going = goes_on.start(&brokers, &topic, &["--schema-registry", &registry.url]);
    going.await_done(10);
    await_detail(&waiting, &format!("schema id {id} is not known;"));
    registry.kill();
    await_detail(&waiting, "can't be looked up");
    registry.revive();
    await_detail(&waiting, &format!("schema id {id} is not known;"));
    assert_eq!(register_alert(&registry, &alert), id);
    waiting.await_done(10);
    assert_eq!(waiting.health()["ready"], true);
    // Who had asked too early asks again, without a restart.
    wait_for("the schema to be known", || {
        feed(&mut feeder, 1, all[10..].iter().map(of_schema(id)));
        std::thread::sleep(Duration::from_secs(2));
        going.filter("all")["counts"]["seen"].as_u64().unwrap() > 5
    });
    assert_eq!((waiting.stop().0, going.stop().0), (Some(0), Some(0)));

    let messages =
        read_all(&brokers, &[waits.topic("all"), waits.topic("dead-letters"), goes_on.topic("dead-letters")]);
    let judged = ids(&messages, &waits.topic("all"));
    assert!(all[..10].iter().all(|alert| judged.iter().filter(|id| **id == alert.id).count() == 1), "{judged:?}");
    assert!(!messages.iter().any(|message| *message.topic == *waits.topic("dead-letters")));
    let letters = messages.iter().filter(|message| *message.topic == *goes_on.topic("dead-letters"));
    let reason = |letter: &Received| text(letter.header("skysieve-reason").unwrap());
    let reasons: Vec<String> = letters.map(reason).collect();
    let expected = format!("schema id {id} is not known");
    assert!(reasons.len() >= 5 && reasons.iter().all(|reason| reason.contains(&expected)), "{reasons:?}");
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
