//! Kafka as the pipeline sees it, against the embedded broker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::kafka::librdkafka::publisher::{Outgoing, Publisher, Settings};
use crate::kafka::*;
use crate::pipeline::{
    BatchLimits, Header, Message, Position, Published, Record, Sink, SinkError, Source, TopicPartition,
};

mod trouble;

/// Long enough for any wait that ends by itself.
const LONG: Duration = Duration::from_secs(20);

fn broker(topics: &[(&str, i32)]) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    topics.iter().for_each(|(topic, partitions)| broker.create_topic(topic, *partitions).unwrap());
    broker
}

fn record(topic: &str, key: &str, payload: impl Into<Bytes>) -> Record {
    Record { topic: topic.into(), key: key.into(), payload: payload.into(), headers: Vec::new() }
}

/// Publishes as anyone may.
fn publish(options: &Options, records: Vec<Record>) {
    let (publisher, deliveries) = (Publisher::new(options, &Settings::default()).unwrap(), Arc::default());
    for Record { topic, key, payload, .. } in &records {
        publisher.send(&Outgoing { topic, partition: None, key, payload: Some(payload) }, &deliveries).unwrap();
    }
    publisher.finish(&deliveries).unwrap();
    assert_eq!(deliveries.settled().delivered, records.len() as u64);
}

/// Those of the host "nightwatch", from the beginning of what it has not committed.
fn sinks(options: &Options) -> [KafkaSink; 2] {
    let lock = HostLock::new(options, "nightwatch").unwrap();
    lock.open(&["alerts".into()], StartAt::Committed, "dead".into()).unwrap().1
}

/// The same with its source, and one sink.
fn open(options: &Options, topics: &[&str]) -> (KafkaSource, KafkaSink) {
    let topics: Vec<String> = topics.iter().map(|topic| topic.to_string()).collect();
    let (source, [sink, _]) =
        HostLock::new(options, "nightwatch").unwrap().open(&topics, StartAt::Committed, "dead".into()).unwrap();
    (source, sink)
}

/// Publishes by one transaction.
fn commit(sink: &mut KafkaSink, records: Vec<Record>, positions: &[Position]) -> Result<Published, SinkError> {
    let sent = sink.send(records, positions.to_vec());
    sink.commit(sent)
}

fn limits(count: usize, bytes: usize, linger: Duration) -> BatchLimits {
    BatchLimits { count, bytes, linger, ..BatchLimits::default() }
}

/// One batch; sizes of its messages.
fn sizes(source: &mut KafkaSource, limits: &BatchLimits, wait: Duration) -> Vec<usize> {
    let mut batch = Vec::new();
    assert!(source.fetch(&mut batch, limits, wait).unwrap());
    batch.iter().map(|message| message.bytes.len()).collect()
}

/// Fetches until there are `count` messages.
fn fetch(source: &mut KafkaSource, count: usize) -> Vec<Message> {
    let mut batch = Vec::new();
    let deadline = Instant::now() + LONG;
    while batch.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} messages came", batch.len());
        source.fetch(&mut batch, &limits(count, usize::MAX, Duration::ZERO), Duration::from_millis(100)).unwrap();
    }
    batch
}

/// Fetches until `done`.
fn fetch_until(source: &mut KafkaSource, done: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain");
        let limits = BatchLimits::default();
        source.fetch(&mut Vec::new(), &limits, Duration::from_millis(10)).unwrap();
    }
}

fn position(topic: &str, offset: i64) -> Position {
    Position { topic: topic.into(), partition: 0, offset }
}

/// Receives `count` messages.
fn receive(subscriber: &mut Subscriber, count: usize) -> Vec<Received> {
    (0..count).map(|_| subscriber.next(LONG).unwrap().expect("a message")).collect()
}

