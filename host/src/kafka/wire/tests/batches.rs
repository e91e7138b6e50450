//! Any records in one request: the protocol's other side reads each once, in order, as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::protocol::{Decodable, StrBytes};
use kafka_protocol::records::{self, RecordBatchDecoder};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kafka::client::compression::Compression;
use crate::kafka::client::compression::tests::decompress;
use crate::kafka::wire::cluster::Cluster;
use crate::kafka::wire::partitioner::partition_of;
use crate::kafka::wire::produce::{Parcel, Producer, plan};
use crate::kafka::wire::requests::Ask;
use crate::pipeline::{Header, Record};

/// Topics, and how many partitions each has. Their leaders are brokers 0 to 2.
const TOPICS: [(&str, usize); 3] = [("alerts", 1), ("bright", 4), ("letters", 7)];

/// A record, whether it goes by itself, and how it is compressed.
type Sent = (Record, bool, Compression);

fn sent() -> impl Strategy<Value = Sent> {
    let bytes = |most: usize| {
        prop_oneof![vec(any::<u8>(), 0..most), (any::<u8>(), 0..40 * most).prop_map(|(byte, count)| vec![byte; count])]
    };
    // This reader keeps one header of a name.
    let headers = proptest::collection::btree_map("[a-zA-Z-]{0,30}", bytes(20), 0..4)
        .prop_map(|headers| headers.into_iter().map(|(name, value)| Header { name, value }).collect());
    let record = (0..TOPICS.len(), bytes(20), bytes(2000), headers).prop_map(|(topic, key, payload, headers)| Record {
        topic: TOPICS[topic].0.into(),
        key,
        payload: payload.into(),
        headers,
    });
    (record, proptest::bool::weighted(0.2), proptest::sample::select(&Compression::ALL[..]))
}

/// What came for a partition: key, payload, headers. A null where there was nothing.
type Read = (Option<Bytes>, Option<Bytes>, Vec<(String, Bytes)>);

fn expected(record: &Record) -> Read {
    let nonempty = |bytes: &[u8]| (!bytes.is_empty()).then(|| Bytes::copy_from_slice(bytes));
    let headers = record.headers.iter().map(|header| (header.name.clone(), header.value.clone().into()));
    (nonempty(&record.key), nonempty(&record.payload), headers.collect())
}

fn read(record: records::Record) -> Read {
    let header = |(name, value): (StrBytes, Option<Bytes>)| (name.to_string(), value.unwrap_or_default());
    (record.key, record.value, record.headers.into_iter().map(header).collect())
}

fn decompressed(bytes: &mut Bytes, codec: records::Compression) -> anyhow::Result<Bytes> {
    let codec = Compression::ALL[codec as usize];
    Ok(decompress(codec, &bytes.split_off(0)).into())
}

/// Reads a request to its last byte; checks what brokers check of its batches.
fn take(body: Bytes, next: &mut BTreeMap<(String, i32), Vec<Read>>) -> Result<(), TestCaseError> {
    let mut rest = body;
    let request = ProduceRequest::decode(&mut rest, ProduceRequest::VERSION).unwrap();
    prop_assert!(rest.is_empty());
    for topic in request.topic_data {
        for partition in topic.partition_data {
            let mut bytes = partition.records.unwrap();
            let crc = u32::from_be_bytes(bytes[17..21].try_into().unwrap());
            prop_assert_eq!(crc, crc32c::crc32c(&bytes[21..]));
            let came = next.entry((topic.name.to_string(), partition.index)).or_default();
            let set = RecordBatchDecoder::decode_with_custom_compression(&mut bytes, Some(decompressed)).unwrap();
            prop_assert!(bytes.is_empty(), "Kafka takes one batch of a partition in a request");
            for record in set.records {
                prop_assert_eq!(record.sequence as usize, came.len());
                prop_assert_eq!((record.producer_id, record.producer_epoch), (5, 1));
                prop_assert!(record.transactional && !record.control);
                came.push(read(record));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn records_are_read_as_they_were_sent(sent in vec(sent(), 0..40)) {
        let names: Vec<(Arc<str>, Vec<i32>)> =
            TOPICS.iter().map(|(name, count)| ((*name).into(), (0..*count as i32).map(|at| at % 3).collect())).collect();
        let leaders: Vec<(&Arc<str>, &[i32])> = names.iter().map(|(name, leaders)| (name, &leaders[..])).collect();
        let mut cluster = Cluster::with_leaders(&leaders);
        let parcels: Vec<Parcel<'_>> =
            sent.iter().map(|&(ref record, alone, compression)| Parcel { record, alone, compression }).collect();
        let plan = plan(&mut cluster, &parcels).unwrap();
        prop_assert!(plan.too_large().is_empty());
        let mut producer = Producer::new("host");
        (producer.id, producer.epoch) = (5, 1);
        let mut came = BTreeMap::new();
        for (_, body) in producer.bodies(&cluster, &parcels, &plan) {
            take(body, &mut came)?;
        }
        let mut meant: BTreeMap<(String, i32), Vec<Read>> = BTreeMap::new();
        for (number, (record, ..)) in sent.iter().enumerate() {
            let (topic, count) = TOPICS.into_iter().find(|(topic, _)| *topic == &*record.topic).unwrap();
            let at = if record.key.is_empty() { number % count } else { partition_of(&record.key, count) };
            meant.entry((topic.to_owned(), at as i32)).or_default().push(expected(record));
        }
        // Batches of a partition differ in compression, and some records go alone: the order is that of the batches.
        for records in came.values_mut().chain(meant.values_mut()) {
            records.sort();
        }
        prop_assert_eq!(came, meant);
    }
}
