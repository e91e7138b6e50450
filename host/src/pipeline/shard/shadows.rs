//! When the shadows of a shard's filters are judged: after all filters, and while nobody waits.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use skysieve_sandbox::Slice;

use super::Worker;
use crate::pipeline::channels::Job;
use crate::pipeline::panics::caught;
use crate::pipeline::running_filter::RunningShadow;

impl Worker {
    /// The next job. Until it comes, shadows go on with what they owe. `None` if no more jobs come.
    pub(super) fn next_job(&mut self, inbox: &Receiver<Job>) -> Option<Job> {
        while let Some(wait) = self.next_shadow() {
            match inbox.recv_timeout(wait) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.go_on_with_shadows(),
            }
        }
        inbox.recv().ok()
    }

    /// Lets shadows judge what their filters have judged of a batch, whose outcomes are on their way already. In the live
    /// lane they share a slice of time for that, so that the next batch waits no longer for them than for one filter. In the
    /// slow lane, they work between the jobs alone.
    pub(super) fn judge_shadows(&mut self) {
        let (time, count) = (&self.time, self.filters.len());
        let slice = time.slice.map(Slice::of);
        self.first_shadow = self.first_shadow.wrapping_add(1);
        for at in 0..count {
            let Some(shadow) = self.filters[(self.first_shadow + at) % count].shadow_mut() else { continue };
            if !time.takes_turns {
                work(shadow, |shadow| shadow.work(slice, None, |share| time.standings.rate(share)));
            }
            shadow.keep(&time.standings.kept);
        }
    }

    /// How long it takes until a shadow may go on with what it owes. `None`: none owes anything.
    fn next_shadow(&self) -> Option<Duration> {
        let shadows = self.filters.iter().filter_map(|filter| filter.shadow());
        shadows.filter_map(|shadow| shadow.due(|share| self.time.standings.rate(share))).min()
    }

    /// Lets one of the shadows that may go on do so for a slice.
    fn go_on_with_shadows(&mut self) {
        let time = &self.time;
        let rate = |share| time.standings.rate(share);
        let whole = time.slice.unwrap_or(time.turn);
        let shadows = self.filters.iter_mut().filter_map(|filter| filter.shadow_mut());
        if let Some(shadow) = shadows.min_by_key(|shadow| shadow.due(rate).unwrap_or(Duration::MAX)) {
            work(shadow, |shadow| shadow.work(Some(Slice::of(whole)), Some(whole), rate));
        }
    }
}

/// If the host panics over a shadow, that one is stopped.
fn work(shadow: &mut RunningShadow, go_on: impl FnOnce(&mut RunningShadow)) {
    if let Err(message) = caught(|| go_on(shadow)) {
        shadow.stop(message);
    }
}
