//! Apache Kafka for tests, started by `scripts/kafka`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use skysieve::kafka::{Feeder, Options, Received, Subscriber, TopicSettings, Topics};
pub use skysieve_needs::kafka;

use crate::{PATIENCE, root, run_script, script, text};

/// A name that no other test and no earlier run uses.
pub fn unique(name: &str) -> String {
    static NAMES: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    // Tests of one process may ask at the same time, and others may have started with it.
    let (process, number) = (std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
    format!("{name}-{:x}-{process:x}-{number}", since.as_millis())
}

/// Creates a topic with that many partitions.
pub fn create_topic(brokers: &str, topic: &str, partitions: i32) {
    let settings = TopicSettings { partitions, ..TopicSettings::default() };
    Topics::new(&Options::new(brokers), settings).unwrap().outputs(&[topic]).unwrap();
}

/// Deletes a topic, and creates another one of its name.
pub fn recreate_topic(brokers: &str, topic: &str, partitions: i32) {
    let settings = TopicSettings { partitions, ..TopicSettings::default() };
    let topics = Topics::new(&Options::new(brokers), settings).unwrap();
    topics.delete(topic).unwrap();
    // A busy broker still shows a topic after it has acknowledged the end of it. Whoever takes that one for the new one may
    // make the broker create one by itself later, with one partition.
    wait_for("the topic to be gone", || topics.is_compacted(topic).is_none());
    wait_for("the topic to be created anew", || {
        topics.outputs(&[topic]).is_ok()
            && (0..partitions).all(|partition| topics.delete_records(topic, partition, 0).is_ok())
    });
}

/// A producer for an empty topic with that many partitions.
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

/// Reads everything that is committed in the topics, to which nothing is written any more.
pub fn read_all(brokers: &str, topics: &[String]) -> Vec<Received> {
    let options = Options::new(brokers);
    let all = Subscriber::new(&options.clone().with("isolation.level", "read_uncommitted"), topics).unwrap();
    let mut subscriber = Subscriber::new(&options, topics).unwrap();
    let ask = Duration::from_secs(5);
    // A transaction that was committed can be read only when the brokers have marked its end in every partition. Brokers that
    // were killed need some time for that.
    wait_for("the end of transactions", || match (subscriber.ends(ask), all.ends(ask)) {
        (Ok(committed), Ok(all)) => committed == all,
        _ => false,
    });
    let mut messages = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    // The last wait is for what should not be there.
    loop {
        match subscriber.next(Duration::from_secs(if subscriber.at_end() { 2 } else { 5 })).unwrap() {
            Some(message) => messages.push(message),
            None if subscriber.at_end() => return messages,
            None => assert!(Instant::now() < deadline, "the end of {topics:?} was not reached"),
        }
    }
}

/// Waits until `done`, for at most four minutes.
#[track_caller]
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited four minutes: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Locked by the one test that has clusters, because starting one keeps two cores busy for some seconds.
static TURN: Mutex<()> = Mutex::new(());

/// A cluster for one test alone, whose brokers may be killed. It is stopped and removed when it goes out of scope. Of
/// the tests in a process, only one at a time can have clusters; the others wait.
pub struct Cluster {
    name: String,
    /// The brokers' addresses.
    pub brokers: String,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Cluster {
    /// Starts a cluster with that many brokers. `None` if there is no Kafka for tests; see [`kafka`].
    pub fn start(name: &str, brokers: u32) -> Option<Cluster> {
        kafka()?;
        let turn = TURN.lock();
        Some(Cluster::begin(name, &["--brokers", &brokers.to_string()], Some(turn)))
    }

    /// Starts a cluster with one broker that requires TLS and a password.
    pub fn secure(name: &str) -> Option<Cluster> {
        Cluster::secure_with(name, &[])
    }

    /// The same, with further properties for the broker: `key=value`.
    pub fn secure_with(name: &str, properties: &[&str]) -> Option<Cluster> {
        kafka()?;
        let turn = TURN.lock();
        let properties = properties.iter().flat_map(|property| ["--set", *property]);
        let arguments: Vec<&str> = std::iter::once("--secure").chain(properties).collect();
        Some(Cluster::begin(name, &arguments, Some(turn)))
    }

    /// The address at which a secure cluster admits everyone without TLS, for Kafka's own tools.
    pub fn plain(&self) -> String {
        let (host, port) = self.brokers.rsplit_once(':').expect("an address has a port");
        format!("{host}:{}", port.parse::<u16>().expect("a port is a number") + 26)
    }

    /// Starts another cluster with one broker for the same test.
    pub fn beside(&self, name: &str) -> Cluster {
        Cluster::begin(name, &[], None)
    }

    fn begin(name: &str, arguments: &[&str], turn: Option<MutexGuard<'static, ()>>) -> Cluster {
        let name = unique(name);
        let output = script("kafka", &[&["start", "--cluster", &name], arguments].concat());
        Cluster { brokers: text(&output.stdout).trim().to_owned(), name, _turn: turn }
    }

    /// The options with which a user connects to a secure cluster.
    pub fn login(&self, user: &str, password: &str) -> Options {
        let authority = folder().join("clusters").join(&self.name).join("ca.pem");
        Options::new(&*self.brokers)
            .with("security.protocol", "SASL_SSL")
            .with("sasl.mechanism", "SCRAM-SHA-512")
            .with("sasl.username", user)
            .with("sasl.password", password)
            .with("ssl.ca.location", authority.to_str().unwrap())
    }

    /// Runs one of Kafka's own tools, and returns what it printed.
    pub fn tool(&self, class: &str, arguments: &[&str]) -> String {
        let output = script("kafka", &[&["tool", "--cluster", &self.name, class, "--"], arguments].concat());
        text(&output.stdout)
    }

    /// The first broker's file with the messages of a topic's partition 0.
    pub fn log_file(&self, topic: &str) -> PathBuf {
        let data = folder().join("clusters").join(&self.name).join("data-1");
        data.join(format!("{topic}-0")).join("00000000000000000000.log")
    }

    /// Kills a broker with SIGKILL. Brokers are counted from 1.
    pub fn kill(&self, broker: u32) {
        script("kafka", &["kill", "--cluster", &self.name, "--broker", &broker.to_string()]);
    }

    /// Starts the brokers that were killed.
    pub fn revive(&self) {
        script("kafka", &["start", "--cluster", &self.name]);
    }

    /// Mirrors topics to another cluster, until the returned mirror goes out of scope.
    pub fn mirror(&self, to: &Cluster, topics: &str) -> Mirror {
        script("kafka", &["mirror", &self.name, &to.name, topics]);
        let target = to.brokers.clone();
        Mirror { from: self.name.clone(), to: to.name.clone(), topics: topics.to_owned(), target }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = run_script("kafka", &["remove", "--cluster", &self.name]);
    }
}

/// MirrorMaker 2 between two clusters. It is stopped when it goes out of scope; if the test is failing then, its log is
/// printed.
pub struct Mirror {
    from: String,
    to: String,
    topics: String,
    /// The addresses of the brokers that are mirrored to.
    target: String,
}

impl Mirror {
    /// Waits until the mirror has created a topic.
    pub fn await_topic(&self, topic: &str) {
        let running = format!("mirror {} running", self.name());
        wait_for("the topic to be mirrored", || {
            assert!(
                text(&script("kafka", &["status"]).stdout).lines().any(|line| line == running),
                "the mirror has ended"
            );
            Subscriber::new(&Options::new(&*self.target), &[topic.to_owned()]).is_ok()
        });
    }

    /// Kills it with SIGKILL.
    pub fn kill(&self) {
        script("kafka", &["kill", "--cluster", &self.name()]);
    }

    /// Starts it again.
    pub fn revive(&self) {
        script("kafka", &["mirror", &self.from, &self.to, &self.topics]);
    }

    fn name(&self) -> String {
        format!("{}-{}", self.from, self.to)
    }

    /// The end of its log.
    fn log(&self) -> String {
        let log = std::fs::read(folder().join("mirrors").join(self.name()).with_extension("log")).unwrap_or_default();
        text(&log[log.len().saturating_sub(8000)..])
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the mirror's log ends with:\n{}", self.log());
        }
        let _ = run_script("kafka", &["stop", "--cluster", &self.name()]);
    }
}

/// The folder in which `scripts/kafka` keeps everything.
fn folder() -> PathBuf {
    std::env::var_os("SKYSIEVE_KAFKA_DIR").map_or_else(|| root().join("target/kafka"), PathBuf::from)
}
