//! Errors that brokers answer with ([list](https://kafka.apache.org/protocol#protocol_error_codes)).

use std::fmt;

use kafka_protocol::ResponseError;

use super::Error;

/// An error's name and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Code(pub(in crate::kafka) ResponseError);

impl Code {
    /// Returns the error of that number, unless the number means success.
    pub(in crate::kafka) fn check(number: i16) -> Result<(), Code> {
        ResponseError::try_from_code(number).map_or(Ok(()), |code| Err(Code(code)))
    }

    /// Makes an error that says what the request was about.
    pub(in crate::kafka) fn about(self, about: About) -> Error {
        Error::Answer { about, code: self.0 }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (Kafka's error {})", self.0, self.0.code())
    }
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A transactional id.
    Transactions(String),
    /// A consumer group.
    Group(String),
    /// A topic.
    Topic(String),
    /// The broker at that address itself.
    Broker(String),
}

/// Written as the beginning of an error's message.
impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::Transactions(id) => write!(f, "transactions of {id:?}: "),
            About::Group(group) => write!(f, "consumer group {group:?}: "),
            About::Topic(topic) => write!(f, "topic {topic:?}: "),
            About::Broker(address) => write!(f, "{address}: "),
        }
    }
}

impl About {
    /// What the user can do about an error, behind a semicolon; empty if that is not known.
    pub(super) fn advice(&self, code: ResponseError) -> &'static str {
        use ResponseError::*;
        match (code, self) {
            (TransactionalIdAuthorizationFailed, _) => {
                "; the user of this host needs the right to write to that transactional id"
            }
            (GroupAuthorizationFailed, _) => "; the user of this host needs the right to read that consumer group",
            (TopicAuthorizationFailed, About::Topic(_)) => "; the user of this host needs the right to write to it",
            (TopicAuthorizationFailed, _) => "; the user of this host needs the right to write to its topics",
            (ClusterAuthorizationFailed, _) => "; the user of this host needs the right to IdempotentWrite",
            (InvalidTransactionTimeout, _) => "; the brokers' transaction.max.timeout.ms is shorter",
            (CoordinatorNotAvailable | CoordinatorLoadInProgress | NotCoordinator, About::Transactions(_)) => {
                "; the brokers answer, but none coordinates transactions: the topic __transaction_state has no leader, or \
                 there are fewer brokers than transaction.state.log.replication.factor"
            }
            _ => "",
        }
    }
}
