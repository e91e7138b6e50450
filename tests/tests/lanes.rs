//! Filters that take too long leave the live lane, go on in the slow one, and come back. Whatever happens in between,
//! each alert is judged once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use skysieve::filters::{Control, Lane, Settings, Upload};
use skysieve::pipeline::{
    BatchLimits, Config, Handle, Message, Pipeline, Position, Positions, Published, Record, Sink, SinkError, Source,
    SourceError, Topics,
};
use skysieve_avro::Schemas;
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::alerts;
use skysieve_tests::pipeline::{config, odd};

const PARTITIONS: i32 = 3;
const SLICE: Duration = Duration::from_millis(5);

/// What outlives a host: the stream, what was published, and the live lane's committed offsets.
#[derive(Default)]
struct Cluster {
    log: Mutex<Vec<Message>>,
    published: Mutex<(Vec<Record>, Positions)>,
    /// Whether the host is dead, and can't commit any more.
    dead: AtomicBool,
    commits: AtomicU64,
}

impl Cluster {
    fn append(&self, alerts: &[SimulatedAlert]) {
        for alert in alerts {
            self.send(alert.id.rem_euclid(i64::from(PARTITIONS)) as i32, alert.bytes.clone());
        }
    }

    fn send(&self, partition: i32, bytes: Vec<u8>) {
        let mut log = self.log.lock();
        let offset = log.iter().filter(|message| message.partition == partition).count() as i64;
        log.push(Message { bytes: bytes.into(), topic: "alerts".into(), partition, offset, timestamp: None });
    }

    /// The last record of each key of the topic of quotas, by the time of its last change.
    fn table(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let published = self.published.lock();
        let mut last: HashMap<&[u8], usize> = HashMap::new();
        let quotas: Vec<&Record> = published.0.iter().filter(|record| &*record.topic == "quotas").collect();
        last.extend(quotas.iter().enumerate().map(|(at, record)| (&record.key[..], at)));
        let kept = quotas.iter().enumerate().filter(|(at, record)| last[&record.key[..]] == *at);
        kept.filter(|(_, record)| !record.payload.is_empty())
            .map(|(_, record)| (record.key.clone(), record.payload.to_vec()))
            .collect()
    }

    /// The ids on a topic, in their order.
    fn ids(&self, topic: &str) -> Vec<i64> {
        let published = self.published.lock();
        let on = published.0.iter().filter(|record| &*record.topic == topic);
        on.map(|record| std::str::from_utf8(&record.key).unwrap().parse().unwrap()).collect()
    }
}

/// Reads the log from where it is told to.
struct LogSource {
    cluster: Arc<Cluster>,
    at: Option<Positions>,
}

impl Source for LogSource {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        let at = self.at.as_mut().expect("nothing is fetched before it is said from where");
        let log = self.cluster.log.lock();
        let is_next =
            |message: &&Message| at.get("alerts", message.partition).is_none_or(|next| message.offset >= next);
        let some: Vec<Message> = log.iter().filter(is_next).take(limits.count.min(100)).cloned().collect();
        drop(log);
        at.advance(&some);
        if some.is_empty() {
            std::thread::sleep(wait.min(Duration::from_millis(5)));
        }
        batch.extend(some);
        Ok(true)
    }

    fn positions(&self) -> Vec<Position> {
        self.at.iter().flat_map(Positions::iter).collect()
    }

    fn seek(&mut self, to: Vec<Position>) -> Result<(), SourceError> {
        self.at = (!to.is_empty()).then(|| to.into_iter().collect());
        Ok(())
    }
}

/// Commits to the cluster while the host is alive.
#[derive(Clone)]
struct ClusterSink {
    cluster: Arc<Cluster>,
    is_live: bool,
}

impl Sink for ClusterSink {
    type Sent = (Vec<Record>, Vec<Position>);

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent {
        (records, positions)
    }

    fn commit(&mut self, (records, positions): Self::Sent) -> Result<Published, SinkError> {
        let mut published = self.cluster.published.lock();
        if self.cluster.dead.load(Ordering::Relaxed) {
            return Err(SinkError("the host was killed".to_owned()));
        }
        self.cluster.commits.fetch_add(1, Ordering::Relaxed);
        published.0.extend(records);
        if self.is_live {
            positions.into_iter().for_each(|position| published.1.set(position));
        }
        Ok(Published::default())
    }
}

/// Runs a host on the cluster until `until` says that it is enough, or the host is killed.
fn run(cluster: &Arc<Cluster>, filters: &[(&str, Upload)], mut until: impl FnMut(&Handle) -> bool) {
    let config = Config {
        topics: Topics { quotas: Some("quotas".into()), ..config().topics },
        batch: BatchLimits { count: 100, linger: Duration::from_millis(1), ..BatchLimits::default() },
        ..config()
    };
    let engine = Engine::new(&PoolConfig { filters: 12, ..PoolConfig::default() }).unwrap();
    let schemas = Arc::new(Schemas::builtin());
    let (mut pipeline, slow, handle) =
        Pipeline::with_slow_lane(config, SLICE, Duration::from_secs(3600), engine, schemas).unwrap();
    cluster.dead.store(false, Ordering::Relaxed);
    let table = cluster.table();
    pipeline.restore(table.iter().map(|(key, value)| (&key[..], &value[..])));
    let prepared = filters.iter().map(|(name, upload)| handle.prepare(name, upload.clone()).unwrap());
    pipeline.add(prepared.collect()).unwrap();
    let committed: Positions = (0..PARTITIONS)
        .map(|partition| {
            let offset = cluster.published.lock().1.get("alerts", partition).unwrap_or(0);
            Position { topic: "alerts".into(), partition, offset }
        })
        .collect();
    let source = |at| LogSource { cluster: cluster.clone(), at };
    let sinks = |is_live| {
        [ClusterSink { cluster: cluster.clone(), is_live }, ClusterSink { cluster: cluster.clone(), is_live }]
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| slow.run(source(None), sinks(false), &stop));
        let live = scope.spawn(|| pipeline.run(source(Some(committed)), sinks(true), &stop));
        let deadline = Instant::now() + Duration::from_secs(120);
        while !until(&handle) {
            assert!(Instant::now() < deadline, "not done in time: {:#?}", handle.list());
            std::thread::sleep(Duration::from_millis(2));
        }
        stop.store(true, Ordering::Relaxed);
        let ended = [live.join().unwrap(), slow.join().unwrap()];
        let killed = cluster.dead.load(Ordering::Relaxed);
        assert!(killed || ended.iter().all(Result::is_ok), "{ended:?}");
    });
}

