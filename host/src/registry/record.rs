//! What is kept of a filter, and its JSON.

use serde::{Deserialize, Serialize};
use skysieve_sandbox::Parameter;
use skysieve_sandbox::limits::MODULE_BYTES;

use crate::filters::{CONFIG_BYTES, CostReport, LimitOverrides, check_name, hash};

/// The format that is written. Records of another one are left alone.
pub const FORMAT: u32 = 1;

/// How many versions of a filter are kept. If there are more, the oldest ones that are not active go.
pub const VERSIONS: usize = 100;

/// The largest record in bytes. It has to fit into a message, of which brokers take 1 MiB.
pub const RECORD_BYTES: usize = 900_000;

/// The largest config that is kept in the record itself. Larger ones are kept as modules are.
pub const INLINE: usize = 4 << 10;

/// How many bytes of fields' paths are kept of a version, to be shown.
const FIELDS: usize = 16 << 10;

/// A filter: its settings, and its versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterRecord {
    /// See [`FORMAT`].
    pub format: u32,
    /// Its name, which is also the record's key.
    pub name: String,
    /// Who it belongs to.
    pub owner: String,
    /// The name of the host that judges it.
    pub host: String,
    /// Tells it from an earlier filter of its name.
    pub created: String,
    /// Counts its changes. A new filter has 1.
    pub revision: u64,
    /// The id of the change that has written this record.
    #[serde(default)]
    pub change: String,
    /// Accepted alerts for each visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<u32>,
    /// The share of a processor in the slow lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_share: Option<f64>,
    /// The limits that differ from the host's.
    #[serde(default)]
    pub limits: LimitOverrides,
    /// Where in the stream it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Whether it judges nothing.
    #[serde(default)]
    pub paused: bool,
    /// The number of the active version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<u32>,
    /// The number of the version that is its shadow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<u32>,
    /// The number of the next version.
    pub next: u32,
    /// The versions, by their numbers.
    pub versions: Vec<Version>,
}

/// One version. It never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Its number, counted from 1.
    pub number: u32,
    /// Its module.
    pub module: Blob,
    /// Its config.
    pub config: Config,
    /// The topics that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// What its author has noted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who has uploaded it.
    pub by: String,
    /// When (RFC 3339).
    pub at: String,
    /// What it says about itself.
    #[serde(default)]
    pub description: String,
    /// The first path of each field that it reads, as far as there is room.
    #[serde(default)]
    pub fields: Vec<String>,
    /// What can be set in its config.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// What it costs, from the trial at its upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Box<CostReport>>,
}

/// Bytes that are kept in pieces, by their hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Blob {
    /// The SHA-256 hash, in hexadecimal.
    pub sha256: String,
    /// How many there are.
    pub bytes: u64,
}

impl Blob {
    /// The description of some bytes.
    pub fn of(bytes: &[u8]) -> Blob {
        Blob { sha256: hash(bytes), bytes: bytes.len() as u64 }
    }

    fn check(&self, most: usize) -> Result<(), String> {
        let is_hash =
            self.sha256.len() == 64 && self.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match () {
            () if !is_hash => Err("it has a hash that is none".to_owned()),
            () if self.bytes > most as u64 => Err(format!("it has {} bytes in one piece of content", self.bytes)),
            () => Ok(()),
        }
    }
}

/// A config: in the record, or kept as modules are if it is large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Config {
    /// The text.
    Text(String),
    /// Where it is.
    Kept(Blob),
}

impl Config {
    /// Describes a config.
    pub fn of(text: &str) -> Config {
        if text.len() <= INLINE { Config::Text(text.to_owned()) } else { Config::Kept(Blob::of(text.as_bytes())) }
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        match self {
            Config::Text(text) => text.len() as u64,
            Config::Kept(blob) => blob.bytes,
        }
    }

    /// What is kept outside of the record.
    pub fn blob(&self) -> Option<&Blob> {
        if let Config::Kept(blob) = self { Some(blob) } else { None }
    }
}

impl Version {
    /// What is kept of it outside of the record.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        [&self.module].into_iter().chain(self.config.blob())
    }

    /// Whether another version would judge the same.
    pub fn is_like(&self, other: &Version) -> bool {
        self.module == other.module && self.config == other.config && self.topics == other.topics
    }

    /// Keeps so many of the fields' paths as there is room for.
    pub fn set_fields(&mut self, fields: &[String]) {
        let mut room = FIELDS;
        let fits = |path: &&String| {
            let left = room.checked_sub(path.len() + 3);
            room = left.unwrap_or(0);
            left.is_some()
        };
        self.fields = fields.iter().take_while(fits).cloned().collect();
    }
}

impl FilterRecord {
    /// The version of that number.
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The active version.
    pub fn active_version(&self) -> Option<&Version> {
        self.active.and_then(|number| self.version(number))
    }

    /// The version that is to be judged.
    pub fn running(&self) -> Option<&Version> {
        self.active_version().filter(|_| !self.paused)
    }

    /// Makes a version the active one. Its shadow was to be compared with the one before.
    pub fn activate(&mut self, number: u32) {
        if self.active.replace(number) != Some(number) {
            self.shadow = None;
        }
    }

    /// The version that is to run beside the one that is judged.
    pub fn shadow_version(&self) -> Option<&Version> {
        self.running()?;
        self.shadow.filter(|number| self.active != Some(*number)).and_then(|number| self.version(number))
    }

    /// Stands for this revision of this filter.
    pub fn tag(&self) -> String {
        format!("{}-{}", self.revision, self.created)
    }

    /// Says what is wrong with a record that was read for the filter of this name.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        check_name(&self.name).map_err(|error| error.to_string())?;
        if name != self.name {
            return Err(format!("it is about filter {:?}", self.name));
        }
        if self.revision == 0 || self.next == 0 || self.next == u32::MAX || self.revision == u64::MAX {
            return Err("its numbers are out of range".to_owned());
        }
        let mut last = 0;
        for version in &self.versions {
            if version.number <= last || version.number >= self.next {
                return Err("its versions are out of order".to_owned());
            }
            last = version.number;
            version.module.check(MODULE_BYTES)?;
            version.config.blob().map_or(Ok(()), |blob| blob.check(CONFIG_BYTES))?;
        }
        match self.active {
            Some(active) if self.version(active).is_none() => Err(format!("it has no version {active}")),
            _ => Ok(()),
        }
    }

    /// The record as JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it is made of text and numbers")
    }

    /// Lets the oldest versions go that are neither active nor the shadow, until there are few enough and the record is small enough.
    ///
    /// # Errors
    /// Returns how many bytes it has if it is still too large.
    pub fn shorten(&mut self) -> Result<(), usize> {
        let newest = self.next - 1;
        loop {
            let bytes = self.to_bytes().len();
            if self.versions.len() <= VERSIONS && bytes <= RECORD_BYTES {
                return Ok(());
            }
            let used = [self.active, self.shadow, Some(newest)];
            let may_go = |version: &Version| !used.contains(&Some(version.number));
            let at = self.versions.iter().position(may_go).ok_or(bytes)?;
            self.versions.remove(at);
        }
    }
}

/// Why a record is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is of a format that this program does not know, perhaps that of a newer one.
    Format(u64),
    /// It is none, for this reason.
    Garbage(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Format(format) => write!(f, "its format is {format}, and this host knows {FORMAT}"),
            Unreadable::Garbage(reason) => f.write_str(reason),
        }
    }
}
