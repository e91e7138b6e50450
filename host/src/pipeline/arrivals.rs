//! How a filter joins the live lane while the stream goes on. The live lane never goes back, and waits for nobody. So it
//! keeps its next batches for the filter, which the slow lane judges up to the first of them meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::costly::CostlyFilters;
use super::kept::KeptBytes;
use super::lane::Lane;
use super::positions::Positions;
use super::running_filter::RunningFilter;
use crate::filters::Entry;

/// For how many batches the live lane waits for a filter. They are kept in memory.
const LONGEST: usize = 12;

/// The filters that the live lane's loop expects from the slow lane.
#[derive(Default)]
pub struct ExpectedFilters {
    all: HashMap<String, Arrival>,
    /// The costly filters of the live lane, and those that are expected.
    costly: CostlyFilters,
}

struct Arrival {
    entry: Arc<Entry>,
    /// Where the first batch begins that is kept for the filter.
    from: Arc<Positions>,
    /// How many batches are kept.
    batches: usize,
}

impl ExpectedFilters {
    /// Expects nobody yet.
    pub fn new(costly: CostlyFilters) -> ExpectedFilters {
        ExpectedFilters { all: HashMap::new(), costly }
    }

    /// Keeps all batches for a filter from now on that takes so long for each alert, if there is room for it. Returns where the
    /// first of them begins.
    pub fn expect(&mut self, lane: &mut Lane, entry: Arc<Entry>, each: Duration) -> Option<Arc<Positions>> {
        if lane.position.is_empty() || self.all.contains_key(&entry.name) {
            return None;
        }
        let (name, from) = (entry.name.clone(), lane.position.clone());
        if !self.costly.have_room(&name, each, |other| lane.shards.are_together(&name, other)) {
            return None;
        }
        // Until its shard knows better, it counts with what it took in the slow lane.
        self.costly.set(&name, Some(each));
        lane.expect(entry.clone());
        self.all.insert(name, Arrival { entry, from: from.clone(), batches: 0 });
        Some(from)
    }

    /// Ends to keep batches for a filter.
    pub fn give_up(&mut self, lane: &mut Lane, name: &str) {
        if self.all.remove(name).is_some() {
            self.costly.set(name, None);
            lane.shards.has_left(name);
            lane.leave_out([name]);
        }
    }

    /// Takes note that one more batch was read, and gives up those that have not come in time.
    pub fn has_moved(&mut self, lane: &mut Lane, kept: &KeptBytes) {
        self.all.values_mut().for_each(|arrival| arrival.batches += 1);
        let longest = if kept.has_room(false) { LONGEST } else { 0 };
        let late = self.all.iter().filter(|(_, arrival)| arrival.batches > longest);
        for name in late.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.give_up(lane, &name);
        }
    }

    /// Lets a filter begin with the batches that were kept for it. Returns it if it has not come in time.
    pub fn arrive(&mut self, lane: &mut Lane, filter: Box<RunningFilter>) -> Option<Box<RunningFilter>> {
        let name = filter.entry.name.clone();
        let is_in_time = self.all.get(&name).is_some_and(|arrival| {
            Arc::ptr_eq(&arrival.entry, &filter.entry) && filter.positions().is_some_and(|own| own.reach(&arrival.from))
        });
        if !is_in_time {
            self.give_up(lane, &name);
            return Some(filter);
        }
        self.all.remove(&name);
        lane.shards.arrive(filter);
        None
    }
}
