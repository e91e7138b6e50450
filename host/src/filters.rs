//! The filters of a host: their names, versions, limits, states and counts.
//!
//! | module | does |
//! | --- | --- |
//! | `name` | says which names filters may have |
//! | `settings` | the settings of one filter: config, quota, share, limits |
//! | `ceilings` | the highest limits that an upload may ask for |
//! | `status` | the description of one filter for others: its state, and where its alerts went |
//! | `control` | the requests about running filters: list, upload, delete |
//! | `change` | the changes that can be asked for |
//! | `error` | the errors of such requests |
//! | `cost` | what a filter costs: fuel, time and memory for an alert |
//! | `counts` | where the alerts of a filter went |
//! | `entry` | the record of one version of one filter, with the counts of its alerts |
//! | `language` | languages in which filters are given as text, and their runners |
//! | `lane` | where a filter is judged: in the live lane, or in the slow one |
//! | `folder` | the filters in a folder, with which a host starts |
//! | `handover`, `origin` | a filter that is handed to another host, or that began in the past |
//! | `histogram` | counts of numbers, for medians and percentiles |
//! | `journal`, `records` | the newest faults and log messages of a filter, and those who follow them |
//! | `module` | the modules' bytes, which another host may need |
//! | `parameters` | sets parameters of a config by their names |
//! | `registered` | what a registry knows of a filter |
//! | `runner` | a filter is checked first, and activated later |
//! | `shadow` | a version that runs beside the active one, and what both have accepted |
//! | `stats` | where the alerts of each visit went, and what they cost |
//! | `stream` | the schemas that the stream was seen to use, and which fields of filters they lack |

mod ceilings;
mod change;
mod control;
mod cost;
mod counts;
mod entry;
mod error;
mod folder;
mod handover;
mod histogram;
mod journal;
mod lane;
mod language;
mod module;
mod name;
mod origin;
mod parameters;
mod records;
mod registered;
mod runner;
mod settings;
mod shadow;
mod stats;
mod status;
mod stream;

pub use ceilings::{CPU_SHARE, Ceilings, CpuShares};
pub use change::{Allowance, FilterChange, Trial, TrialOutcome, Upload};
pub use control::{Control, Inspected};
pub use cost::{AlertCost, CostReport, CostSample, FuelSpread, JudgedAlerts, SAMPLED, TimeSpread};
pub use counts::Counts;
pub use entry::{Entry, RECENT, Shadow, Tally};
pub use error::FilterError;
pub use folder::{read_filter, read_folder};
pub use handover::{HandOver, HostInfo, Offsets, StreamIdentity};
pub use journal::{Journal, JournalPage, JournalRecord};
pub use lane::Lane;
pub use language::{LANGUAGES, Language, Program, Runners};
pub use module::{ModuleSource, Modules, hash};
pub use name::{NAME_LETTERS, check_name, check_owner};
pub use origin::Origin;
pub use parameters::{ParameterValues, nearest, set_parameters};
pub use records::{FAULTS, FaultRecord, JOURNAL_BYTES, Journals, LOGS, LogRecord};
pub use registered::{Expected, Kept, NOTE_BYTES, Registered, SettingsPatch, VersionInfo, check_note};
pub use runner::{Checked, Runner};
pub use settings::{CONFIG_BYTES, LimitOverrides, MIN_CPU_SHARE, Settings};
pub use shadow::{AcceptedIds, ComparedVisit, Comparison, SHADOW_IDS, ShadowState, ShadowStatus, VersionTally};
pub use stats::{AlertCosts, AlertStats, FaultCounts, FilterStats, FuelStats, RECENT_VISITS, VisitStats, Visits};
pub use status::{State, Status, VisitTally};
pub use stream::{STREAM_SCHEMAS, StreamSchemas};
