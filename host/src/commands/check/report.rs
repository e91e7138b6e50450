//! A check's report, for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::findings::{FaultFound, Findings, UndecodableFound};
use skysieve_avro::alert::Field;
use skysieve_sandbox::{Limits, Manifest};

/// Entries of a kind that the report for people shows.
const SHOWN: usize = 10;

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    filter: FilterReport,
    alerts: u64,
    accepted: Vec<String>,
    rejected: u64,
    faults: Vec<FaultFound>,
    undecodable: Vec<UndecodableFound>,
    visits: Vec<VisitReport>,
    fuel: Fuel,
    memory_peak: usize,
    consistent: bool,
    #[serde(skip)]
    inconsistent: Vec<String>,
    #[serde(skip)]
    memory_limit: usize,
    #[serde(skip)]
    nanoseconds: [f64; 2],
}

#[derive(Debug, Serialize)]
struct FilterReport {
    description: String,
    sha256: String,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct VisitReport {
    visit: String,
    seen: u64,
    /// All that the filter accepts.
    accepted: u64,
    /// Those of them that a host would not publish.
    over_quota: u64,
}

/// Per alert, judged alone. Zeros when no alert was.
#[derive(Debug, Serialize)]
struct Fuel {
    min: u64,
    median: u64,
    p99: u64,
    max: u64,
    limit: u64,
}

impl Report {
    /// Adds up what was found.
    pub fn new(manifest: &Manifest, sha256: &str, findings: &Findings, limits: &Limits, quota: u32) -> Report {
        let mut accepted = findings.accepted.clone();
        accepted.sort_unstable();
        let visits = findings.visits.iter().map(|(visit, found)| VisitReport {
            visit: visit.to_string(),
            seen: found.seen,
            accepted: found.accepted,
            over_quota: found.accepted.saturating_sub(quota.into()),
        });
        let per_alert = |time: std::time::Duration| time.as_nanos() as f64 / findings.alerts.max(1) as f64;
        Report {
            filter: FilterReport {
                description: manifest.description.clone(),
                sha256: sha256.to_owned(),
                fields: manifest.fields.clone(),
            },
            alerts: findings.alerts,
            accepted: accepted.into_iter().map(|id| id.map(|id| id.to_string()).unwrap_or_default()).collect(),
            rejected: findings.rejected,
            faults: findings.faults.clone(),
            undecodable: findings.undecodable.clone(),
            visits: visits.collect(),
            fuel: Fuel::new(findings.fuel.clone(), limits.fuel),
            memory_peak: findings.memory_peak,
            consistent: findings.inconsistent.is_empty(),
            inconsistent: findings.inconsistent.clone(),
            memory_limit: limits.memory,
            nanoseconds: [per_alert(findings.decode_time), per_alert(findings.judge_time)],
        }
    }

    /// Whether there is nothing to complain of.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.undecodable.is_empty() && self.consistent
    }
}

impl Fuel {
    fn new(mut spent: Vec<u64>, limit: u64) -> Fuel {
        spent.sort_unstable();
        let at = |part: f64| spent.get(((spent.len().max(1) - 1) as f64 * part).round() as usize).copied().unwrap_or(0);
        Fuel { min: at(0.0), median: at(0.5), p99: at(0.99), max: at(1.0), limit }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "filter       {}", self.filter.description)?;
        writeln!(f, "version      {}", self.filter.sha256)?;
        writeln!(f, "alerts       {}", self.alerts)?;
        writeln!(f, "accepted     {}", self.accepted.len())?;
        writeln!(f, "rejected     {}", self.rejected)?;
        writeln!(f, "faults       {}", self.faults.len())?;
        list(f, &self.faults, |fault| {
            format!("{}: alert {}: {}: {}", fault.path, fault.id, fault.kind, fault.message)
        })?;
        writeln!(f, "undecodable  {}", self.undecodable.len())?;
        list(f, &self.undecodable, |packet| format!("{}: {}", packet.path, packet.error))?;
        let Fuel { min, median, p99, max, limit } = self.fuel;
        writeln!(f, "fuel         min {min}, median {median}, p99 {p99}, max {max} of {limit} an alert")?;
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        writeln!(f, "memory       {:.2} of {:.0} MiB", mib(self.memory_peak), mib(self.memory_limit))?;
        let [decode, judge] = self.nanoseconds;
        writeln!(f, "time         {:.2} µs decoding, {:.3} µs judging an alert", decode / 1e3, judge / 1e3)?;
        self.write_consistency(f)?;
        writeln!(f, "\n{:>20} {:>8} {:>8} {:>10}", "visit", "seen", "accepted", "over quota")?;
        list(f, &self.visits, |visit| {
            format!("{:>20} {:>8} {:>8} {:>10}", visit.visit, visit.seen, visit.accepted, visit.over_quota)
        })
    }
}

impl Report {
    fn write_consistency(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.consistent {
            return writeln!(f, "consistent   yes: same verdicts one by one and in batches");
        }
        writeln!(f, "consistent   NO: {} alerts are judged otherwise alone than in a batch;", self.inconsistent.len())?;
        writeln!(f, "             the filter must not keep anything from one alert to the next")?;
        list(f, &self.inconsistent, |id| format!("alert {id}"))
    }
}

/// The first few of `all`, and how many more there are.
fn list<T>(f: &mut fmt::Formatter<'_>, all: &[T], line: impl Fn(&T) -> String) -> fmt::Result {
    for one in all.iter().take(SHOWN) {
        writeln!(f, "  {}", line(one))?;
    }
    match all.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more (--json lists all)"),
    }
}
