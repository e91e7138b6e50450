//! A check's report as JSON; `text` prints it for people.

mod text;

use std::collections::HashMap;

use serde::Serialize;

use super::findings::AlertNamed;
use super::findings::{AcceptedFound, FaultFound, Findings, UndecodableFound, VisitFound};
use super::groups::{self, FaultGroup};
use crate::filters::{CostReport, Counts, JudgedAlerts};
use skysieve_avro::Fit;
use skysieve_avro::alert::Field;
use skysieve_sandbox::{Annotation, Limits, Log, Manifest, Parameter};
use skysieve_survey::Visit;

/// How many bytes of annotations a report keeps, over all accepted alerts.
const ANNOTATIONS: usize = 16 << 20;

/// The object that `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    filter: FilterReport,
    alerts: u64,
    /// The ids of accepted alerts, in ascending order.
    accepted: Vec<String>,
    /// The ids of those that a host would publish, within the quota, if the alerts came in the order of the files.
    published: Vec<String>,
    /// The accepted alerts in the order of their ids, with their files and annotations.
    accepted_alerts: Vec<AcceptedReport>,
    rejected: u64,
    faults: Vec<FaultFound>,
    fault_groups: Vec<FaultGroup>,
    undecodable: Vec<UndecodableFound>,
    visits: Vec<VisitReport>,
    /// What the filter costs.
    cost: CostReport,
    memory_peak: usize,
    consistent: bool,
    inconsistent: Vec<AlertNamed>,
    /// The filter's first messages.
    logs: Vec<Log>,
    /// The number of further messages.
    more_logs: u64,
    /// The reason that a host which has seen these alerts would refuse the filter.
    refused: Option<String>,
    /// Probable mistakes.
    warnings: Vec<String>,
    /// The mean time of decoding an alert for the filter and for what a host reads, in microseconds.
    #[serde(skip)]
    decode_micros: f64,
}

#[derive(Debug, Serialize)]
struct FilterReport {
    description: String,
    sha256: String,
    fields: Vec<Field>,
    /// What can be set in its config.
    parameters: Vec<Parameter>,
    /// Where the filter's config comes from.
    config: String,
}

/// An accepted alert.
#[derive(Debug, Serialize)]
struct AcceptedReport {
    id: String,
    path: String,
    /// Whether a host would not publish it.
    over_quota: bool,
    annotations: Vec<Annotation>,
}

#[derive(Debug, Serialize)]
struct VisitReport {
    visit: String,
    seen: u64,
    /// The number of alerts that the filter accepts.
    accepted: u64,
    /// The number of those that a host would not publish.
    over_quota: u64,
}

/// The conditions of the check.
pub struct Checked<'a> {
    pub manifest: &'a Manifest,
    pub sha256: &'a str,
    pub config: &'a str,
    pub limits: &'a Limits,
    pub quota: u32,
}

impl Report {
    /// Sums up the findings.
    pub fn new(checked: &Checked<'_>, mut findings: Findings, fit: &Fit) -> Report {
        let accepted = accepted(std::mem::take(&mut findings.accepted), checked.quota);
        let published = accepted.iter().filter(|alert| !alert.over_quota);
        let visits = findings.visits.iter().map(|(visit, found)| VisitReport {
            visit: visit.to_string(),
            seen: found.seen,
            accepted: found.accepted,
            over_quota: over_quota(visit, found, checked.quota),
        });
        let cost = cost(checked, &findings);
        Report {
            filter: FilterReport {
                description: checked.manifest.description.clone(),
                sha256: checked.sha256.to_owned(),
                fields: checked.manifest.fields.clone(),
                parameters: checked.manifest.parameters.clone(),
                config: checked.config.to_owned(),
            },
            alerts: findings.alerts,
            accepted: accepted.iter().map(|alert| alert.id.clone()).collect(),
            published: published.map(|alert| alert.id.clone()).collect(),
            accepted_alerts: accepted,
            rejected: findings.rejected,
            fault_groups: groups::of_faults(&findings.faults),
            visits: visits.collect(),
            cost,
            memory_peak: findings.memory_peak,
            consistent: findings.inconsistent.is_empty(),
            refused: fit.refusal.as_ref().map(|error| format!("these alerts: {error}")),
            warnings: fit.warnings.iter().map(ToString::to_string).collect(),
            decode_micros: findings.decode_time.as_nanos() as f64 / 1e3 / findings.alerts.max(1) as f64,
            faults: findings.faults,
            undecodable: findings.undecodable,
            inconsistent: findings.inconsistent,
            logs: findings.logs,
            more_logs: findings.more_logs,
        }
    }

    /// Whether there is nothing to complain about, except for warnings.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.undecodable.is_empty() && self.consistent && self.refused.is_none()
    }

    /// The number of warnings.
    pub fn warnings(&self) -> usize {
        self.warnings.len()
    }
}

/// How many accepted alerts of a visit a host would not publish. The quota of a visit does not apply to alerts whose visit
/// is unknown.
fn over_quota(visit: &Visit, found: &VisitFound, quota: u32) -> u64 {
    if visit.is_known() { found.accepted.saturating_sub(quota.into()) } else { 0 }
}

fn cost(checked: &Checked<'_>, findings: &Findings) -> CostReport {
    let over_quota = findings.visits.iter().map(|(visit, found)| over_quota(visit, found, checked.quota)).sum();
    let accepted: u64 = findings.visits.values().map(|found| found.accepted).sum();
    let faulted = findings.faults.len() as u64;
    let counts = Counts {
        seen: findings.alerts,
        accepted: accepted - over_quota,
        rejected: findings.rejected,
        over_quota,
        faulted,
        too_large: 0,
    };
    let judged = JudgedAlerts {
        counts,
        accepted_by_visit: findings.visits.values().map(|found| found.accepted).collect(),
        quota: checked.quota,
        judging: findings.judge_time,
        memory: findings.memory_peak,
    };
    CostReport::new(&findings.cost, &judged, checked.manifest, checked.limits)
}

/// The accepted alerts in order of their ids. Annotations beyond the limit are left out.
fn accepted(found: Vec<AcceptedFound>, quota: u32) -> Vec<AcceptedReport> {
    let size = |annotation: &Annotation| annotation.name.len() + annotation.value.len();
    let mut room = ANNOTATIONS;
    let mut used: HashMap<Visit, u32> = HashMap::new();
    let is_over = |alert: &AcceptedFound| {
        let used = used.entry(alert.visit).or_default();
        *used += 1;
        // The quota of a visit does not apply to alerts whose visit is unknown.
        alert.visit.is_known() && *used > quota
    };
    let over: Vec<bool> = found.iter().map(is_over).collect();
    let mut found: Vec<(AcceptedFound, bool)> = found.into_iter().zip(over).collect();
    found.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
    let reported = found.into_iter().map(|(AcceptedFound { id, path, mut annotations, .. }, over_quota)| {
        annotations.retain(|annotation| {
            let fits = size(annotation) <= room;
            room = room.saturating_sub(size(annotation));
            fits
        });
        AcceptedReport { id: id.map(|id| id.to_string()).unwrap_or_default(), path, over_quota, annotations }
    });
    reported.collect()
}
