//! Why a request about a job was refused.

use crate::filters::FilterError;

/// Why a request about a job was refused.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It is about a filter that is unknown, or that can't be started.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// There is no job with that number.
    #[error("there is no job {0}; a host remembers the last ones until it stops")]
    Unknown(u64),
    /// A time can't be read.
    #[error("{name}: {reason}")]
    Time {
        /// The name of the parameter.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There can't be alerts between the two times.
    #[error("`from` ({from}) is not before `to` ({to})")]
    Order {
        /// The time from which on alerts are read.
        from: String,
        /// The time up to which they are read.
        to: String,
    },
    /// There are no alerts of that time.
    #[error("{0}")]
    NoAlerts(String),
    /// The topic is not one on which the filter may publish.
    #[error("into: {0}")]
    Into(String),
    /// Too many jobs are running.
    #[error(
        "{0} replays and checks are running, as many as this host runs at a time (--replays); try again later, or cancel one"
    )]
    TooMany(usize),
    /// The host has no stream to read the past of.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Kafka does not answer, or refuses.
    #[error("{0}")]
    Kafka(String),
}
