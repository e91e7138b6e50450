//! Requests as they are sent, read by the protocol's other side.

mod answers;
mod batches;
mod keystore;
mod messages;
mod round_trips;
mod unreadable;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::protocol::{Decodable, StrBytes};
use kafka_protocol::records::{RecordBatchDecoder, TimestampType};

use super::cluster::Cluster;
use super::pieces::Pieces;
use super::produce::{Parcel, Producer, plan};
use super::records::{Stamp, encode, size};
use crate::kafka::client::compression::Compression;
use crate::kafka::client::error::Code;
use crate::pipeline::{Header, Record};

fn record(topic: &Arc<str>, key: &str, payload: usize) -> Record {
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.as_bytes().to_vec() };
    Record {
        topic: topic.clone(),
        key: key.as_bytes().to_vec(),
        payload: Bytes::from(vec![b'x'; payload]),
        headers: vec![header("skysieve-filter", "bright"), header("note", "")],
    }
}

fn bytes(pieces: &Pieces<'_>) -> Bytes {
    pieces.slices().iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>().into()
}

#[test]
fn a_batch_is_read_as_it_was_meant() {
    let topic: Arc<str> = "a".into();
    let records = [record(&topic, "17", 100_000), record(&topic, "", 0), record(&topic, "18", 100)];
    let mut pieces = Pieces::default();
    let stamp = Stamp { producer: (7, 3), sequence: 40, time: 1_800_000_000_123 };
    encode(&mut pieces, &records.iter().collect::<Vec<_>>(), &stamp, Compression::None);
    assert!(pieces.len() <= 61 + records.iter().map(size).sum::<usize>());
    let sets = RecordBatchDecoder::decode_all(&mut bytes(&pieces)).unwrap();
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].records.len(), records.len());
    for ((at, read), record) in (0i32..).zip(&sets[0].records).zip(&records) {
        assert!(read.transactional && !read.control);
        assert_eq!((read.producer_id, read.producer_epoch, read.sequence), (7, 3, 40 + at));
        assert_eq!((read.timestamp, read.timestamp_type), (1_800_000_000_123, TimestampType::Creation));
        assert_eq!(read.offset, i64::from(at));
        assert_eq!(read.key.as_deref(), Some(&record.key[..]).filter(|key| !key.is_empty()));
        assert_eq!(read.value.as_deref(), Some(&record.payload[..]).filter(|payload| !payload.is_empty()));
        let headers: Vec<(&str, &[u8])> = read
            .headers
            .iter()
            .map(|(name, value)| (StrBytes::as_str(name), value.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(headers, [("skysieve-filter", &b"bright"[..]), ("note", b"")]);
    }
}

/// What would be sent: leader, then topic, partition and each record's size.
type Request = (i32, Vec<(String, i32, Vec<usize>)>);

fn requests(cluster: &mut Cluster, parcels: &[Parcel<'_>]) -> (Vec<Request>, Vec<usize>) {
    let plan = plan(cluster, parcels).unwrap();
    let mut producer = Producer::new("host");
    (producer.id, producer.epoch) = (5, 1);
    let mut next: BTreeMap<(String, i32), i32> = BTreeMap::new();
    let mut read = Vec::new();
    for (leader, body) in producer.bodies(cluster, parcels, &plan) {
        let request = ProduceRequest::decode(&mut body.clone(), 8).unwrap();
        assert_eq!(request.transactional_id.unwrap().0.as_str(), "host");
        assert_eq!(request.acks, -1);
        let mut partitions = Vec::new();
        for topic in request.topic_data {
            for partition in topic.partition_data {
                let place = (topic.name.0.to_string(), partition.index);
                let mut sets = RecordBatchDecoder::decode_all(&mut partition.records.unwrap()).unwrap();
                assert_eq!(sets.len(), 1, "Kafka takes one batch of a partition in a request");
                let records = sets.remove(0).records;
                let sequence = next.entry(place.clone()).or_default();
                for record in &records {
                    assert_eq!((record.producer_id, record.producer_epoch, record.sequence), (5, 1, *sequence));
                    *sequence += 1;
                }
                let sizes = records.iter().map(|record| record.value.as_ref().unwrap().len()).collect();
                partitions.push((place.0, place.1, sizes));
            }
        }
        read.push((leader, partitions));
    }
    (read, plan.too_large().to_vec())
}

fn together(records: &[Record]) -> Vec<Parcel<'_>> {
    records.iter().map(|record| Parcel { record, alone: false, compression: Compression::None }).collect()
}

#[test]
fn records_of_a_leader_share_a_request() {
    let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
    let mut cluster = Cluster::with_leaders(&[(&a, &[1]), (&b, &[2])]);
    let records: Vec<Record> =
        [(&a, 1), (&b, 2), (&a, 3), (&b, 4)].map(|(topic, size)| record(topic, "k", size)).into();
    let (read, too_large) = requests(&mut cluster, &together(&records));
    let partition = |topic: &str, sizes: &[usize]| vec![(topic.to_owned(), 0, sizes.to_vec())];
    assert_eq!(read, [(1, partition("a", &[1, 3])), (2, partition("b", &[2, 4]))]);
    assert!(too_large.is_empty());
}

#[test]
fn large_batches_are_split_and_keep_their_order() {
    let topics: Vec<Arc<str>> = (0..3).map(|number| format!("topic-{number}").into()).collect();
    let leaders: Vec<(&Arc<str>, &[i32])> = topics.iter().map(|topic| (topic, &[1][..])).collect();
    let mut cluster = Cluster::with_leaders(&leaders);
    // Ten to a batch, some batches to a request.
    let records: Vec<Record> = (0..180).map(|number| record(&topics[number % 3], "k", 98_000 + number)).collect();
    let (read, _) = requests(&mut cluster, &together(&records));
    assert!(read.len() > 1, "{} requests", read.len());
    for (at, topic) in topics.iter().enumerate() {
        let came = read.iter().flat_map(|(_, partitions)| partitions);
        let sizes: Vec<usize> =
            came.filter(|(name, ..)| **name == **topic).flat_map(|(_, _, sizes)| sizes.clone()).collect();
        assert_eq!(sizes, (at..180).step_by(3).map(|number| 98_000 + number).collect::<Vec<_>>());
    }
    let bytes = |(_, partitions): &Request| partitions.iter().flat_map(|(_, _, sizes)| sizes).sum::<usize>();
    assert!(read.iter().all(|request| bytes(request) <= 8 << 20));
}

#[test]
fn a_record_by_itself_and_one_that_no_broker_takes() {
    let topic: Arc<str> = "a".into();
    let mut cluster = Cluster::with_leaders(&[(&topic, &[1])]);
    let records = [1, 2, 3, 65 << 20].map(|size| record(&topic, "k", size));
    let mut parcels = together(&records);
    parcels[1].alone = true;
    let (read, too_large) = requests(&mut cluster, &parcels);
    let sizes: Vec<Vec<usize>> =
        read.into_iter().flat_map(|(_, partitions)| partitions).map(|(_, _, sizes)| sizes).collect();
    assert_eq!(sizes, [vec![1, 3], vec![2]]);
    assert_eq!(too_large, [3]);
    let error = Code::check(ResponseError::MessageTooLarge.code()).unwrap_err();
    assert_eq!(error.to_string(), "MessageTooLarge (Kafka's error 10)");
}

#[test]
fn keys_choose_among_a_topics_partitions() {
    let topic: Arc<str> = "a".into();
    let mut cluster = Cluster::with_leaders(&[(&topic, &[1, 1, 1, 1])]);
    let records: Vec<Record> = (0..100).map(|key| record(&topic, &(key % 10).to_string(), 1 + key)).collect();
    let (read, _) = requests(&mut cluster, &together(&records));
    let partitions: Vec<_> = read.into_iter().flat_map(|(_, partitions)| partitions).collect();
    assert!(partitions.len() > 1);
    for key in 0..10 {
        let of_key = partitions.iter().filter(|(_, _, sizes)| sizes.iter().any(|size| size % 10 == (key + 1) % 10));
        assert_eq!(of_key.count(), 1, "key {key}");
    }
}
