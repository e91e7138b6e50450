//! The time that filters have in a lane, and how far the live lane has come.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::positions::Positions;
use super::standings::Standings;

/// How many alerts a full batch has. The slice of a batch is for so many.
const FULL_BATCH: u32 = 256;

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
}

impl LaneTime {
    /// The time in the live lane.
    pub fn live(slice: Option<Duration>, live: &Live) -> LaneTime {
        LaneTime { slice, turn: slice.unwrap_or_default(), live: live.clone(), ..LaneTime::default() }
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
