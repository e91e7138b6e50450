//! A host's lock on its name.

use std::sync::Arc;

use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::client::start_at::StartAt;
use crate::kafka::host::sink::KafkaSink;
use crate::kafka::host::source::{self, Client, KafkaSource};
use crate::kafka::host::start::{LostOffsets, committed};
use crate::kafka::host::transactions::{Transactions, take_over};
use crate::kafka::host::watch::Watch;
use crate::kafka::librdkafka::table::{self, Table};
use crate::pipeline::{Position, TopicPartition};

/// The right to read and publish as the host of a name: its transactional ids and its consumer group. Whoever locks the
/// name later takes it over, and the earlier host can't commit any more.
pub struct HostLock {
    options: Options,
    name: String,
    watch: Watch,
    transactions: [Transactions; 2],
    consumer: Arc<Client>,
    lost: LostOffsets,
    expects_offsets: bool,
}

impl HostLock {
    /// Takes the name over. After this, the transactions that an earlier host left open are committed or aborted. Waits
    /// until a broker has answered.
    ///
    /// # Errors
    /// [`Error`] when no broker answers, the brokers refuse it, or an override is wrong.
    pub fn new(options: &Options, name: &str) -> Result<HostLock, Error> {
        let watch = Watch::default();
        let consumer = source::consumer(options, name, &watch)?;
        let mut transactions = Transactions::pair(options, name, &watch)?;
        take_over(transactions.each_mut(), options)?;
        let (options, name) = (options.clone(), name.to_owned());
        let (lost, expects_offsets) = (LostOffsets::Stop, false);
        Ok(HostLock { options, name, watch, transactions, consumer, lost, expects_offsets })
    }

    /// Reads the last record of each key of a compacted topic.
    ///
    /// # Errors
    /// [`Error`] when the topic is absent or can't be read.
    pub fn table(&self, topic: &str) -> Result<Table, Error> {
        table::read(&self.options, topic)
    }

    /// Sets what to do where the committed offset is not in the topic any more, and whether there must be a committed offset
    /// because this host has published before.
    pub fn on_lost_offsets(&mut self, lost: LostOffsets, expected: bool) {
        (self.lost, self.expects_offsets) = (lost, expected);
    }

    /// Begins to read `topics`; records that are too large go to `dead_letters`. The sinks are to be used in turn.
    ///
    /// # Errors
    /// [`Error`] when a topic is absent, or may not be read; [`Error::LostOffset`], [`Error::NoOffsets`].
    pub fn open(
        self,
        topics: &[String],
        from: StartAt,
        dead_letters: Arc<str>,
    ) -> Result<(KafkaSource, [KafkaSink; 2]), Error> {
        let HostLock { options, name, watch, transactions, consumer, lost, expects_offsets } = self;
        let sinks = KafkaSink::pair(transactions, &consumer, &options, &watch, &name, &dead_letters, None);
        let mut source = KafkaSource::new(consumer, &options, &name, watch, topics, lost)?;
        source.begin(from, expects_offsets)?;
        Ok((source, sinks))
    }

    /// As [`open`](HostLock::open), but nothing is read before the source is told where. The group does not keep where
    /// that is, only the number of transactions, as the offset of the first partition of the topic `counted_at`.
    ///
    /// # Errors
    /// [`Error`] when a topic is absent, or may not be read.
    pub fn open_without_reading(
        self,
        topics: &[String],
        counted_at: &str,
        dead_letters: Arc<str>,
    ) -> Result<(KafkaSource, [KafkaSink; 2]), Error> {
        let (consumer, options, lost) = (self.consumer.clone(), self.options.clone(), self.lost);
        let (name, watch) = (self.name.clone(), self.watch.clone());
        let sinks = self.publish(counted_at, dead_letters)?;
        let mut source = KafkaSource::new(consumer, &options, &name, watch, topics, lost)?;
        source.get_ready()?;
        Ok((source, sinks))
    }

    /// As [`open_without_reading`](HostLock::open_without_reading), but only publishes.
    ///
    /// # Errors
    /// [`Error`] when the brokers don't say what the group has committed.
    pub fn publish(self, counted_at: &str, dead_letters: Arc<str>) -> Result<[KafkaSink; 2], Error> {
        let HostLock { options, name, watch, transactions, consumer, .. } = self;
        let counted_at = TopicPartition::new(counted_at, 0);
        let count = committed(&consumer, std::slice::from_ref(&counted_at), &options)?[0].map(|count| count.offset);
        let TopicPartition { topic, partition } = counted_at.clone();
        watch.begin(&Position { topic, partition, offset: count.unwrap_or(0) }, count);
        Ok(KafkaSink::pair(transactions, &consumer, &options, &watch, &name, &dead_letters, Some(counted_at)))
    }
}
