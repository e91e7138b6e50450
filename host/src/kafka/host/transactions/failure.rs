//! What it means when a transaction fails.

use kafka_protocol::ResponseError;

use super::Transactions;
use crate::kafka::client::error::{About, Code, Error};
use crate::kafka::wire::Parcel;

impl Transactions {
    /// Returns an error if any record was not acknowledged.
    pub(super) fn check(&self, failed: &[(usize, ResponseError)], parcels: &[Parcel<'_>]) -> Result<(), Error> {
        use ResponseError::*;
        let too_large = |code| matches!(code, MessageTooLarge | RecordListTooLarge);
        let large: Vec<usize> = failed.iter().filter(|(_, code)| too_large(*code)).map(|(number, _)| *number).collect();
        if !large.is_empty() {
            return Err(Error::TooLarge(large));
        }
        let Some(&(number, code)) = failed.first() else { return Ok(()) };
        // With any other error, taking the transaction back tells whether the producer is still of use.
        let forbidden = matches!(code, TopicAuthorizationFailed | ClusterAuthorizationFailed);
        let advice = if forbidden { "; the user of this host needs the right to write to it" } else { "" };
        Err(Error::Unacknowledged {
            topic: parcels[number].record.topic.to_string(),
            failed: failed.len(),
            of: parcels.len(),
            reason: format!("{}{advice}", Code(code)),
            forbidden,
        })
    }

    /// What an error means to a transaction that is open.
    pub(super) fn sort(&self, error: Error) -> Error {
        use ResponseError::*;
        let Error::Answer { about, code } = error else { return error };
        let transactional_id = self.producer.transactional_id.clone();
        match code {
            // The brokers take the epoch away from a transaction that took too long, too.
            InvalidProducerEpoch | ProducerFenced if self.is_in_time() && !self.untold => {
                Error::Fenced { name: self.group.clone() }
            }
            InvalidProducerEpoch | ProducerFenced | InvalidProducerIdMapping | InvalidTxnState => {
                Error::InDoubt { transactional_id, reason: Code(code).to_string() }
            }
            UnknownMemberId | IllegalGeneration | FencedInstanceId => {
                Error::NotAlone { group: self.group.clone(), code }
            }
            ConcurrentTransactions => Error::NotEnded { transactional_id, code },
            TopicAuthorizationFailed if matches!(about, About::Topic(_)) => Error::Answer { about, code },
            TransactionalIdAuthorizationFailed
            | GroupAuthorizationFailed
            | TopicAuthorizationFailed
            | ClusterAuthorizationFailed
            | InvalidTransactionTimeout
            | InvalidGroupId => Code(code).about(About::Transactions(transactional_id)),
            _ => Error::Attempt { transactional_id, code },
        }
    }

    /// Whether the brokers had no reason yet to abort the transaction that is open.
    fn is_in_time(&self) -> bool {
        self.open.is_none_or(|since| since.elapsed() < self.options.transaction_timeout)
    }
}
