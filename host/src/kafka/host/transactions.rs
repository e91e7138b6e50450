//! The transactions of one host, and what to do when one fails.

mod failure;

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

use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::error::{About, Code, Error, Remedy};
use crate::kafka::client::options::Options;
use crate::kafka::client::stop::Stop;
use crate::kafka::host::watch::{Stamped, Watch};
use crate::kafka::wire::{Cluster, Coordinates, Parcel, Producer, TopicId, plan};
use crate::pipeline::Position;

/// How long to wait before a coordinator that can't be reached is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest pause while it can't be reached.
const LONGEST: Duration = Duration::from_secs(5);

/// How long brokers may answer that they don't know who coordinates a name's transactions.
const COORDINATOR: Duration = Duration::from_secs(300);

/// The end of a host's second transactional id, behind the host's name. No topic's name may contain it, and so no host's.
const SECOND: &str = "#2";

/// A transactional producer. A host has two, which publish in turn for the consumer group of the host's name.
pub(super) struct Transactions {
    cluster: Cluster,
    producer: Producer,
    group: String,
    watch: Watch,
    options: Options,
    /// Since when a transaction is open, or may be.
    open: Option<Instant>,
    /// Why it is not known whether the last transaction was committed.
    unsure: Option<String>,
    /// Whether the brokers may have given the producer an epoch that it was not told.
    untold: bool,
}

impl Transactions {
    /// Makes the two producers of a host, which are to be [taken over](take_over).
    pub(super) fn pair(options: &Options, name: &str, watch: &Watch) -> Result<[Transactions; 2], Error> {
        let one = |id: &str| -> Result<Transactions, Error> {
            Ok(Transactions {
                cluster: Cluster::new(options, name, id)?,
                producer: Producer::new(id),
                group: name.to_owned(),
                watch: watch.clone(),
                options: options.clone(),
                open: None,
                unsure: None,
                untold: false,
            })
        };
        Ok([one(name)?, one(&format!("{name}{SECOND}"))?])
    }

    fn renew(&mut self) -> Result<(), Error> {
        self.producer = Producer::new(&self.producer.transactional_id);
        let begun = Instant::now();
        let mut backoff = Backoff::between(&Stop::at_once(&self.options), (PAUSE, LONGEST));
        while let Err(error) = self.identify() {
            let waited = begun.elapsed();
            match (&error, error.remedy()) {
                // A cluster that is busy creating a thousand topics says only after that who coordinates.
                (Error::Answer { code, .. }, Remedy::Retry) if waited < COORDINATOR.max(self.options.patience) => {
                    let id = &self.producer.transactional_id;
                    tracing::warn!(id, reason = %Code(*code), "waiting for the coordinator of transactions");
                }
                (Error::Answer { .. }, _) => return Err(error),
                (_, Remedy::Retry) if waited < self.options.patience => {}
                (_, Remedy::Retry) => return Err(self.options.unreachable(error.to_string())),
                _ => return Err(error),
            }
            backoff.pause()?;
        }
        self.open = None;
        Ok(())
    }

