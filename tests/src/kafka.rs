//! Apache Kafka for tests, from `scripts/kafka`.

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use skysieve::kafka::{Feeder, Options, Received, Subscriber, TopicSettings, Topics};

use crate::{root, text};

/// The variable that says where the brokers are that tests share. `make test` starts one and sets it.
pub const VARIABLE: &str = "SKYSIEVE_TEST_KAFKA";

/// The shared brokers' addresses. Where the variable is not set, says that the test is skipped.
pub fn kafka() -> Option<String> {
    let brokers = std::env::var(VARIABLE).ok();
    if brokers.is_none() {
        eprintln!("skipped: needs Apache Kafka; `make test` starts one, or set {VARIABLE} to its address");
    }
    brokers
}

/// A name that no other test and no earlier run has.
pub fn unique(name: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    format!("{name}-{:x}", since.as_millis())
}

/// Creates a topic of that many partitions.
pub fn create_topic(brokers: &str, topic: &str, partitions: i32) {
    let settings = TopicSettings { partitions, ..TopicSettings::default() };
    Topics::new(&Options::new(brokers), settings).unwrap().outputs(&[topic]).unwrap();
}

/// What fills an empty topic of that many partitions.
pub fn feeder(brokers: &str, topic: &str, partitions: i32) -> Feeder {
    Feeder::new(&Options::new(brokers), topic, partitions, Arc::new(|_| i64::MAX)).unwrap()
}

/// Sends packets to the partitions in turn.
pub fn feed(feeder: &mut Feeder, partitions: i32, packets: impl IntoIterator<Item = Bytes>) {
    for (at, packet) in packets.into_iter().enumerate() {
        feeder.send(at as i32 % partitions, Vec::new(), packet).unwrap();
    }
    feeder.finish().unwrap();
}

/// Everything committed in the topics: reads on until nothing has come for a while.
pub fn read_all(brokers: &str, topics: &[String]) -> Vec<Received> {
    let mut subscriber = Subscriber::new(&Options::new(brokers), topics).unwrap();
    let mut messages = Vec::new();
    // The first takes the time of a connection.
    while let Some(message) = subscriber.next(Duration::from_secs(if messages.is_empty() { 10 } else { 3 })).unwrap() {
        messages.push(message);
    }
    messages
}

/// Waits until `done`, at most two minutes.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "waited two minutes: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A cluster that one test has for itself, to kill brokers of. Stopped and removed when it goes out of scope.
pub struct Cluster {
    name: String,
    /// The brokers' addresses.
    pub brokers: String,
}

impl Cluster {
    /// Starts a cluster of that many brokers. `None` where tests have no Kafka; see [`kafka`].
    pub fn start(name: &str, brokers: u32) -> Option<Cluster> {
        kafka()?;
        let name = unique(name);
        let output = script(&["start", "--cluster", &name, "--brokers", &brokers.to_string()]);
        Some(Cluster { brokers: text(&output.stdout).trim().to_owned(), name })
    }

    /// Kills a broker with SIGKILL; brokers count from 1.
    pub fn kill(&self, broker: u32) {
        script(&["kill", "--cluster", &self.name, "--broker", &broker.to_string()]);
    }

    /// Starts the brokers that were killed.
    pub fn revive(&self) {
        script(&["start", "--cluster", &self.name]);
    }

    /// Mirrors topics to another cluster, until that goes out of scope. Returns the mirror's name.
    pub fn mirror(&self, to: &Cluster, topics: &str) -> Mirror {
        script(&["mirror", &self.name, &to.name, topics]);
        Mirror { from: self.name.clone(), to: to.name.clone(), topics: topics.to_owned() }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = run(&["remove", "--cluster", &self.name]);
    }
}

/// MirrorMaker 2 between two clusters. Stopped when it goes out of scope.
pub struct Mirror {
    from: String,
    to: String,
    topics: String,
}

impl Mirror {
    /// Kills it with SIGKILL.
    pub fn kill(&self) {
        script(&["kill", "--cluster", &format!("{}-{}", self.from, self.to)]);
    }

    /// Starts it again.
    pub fn revive(&self) {
        script(&["mirror", &self.from, &self.to, &self.topics]);
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = run(&["stop", "--cluster", &format!("{}-{}", self.from, self.to)]);
    }
}

fn run(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(root().join("scripts/kafka")).args(arguments).output()
}

fn script(arguments: &[&str]) -> Output {
    let output = run(arguments).unwrap();
    assert!(output.status.success(), "scripts/kafka {arguments:?}: {}", text(&output.stderr));
    output
}
