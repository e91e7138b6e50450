//! Where one visit ends and the next begins, in a stream without pauses.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use skysieve::pipeline::{
    BatchLimits, Config, MemorySink, Message, Pipeline, Position, Published, Record, Sink, SinkError,
};
use skysieve_avro::Schemas;
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::alerts;
use skysieve_tests::pipeline::{Ready, config, odd};

/// A slow sink, so that what is judged in the meantime goes into its next transaction.
struct Slow(MemorySink);

impl Sink for Slow {
    type Sent = <MemorySink as Sink>::Sent;

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent {
        self.0.send(records, positions)
    }

    fn commit(&mut self, sent: Self::Sent) -> Result<Published, SinkError> {
        std::thread::sleep(Duration::from_millis(100));
        self.0.commit(sent)
    }
}

/// The messages of alerts in a partition, from an offset on.
fn messages(alerts: &[SimulatedAlert], partition: i32, from: i64) -> impl Iterator<Item = Message> {
    let topic: Arc<str> = "alerts".into();
    (from..).zip(alerts).map(move |(offset, alert)| Message {
        bytes: alert.bytes.clone().into(),
        topic: topic.clone(),
        partition,
        offset,
        timestamp: None,
    })
}

/// Returns the positions that were committed, and the number of alerts that were published. Every alert is accepted.
fn run(messages: impl Iterator<Item = Message>) -> (Vec<Position>, usize) {
    let batch = BatchLimits { count: 300, ..BatchLimits::default() };
    let config = Config { batch, quota: u32::MAX, ..config() };
    let engine = Engine::new(&PoolConfig { filters: 1, ..PoolConfig::default() }).unwrap();
    let (mut pipeline, handle) = Pipeline::new(config, engine, Arc::new(Schemas::builtin())).unwrap();
    pipeline.add(vec![handle.prepare("all", odd("mode = 'accept'")).unwrap()]).unwrap();
    let sink = MemorySink::default();
    pipeline.run(Ready(messages.collect()), [Slow(sink.clone())], &AtomicBool::new(false)).unwrap();
    (sink.committed(), sink.records().len())
}

/// The offsets that were committed in a partition, each of them once.
fn committed(positions: &[Position], partition: i32) -> Vec<i64> {
    let of = positions.iter().filter(|position| position.partition == partition);
    of.map(|position| position.offset).collect()
}

fn ascends(offsets: &[i64]) -> bool {
    offsets.is_sorted_by(|one, next| one < next)
}

#[test]
fn the_end_of_a_visit_is_committed_before_the_next_is_published() {
    let all = alerts(2, 1100);
    let (positions, published) = run(messages(&all, 0, 0));
    let offsets = committed(&positions, 0);
    assert!(offsets.contains(&1100), "{offsets:?}");
    assert!(ascends(&offsets) && offsets.last() == Some(&2200), "{offsets:?}");
    assert_eq!(published, 2200);
}

#[test]
fn a_visit_ends_in_every_partition_before_the_next_is_published() {
    let all = alerts(2, 1200);
    let (first, second) = all.split_at(1200);
    // A broker's answer can look like this: it has more of one partition than of the others, which lag behind.
    let ahead = messages(&first[..1000], 0, 0).chain(messages(&second[..100], 0, 1000));
    let behind = messages(&first[1000..], 1, 0).chain(messages(&second[100..], 1, 200));
    let (positions, published) = run(ahead.chain(behind));
    let at = |partition, offset| {
        let found = positions.iter().position(|position| (position.partition, position.offset) == (partition, offset));
        found.unwrap_or_else(|| panic!("partition {partition}, {offset}: {positions:?}"))
    };
    at(0, 1000);
    at(1, 200);
    let first_of_second = positions.iter().position(|position| position.partition == 0 && position.offset > 1000);
    assert!(at(1, 200) < first_of_second.unwrap(), "{positions:?}");
    assert!(ascends(&committed(&positions, 0)) && ascends(&committed(&positions, 1)), "{positions:?}");
    assert_eq!(published, 2400);
}

#[test]
fn visits_of_few_alerts_share_their_batches() {
    let (positions, published) = run(messages(&alerts(40, 50), 0, 0));
    let offsets = committed(&positions, 0);
    // 2,000 alerts are 7 full batches. At most once in a thousand alerts, a visit is set apart.
    assert!(offsets.len() <= 12, "{offsets:?}");
    assert_eq!(published, 2000);
}
