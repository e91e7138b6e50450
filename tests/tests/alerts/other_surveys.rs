//! Alerts of surveys other than LSST and ZTF, from the host to subscribers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;
use skysieve::filters::Control;
use skysieve::kafka::{EmbeddedBroker, Feeder};
use skysieve::pipeline::{BatchLimits, Handle, MemorySink, Message, Pipeline, Record, Source, SourceError};
use skysieve_avro::Schemas;
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_survey::{NamedFields, Surveys};
use skysieve_tests::avro::{double, long, packet, text};
use skysieve_tests::pipeline::{config, odd};
use skysieve_tests::{skysieve, text as utf8};

/// A stream of packets that arrived at these times.
struct Timed(VecDeque<Message>);

impl Timed {
    fn new(packets: impl IntoIterator<Item = (Vec<u8>, Option<i64>)>) -> Timed {
        let message = |(offset, (bytes, timestamp)): (i64, (Vec<u8>, _))| Message {
            bytes: bytes.into(),
            topic: "alerts".into(),
            partition: 0,
            offset,
            timestamp,
        };
        Timed((0..).zip(packets).map(message).collect())
    }
}

impl Source for Timed {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, _: Duration) -> Result<bool, SourceError> {
        batch.extend(self.0.drain(..self.0.len().min(limits.count)));
        Ok(!self.0.is_empty())
    }
}

/// Sends the packets through a filter that accepts everything.
fn run(surveys: Surveys, packets: Timed) -> (Vec<Record>, Handle) {
    let engine = Engine::new(&PoolConfig { filters: 12, ..PoolConfig::default() }).unwrap();
    let config = skysieve::pipeline::Config { surveys, ..config() };
    let (mut pipeline, handle) = Pipeline::new(config, engine, Arc::new(Schemas::builtin())).unwrap();
    pipeline.add(vec![handle.prepare("all", odd("mode = 'accept'")).unwrap()]).unwrap();
    let sink = MemorySink::default();
    pipeline.run(packets, [sink.clone()], &AtomicBool::new(false)).unwrap();
    (sink.records().into_iter().filter(|record| &*record.topic == "all").collect(), handle)
}

/// An alert like DECam's, which has the time of its exposure but no number of it.
fn decam(id: i64, mjd: f64) -> Vec<u8> {
    let fields = r#"{"name": "objectId", "type": "string"}, {"name": "candid", "type": "long"},
        {"name": "candidate", "type": {"type": "record", "name": "candidate", "fields": [
            {"name": "mjd", "type": "double"}, {"name": "ra", "type": "double"}]}}"#;
    packet("alert", fields, &[text("DC23abc"), long(id), double(mjd), double(1.0)])
}

/// An alert with neither visit nor time.
fn timeless(id: i64) -> Vec<u8> {
    let fields = r#"{"name": "objectId", "type": "string"}, {"name": "candid", "type": "long"},
        {"name": "shot", "type": ["null", "string"]}"#;
    packet("plain", fields, &[text(format!("obj-{id}")), long(id), long(1), text(format!("shot {}", id / 30))])
}

#[test]
fn nights_that_tell_only_a_modified_julian_date_have_a_quota_each() {
    let (records, handle) = run(Surveys::default(), Timed::new((0..40).map(|id| (decam(id, 6e4 + id as f64), None))));
    assert_eq!(records.len(), 40);
    assert_eq!(records[7].key, b"7");
    assert_eq!(handle.health().without_visit, 0);
    // Alerts of one exposure share a quota.
    let (records, _) = run(Surveys::default(), Timed::new((0..40).map(|id| (decam(id, 6e4), None))));
    assert_eq!(records.len(), 20);
}

/// An alert of LSST's before its visits had numbers: the visit's time, and a number of visit and detector.
fn old_lsst(id: i64, detector: i64, mjd: f64) -> Vec<u8> {
    let fields = r#"{"name": "alertId", "type": "long"},
        {"name": "diaSource", "type": {"type": "record", "name": "lsst.v3_0.diaSource", "fields": [
            {"name": "diaSourceId", "type": "long"}, {"name": "ccdVisitId", "type": "long"},
            {"name": "midPointTai", "type": "double"}, {"name": "decl", "type": "double"}]}}"#;
    packet("lsst.v3_0.alert", fields, &[long(id), long(id), long(detector), double(mjd), double(1.0)])
}

#[test]
fn detectors_of_a_visit_without_a_number_share_its_quota() {
    let packets = (0..80).map(|id| (old_lsst(id, id % 7, 6e4 + (id / 40) as f64), None));
    let (records, handle) = run(Surveys::default(), Timed::new(packets));
    let keys: Vec<i64> = records.iter().map(|record| utf8(&record.key).parse().unwrap()).collect();
    assert_eq!(keys, (0..20).chain(40..60).collect::<Vec<_>>());
    assert_eq!(handle.health().without_visit, 0);
}

