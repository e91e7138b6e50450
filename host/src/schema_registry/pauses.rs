//! When a registry may be asked again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Ids that are remembered to be absent.
const MAX_ABSENT: usize = 4096;
/// Ids that may turn out absent at once, and a second.
const BURST: f64 = 50.0;
const PER_SECOND: f64 = 5.0;

/// How long to wait.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// For one lookup, all of it: less than a host may take to stop.
    pub(super) lookup: Duration,
    /// Before an absent id, or a registry out of reach, is asked for again. Doubles up to `last`.
    pub(super) first: Duration,
    pub(super) last: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { lookup: Duration::from_secs(4), first: Duration::from_secs(1), last: Duration::from_secs(10) }
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
        Pauses { patience, absent: HashMap::new(), down: None, budget: (BURST, Instant::now()) }
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Whether the id is known to be absent.
    pub(super) fn is_absent(&self, id: u32, now: Instant) -> bool {
        self.absent.get(&id).is_some_and(|pause| now < pause.until)
    }

    /// Why the registry must not be asked now, if so.
    pub(super) fn obstacle(&mut self, now: Instant) -> Option<String> {
        if let Some((pause, why)) = &self.down
            && now < pause.until
        {
            return Some(why.clone());
        }
        let (left, at) = &mut self.budget;
        *left = (*left + now.saturating_duration_since(*at).as_secs_f64() * PER_SECOND).min(BURST);
        *at = now;
        let exhausted =
            || format!("too many ids that the schema registry lacks; it is asked for {PER_SECOND} a second");
        (*left < 1.0).then(exhausted)
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

    /// It lacks that id.
    pub(super) fn lacks(&mut self, id: u32, now: Instant) {
        self.budget.0 -= 1.0;
        if self.absent.len() >= MAX_ABSENT {
            self.absent.retain(|_, pause| now < pause.until);
        }
        if self.absent.len() >= MAX_ABSENT {
            self.absent.clear();
        }
        let pause = self.longer(self.absent.get(&id).copied(), now);
        self.absent.insert(id, pause);
    }

    /// It does not answer.
    pub(super) fn fails(&mut self, why: String, now: Instant) {
        let before = self.down.take();
        if before.is_none() {
            tracing::warn!(reason = why, "the schema registry can't be asked; trying on as messages come");
        }
        self.down = Some((self.longer(before.map(|(pause, _)| pause), now), why));
    }

    fn longer(&self, before: Option<Pause>, now: Instant) -> Pause {
        let length = before.map_or(self.patience.first, |pause| (pause.length * 2).min(self.patience.last));
        Pause { length, until: now + length }
    }
}
