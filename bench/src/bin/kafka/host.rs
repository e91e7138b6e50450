//! Runs `skysieve host` as a process, and watches it from outside.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;
use serde::Deserialize;

use super::bench::{Bench, await_some, now};
use super::process;

/// How often the host is asked for its progress.
const POLL: Duration = Duration::from_millis(10);

/// The progress of a host, as reported by `/health/ready`.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When this was known, in seconds since 1970.
    pub at: f64,
    /// Whether it reads the stream.
    pub ready: bool,
    /// Messages fetched and decoded.
    pub messages: u64,
    /// Messages whose outcome has been committed for every filter.
    pub done: u64,
    /// Seconds of CPU used.
    pub cpu: f64,
}

#[derive(Deserialize)]
struct Health {
    ready: bool,
    messages: u64,
    done: u64,
    undecodable: u64,
}

/// The counts of a filter.
#[derive(Deserialize)]
pub struct FilterStatus {
    pub name: String,
    state: String,
    pub lane: String,
    counts: Counts,
}

#[derive(Deserialize)]
struct Counts {
    seen: u64,
    accepted: u64,
    over_quota: u64,
    faulted: u64,
}

impl FilterStatus {
    /// The share of alerts that it accepts, including those beyond the quota.
    pub fn accepts(&self) -> f64 {
        (self.counts.accepted + self.counts.over_quota) as f64 / self.counts.seen.max(1) as f64
    }
}

/// A sample for every change, newest last.
type Samples = Mutex<Vec<Sample>>;

/// The process of a host with all filters. When it goes out of scope, it is killed, and its own topics are deleted.
pub struct Host<'a> {
    bench: &'a Bench,
    name: String,
    process: Child,
    url: String,
    samples: Arc<Samples>,
}

