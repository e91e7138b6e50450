//! The description of one filter for others: its state, and where its alerts went.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use skysieve_avro::alert::Field;
use skysieve_sandbox::Parameter;

use super::ceilings::CPU_SHARE;
use super::counts::Counts;
use super::handover::Offsets;
use super::lane::Lane;
use super::origin::Origin;
use super::registered::{Kept, Registered};
use super::settings::Settings;

/// The counts of one visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VisitTally {
    /// The visit: LSST's number, ZTF's Julian date.
    pub visit: String,
    /// Where its alerts went.
    pub counts: Counts,
}

/// Whether a filter judges alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase", tag = "state", content = "reason")]
pub enum State {
    /// It judges alerts.
    Active,
    /// It no longer judges alerts, for this reason.
    Suspended(String),
    /// It was moved to the host of this name.
    Moved(String),
    /// It judges nothing until it is resumed.
    Paused,
    /// None of its versions is active.
    Inactive,
    /// It can't run here, for this reason.
    Refused(String),
    /// It belongs to the host of this name.
    Elsewhere(String),
}

impl State {
    /// The names of all states.
    pub const NAMES: [&str; 7] = ["active", "suspended", "moved", "paused", "inactive", "refused", "elsewhere"];

    /// Its name, as in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            State::Active => "active",
            State::Suspended(_) => "suspended",
            State::Moved(_) => "moved",
            State::Paused => "paused",
            State::Inactive => "inactive",
            State::Refused(_) => "refused",
            State::Elsewhere(_) => "elsewhere",
        }
    }
}

impl Status {
    /// A filter of which nothing but this is known.
    pub fn new(name: &str, state: State) -> Status {
        Status {
            name: name.to_owned(),
            description: String::new(),
            sha256: String::new(),
            state,
            lane: Lane::Live,
            behind: 0,
            cpu_share: CPU_SHARE,
            cpu_used: 0.0,
            origin: Origin::default(),
            kept: Kept::Process,
            registered: None,
            since: Offsets::new(),
            fields: Vec::new(),
            parameters: Vec::new(),
            topics: Vec::new(),
            settings: Settings::default(),
            warnings: Vec::new(),
            counts: Counts::default(),
            fuel: 0,
            seconds: 0.0,
            memory_peak: 0,
            fault_counts: BTreeMap::new(),
            recent_faults: Vec::new(),
            recent_logs: Vec::new(),
            recent_visits: Vec::new(),
        }
    }
}

/// The description of one filter.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Status {
    /// The name of the filter; the name of its output topic is derived from it.
    pub name: String,
    /// What the filter says about itself.
    pub description: String,
    /// The version: the SHA-256 hash of the module, in hexadecimal.
    pub sha256: String,
    /// Whether it runs.
    #[serde(flatten)]
    pub state: State,
    /// The lane in which it is judged. A filter that takes too long is in the slow one, where it holds up nobody.
    pub lane: Lane,
    /// How many alerts it is behind the live lane.
    pub behind: u64,
    /// The share of a processor that it may use in the slow lane.
    pub cpu_share: f64,
    /// The share of a processor that it has used there in the last ten seconds.
    pub cpu_used: f64,
    /// Whether it began in the past, or came from another host.
    pub origin: Origin,
    /// Where it is kept.
    pub kept: Kept,
    /// What the registry knows of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered: Option<Registered>,
    /// The offset of the first alert that this version has judged, or is to judge, for each topic and partition: since it
    /// was activated, or since the host was started.
    pub since: Offsets,
    /// The fields that it reads.
    pub fields: Vec<Field>,
    /// What can be set in its config, as it describes it.
    pub parameters: Vec<Parameter>,
    /// The topics whose alerts it is shown: those named in its settings, or else those whose schemas have its fields,
    /// as far as alerts of them were seen.
    pub topics: Vec<String>,
    /// Its config, quota and limits, as they were given.
    pub settings: Settings,
    /// Probable mistakes: fields that are in none of the schemas seen, or that are of another kind in some of them.
    pub warnings: Vec<String>,
    /// Where its alerts went since it was activated.
    pub counts: Counts,
    /// The fuel spent since it was activated.
    pub fuel: u64,
    /// The wall-clock time spent in it, in seconds.
    pub seconds: f64,
    /// The largest size of linear memory so far, in bytes.
    pub memory_peak: usize,
    /// On how many alerts it failed, by the kind of fault.
    pub fault_counts: BTreeMap<String, u64>,
    /// Its newest faults, newest last. Their number is limited.
    pub recent_faults: Vec<String>,
    /// Its newest log messages, newest last. Their number is limited.
    pub recent_logs: Vec<String>,
    /// The counts of its newest visits, newest last. Their number is limited.
    pub recent_visits: Vec<VisitTally>,
}
