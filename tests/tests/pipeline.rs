//! The pipeline with real modules and alerts, and with a stream and a sink in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::Sender;
use parking_lot::Mutex;
use skysieve::filters::{Control, FilterError, Settings, State, Status, Upload};
use skysieve::pipeline::{
    BatchLimits, Config, FaultLimits, Handle, MemorySink, MemorySource, Pipeline, Position, Published, Record, Sink,
    SinkError,
};
use skysieve_avro::{Lookup, Resolver, Schemas};
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_simulate::SimulatedAlert;
use skysieve_survey::Visit;
use skysieve_tests::pipeline::{config, odd, run, start};
use skysieve_tests::{alerts, module};

fn packets(alerts: &[SimulatedAlert]) -> Vec<Bytes> {
    alerts.iter().map(|alert| alert.bytes.clone().into()).collect()
}

fn on<'a>(records: &'a [Record], topic: &'a str) -> impl Iterator<Item = &'a Record> {
    records.iter().filter(move |record| *record.topic == *topic)
}

fn header<'a>(record: &'a Record, name: &str) -> &'a str {
    let header = record.headers.iter().find(|header| header.name == name);
    std::str::from_utf8(&header.unwrap_or_else(|| panic!("no header {name}: {record:?}")).value).unwrap()
}

fn status(handle: &Handle, name: &str) -> Status {
    handle.get(name).unwrap()
}

#[test]
fn accepted_alerts_come_as_they_were_with_headers() {
    let alerts = alerts(1, 10);
    let (records, handle) = run(config(), &[("all", odd("mode = 'annotate'"))], packets(&alerts));
    let outputs: Vec<_> = on(&records, "all").collect();
    assert_eq!(outputs.len(), 10);
    for (offset, (record, alert)) in outputs.iter().zip(&alerts).enumerate() {
        assert_eq!(record.payload, alert.bytes);
        assert_eq!(record.key, alert.id.to_string().into_bytes());
        assert_eq!(header(record, "skysieve-filter"), "all");
        assert_eq!(header(record, "skysieve-version"), status(&handle, "all").sha256);
        assert_eq!(header(record, "skysieve-topic"), "alerts");
        assert_eq!(header(record, "skysieve-offset"), offset.to_string());
        assert_eq!(header(record, "id"), alert.id.to_string());
    }
    assert!(status(&handle, "all").recent_logs.iter().any(|log| log.contains(&alerts[9].id.to_string())));
}

#[test]
fn quotas_count_per_visit_when_visits_interleave() {
    let mut all = alerts(3, 100);
    // The visits are interleaved: the first alert of each, the second of each, and so on; the last alert of the first
    // visit comes late.
    let mut mixed: Vec<_> = (0..100).flat_map(|at| [at, at + 100, at + 200]).map(|at| all[at].clone()).collect();
    mixed.push(all.swap_remove(99));
    let filters =
        [("five", Upload { settings: Settings { quota: Some(5), ..odd("mode = 'accept'").settings }, ..odd("") })];
    let (records, handle) = run(config(), &filters, packets(&mixed));
    let visit_of: HashMap<i64, Visit> = mixed.iter().map(|alert| (alert.id, alert.visit)).collect();
    let mut published: HashMap<Visit, Vec<i64>> = HashMap::new();
    for record in on(&records, "five") {
        let id: i64 = std::str::from_utf8(&record.key).unwrap().parse().unwrap();
        published.entry(visit_of[&id]).or_default().push(id);
    }
    assert_eq!(published.len(), 3);
    for (visit, ids) in published {
        let first: Vec<i64> = mixed.iter().filter(|alert| alert.visit == visit).map(|alert| alert.id).take(5).collect();
        assert_eq!(ids, first, "the first five of visit {visit}");
    }
    let counts = status(&handle, "five").counts;
    assert_eq!((counts.seen, counts.accepted, counts.over_quota), (301, 15, 286));
}

