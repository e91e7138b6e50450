//! A host with many good filters on a stream of simulated visits, and what its subscribers get.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use skysieve::commands::demo::modules::choose;
use skysieve::kafka::{Feeder, Options, Received, Subscriber};
use skysieve_simulate::{Config, Simulator, Survey};
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feeder, read_all, unique, wait_for};
use skysieve_tests::setup::Setup;
use skysieve_tests::{modules, text};

use super::figures::Visit;

/// One of so many alerts has its history and cutouts; the others are small.
const FULL: usize = 25;
/// One of so many good filters has no quota.
const UNLIMITED: usize = 10;

/// What arrived: the alert's id, when, and on the topic of which filter.
pub type Arrival = (i64, Instant, Arc<str>);

/// A stream of one partition, so that its order decides which alerts are within a quota, and a host's good filters.
pub struct Stage {
    brokers: String,
    topic: String,
    setup: Setup,
    /// The names of the good filters.
    names: Vec<String>,
    arguments: Vec<String>,
    feeder: Feeder,
    small: Simulator,
    full: Simulator,
    /// The ids of all alerts that were sent.
    sent: Vec<i64>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    stop: Arc<AtomicBool>,
}

/// The host that runs on the stage.
pub struct Running {
    pub host: Host,
    /// How many alerts had been sent before those that it counts.
    since: usize,
}

impl Stage {
    /// Prepares a stream and this many good filters: the examples, no two with the same config.
    pub fn new(brokers: &str, filters: usize, arguments: &[&str]) -> Stage {
        let topic = unique("visits");
        create_topic(brokers, &topic, 1);
        let setup = Setup::new("crowd", &[]);
        let names = add_filters(&setup, filters);
        let simulator =
            |is_full| Simulator::new(Survey::Lsst, Config { stamps: is_full, history: is_full, ..Config::default() });
        Stage {
            feeder: feeder(brokers, &topic, 1),
            brokers: brokers.to_owned(),
            topic,
            setup,
            names,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            small: simulator(false),
            full: simulator(true),
            sent: Vec::new(),
            arrivals: Arc::default(),
            stop: Arc::default(),
        }
    }

    /// Starts the host. The first one gets subscribers to all good filters.
    pub fn start(&self) -> Running {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let host = self.setup.start(&self.brokers, &self.topic, &arguments);
        host.await_reading();
        if self.sent.is_empty() {
            self.subscribe();
        } else {
            // An earlier host may have left something.
            host.await_committed(self.sent.len() as i64);
        }
        let done = host.health()["done"].as_u64().unwrap() as usize;
        Running { host, since: self.sent.len() - done }
    }

    fn subscribe(&self) {
        let mut subscriber = Subscriber::from_now_on(&Options::new(&*self.brokers), &self.topics(&self.setup)).unwrap();
        assert!(subscriber.next(Duration::from_secs(2)).unwrap().is_none(), "nothing was sent yet");
        let (arrivals, stop) = (self.arrivals.clone(), self.stop.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let Some(message) = subscriber.next(Duration::from_millis(100)).unwrap() else { continue };
                let id = text(&message.key).parse().unwrap();
                arrivals.lock().push((id, message.arrived, message.topic));
            }
        });
    }

    /// Sends a visit, evenly over this time, and waits until the live lane is done with it.
    pub fn visit(&mut self, running: &Running, alerts: usize, spread: Duration) -> Visit {
        let mut visit = self.send(alerts, spread);
        let expected = (self.sent.len() - running.since) as u64;
        let is_done = || {
            visit.memory = visit.memory.max(running.host.memory());
            running.host.health()["done"].as_u64().unwrap() >= expected
        };
        wait_for("the visit", is_done);
        visit.done = Instant::now();
        visit
    }

    /// Sends a visit, evenly over this time.
    pub fn send(&mut self, alerts: usize, spread: Duration) -> Visit {
        let (small, full) = (self.small.visit(alerts), self.full.visit(alerts));
        let alert = |index: usize| if index.is_multiple_of(FULL) { full.alert(index) } else { small.alert(index) };
        // They are made before the visit begins.
        let alerts: Vec<_> = (0..alerts).map(alert).collect();
        let (begun, count) = (Instant::now(), alerts.len() as u32);
        let mut sent = HashMap::new();
        for (index, alert) in (0..).zip(alerts) {
            if index % 10 == 0 {
                std::thread::sleep((begun + spread * index / count).saturating_duration_since(Instant::now()));
            }
            sent.insert(alert.id, Instant::now());
            self.sent.push(alert.id);
            self.feeder.send(0, Vec::new(), alert.bytes.into()).unwrap();
        }
        self.feeder.finish().unwrap();
        Visit { sent, begun, acknowledged: Instant::now(), done: Instant::now(), memory: 0 }
    }

    /// What has arrived so far.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().clone()
    }

    /// The ids of all alerts that were sent, in their order.
    pub fn sent(&self) -> &[i64] {
        &self.sent
    }

    /// The ids on the topics of these filters, in their order.
    pub fn ids(&self, filters: &[String]) -> BTreeMap<String, Vec<i64>> {
        let topics: Vec<String> = filters.iter().map(|name| self.setup.topic(name)).collect();
        let came = read_all(&self.brokers, &topics);
        let ids = |topic: &String| {
            let of = came.iter().filter(|message| *message.topic == **topic);
            of.map(|message| text(&message.key).parse().unwrap()).collect()
        };
        filters.iter().cloned().zip(topics.iter().map(ids)).collect()
    }

    fn topics(&self, setup: &Setup) -> Vec<String> {
        self.names.iter().map(|name| setup.topic(name)).collect()
    }

    /// Lets another host judge the whole stream without any villain. What the good filters published must be the same:
    /// the same alerts in the same order, with the same headers.
    pub fn assert_same_without_villains(&self, running: Running) {
        running.host.await_committed(self.sent.len() as i64);
        assert_eq!(running.host.stop().0, Some(0));
        let other = Setup::new("alone", &[]);
        add_filters(&other, self.names.len());
        let host = other.start(&self.brokers, &self.topic, &[]);
        host.await_committed(self.sent.len() as i64);
        assert_eq!(host.stop().0, Some(0));
        let topics = [self.topics(&self.setup), self.topics(&other)].concat();
        let mut published: HashMap<Arc<str>, Vec<_>> = HashMap::new();
        for Received { topic, key, headers, .. } in read_all(&self.brokers, &topics) {
            let headers: Vec<_> = headers.into_iter().map(|header| (header.name.to_string(), header.value)).collect();
            published.entry(topic).or_default().push((text(&key), headers));
        }
        let mut total = 0;
        for name in &self.names {
            let [beside, alone] = [&self.setup, &other].map(|setup| published.get(&*setup.topic(name)));
            assert!(beside == alone, "{name} beside villains: {beside:?}; without: {alone:?}");
            total += beside.map_or(0, Vec::len);
        }
        assert!(total > self.sent.len(), "{total} alerts were accepted");
        eprintln!("{total} alerts on {} topics are the same without villains", self.names.len());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Adds that many of the examples. Returns their names.
fn add_filters(setup: &Setup, count: usize) -> Vec<String> {
    let chosen = choose(&modules(), false, count).unwrap();
    let add = |(number, (name, upload)): (usize, (String, skysieve::filters::Upload))| {
        let quota = if number % UNLIMITED == 0 { "quota = 1000000\n" } else { "" };
        let (module, _) = name.rsplit_once('-').unwrap();
        setup.add((&name, module, &format!("{quota}[config]\n{}", upload.settings.config)));
        name
    };
    chosen.into_iter().enumerate().map(add).collect()
}
