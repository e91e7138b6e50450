//! The transactions of one host, and what to do when one fails.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, EndTxnRequest, GroupId,
    InitProducerIdRequest, ProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::wire::{Cluster, Coordinates, Parcel, Plan, Produced, Producer, Trouble, plan};
use super::{Error, Options, Watch};
use crate::pipeline::Position;

/// How long a coordinator that can't be reached is left in peace.
const PAUSE: Duration = Duration::from_millis(500);

/// What a failed transaction means.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may be tried again.
    Again(String),
    /// Some records are larger than the brokers take. It may be tried again with smaller ones.
    TooLarge(Vec<usize>),
    /// The producer is of no use any more, and whether the transaction was committed is not known.
    Lost {
        /// Whether another one of the same id has taken its place.
        fenced: bool,
        /// What the brokers said.
        reason: String,
    },
    /// Trying again won't help.
    Fatal(Error),
}

/// A transactional producer, whose id is the host's name: also its consumer group.
pub(super) struct Transactions {
    cluster: Cluster,
    producer: Producer,
    watch: Watch,
    options: Options,
    /// Since when a transaction is open, or may be.
    open: Option<Instant>,
    /// Why it is not known whether the last transaction was committed.
    unsure: Option<String>,
}

impl Transactions {
    /// Takes the id over: whoever published under it can't any more, and what it left open is committed or aborted.
    pub(super) fn begin(options: &Options, name: &str, watch: &Watch) -> Result<Transactions, Error> {
        let cluster = Cluster::new(options, name)?;
        let producer = Producer::new(name);
        let mut transactions = Transactions {
            cluster,
            producer,
            watch: watch.clone(),
            options: options.clone(),
            open: None,
            unsure: None,
        };
        transactions.renew()?;
        Ok(transactions)
    }

    /// Takes the id over again, after [`Failure::Lost`].
    pub(super) fn renew(&mut self) -> Result<(), Error> {
        self.producer = Producer::new(&self.producer.transactional_id);
        let deadline = Instant::now() + self.options.patience;
        loop {
            let trouble = match self.identify() {
                Ok(()) => break,
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(trouble) => trouble,
            };
            if self.options.stopping() {
                return Err(Error::Stopped(0));
            }
            match trouble {
                Trouble::Answer(code) if !code.is_retriable() => return Err(self.explain(code)),
                trouble if Instant::now() >= deadline => return Err(self.options.unreachable(trouble.to_string())),
                _ => std::thread::sleep(PAUSE),
            }
        }
        self.open = None;
        Ok(())
    }

