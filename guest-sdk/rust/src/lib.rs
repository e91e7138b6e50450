//! Write a Skysieve filter as a struct of fields and a function of one alert.
//!
//! ```
//! use serde::Deserialize;
//! use skysieve_sdk::{Alert, Column, Parameters, Verdict, filter};
//!
//! /// The fields that the filter reads, and where they are in a ZTF alert.
//! #[derive(Alert)]
//! struct Candidate<'a> {
//!     #[field("candidate.magpsf")]
//!     mag: f64,
//!     #[field("candidate.ssnamenr")]
//!     ss_name: Option<&'a str>,
//!     #[field("prv_candidates[].magpsf")]
//!     history: Column<'a, Option<f64>>,
//! }
//!
//! /// What can be set at upload.
//! #[derive(Deserialize, Parameters)]
//! #[serde(default, deny_unknown_fields)]
//! struct Config {
//!     /// The faintest magnitude that passes.
//!     limit: f64,
//! }
//!
//! impl Default for Config {
//!     fn default() -> Config {
//!         Config { limit: 17.0 }
//!     }
//! }
//!
//! #[filter(description = "Brighter than a limit, and not seen before")]
//! fn bright(config: &Config, alert: &Candidate) -> Verdict {
//!     let seen = alert.history.iter().flatten().count();
//!     let named = alert.ss_name.unwrap_or("null") != "null";
//!     Verdict::accept_if(alert.mag < config.limit && seen == 0 && !named).with("mag", alert.mag)
//! }
//!
//! # fn main() {
//! let alert = Candidate { mag: 16.2, ss_name: None, history: Column::from(&[None, None]) };
//! assert!(bright(&Config::default(), &alert).is_accepted());
//! # }
//! ```
//!
//! The host passes the fields of a whole batch as columns, and the SDK takes one alert at a time out of them. The
//! function is an ordinary one, so `cargo test` runs it natively.

mod alert;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
mod column;
mod config;
mod element;
#[cfg(target_family = "wasm")]
mod export;
mod field;
mod generated;
mod log;
mod opener;
mod parameter;
mod run;
mod value;
mod verdict;
mod view;

pub use alert::{Alert, Field, Kind};
pub use column::{Column, Iter};
pub use config::parse as parse_config;
pub use element::Element;
pub use field::FieldType;
pub use log::Level;
pub use parameter::{Parameter, ParameterKind, ParameterType, Parameters, toml_text};
pub use skysieve_sdk_macros::{Alert, Parameters, filter};
pub use value::Value;
pub use verdict::{Annotation, IntoVerdict, Verdict};

/// What the generated code uses. It is not meant for authors, and may change at any time.
#[doc(hidden)]
pub mod __private {
    pub use crate::alert::RawColumn;
    #[cfg(target_family = "wasm")]
    pub use crate::bindings;
    pub use crate::config::{checked, none, parse};
    #[cfg(target_family = "wasm")]
    pub use crate::export::{describe, evaluate};
    pub use crate::generated::{HasField, Opened, Refused, declared};
    pub use crate::log::log;
    pub use crate::opener::Opener;
    pub use crate::parameter::{ConfigOf, NoParameters, parameter};
    pub use crate::run::{Described, Filter, Manifest, Undescribed, judge_all};
    pub use crate::verdict::Annotation;
}
