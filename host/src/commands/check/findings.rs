//! What a check found, to be added up over files and threads.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use skysieve_sandbox::FaultKind;
use skysieve_survey::Visit;

/// Found in some of the files.
#[derive(Debug, Default)]
pub struct Findings {
    /// Alerts decoded.
    pub alerts: u64,
    /// Ids of the accepted ones.
    pub accepted: Vec<Option<i64>>,
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
    /// Ids of alerts judged otherwise alone than in a batch.
    pub inconsistent: Vec<String>,
    /// Wall-clock time of decoding.
    pub decode_time: Duration,
    /// Wall-clock time of judging, in batches.
    pub judge_time: Duration,
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
    /// What is wrong with it.
    pub error: String,
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
        self.decode_time += other.decode_time;
        self.judge_time += other.judge_time;
    }
}
