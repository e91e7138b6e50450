//! Records on their way to the partitions' leaders: few requests, each with many partitions.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::cluster::{Cluster, Purpose};
use super::partitioner::partition_of;
use super::pieces::Pieces;
use super::records::{self, Stamp};
use crate::kafka::client::compression::Compression;
use crate::kafka::client::error::{Code, Error};
use crate::pipeline::{Record, TopicPartition};

/// The largest batch of several records, in bytes. It is below the brokers' default limit (`message.max.bytes`, 1048588).
const BATCH: usize = 1_000_000;

/// The bytes of a batch's own fields.
const BATCH_HEADER: usize = 61;

/// The largest request with several batches, in bytes. Brokers hold all of it in memory.
const REQUEST: usize = 8 << 20;

/// The largest record, in bytes: a request beyond `socket.request.max.bytes` (100 MiB) would end the connection.
const LARGEST: usize = 64 << 20;

/// How long a leader may wait for its followers, in milliseconds.
const ACKNOWLEDGED_IN: i32 = 25_000;

/// A record is acknowledged once all replicas that are in sync have it.
const ALL: i16 = -1;

/// A record to be sent, by itself or in a batch with others that are compressed alike.
pub(in crate::kafka) struct Parcel<'a> {
    pub(in crate::kafka) record: &'a Record,
    pub(in crate::kafka) alone: bool,
    pub(in crate::kafka) compression: Compression,
}

/// The producer's identity and counts, by which brokers make sure that no record is appended twice.
pub(in crate::kafka) struct Producer {
    /// One of the host's two transactional ids.
    pub(in crate::kafka) transactional_id: String,
    pub(in crate::kafka) id: i64,
    pub(in crate::kafka) epoch: i16,
    /// The next record's number in each partition that was written to in this epoch.
    pub(in crate::kafka) sequences: HashMap<TopicPartition, i32>,
}

/// Records of one partition that are sent together; `parcels` has their numbers.
struct Batch {
    partition: TopicPartition,
    parcels: Vec<usize>,
    /// The size before compression.
    bytes: usize,
    compression: Compression,
}

/// Which records go to which partition, and in which batch.
#[derive(Default)]
pub(in crate::kafka) struct Plan {
    batches: Vec<Batch>,
    /// Records that are too large for any request.
    too_large: Vec<usize>,
}

/// The parcels that were not appended, in order, and why.
pub(in crate::kafka) type Produced = Vec<(usize, ResponseError)>;