    /// Publishes the records and commits the offsets, in one transaction.
    pub(super) fn commit(&mut self, parcels: &[Parcel<'_>], positions: &[Stamped]) -> Result<(), Error> {
        self.send(parcels)?;
        self.finish(positions)
    }

    /// Begins a transaction, and returns once its records are acknowledged; [`finish`](Self::finish) follows. After
    /// [`Error::InDoubt`] no transaction is begun until it is [known](Self::be_sure) whether that one was committed.
    pub(super) fn send(&mut self, parcels: &[Parcel<'_>]) -> Result<(), Error> {
        if let Some(reason) = self.unsure.clone() {
            let transactional_id = self.producer.transactional_id.clone();
            return Err(Error::InDoubt { transactional_id, reason });
        }
        let sent = self.try_send(parcels);
        self.noted(sent)
    }

    /// Commits what was sent, with the offsets.
    pub(super) fn finish(&mut self, positions: &[Stamped]) -> Result<(), Error> {
        let finished = self.try_finish(positions);
        self.noted(finished)
    }

    fn noted(&mut self, tried: Result<(), Error>) -> Result<(), Error> {
        if tried.is_err() {
            self.cluster.forget();
        }
        if let Err(error @ (Error::InDoubt { .. } | Error::Fenced { .. })) = &tried {
            self.unsure = Some(error.to_string());
        }
        tried
    }

    /// What ends waits for the brokers.
    pub(super) fn stop(&self) -> &Stop {
        self.cluster.stop()
    }

    /// Takes note that it was found out whether the last transaction is committed.
    pub(super) fn be_sure(&mut self) {
        self.unsure = None;
    }

    fn try_send(&mut self, parcels: &[Parcel<'_>]) -> Result<(), Error> {
        self.abandon()?;
        let plan = plan(&mut self.cluster, parcels).map_err(|error| self.sort(error))?;
        let begun = Instant::now();
        self.open = Some(begun);
        let partitions = plan.partitions();
        if !partitions.is_empty() {
            self.register(partitions).map_err(|error| self.sort(error))?;
        }
        let registered = begun.elapsed();
        let sent = self.producer.send(&mut self.cluster, parcels, &plan);
        let written = begun.elapsed();
        let produced = sent.and_then(|sent| sent.receive(&mut self.cluster)).map_err(|error| self.sort(error))?;
        let records = parcels.len();
        tracing::debug!(records, ?registered, ?written, acknowledged = ?begun.elapsed(), "transaction begun");
        self.check(&produced, parcels)
    }

    fn try_finish(&mut self, positions: &[Stamped]) -> Result<(), Error> {
        let begun = Instant::now();
        if !positions.is_empty() {
            self.offsets(positions).map_err(|error| self.sort(error))?;
        }
        let offsets = begun.elapsed();
        self.end()?;
        let open = self.open.take().map(|since| since.elapsed());
        tracing::debug!(?offsets, ended = ?begun.elapsed(), ?open, "transaction committed");
        Ok(())
    }

    /// Tells the coordinator which partitions are part of the transaction.
    fn register(&mut self, partitions: BTreeMap<&str, Vec<i32>>) -> Result<(), Error> {
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
            Err(Error::Answer { code: code @ ResponseError::TopicAuthorizationFailed, .. }) => {
                Err(Code(code).about(About::Topic(refused)))
            }
            asked => asked.map(drop),
        }
    }

    /// Adds the offsets to the transaction. This must not happen while records are on their way: of two requests about one
    /// transaction a broker drops the first, and answers that there are not enough replicas.
    fn offsets(&mut self, positions: &[Stamped]) -> Result<(), Error> {
        let group = GroupId(StrBytes::from_string(self.group.clone()));
        let add = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.id())
            .with_producer_id(ProducerId(self.producer.id))
            .with_producer_epoch(self.producer.epoch)
            .with_group_id(group.clone());
        self.cluster.coordinate(Coordinates::Transactions, &add, |answer| answer.error_code)?;
        let mut topics: BTreeMap<&str, Vec<TxnOffsetCommitRequestPartition>> = BTreeMap::new();
        for Stamped { position: Position { topic, partition, offset }, topic: id, .. } in positions {
            // If the topic is created anew, the next start knows by the id that the offset is of the earlier topic.
            let metadata = id.map_or_else(String::new, TopicId::metadata);
            let partition = TxnOffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(StrBytes::from_string(metadata)));
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

    /// Commits, and waits for the answer: once a commit was asked for, nothing else tells whether it was done.
    fn end(&mut self) -> Result<(), Error> {
        let mut backoff = Backoff::between(self.cluster.stop(), (PAUSE, PAUSE));
        loop {
            let Err(error) = self.ask_end(true) else { return Ok(()) };
            if !error.may_pass() {
                let error = self.sort(error);
                let transactional_id = self.producer.transactional_id.clone();
                return Err(match error.remedy() {
                    Remedy::Retry => Error::InDoubt { transactional_id, reason: error.to_string() },
                    _ => error,
                });
            }
            self.watch.retry(&self.sort(error).to_string());
            backoff.pause()?;
        }
    }

    /// Aborts the transaction that an earlier attempt left open. A new epoch makes sure that none of its records arrives
    /// later.
    fn abandon(&mut self) -> Result<(), Error> {
        if self.open.is_none() {
            return Ok(());
        }
        match self.ask_end(false) {
            // No transaction was open.
            Ok(()) | Err(Error::Answer { code: ResponseError::InvalidTxnState, .. }) => {}
            Err(error) => return Err(self.sort(error)),
        }
        self.identify().map_err(|error| self.sort(error))?;
        self.open = None;
        Ok(())
    }

    fn ask_end(&mut self, commit: bool) -> Result<(), Error> {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.id())
            .with_producer_id(ProducerId(self.producer.id))
            .with_producer_epoch(self.producer.epoch)
            .with_committed(commit);
        self.cluster.coordinate(Coordinates::Transactions, &request, |answer| answer.error_code).map(drop)
    }

    /// Asks for a new epoch of this producer, or for the first epoch of one that takes the id over.
    fn identify(&mut self) -> Result<(), Error> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.id()))
            .with_transaction_timeout_ms(self.options.transaction_timeout.as_millis() as i32)
            .with_producer_id(ProducerId(self.producer.id))
            .with_producer_epoch(self.producer.epoch);
        let before = self.cluster.unanswered();
        let asked = self.cluster.coordinate(Coordinates::Transactions, &request, |answer| answer.error_code);
        // If an answer was lost, the epoch may be another one all the same, and the next answer says that this one is old.
        self.untold |= self.cluster.unanswered() != before;
        let answer = asked?;
        (self.producer.id, self.producer.epoch) = (answer.producer_id.0, answer.producer_epoch);
        self.producer.sequences.clear();
        self.untold = false;
        Ok(())
    }

    fn id(&self) -> TransactionalId {
        TransactionalId(StrBytes::from_string(self.producer.transactional_id.clone()))
    }
}

/// Takes a host's transactional ids over: an earlier host can't publish under them any more, and transactions that it left
/// open are committed or aborted. If several hosts do so at the same time, one of them has both ids in the end, and the
/// others publish nothing: a host that lost one id while it took the other begins anew.
pub(super) fn take_over([first, second]: [&mut Transactions; 2], options: &Options) -> Result<(), Error> {
    let mut backoff = Backoff::new(options);
    loop {
        first.renew()?;
        second.renew()?;
        match first.identify() {
            Ok(()) => return Ok(()),
            Err(Error::Answer {
                code: ResponseError::InvalidProducerEpoch | ResponseError::ProducerFenced, ..
            }) => {
                tracing::warn!("another host of this name begins at the same time; taking the name over once more");
            }
            Err(error) if error.may_pass() => tracing::warn!(%error, "taking the name over once more"),
            Err(error) => return Err(error),
        }
        // Two hosts that take the name from each other make pauses.
        backoff.pause()?;
    }
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// Returns why a partition was not added, and the partition's topic. The others were then not attempted.
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

/// Returns why a partition's offset was not committed.
fn first_refusal(answer: &TxnOffsetCommitResponse) -> i16 {
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.find_map(|partition| Some(partition.error_code).filter(|code| *code != 0)).unwrap_or(0)
}
