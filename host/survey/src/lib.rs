//! What is known of surveys: where their alerts keep id, visit, time, position, history, images and light curve.
//!
//! A survey is one [`Survey`], in a file of its own. To add one, write such a file and put it into the list in `surveys`.
//! [`Surveys`] recognises a schema and looks its survey's fields up in it; the answer is a [`Layout`]. Alerts of surveys that are
//! not known have one too, by the names that such fields usually have.
//!
//! | module | does |
//! | --- | --- |
//! | `survey` | what there is to know of a survey |
//! | `lsst`, `ztf`, `decam`, `winter`, `wise` | a survey each |
//! | `surveys` | which surveys are known, and which of them a schema is of |
//! | `layout`, `guess`, `named` | where a schema has it all: by its survey, by usual names, as the user says |
//! | `visit`, `name`, `value` | which exposure an alert is from; what it is called |

mod decam;
mod guess;
mod layout;
mod lsst;
mod name;
mod named;
mod survey;
mod surveys;
mod value;
mod visit;
mod winter;
mod wise;
mod ztf;

pub use layout::{CutoutPlace, Layout, Place, SeriesPlace};
pub use name::Name;
pub use named::NamedFields;
pub use survey::{Cutout, Position, Recognition, Series, Survey};
pub use surveys::{HostField, Surveys};
pub use value::{AlertId, Value};
pub use visit::Visit;