#[test]
fn a_batch_ends_at_the_first_bound_that_is_reached() {
    let broker = broker(&[("alerts", 1)]);
    let options = broker.options().with("statistics.interval.ms", "50");
    let records = [100; 10].into_iter().chain([1000, 5000, 1000, 1000]).chain([100; 16]);
    publish(&options, records.map(|size| record("alerts", "", vec![7; size])).collect());
    let (mut source, _) = open(&options, &["alerts"]);
    let watch = source.watch();

    let second = Duration::from_secs(1);
    assert_eq!(sizes(&mut source, &limits(10, 1 << 20, second), LONG), [100; 10], "count");
    assert_eq!(watch.position("alerts", 0), Some(10));
    let bytes = limits(256, 2500, second);
    assert_eq!(sizes(&mut source, &bytes, LONG), [1000], "the next does not fit");
    assert_eq!(sizes(&mut source, &bytes, LONG), [5000], "larger than a batch may be, so alone");
    assert_eq!(
        sizes(&mut source, &limits(3, 2500, second), LONG),
        [1000, 1000, 100],
        "a message held back comes first"
    );
    let begun = Instant::now();
    let linger = limits(256, 1 << 20, Duration::from_millis(20));
    assert_eq!(sizes(&mut source, &linger, LONG), [100; 15], "linger");
    assert!(begun.elapsed() < LONG / 2);
    assert!(sizes(&mut source, &linger, Duration::ZERO).is_empty(), "nothing is left");

    fetch_until(&mut source, || watch.lags().iter().any(|lag| lag.high == Some(30)));
    let lags = watch.lags();
    assert_eq!((lags.len(), lags[0].position, lags[0].committed, lags[0].behind()), (1, Some(30), None, Some(0)));
}

#[test]
fn a_host_reads_all_partitions_of_its_topics() {
    let broker = broker(&[("ztf", 2), ("lsst", 1)]);
    let options = broker.options();
    let names = |topic: &'static str| (0..20).map(move |n| record(topic, &n.to_string(), format!("{topic} {n}")));
    publish(&options, names("ztf").chain(names("lsst")).collect());

    let (mut first, mut sink) = open(&options, &["ztf", "lsst"]);
    let messages = fetch(&mut first, 40);
    assert_eq!(messages.iter().map(|message| &message.bytes).collect::<BTreeSet<_>>().len(), 40);
    let place = |message: &Message| (message.topic.to_string(), message.partition);
    assert_eq!(messages.iter().map(place).collect::<BTreeSet<_>>().len(), 3);
    commit(&mut sink, Vec::new(), &[position("lsst", 12)]).unwrap();
    assert_eq!(first.watch().committed("lsst", 0), Some(12));
}

#[test]
fn a_host_may_begin_elsewhere() {
    let broker = broker(&[("alerts", 1)]);
    let options = broker.options();
    publish(&options, (0..10).map(|n| record("alerts", "", n.to_string())).collect());
    let begin = |from| {
        let lock = HostLock::new(&options, "nightwatch").unwrap();
        lock.open(&["alerts".into()], from, "dead".into()).unwrap().0
    };
    assert_eq!(fetch(&mut begin(StartAt::Earliest), 1)[0].bytes, "0");
    let mut source = begin(StartAt::Latest);
    publish(&options, vec![record("alerts", "", "young")]);
    assert_eq!(fetch(&mut source, 1)[0].bytes, "young");
}

#[test]
fn a_table_has_the_last_record_of_each_key() {
    let broker = broker(&[("quotas", 1)]);
    let lock = HostLock::new(&broker.options(), "nightwatch").unwrap();
    assert!(lock.table("quotas").unwrap().is_empty());
    publish(&broker.options(), (0..500).map(|n| record("quotas", &(n % 3).to_string(), n.to_string())).collect());
    let table = lock.table("quotas").unwrap();
    let text = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    assert_eq!(table, [text("2", "497"), text("0", "498"), text("1", "499")]);
}

#[test]
fn what_is_published_arrives_unchanged() {
    let broker = broker(&[("alerts", 1), ("bright", 1)]);
    let header = |name: &str, value: &[u8]| Header { name: name.into(), value: value.into() };
    let mut alert = record("bright", "697251921615015001", (0..80_000u32).map(|n| n as u8).collect::<Vec<_>>());
    alert.headers = vec![header("filter", b"bright"), header("magnitude", b"\xff\0"), header("empty", b"")];
    let (_, mut sink) = open(&broker.options(), &["alerts"]);
    commit(&mut sink, vec![alert.clone(), record("bright", "", "no key")], &[]).unwrap();

    let mut subscriber = Subscriber::new(&broker.options(), &["bright".into()]).unwrap();
    let received = receive(&mut subscriber, 2);
    let Received { topic, partition, offset, key, payload, headers, .. } = &received[0];
    assert_eq!((&**topic, *partition, *offset, key, payload), ("bright", 0, 0, &alert.key, &alert.payload));
    assert_eq!(*headers, alert.headers);
    assert_eq!(received[0].header("magnitude"), Some(&b"\xff\0"[..]));
    assert_eq!(
        (&received[1].key[..], &received[1].payload[..], &received[1].headers[..]),
        (&b""[..], &b"no key"[..], &[][..])
    );
}

