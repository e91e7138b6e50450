//! What is known about surveys: where their alerts have the id, visit, time, position, history, images and light curve.
//!
//! Each survey is a [`Survey`], in a file of its own. To add one, write such a file and add it to the list in
//! `surveys`. [`Surveys`] recognises the survey of a schema and looks the survey's fields up in it; the result is a
//! [`Layout`]. Alerts of unknown surveys have a layout, too, based on the usual names of such fields.
//!
//! | module | does |
//! | --- | --- |
//! | `survey` | defines what there is to know about a survey |
//! | `lsst`, `ztf`, `decam`, `winter`, `wise` | have one survey each |
//! | `surveys` | lists the known surveys, and recognises the survey of a schema |
//! | `locate`; `layout`, `guess`, `named` | find the fields in a schema: by its survey, by usual names, and as the user says |
//! | `visit`, `name`, `value` | have the exposure that an alert is from, exposures' names, and alerts' ids |

mod decam;
mod guess;
mod layout;
mod locate;
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
