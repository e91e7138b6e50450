//! Which filters there are: names, versions, limits, states and counts.

mod control;
mod entry;
mod folder;
mod name;

pub use control::{
    Control, Counts, FilterError, Health, LimitOverrides, PartitionLag, Settings, State, Status, Upload, VisitTally,
};
pub use entry::{Entry, Tally};
pub use folder::read_folder;
pub use name::check_name;