#[test]
fn what_is_too_large_becomes_a_dead_letter() {
    let broker = broker(&[("alerts", 1), ("bright", 1), ("dead", 1)]);
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    let (_, mut sink) = open(&broker.options(), &["alerts"]);
    broker.cluster().request_errors(RDKafkaApiKey::Produce, &[too_large]);
    commit(&mut sink, vec![record("bright", "a", "whole by itself")], &[]).unwrap();
    // With others, by itself, and compressed.
    broker.cluster().request_errors(RDKafkaApiKey::Produce, &[too_large, too_large, too_large]);
    let mut alert = record("bright", "b", vec![1; 20_000]);
    alert.headers.push(Header { name: "skysieve-filter".into(), value: b"bright".into() });
    assert_eq!(commit(&mut sink, vec![alert], &[]).unwrap().too_large, [0]);
    broker.cluster().request_errors(RDKafkaApiKey::Produce, &[too_large, too_large, too_large]);
    assert_eq!(commit(&mut sink, vec![record("dead", "c", "a letter")], &[]).unwrap().too_large, [0]);

    let mut letters = Subscriber::new(&broker.options(), &["dead".into()]).unwrap();
    let received = receive(&mut letters, 2);
    let header = |at: usize, name| received[at].header(name).map(String::from_utf8_lossy);
    assert_eq!(
        (header(0, "skysieve-kind").as_deref(), header(0, "skysieve-filter").as_deref()),
        (Some("too-large"), Some("bright"))
    );
    let reason = header(0, "skysieve-reason").unwrap();
    assert!(reason.contains("20000 bytes are more than topic bright takes"), "{reason}");
    assert!(header(1, DROPPED_PAYLOAD).is_some() && header(1, "skysieve-kind").is_none());
    assert!(received.iter().all(|letter| letter.payload.is_empty()));
    let received = receive(&mut Subscriber::new(&broker.options(), &["bright".into()]).unwrap(), 1);
    assert_eq!((&received[0].payload[..], received[0].headers.len()), (&b"whole by itself"[..], 0));
}

#[test]
fn what_the_broker_refuses_is_an_error() {
    let broker = broker(&[("alerts", 1), ("bright", 1)]);
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    let (_, mut sink) = open(&broker.options(), &["alerts"]);
    broker.cluster().request_errors(RDKafkaApiKey::Produce, &[refused]);
    let error = commit(&mut sink, vec![record("bright", "", "alert")], &[]).unwrap_err().to_string();
    assert!(error.contains("\"bright\"") && error.contains("right to write"), "{error}");
}

#[test]
fn what_may_pass_is_tried_again() {
    let broker = broker(&[("alerts", 1), ("bright", 1)]);
    let (source, mut sink) = open(&broker.options(), &["alerts"]);
    let coordinator = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE;
    broker.cluster().request_errors(RDKafkaApiKey::AddOffsetsToTxn, &[coordinator]);
    commit(&mut sink, vec![record("bright", "", "one")], &[position("alerts", 1)]).unwrap();
    let in_the_way = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    broker.cluster().request_errors(RDKafkaApiKey::TxnOffsetCommit, &[in_the_way]);
    commit(&mut sink, vec![record("bright", "", "two")], &[position("alerts", 2)]).unwrap();
    let condition = source.watch().condition();
    assert_eq!((condition.retries, condition.trouble), (1, None));
    assert_eq!(source.watch().committed("alerts", 0), Some(2));
}