#[test]
fn faults_and_broken_packets_become_dead_letters_and_the_stream_goes_on() {
    let all = alerts(1, 200);
    let mut messages = packets(&all);
    messages.insert(7, Bytes::new());
    messages.insert(50, Bytes::from_static(b"no alert at all"));
    // The packet is cut within a field that is read; the bytes behind the last such field are not checked.
    messages.insert(51, messages[0].slice(..20));
    messages.insert(52, Bytes::from_static(b"\0\0\0\xff\xff rest"));
    let faults = FaultLimits { dead_letters_per_visit: 100, ..FaultLimits::default() };
    let (records, handle) = run(
        Config { faults, ..config() },
        &[("bad", odd("mode = 'panic'\nevery = 20")), ("good", odd("mode = 'accept'"))],
        messages.clone(),
    );

    let letters: Vec<_> = on(&records, "dead").collect();
    let undecodable: Vec<_> =
        letters.iter().filter(|record| header(record, "skysieve-kind") == "undecodable").collect();
    let offsets: Vec<_> = undecodable.iter().map(|record| header(record, "skysieve-offset")).collect();
    assert_eq!(offsets, ["7", "50", "51", "52"]);
    for record in &undecodable {
        let offset: usize = header(record, "skysieve-offset").parse().unwrap();
        assert_eq!(record.payload, messages[offset]);
        assert!(!header(record, "skysieve-reason").is_empty());
    }

    let culprits: Vec<String> =
        all.iter().filter(|alert| alert.id % 20 == 0).map(|alert| alert.id.to_string()).collect();
    let faults: Vec<_> = letters.iter().filter(|record| header(record, "skysieve-kind") == "trap").collect();
    let faulted: Vec<_> = faults.iter().map(|record| header(record, "skysieve-alert").to_owned()).collect();
    assert_eq!(faulted, culprits);
    let letter: serde_json::Value = serde_json::from_slice(&faults[0].payload).unwrap();
    assert_eq!((&letter["filter"], &letter["alert"]), (&"bad".into(), &culprits[0].as_str().into()));
    assert_eq!(letter["offset"].to_string(), header(faults[0], "skysieve-offset"));

    let (bad, good) = (status(&handle, "bad"), status(&handle, "good"));
    assert_eq!((bad.counts.seen, bad.counts.faulted), (200, culprits.len() as u64));
    assert_eq!((good.counts.seen, good.counts.accepted), (200, 20));
    assert!(bad.counts.adds_up() && good.counts.adds_up());
    assert!(bad.recent_logs.iter().any(|log| log.contains("not to my taste")), "{:?}", bad.recent_logs);
    let health = handle.health();
    assert_eq!((health.messages, health.alerts, health.undecodable), (204, 200, 4));
    assert_eq!(health.dead_letters, letters.len() as u64);
}

/// A sink that takes its time, and records how much it was sent at once.
#[derive(Clone, Default)]
struct SlowSink {
    kept: MemorySink,
    bytes: Arc<Mutex<Vec<usize>>>,
}

impl Sink for SlowSink {
    type Sent = (Vec<Record>, Vec<Position>);

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent {
        self.bytes.lock().push(records.iter().map(|record| record.payload.len()).sum());
        std::thread::sleep(Duration::from_millis(100));
        (records, positions)
    }

    fn commit(&mut self, sent: Self::Sent) -> Result<Published, SinkError> {
        self.kept.commit(sent)
    }
}

#[test]
fn batches_that_come_while_others_are_published_go_together_up_to_a_bound() {
    let batch = BatchLimits { bytes: 2 << 20, ..BatchLimits::default() };
    let (pipeline, _handle) = start(Config { batch, ..config() });
    let (source, sender) = MemorySource::new("alerts");
    // These are not alerts, so each becomes a dead letter with its payload.
    (0..1000).for_each(|_| sender.send(vec![0; 100_000].into()).unwrap());
    drop(sender);
    let sink = SlowSink::default();
    pipeline.run(source, [sink.clone()], &AtomicBool::new(false)).unwrap();
    let offsets: Vec<usize> =
        sink.kept.records().iter().map(|record| header(record, "skysieve-offset").parse().unwrap()).collect();
    assert!(offsets.iter().copied().eq(0..1000), "{offsets:?}");
    let committed: Vec<i64> = sink.kept.committed().iter().map(|position| position.offset).collect();
    assert!(committed.is_sorted() && committed.last() == Some(&1000), "{committed:?}");
    let bytes = sink.bytes.lock();
    assert!(bytes.iter().any(|&bytes| bytes > 5 << 20), "some go together: {bytes:?}");
    // A transaction with less than 8 MiB may take one more batch, which has 2 MiB and the message that made it full.
    assert!(bytes.iter().all(|&bytes| bytes < 11 << 20), "not too many: {bytes:?}");
}

