//! Decides when a registry may be asked again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many absent ids are remembered.
const MAX_ABSENT: usize = 4096;

/// Durations and rates of waiting.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// How long to wait for an answer before saying that there is none yet. This is less time than a host may take to
    /// stop.
    pub(super) answer: Duration,
    /// How long a whole lookup may take, while callers are told that there is no answer yet.
    pub(super) lookup: Duration,
    /// How long to wait before asking again for an absent id, or asking a registry that could not be reached. Doubles
    /// up to `last`.
    pub(super) first: Duration,
    pub(super) last: Duration,
    /// How many ids may turn out absent at once, and how many per second. Any four bytes at the start of a message look
    /// like an id.
    pub(super) burst: f64,
    pub(super) per_second: f64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            answer: Duration::from_millis(1500),
            lookup: Duration::from_secs(30),
            first: Duration::from_secs(1),
            last: Duration::from_secs(10),
            burst: 100.0,
            per_second: 50.0,
        }
    }
}

/// Failed requests, and the time until which they are not repeated.
#[derive(Debug)]
pub(super) struct Pauses {
    patience: Patience,
    absent: HashMap<u32, Pause>,
    down: Option<(Pause, String)>,
    /// How many more ids may turn out absent, as of that time.
    budget: (f64, Instant),
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    length: Duration,
    until: Instant,
}

impl Pauses {
    pub(super) fn new(patience: Patience) -> Pauses {
        let budget = (patience.burst, Instant::now());
        Pauses { patience, absent: HashMap::new(), down: None, budget }
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Whether the id is known to be absent.
    pub(super) fn is_absent(&self, id: u32, now: Instant) -> bool {
        self.absent.get(&id).is_some_and(|pause| now < pause.until)
    }

    /// Why the registry must not be asked at the moment, if so.
    pub(super) fn obstacle(&self, now: Instant) -> Option<String> {
        let (pause, why) = self.down.as_ref()?;
        (now < pause.until).then(|| why.clone())
    }

    /// How long to wait before asking, because many ids have turned out absent.
    pub(super) fn pace(&mut self, now: Instant) -> Duration {
        let Patience { burst, per_second, .. } = self.patience;
        let (left, at) = &mut self.budget;
        *left = (*left + now.saturating_duration_since(*at).as_secs_f64() * per_second).min(burst);
        *at = now;
        Duration::from_secs_f64((1.0 - *left).max(0.0) / per_second)
    }

    /// Records that the registry answered.
    pub(super) fn works(&mut self) {
        if self.down.take().is_some() {
            tracing::info!("the schema registry answers again");
        }
    }

    /// Records that the registry has that id.
    pub(super) fn found(&mut self, id: u32) {
        self.absent.remove(&id);
    }

    /// Records that the registry was asked for an id in vain.
    pub(super) fn spend(&mut self) {
        self.budget.0 -= 1.0;
    }

    /// Records that the registry lacks that id.
    pub(super) fn lacks(&mut self, id: u32, now: Instant) {
        if self.absent.len() >= MAX_ABSENT {
            self.absent.retain(|_, pause| now < pause.until);
        }
        if self.absent.len() >= MAX_ABSENT {
            self.absent.clear();
        }
        let pause = self.longer(self.absent.get(&id).copied(), now);
        self.absent.insert(id, pause);
    }

    /// Records that the registry does not answer. It may have said for how long it does not want to be asked.
    pub(super) fn fails(&mut self, why: String, retry_after: Option<Duration>, now: Instant) {
        let before = self.down.take();
        if before.is_none() {
            tracing::warn!(reason = why, "the schema registry can't be asked; it is tried again as messages arrive");
        }
        let mut pause = self.longer(before.map(|(pause, _)| pause), now);
        pause.until = pause.until.max(now + retry_after.unwrap_or_default());
        self.down = Some((pause, why));
    }

    fn longer(&self, before: Option<Pause>, now: Instant) -> Pause {
        let length = before.map_or(self.patience.first, |pause| (pause.length * 2).min(self.patience.last));
        Pause { length, until: now + length }
    }
}