#[test]
fn an_epoch_that_was_given_but_not_told_is_no_other_host() {
    let broker = broker(&[("alerts", 1), ("bright", 1)]);
    let (source, mut sink) = open(&broker.options(), &["alerts"]);
    // The batch has to be sent again, the connection ends before the answer with the new epoch, and the brokers don't
    // take the old one any more.
    let again = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    broker.cluster().request_errors(RDKafkaApiKey::TxnOffsetCommit, &[again]);
    let lost = RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT;
    let outdated = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    broker.cluster().request_errors(RDKafkaApiKey::InitProducerId, &[lost, outdated]);
    commit(&mut sink, vec![record("bright", "", "one")], &[position("alerts", 1)]).unwrap();
    commit(&mut sink, vec![record("bright", "", "two")], &[position("alerts", 2)]).unwrap();
    assert_eq!(source.watch().committed("alerts", 0), Some(2));
    assert_eq!(source.watch().condition().retries, 2);
}

#[test]
fn a_batch_that_is_sent_again_stays_in_front_of_later_ones() {
    let broker = broker(&[("alerts", 1), ("bright", 1)]);
    let [mut first, mut second] = sinks(&broker.options());
    let one = first.send(vec![record("bright", "", "one")], vec![position("alerts", 1)]);
    let two = second.send(vec![record("bright", "", "two")], vec![position("alerts", 2)]);
    broker
        .cluster()
        .request_errors(RDKafkaApiKey::TxnOffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID]);
    first.commit(one).unwrap();
    second.commit(two).unwrap();
    commit(&mut first, vec![record("bright", "", "three")], &[position("alerts", 3)]).unwrap();
    let mut subscriber = Subscriber::new(&broker.options(), &["bright".to_owned()]).unwrap();
    let payloads: Vec<_> = receive(&mut subscriber, 5).into_iter().map(|received| received.payload).collect();
    // The embedded broker shows aborted records, too.
    assert_eq!(payloads, ["one", "two", "one", "two", "three"]);
}

#[test]
fn brokers_out_of_reach_at_the_start_are_an_error() {
    let options = Options { patience: Duration::from_secs(1), ..Options::new("127.0.0.1:1") };
    let error = HostLock::new(&options, "nightwatch").err().unwrap().to_string();
    assert!(error.contains("no Kafka broker answered at 127.0.0.1:1") && error.contains("refused"), "{error}");
    let error = Topics::new(&options, TopicSettings::default()).unwrap().outputs(&["a"]).unwrap_err().to_string();
    assert!(error.contains("no Kafka broker answered at 127.0.0.1:1") && error.contains("refused"), "{error}");
    options.stop.store(true, Ordering::Relaxed);
    let patient = Options { patience: LONG, ..options };
    assert!(matches!(HostLock::new(&patient, "nightwatch"), Err(Error::Stopped(_))));
}

#[test]
fn brokers_that_go_away_are_waited_for() {
    let broker = broker(&[("alerts", 1)]);
    let options = broker.options().with("statistics.interval.ms", "50").with("reconnect.backoff.max.ms", "200");
    let (mut source, mut sink) = open(&options, &["alerts"]);
    commit(&mut sink, vec![record("alerts", "", "before")], &[]).unwrap();
    fetch(&mut source, 1);
    let watch = source.watch();
    broker.cluster().broker_down(-1).unwrap();
    fetch_until(&mut source, || watch.trouble().is_some());
    std::thread::scope(|scope| {
        scope.spawn(|| commit(&mut sink, vec![record("alerts", "", "meanwhile")], &[]).unwrap());
        broker.cluster().broker_up(-1).unwrap();
        assert_eq!(fetch(&mut source, 1)[0].bytes, "meanwhile");
    });
    fetch_until(&mut source, || watch.trouble().is_none());
}

#[test]
fn a_topic_that_stays_absent_is_an_error() {
    let broker = broker(&[("ztf", 1)]);
    let options = Options { patience: Duration::from_secs(1), ..broker.options() };
    let lock = HostLock::new(&options, "nightwatch").unwrap();
    let error = lock.open(&["ztf".into(), "ztv".into()], StartAt::Committed, "dead".into()).err().unwrap();
    assert_eq!(error.to_string(), "no such topic: ztv; create it, or correct its name");
    let settings = TopicSettings { create: false, ..TopicSettings::default() };
    let error = Topics::new(&options, settings).unwrap().outputs(&["ztf", "bright"]).unwrap_err();
    assert!(matches!(error, Error::NoTopic(topics) if topics == "bright"));
    let error = Subscriber::new(&options, &["ztf".into(), "ztv".into()]).err().unwrap();
    assert!(matches!(error, Error::NoTopic(topics) if topics == "ztv"));
}

