//! Writes into the registry. Of all hosts, only the last one that has taken the transactional id can commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, EndTxnRequest, InitProducerIdRequest, ProducerId, TopicName,
    TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use crate::kafka::client::compression::Compression;
use crate::kafka::client::error::{About, Code, Error};
use crate::kafka::client::options::Options;
use crate::kafka::wire::{Cluster, Coordinates, Parcel, Producer, plan};
use crate::pipeline::Record;

/// A producer that may be the registry's writer.
pub(super) struct Writer {
    cluster: Cluster,
    producer: Producer,
    options: Options,
}

/// A record of a topic.
pub(super) fn record(topic: &Arc<str>, key: &str, payload: Bytes) -> Record {
    Record { topic: topic.clone(), key: key.as_bytes().to_vec(), payload, headers: Vec::new() }
}

impl Writer {
    /// A producer that is not the writer yet.
    pub(super) fn new(options: &Options, id: &str) -> Result<Writer, Error> {
        let cluster = Cluster::new(options, "", id)?;
        Ok(Writer { cluster, producer: Producer::new(id), options: options.clone() })
    }

    /// Becomes the writer. Transactions of earlier ones are committed or aborted when this returns.
    pub(super) fn identify(&mut self) -> Result<(), Error> {
        self.producer = Producer::new(&self.producer.transactional_id);
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.id()))
            .with_transaction_timeout_ms(self.options.transaction_timeout.as_millis() as i32)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let asked = self.cluster.coordinate(Coordinates::Transactions, &request, |answer| answer.error_code);
        let answer = self.noted(asked)?;
        (self.producer.id, self.producer.epoch) = (answer.producer_id.0, answer.producer_epoch);
        Ok(())
    }

    /// Commits the records in one transaction. Returns the offset of the last one.
    pub(super) fn commit(&mut self, records: &[Record]) -> Result<i64, Error> {
        let sent = self.send(records);
        let Ok(offset) = sent else {
            // Readers wait for the end of what is open. Whoever writes next would end it, too.
            let _ = self.end(false);
            return self.noted(sent);
        };
        let ended = self.end(true);
        let ended = ended.map_err(|error| match error {
            // It may have been committed before.
            error @ Error::Stopped(_) => error,
            error => {
                Error::InDoubt { transactional_id: self.producer.transactional_id.clone(), reason: error.to_string() }
            }
        });
        self.noted(ended).map(|()| offset)
    }

    fn send(&mut self, records: &[Record]) -> Result<i64, Error> {
        let parcel = |record| Parcel { record, alone: false, compression: Compression::None };
        let parcels: Vec<Parcel<'_>> = records.iter().map(parcel).collect();
        let plan = plan(&mut self.cluster, &parcels)?;
        self.register(plan.partitions())?;
        let sent = self.producer.send(&mut self.cluster, &parcels, &plan)?;
        let (failed, offsets) = sent.receive_with_offsets(&mut self.cluster)?;
        match failed.first() {
            None => {}
            Some((_, ResponseError::MessageTooLarge | ResponseError::RecordListTooLarge)) => {
                return Err(Error::TooLarge(failed.iter().map(|(number, _)| *number).collect()));
            }
            Some((number, code)) => return Err(Code(*code).about(About::Topic(records[*number].topic.to_string()))),
        }
        let last = offsets.get(&(records.len() - 1)).copied();
        last.ok_or_else(|| Error::Unanswered("the brokers do not say where a record is".to_owned()))
    }

    fn register(&mut self, partitions: BTreeMap<&str, Vec<i32>>) -> Result<(), Error> {
        let topic = |(name, partitions): (&str, Vec<i32>)| {
            let name = TopicName(StrBytes::from_string(name.to_owned()));
            AddPartitionsToTxnTopic::default().with_name(name).with_partitions(partitions)
        };
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.id())
            .with_v3_and_below_producer_id(ProducerId(self.producer.id))
            .with_v3_and_below_producer_epoch(self.producer.epoch)
            .with_v3_and_below_topics(partitions.into_iter().map(topic).collect());
        self.cluster.coordinate(Coordinates::Transactions, &request, first_error).map(drop)
    }

    fn end(&mut self, commit: bool) -> Result<(), Error> {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.id())
            .with_producer_id(ProducerId(self.producer.id))
            .with_producer_epoch(self.producer.epoch)
            .with_committed(commit);
        self.cluster.coordinate(Coordinates::Transactions, &request, |answer| answer.error_code).map(drop)
    }

    /// After an error, nothing is taken for known any more.
    fn noted<T>(&mut self, tried: Result<T, Error>) -> Result<T, Error> {
        if tried.is_err() {
            self.cluster.forget();
        }
        tried
    }

    fn id(&self) -> TransactionalId {
        TransactionalId(StrBytes::from_string(self.producer.transactional_id.clone()))
    }
}

/// Returns why a partition was not added. The others were then not attempted.
fn first_error(answer: &AddPartitionsToTxnResponse) -> i16 {
    let topics = answer.results_by_topic_v3_and_below.iter();
    let codes = topics.flat_map(|topic| &topic.results_by_partition).map(|partition| partition.partition_error_code);
    let mut errors = codes.filter(|code| *code != 0).collect::<Vec<_>>();
    errors.sort_by_key(|code| *code == ResponseError::OperationNotAttempted.code());
    errors.first().copied().unwrap_or(0)
}
