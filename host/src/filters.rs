//! Which filters there are: names, versions, limits, states and counts.

mod control;
mod name;

pub use control::{Control, Counts, FilterError, Health, LimitOverrides, Settings, State, Status, Upload, VisitTally};
pub use name::check_name;
