//! What each change makes of a record, or why it is refused. Nothing is changed here: a rule may be asked several times.

use std::sync::Arc;

use bytes::Bytes;

use super::record::{Blob, Config, FORMAT, FilterRecord, Version};
use super::writer::Decision;
use crate::access::ANYONE;
use crate::filters::{
    Checked, CostReport, Expected, FilterError, LimitOverrides, Settings, SettingsPatch, check_owner,
};

/// The settings that are not a version's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Apart {
    pub quota: Option<u32>,
    pub cpu_share: Option<f64>,
    pub limits: LimitOverrides,
    pub from: Option<String>,
}

/// A version that is offered to the registry, and content that may have to be kept.
#[derive(Clone, Debug)]
pub struct Offer {
    /// It has no number yet.
    pub version: Version,
    pub apart: Apart,
    pub content: Vec<(Blob, Bytes)>,
}

impl Offer {
    /// A version with these settings, which was checked.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] if its module is not kept, so that it can't be written.
    pub fn new(settings: &Settings, checked: &Checked, note: &str, by: &str, at: String) -> Result<Offer, FilterError> {
        let module = checked.module.as_ref();
        let module = module.ok_or_else(|| FilterError::Refused("its module can't be read any more".to_owned()))?;
        let blob = Blob { sha256: checked.sha256.clone(), bytes: module.len() as u64 };
        let config = Config::of(&settings.config);
        let mut content = vec![(blob.clone(), Bytes::from_owner(Module(module.clone())))];
        if let Some(kept) = config.blob() {
            content.push((kept.clone(), Bytes::from(settings.config.clone().into_bytes())));
        }
        let by = if by.is_empty() { ANYONE } else { by }.to_owned();
        let mut version = Version {
            number: 0,
            module: blob,
            config,
            topics: settings.topics.clone(),
            note: note.to_owned(),
            by,
            at,
            description: checked.description.clone(),
            fields: Vec::new(),
            parameters: checked.parameters.clone(),
            // The fields are the version's own.
            cost: checked.cost.clone().map(|cost| Box::new(CostReport { fields: Vec::new(), ..cost })),
        };
        version.set_fields(&checked.fields);
        let Settings { quota, cpu_share, limits, from, .. } = settings.clone();
        Ok(Offer { version, apart: Apart { quota, cpu_share, limits, from }, content })
    }

    /// Adds it to a record. Returns its number.
    fn add_to(&self, record: &mut FilterRecord) -> u32 {
        let number = record.next;
        record.versions.push(Version { number, ..self.version.clone() });
        record.next += 1;
        number
    }

    /// A new filter of this host, in which it is not active.
    fn create(&self, name: &str, host: &str, created: &str) -> FilterRecord {
        let Apart { quota, cpu_share, limits, from } = self.apart.clone();
        let mut record = FilterRecord {
            format: FORMAT,
            name: name.to_owned(),
            owner: self.version.by.clone(),
            host: host.to_owned(),
            created: created.to_owned(),
            revision: 1,
            change: String::new(),
            quota,
            cpu_share,
            limits,
            from,
            paused: false,
            active: None,
            shadow: None,
            next: 1,
            versions: Vec::new(),
        };
        self.add_to(&mut record);
        record
    }
}

/// Refuses a change that is meant for another revision.
///
/// # Errors
/// Returns [`FilterError::Changed`], [`FilterError::Unknown`] or [`FilterError::Taken`].
pub fn check_expected(name: &str, record: Option<&FilterRecord>, expected: &Expected) -> Result<(), FilterError> {
    let changed = |expected: &str, found: String| {
        Err(FilterError::Changed { name: name.to_owned(), expected: expected.to_owned(), found })
    };
    match (expected, record) {
        (Expected::OwnedBy(user, _), Some(record)) if record.owner != *user => Err(FilterError::Taken(name.to_owned())),
        (Expected::OwnedBy(_, expected), record) => check_expected(name, record, expected),
        (Expected::Anything, _) | (Expected::Absent, None) | (Expected::Present, Some(_)) => Ok(()),
        (Expected::Absent, Some(record)) => changed("0 (none)", record.revision.to_string()),
        (Expected::Present, None) => Err(FilterError::Unknown(name.to_owned())),
        (Expected::Revision(tag), None) => changed(tag, "0 (none)".to_owned()),
        (Expected::Revision(tag), Some(record)) => match *tag == record.tag() || *tag == record.revision.to_string() {
            true => Ok(()),
            false => changed(tag, record.revision.to_string()),
        },
    }
}

/// Creates a filter, or adds a version to it and activates that. What is the same as the active version is not added.
pub fn put(name: &str, record: Option<&FilterRecord>, offer: &Offer, host: &str, created: &str) -> Decision {
    let Some(before) = record else {
        let mut new = offer.create(name, host, created);
        new.active = Some(1);
        return Decision::Write(Box::new(new), offer.content.clone());
    };
    let mut new = before.clone();
    if !before.active_version().is_some_and(|active| active.is_like(&offer.version)) {
        new.active = Some(offer.add_to(&mut new));
        new.shadow = None;
    }
    let Apart { quota, cpu_share, limits, from } = offer.apart.clone();
    (new.quota, new.cpu_share, new.limits, new.from) = (quota, cpu_share, limits, from);
    revise(before, new, offer.content.clone())
}

