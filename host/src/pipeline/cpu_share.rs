//! How much of a processor's time one filter uses, and whether it may use more now.

use std::time::{Duration, Instant};

/// Over how long its use is reported.
const WINDOW: usize = 10;

/// How much it may use at once, as the time in which it would be due to it.
const AT_ONCE: f64 = 1.0;

/// The CPU time that one filter has used lately.
#[derive(Clone, Debug)]
pub struct CpuShare {
    begun: Instant,
    /// What it has used and was not due to it yet, in seconds.
    debt: f64,
    /// When `debt` was computed.
    at: Instant,
    /// What it has used in each of the last seconds.
    seconds: [f64; WINDOW],
    /// The number of the newest of these seconds.
    newest: u64,
}

impl CpuShare {
    /// One that has used nothing.
    pub fn new(now: Instant) -> CpuShare {
        CpuShare { begun: now, debt: 0.0, at: now, seconds: [0.0; WINDOW], newest: 0 }
    }

    /// Takes note that it has used CPU time. `rate` is what is due to it in a second.
    pub fn spend(&mut self, now: Instant, used: Duration, rate: f64) {
        self.debt = self.debt_at(now, rate) + used.as_secs_f64();
        self.at = now;
        self.begin_seconds(now);
        self.seconds[(self.newest % WINDOW as u64) as usize] += used.as_secs_f64();
    }

    /// How long it has to wait until it may use more. Zero: it may now.
    pub fn wait(&self, now: Instant, rate: f64) -> Duration {
        let excess = self.debt_at(now, rate) - rate * AT_ONCE;
        if excess <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(excess / rate).unwrap_or(Duration::MAX)
    }

    /// The share of a processor that it has used in the last ten seconds.
    pub fn used(&mut self, now: Instant) -> f64 {
        self.begin_seconds(now);
        let since = now.duration_since(self.begun).as_secs_f64().clamp(1.0, WINDOW as f64);
        self.seconds.iter().sum::<f64>() / since
    }

    fn debt_at(&self, now: Instant, rate: f64) -> f64 {
        (self.debt - now.duration_since(self.at).as_secs_f64() * rate).max(0.0)
    }

    fn begin_seconds(&mut self, now: Instant) {
        let second = now.duration_since(self.begun).as_secs();
        let passed = (second - self.newest).min(WINDOW as u64);
        for number in 0..passed {
            self.seconds[((second - number) % WINDOW as u64) as usize] = 0.0;
        }
        self.newest = second;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a filter uses in 100 s that takes 20 ms whenever it may, and what was reported at most.
    fn used(rate: f64) -> (f64, f64) {
        let begin = Instant::now();
        let mut share = CpuShare::new(begin);
        let (mut now, mut used, mut most) = (Duration::ZERO, Duration::ZERO, 0.0f64);
        while now < Duration::from_secs(100) {
            let wait = share.wait(begin + now, rate);
            if wait.is_zero() {
                now += Duration::from_millis(20);
                used += Duration::from_millis(20);
                share.spend(begin + now, Duration::from_millis(20), rate);
            } else {
                now += wait.max(Duration::from_millis(1));
            }
            if now > Duration::from_secs(10) {
                most = most.max(share.used(begin + now));
            }
        }
        (used.as_secs_f64(), most)
    }

    #[test]
    fn a_filter_that_could_use_all_uses_its_share() {
        for rate in [0.05, 0.25, 0.8] {
            let (used, most) = used(rate);
            assert!((100.0 * rate..101.5 * rate + 0.05).contains(&used), "{used} of {rate}");
            assert!(most < 1.12 * rate + 0.02, "{most} of {rate}");
        }
        assert!(used(1.0).0 > 99.0);
    }

    #[test]
    fn what_was_used_long_ago_is_forgotten() {
        let begin = Instant::now();
        let mut share = CpuShare::new(begin);
        let at = |seconds| begin + Duration::from_secs(seconds);
        share.spend(at(1), Duration::from_secs(5), 0.5);
        assert_eq!(share.wait(at(1), 0.5), Duration::from_secs(9));
        assert!((share.used(at(10)) - 0.5).abs() < 1e-9);
        assert_eq!((share.used(at(11)), share.wait(at(11), 0.5)), (0.0, Duration::ZERO));
    }
}
