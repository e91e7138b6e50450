//! Filters that go to another host.

use super::Live;
use crate::filters::FilterError;
use crate::pipeline::channels::Command;
use crate::pipeline::lane::Lane;
use crate::pipeline::moving::Release;
use crate::pipeline::running_filter::RunningFilter;

impl Live {
    /// Lets a filter go, or passes that on to the lane that it is in.
    pub(super) fn release(&mut self, lane: &mut Lane, release: Box<Release>) {
        let name = release.name.clone();
        let checked = match () {
            () if !lane.state.entries().contains_key(&name) => Err(FilterError::Unknown(name.clone())),
            () if lane.position.is_empty() => Err(FilterError::Busy("the host has read nothing yet".to_owned())),
            () => lane.state.moves.lock().begin(&name),
        };
        if let Err(error) = checked {
            let _ = release.answer.send(Err(error));
        } else if self.away.remove(&name) {
            self.expected.give_up(lane, &name);
            self.send(Command::Release(release));
        } else {
            match lane.shards.withdraw(&name) {
                Some(filter) => let_go(lane, *filter, *release),
                // It has just taken too long, and comes from the publishers once that is committed.
                None => drop(self.releasing.insert(name, release)),
            }
        }
    }
}

/// Lets a filter go that has been withdrawn.
pub(super) fn let_go(lane: &mut Lane, filter: RunningFilter, release: Release) {
    let mut from = (*lane.position).clone();
    match filter.positions() {
        Some(own) if filter.is_in_slow_lane() => from.clone_from(own),
        Some(ahead) => ahead.iter().for_each(|position| from.set_at_least(position)),
        None => {}
    }
    lane.let_go(filter, from, release);
}
