//! Whether the filters of a shard take too long together. Each may be within its slice, but a batch is published when the last
//! one has judged it. So those that take long for each alert share one slice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use skysieve_sandbox::CpuTime;

/// How many alerts a full batch has. The slice of a batch is for so many.
pub const FULL_BATCH: u32 = 256;

/// A filter that takes no longer for an alert is not costly, and stays in the live lane, however many there are of them.
/// Reading a few fields and comparing them takes some microseconds.
pub const CHEAP: Duration = Duration::from_micros(25);

/// Over how many alerts costs are averaged. It takes two such windows, one after another, to be costly. A window ends before
/// if the filter has used up already what a cheap one may take in it.
const WINDOW: u32 = 128;

/// A smaller batch counts as one of so many alerts: it costs something by itself, and holds up nobody.
const SMALL_BATCH: u32 = 32;

/// What one filter takes for each alert of the live lane.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// The alerts of this window, and the time that they took.
    alerts: u32,
    took: Duration,
    /// Whether the window before was too long by the clock. If so, CPU time is measured in this one: the clock counts what
    /// other threads did, too, but reading the CPU time of a thread takes a microsecond, which is much for a thousand filters.
    is_suspected: bool,
    /// What it takes for each alert, if it is costly.
    each: Option<Duration>,
}

impl Cost {
    /// Begins to measure CPU time, if that is to be measured.
    pub fn clock(&self) -> Option<CpuTime> {
        self.is_suspected.then(CpuTime::now)
    }

    /// It has worked for so long.
    pub fn add(&mut self, took: Duration) {
        self.took += took;
    }

    /// The lane has judged a batch of so many messages. Returns whether it is now known anew what the filter takes.
    pub fn end_batch(&mut self, messages: usize) -> bool {
        if messages > 0 {
            self.alerts += u32::try_from(messages).unwrap_or(u32::MAX / 2).max(SMALL_BATCH);
        }
        if self.alerts == 0 || self.alerts < WINDOW && self.took <= CHEAP * WINDOW {
            return false;
        }
        let each = std::mem::take(&mut self.took) / std::mem::take(&mut self.alerts);
        let is_long = each > CHEAP;
        let was_long = std::mem::replace(&mut self.is_suspected, is_long);
        self.each = (is_long && was_long).then_some(each);
        is_long == was_long
    }

    /// What it takes for each alert, if it is costly.
    pub fn each(&self) -> Option<Duration> {
        self.each
    }
}

/// The costly filters of the live lane, by name. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct CostlyFilters {
    /// What those of a shard may take for each alert together. `None`: as long as they take.
    bound: Option<Duration>,
    all: Arc<Mutex<HashMap<String, Duration>>>,
}

impl CostlyFilters {
    /// None yet. Those of a shard share a `slice` of time for a full batch.
    pub fn within(slice: Option<Duration>) -> CostlyFilters {
        CostlyFilters { bound: slice.map(|slice| slice / FULL_BATCH), all: Arc::default() }
    }

    /// Sets what a filter takes for each alert, or that it is not costly, or has gone.
    pub fn set(&self, name: &str, each: Option<Duration>) {
        let mut all = self.all.lock();
        match each {
            Some(each) => drop(all.insert(name.to_owned(), each)),
            None => drop(all.remove(name)),
        }
    }

    /// Whether a filter that takes so long for each alert may come to the live lane, on whose shard those are for which
    /// `is_beside` is true. It has to fit easily, so that it can stay.
    pub fn have_room(&self, name: &str, each: Duration, is_beside: impl Fn(&str) -> bool) -> bool {
        let Some(bound) = self.bound.filter(|_| each > CHEAP * 4 / 5) else { return true };
        let all = self.all.lock();
        let beside: Duration =
            all.iter().filter(|(other, _)| *other != name && is_beside(other)).map(|(_, each)| *each).sum();
        beside.is_zero() || beside + each <= bound * 3 / 4
    }

