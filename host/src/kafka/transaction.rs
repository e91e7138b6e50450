//! The transactions of one host, and what to do when a call about them fails.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};

use super::publisher::{Context, Publisher};
use super::{Error, Options};

/// How long one call waits before it is looked whether the host shall stop.
const SLICE: Duration = Duration::from_secs(2);

/// How long calls are tried on once the process was asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(4);

/// What a failed call means for the transaction.
#[derive(Debug)]
pub(super) enum Failure {
    /// It has to be aborted, and may be tried again.
    Abort(String),
    /// The producer is of no use any more.
    Lost {
        /// Whether another one of the same id has taken its place, or the brokers gave the transaction up.
        fenced: bool,
        /// In librdkafka's words.
        reason: String,
    },
    /// Trying again won't help.
    Fatal(Error),
}

impl Failure {
    /// There still is no producer.
    pub(super) fn lost() -> Failure {
        Failure::Lost { fenced: false, reason: "the producer could not be renewed".to_owned() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Fatal(error)
    }
}

/// A transactional producer.
pub(super) struct Transactions {
    pub(super) publisher: Publisher,
    options: Options,
    id: String,
}

impl Transactions {
    /// Takes the id over: whoever published under it can't any more, and what it left open is committed or aborted.
    pub(super) fn begin(options: &Options, id: &str) -> Result<Transactions, Error> {
        let publisher = Publisher::transactional(options, id)?;
        let transactions = Transactions { publisher, options: options.clone(), id: id.to_owned() };
        let deadline = Instant::now() + options.patience.max(SLICE);
        loop {
            let failure = match transactions.publisher.producer().init_transactions(SLICE) {
                Ok(()) => return Ok(transactions),
                Err(error) => error,
            };
            let again = matches!(&failure, KafkaError::Transaction(error) if error.is_retriable());
            if options.stopping() {
                return Err(Error::Stopped(0));
            }
            if !again {
                return Err(transactions.explain(&failure));
            }
            if Instant::now() >= deadline {
                return Err(options.unreachable(transactions.explain(&failure).to_string()));
            }
        }
    }

    /// Begins a transaction.
    pub(super) fn open(&self) -> Result<(), Failure> {
        self.call(|producer| producer.begin_transaction())
    }

    /// Adds offsets to the transaction.
    pub(super) fn offsets(&self, list: &TopicPartitionList, group: &ConsumerGroupMetadata) -> Result<(), Failure> {
        self.call(|producer| producer.send_offsets_to_transaction(list, group, SLICE))
    }

    /// Commits the transaction, all of whose records are acknowledged.
    pub(super) fn commit(&self) -> Result<(), Failure> {
        self.call(|producer| producer.commit_transaction(SLICE))
    }

    /// Takes the transaction back.
    pub(super) fn abort(&self) -> Result<(), Failure> {
        self.call(|producer| producer.abort_transaction(SLICE))
    }

    /// Calls until that works, or fails for good.
    fn call(&self, what: impl Fn(&ThreadedProducer<Context>) -> Result<(), KafkaError>) -> Result<(), Failure> {
        let mut stop_at = None;
        loop {
            let Err(error) = what(self.publisher.producer()) else { return Ok(()) };
            if !may_pass(&error) {
                return Err(self.sort(&error));
            }
            if self.options.stopping()
                && Instant::now() >= *stop_at.get_or_insert_with(|| Instant::now() + STOP_PATIENCE)
            {
                return Err(Failure::Fatal(Error::Stopped(0)));
            }
        }
    }

    fn sort(&self, error: &KafkaError) -> Failure {
        use RDKafkaErrorCode::*;
        let KafkaError::Transaction(detail) = error else { return Failure::Fatal(self.explain(error)) };
        match detail.code() {
            TransactionalIdAuthorizationFailed
            | GroupAuthorizationFailed
            | TopicAuthorizationFailed
            | ClusterAuthorizationFailed => Failure::Fatal(self.explain(error)),
            Fenced | ProducerFenced | InvalidProducerEpoch if detail.is_fatal() => {
                Failure::Lost { fenced: true, reason: detail.string() }
            }
            _ if detail.is_fatal() => Failure::Lost { fenced: false, reason: detail.string() },
            UnknownMemberId if detail.txn_requires_abort() => Failure::Abort(format!(
                "another consumer is in the group {:?}, which is this host's name: end that consumer ({})",
                self.id,
                detail.string()
            )),
            _ if detail.txn_requires_abort() => Failure::Abort(detail.string()),
            // Say that no transaction is open, after one that was given up.
            _ => Failure::Lost { fenced: false, reason: detail.string() },
        }
    }

    /// The error in full, with what to do about it.
    fn explain(&self, error: &KafkaError) -> Error {
        use RDKafkaErrorCode::*;
        let advice = match error.rdkafka_error_code() {
            Some(TransactionalIdAuthorizationFailed) => {
                "; the user of this host needs the right to write to that transactional id"
            }
            Some(GroupAuthorizationFailed) => "; the user of this host needs the right to read that consumer group",
            Some(TopicAuthorizationFailed) => "; the user of this host needs the right to write to its topics",
            Some(ClusterAuthorizationFailed) => "; the user of this host needs the right to IdempotentWrite",
            _ => "",
        };
        let detail = match error {
            KafkaError::Transaction(detail) => detail.string(),
            error => error.to_string(),
        };
        Error::Other(format!("transactions of {:?}: {detail}{advice}", self.id))
    }
}

/// Whether the same call may work a moment later.
fn may_pass(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.is_retriable() && !error.is_fatal() && !error.txn_requires_abort(),
        // Of rdkafka's own flush before a commit.
        KafkaError::Flush(code) => *code == RDKafkaErrorCode::OperationTimedOut,
        _ => false,
    }
}
