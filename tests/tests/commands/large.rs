//! How hosts publish compressed records, and records that are too large, on real Kafka.

use bytes::Bytes;
use skysieve::kafka::{
    Compression, DROPPED_PAYLOAD, HostLock, KafkaSink, Options, Received, StartAt, TopicSettings, Topics,
};
use skysieve::pipeline::{Position, Published, Record, Sink};
use skysieve_tests::kafka::{create_topic, kafka, read_all, unique};

/// This is more than a topic takes by default.
const LARGE: usize = 1_500_000;

/// The name of a host, which is also that of its stream, and an output.
struct Stage {
    options: Options,
    name: String,
    output: String,
    next: i64,
}

impl Stage {
    fn new(name: &str, compression: Compression) -> Option<Stage> {
        let options = Options { compression, ..Options::new(kafka()?) };
        let name = unique(name);
        let stage = Stage { output: format!("{name}-output"), options, name, next: 0 };
        for topic in [&stage.name, &stage.output, &stage.dead_letters()] {
            create_topic(&stage.options.brokers, topic, 1);
        }
        Some(stage)
    }

    fn dead_letters(&self) -> String {
        format!("{}-dead-letters", self.name)
    }

    fn sink(&self) -> KafkaSink {
        let lock = HostLock::new(&self.options, &self.name).unwrap();
        let (_source, [sink, _other]) =
            lock.open(std::slice::from_ref(&self.name), StartAt::Committed, self.dead_letters().into()).unwrap();
        sink
    }

    fn publish(&mut self, sink: &mut KafkaSink, payloads: &[Bytes]) -> Published {
        let record = |payload: &Bytes| Record {
            topic: (*self.output).into(),
            key: b"key".to_vec(),
            payload: payload.clone(),
            headers: Vec::new(),
        };
        self.next += payloads.len() as i64;
        let position = Position { topic: (*self.name).into(), partition: 0, offset: self.next };
        let sent = sink.send(payloads.iter().map(record).collect(), vec![position]);
        sink.commit(sent).unwrap()
    }

    fn published(&self, topic: &str) -> Vec<Received> {
        read_all(&self.options.brokers, &[topic.to_owned()])
    }
}

/// Bytes that no codec can compress.
fn noise(bytes: usize) -> Bytes {
    let mut state = 88_172_645_463_325_252u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(next).collect()
}

/// Bytes that every codec can compress.
fn pattern(bytes: usize) -> Bytes {
    (0..bytes).map(|at| (at / 100) as u8).collect()
}

#[test]
fn every_compression_is_taken_and_read() {
    for compression in Compression::ALL {
        let Some(mut stage) = Stage::new(compression.name(), compression) else { return };
        let mut sink = stage.sink();
        // The broker reads every record before it accepts a batch, and the subscriber reads them once more.
        let payloads: Vec<Bytes> = (0..200).map(|number| pattern(1000 + 37 * number)).chain([noise(5000)]).collect();
        assert_eq!(stage.publish(&mut sink, &payloads), Published::default(), "{compression}");
        let came: Vec<Bytes> = stage.published(&stage.output).into_iter().map(|message| message.payload).collect();
        assert!(came == payloads, "{compression}: {} of {} came", came.len(), payloads.len());
    }
}

#[test]
fn what_came_compressed_is_published_though_it_is_large() {
    for compression in [Compression::None, Compression::Zstd] {
        let Some(mut stage) = Stage::new("large", compression) else { return };
        let mut sink = stage.sink();
        let payloads = [pattern(100), pattern(LARGE), pattern(200)];
        assert_eq!(stage.publish(&mut sink, &payloads), Published::default());
        // The topic's limit is known by now.
        assert_eq!(stage.publish(&mut sink, &[pattern(LARGE + 1)]), Published::default());
        let mut sizes: Vec<usize> =
            stage.published(&stage.output).iter().map(|message| message.payload.len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [100, 200, LARGE, LARGE + 1]);
    }
}

#[test]
fn what_is_too_large_in_any_case_is_a_dead_letter_and_told_by_its_number() {
    let Some(mut stage) = Stage::new("too-large", Compression::None) else { return };
    let mut sink = stage.sink();
    let payloads = [pattern(100), noise(LARGE), pattern(LARGE), noise(LARGE), noise(100)];
    assert_eq!(stage.publish(&mut sink, &payloads).too_large, [1, 3]);
    assert_eq!(stage.publish(&mut sink, &payloads[1..2]).too_large, [0]);
    assert_eq!(stage.publish(&mut sink, &payloads[2..]).too_large, [1]);
    let letters = stage.published(&stage.dead_letters());
    assert_eq!(letters.len(), 4);
    for letter in letters {
        assert!(letter.payload.is_empty() && letter.header(DROPPED_PAYLOAD).is_some());
        assert_eq!(letter.header("skysieve-kind"), Some(&b"too-large"[..]));
    }
    let sizes: Vec<usize> = stage.published(&stage.output).iter().map(|message| message.payload.len()).collect();
    assert_eq!((sizes.iter().filter(|size| **size == LARGE).count(), sizes.len()), (2, 5), "{sizes:?}");
}

#[test]
fn a_topic_takes_what_the_stream_takes() {
    let Some(brokers) = kafka() else { return };
    let (input, absent) = (unique("wide"), unique("absent"));
    Topics::new(&Options::new(&*brokers), TopicSettings::default()).unwrap().limited(&input, 3_000_000).unwrap();
    let mut stage = Stage::new("wide-host", Compression::None).expect("there are brokers");
    stage.output = unique("wide-output");
    let settings = TopicSettings { inputs: vec![absent, input], ..TopicSettings::default() };
    Topics::new(&stage.options, settings).unwrap().outputs(&[&stage.output]).unwrap();
    let mut sink = stage.sink();
    assert_eq!(stage.publish(&mut sink, &[noise(LARGE)]), Published::default());
    assert_eq!(stage.published(&stage.output)[0].payload.len(), LARGE);
}
