//! What a filter has to tell its author: on which alerts it failed, and what it has logged.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use skysieve_sandbox::{FaultKind, Level, Log};

use super::journal::{Journal, JournalRecord};

/// How many faults of a filter are kept.
pub const FAULTS: usize = 100;
/// How many log messages of a filter are kept.
pub const LOGS: usize = 500;
/// How many bytes of faults, and of log messages, are kept for each filter.
pub const JOURNAL_BYTES: usize = 64 << 10;

/// An alert on which a filter failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FaultRecord {
    /// By which a reader can go on behind it.
    pub id: String,
    /// When that was found.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub time: SystemTime,
    /// The version that has failed: the SHA-256 hash of its module, in hexadecimal.
    pub version: String,
    /// The alert's id, if it has one.
    pub alert: String,
    /// The topic of the alert.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// How the filter failed: `trap`, `fuel`, `memory`, `deadline`, `error`, `output`, `field` or `host`.
    #[schema(value_type = String)]
    pub kind: FaultKind,
    /// What happened.
    pub message: String,
    /// Where it happened in the module: a line for each function, innermost first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
}

/// A message that a filter has logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LogRecord {
    /// By which a reader can go on behind it.
    pub id: String,
    /// When it was read: at the end of a batch.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub time: SystemTime,
    /// The version that has logged it: the SHA-256 hash of its module, in hexadecimal.
    pub version: String,
    /// Its importance: `debug`, `info`, `warn` or `error`.
    #[schema(value_type = String)]
    pub level: Level,
    /// The text.
    pub message: String,
}

impl LogRecord {
    /// A message that was read now.
    pub fn new(version: &str, log: &Log) -> LogRecord {
        let (version, message) = (version.to_owned(), log.message.clone());
        LogRecord { id: String::new(), time: SystemTime::now(), version, level: log.level, message }
    }
}

/// Everything that a filter has to tell. Copies are of the same journals, which versions of a filter share.
#[derive(Clone, Debug)]
pub struct Journals {
    /// On which alerts it failed.
    pub faults: Arc<Journal<FaultRecord>>,
    /// What it has logged.
    pub logs: Arc<Journal<LogRecord>>,
}

impl Default for Journals {
    fn default() -> Journals {
        let (faults, logs) = (Journal::new(FAULTS, JOURNAL_BYTES), Journal::new(LOGS, JOURNAL_BYTES));
        Journals { faults: Arc::new(faults), logs: Arc::new(logs) }
    }
}

impl JournalRecord for FaultRecord {
    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn bytes(&self) -> usize {
        let FaultRecord { id, version, alert, topic, message, backtrace, .. } = self;
        let texts = [id, version, alert, topic, message].map(String::len);
        size_of::<FaultRecord>() + texts.iter().sum::<usize>() + backtrace.as_ref().map_or(0, String::len)
    }
}

impl JournalRecord for LogRecord {
    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn bytes(&self) -> usize {
        let LogRecord { id, version, message, .. } = self;
        size_of::<LogRecord>() + id.len() + version.len() + message.len()
    }
}

impl fmt::Display for FaultRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.alert {
            "" => write!(f, "{}: {}", self.kind, self.message),
            alert => write!(f, "alert {alert}: {}: {}", self.kind, self.message),
        }
    }
}

impl fmt::Display for LogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.message)
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*time))
}
