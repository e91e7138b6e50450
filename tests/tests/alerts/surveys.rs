//! Topics of several surveys on one host: a filter is shown the alerts of the topics that have its fields, or that it
//! names.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use skysieve::filters::{Control, FilterError, Settings, Status, Upload};
use skysieve::pipeline::{Config, Handle, MemorySink, Message, Pipeline, Record};
use skysieve_avro::Schemas;
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_simulate::{Config as Simulation, SimulatedAlert, Simulator, Survey};
use skysieve_tests::module;
use skysieve_tests::pipeline::{Ready, config, odd};

const ALERTS: usize = 60;

/// A host that reads both topics.
fn host() -> (Pipeline, Handle) {
    let mut config = Config { quota: u32::MAX, ..config() };
    config.topics.inputs = vec!["lsst".into(), "ztf".into()];
    let engine = Engine::new(&PoolConfig { filters: 12, ..PoolConfig::default() }).unwrap();
    Pipeline::new(config, engine, Arc::new(Schemas::builtin())).unwrap()
}

fn alerts(survey: Survey) -> Vec<SimulatedAlert> {
    Simulator::new(survey, Simulation { stamps: false, ..Simulation::default() }).visit(ALERTS).collect()
}

fn messages(topic: &str) -> Vec<Message> {
    let survey = if topic == "ztf" { Survey::Ztf } else { Survey::Lsst };
    let topic: Arc<str> = topic.into();
    let message = |(offset, alert): (i64, SimulatedAlert)| Message {
        bytes: alert.bytes.into(),
        topic: topic.clone(),
        partition: 0,
        offset,
        timestamp: None,
    };
    (0..).zip(alerts(survey)).map(message).collect()
}

fn one_after_another(first: &str, second: &str) -> Vec<Message> {
    [messages(first), messages(second)].concat()
}

fn in_turn() -> Vec<Message> {
    messages("ztf").into_iter().zip(messages("lsst")).flat_map(|(ztf, lsst)| [ztf, lsst]).collect()
}

fn example(name: &str) -> Upload {
    Upload { module: std::fs::read(module(name)).unwrap(), ..odd("") }
}

fn plain(name: &str) -> Upload {
    Upload { settings: Settings::default(), ..example(name) }
}

fn run(filters: &[(&str, Upload)], stream: Vec<Message>) -> (Vec<Record>, Handle) {
    let (mut pipeline, handle) = host();
    let prepared = filters.iter().map(|(name, upload)| handle.prepare(name, upload.clone()).unwrap());
    pipeline.add(prepared.collect()).unwrap();
    let sink = MemorySink::default();
    pipeline.run(Ready(stream.into()), [sink.clone()], &AtomicBool::new(false)).unwrap();
    (sink.records(), handle)
}

fn status(handle: &Handle, name: &str) -> Status {
    let status = handle.get(name).unwrap();
    assert!(status.counts.adds_up(), "{status:?}");
    assert!(status.recent_visits.iter().all(|visit| visit.counts.adds_up()), "{status:?}");
    status
}

/// The topics from which the alerts on a filter's topic come.
fn sources(records: &[Record], filter: &str) -> Vec<String> {
    let outputs = records.iter().filter(|record| *record.topic == *filter);
    let origins = outputs.flat_map(|record| &record.headers).filter(|header| header.name == "skysieve-topic");
    let mut topics: Vec<String> = origins.map(|header| String::from_utf8(header.value.clone()).unwrap()).collect();
    topics.sort();
    topics.dedup();
    topics
}

#[test]
fn filters_are_shown_the_topics_that_have_their_fields() {
    for stream in [one_after_another("lsst", "ztf"), one_after_another("ztf", "lsst"), in_turn()] {
        let filters =
            [("bright", plain("bright")), ("lsst-bright", plain("lsst-bright")), ("both", odd("mode = 'accept'"))];
        let (records, handle) = run(&filters, stream);
        for (name, topics) in [("bright", &["ztf"][..]), ("lsst-bright", &["lsst"]), ("both", &["lsst", "ztf"])] {
            let Status { counts, topics: mut shown, .. } = status(&handle, name);
            shown.sort();
            assert_eq!(
                (shown, counts.seen, counts.faulted),
                (topics.iter().map(|topic| topic.to_string()).collect(), (topics.len() * ALERTS) as u64, 0),
                "{name}"
            );
        }
        assert_eq!(sources(&records, "both"), ["lsst", "ztf"]);
        assert_eq!(handle.health().dead_letters, 0);
    }
}

#[test]
fn a_filter_whose_only_field_is_optional_does_not_accept_another_survey() {
    for stream in [one_after_another("lsst", "ztf"), in_turn()] {
        let (records, handle) = run(&[("new", plain("new"))], stream);
        let Status { counts, topics, .. } = status(&handle, "new");
        assert_eq!((topics, counts.seen), (vec!["ztf".to_owned()], ALERTS as u64));
        assert!(sources(&records, "new").iter().all(|topic| topic == "ztf"));
    }
}

#[test]
fn a_filter_that_names_topics_is_shown_these() {
    let named = |topic: &str, upload: Upload| {
        let settings = Settings { topics: vec![topic.to_owned()], ..upload.settings.clone() };
        Upload { settings, ..upload }
    };
    let filters = [("odd", named("ztf", odd("mode = 'accept'"))), ("wrong", named("lsst", plain("bright")))];
    let (records, handle) = run(&filters, in_turn());
    assert_eq!((status(&handle, "odd").counts.seen, sources(&records, "odd")), (ALERTS as u64, vec!["ztf".to_owned()]));
    // The filter had named that topic.
    let wrong = status(&handle, "wrong");
    assert_eq!((wrong.topics, wrong.counts.faulted), (vec!["lsst".to_owned()], ALERTS as u64));
    let Err(FilterError::Refused(reason)) = handle.prepare("odd", named("ztv", odd("mode = 'accept'"))) else {
        panic!("it was not refused")
    };
    assert!(reason.contains("\"ztv\"") && reason.contains("lsst, ztf"), "{reason}");
}

#[test]
fn the_status_tells_the_topics_of_an_upload() {
    let (_, handle) = run(&[("both", odd("mode = 'accept'"))], in_turn());
    // The stream is known by now.
    let topics = handle.prepare("late", plain("lsst-bright")).unwrap().entry.status().topics;
    assert_eq!(topics, ["lsst"]);
}

#[test]
fn a_filter_is_checked_against_its_own_topics() {
    // Alerts of ZTF may still arrive, so a filter for them is not refused.
    let (_, handle) = run(&[("both", odd("mode = 'accept'"))], messages("lsst"));
    let prepared = handle.prepare("bright", plain("bright")).unwrap();
    assert_eq!((prepared.entry.topics(), prepared.entry.status().warnings), (vec![], vec![]));
    // Once all topics have been seen, a filter that fits none of them is refused, and one that fits is not warned about
    // the other survey.
    let (_, handle) = run(&[("both", odd("mode = 'accept'"))], in_turn());
    let Err(FilterError::Refused(_)) = handle.prepare("none", elsewhere()) else { panic!("it was not refused") };
    assert_eq!(handle.prepare("bright", plain("bright")).unwrap().entry.status().warnings, Vec::<String>::new());
}

/// A ZTF filter that names LSST's topic.
fn elsewhere() -> Upload {
    let upload = plain("bright");
    Upload { settings: Settings { topics: vec!["lsst".to_owned()], ..upload.settings.clone() }, ..upload }
}
