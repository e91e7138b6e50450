//! The newest announcement of each host, and which of them live.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::announcement::Announcement;

/// How often a host announces itself.
pub const EVERY: Duration = Duration::from_secs(2);

/// How long a host may say nothing before it counts as dead. A pause of the brokers, or of a busy machine, is no death.
pub const SILENCE: Duration = Duration::from_secs(7);

/// How many hosts are remembered. Whoever fills the topic with names does not fill this.
const HOSTS: usize = 1000;

/// The newest announcement of each host.
///
/// Times are those that the brokers put on announcements, also on this host's own ones, so that the hosts' clocks do not
/// matter. While the brokers take none, nobody dies.
pub struct Directory {
    known: Mutex<Known>,
}

struct Known {
    own: Announcement,
    /// The others' and this host's own announcements, with their times in milliseconds.
    heard: BTreeMap<String, (Announcement, i64)>,
    /// The time of the newest one.
    newest: i64,
    /// Filters that are on their way to hosts, and not in the registry yet.
    placing: BTreeMap<String, usize>,
}

/// A host that has the same registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostEntry {
    /// Its name.
    pub name: String,
    /// The address of its API. Without one, requests can't be forwarded to it.
    pub url: Option<String>,
    /// Whether it has announced itself lately.
    pub live: bool,
    /// Whether it is the one that answers.
    pub this: bool,
    /// How many filters belong to it: in the registry, and in its folder.
    pub filters: usize,
    /// The topics of alerts that it reads.
    pub topics: Vec<String>,
    /// What it puts before a filter's name to make the name of its topic.
    pub output_prefix: String,
    /// The id of its Kafka cluster, once it is known.
    pub cluster: Option<String>,
    /// The version of its program.
    pub version: String,
    /// For how many seconds it has said nothing. `None`: it has never said anything.
    pub silent: Option<f64>,
}

impl Directory {
    /// Knows this host only.
    pub fn new(own: Announcement) -> Directory {
        let known = Known { own, heard: BTreeMap::new(), newest: 0, placing: BTreeMap::new() };
        Directory { known: Mutex::new(known) }
    }

    /// What this host says of itself.
    pub fn own(&self) -> Announcement {
        self.known.lock().own.clone()
    }

    /// Changes what this host says of itself.
    pub fn change_own(&self, change: impl FnOnce(&mut Announcement)) {
        change(&mut self.known.lock().own);
    }

    /// Takes note of an announcement that came at `time`, in milliseconds by the brokers' clock. Without a value, the host
    /// has stopped. What can't be read is left out.
    pub fn hear(&self, key: &[u8], value: Option<&[u8]>, time: i64) {
        let mut known = self.known.lock();
        known.newest = known.newest.max(time);
        let Some(value) = value else {
            if let Ok(name) = std::str::from_utf8(key) {
                known.heard.remove(name);
            }
            return;
        };
        let Some(announcement) = Announcement::parse(key, value) else { return };
        if known.heard.len() < HOSTS || known.heard.contains_key(&announcement.name) {
            known.heard.insert(announcement.name.clone(), (announcement, time));
        }
    }

    /// Whether a host lives.
    pub fn is_live(&self, name: &str) -> bool {
        self.known.lock().is_live(name)
    }

    /// How many hosts live, with this one.
    pub fn count_live(&self) -> u64 {
        let known = self.known.lock();
        let others = known.heard.keys().filter(|name| **name != known.own.name && known.is_live(name));
        1 + others.count() as u64
    }

    /// The address of a host that lives and can be reached.
    pub fn address(&self, name: &str) -> Option<String> {
        let known = self.known.lock();
        known.heard.get(name).filter(|_| known.is_live(name)).and_then(|(announcement, _)| announcement.url.clone())
    }

    /// All hosts that have announced themselves, or that have filters in the registry: `filters` says how many each.
    pub fn list(&self, filters: &BTreeMap<String, usize>) -> Vec<HostEntry> {
        let known = self.known.lock();
        let own = known.own.name.clone();
        let names: BTreeSet<&String> = known.heard.keys().chain(filters.keys()).chain([&own]).collect();
        names.into_iter().map(|name| known.entry(name, filters.get(name).copied().unwrap_or(0))).collect()
    }

    /// Chooses the host for a new filter: the live one with the fewest of those that are like this one and can be reached.
    /// `filters` says how many each host has in the registry, and `without` which hosts are out of the question.
    pub fn place(self: &Arc<Self>, filters: &BTreeMap<String, usize>, without: &BTreeSet<String>) -> Placing {
        let mut known = self.known.lock();
        let others = known.heard.values().map(|(announcement, _)| announcement).filter(|other| {
            other.name != known.own.name
                && other.url.is_some()
                && known.is_live(&other.name)
                && other.is_like(&known.own)
                && !without.contains(&other.name)
        });
        let count = |one: &Announcement| {
            let of = |counts: &BTreeMap<String, usize>| counts.get(&one.name).copied().unwrap_or(0);
            of(filters) + of(&known.placing) + one.folder
        };
        let fewest = others.chain([&known.own]).min_by_key(|one| (count(one), &one.name));
        let host = fewest.unwrap_or(&known.own).name.clone();
        *known.placing.entry(host.clone()).or_default() += 1;
        Placing { directory: Arc::clone(self), host }
    }
}

