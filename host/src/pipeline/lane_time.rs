//! The time that filters have in a lane, and how far the live lane has come.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::costly::{CostlyFilters, FULL_BATCH};
use super::positions::Positions;
use super::standings::Standings;

/// The time that filters have in a lane.
#[derive(Clone, Default)]
pub struct LaneTime {
    /// The CPU time that a filter may take for a batch before it has to leave the lane. `None`: as long as it takes.
    pub slice: Option<Duration>,
    /// The CPU time for each alert below which a filter counts as quick. Zero: nobody asks.
    pub allowance: Duration,
    /// How much further a filter may fall behind the live lane. `None`: as far as it does.
    pub max_lag: Option<Duration>,
    /// Whether the lane's threads yield to those of the live lane.
    pub yields: bool,
    /// How far the live lane has come.
    pub live: Live,
    /// Whether each filter has a place of its own, and they take turns within their shares.
    pub takes_turns: bool,
    /// The CPU time that a filter with a place of its own may take before it is the next one's turn.
    pub turn: Duration,
    /// Where such filters are, and what they may use together.
    pub standings: Standings,
    /// What those filters take together that take long for each alert.
    pub costly: CostlyFilters,
}

impl LaneTime {
    /// The time in the live lane.
    pub fn live(slice: Option<Duration>, live: &Live) -> LaneTime {
        let (turn, costly) = (slice.unwrap_or_default(), CostlyFilters::within(slice));
        LaneTime { slice, turn, live: live.clone(), costly, ..LaneTime::default() }
    }

    /// The time in the slow lane: as long as it takes, in turns of two slices. Half of a slice counts as quick, so that a
    /// filter does not go to and fro. All filters there may use the share `total` of a processor.
    pub fn slow(slice: Duration, max_lag: Duration, live: &Live, total: f64) -> LaneTime {
        let (allowance, turn) = (slice / 2 / FULL_BATCH, slice * 2);
        let (max_lag, standings) = (Some(max_lag), Standings::new(total));
        LaneTime {
            slice: None,
            allowance,
            max_lag,
            yields: true,
            live: live.clone(),
            takes_turns: true,
            turn,
            standings,
            costly: CostlyFilters::default(),
        }
    }
}

/// How far the live lane has come, for all threads.
#[derive(Clone, Default)]
pub struct Live(Arc<RwLock<Arc<Positions>>>);

impl Live {
    /// Where the live lane's next batch begins.
    pub fn positions(&self) -> Arc<Positions> {
        self.0.read().clone()
    }

    /// Takes note of where the live lane's next batch begins.
    pub fn set(&self, positions: &Arc<Positions>) {
        *self.0.write() = positions.clone();
    }
}
