//! What ends a call before its time: its deadline, the end of its slice, or another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

/// The most that one step of a call counts towards its deadline. Steps are some milliseconds long, so a longer one means
/// that the whole process stood still, which is no fault of the filter.
const LONGEST_STEP: Duration = Duration::from_millis(20);

/// Ends a filter's calls from another thread. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    /// Those that cancel this one, too.
    above: Option<Arc<Cancel>>,
}

impl Cancel {
    /// One that is cancelled by itself, and together with `self`.
    pub fn child(&self) -> Cancel {
        Cancel { flag: Arc::default(), above: Some(Arc::new(self.clone())) }
    }

    /// Ends the calls that are going on, within some milliseconds, and all later ones.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether the calls are to end.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled_itself() || self.above.as_ref().is_some_and(|above| above.is_cancelled())
    }

    /// Whether [`cancel`](Cancel::cancel) was called here, rather than on one that it is a [`child`](Cancel::child) of.
    pub fn is_cancelled_itself(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }
}

/// The CPU time of one thread that an evaluation may take; what the host does for it, such as starting it again after a
/// trap, is included. A thread that the machine does not schedule uses none.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// The thread's CPU time at which the slice is over.
    end: Duration,
}

impl Slice {
    /// A slice of this length, which begins now, on this thread.
    pub fn of(length: Duration) -> Slice {
        Slice { end: cpu_time().saturating_add(length) }
    }

    /// What is left of it, on the thread on which it began.
    pub fn rest(&self) -> Duration {
        self.end.saturating_sub(cpu_time())
    }

    /// Whether nothing is left of it, on the thread on which it began.
    pub fn is_over(&self) -> bool {
        self.rest().is_zero()
    }
}

/// A clock that shows the CPU time of this thread.
#[derive(Clone, Copy, Debug)]
pub struct CpuTime(Duration);

impl CpuTime {
    /// The time now.
    pub fn now() -> CpuTime {
        CpuTime(cpu_time())
    }

    /// The CPU time since then, on the same thread.
    pub fn elapsed(&self) -> Duration {
        cpu_time().saturating_sub(self.0)
    }
}

/// The CPU time of this thread so far. Where the system can't tell, no slice ends.
pub fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Why an evaluation has no result. None of its alerts is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// Its slice was over.
    #[error("its slice of time was over")]
    Slice,
    /// It was cancelled.
    #[error("it was cancelled")]
    Cancelled,
}

/// What may interrupt an evaluation or a start, between calls and within them.
#[derive(Clone, Debug, Default)]
pub struct Interrupts {
    /// The slice, if there is one.
    pub slice: Option<Slice>,
    /// The flag of the filter, if it counts.
    pub cancel: Option<Cancel>,
}

impl Interrupts {
    /// Returns why the evaluation must end now, if it must.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(Interrupted::Cancelled);
        }
        match &self.slice {
            Some(slice) if slice.is_over() => Err(Interrupted::Slice),
            _ => Ok(()),
        }
    }
}

/// Looks at each tick of the engine's clock whether the call that is going on must end.
pub struct Watch {
    interrupts: Interrupts,
    /// How much of the call's deadline is left.
    left: Duration,
    /// When the call began, or the last tick was.
    seen: Instant,
    /// Why the call was ended, unless that was its deadline.
    pub interrupted: Option<Interrupted>,
}

impl Watch {
    /// Nothing to watch until a call [begins](Watch::begin).
    pub fn new() -> Watch {
        Watch { interrupts: Interrupts::default(), left: Duration::ZERO, seen: Instant::now(), interrupted: None }
    }

    /// Begins a call that has to end within `deadline`, unless it is interrupted.
    pub fn begin(&mut self, deadline: Duration, interrupts: &Interrupts) {
        (self.left, self.seen, self.interrupted) = (deadline, Instant::now(), None);
        self.interrupts.clone_from(interrupts);
    }

    /// Decides at a tick whether the call goes on until the next one.
    pub fn tick(&mut self) -> UpdateDeadline {
        let now = Instant::now();
        self.left = self.left.saturating_sub((now - self.seen).min(LONGEST_STEP));
        self.seen = now;
        self.interrupted = self.interrupts.check().err();
        if self.interrupted.is_some() || self.left.is_zero() {
            return UpdateDeadline::Interrupt;
        }
        UpdateDeadline::Continue(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_cancelled_with_its_parent_and_not_the_other_way_round() {
        let parent = Cancel::default();
        let (first, second) = (parent.child(), parent.child());
        first.cancel();
        assert!(first.is_cancelled() && !second.is_cancelled() && !parent.is_cancelled());
        parent.cancel();
        assert!(second.clone().is_cancelled() && !second.is_cancelled_itself());
    }

    #[test]
    fn a_thread_that_waits_uses_nothing_of_its_slice() {
        let slice = Slice::of(Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(60));
        assert!(!slice.is_over());
        while !slice.is_over() {}
    }

    #[test]
    fn a_standstill_of_the_process_is_no_overrun() {
        let mut watch = Watch::new();
        watch.begin(Duration::from_millis(200), &Interrupts::default());
        std::thread::sleep(Duration::from_millis(220));
        assert!(matches!(watch.tick(), UpdateDeadline::Continue(1)));
    }
}
