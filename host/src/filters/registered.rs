//! What a registry knows of a filter: its owner, its revision, its versions.

use serde::{Deserialize, Serialize};

use super::cost::CostReport;
use super::error::FilterError;
use super::settings::LimitOverrides;
use skysieve_sandbox::Parameter;

/// The largest note on a version, in bytes.
pub const NOTE_BYTES: usize = 1000;

/// Where a filter is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// In the folder that the host was started with. It can't be changed here.
    Folder,
    /// In the registry: it is there after a restart.
    Registry,
    /// In the process alone: it is gone after a restart.
    #[default]
    Process,
}

/// What the registry knows of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Registered {
    /// Who it belongs to.
    pub owner: String,
    /// The name of the host that judges it.
    pub host: String,
    /// Whether that host lives, as far as hosts announce themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<bool>,
    /// How often it was changed since it was created, which counts as the first time.
    pub revision: u64,
    /// Stands for this revision of this filter, in `ETag` and `If-Match`.
    pub tag: String,
    /// The number of the active version.
    pub version: Option<u32>,
    /// How many versions are kept.
    pub versions: usize,
    /// The note on the active version.
    pub note: String,
    /// Whether it was paused.
    pub paused: bool,
    /// The number of the version that is its shadow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<u32>,
}

/// One version of a filter. It never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionInfo {
    /// Its number, counted from 1.
    pub number: u32,
    /// Whether it is the active one.
    pub active: bool,
    /// The SHA-256 hash of its module, in hexadecimal.
    pub sha256: String,
    /// The size of its module.
    pub bytes: u64,
    /// Its config. Lists of versions leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The size of its config.
    pub config_bytes: u64,
    /// The topics whose alerts it is shown, if it names any.
    pub topics: Vec<String>,
    /// What its author has noted.
    pub note: String,
    /// Who has uploaded it.
    pub by: String,
    /// When (RFC 3339).
    pub at: String,
    /// What it says about itself.
    pub description: String,
    /// The fields that it reads, each by its first path. A long list is cut.
    pub fields: Vec<String>,
    /// What can be set in its config.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// What it costs, from the trial at its upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostReport>,
}

/// What whoever changes a filter knows about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: the change is made to whatever there is.
    #[default]
    Anything,
    /// There is no filter of that name.
    Absent,
    /// There is one.
    Present,
    /// It has this revision or this [tag](Registered::tag).
    Revision(String),
    /// If there is a filter, it belongs to this user; and besides, this.
    OwnedBy(String, Box<Expected>),
}

/// Settings that are changed without another version. Those that are `None` stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsPatch {
    /// How many accepted alerts are published for each visit; null for the host's default.
    #[serde(deserialize_with = "given")]
    pub quota: Option<Option<u32>>,
    /// The share of a processor in the slow lane; null for the host's default.
    #[serde(deserialize_with = "given")]
    pub cpu_share: Option<Option<f64>>,
    /// The limits of the sandbox. Those that are null are the host's.
    pub limits: Option<LimitOverrides>,
    /// Whether it is paused.
    pub paused: Option<bool>,
    /// Who it belongs to. Only operators may change this.
    pub owner: Option<String>,
    /// The host that judges it, which is changed alone. It is moved there: between hosts on one cluster exactly, and otherwise
    /// it begins there with the alerts that come from now on, of which a warning says so.
    pub host: Option<String>,
}

/// Tells null from what is absent.
fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Refuses a note that is too long.
///
/// # Errors
/// Returns [`FilterError::Refused`].
pub fn check_note(note: &str) -> Result<(), FilterError> {
    match note.len() <= NOTE_BYTES {
        true => Ok(()),
        false => Err(FilterError::Refused(format!("the note has {} bytes; the limit is {NOTE_BYTES}", note.len()))),
    }
}
