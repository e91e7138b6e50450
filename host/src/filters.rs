//! Which filters there are: names, versions, limits, states and counts.
//!
//! | module | does |
//! | --- | --- |
//! | `name` | which names a filter may have |
//! | `settings` | what is set for one filter: config, quota, limits |
//! | `status` | what is told of one filter: its state, and where its alerts went |
//! | `control` | what others may ask of the running filters: list, upload, delete |
//! | `entry` | one version of one filter, and what became of the alerts that it was shown |
//! | `folder` | filters in a folder, with which a host starts |
//! | `stream` | the schemas that the stream was seen to use, and which fields they lack |

mod control;
mod entry;
mod folder;
mod name;
mod settings;
mod status;
mod stream;

pub use control::{Control, FilterError, Upload};
pub use entry::{Entry, RECENT, RECENT_VISITS, Tally};
pub use folder::read_folder;
pub use name::{NAME_LETTERS, check_name};
pub use settings::{CONFIG_BYTES, LimitOverrides, Settings};
pub use status::{Counts, State, Status, VisitTally};
pub use stream::{STREAM_SCHEMAS, StreamSchemas};
