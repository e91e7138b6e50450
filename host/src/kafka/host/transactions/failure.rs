//! What it means when a transaction fails.

use kafka_protocol::ResponseError;

use super::Transactions;
use crate::kafka::client::error::Error;
use crate::kafka::wire::{Parcel, Trouble};

/// What a failed transaction means.
#[derive(Debug)]
pub(in super::super) enum Failure {
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

impl Transactions {
    /// Sorts out why records were not acknowledged, if any was not.
    pub(super) fn check(&self, failed: &[(usize, ResponseError)], parcels: &[Parcel<'_>]) -> Result<(), Failure> {
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

    pub(super) fn sort(&self, trouble: Trouble) -> Failure {
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
                self.group
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
    pub(super) fn explain(&self, code: ResponseError) -> Error {
        use ResponseError::*;
        let advice = match code {
            TransactionalIdAuthorizationFailed => {
                "; the user of this host needs the right to write to that transactional id"
            }
            GroupAuthorizationFailed => "; the user of this host needs the right to read that consumer group",
            TopicAuthorizationFailed => "; the user of this host needs the right to write to its topics",
            ClusterAuthorizationFailed => "; the user of this host needs the right to IdempotentWrite",
            InvalidTransactionTimeout => "; the brokers' transaction.max.timeout.ms is shorter",
            CoordinatorNotAvailable | CoordinatorLoadInProgress | NotCoordinator => {
                "; the brokers answer, but none coordinates transactions: the topic __transaction_state has no leader, or \
                 there are fewer brokers than transaction.state.log.replication.factor"
            }
            _ => "",
        };
        Error::Other(format!("transactions of {:?}: {}{advice}", self.producer.transactional_id, Trouble::Answer(code)))
    }
}
