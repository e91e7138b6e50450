//! Where a host continues if its offsets or its topics have changed, on real Kafka.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use skysieve::kafka::{
    Error, Feeder, HostLock, KafkaSink, KafkaSource, LostOffsets, Options, StartAt, TopicSettings, Topics,
};
use skysieve::pipeline::{BatchLimits, Position, Record, Sink, Source};
use skysieve_tests::kafka::{Cluster, create_topic, feed, feeder, kafka, unique};
use skysieve_tests::{skysieve, text};

/// A topic of alerts and a host, which have the same name.
struct Stage {
    options: Options,
    name: String,
    topics: Topics,
}

impl Stage {
    fn new(name: &str, partitions: i32) -> Option<Stage> {
        let options = Options::new(kafka()?).with("statistics.interval.ms", "100");
        let topics = Topics::new(&options, TopicSettings::default()).unwrap();
        let stage = Stage { options, name: unique(name), topics };
        create_topic(&stage.options.brokers, &stage.name, partitions);
        Some(stage)
    }

    /// Publishes alerts with these texts.
    fn alerts(&self, texts: impl IntoIterator<Item = String>) {
        feed(&mut feeder(&self.options.brokers, &self.name, 1), 1, texts.into_iter().map(Into::into));
    }

    fn try_open(&self, lost: LostOffsets) -> Result<(KafkaSource, [KafkaSink; 2]), Error> {
        let mut lock = HostLock::new(&self.options, &self.name)?;
        lock.on_lost_offsets(lost, false);
        lock.open(std::slice::from_ref(&self.name), StartAt::Committed, "dead".into())
    }

    fn open(&self) -> (KafkaSource, [KafkaSink; 2]) {
        self.try_open(LostOffsets::Stop).unwrap()
    }

    fn commit(&self, sink: &mut KafkaSink, offset: i64) {
        let position = Position { topic: (*self.name).into(), partition: 0, offset };
        let sent = sink.send(Vec::new(), vec![position]);
        sink.commit(sent).unwrap();
    }

    /// Deletes the topic, and creates another one with the same name.
    fn recreate(&self) {
        self.topics.delete(&self.name).unwrap();
        self.create_again();
    }

    fn create_again(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        // For a moment, the brokers say both that it is gone and that it exists.
        while self.topics.limited(&self.name, 1 << 20).is_err() || self.topics.delete_records(&self.name, 0, 0).is_err()
        {
            assert!(Instant::now() < deadline, "the topic is not created");
        }
    }
}

/// Returns the texts of the next messages, and commits them as a pipeline does.
fn read(stage: &Stage, source: &mut KafkaSource, sink: &mut KafkaSink, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(120);
    while texts.len() < count {
        assert!(Instant::now() < deadline, "{texts:?}: {:?}", source.watch().condition());
        let mut batch = Vec::new();
        source.fetch(&mut batch, &BatchLimits::default(), Duration::from_millis(100)).unwrap();
        for position in Position::after(&batch) {
            stage.commit(sink, position.offset);
        }
        texts.extend(batch.iter().map(|message| String::from_utf8(message.bytes.to_vec()).unwrap()));
    }
    texts
}

/// Does what an idle pipeline does every 10 s.
fn keep_alive(sink: &mut KafkaSink) {
    let sent = sink.send(Vec::new(), Vec::new());
    sink.commit(sent).unwrap();
}

fn texts(what: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{what} {n}")).collect()
}

