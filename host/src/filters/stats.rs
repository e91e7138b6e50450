//! Where a filter's alerts went, and what they cost, by visit.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;
use skysieve_sandbox::FaultKind;

use super::cost::TimeSpread;
use super::counts::Counts;
use super::histogram::Histogram;
use super::status::VisitTally;

/// For how many visits counts and costs are kept.
pub const RECENT_VISITS: usize = 100;

/// Where a filter's alerts went and what they cost, since its version was activated.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct FilterStats {
    /// The filter's name.
    pub name: String,
    /// The version that is judged: the SHA-256 hash of its module, in hexadecimal.
    pub sha256: String,
    /// Its number in the registry, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Over all alerts.
    pub total: AlertStats,
    /// On how many alerts it failed, by the kind of fault.
    pub faults: BTreeMap<String, u64>,
    /// Over the newest visits, newest first. Their number is limited.
    pub visits: Vec<VisitStats>,
}

/// Where the alerts of one visit went, and what they cost.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct VisitStats {
    /// The visit: LSST's number, ZTF's Julian date.
    pub visit: String,
    /// Over its alerts.
    #[serde(flatten)]
    pub alerts: AlertStats,
}

/// Where alerts went, and what they cost. Hosts judge alerts in batches, and know what a batch has taken: its mean counts for
/// each of its alerts. So a single costly alert among cheap ones is not seen here, but in the report of a check.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct AlertStats {
    /// Where they went.
    pub counts: Counts,
    /// The fuel of an alert. Median and p99 are at most 3 % too large.
    pub fuel: FuelStats,
    /// The wall-clock time of an alert, in microseconds. Median and p99 are at most 3 % too large.
    pub micros: TimeSpread,
}

/// The fuel of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FuelStats {
    /// Half of the alerts take no more.
    pub median: u64,
    /// 99 of 100 alerts take no more.
    pub p99: u64,
    /// The alert that took most.
    pub max: u64,
}

/// What alerts took.
#[derive(Clone, Debug, Default)]
pub struct AlertCosts {
    fuel: Histogram,
    nanos: Histogram,
}

impl AlertCosts {
    /// Adds alerts that have taken this, each.
    pub fn add(&mut self, alerts: u64, fuel: u64, time: Duration) {
        self.fuel.add(fuel, alerts);
        self.nanos.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), alerts);
    }

    /// What is known of these alerts.
    pub fn stats(&self, counts: Counts) -> AlertStats {
        let [median, p99, max] = spread(&self.fuel);
        let fuel = FuelStats { median, p99, max };
        let [median, p99, max] = spread(&self.nanos).map(|nanos| nanos as f64 / 1e3);
        AlertStats { counts, fuel, micros: TimeSpread { median, p99, max } }
    }
}

/// Median, 99th percentile and maximum.
fn spread(numbers: &Histogram) -> [u64; 3] {
    [numbers.at(0.5), numbers.at(0.99), numbers.max()]
}

/// The newest visits of a filter.
#[derive(Debug, Default)]
pub struct Visits(VecDeque<(VisitTally, AlertCosts)>);

impl Visits {
    /// Adds a batch, whose alerts have taken this, each.
    pub fn add(&mut self, batch: Vec<VisitTally>, fuel: u64, time: Duration) {
        for tally in batch {
            let seen = tally.counts.seen;
            let costs = match self.0.iter_mut().rev().find(|(known, _)| known.visit == tally.visit) {
                Some((known, costs)) => {
                    known.counts += tally.counts;
                    costs
                }
                None => &mut self.0.push_back_mut((tally, AlertCosts::default())).1,
            };
            costs.add(seen, fuel, time);
        }
        let excess = self.0.len().saturating_sub(RECENT_VISITS);
        self.0.drain(..excess);
    }

    /// The counts of a visit, if they are kept.
    pub fn counts_mut(&mut self, visit: &str) -> Option<&mut Counts> {
        self.0.iter_mut().rev().find(|(tally, _)| tally.visit == visit).map(|(tally, _)| &mut tally.counts)
    }

    /// Their counts, newest last.
    pub fn tallies(&self) -> Vec<VisitTally> {
        self.0.iter().map(|(tally, _)| tally.clone()).collect()
    }

    /// What is known of them, newest first.
    pub fn stats(&self) -> Vec<VisitStats> {
        let of = |(tally, costs): &(VisitTally, AlertCosts)| VisitStats {
            visit: tally.visit.clone(),
            alerts: costs.stats(tally.counts),
        };
        self.0.iter().rev().map(of).collect()
    }
}

/// How often a filter failed, by the kind of fault.
#[derive(Clone, Debug, Default)]
pub struct FaultCounts(BTreeMap<FaultKind, u64>);

impl FaultCounts {
    /// Counts a fault.
    pub fn add(&mut self, kind: FaultKind) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: FaultCounts) {
        other.0.into_iter().for_each(|(kind, count)| *self.0.entry(kind).or_default() += count);
    }

    /// The counts by the kinds' names.
    pub fn by_name(&self) -> BTreeMap<String, u64> {
        self.0.iter().map(|(kind, count)| (kind.to_string(), *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(visit: &str, seen: u64) -> VisitTally {
        VisitTally { visit: visit.to_owned(), counts: Counts { seen, rejected: seen, ..Counts::default() } }
    }

    #[test]
    fn a_batch_counts_for_the_visits_in_it() {
        let mut visits = Visits::default();
        visits.add(vec![tally("1", 200), tally("2", 56)], 40, Duration::from_nanos(500));
        visits.add(vec![tally("2", 244)], 50, Duration::from_nanos(600));
        let stats = visits.stats();
        assert_eq!(stats.iter().map(|stats| &*stats.visit).collect::<Vec<_>>(), ["2", "1"]);
        assert_eq!(stats[0].alerts.counts.seen, 300);
        assert_eq!(stats[0].alerts.fuel, FuelStats { median: 50, p99: 50, max: 50 });
        assert_eq!(stats[1].alerts.fuel, FuelStats { median: 40, p99: 40, max: 40 });
        assert_eq!(stats[1].alerts.micros.max, 0.5);
    }

    #[test]
    fn the_newest_visits_are_kept() {
        let mut visits = Visits::default();
        (0..300).for_each(|visit| visits.add(vec![tally(&visit.to_string(), 1)], 1, Duration::ZERO));
        assert_eq!((visits.stats().len(), &*visits.stats()[0].visit), (RECENT_VISITS, "299"));
        assert!(visits.counts_mut("199").is_none() && visits.counts_mut("200").is_some());
    }
}
