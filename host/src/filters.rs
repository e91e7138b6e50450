//! Which filters there are: names, versions, limits, states and counts.

mod control;

pub use control::{Control, Counts, FilterError, Health, Settings, State, Status, Upload};
