//! A host for one test alone: its name, its filters, its topics, and the messages on these.

use bytes::Bytes;
use skysieve::kafka::Received;
use skysieve_simulate::SimulatedAlert;
use tempfile::TempDir;

use crate::host::{Host, write_filter};
use crate::kafka::unique;
use crate::text;

/// The name, module and settings of a filter.
pub type Filter<'a> = (&'a str, &'a str, &'a str);

/// A filter that accepts every alert.
pub const ALL: Filter = ("all", "odd", "quota = 1000000\n[config]\nmode = 'accept'");

/// The name of a host, with which the names of its topics begin, and its filters.
pub struct Setup {
    /// The host's `--name`, which no other test uses.
    pub name: String,
    folder: TempDir,
}

impl Setup {
    /// Prepares a host with those filters.
    pub fn new(name: &str, filters: &[Filter]) -> Setup {
        let setup = Setup { name: unique(name), folder: tempfile::tempdir().unwrap() };
        filters.iter().for_each(|filter| setup.add(*filter));
        setup
    }

    /// Adds a filter.
    pub fn add(&self, (name, module, settings): Filter) {
        write_filter(self.folder.path(), name, module, settings);
    }

    /// Starts the host on a topic, with further arguments.
    pub fn start(&self, brokers: &str, topic: &str, more: &[&str]) -> Host {
        let (prefix, folder) = (self.prefix(), self.folder.path().to_str().unwrap());
        let arguments = ["--name", &self.name, "--filters", folder, "--output-prefix", &prefix];
        Host::start(brokers, topic, &[&arguments, more].concat())
    }

    /// The prefix of the names of its topics.
    pub fn prefix(&self) -> String {
        format!("{}-", self.name)
    }

    /// The name of a filter's topic.
    pub fn topic(&self, filter: &str) -> String {
        format!("{}{filter}", self.prefix())
    }
}

/// The packets of alerts, as they are published.
pub fn packets(alerts: &[SimulatedAlert]) -> impl Iterator<Item = Bytes> {
    alerts.iter().map(|alert| alert.bytes.clone().into())
}

/// The ids of the messages of a topic, in ascending order.
pub fn ids(messages: &[Received], topic: &str) -> Vec<i64> {
    let of = messages.iter().filter(|message| *message.topic == *topic);
    let mut ids: Vec<i64> = of.map(|message| text(&message.key).parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}
