//! Filters and versions, described for others.

use super::record::{Config, FilterRecord, Version};
use crate::filters::{Registered, Settings, State, Status, VersionInfo};

impl FilterRecord {
    /// What a filter's status says of it.
    pub(super) fn registered(&self) -> Registered {
        Registered {
            owner: self.owner.clone(),
            host: self.host.clone(),
            live: None,
            revision: self.revision,
            tag: self.tag(),
            version: self.active,
            versions: self.versions.len(),
            note: self.active_version().map(|version| version.note.clone()).unwrap_or_default(),
            paused: self.paused,
            shadow: self.shadow,
        }
    }

    /// The status of a filter that does not run here.
    pub(super) fn status(&self, state: State) -> Status {
        let mut status = Status::new(&self.name, state);
        let Settings { quota, cpu_share, limits, from, .. } = &mut status.settings;
        (*quota, *cpu_share, *limits, *from) = (self.quota, self.cpu_share, self.limits, self.from.clone());
        if let Some(Version { module, config, topics, description, parameters, .. }) = self.active_version() {
            status.sha256.clone_from(&module.sha256);
            status.description.clone_from(description);
            status.parameters.clone_from(parameters);
            status.settings.topics.clone_from(topics);
            if let Config::Text(text) = config {
                status.settings.config.clone_from(text);
            }
        }
        status
    }

    /// Describes its versions.
    pub(super) fn infos(&self) -> Vec<VersionInfo> {
        self.versions.iter().map(|version| version.info(self.active)).collect()
    }
}

impl Version {
    /// Describes it, without its config.
    pub(super) fn info(&self, active: Option<u32>) -> VersionInfo {
        VersionInfo {
            number: self.number,
            active: active == Some(self.number),
            sha256: self.module.sha256.clone(),
            bytes: self.module.bytes,
            config: None,
            config_bytes: self.config.bytes(),
            topics: self.topics.clone(),
            note: self.note.clone(),
            by: self.by.clone(),
            at: self.at.clone(),
            description: self.description.clone(),
            fields: self.fields.clone(),
            parameters: self.parameters.clone(),
            cost: self.cost.as_deref().cloned(),
        }
    }
}
