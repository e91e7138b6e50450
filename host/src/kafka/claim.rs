//! A host's claim on its name.

use std::sync::Arc;

use super::source::{self, Client};
use super::table::{self, Table};
use super::transaction::{Transactions, take_over};
use super::{Error, From, KafkaSink, KafkaSource, Options, Watch};

/// The right to read and publish as the host of a name: its transactional ids and its consumer group. Whoever claims the
/// name later takes it over, and the earlier host can't commit any more.
pub struct Claim {
    options: Options,
    name: String,
    watch: Watch,
    transactions: [Transactions; 2],
    consumer: Arc<Client>,
}

impl Claim {
    /// Takes the name over. What an earlier host of it left open is committed or aborted after this. Waits until a
    /// broker has answered.
    ///
    /// # Errors
    /// [`Error`] when none does, the brokers refuse it, or an override is wrong.
    pub fn new(options: &Options, name: &str) -> Result<Claim, Error> {
        let watch = Watch::default();
        let consumer = source::consumer(options, name, &watch)?;
        let mut transactions = Transactions::pair(options, name, &watch)?;
        take_over(transactions.each_mut())?;
        Ok(Claim { options: options.clone(), name: name.to_owned(), watch, transactions, consumer })
    }

    /// The last record of each key of a compacted topic.
    ///
    /// # Errors
    /// [`Error`] when the topic is absent or can't be read.
    pub fn table(&self, topic: &str) -> Result<Table, Error> {
        table::read(&self.options, topic)
    }

    /// Begins to read `topics`; records that are too large go to `dead_letters`. The sinks are to be used in turn.
    ///
    /// # Errors
    /// [`Error`] when a topic is absent, or may not be read.
    pub fn open(
        self,
        topics: &[String],
        from: From,
        dead_letters: Arc<str>,
    ) -> Result<(KafkaSource, [KafkaSink; 2]), Error> {
        let Claim { options, name, watch, transactions, consumer } = self;
        let sinks = KafkaSink::pair(transactions, &consumer, &options, &watch, &name, &dead_letters);
        Ok((KafkaSource::new(consumer, &options, watch, topics, from)?, sinks))
    }
}