impl Known {
    fn is_live(&self, name: &str) -> bool {
        if name == self.own.name {
            return true;
        }
        // Before this host has heard itself, it does not know how late it is.
        let is_late_known = self.heard.contains_key(&self.own.name);
        let silence = i64::try_from(SILENCE.as_millis()).unwrap_or(i64::MAX);
        is_late_known && self.heard.get(name).is_some_and(|(_, time)| self.newest.saturating_sub(*time) <= silence)
    }

    fn entry(&self, name: &str, filters: usize) -> HostEntry {
        let this = name == self.own.name;
        let heard = self.heard.get(name);
        let time = heard.map(|(_, time)| *time);
        let announcement = if this { Some(&self.own) } else { heard.map(|(announcement, _)| announcement) };
        let Announcement { url, topics, output_prefix, cluster, folder, version, .. } =
            announcement.cloned().unwrap_or_default();
        HostEntry {
            name: name.to_owned(),
            url,
            live: self.is_live(name),
            this,
            filters: filters + folder,
            topics,
            output_prefix,
            cluster,
            version,
            silent: time.map(|time| self.newest.saturating_sub(time).max(0) as f64 / 1e3),
        }
    }
}

/// A new filter that is on its way to a host. Until this ends, it counts as one of that host's.
pub struct Placing {
    directory: Arc<Directory>,
    /// The host's name.
    pub host: String,
}

impl Drop for Placing {
    fn drop(&mut self) {
        let mut known = self.directory.known.lock();
        if let Some(count) = known.placing.get_mut(&self.host) {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(name: &str, topic: &str) -> Announcement {
        let url = Some(format!("http://{name}:8080"));
        Announcement { name: name.to_owned(), url, topics: vec![topic.to_owned()], ..Announcement::default() }
    }

    fn hear(directory: &Directory, announcement: &Announcement, time: i64) {
        directory.hear(announcement.name.as_bytes(), Some(&serde_json::to_vec(announcement).unwrap()), time);
    }

    fn directory() -> Arc<Directory> {
        let directory = Arc::new(Directory::new(announcement("b", "lsst")));
        for name in ["a", "b", "c"] {
            hear(&directory, &announcement(name, "lsst"), 100_000);
        }
        directory
    }

    fn live(directory: &Directory) -> String {
        directory.list(&BTreeMap::new()).into_iter().filter(|host| host.live).map(|host| host.name).collect()
    }

    #[test]
    fn a_host_that_says_nothing_is_dead_by_the_brokers_clock() {
        let directory = Arc::new(Directory::new(announcement("b", "lsst")));
        hear(&directory, &announcement("a", "lsst"), 1_000);
        // It may be one of long ago.
        assert_eq!(live(&directory), "b");
        hear(&directory, &announcement("b", "lsst"), 2_000);
        assert_eq!(live(&directory), "ab");
        let late = 1_000 + SILENCE.as_millis() as i64;
        hear(&directory, &announcement("b", "lsst"), late);
        assert_eq!(live(&directory), "ab");
        hear(&directory, &announcement("b", "lsst"), late + 1);
        assert_eq!((live(&directory), directory.address("a")), ("b".to_owned(), None));
        hear(&directory, &announcement("a", "lsst"), late + 2);
        assert_eq!(directory.address("a").unwrap(), "http://a:8080");
        directory.hear(b"a", None, late + 3);
        assert_eq!(live(&directory), "b");
    }

    #[test]
    fn a_new_filter_goes_to_the_host_with_the_fewest() {
        let directory = directory();
        let filters = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1), ("c".to_owned(), 1)]);
        let none = BTreeSet::new();
        let on_their_way: Vec<Placing> = (0..5).map(|_| directory.place(&filters, &none)).collect();
        let hosts: String = on_their_way.iter().map(|placing| &*placing.host).collect();
        assert_eq!(hosts, "bcabc");
        drop(on_their_way);
        assert_eq!(directory.place(&filters, &BTreeSet::from(["b".to_owned()])).host, "b");
        assert_eq!(directory.place(&BTreeMap::new(), &BTreeSet::from(["a".to_owned()])).host, "b");
    }

    #[test]
    fn hosts_that_differ_or_can_not_be_reached_get_no_filters() {
        let directory = directory();
        hear(&directory, &announcement("a", "ztf"), 100_000);
        hear(&directory, &Announcement { url: None, ..announcement("c", "lsst") }, 100_000);
        let filters = BTreeMap::from([("b".to_owned(), 100)]);
        assert_eq!(directory.place(&filters, &BTreeSet::new()).host, "b");
    }

    #[test]
    fn hosts_with_filters_are_listed_even_if_nothing_was_heard_of_them() {
        let directory = directory();
        let filters = BTreeMap::from([("gone".to_owned(), 3)]);
        let gone = directory.list(&filters).pop().unwrap();
        assert_eq!((&*gone.name, gone.live, gone.filters, gone.silent), ("gone", false, 3, None));
    }
}
