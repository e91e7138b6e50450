//! Lets a replay wait while live alerts are judged: it reads in the pauses of the stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::pipeline::io::{BatchLimits, Message, Monitor, Position, Source, SourceError};
use crate::pipeline::totals::Totals;

/// How long the live lane must have had nothing to do. Within a visit, the next batch comes sooner.
const QUIET: Duration = Duration::from_millis(50);
/// How long a batch waits for such a pause. A host that has much to catch up with has none, and a replay is to come to its
/// end all the same.
const LONGEST: Duration = Duration::from_secs(1);
/// How often to look.
const TICK: Duration = Duration::from_millis(5);

/// A source that gives way to the live lane.
pub struct GiveWay<S> {
    source: S,
    live: Arc<Totals>,
    stop: Arc<AtomicBool>,
    /// How many messages the live lane had fetched when we last looked, and since when.
    seen: (u64, Instant),
}

impl<S> GiveWay<S> {
    pub fn new(source: S, live: Arc<Totals>, stop: Arc<AtomicBool>) -> GiveWay<S> {
        let long_ago = Instant::now().checked_sub(QUIET).unwrap_or_else(Instant::now);
        GiveWay { seen: (live.fetched(), long_ago), source, live, stop }
    }

    fn live_is_quiet(&mut self) -> bool {
        let fetched = self.live.fetched();
        if fetched != self.seen.0 || self.live.in_progress() > 0 {
            self.seen = (fetched, Instant::now());
        }
        self.seen.1.elapsed() >= QUIET
    }

    fn give_way(&mut self) {
        let begun = Instant::now();
        while !self.live_is_quiet() && begun.elapsed() < LONGEST && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
        }
    }
}

impl<S: Source> Source for GiveWay<S> {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        self.give_way();
        self.source.fetch(batch, limits, wait)
    }

    fn positions(&self) -> Vec<Position> {
        self.source.positions()
    }

    fn monitor(&self) -> Monitor {
        self.source.monitor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::MemorySource;

    #[test]
    fn a_replay_reads_while_the_live_lane_is_quiet_and_now_and_then_while_it_is_not() {
        let live = Arc::new(Totals::default());
        let (source, packets) = MemorySource::new("past");
        (0..3).for_each(|_| packets.send("packet".into()).unwrap());
        let mut source = GiveWay::new(source, live.clone(), Arc::default());
        let limits = BatchLimits { count: 1, ..BatchLimits::default() };
        let mut took = || {
            let (begun, mut batch) = (Instant::now(), Vec::new());
            assert!(source.fetch(&mut batch, &limits, Duration::ZERO).unwrap());
            assert_eq!(batch.len(), 1);
            begun.elapsed()
        };
        assert!(took() < LONGEST / 2);
        live.add_fetched(256, 1, 0);
        assert!(took() >= LONGEST);
        live.add_published(1, 256, 0);
        assert!((QUIET..LONGEST).contains(&took()));
    }
}
