//! What a check found, to be added up over files and threads.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::groups::AlertNamed;
use skysieve_avro::SchemaId;
use skysieve_sandbox::{Annotation, FaultKind, Log};
use skysieve_survey::{AlertId, Visit};

/// Found in some of the files.
#[derive(Debug, Default)]
pub struct Findings {
    /// Alerts decoded.
    pub alerts: u64,
    /// The accepted ones.
    pub accepted: Vec<AcceptedFound>,
    /// How many were rejected.
    pub rejected: u64,
    /// Alerts that the filter failed on.
    pub faults: Vec<FaultFound>,
    /// What is no alert.
    pub undecodable: Vec<UndecodableFound>,
    /// By exposure.
    pub visits: BTreeMap<Visit, VisitFound>,
    /// Fuel of each alert judged alone.
    pub fuel: Vec<u64>,
    /// Bytes of linear memory, the most.
    pub memory_peak: usize,
    /// Alerts judged otherwise alone than in a batch.
    pub inconsistent: Vec<AlertNamed>,
    /// What the filter said, the first [`LOGS`] messages.
    pub logs: Vec<Log>,
    /// How many messages it said beyond those.
    pub more_logs: u64,
    /// The schemas of the alerts, as they were met.
    pub schemas: Vec<SchemaId>,
    /// Wall-clock time of decoding.
    pub decode_time: Duration,
    /// Wall-clock time of judging, in batches.
    pub judge_time: Duration,
}

/// Messages of the filter that are kept.
pub const LOGS: usize = 1000;

/// An accepted alert, and where it is.
#[derive(Clone, Debug)]
pub struct AcceptedFound {
    /// The alert's number.
    pub id: Option<AlertId>,
    /// The file.
    pub path: String,
    /// What the filter attached.
    pub annotations: Vec<Annotation>,
}

/// A fault, and where the alert is.
#[derive(Clone, Debug, Serialize)]
pub struct FaultFound {
    /// The file.
    pub path: String,
    /// The alert.
    pub id: String,
    /// How it failed.
    pub kind: FaultKind,
    /// What is wrong.
    pub message: String,
}

/// A packet that is no alert.
#[derive(Clone, Debug, Serialize)]
pub struct UndecodableFound {
    /// The file.
    pub path: String,
    /// Which of the file's alerts, counted from 1; `None` if it is the file as a whole.
    pub alert: Option<u64>,
    /// Where in the file, and what is wrong.
    pub error: String,
    /// What is wrong.
    #[serde(skip)]
    pub why: String,
}

impl UndecodableFound {
    /// In a file, at an alert of it.
    pub fn new(path: &Path, alert: Option<u64>, why: &str) -> UndecodableFound {
        let error = alert.map_or_else(|| why.to_owned(), |number| format!("alert {number} of the file: {why}"));
        UndecodableFound { path: path.display().to_string(), alert, error, why: why.to_owned() }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self.alert {
            Some(number) => format!("{}, alert {number} of the file", self.path),
            None => self.path.clone(),
        }
    }
}

/// One exposure.
#[derive(Clone, Copy, Debug, Default)]
pub struct VisitFound {
    /// Its alerts.
    pub seen: u64,
    /// Those accepted.
    pub accepted: u64,
}

impl Findings {
    /// Adds what was found in files that come after.
    pub fn merge(&mut self, other: Findings) {
        self.alerts += other.alerts;
        self.accepted.extend(other.accepted);
        self.rejected += other.rejected;
        self.faults.extend(other.faults);
        self.undecodable.extend(other.undecodable);
        for (visit, found) in other.visits {
            let sum = self.visits.entry(visit).or_default();
            sum.seen += found.seen;
            sum.accepted += found.accepted;
        }
        self.fuel.extend(other.fuel);
        self.memory_peak = self.memory_peak.max(other.memory_peak);
        self.inconsistent.extend(other.inconsistent);
        self.add_logs(other.logs);
        self.more_logs += other.more_logs;
        for schema in other.schemas {
            self.add_schema(schema);
        }
        self.decode_time += other.decode_time;
        self.judge_time += other.judge_time;
    }

    /// Keeps what the filter said, up to the bound.
    pub fn add_logs(&mut self, logs: Vec<Log>) {
        let room = LOGS - self.logs.len();
        self.more_logs += logs.len().saturating_sub(room) as u64;
        self.logs.extend(logs.into_iter().take(room));
    }

    /// Takes note of an alert's schema.
    pub fn add_schema(&mut self, schema: SchemaId) {
        if self.schemas.last() != Some(&schema) && !self.schemas.contains(&schema) {
            self.schemas.push(schema);
        }
    }
}
