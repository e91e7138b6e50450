//! Batches that can't be read, as a subscriber meets them on the embedded broker, which keeps what it is sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, TransactionalId};

use super::{record, together};
use crate::kafka::HostLock;
use crate::kafka::client::error::Error;
use crate::kafka::client::start_at::StartAt;
use crate::kafka::client::stop::Stop;
use crate::kafka::embedded::broker::EmbeddedBroker;
use crate::kafka::follow::{Acknowledge, FetchLimits, FollowConfig, Follower};
use crate::kafka::librdkafka::table;
use crate::kafka::wire::broker::Broker;
use crate::kafka::wire::cluster::{Cluster, parse};
use crate::kafka::wire::produce::{Producer, plan};
use crate::kafka::wire::security::Security;
use crate::pipeline::{BatchLimits, Message, Source};

/// Where a batch's checksum is, and what it is of.
const CRC: std::ops::Range<usize> = 17..21;

/// Sends three messages to partition 0 of `alerts` in one batch, which `change` may change.
fn send(broker: &EmbeddedBroker, change: impl FnOnce(&mut [u8])) {
    let options = broker.options();
    let topic: Arc<str> = "alerts".into();
    let records = [1, 2, 3].map(|size| record(&topic, "", size));
    let parcels = together(&records);
    let mut cluster = Cluster::with_leaders(&[(&topic, &[1])]);
    let plan = plan(&mut cluster, &parcels).unwrap();
    let (host, port) = parse(&options.brokers).unwrap();
    let security = Security::of(&options).unwrap();
    let mut broker = Broker::connect(&host, port, &security, &Stop::at_once(&options)).unwrap();
    let id = TransactionalId("nobody".into());
    let request = InitProducerIdRequest::default().with_transactional_id(Some(id)).with_transaction_timeout_ms(60_000);
    let known = broker.ask(&request).unwrap();
    let mut producer = Producer::new("nobody");
    (producer.id, producer.epoch) = (known.producer_id.0, known.producer_epoch);
    let (_, body) = producer.bodies(&cluster, &parcels, &plan).remove(0);
    let mut body = body.to_vec();
    // The batch's length follows its first offset, and nothing follows the batch.
    let text = "alerts".len() + "nobody".len();
    let begin = 2 + 2 + 4 + 4 + 2 + 4 + 4 + 4 + text;
    change(&mut body[begin..]);
    broker.send::<ProduceRequest>(|pieces| pieces.put(&body)).unwrap();
    let answer = broker.receive::<ProduceRequest>().unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

/// What a subscriber gets until it can't go on, and why.
fn follow(broker: &EmbeddedBroker, start: StartAt) -> (Vec<i64>, Error) {
    let config = FollowConfig {
        group: "readers".to_owned(),
        topics: vec!["alerts".to_owned()],
        start,
        acknowledge: Acknowledge::Never,
        prompt_ends: true,
    };
    let mut messages: Vec<Message> = Vec::new();
    let limits = FetchLimits { count: 100, bytes: 1 << 20, wait: Duration::from_millis(100) };
    let mut follower = match Follower::new(&broker.options(), &config) {
        Ok(follower) => follower,
        Err(error) => return (Vec::new(), error),
    };
    let error = loop {
        if let Err(error) = follower.fetch(&mut messages, limits) {
            break error;
        }
        assert!(!follower.at_end(), "the end was reached, but {} messages came", messages.len());
    };
    (messages.iter().map(|message| message.offset).collect(), error)
}

/// What may happen to a batch, and what is told of it.
type Damage = (fn(&mut [u8]), &'static str);

const DAMAGES: [Damage; 3] = [(not_gzip, "decompressed"), (no_codec, "compressed in a way"), (flipped, "checksum")];

/// A compression that the batch does not have.
fn not_gzip(batch: &mut [u8]) {
    compressed(batch, 1);
}

/// A compression that there is not.
fn no_codec(batch: &mut [u8]) {
    compressed(batch, 7);
}

fn compressed(batch: &mut [u8], codec: u8) {
    batch[22] |= codec;
    let crc = crc32c::crc32c(&batch[CRC.end..]);
    batch[CRC].copy_from_slice(&crc.to_be_bytes());
}

/// A byte that is another one.
fn flipped(batch: &mut [u8]) {
    *batch.last_mut().unwrap() ^= 1;
}

#[test]
fn a_batch_that_cannot_be_read_is_told_with_its_place() {
    for (change, said) in DAMAGES {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("alerts", 2).unwrap();
        send(&broker, |_| {});
        send(&broker, change);
        send(&broker, |_| {});
        let (offsets, error) = follow(&broker, StartAt::Earliest);
        assert_eq!(offsets, [0, 1, 2], "{error}");
        let place = "topic alerts, partition 0, offset 3: ";
        assert!(error.to_string().starts_with(place) && error.to_string().contains(said), "{error}");
        // The last messages can't be counted across it.
        let (_, error) = follow(&broker, StartAt::Last(5));
        assert!(error.to_string().contains("partition 0") && error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_host_does_not_pass_over_a_batch_that_cannot_be_read() {
    for (change, said) in DAMAGES {
        for whole in [0, 1, 2] {
            let broker = EmbeddedBroker::start().unwrap();
            broker.create_topic("alerts", 2).unwrap();
            (0..whole).for_each(|_| send(&broker, |_| {}));
            send(&broker, change);
            (0..3).for_each(|_| send(&broker, |_| {}));
            let options = broker.options().with("statistics.interval.ms", "100");
            let lock = HostLock::new(&options, "nightwatch").unwrap();
            let (mut source, _) = lock.open(&["alerts".into()], StartAt::Committed, "dead".into()).unwrap();
            let watch = source.watch();
            let (mut messages, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(30));
            let trouble = loop {
                source.fetch(&mut messages, &BatchLimits::default(), Duration::from_millis(100)).unwrap();
                if let Some(trouble) = watch.condition().trouble {
                    break trouble;
                }
                assert!(
                    Instant::now() < deadline,
                    "{said}, {whole}: nothing is told, and {} messages came: {:?}",
                    messages.len(),
                    watch.lags()
                );
            };
            let offsets: Vec<i64> = messages.iter().map(|message| message.offset).collect();
            assert_eq!(offsets, (0..3 * whole).collect::<Vec<_>>(), "{trouble}");
            let place = format!("topic alerts, partition 0 from offset {}: ", 3 * whole);
            assert!(trouble.starts_with(&place) && trouble.contains("damaged"), "{trouble}");
        }
    }
}

#[test]
fn a_table_with_a_batch_that_cannot_be_read_is_an_error() {
    for (change, said) in DAMAGES {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("alerts", 1).unwrap();
        send(&broker, |_| {});
        send(&broker, change);
        let error = table::read(&broker.options(), "alerts").unwrap_err().to_string();
        assert!(error.contains("topic alerts") && error.contains(said), "{error}");
    }
}