fn with_quota(quota: u32, config: &str) -> Upload {
    let upload = odd(config);
    Upload { settings: Settings { quota: Some(quota), ..upload.settings }, ..upload }
}

/// The ids of all alerts, which a filter that accepts everything publishes.
fn ids_of(alerts: &[SimulatedAlert]) -> Vec<i64> {
    sorted(alerts.iter().map(|alert| alert.id).collect())
}

fn sorted(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids
}

#[test]
fn a_slow_filter_goes_on_in_the_slow_lane_and_the_others_do_not_wait() {
    let cluster = Arc::new(Cluster::default());
    let all = alerts(2, 1500);
    for some in all.chunks(500) {
        cluster.append(some);
        cluster.send(0, b"not an alert".to_vec());
    }
    let filters =
        [("good", with_quota(1_000_000, "mode = 'accept'")), ("slow", with_quota(1_000_000, "mode = 'uneven'"))];
    let mut was_slow = false;
    run(&cluster, &filters, |handle| {
        was_slow |= handle.get("slow").unwrap().lane == Lane::Slow;
        filters.iter().all(|(name, _)| cluster.ids(name).len() >= all.len())
    });
    assert!(was_slow, "the filter should have been too slow for a slice of {SLICE:?}");
    for (name, _) in &filters {
        assert_eq!(sorted(cluster.ids(name)), ids_of(&all), "{name}");
    }
    // Both lanes read them.
    assert_eq!(cluster.published.lock().0.iter().filter(|record| &*record.topic == "dead").count(), 6);
}

#[test]
fn a_filter_that_is_quick_again_comes_back() {
    let cluster = Arc::new(Cluster::default());
    let all = alerts(4, 1500);
    cluster.append(&all[..1500]);
    // It spins on alerts of the first visit only, which have these ids.
    let last = all[..1500].iter().map(|alert| alert.id).max().unwrap();
    assert!(all[1500..].iter().all(|alert| alert.id > last));
    let config = format!("mode = 'uneven'\nbelow = {last}");
    let filters = [("early", with_quota(1_000_000, &config))];
    let mut fed = 1500;
    run(&cluster, &filters, |handle| {
        let early = handle.get("early").unwrap();
        let seen = cluster.ids("early").len();
        if seen == fed && fed < all.len() {
            assert!(fed > 1500 || early.lane == Lane::Slow, "the filter should have been too slow");
            cluster.append(&all[fed..][..1500]);
            fed += 1500;
        }
        // In the live lane, its position is no longer kept.
        let is_kept = cluster.table().iter().any(|(key, _)| key.ends_with(b"@lane"));
        seen == all.len() && early.lane == Lane::Live && !is_kept
    });
    assert_eq!(fed, all.len());
    assert_eq!(sorted(cluster.ids("early")), ids_of(&all));
}

#[test]
fn a_host_that_is_killed_while_filters_change_lanes_loses_and_doubles_nothing() {
    let cluster = Arc::new(Cluster::default());
    let all = alerts(6, 1000);
    let last = all[..3000].iter().map(|alert| alert.id).max().unwrap();
    let filters = [
        ("good", with_quota(1_000_000, "mode = 'accept'")),
        ("slow", with_quota(1_000_000, "mode = 'uneven'")),
        ("early", with_quota(1_000_000, &format!("mode = 'uneven'\nbelow = {last}"))),
        ("some", with_quota(20, "mode = 'uneven'\nevery = 3")),
    ];
    let mut lanes = BTreeMap::new();
    let mut look = |handle: &Handle| {
        for status in handle.list() {
            *lanes.entry((status.name, status.lane == Lane::Slow)).or_insert(0) += 1;
        }
    };
    let mut kills = 0;
    for part in all.chunks(500) {
        cluster.append(part);
        for _ in 0..4 {
            let (before, mut started) = (cluster.commits.load(Ordering::Relaxed), None);
            run(&cluster, &filters, |handle| {
                // If nothing is left to be judged, commits are rare.
                let kill = cluster.commits.load(Ordering::Relaxed) >= before + 1 + kills % 7
                    || started.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(700);
                if kill {
                    let _published = cluster.published.lock();
                    cluster.dead.store(true, Ordering::Relaxed);
                }
                look(handle);
                kill
            });
            kills += 1;
        }
    }
    run(&cluster, &filters, |handle| {
        look(handle);
        filters[..3].iter().all(|(name, _)| cluster.ids(name).len() >= all.len()) && cluster.ids("some").len() >= 6 * 20
    });
    for (name, _) in &filters[..3] {
        assert_eq!(sorted(cluster.ids(name)), ids_of(&all), "{name} after {kills} kills");
    }
    assert_eq!(cluster.ids("some").len(), 6 * 20, "20 of each visit");
    assert!(lanes.contains_key(&("slow".to_owned(), true)), "{lanes:?}");
}