/// Adds a version that is not active.
pub fn add(name: &str, record: Option<&FilterRecord>, offer: &Offer, host: &str, created: &str) -> Decision {
    let Some(before) = record else {
        return Decision::Write(Box::new(offer.create(name, host, created)), offer.content.clone());
    };
    let mut new = before.clone();
    offer.add_to(&mut new);
    revise(before, new, offer.content.clone())
}

/// A change of a filter that is there.
#[derive(Clone, Debug)]
pub enum Edit {
    Activate(u32),
    /// The shadow becomes the active version.
    ActivateShadow,
    /// A version becomes the shadow.
    Shadow(u32),
    EndShadow,
    Set(SettingsPatch),
}

/// Makes such a change.
///
/// # Errors
/// Returns [`FilterError::Unknown`], [`FilterError::NoVersion`], [`FilterError::NoShadow`] or [`FilterError::Conflict`].
pub fn edit(name: &str, record: Option<&FilterRecord>, edit: &Edit) -> Result<Decision, FilterError> {
    let before = record.ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
    let mut new = before.clone();
    match edit {
        Edit::Activate(number) | Edit::Shadow(number) if before.version(*number).is_none() => {
            return Err(FilterError::NoVersion(name.to_owned(), *number));
        }
        Edit::Activate(number) => new.activate(*number),
        Edit::ActivateShadow => {
            new.activate(before.shadow.ok_or_else(|| FilterError::NoShadow(name.to_owned()))?);
        }
        Edit::Shadow(number) => {
            check_shadow(name, before, *number)?;
            new.shadow = Some(*number);
        }
        Edit::EndShadow => {
            new.shadow.take().ok_or_else(|| FilterError::NoShadow(name.to_owned()))?;
        }
        Edit::Set(SettingsPatch { quota, cpu_share, limits, paused, owner, host }) => {
            if let Some(owner) = owner {
                check_owner(owner)?;
                new.owner.clone_from(owner);
            }
            if let Some(host) = host.as_ref().filter(|host| **host != before.host) {
                new.host.clone_from(host);
                // There, it begins with the alerts that come.
                new.from = None;
            }
            new.quota = quota.unwrap_or(new.quota);
            new.cpu_share = cpu_share.unwrap_or(new.cpu_share);
            new.limits = limits.unwrap_or(new.limits);
            new.paused = paused.unwrap_or(new.paused);
        }
    }
    if new.paused {
        // It has begun there. When it is resumed, it does not do so once more.
        new.from = None;
    }
    Ok(revise(before, new, Vec::new()))
}

/// Refuses a shadow with which there is nothing to compare.
fn check_shadow(name: &str, record: &FilterRecord, number: u32) -> Result<(), FilterError> {
    let conflict = |reason: &str| Err(FilterError::Conflict(format!("filter {name:?} {reason}")));
    match record.active {
        None => conflict("has no active version with which a shadow could be compared: activate one first"),
        Some(active) if active == number => {
            conflict(&format!("has version {number} as the active one: its shadow has to be another one"))
        }
        Some(_) if record.paused => conflict("is paused, so that there is nothing to compare: resume it first"),
        Some(_) => Ok(()),
    }
}

/// Lets a filter belong to `host`, which has taken it from the host `from`.
///
/// # Errors
/// Returns [`FilterError::Conflict`] if it belongs to another one.
pub fn take_over(
    name: &str,
    record: Option<&FilterRecord>,
    offer: &Offer,
    (from, host): (&str, &str),
    created: &str,
) -> Result<Decision, FilterError> {
    match record {
        None => Ok(put(name, None, offer, host, created)),
        Some(before) if before.host == host => Ok(Decision::Nothing),
        Some(before) if before.host == from => {
            let new = FilterRecord { host: host.to_owned(), ..before.clone() };
            Ok(revise(before, new, Vec::new()))
        }
        Some(before) => Err(FilterError::Conflict(format!(
            "filter {name:?} is not that of host {from:?}: in the registry it belongs to host {:?}",
            before.host
        ))),
    }
}

/// Takes a change back that could not take effect.
pub fn take_back(record: Option<&FilterRecord>, now: &FilterRecord, before: Option<&FilterRecord>) -> Decision {
    let Some(newest) = record.filter(|newest| newest.tag() == now.tag()) else { return Decision::Nothing };
    let Some(before) = before else { return Decision::Remove };
    let mut new = newest.clone();
    new.versions.retain(|version| before.version(version.number).is_some());
    (new.active, new.shadow, new.paused) = (before.active, before.shadow, before.paused);
    (new.quota, new.cpu_share, new.limits) = (before.quota, before.cpu_share, before.limits);
    new.from.clone_from(&before.from);
    revise(newest, new, Vec::new())
}

/// The record with the next revision, unless nothing has changed.
fn revise(before: &FilterRecord, mut new: FilterRecord, content: Vec<(Blob, Bytes)>) -> Decision {
    if new == *before {
        return Decision::Nothing;
    }
    new.revision = before.revision + 1;
    Decision::Write(Box::new(new), content)
}

/// A module that others hold, too.
struct Module(Arc<Vec<u8>>);

impl AsRef<[u8]> for Module {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