#[test]
fn alerts_without_a_visit_have_a_quota_for_each_minute() {
    let minute = 60_000;
    let packets = (0..90).map(|id| (timeless(id), Some(minute * (id / 30))));
    let (records, handle) = run(Surveys::default(), Timed::new(packets));
    let keys: Vec<i64> = records.iter().map(|record| utf8(&record.key).parse().unwrap()).collect();
    assert_eq!(keys, (0..20).chain(30..50).chain(60..80).collect::<Vec<_>>());
    assert_eq!(handle.health().without_visit, 90);
    let visits = handle.get("all").unwrap().recent_visits;
    assert!(visits.iter().any(|visit| visit.visit == "unknown, arrived 1970-01-01T00:02Z"), "{visits:?}");
}

#[test]
fn fields_that_the_user_names_are_ids_and_visits() {
    let named = NamedFields::new(vec!["objectId".into()], vec!["shot".into()], vec![]).unwrap();
    let (records, handle) = run(Surveys::new(named), Timed::new((0..90).map(|id| (timeless(id), None))));
    assert_eq!(records.len(), 60);
    assert_eq!(records[20].key, b"obj-30");
    assert_eq!(handle.health().without_visit, 0);
    assert!(handle.get("all").unwrap().recent_visits.iter().any(|visit| visit.visit == "shot 2"));
}

/// An alert like WINTER's: cutouts with other names, as bytes, one of them empty, one null, and one in a record.
fn winter(id: &str, science: &[u8]) -> Vec<u8> {
    let fields = r#"{"name": "objectid", "type": "string"}, {"name": "candid", "type": "string"},
        {"name": "candidate", "type": {"type": "record", "name": "candidate", "fields": [
            {"name": "jd", "type": "double"}, {"name": "ra", "type": "double"}, {"name": "dec", "type": "double"}]}},
        {"name": "cutout_science", "type": ["null", "bytes"]},
        {"name": "cutout_template", "type": {"type": "record", "name": "cutout", "fields": [
            {"name": "fileName", "type": "string"}, {"name": "stampData", "type": "bytes"}]}},
        {"name": "cutout_difference", "type": ["null", "bytes"]}"#;
    let template = [text("t.fits"), text(b"SIMPLE  =                    T")].concat();
    let candidate = [double(2_460_000.5), double(10.5), double(-3.25)].concat();
    packet("winter.alert", fields, &[text("W"), text(id), candidate, long(1), text(science), template, long(0)])
}

fn broker(packets: &[Vec<u8>]) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("alerts", 1).unwrap();
    let mut feeder = Feeder::new(&broker.options(), "alerts", 1, Arc::new(|_| i64::MAX)).unwrap();
    packets.iter().for_each(|packet| feeder.send(0, Vec::new(), packet.clone().into()).unwrap());
    feeder.finish().unwrap();
    broker
}

#[test]
fn cutouts_of_other_names_are_saved_and_empty_ones_counted() {
    let fits = b"SIMPLE  =                    T";
    let broker = broker(&[winter("a/1", fits), winter("..", b"")]);
    let folder = tempfile::tempdir().unwrap();
    let stamps = folder.path().to_str().unwrap();
    let given = ["consume", "alerts", "--brokers", broker.brokers(), "--group", "g", "--until-end", "--json"];
    let output = std::process::Command::new(skysieve_tests::binary())
        .args(given.iter().copied().chain(["--stamps", stamps]))
        .env("RUST_LOG", "info")
        .output()
        .unwrap();
    let told = utf8(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let mut files: Vec<_> = std::fs::read_dir(stamps).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["%2E._template.fits", "a%2F1_science.fits", "a%2F1_template.fits"]);
    assert!(told.contains("3 cutouts saved; 1 are empty, 2 are null"), "{told}");
    let lines: Vec<Value> = utf8(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown = ["id", "visit", "ra", "dec"].map(|name| lines[0][name].to_string());
    assert_eq!(shown, ["\"a/1\"", "2460000.5", "10.5", "-3.25"]);
}

#[test]
fn malformed_fields_are_refused() {
    let brokers = ["--brokers", "localhost:1"];
    for command in [&["consume", "t"][..], &["produce", "--topic", "t", "."], &["host", "--topic", "t", "--name", "n"]]
    {
        for (flag, path, why) in [
            ("--id-field", "a..b", "empty name"),
            ("--visit-field", "x[].y", "goes through an array"),
            ("--time-field", "x[", "bracket"),
        ] {
            let output = skysieve(command.iter().chain(&brokers).chain(&[flag, path]));
            let told = utf8(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command:?} {flag} {path:?}: {told}");
            assert!(told.contains(flag) && told.contains(why), "{told}");
        }
    }
}
