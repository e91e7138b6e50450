//! The changes of filters that can be asked for.

use std::path::PathBuf;

use super::cost::CostReport;
use super::handover::HandOver;
use super::registered::{Expected, SettingsPatch};
use super::settings::Settings;

/// A filter that is to be activated.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// The bytes of the component.
    pub module: Vec<u8>,
    /// Its config, quota and limits.
    pub settings: Settings,
    /// Whether the filter is refused for reasons that would otherwise only be warnings in its [`Status`](super::Status).
    pub strict: bool,
    /// Whether it comes from the host's operator, so that the host's [`Ceilings`](super::Ceilings) do not apply.
    pub by_operator: bool,
    /// Whether it is tried on recent alerts first.
    pub trial: Trial,
    /// The file that the module was read from, where it can be read again.
    pub file: Option<PathBuf>,
    /// Where another host has stopped with it, if it comes from there.
    pub handover: Option<Box<HandOver>>,
    /// What its author notes about this version.
    pub note: String,
    /// Who uploads it.
    pub by: String,
    /// How much its owner may have in the registry. `None`: as much as there is room for.
    pub allowance: Option<Allowance>,
    /// What they know of the filter that it replaces.
    pub expected: Expected,
}

/// How much the owner of filters may have in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The number of filters.
    pub filters: usize,
    /// The bytes of modules and configs. Content that is used several times counts once.
    pub bytes: u64,
}

/// Whether a filter is tried on recent alerts before it becomes active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trial {
    /// It is not tried.
    #[default]
    Without,
    /// It is refused if it fails on all of them.
    MayRefuse,
    /// What is found is told, and refuses nothing.
    Tells,
}

impl Trial {
    /// The trial of a filter that somebody activates, perhaps against all advice.
    pub fn unless(force: bool) -> Trial {
        if force { Trial::Tells } else { Trial::MayRefuse }
    }
}

/// What a trial has found.
#[derive(Clone, Debug, Default)]
pub struct TrialOutcome {
    /// What should be known.
    pub warnings: Vec<String>,
    /// What the filter costs, if it was tried.
    pub cost: Option<CostReport>,
}

/// A change of a filter.
#[derive(Clone, Debug)]
pub enum FilterChange {
    /// It is removed, with all of its versions.
    Delete,
    /// Adds a version, which is not active yet. If there is no filter of that name, it is created.
    AddVersion(Box<Upload>),
    /// Makes a version the active one.
    Activate {
        /// Its number.
        version: u32,
        /// Whether it is activated even if it fails on all recent alerts.
        force: bool,
    },
    /// Lets a version run beside the active one, without publishing.
    Shadow {
        /// Its number.
        version: u32,
        /// How many shadows the filter's owner may have. `None`: as many as there is room for.
        most: Option<usize>,
    },
    /// Ends that.
    EndShadow,
    /// Makes the shadow the active version.
    ActivateShadow {
        /// Whether it is activated even if it fails on all recent alerts.
        force: bool,
    },
    /// It judges nothing until it is resumed.
    Pause,
    /// It judges alerts again, from those that come now on. One that was suspended is active again.
    Resume,
    /// Changes settings.
    Set(SettingsPatch),
}
