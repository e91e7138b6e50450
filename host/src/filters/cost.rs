//! What a filter costs: fuel, time and memory for an alert, and what that means at a survey's rate.

use std::collections::BinaryHeap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skysieve_sandbox::{Limits, Manifest};

use super::counts::Counts;

/// From how many alerts fuel and times are, at most.
pub const SAMPLED: usize = 1000;
/// The rate of the survey for which filters are written: LSST's alerts of a visit.
pub const RATE_ALERTS: u32 = 10_000;
/// See [`RATE_ALERTS`]: the seconds from one visit to the next.
pub const RATE_SECONDS: u32 = 39;
/// How many fields are named, and how many letters of each.
const FIELDS: (usize, usize) = (50, 100);

/// The fuel of an alert. An alert is judged alone for that, by an instance that has just been started: so it is the same on
/// every machine, whatever else is judged, and in which batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FuelSpread {
    /// Half of the alerts take no more.
    pub median: u64,
    /// 99 of 100 alerts take no more.
    pub p99: u64,
    /// The costliest alert of the sample.
    pub max: u64,
    /// What an alert may take.
    pub limit: u64,
}

/// The time of an alert in microseconds, on this machine and with everything that it had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TimeSpread {
    /// Half of the alerts take no longer.
    pub median: f64,
    /// 99 of 100 alerts take no longer.
    pub p99: f64,
    /// The alert of the sample that took longest.
    pub max: f64,
}

/// What a filter costs, and what it lets through, on some alerts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CostReport {
    /// The number of alerts that it was shown.
    pub alerts: u64,
    /// The number of those that it accepts, also beyond the quota.
    pub accepted: u64,
    /// The share of alerts that it accepts, from 0 to 1.
    pub pass_rate: f64,
    /// The number of alerts on which it failed.
    pub faulted: u64,
    /// The number of visits that the alerts are from. Of a long span of time, the newest ones are counted.
    pub visits: u64,
    /// How many alerts it accepts in a visit, in the mean.
    pub accepted_each_visit: f64,
    /// How many alerts it accepts in the visit in which it accepts most.
    pub most_accepted: u64,
    /// How many of those are published for each visit.
    pub quota: u32,
    /// The number of accepted alerts that exceed the quota.
    pub over_quota: u64,
    /// From how many alerts fuel and times are. They are chosen by their content, so that the same alerts give the same
    /// sample.
    pub sampled: u64,
    /// The fuel of an alert.
    pub fuel: FuelSpread,
    /// The time of an alert that is judged alone, in microseconds.
    pub judge_micros: TimeSpread,
    /// The mean time of an alert in microseconds when it is judged in a batch, as hosts do it.
    pub judge_micros_in_batch: f64,
    /// The time of decoding an alert for the fields of this filter alone, in microseconds. A host decodes once for the
    /// fields of all filters.
    pub decode_micros: TimeSpread,
    /// The largest size of its memory, in bytes.
    pub memory: u64,
    /// What its memory may have, in bytes.
    pub memory_limit: u64,
    /// The fields that it reads, each by its first path. A long list is cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The share of a processor core that judging takes at the survey's rate, from 0 on.
    pub judge_share: f64,
    /// The share of a processor core that decoding its fields alone takes at the survey's rate, from 0 on.
    pub decode_share: f64,
    /// What that means, in a sentence.
    pub summary: String,
}

/// What one alert took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertCost {
    /// A hash of its content.
    pub key: u32,
    /// The fuel of judging it.
    pub fuel: u64,
    /// The time of judging it.
    pub judging: Duration,
    /// The time of decoding it.
    pub decoding: Duration,
}

/// What a sample of alerts took: those with the smallest hashes, whatever the order in which they come.
#[derive(Clone, Debug, Default)]
pub struct CostSample(BinaryHeap<AlertCost>);