    /// Publishes the records and commits the offsets, in one transaction. None is begun after [`Failure::Lost`] until it is
    /// [known](Self::be_sure) whether that one was committed.
    pub(super) fn commit(&mut self, parcels: &[Parcel<'_>], positions: &[Position]) -> Result<(), Failure> {
        if let Some(reason) = self.unsure.clone() {
            return Err(Failure::Lost { fenced: false, reason });
        }
        let tried = self.attempt(parcels, positions);
        if tried.is_err() {
            self.cluster.forget();
        }
        if let Err(Failure::Lost { reason, .. }) = &tried {
            self.unsure = Some(reason.clone());
        }
        tried
    }

    /// Whether the process was asked to stop, and there was time to end what had begun.
    pub(super) fn is_stopped(&self) -> bool {
        self.cluster.is_stopped()
    }

    /// It was found out whether the last transaction is committed.
    pub(super) fn be_sure(&mut self) {
        self.unsure = None;
    }

    fn attempt(&mut self, parcels: &[Parcel<'_>], positions: &[Position]) -> Result<(), Failure> {
        self.abandon()?;
        let plan = plan(&mut self.cluster, parcels).map_err(|trouble| self.sort(trouble))?;
        let begun = Instant::now();
        self.open = Some(begun);
        let produced = self.publish(parcels, &plan, positions).map_err(|trouble| self.sort(trouble))?;
        self.check(&produced, parcels)?;
        let published = begun.elapsed();
        self.end()?;
        self.open = None;
        tracing::debug!(records = parcels.len(), ?published, committed = ?begun.elapsed(), "transaction");
        Ok(())
    }

    /// Everything but the end: partitions are told to the coordinator, records to their leaders, offsets to the group's.
    fn publish(&mut self, parcels: &[Parcel<'_>], plan: &Plan, positions: &[Position]) -> Result<Produced, Trouble> {
        let partitions = plan.partitions();
        if !partitions.is_empty() {
            self.register(partitions)?;
        }
        let produced = self.producer.send(&mut self.cluster, parcels, plan)?.receive(&mut self.cluster)?;
        if produced.is_empty() && !positions.is_empty() {
            self.offsets(positions)?;
        }
        Ok(produced)
    }

    /// Tells the coordinator which partitions are part of the transaction.
    fn register(&mut self, partitions: BTreeMap<&str, Vec<i32>>) -> Result<(), Trouble> {
        let topic = |(name, partitions): (&str, Vec<i32>)| {
            AddPartitionsToTxnTopic::default().with_name(topic_name(name)).with_partitions(partitions)
        };
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.id())
            .with_v3_and_below_producer_id(ProducerId(self.producer.id))
            .with_v3_and_below_producer_epoch(self.producer.epoch)
            .with_v3_and_below_topics(partitions.into_iter().map(topic).collect());
        let mut refused = String::new();
        let asked = self.cluster.coordinate(Coordinates::Transactions, &request, |answer| {
            let (topic, code) = first_error(answer);
            refused = topic;
            code
        });
        match asked {
            Err(Trouble::Answer(code @ ResponseError::TopicAuthorizationFailed)) => {
                Err(Trouble::Fatal(Error::Other(format!(
                    "topic {refused:?}: {}; the user of this host needs the right to write to it",
                    Trouble::Answer(code)
                ))))
            }
            asked => asked.map(drop),
        }
    }

    /// Not while records are on their way: of two questions about one transaction a broker drops the first, and tells its
    /// asker that there are not enough replicas.
    fn offsets(&mut self, positions: &[Position]) -> Result<(), Trouble> {
        let group = GroupId(self.id().0);
        let add = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.id())
            .with_producer_id(ProducerId(self.producer.id))
            .with_producer_epoch(self.producer.epoch)
            .with_group_id(group.clone());
        self.cluster.coordinate(Coordinates::Transactions, &add, |answer| answer.error_code)?;
        let mut topics: BTreeMap<&str, Vec<TxnOffsetCommitRequestPartition>> = BTreeMap::new();
        for Position { topic, partition, offset } in positions {
            let partition = TxnOffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1);
            topics.entry(topic).or_default().push(partition);
        }
        let topic = |(name, partitions)| {
            TxnOffsetCommitRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions)
        };
        let commit = TxnOffsetCommitRequest::default()
            .with_transactional_id(self.id())
            .with_group_id(group)
            .with_producer_id(ProducerId(self.producer.id))
            .with_producer_epoch(self.producer.epoch)
            .with_topics(topics.into_iter().map(topic).collect());
        self.cluster.coordinate(Coordinates::Group, &commit, first_refusal).map(drop)
    }

    /// Commits. Once that was asked for only an answer tells whether it is so: it is waited for.
    fn end(&mut self) -> Result<(), Failure> {
        loop {
            let reason = match self.ask_end(true) {
                Ok(()) => return Ok(()),
                Err(Trouble::Fatal(error)) => return Err(Failure::Fatal(error)),
                Err(Trouble::Answer(code)) if !code.is_retriable() => {
                    return Err(match self.sort(Trouble::Answer(code)) {
                        Failure::Again(reason) => Failure::Lost { fenced: false, reason },
                        worse => worse,
                    });
                }
                Err(trouble) => trouble.to_string(),
            };
            self.watch.retry(&reason);
            if self.cluster.is_stopped() {
                return Err(Failure::Fatal(Error::Stopped(0)));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Takes back what an earlier attempt left open. A new epoch makes sure that nothing of it comes late.
    fn abandon(&mut self) -> Result<(), Failure> {
        if self.open.is_none() {
            return Ok(());
        }
        match self.ask_end(false) {
            // None was open.
            Ok(()) | Err(Trouble::Answer(ResponseError::InvalidTxnState)) => {}
            Err(trouble) => return Err(self.sort(trouble)),
        }
        self.identify().map_err(|trouble| self.sort(trouble))?;
        self.open = None;
        Ok(())
    }

    fn ask_end(&mut self, commit: bool) -> Result<(), Trouble> {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.id())
            .with_producer_id(ProducerId(self.producer.id))
            .with_producer_epoch(self.producer.epoch)
            .with_committed(commit);
        self.cluster.coordinate(Coordinates::Transactions, &request, |answer| answer.error_code).map(drop)
    }

    /// A new epoch of the producer that this was, or the first of one that takes the id over.
    fn identify(&mut self) -> Result<(), Trouble> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.id()))
            .with_transaction_timeout_ms(self.options.transaction_timeout.as_millis() as i32)
            .with_producer_id(ProducerId(self.producer.id))
            .with_producer_epoch(self.producer.epoch);
        let answer = self.cluster.coordinate(Coordinates::Transactions, &request, |answer| answer.error_code)?;
        (self.producer.id, self.producer.epoch) = (answer.producer_id.0, answer.producer_epoch);
        self.producer.sequences.clear();
        Ok(())
    }

    fn id(&self) -> TransactionalId {
        TransactionalId(StrBytes::from_string(self.producer.transactional_id.clone()))
    }

    /// Sorts out why records were not acknowledged, if any was not.
    fn check(&self, failed: &[(usize, ResponseError)], parcels: &[Parcel<'_>]) -> Result<(), Failure> {
        use ResponseError::*;
        let too_large = |code| matches!(code, MessageTooLarge | RecordListTooLarge);
        let large: Vec<usize> = failed.iter().filter(|(_, code)| too_large(*code)).map(|(number, _)| *number).collect();
        if !large.is_empty() {
            return Err(Failure::TooLarge(large));
        }
        let Some(&(number, code)) = failed.first() else { return Ok(()) };
        let reason = format!(
            "{} of {} records were not acknowledged, the first for topic {:?}: {}",
            failed.len(),
            parcels.len(),
            parcels[number].record.topic,
            Trouble::Answer(code)
        );
        Err(match code {
            TopicAuthorizationFailed | ClusterAuthorizationFailed => {
                Failure::Fatal(Error::Other(format!("{reason}; the user of this host needs the right to write to it")))
            }
            // If the producer is of no use any more, taking the transaction back will tell.
            _ => Failure::Again(reason),
        })
    }

    fn sort(&self, trouble: Trouble) -> Failure {
        use ResponseError::*;
        let code = match trouble {
            Trouble::Connection(reason) => return Failure::Again(reason),
            Trouble::Fatal(error) => return Failure::Fatal(error),
            Trouble::Answer(code) => code,
        };
        let reason = trouble.to_string();
        match code {
            // The brokers, too, take the epoch away: of a transaction that took too long.
            InvalidProducerEpoch | ProducerFenced => {
                let in_time = self.open.is_none_or(|since| since.elapsed() < self.options.transaction_timeout);
                Failure::Lost { fenced: in_time, reason }
            }
            InvalidProducerIdMapping | InvalidTxnState => Failure::Lost { fenced: false, reason },
            UnknownMemberId | IllegalGeneration | FencedInstanceId => Failure::Again(format!(
                "another consumer is in the group {:?}, which is this host's name: end that consumer ({reason})",
                self.producer.transactional_id
            )),
            ConcurrentTransactions => Failure::Again(format!(
                "the brokers have not ended the last transaction yet: a partition of it has no leader or too few replicas \
                 ({reason})"
            )),
            TransactionalIdAuthorizationFailed
            | GroupAuthorizationFailed
            | TopicAuthorizationFailed
            | ClusterAuthorizationFailed
            | InvalidTransactionTimeout
            | InvalidGroupId => Failure::Fatal(self.explain(code)),
            _ => Failure::Again(reason),
        }
    }

    /// The error in full, with what to do about it.
    fn explain(&self, code: ResponseError) -> Error {
        use ResponseError::*;
        let advice = match code {
            TransactionalIdAuthorizationFailed => {
                "; the user of this host needs the right to write to that transactional id"
            }
            GroupAuthorizationFailed => "; the user of this host needs the right to read that consumer group",
            TopicAuthorizationFailed => "; the user of this host needs the right to write to its topics",
            ClusterAuthorizationFailed => "; the user of this host needs the right to IdempotentWrite",
            InvalidTransactionTimeout => "; the brokers' transaction.max.timeout.ms is shorter",
            _ => "",
        };
        Error::Other(format!("transactions of {:?}: {}{advice}", self.producer.transactional_id, Trouble::Answer(code)))
    }
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// Why a partition was not added, and of which topic it is; the others were then not attempted.
fn first_error(answer: &AddPartitionsToTxnResponse) -> (String, i16) {
    let mut first = (String::new(), 0);
    for topic in &answer.results_by_topic_v3_and_below {
        for partition in topic.results_by_partition.iter().filter(|partition| partition.partition_error_code != 0) {
            if first.1 == 0 || first.1 == ResponseError::OperationNotAttempted.code() {
                first = (topic.name.0.to_string(), partition.partition_error_code);
            }
        }
    }
    first
}

/// Why a partition's offset was not taken.
fn first_refusal(answer: &TxnOffsetCommitResponse) -> i16 {
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.find_map(|partition| Some(partition.error_code).filter(|code| *code != 0)).unwrap_or(0)
}