impl Host<'_> {
    /// Starts a host with a name of its own, and waits until its API answers.
    ///
    /// # Errors
    /// Returns an error if the host ends.
    pub fn start<'a>(bench: &'a Bench, topic: &str) -> anyhow::Result<Host<'a>> {
        Host::start_with(bench, topic, &[])
    }

    /// The same with further arguments.
    ///
    /// # Errors
    /// Returns an error if the host ends.
    pub fn start_with<'a>(bench: &'a Bench, topic: &str, arguments: &[&str]) -> anyhow::Result<Host<'a>> {
        let name = bench.name("host");
        let mut command = bench.skysieve("host")?;
        command.args(["--topic", topic, "--name", &name, "--output-prefix", &bench.output("")]);
        command.args(["--listen", "127.0.0.1:0", "--open", "--filters"]).arg(bench.folder.path()).args(arguments);
        let mut process = command.env("RUST_LOG", "info").stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let log = process.stderr.take().map(follow);
        let mut host = Host { bench, name, process, url: String::new(), samples: Arc::default() };
        let address = log.and_then(|address| address.recv().ok()).context("the host ended at once; see above")?;
        host.url = format!("http://{address}");
        let (url, pid, samples) = (host.url.clone(), host.process.id(), Arc::downgrade(&host.samples));
        std::thread::spawn(move || watch(&url, pid, &samples));
        Ok(host)
    }

    /// All samples so far.
    pub fn samples(&self) -> Vec<Sample> {
        self.samples.lock().clone()
    }

    /// Waits for the first sample for which `is` holds.
    ///
    /// # Errors
    /// Returns an error if the host ends before that.
    pub fn first(&mut self, what: &str, is: impl Fn(&Sample) -> bool) -> anyhow::Result<Sample> {
        await_some(what, || {
            if let Some(status) = self.process.try_wait()? {
                // Its last lines may still have to be printed.
                std::thread::sleep(POLL * 20);
                anyhow::bail!("the host ended ({status}); waited for: {what}");
            }
            Ok(self.samples().into_iter().find(|sample| is(sample)))
        })
    }

    /// Waits until this many messages have been processed.
    ///
    /// # Errors
    /// Returns an error if the host ends before that.
    pub fn await_done(&mut self, messages: u64) -> anyhow::Result<Sample> {
        self.first(&format!("{messages} messages done"), |sample| sample.done >= messages)
    }

    /// The largest memory use so far, in MiB.
    ///
    /// # Errors
    /// Returns an error if the host has ended.
    pub fn memory_peak(&self) -> anyhow::Result<f64> {
        process::memory_peak(self.process.id())
    }

    /// The seconds of CPU that it has used.
    ///
    /// # Errors
    /// Returns an error if the host has ended.
    pub fn cpu(&self) -> anyhow::Result<f64> {
        process::cpu(self.process.id())
    }

    /// Waits until every filter has judged this many alerts, in whichever lane. Returns the names of those that were in
    /// the slow lane when the live lane was done, or later.
    ///
    /// # Errors
    /// Returns an error if a filter fails, or if that takes very long.
    pub fn await_filters(&mut self, alerts: u64) -> anyhow::Result<BTreeSet<String>> {
        self.await_done(alerts)?;
        let mut slow = BTreeSet::new();
        let url = format!("{}/api/v1/filters", self.url);
        await_some(&format!("all filters to judge {alerts} alerts"), || {
            let filters: Vec<FilterStatus> = get(&agent(), &url)?;
            let (of, has) = (self.bench.filters.len(), filters.len());
            anyhow::ensure!(has == of, "the host took {has} of {of} filters");
            for FilterStatus { name, state, counts, .. } in &filters {
                anyhow::ensure!(state == "active" && counts.faulted == 0, "{name}: {state}, {} faults", counts.faulted);
            }
            let is_done = filters.iter().all(|filter| filter.counts.seen == alerts);
            slow.extend(filters.into_iter().filter(|filter| filter.lane == "slow").map(|filter| filter.name));
            Ok(is_done.then_some(()))
        })?;
        Ok(slow)
    }

    /// Returns all filters. Each of them must have judged `alerts` alerts, and failed on none.
    ///
    /// # Errors
    /// Returns an error if a filter has not.
    pub fn filters(&self, alerts: u64) -> anyhow::Result<Vec<FilterStatus>> {
        let health: Health = get(&agent(), &format!("{}/health/ready", self.url))?;
        anyhow::ensure!(health.undecodable == 0, "{} undecodable messages", health.undecodable);
        let filters: Vec<FilterStatus> = get(&agent(), &format!("{}/api/v1/filters", self.url))?;
        let of = self.bench.filters.len();
        anyhow::ensure!(filters.len() == of, "the host took {} of {of} filters", filters.len());
        for FilterStatus { name, state, counts, .. } in &filters {
            let (seen, faulted) = (counts.seen, counts.faulted);
            anyhow::ensure!(
                state == "active" && seen == alerts && faulted == 0,
                "{name}: {state}, {seen} seen of {alerts}, {faulted} faults"
            );
        }
        Ok(filters)
    }

    /// Stops the host regularly.
    ///
    /// # Errors
    /// Returns an error if it did not end regularly.
    pub fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        let status = self.process.wait()?;
        anyhow::ensure!(status.success(), "the host ended: {status}");
        Ok(())
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        // Killing fails if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.bench.delete(&["quotas", "dead-letters"].map(|own| format!("{}-{own}", self.name)));
    }
}

/// Passes on warnings from the host's log. The receiver gets the address once.
fn follow(log: ChildStderr) -> Receiver<String> {
    let (sender, address) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("listening=") {
                let _ = sender.send(address.split_whitespace().next().unwrap_or_default().to_owned());
            } else if !line.contains(" INFO ") && !line.starts_with("stopping") {
                eprintln!("{line}");
            }
        }
    });
    address
}

/// Records a sample of every change for as long as somebody wants them and the host lives.
fn watch(url: &str, pid: u32, samples: &Weak<Samples>) {
    let (agent, url) = (agent(), format!("{url}/health/ready"));
    while let Some(samples) = samples.upgrade() {
        if let (Ok(health), Ok(cpu)) = (get::<Health>(&agent, &url), process::cpu(pid)) {
            let Health { ready, messages, done, .. } = health;
            let mut samples = samples.lock();
            if samples.last().is_none_or(|last| (last.ready, last.messages, last.done) != (ready, messages, done)) {
                samples.push(Sample { at: now(), ready, messages, done, cpu });
            }
        }
        drop(samples);
        std::thread::sleep(POLL);
    }
}

/// A client that also accepts the answer of `/health/ready` if the host is not ready.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn get<T: serde::de::DeserializeOwned>(agent: &ureq::Agent, url: &str) -> anyhow::Result<T> {
    let text = agent.get(url).call()?.body_mut().read_to_string()?;
    serde_json::from_str(&text).with_context(|| format!("{url}: {text}"))
}
