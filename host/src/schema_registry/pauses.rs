//! When a registry may be asked again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Ids that are remembered to be absent.
const MAX_ABSENT: usize = 4096;

/// How long to wait.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// For an answer, until it is said that there is none yet: less than a host may take to stop.
    pub(super) answer: Duration,
    /// For one lookup, all of it, while others are told that there is no answer yet.
    pub(super) lookup: Duration,
    /// Before an absent id, or a registry out of reach, is asked for again. Doubles up to `last`.
    pub(super) first: Duration,
    pub(super) last: Duration,
    /// Ids that may turn out absent at once, and a second: an id is whatever four bytes a message begins with.
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

/// What was asked in vain, and until when it is not asked again.
#[derive(Debug)]
pub(super) struct Pauses {
    patience: Patience,
    absent: HashMap<u32, Pause>,
    down: Option<(Pause, String)>,
    /// How many more ids may turn out absent, at that time.
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

    /// Why the registry must not be asked now, if so.
    pub(super) fn obstacle(&self, now: Instant) -> Option<String> {
        let (pause, why) = self.down.as_ref()?;
        (now < pause.until).then(|| why.clone())
    }

    /// How long to wait before it is asked, because it was asked for so many ids that it lacks.
    pub(super) fn pace(&mut self, now: Instant) -> Duration {
        let Patience { burst, per_second, .. } = self.patience;
        let (left, at) = &mut self.budget;
        *left = (*left + now.saturating_duration_since(*at).as_secs_f64() * per_second).min(burst);
        *at = now;
        Duration::from_secs_f64((1.0 - *left).max(0.0) / per_second)
    }

    /// The registry answered.
    pub(super) fn works(&mut self) {
        if self.down.take().is_some() {
            tracing::info!("the schema registry answers again");
        }
    }

    /// It has that id.
    pub(super) fn found(&mut self, id: u32) {
        self.absent.remove(&id);
    }

    /// It was asked for an id in vain.
    pub(super) fn spend(&mut self) {
        self.budget.0 -= 1.0;
    }

    /// It lacks that id.
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

    /// It does not answer, and does not want to be asked for so long.
    pub(super) fn fails(&mut self, why: String, retry_after: Option<Duration>, now: Instant) {
        let before = self.down.take();
        if before.is_none() {
            tracing::warn!(reason = why, "the schema registry can't be asked; trying on as messages come");
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