#[test]
fn a_filter_that_fails_too_often_is_suspended_alone() {
    let faults = FaultLimits { dead_letters_per_visit: 3, strikes_per_visit: 30 };
    let filters = [("bad", odd("mode = 'error'")), ("good", odd("mode = 'accept'"))];
    let (records, handle) = run(Config { faults, ..config() }, &filters, packets(&alerts(2, 400)));
    let (bad, good) = (status(&handle, "bad"), status(&handle, "good"));
    assert!(matches!(&bad.state, State::Suspended(reason) if reason.contains("too many faults")), "{:?}", bad.state);
    assert!(bad.counts.seen < 800 && bad.counts.adds_up(), "{:?}", bad.counts);
    assert_eq!(on(&records, "dead").count(), 3);
    assert_eq!((good.state, good.counts.seen), (State::Active, 800));
}

#[test]
fn a_field_that_the_alerts_lack_faults_or_refuses_the_upload() {
    // A ZTF filter is accepted before any alert has been seen, because nothing speaks against it.
    let upload = Upload { module: std::fs::read(module("bright")).unwrap(), ..Upload::default() };
    let (records, handle) = run(config(), &[("ztf", upload.clone())], packets(&alerts(1, 30)));
    let counts = status(&handle, "ztf").counts;
    assert_eq!((counts.seen, counts.faulted), (30, 30));
    let letter = on(&records, "dead").next().unwrap();
    assert_eq!(header(letter, "skysieve-kind"), "field");
    assert!(header(letter, "skysieve-reason").contains("candidate.magpsf"), "{letter:?}");
    // Now the schema of the stream is known.
    let Err(FilterError::Refused(reason)) = handle.prepare("ztf", upload) else { panic!("it was not refused") };
    assert!(reason.contains("candidate.magpsf"), "{reason}");
}

#[test]
fn filters_come_and_go_while_the_stream_runs() {
    let (pipeline, handle) = start(config());
    let (source, sender) = MemorySource::new("alerts");
    let sink = MemorySink::default();
    let stream = packets(&alerts(1, 600));
    let feed = |sender: &Sender<Bytes>, range: std::ops::Range<usize>| {
        let before = handle.health().done;
        let count = range.len() as u64;
        stream[range].iter().for_each(|packet| sender.send(packet.clone()).unwrap());
        while handle.health().done < before + count {
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        let output = sink.clone();
        let host = scope.spawn(move || pipeline.run(source, [output], &AtomicBool::new(false)));
        feed(&sender, 0..100);
        assert_eq!(handle.put("one", odd("mode = 'accept'")).unwrap().counts.seen, 0);
        feed(&sender, 100..300);
        handle.put("two", odd("mode = 'accept'\nevery = 2")).unwrap();
        feed(&sender, 300..400);
        let first = handle.put("one", odd("mode = 'accept'\nevery = 7")).unwrap();
        assert_eq!(first.counts.seen, 0, "a new version counts from the beginning");
        feed(&sender, 400..500);
        assert_eq!(handle.delete("two").unwrap().counts.seen, 200);
        feed(&sender, 500..600);
        assert!(matches!(handle.get("two"), Err(FilterError::Unknown(_))));
        assert_eq!(status(&handle, "one").counts.seen, 200);
        assert!(matches!(handle.put("../x", odd("")), Err(FilterError::Name(_))));
        assert!(matches!(handle.put("alerts", odd("mode = 'accept'")), Err(FilterError::Refused(_))));
        for number in 0..7 {
            handle.put(&format!("more-{number}"), odd("mode = 'accept'")).unwrap();
        }
        assert!(matches!(handle.put("too-many", odd("mode = 'accept'")), Err(FilterError::Full(8))));
        handle.put("one", odd("mode = 'accept'")).expect("replacing needs no room");
        drop(sender);
        host.join().unwrap().unwrap();
    });
    let last = sink.committed().last().cloned().unwrap();
    assert_eq!(last.offset, 600);
    assert!(matches!(handle.put("late", odd("mode = 'accept'")), Err(FilterError::Stopping)));
    assert!(!handle.health().ready);
}

