//! What a filter has told, as it is answered: all at once, or as events.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::filters::{FAULTS, FaultRecord, Journal, JournalRecord, Journals, LOGS, LogRecord};

/// The newest faults of a filter.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct FaultPage {
    /// The faults, newest first.
    faults: Vec<FaultRecord>,
    /// How many more there were.
    missed: u64,
}

/// The newest log messages of a filter.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct LogPage {
    /// The messages, newest first.
    logs: Vec<LogRecord>,
    /// How many more there were.
    missed: u64,
}

/// A kind of record that can be read, and followed as events.
pub(super) trait Told: JournalRecord + Serialize + Clone + Send + Sync + 'static {
    /// The name of its events.
    const EVENT: &'static str;
    /// How many are kept.
    const MOST: usize;

    fn of(journals: Journals) -> Arc<Journal<Self>>;

    /// The answer with these, newest first.
    fn page(records: Vec<Self>, missed: u64) -> Response;
}

impl Told for FaultRecord {
    const EVENT: &'static str = "fault";
    const MOST: usize = FAULTS;

    fn of(journals: Journals) -> Arc<Journal<FaultRecord>> {
        journals.faults
    }

    fn page(faults: Vec<FaultRecord>, missed: u64) -> Response {
        Json(FaultPage { faults, missed }).into_response()
    }
}

impl Told for LogRecord {
    const EVENT: &'static str = "log";
    const MOST: usize = LOGS;

    fn of(journals: Journals) -> Arc<Journal<LogRecord>> {
        journals.logs
    }

    fn page(logs: Vec<LogRecord>, missed: u64) -> Response {
        Json(LogPage { logs, missed }).into_response()
    }
}