/// Chooses partitions and puts records together.
pub(in crate::kafka) fn plan(cluster: &mut Cluster, parcels: &[Parcel<'_>]) -> Result<Plan, Error> {
    cluster.learn(parcels.iter().map(|parcel| &parcel.record.topic))?;
    let mut plan = Plan::default();
    // The batch of a partition that has room.
    let mut open: HashMap<TopicPartition, usize> = HashMap::new();
    for (number, &Parcel { record, alone, compression }) in parcels.iter().enumerate() {
        let bytes = records::size(record) + BATCH_HEADER;
        if bytes > LARGEST {
            plan.too_large.push(number);
            continue;
        }
        let count = cluster.leaders(&record.topic).len().max(1);
        let partition = if record.key.is_empty() { number % count } else { partition_of(&record.key, count) } as i32;
        let partition = TopicPartition { topic: record.topic.clone(), partition };
        let batches = &mut plan.batches;
        let room = |at: &&usize| {
            let batch = &batches[**at];
            !alone && batch.bytes + bytes <= BATCH && batch.compression == compression
        };
        match open.get(&partition).filter(room) {
            Some(&at) => {
                batches[at].parcels.push(number);
                batches[at].bytes += bytes;
            }
            None => {
                if !alone {
                    open.insert(partition.clone(), batches.len());
                }
                batches.push(Batch { partition, parcels: vec![number], bytes, compression });
            }
        }
    }
    Ok(plan)
}

impl Plan {
    /// Records that are too large for any request.
    #[cfg(test)]
    pub(super) fn too_large(&self) -> &[usize] {
        &self.too_large
    }

    /// The partitions, by topic.
    pub(in crate::kafka) fn partitions(&self) -> BTreeMap<&str, Vec<i32>> {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for Batch { partition: TopicPartition { topic, partition }, .. } in &self.batches {
            let partitions = topics.entry(topic).or_default();
            if !partitions.contains(partition) {
                partitions.push(*partition);
            }
        }
        topics
    }

    /// What each leader is to be sent, request by request. In a request each partition has one batch, and batches of a
    /// partition keep their order.
    fn requests(&self, cluster: &Cluster) -> Vec<(i32, Vec<&Batch>)> {
        let mut queues: BTreeMap<i32, BTreeMap<&TopicPartition, VecDeque<&Batch>>> = BTreeMap::new();
        for batch in &self.batches {
            let TopicPartition { topic, partition } = &batch.partition;
            let leader = cluster.leaders(topic).get(*partition as usize).copied().unwrap_or(-1);
            queues.entry(leader).or_default().entry(&batch.partition).or_default().push_back(batch);
        }
        let mut requests = Vec::new();
        for (leader, mut partitions) in queues {
            while !partitions.is_empty() {
                let (mut request, mut bytes): (Vec<&Batch>, usize) = (Vec::new(), 0);
                partitions.retain(|_, queue| {
                    if let Some(first) = queue.front()
                        && (request.is_empty() || bytes + first.bytes <= REQUEST)
                    {
                        bytes += first.bytes;
                        request.extend(queue.pop_front());
                    }
                    !queue.is_empty()
                });
                requests.push((leader, request));
            }
        }
        requests
    }
}

/// Requests that are on their way.
pub(in crate::kafka) struct Sent<'a> {
    requests: Vec<(i32, Vec<&'a Batch>)>,
    too_large: &'a [usize],
}

impl Producer {
    /// A producer that has no id from the coordinator yet.
    pub(in crate::kafka) fn new(transactional_id: &str) -> Producer {
        Producer { transactional_id: transactional_id.to_owned(), id: -1, epoch: -1, sequences: HashMap::new() }
    }

    /// Sends everything. The answers are to be [received](Sent::receive).
    pub(in crate::kafka) fn send<'a>(
        &mut self,
        cluster: &mut Cluster,
        parcels: &[Parcel<'_>],
        plan: &'a Plan,
    ) -> Result<Sent<'a>, Error> {
        let requests = plan.requests(cluster);
        for (leader, batches) in &requests {
            let broker = cluster.connection(Purpose::Produce, *leader)?;
            broker.send::<ProduceRequest>(|pieces| self.encode(pieces, batches, parcels))?;
        }
        Ok(Sent { requests, too_large: &plan.too_large })
    }

    /// The bodies of all requests, and the leaders that they are for.
    #[cfg(test)]
    pub(super) fn bodies(
        &mut self,
        cluster: &Cluster,
        parcels: &[Parcel<'_>],
        plan: &Plan,
    ) -> Vec<(i32, bytes::Bytes)> {
        let body = |(leader, batches): &(i32, Vec<&Batch>)| {
            let mut pieces = Pieces::default();
            self.encode(&mut pieces, batches, parcels);
            (*leader, pieces.slices().iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>().into())
        };
        plan.requests(cluster).iter().map(body).collect()
    }

    /// The body of a request, version 8.
    fn encode<'a>(&mut self, pieces: &mut Pieces<'a>, batches: &[&Batch], parcels: &[Parcel<'a>]) {
        put_text(pieces, &self.transactional_id);
        pieces.put(&ALL.to_be_bytes());
        pieces.put(&ACKNOWLEDGED_IN.to_be_bytes());
        let topics: Vec<&[&Batch]> =
            batches.chunk_by(|one, other| one.partition.topic == other.partition.topic).collect();
        pieces.put(&(topics.len() as i32).to_be_bytes());
        for topic in topics {
            put_text(pieces, &topic[0].partition.topic);
            pieces.put(&(topic.len() as i32).to_be_bytes());
            for batch in topic {
                pieces.put(&batch.partition.partition.to_be_bytes());
                let length = pieces.reserve();
                let begin = pieces.mark();
                self.encode_batch(pieces, batch, parcels);
                pieces.set(length, (pieces.since(begin) as i32).to_be_bytes());
            }
        }
    }

    fn encode_batch<'a>(&mut self, pieces: &mut Pieces<'a>, batch: &Batch, parcels: &[Parcel<'a>]) {
        let records: Vec<&Record> = batch.parcels.iter().map(|&number| parcels[number].record).collect();
        let next = self.sequences.entry(batch.partition.clone()).or_default();
        let stamp = Stamp { producer: (self.id, self.epoch), sequence: *next, time: now() };
        // After the largest number comes 0.
        *next = next.wrapping_add(records.len() as i32) & i32::MAX;
        records::encode(pieces, &records, &stamp, batch.compression);
    }
}

impl Sent<'_> {
    /// Waits for the answers, and returns the parcels that were not appended.
    pub(in crate::kafka) fn receive(self, cluster: &mut Cluster) -> Result<Produced, Error> {
        Ok(self.receive_with_offsets(cluster)?.0)
    }

    /// As [`receive`](Sent::receive); and the offsets of the parcels that were appended.
    pub(in crate::kafka) fn receive_with_offsets(
        self,
        cluster: &mut Cluster,
    ) -> Result<(Produced, HashMap<usize, i64>), Error> {
        let (mut failed, mut offsets) = (Vec::new(), HashMap::new());
        for (leader, batches) in &self.requests {
            let answer = cluster.connection(Purpose::Produce, *leader)?.receive::<ProduceRequest>()?;
            for batch in batches {
                match outcome(&answer, &batch.partition) {
                    Ok(first) => offsets.extend(batch.parcels.iter().copied().zip(first..)),
                    Err(code) => failed.extend(batch.parcels.iter().map(|&number| (number, code))),
                }
            }
        }
        failed.extend(self.too_large.iter().map(|&number| (number, ResponseError::MessageTooLarge)));
        failed.sort_by_key(|(number, _)| *number);
        Ok((failed, offsets))
    }
}

/// What became of a partition's batch: its first offset. If the answer does not name the partition, the batch counts as not
/// appended.
fn outcome(answer: &ProduceResponse, partition: &TopicPartition) -> Result<i64, ResponseError> {
    let of_topic = answer.responses.iter().filter(|topic| **topic.name == *partition.topic);
    let mut of_partition = of_topic.flat_map(|topic| &topic.partition_responses);
    let told = of_partition.find(|told| told.index == partition.partition);
    let told = told.ok_or(ResponseError::UnknownServerError)?;
    Code::check(told.error_code).map(|()| told.base_offset).map_err(|Code(code)| code)
}

/// Appends a string behind its length.
fn put_text(pieces: &mut Pieces<'_>, text: &str) {
    // Names of topics and hosts are shorter, or no broker takes them.
    let bytes = &text.as_bytes()[..text.len().min(i16::MAX as usize)];
    pieces.put(&(bytes.len() as i16).to_be_bytes());
    pieces.put(bytes);
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}