#[test]
fn quotas_go_on_after_a_restart_and_with_the_next_version() {
    let mut config = config();
    config.topics.quotas = Some("quotas".into());
    config.quota = 7;
    let all = alerts(1, 40);
    let all = packets(&all);
    let (first, _) = run(config.clone(), &[("odd", odd("mode = 'accept'\nevery = 64"))], all[..20].to_vec());
    let published = on(&first, "odd").count();
    assert!((1..7).contains(&published), "{published}");
    let counters: Vec<_> = on(&first, "quotas").map(|record| (&record.key[..], &record.payload[..])).collect();

    let (mut pipeline, handle) = start(config);
    assert_eq!(pipeline.restore(counters.iter().copied().skip(counters.len() - 1)), 1);
    pipeline.add(vec![handle.prepare("odd", odd("mode = 'accept'\nevery = 2\nrest = 5")).unwrap()]).unwrap();
    let (source, sender) = MemorySource::new("alerts");
    let sink = MemorySink::default();
    std::thread::scope(|scope| {
        let output = sink.clone();
        scope.spawn(move || pipeline.run(source, [output], &AtomicBool::new(false)).unwrap());
        handle.delete("odd").unwrap();
        handle.put("odd", odd("mode = 'accept'")).unwrap();
        all[20..].iter().for_each(|packet| sender.send(packet.clone()).unwrap());
        drop(sender);
    });
    assert_eq!(on(&sink.records(), "odd").count(), 7 - published, "a new version has no quota of its own");
    assert_eq!(on(&sink.records(), "quotas").last().unwrap().payload, "7");
}

/// A sink that finds every accepted alert too large.
#[derive(Clone, Default)]
struct SmallSink(MemorySink);

impl Sink for SmallSink {
    type Sent = (Vec<Record>, Vec<Position>);

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent {
        (records, positions)
    }

    fn commit(&mut self, (mut records, positions): Self::Sent) -> Result<Published, SinkError> {
        let large = |record: &Record| *record.topic == *"all";
        let too_large = (0..records.len()).filter(|&number| large(&records[number])).collect();
        records.iter_mut().filter(|record| large(record)).for_each(|record| record.topic = "dead".into());
        self.0.commit((records, positions))?;
        Ok(Published { too_large })
    }
}

#[test]
fn outputs_too_large_for_their_topic_have_a_count_of_their_own_and_use_no_quota() {
    let (mut pipeline, handle) = start(Config { quota: 20, ..config() });
    pipeline.add(vec![handle.prepare("all", odd("mode = 'accept'")).unwrap()]).unwrap();
    let (source, sender) = MemorySource::new("alerts");
    let sink = SmallSink::default();
    let stream = packets(&alerts(1, 100));
    let state = || {
        let status = status(&handle, "all");
        assert!(status.counts.adds_up() && status.recent_visits.iter().all(|visit| visit.counts.adds_up()));
        (status.counts, handle.health().dead_letters)
    };
    std::thread::scope(|scope| {
        let output = sink.clone();
        let host = scope.spawn(move || pipeline.run(source, [output], &AtomicBool::new(false)));
        // Each time the quota has room for twenty alerts, because none of the earlier ones was published.
        for round in 1..=5u64 {
            stream[(round as usize - 1) * 20..round as usize * 20]
                .iter()
                .for_each(|packet| sender.send(packet.clone()).unwrap());
            while handle.health().done < round * 20 {
                std::thread::yield_now();
            }
            let (counts, dead_letters) = state();
            assert_eq!(
                (counts.seen, counts.accepted, counts.too_large, counts.over_quota),
                (round * 20, 0, round * 20, 0)
            );
            assert_eq!(dead_letters, round * 20);
        }
        drop(sender);
        host.join().unwrap().unwrap();
    });
    assert_eq!(on(&sink.0.records(), "dead").count(), 100);
}

