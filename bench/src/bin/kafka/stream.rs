//! Topics of simulated alerts, which `skysieve produce` fills.

use std::process::{Command, Stdio};

use serde::Deserialize;
use skysieve::kafka::{Options, TopicSettings, Topics};

use super::bench::Bench;

/// A topic, which is deleted when it goes out of scope.
pub struct Stream<'a> {
    bench: &'a Bench,
    pub topic: String,
}

/// A visit, as reported by `skysieve produce --json`. Times are in seconds since 1970.
#[derive(Clone, Debug, Deserialize)]
pub struct Visit {
    pub visit: String,
    pub delivered: u64,
    pub bytes: u64,
    pub first_read: f64,
    pub last_acknowledged: f64,
}

impl Stream<'_> {
    /// Creates an empty topic.
    ///
    /// # Errors
    /// Returns an error if it can't be created.
    pub fn new(bench: &Bench) -> anyhow::Result<Stream<'_>> {
        Stream::with_partitions(bench, bench.partitions)
    }

    /// The same with another number of partitions.
    ///
    /// # Errors
    /// Returns an error if it can't be created.
    pub fn with_partitions(bench: &Bench, partitions: i32) -> anyhow::Result<Stream<'_>> {
        let topic = bench.name("alerts");
        let settings = TopicSettings { partitions, ..TopicSettings::default() };
        Topics::new(&Options::new(&*bench.brokers), settings)?.outputs(&[&topic])?;
        Ok(Stream { bench, topic })
    }

    /// A `skysieve produce` of simulated LSST alerts, with these additional flags.
    fn command(&self, flags: &str) -> anyhow::Result<Command> {
        let mut command = self.bench.skysieve("produce")?;
        command.args(["--topic", &self.topic, "--simulate", "lsst", "--json"]).args(flags.split_whitespace());
        command.env("RUST_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(command)
    }

    /// Publishes visits, and waits until everything is acknowledged.
    ///
    /// # Errors
    /// Returns an error if anything was not delivered.
    pub fn publish(&self, flags: &str) -> anyhow::Result<Vec<Visit>> {
        self.publish_together(&[flags])
    }

    /// The same with several processes at a time. Returns their visits one after the other.
    ///
    /// # Errors
    /// Returns an error if anything was not delivered.
    pub fn publish_together(&self, flags: &[&str]) -> anyhow::Result<Vec<Visit>> {
        let mut started = Vec::new();
        for flags in flags {
            started.push(self.command(flags)?.spawn()?);
        }
        let mut visits = Vec::new();
        for process in started {
            let output = process.wait_with_output()?;
            anyhow::ensure!(output.status.success(), "produce: {}", output.status);
            let lines = str::from_utf8(&output.stdout)?.lines();
            // The last line has the totals.
            for line in lines.filter(|line| !line.starts_with("{\"total\"")) {
                visits.push(serde_json::from_str(line)?);
            }
        }
        Ok(visits)
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.bench.delete(std::slice::from_ref(&self.topic));
    }
}

/// The mean size of an alert in KB.
pub fn mean_size(visits: &[Visit]) -> f64 {
    let (bytes, alerts) = visits.iter().fold((0, 0), |sum, visit| (sum.0 + visit.bytes, sum.1 + visit.delivered));
    bytes as f64 / 1e3 / alerts as f64
}