#[test]
fn messages_that_were_deleted_before_they_were_read_stop_the_host_or_are_counted() {
    let Some(stage) = Stage::new("retention", 1) else { return };
    stage.alerts(texts("old", 10));
    let (_, [mut sink, _]) = stage.open();
    stage.commit(&mut sink, 3);
    stage.topics.delete_records(&stage.name, 0, 6).unwrap();
    let error = stage.try_open(LostOffsets::Stop).err().unwrap().to_string();
    for part in [&*stage.name, "partition 0", "offset 3", "begins at 6", "3 messages", "--on-lost-offsets"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let (mut source, [mut sink, _]) = stage.try_open(LostOffsets::Earliest).unwrap();
    assert_eq!(read(&stage, &mut source, &mut sink, 4), texts("old", 10)[6..]);
    assert_eq!(source.watch().lags()[0].lost, 3);
    // Nothing is lost if everything that is gone had been read.
    stage.topics.delete_records(&stage.name, 0, 10).unwrap();
    stage.try_open(LostOffsets::Stop).unwrap();
}

#[test]
fn offsets_beyond_the_end_stop_the_host() {
    let Some(stage) = Stage::new("beyond", 1) else { return };
    stage.alerts(texts("old", 4));
    let (_, [mut sink, _]) = stage.open();
    stage.commit(&mut sink, 50);
    let error = stage.try_open(LostOffsets::Stop).err().unwrap().to_string();
    assert!(error.contains("offset 50") && error.contains("beyond the end of the topic, which is 4"), "{error}");
    let (mut source, [mut sink, _]) = stage.try_open(LostOffsets::Earliest).unwrap();
    assert_eq!(read(&stage, &mut source, &mut sink, 4), texts("old", 4));
}

#[test]
fn a_topic_that_is_created_anew_and_shorter_under_an_idle_host_is_read_from_its_beginning() {
    let Some(stage) = Stage::new("shorter", 1) else { return };
    stage.alerts(texts("old", 9));
    let (mut source, [mut sink, mut other]) = stage.open();
    assert_eq!(read(&stage, &mut source, &mut sink, 9), texts("old", 9));
    stage.recreate();
    stage.alerts(texts("new", 2));
    assert_eq!(read(&stage, &mut source, &mut other, 2), texts("new", 2));
    keep_alive(&mut sink);
    drop((source, sink, other));
    stage.alerts(texts("newer", 4));
    let (mut source, [mut sink, _]) = stage.open();
    assert_eq!(source.watch().committed(&stage.name, 0), Some(2), "the commit has gone back");
    assert_eq!(read(&stage, &mut source, &mut sink, 4), texts("newer", 4));
}

#[test]
fn a_topic_that_is_created_anew_and_longer_is_read_from_its_beginning() {
    let Some(stage) = Stage::new("longer", 1) else { return };
    stage.alerts(texts("old", 3));
    let (mut source, [mut sink, _]) = stage.open();
    assert_eq!(read(&stage, &mut source, &mut sink, 3), texts("old", 3));
    stage.recreate();
    stage.alerts(texts("new", 20));
    assert_eq!(read(&stage, &mut source, &mut sink, 20), texts("new", 20));
}

#[test]
fn a_topic_that_was_created_anew_while_the_host_was_down_is_read_from_its_beginning() {
    let Some(stage) = Stage::new("meanwhile", 1) else { return };
    stage.alerts(texts("old", 5));
    let (_, [mut sink, _]) = stage.open();
    stage.commit(&mut sink, 5);
    drop(sink);
    stage.recreate();
    stage.alerts(texts("new", 8));
    let (mut source, [mut sink, _]) = stage.open();
    assert_eq!(read(&stage, &mut source, &mut sink, 8), texts("new", 8));
}

#[test]
fn offsets_of_partitions_without_messages_are_kept_from_the_start_on() {
    let Some(stage) = Stage::new("quiet", 3) else { return };
    let (source, [mut sink, _]) = stage.open();
    keep_alive(&mut sink);
    drop((source, sink));
    let (source, _) = stage.open();
    let kept: BTreeSet<_> = (0..3).map(|partition| source.watch().committed(&stage.name, partition)).collect();
    assert_eq!(kept, BTreeSet::from([Some(0)]));
}

/// Harms the last batch of a topic in a broker's file.
fn harm(cluster: &Cluster, topic: &str, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(cluster.log_file(topic)).unwrap();
    file.seek(SeekFrom::End(-(bytes.len() as i64))).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_batch_that_cannot_be_read_is_told_with_its_place() {
    let Some(cluster) = Cluster::start("damaged", 1) else { return };
    // What could not be decompressed, and what would pass for a measurement if its checksum were not looked at.
    for (codec, bytes) in [("gzip", [&[0][..], &[0xff; 39]].concat()), ("none", vec![b'D', 0])] {
        let options = Options::new(&*cluster.brokers).with("statistics.interval.ms", "100");
        let topics = Topics::new(&options, TopicSettings::default()).unwrap();
        let stage = Stage { options, name: unique("damaged"), topics };
        create_topic(&stage.options.brokers, &stage.name, 2);
        stage.alerts(texts("whole", 4));
        let compressed = stage.options.clone().with("compression.codec", codec);
        let mut feeder = Feeder::new(&compressed, &stage.name, 1, Arc::new(|_| i64::MAX)).unwrap();
        feed(&mut feeder, 1, [texts("damaged", 200).concat().into()]);
        harm(&cluster, &stage.name, &bytes);
        stage.alerts(texts("behind", 2));

        let (mut source, [mut sink, _]) = stage.try_open(LostOffsets::Earliest).unwrap();
        assert_eq!(read(&stage, &mut source, &mut sink, 4), texts("whole", 4));
        let watch = source.watch();
        let deadline = Instant::now() + Duration::from_secs(60);
        let trouble = loop {
            assert!(Instant::now() < deadline, "nothing is told: {:?}", watch.condition());
            let mut batch = Vec::new();
            source.fetch(&mut batch, &BatchLimits::default(), Duration::from_millis(100)).unwrap();
            assert_eq!(batch.len(), 0, "{codec}: what cannot be read was passed over");
            if let Some(trouble) = watch.condition().trouble {
                break trouble;
            }
        };
        let place = format!("topic {}, partition 0 from offset 4: ", stage.name);
        assert!(trouble.starts_with(&place) && trouble.contains("damaged"), "{trouble}");

        let arguments = ["--until-end", "--decode-off", "--group", "readers", "--brokers", &cluster.brokers];
        let output = skysieve(["consume", &*stage.name].iter().chain(&arguments));
        let (out, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!((output.status.code(), out.lines().count()), (Some(1), 1 + 4), "{out}{told}");
        let place = format!("topic {}, partition 0, offset 4: ", stage.name);
        assert!(told.contains(&place) && told.contains("checksum"), "{told}");

        // As the host said: once the batch is deleted, reading goes on behind it.
        stage.topics.delete_records(&stage.name, 0, 5).unwrap();
        assert_eq!(read(&stage, &mut source, &mut sink, 2), texts("behind", 2));
        assert_eq!((watch.condition().trouble, watch.lags()[0].lost), (None, 1));
    }
}

#[test]
fn messages_that_are_deleted_before_a_running_host_has_read_them_stop_it_or_are_counted() {
    for lost in [LostOffsets::Stop, LostOffsets::Earliest] {
        let Some(mut stage) = Stage::new("overtaken", 1) else { return };
        // Little is fetched ahead.
        for (key, value) in [("fetch.message.max.bytes", "1"), ("queued.min.messages", "1")] {
            stage.options = stage.options.with(key, value);
        }
        let all: Vec<String> = (0..40).map(|number| format!("{number} {}", "x".repeat(400_000))).collect();
        stage.alerts(all.clone());
        let (mut source, [mut sink, _]) = stage.try_open(lost).unwrap();
        let watch = source.watch();
        let limits = BatchLimits { count: 1, ..BatchLimits::default() };
        let (mut batch, mut stopped) = (Vec::new(), None);
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut deleted = false;
        while batch.len() + watch.lags().first().map_or(0, |lag| lag.lost as usize) < all.len() && stopped.is_none() {
            assert!(Instant::now() < deadline, "{} messages came: {:?}", batch.len(), watch.lags());
            let fetched = batch.len();
            stopped = source.fetch(&mut batch, &limits, Duration::from_millis(100)).err();
            Position::after(&batch[fetched..]).iter().for_each(|position| stage.commit(&mut sink, position.offset));
            if !batch.is_empty() && !std::mem::replace(&mut deleted, true) {
                stage.topics.delete_records(&stage.name, 0, 35).unwrap();
            }
        }
        let came: Vec<usize> = batch.iter().map(|message| message.offset as usize).collect();
        let before = came.iter().take_while(|offset| **offset < 35).count();
        assert!((1..35).contains(&before), "{came:?}");
        let mut expected: Vec<usize> = (0..before).collect();
        match lost {
            LostOffsets::Stop => {
                let error = stopped.unwrap().to_string();
                let gone = format!("{} messages", 35 - before);
                for part in [&*stage.name, "partition 0", "begins at 35", &gone, "--on-lost-offsets"] {
                    assert!(error.contains(part), "{part}: {error}");
                }
            }
            LostOffsets::Earliest => {
                expected.extend(35..40);
                assert_eq!(watch.lags()[0].lost as usize, 35 - before);
            }
        }
        assert_eq!(came, expected);
    }
}

#[test]
fn lag_is_of_messages_not_of_markers_and_an_open_transaction_is_lag() {
    let Some(stage) = Stage::new("lag", 1) else { return };
    // The alerts of this host are the outputs of another one, and come in transactions.
    let name = format!("{}-before", stage.name);
    create_topic(&stage.options.brokers, &name, 1);
    let lock = HostLock::new(&stage.options, &name).unwrap();
    let (_, [mut before, mut open]) = lock.open(&[name], StartAt::Committed, "dead".into()).unwrap();
    let alert = |text: &str| Record {
        topic: (*stage.name).into(),
        key: Vec::new(),
        payload: text.to_owned().into(),
        headers: Vec::new(),
    };
    let sent = before.send(vec![alert("one"), alert("two")], Vec::new());
    before.commit(sent).unwrap();

    let (mut source, [mut sink, _]) = stage.open();
    assert_eq!(read(&stage, &mut source, &mut sink, 2), ["one", "two"]);
    let watch = source.watch();
    let mut until = |what: &str, behind: i64| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while watch.lags()[0].behind() != Some(behind) {
            assert!(Instant::now() < deadline, "{what}: {:?}", watch.lags());
            source.fetch(&mut Vec::new(), &BatchLimits::default(), Duration::from_millis(50)).unwrap();
        }
    };
    until("all is done", 0);
    let _open = open.send(vec![alert("three")], Vec::new());
    until("a message of an open transaction", 1);
}