impl CostSample {
    /// Whether an alert with this hash is to be measured.
    pub fn admits(&self, key: u32) -> bool {
        self.0.len() < SAMPLED || self.0.peek().is_some_and(|largest| key <= largest.key)
    }

    /// Adds an alert.
    pub fn add(&mut self, cost: AlertCost) {
        self.0.push(cost);
        if self.0.len() > SAMPLED {
            self.0.pop();
        }
    }

    /// Adds the alerts of another sample.
    pub fn merge(&mut self, other: CostSample) {
        other.0.into_iter().for_each(|cost| self.add(cost));
    }

    /// What they took by one measure, in ascending order.
    fn sorted<T: Ord>(&self, measure: impl Fn(&AlertCost) -> T) -> Vec<T> {
        let mut all: Vec<T> = self.0.iter().map(measure).collect();
        all.sort_unstable();
        all
    }

    fn micros(&self, measure: impl Fn(&AlertCost) -> Duration) -> TimeSpread {
        let [median, p99, max] = spread(&self.sorted(measure)).map(micros);
        TimeSpread { median, p99, max }
    }
}

/// Median, 99th percentile and maximum of numbers in ascending order.
fn spread<T: Copy + Default>(sorted: &[T]) -> [T; 3] {
    let last = sorted.len().saturating_sub(1);
    [0.5, 0.99, 1.0].map(|part| sorted.get((last as f64 * part).round() as usize).copied().unwrap_or_default())
}

/// The mean of times in ascending order, in microseconds, without the longest hundredth: in those, the machine did something
/// else.
fn usual_mean(sorted: &[Duration]) -> f64 {
    let usual = &sorted[..sorted.len() - sorted.len() / 100];
    micros(usual.iter().sum()) / usual.len().max(1) as f64
}

fn micros(time: Duration) -> f64 {
    // Nanoseconds are as fine as clocks are.
    time.as_nanos() as f64 / 1e3
}

/// What is known of the alerts that a filter has judged.
#[derive(Clone, Debug, Default)]
pub struct JudgedAlerts {
    /// Where they went.
    pub counts: Counts,
    /// How many it accepts in each visit, also beyond the quota.
    pub accepted_by_visit: Vec<u64>,
    /// How many of them are published for each visit.
    pub quota: u32,
    /// The time of judging all of them in batches.
    pub judging: Duration,
    /// The largest size of the filter's memory, in bytes.
    pub memory: usize,
}

impl CostReport {
    /// Sums up what was found.
    pub fn new(sample: &CostSample, judged: &JudgedAlerts, manifest: &Manifest, limits: &Limits) -> CostReport {
        let Counts { seen, accepted, over_quota, faulted, too_large, .. } = judged.counts;
        let accepted = accepted + over_quota + too_large;
        let each = |sum: f64, of: u64| sum / of.max(1) as f64;
        let visits = judged.accepted_by_visit.len() as u64;
        let [median, p99, max] = spread(&sample.sorted(|cost| cost.fuel));
        let decode_micros_mean = usual_mean(&sample.sorted(|cost| cost.decoding));
        let judge_micros_in_batch = each(micros(judged.judging), seen);
        let (judge_share, decode_share) = (share(judge_micros_in_batch), share(decode_micros_mean));
        CostReport {
            alerts: seen,
            accepted,
            pass_rate: each(accepted as f64, seen),
            faulted,
            visits,
            accepted_each_visit: each(judged.accepted_by_visit.iter().sum::<u64>() as f64, visits),
            most_accepted: judged.accepted_by_visit.iter().copied().max().unwrap_or(0),
            quota: judged.quota,
            over_quota,
            sampled: sample.0.len() as u64,
            fuel: FuelSpread { median, p99, max, limit: limits.fuel },
            judge_micros: sample.micros(|cost| cost.judging),
            judge_micros_in_batch,
            decode_micros: sample.micros(|cost| cost.decoding),
            memory: judged.memory as u64,
            memory_limit: limits.memory as u64,
            fields: fields(manifest),
            judge_share,
            decode_share,
            summary: summary(judge_share, decode_share),
        }
    }
}