/// A client of a registry that has a bug.
#[derive(Debug)]
struct Panics;

impl Resolver for Panics {
    fn look_up(&self, id: u32) -> Lookup {
        assert_ne!(id, 7, "a bug of the host's");
        Lookup::Unknown
    }
}

#[test]
fn a_message_over_which_the_host_panics_is_a_dead_letter_and_the_stream_goes_on() {
    let engine = Engine::new(&PoolConfig { filters: 12, ..PoolConfig::default() }).unwrap();
    let schemas = Schemas::builtin().with_resolver(Arc::new(Panics));
    let config = Config { wait_for_schemas: true, ..config() };
    let (mut pipeline, handle) = Pipeline::new(config, engine, Arc::new(schemas)).unwrap();
    pipeline.add(vec![handle.prepare("good", odd("mode = 'accept'")).unwrap()]).unwrap();
    let (source, sender) = MemorySource::new("alerts");
    let mut stream = packets(&alerts(1, 100));
    for at in [0, 40, 41] {
        stream.insert(at, Bytes::from_static(b"\0\0\0\0\x07 an id"));
    }
    stream.into_iter().for_each(|packet| sender.send(packet).unwrap());
    drop(sender);
    let sink = MemorySink::default();
    pipeline.run(source, [sink.clone()], &AtomicBool::new(false)).unwrap();
    let records = sink.records();
    let letters: Vec<_> = on(&records, "dead").collect();
    let offsets: Vec<_> = letters.iter().map(|letter| header(letter, "skysieve-offset")).collect();
    assert_eq!(offsets, ["0", "40", "41"]);
    assert!(header(letters[0], "skysieve-reason").contains("the host panicked"), "{letters:?}");
    assert_eq!((status(&handle, "good").counts.seen, handle.health().undecodable), (100, 3));
    assert_eq!(on(&records, "good").count(), 20);
}

#[test]
fn of_more_counters_than_are_kept_the_newest_survive_a_restart() {
    let mut config = config();
    config.topics.quotas = Some("quotas".into());
    let all = alerts(1, 40);
    let visit = all[0].visit;
    // The visit that continues after the restart was the last one; before it, there were five nights of others.
    let mut counters: Vec<(Vec<u8>, Vec<u8>)> = (0..5000)
        .map(|number| (format!("odd/{}", Visit::Number(number * 7919).key()).into_bytes(), b"20".to_vec()))
        .collect();
    counters.push((format!("odd/{}", visit.key()).into_bytes(), b"18".to_vec()));
    let (mut pipeline, handle) = start(config);
    let restored = pipeline.restore(counters.iter().map(|(key, value)| (&key[..], &value[..])));
    assert_eq!(restored, 5001);
    pipeline.add(vec![handle.prepare("odd", odd("mode = 'accept'")).unwrap()]).unwrap();
    let (source, sender) = MemorySource::new("alerts");
    packets(&all).into_iter().for_each(|packet| sender.send(packet).unwrap());
    drop(sender);
    let sink = MemorySink::default();
    pipeline.run(source, [sink.clone()], &AtomicBool::new(false)).unwrap();
    let counts = status(&handle, "odd").counts;
    assert_eq!((counts.accepted, counts.over_quota), (2, 38));
    // The records of the forgotten counters are deleted: there are tombstones with their keys.
    let records = sink.records();
    let tombstones: Vec<_> = on(&records, "quotas").filter(|record| record.payload.is_empty()).collect();
    assert_eq!(tombstones.len(), 5001 - 4096);
    assert_eq!(tombstones[0].key, counters[0].0);
}