#[test]
fn a_wrong_property_is_named() {
    let problem =
        |key: &str, value: &str| Options::new("127.0.0.1:1").with(key, value).check().unwrap_err().to_string();
    assert_eq!(problem("fetch.speed", "1"), r#"-X fetch.speed=…: No such configuration property: "fetch.speed""#);
    let error = problem("linger.ms", "soon");
    assert!(error.starts_with("-X linger.ms=…: Invalid value"), "{error}");
    for owned in ["enable.auto.commit", "group.id", "bootstrap.servers", "metadata.broker.list"] {
        let error = problem(owned, "x");
        assert!(error.starts_with(&format!("-X {owned}=…: this property is not yours to set")), "{error}");
    }
    Options::new("127.0.0.1:1").with("queue.buffering.max.ms", "7").with("sasl.password", "hush").check().unwrap();
}

#[test]
fn a_feeder_never_outruns_a_slow_reader() {
    const ALERTS: i64 = 5000;
    let broker = broker(&[("alerts", 4)]);
    let read: Arc<[AtomicI64; 4]> = Arc::default();
    let consumed = {
        let read = read.clone();
        Arc::new(move |partition: i32| read[partition as usize].load(Ordering::Acquire))
    };
    let mut feeder = Feeder::new(&broker.options(), "alerts", 4, consumed).unwrap();
    let mut subscriber = Subscriber::new(&broker.options(), &["alerts".into()]).unwrap();
    let packet = Bytes::from(vec![0x5a; 80_000]);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            (0..ALERTS).for_each(|n| feeder.send((n % 4) as i32, n.to_string().into(), packet.clone()).unwrap());
            assert_eq!(feeder.finish().unwrap(), ALERTS as u64);
        });
        let mut next = [0; 4];
        for _ in 0..ALERTS {
            let message = subscriber.next(LONG).unwrap().expect("a message");
            let partition = message.partition as usize;
            assert_eq!((message.offset, message.payload.len()), (next[partition], 80_000), "lost some");
            next[partition] += 1;
            // Says so only now and then, as a host that commits batches does.
            if next[partition] % 25 == 0 {
                read[partition].store(next[partition], Ordering::Release);
            }
        }
    });
}

#[test]
fn a_feeder_stops_when_asked_to() {
    let broker = broker(&[("alerts", 1)]);
    let options = broker.options();
    let mut feeder = Feeder::new(&options, "alerts", 1, Arc::new(|_| 0)).unwrap();
    let packet = Bytes::from(vec![0; 1 << 20]);
    (0..3).for_each(|_| feeder.send(0, Vec::new(), packet.clone()).unwrap());
    options.stop.store(true, Ordering::Relaxed);
    assert!(matches!(feeder.send(0, Vec::new(), packet.clone()), Err(Error::Stopped(3))));
    assert!(feeder.send(1, Vec::new(), packet).unwrap_err().to_string().contains("no partition 1"));
}

#[test]
fn a_subscriber_reads_a_hundred_topics() {
    let topics: Vec<String> = (0..100).map(|n| format!("filter-{n}")).collect();
    let broker = broker(&topics.iter().map(|topic| (&**topic, 1)).collect::<Vec<_>>());
    let mut subscriber = Subscriber::new(&broker.options(), &topics).unwrap();
    let records = |round: &str| topics.iter().map(|topic| record(topic, round, format!("{topic} {round}"))).collect();
    for round in ["first", "second"] {
        publish(&broker.options(), records(round));
        let received = receive(&mut subscriber, 100);
        let got: BTreeSet<String> = received.iter().map(|message| message.topic.to_string()).collect();
        assert_eq!(got, topics.iter().cloned().collect());
        for message in &received {
            assert_eq!(message.payload, format!("{} {round}", message.topic));
        }
    }
    assert!(subscriber.next(Duration::ZERO).unwrap().is_none());
}