    /// Those of a shard's costly filters that have to leave: the dearest ones, until the others fit.
    pub fn too_many<T>(&self, mut costly: Vec<(T, Duration)>) -> Vec<T> {
        let Some(bound) = self.bound else { return Vec::new() };
        costly.sort_by_key(|(_, each)| *each);
        let mut sum = Duration::ZERO;
        let fit = costly.iter().take_while(|(_, each)| {
            sum += *each;
            sum <= bound
        });
        let fit = fit.count();
        costly.drain(fit..).map(|(filter, _)| filter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(20);

    fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// The cost of a filter that takes so long for each alert, batch after batch.
    fn cost(batches: &[(usize, u64)]) -> Option<Duration> {
        let mut cost = Cost::default();
        for (alerts, micros) in batches {
            cost.add(us(*micros) * *alerts as u32);
            cost.end_batch(*alerts);
        }
        cost.each()
    }

    #[test]
    fn a_filter_is_costly_that_takes_long_twice() {
        assert_eq!(cost(&[(256, 100)]), None);
        assert_eq!(cost(&[(256, 100), (256, 90)]), Some(us(90)));
        assert_eq!((cost(&[(64, 30); 3]), cost(&[(64, 30); 4])), (None, Some(us(30))));
        // It is certain before, that it takes too long for 128 alerts.
        assert_eq!((cost(&[(64, 100)]), cost(&[(64, 100); 2])), (None, Some(us(100))));
        assert_eq!(cost(&[(256, 25); 10]), None);
        // It is not for ever.
        assert_eq!(cost(&[(256, 100), (256, 100), (256, 10)]), None);
    }

    #[test]
    fn what_happens_once_makes_no_filter_costly() {
        let mut batches = [(256, 5); 20];
        for at in (0..20).step_by(2) {
            batches[at] = (256, 1000);
            assert_eq!(cost(&batches[..=at]), None);
        }
    }

    #[test]
    fn small_batches_make_no_filter_costly() {
        // What they take is rather that of the call than that of the alerts.
        assert_eq!(cost(&[(1, 500); 1000]), None);
        assert_eq!(cost(&[(0, 500); 1000]), None);
        assert!(cost(&[(32, 100); 8]).is_some());
    }

    #[test]
    fn cpu_time_is_measured_once_a_filter_is_suspected() {
        let mut cost = Cost::default();
        assert!(cost.clock().is_none());
        cost.add(SLICE);
        // It is not known yet, so nothing is told.
        assert!(!cost.end_batch(256) && cost.clock().is_some());
        // By CPU time, it is quick: another program was to blame.
        cost.add(us(100));
        assert!(!cost.end_batch(256) && cost.clock().is_none());
        cost.add(us(100));
        assert!(cost.end_batch(256) && cost.each().is_none());
    }

    #[test]
    fn the_dearest_ones_leave_until_the_others_fit_into_a_slice() {
        let costly = CostlyFilters::within(Some(SLICE));
        let leave = |costs: &[u64]| costly.too_many(costs.iter().map(|cost| (*cost, us(*cost))).collect());
        assert!(leave(&[]).is_empty());
        assert!(leave(&[70]).is_empty() && leave(&[26, 27]).is_empty());
        assert_eq!(leave(&[40, 26, 30]), [40]);
        assert_eq!((leave(&[79]), leave(&[100; 25]), leave(&[39; 5])), (vec![79], vec![100; 25], vec![39; 3]));
        assert_eq!(leave(&[100, 30, 60]), [60, 100]);
        assert!(CostlyFilters::within(None).too_many(vec![((), SLICE); 9]).is_empty());
    }

    #[test]
    fn a_filter_comes_only_if_it_can_stay() {
        let costly = CostlyFilters::within(Some(SLICE));
        let is_beside = |other: &str| other.starts_with("here");
        let may_come = |name: &str, cost| costly.have_room(name, us(cost), is_beside);
        costly.set("elsewhere", Some(us(70)));
        assert!(may_come("a", 39));
        costly.set("here", Some(us(30)));
        // 30 + 28 us are three quarters of the bound. Where there are 30 + 39, the filter would stay, but not come.
        assert!(
            may_come("a", 28) && !may_come("a", 29) && costly.too_many(vec![((), us(30)), ((), us(39))]).is_empty()
        );
        assert!(may_come("a", 20) && may_come("here", 39));
        costly.set("here-too", Some(us(30)));
        assert!(!may_come("a", 21) && may_come("a", 20));
        costly.set("here", None);
        assert!(may_come("a", 28));
    }
}