/// The share of a core that is busy at the survey's rate, if an alert takes so long.
fn share(micros: f64) -> f64 {
    micros * f64::from(RATE_ALERTS) / (f64::from(RATE_SECONDS) * 1e6)
}

fn summary(judge: f64, decode: f64) -> String {
    format!(
        "{} of a core to judge and {} to decode the fields it reads, at 10,000 alerts each {RATE_SECONDS} s",
        percent(judge),
        percent(decode)
    )
}

/// A share with two digits that count.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = match percent {
        10.0.. => 0,
        1.0.. => 1,
        0.1.. => 2,
        _ => 3,
    };
    format!("{percent:.decimals$} %")
}

fn fields(manifest: &Manifest) -> Vec<String> {
    let (most, letters) = FIELDS;
    let first = |paths: &[String]| paths.first().map(|path| path.chars().take(letters).collect()).unwrap_or_default();
    manifest.fields.iter().take(most).map(|field| first(&field.paths)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(key: u32) -> AlertCost {
        let time = Duration::from_micros(u64::from(key));
        AlertCost { key, fuel: u64::from(key) * 10, judging: time, decoding: 2 * time }
    }

    #[test]
    fn a_sample_depends_neither_on_the_order_of_the_alerts_nor_on_who_takes_them() {
        let count = 3 * SAMPLED as u32;
        // 7 has no factor in common with the count.
        let keys = || (0..count).map(|at| at * 7 % count);
        let take = |keys: &mut dyn Iterator<Item = u32>| {
            let mut sample = CostSample::default();
            keys.for_each(|key| {
                if sample.admits(key) {
                    sample.add(cost(key));
                }
            });
            sample
        };
        let all = take(&mut keys());
        let mut parts = take(&mut keys().skip(1000));
        parts.merge(take(&mut keys().take(1000)));
        let expected: Vec<u64> = (0..SAMPLED as u64).map(|key| key * 10).collect();
        assert_eq!(all.sorted(|cost| cost.fuel), expected);
        assert_eq!(parts.sorted(|cost| cost.fuel), expected);
    }

    #[test]
    fn a_report_says_what_a_filter_takes_of_a_core() {
        let mut sample = CostSample::default();
        (1..=100).for_each(|key| sample.add(cost(key)));
        let counts = Counts { seen: 1000, accepted: 20, over_quota: 30, rejected: 950, ..Counts::default() };
        let judged = JudgedAlerts {
            counts,
            accepted_by_visit: vec![40, 10],
            quota: 20,
            // 15.6 µs an alert: 10,000 take 156 ms of 39 s.
            judging: Duration::from_micros(15_600),
            memory: 1 << 20,
        };
        let manifest = Manifest { description: String::new(), fields: Vec::new(), parameters: Vec::new() };
        let report = CostReport::new(&sample, &judged, &manifest, &Limits::default());
        assert_eq!((report.fuel.median, report.fuel.p99, report.fuel.max), (510, 990, 1000));
        assert_eq!(report.judge_micros, TimeSpread { median: 51.0, p99: 99.0, max: 100.0 });
        assert_eq!((report.accepted, report.pass_rate, report.most_accepted), (50, 0.05, 40));
        assert!((report.judge_share - 0.004).abs() < 1e-9, "{report:?}");
        let expected = "0.40 % of a core to judge and 2.6 % to decode the fields it reads, at 10,000 alerts each 39 s";
        assert_eq!(report.summary, expected);
        let nothing = CostReport::new(&CostSample::default(), &JudgedAlerts::default(), &manifest, &Limits::default());
        assert_eq!((nothing.pass_rate, nothing.fuel.max, nothing.judge_share), (0.0, 0, 0.0));
    }
}
