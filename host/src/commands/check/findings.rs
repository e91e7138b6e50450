//! The findings of a check, which are added up over files and threads.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::filters::CostSample;
use skysieve_avro::SchemaId;
use skysieve_sandbox::{Annotation, FaultKind, Log};
use skysieve_survey::{AlertId, Visit};

/// An alert, and the file that it is in.
#[derive(Clone, Debug, Serialize)]
pub struct AlertNamed {
    pub id: String,
    pub path: String,
}

/// The findings in some of the files.
#[derive(Debug, Default)]
pub struct Findings {
    /// The number of alerts decoded.
    pub alerts: u64,
    /// The accepted alerts.
    pub accepted: Vec<AcceptedFound>,
    /// The number of alerts rejected.
    pub rejected: u64,
    /// The alerts on which the filter failed.
    pub faults: Vec<FaultFound>,
    /// Packets that are not alerts.
    pub undecodable: Vec<UndecodableFound>,
    /// The counts for each exposure.
    pub visits: BTreeMap<Visit, VisitFound>,
    /// What a sample of the alerts cost.
    pub cost: CostSample,
    /// The largest size of linear memory, in bytes.
    pub memory_peak: usize,
    /// Alerts whose verdict differed between a batch and a call of their own.
    pub inconsistent: Vec<AlertNamed>,
    /// The filter's messages, of which the first [`LOGS`] are kept.
    pub logs: Vec<Log>,
    /// The number of messages beyond those.
    pub more_logs: u64,
    /// The schemas of the alerts, in the order in which they were met.
    pub schemas: Vec<SchemaId>,
    /// The wall-clock time of decoding.
    pub decode_time: Duration,
    /// The wall-clock time of judging in batches.
    pub judge_time: Duration,
}

/// How many of the filter's messages are kept.
pub const LOGS: usize = 1000;

/// An accepted alert, and the file that it is in.
#[derive(Clone, Debug)]
pub struct AcceptedFound {
    /// The alert's id.
    pub id: Option<AlertId>,
    /// The exposure.
    pub visit: Visit,
    /// The file.
    pub path: String,
    /// The annotations that the filter added.
    pub annotations: Vec<Annotation>,
}

/// A fault, and the file that the alert is in.
#[derive(Clone, Debug, Serialize)]
pub struct FaultFound {
    /// The file.
    pub path: String,
    /// The alert's id.
    pub id: String,
    /// How it failed.
    pub kind: FaultKind,
    /// A description of the fault.
    pub message: String,
}

/// A packet that is not an alert.
#[derive(Clone, Debug, Serialize)]
pub struct UndecodableFound {
    /// The file.
    pub path: String,
    /// Which of the file's alerts it is, counted from 1; `None` if the file as a whole is at fault.
    pub alert: Option<u64>,
    /// The place in the file, and what is wrong there.
    pub error: String,
    /// What is wrong, without the place.
    #[serde(skip)]
    pub why: String,
}

impl UndecodableFound {
    /// Makes the finding for a file, or for one of its alerts.
    pub fn new(path: &Path, alert: Option<u64>, why: &str) -> UndecodableFound {
        let error = alert.map_or_else(|| why.to_owned(), |number| format!("alert {number} of the file: {why}"));
        UndecodableFound { path: path.display().to_string(), alert, error, why: why.to_owned() }
    }

    /// Describes the place in a form for people.
    pub fn place(&self) -> String {
        match self.alert {
            Some(number) => format!("{}, alert {number} of the file", self.path),
            None => self.path.clone(),
        }
    }
}

/// The counts of one exposure.
#[derive(Clone, Copy, Debug, Default)]
pub struct VisitFound {
    /// The number of its alerts.
    pub seen: u64,
    /// The number of those accepted.
    pub accepted: u64,
}

impl Findings {
    /// Adds the findings from later files.
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
        self.cost.merge(other.cost);
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

    /// Keeps the filter's messages, up to the limit.
    pub fn add_logs(&mut self, logs: Vec<Log>) {
        let room = LOGS - self.logs.len();
        self.more_logs += logs.len().saturating_sub(room) as u64;
        self.logs.extend(logs.into_iter().take(room));
    }

    /// Records an alert's schema.
    pub fn add_schema(&mut self, schema: SchemaId) {
        if self.schemas.last() != Some(&schema) && !self.schemas.contains(&schema) {
            self.schemas.push(schema);
        }
    }
}
