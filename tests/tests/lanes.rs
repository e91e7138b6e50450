//! Filters that take too long leave the live lane, go on in the slow one, and come back. Whatever happens in between,
//! each alert is judged once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use skysieve::filters::{Ceilings, Control, CpuShares, Lane, LimitOverrides, Settings, Upload};
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
    /// How long the live lane's source takes for a batch, in milliseconds.
    pace: AtomicU64,
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

    /// Appends alerts once more and again, so that there is a long stream.
    fn append_over_and_over(&self, alerts: &[SimulatedAlert], times: usize) {
        let packets: Vec<(i32, bytes::Bytes)> = alerts
            .iter()
            .map(|alert| (alert.id.rem_euclid(i64::from(PARTITIONS)) as i32, alert.bytes.clone().into()))
            .collect();
        let mut log = self.log.lock();
        let mut next = [0; PARTITIONS as usize];
        for (partition, bytes) in std::iter::repeat_n(&packets, times).flatten() {
            let (offset, topic) = (next[*partition as usize], "alerts".into());
            next[*partition as usize] += 1;
            log.push(Message { bytes: bytes.clone(), topic, partition: *partition, offset, timestamp: None });
        }
    }

    /// Where the alerts on a topic came from, in order.
    fn origins(&self, topic: &str) -> Vec<(i32, i64)> {
        let published = self.published.lock();
        let on = published.0.iter().filter(|record| &*record.topic == topic);
        let mut origins: Vec<(i32, i64)> = on
            .map(|record| {
                let header = |name: &str| {
                    let header = record.headers.iter().find(|header| header.name == name).unwrap();
                    std::str::from_utf8(&header.value).unwrap().parse::<i64>().unwrap()
                };
                (header("skysieve-partition") as i32, header("skysieve-offset"))
            })
            .collect();
        origins.sort_unstable();
        origins
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
    /// How long each batch takes.
    pace: Duration,
}

impl Source for LogSource {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        let at = self.at.as_mut().expect("nothing is fetched before it is said from where");
        let log = self.cluster.log.lock();
        let is_next =
            |message: &&Message| at.get("alerts", message.partition).is_none_or(|next| message.offset >= next);
        let some: Vec<Message> = log.iter().filter(is_next).take(limits.count.min(100)).cloned().collect();
        drop(log);
        std::thread::sleep(self.pace);
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

/// Runs a host on the cluster until `until` says that it is enough, or the host is killed. Filters in the slow lane may use
/// a whole processor.
fn run(cluster: &Arc<Cluster>, filters: &[(&str, Upload)], until: impl FnMut(&Handle) -> bool) {
    run_with(CpuShares { each: 1.0, of: BTreeMap::new(), total: 2.0 }, cluster, filters, until);
}

/// The same with other shares of a processor.
fn run_with(
    cpu: CpuShares,
    cluster: &Arc<Cluster>,
    filters: &[(&str, Upload)],
    mut until: impl FnMut(&Handle) -> bool,
) {
    let config = Config {
        ceilings: Ceilings { cpu, ..config().ceilings },
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
    let pace = Duration::from_millis(cluster.pace.load(Ordering::Relaxed));
    let source = |at, pace| LogSource { cluster: cluster.clone(), at, pace };
    let sinks = |is_live| {
        [ClusterSink { cluster: cluster.clone(), is_live }, ClusterSink { cluster: cluster.clone(), is_live }]
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| slow.run(source(None, Duration::ZERO), sinks(false), &stop));
        let live = scope.spawn(|| pipeline.run(source(Some(committed), pace), sinks(true), &stop));
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

/// A filter of the operator's that works for so many rounds on some of the alerts.
fn heavy(rounds: u64) -> Upload {
    let limits = LimitOverrides { fuel: Some(1 << 40), deadline_ms: Some(60_000), ..LimitOverrides::default() };
    let upload = with_quota(1_000_000, &format!("mode = 'uneven'\nrounds = {rounds}"));
    Upload { settings: Settings { limits, ..upload.settings }, by_operator: true, ..upload }
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
                for status in handle.list() {
                    *lanes.entry((status.name, status.lane == Lane::Slow)).or_insert(0) += 1;
                }
                kill
            });
            kills += 1;
        }
    }
    run(&cluster, &filters, |_| {
        filters[..3].iter().all(|(name, _)| cluster.ids(name).len() >= all.len()) && cluster.ids("some").len() >= 6 * 20
    });
    for (name, _) in &filters[..3] {
        assert_eq!(sorted(cluster.ids(name)), ids_of(&all), "{name} after {kills} kills");
    }
    assert_eq!(cluster.ids("some").len(), 6 * 20, "20 of each visit");
    assert!(lanes.contains_key(&("slow".to_owned(), true)), "{lanes:?}");
}

#[test]
fn slow_filters_wait_for_each_other_no_longer_than_a_turn() {
    let cluster = Arc::new(Cluster::default());
    let all = alerts(2, 1500);
    cluster.append(&all);
    // The first one needs many times as long.
    let filters = [("endless", heavy(50_000_000)), ("slow", heavy(3_000_000)), ("other", heavy(3_000_000))];
    let shares = CpuShares { each: 1.0, of: [("endless".to_owned(), 0.25)].into(), total: 2.0 };
    let mut used: f64 = 0.0;
    run_with(shares.clone(), &cluster, &filters, |handle| {
        used = used.max(handle.get("endless").unwrap().cpu_used);
        !cluster.ids("endless").is_empty() && ["slow", "other"].iter().all(|name| cluster.ids(name).len() == all.len())
    });
    let far = cluster.ids("endless").len();
    assert!(far > 0 && far < all.len() / 2, "it has judged {far} of {}", all.len());
    assert!(used > 0.0, "{used}");
    for name in ["slow", "other"] {
        assert_eq!(sorted(cluster.ids(name)), ids_of(&all), "{name}");
    }
    // Its own place was kept, and it gets there with more time.
    let heavy = [("endless", with_quota(1_000_000, "mode = 'accept'"))];
    run(&cluster, &heavy, |_| cluster.ids("endless").len() >= all.len());
    assert_eq!(sorted(cluster.ids("endless")), ids_of(&all));
}

#[test]
fn a_filter_in_the_slow_lane_uses_no_more_than_its_share() {
    let cluster = Arc::new(Cluster::default());
    let all = alerts(1, 3000);
    cluster.append(&all);
    let filters = [("greedy", heavy(10_000_000))];
    let shares = CpuShares { each: 0.9, of: [("greedy".to_owned(), 0.1)].into(), total: 2.0 };
    let (mut began, mut most) = (None, 0.0f64);
    run_with(shares, &cluster, &filters, |handle| {
        let status = handle.get("greedy").unwrap();
        assert_eq!(status.cpu_share, 0.1);
        let since = began.get_or_insert_with(Instant::now).elapsed();
        if since > Duration::from_secs(6) {
            most = most.max(status.cpu_used);
        }
        since > Duration::from_secs(9)
    });
    // At once, it may use what is due to it in a second, and an alert that is begun is judged to the end.
    assert!(most > 0.04 && most < 0.2, "it used {most}");
    assert!(cluster.ids("greedy").len() < all.len());
}

/// A stream without a pause, in which a filter is slow at first, or now and then.
fn endless_stream(times: usize) -> (Arc<Cluster>, i64) {
    let cluster = Arc::new(Cluster::default());
    cluster.pace.store(40, Ordering::Relaxed);
    let all = alerts(6, 500);
    let last = all[..500].iter().map(|alert| alert.id).max().unwrap();
    cluster.append_over_and_over(&all, times);
    (cluster, last)
}

#[test]
fn a_filter_joins_the_live_lane_while_the_stream_goes_on() {
    let (cluster, _) = endless_stream(20);
    let filters = [("good", with_quota(1_000_000, "mode = 'accept'")), ("first", heavy(3_000_000))];
    run(&cluster, &filters, |handle| handle.get("first").unwrap().lane == Lane::Slow);
    // From now on, it is quick.
    let filters =
        [("good", with_quota(1_000_000, "mode = 'accept'")), ("first", with_quota(1_000_000, "mode = 'accept'"))];
    let mut is_slow = false;
    run(&cluster, &filters, |handle| {
        let first = handle.get("first").unwrap();
        is_slow |= first.lane == Lane::Slow;
        is_slow && first.lane == Lane::Live
    });
    let all = cluster.log.lock().len();
    let (good, first) = (cluster.origins("good"), cluster.origins("first"));
    assert!(good.len() < all, "the stream has come to an end");
    // In the slow lane, it may have come further than the live one is.
    for partition in 0..PARTITIONS {
        let of = |origins: &[(i32, i64)]| -> Vec<i64> {
            origins.iter().filter(|origin| origin.0 == partition).map(|origin| origin.1).collect()
        };
        let (good, first) = (of(&good), of(&first));
        assert_eq!(first, (0..first.len() as i64).collect::<Vec<_>>());
        assert!(first.len() >= good.len(), "{} of {}", first.len(), good.len());
    }
}

#[test]
fn a_host_that_is_killed_while_filters_join_loses_and_doubles_nothing() {
    let (cluster, last) = endless_stream(12);
    let filters = [
        ("good", with_quota(1_000_000, "mode = 'accept'")),
        ("early", with_quota(1_000_000, &format!("mode = 'uneven'\nbelow = {last}"))),
        ("some", with_quota(20, &format!("mode = 'uneven'\nbelow = {last}\nevery = 3"))),
    ];
    let (mut kills, mut joined) = (0, 0);
    let all = cluster.log.lock().len();
    while cluster.origins("good").len() < all - 2000 {
        let (mut was, mut at_end) = (Lane::Live, None);
        run(&cluster, &filters, |handle| {
            let lane = handle.get("early").unwrap().lane;
            if was == Lane::Slow && lane == Lane::Live {
                joined += 1;
                at_end.get_or_insert_with(|| cluster.commits.load(Ordering::Relaxed) + kills % 5);
            }
            was = lane;
            let commits = cluster.commits.load(Ordering::Relaxed);
            let kill = at_end.is_some_and(|at_end| commits >= at_end) || cluster.origins("good").len() == all;
            if kill {
                let _published = cluster.published.lock();
                cluster.dead.store(true, Ordering::Relaxed);
            }
            kill
        });
        kills += 1;
    }
    run(&cluster, &filters, |_| {
        cluster.origins("early").len() >= all
            && cluster.origins("good").len() >= all
            && cluster.ids("some").len() >= 6 * 20
    });
    assert!(joined > 0);
    assert_eq!(cluster.origins("early"), cluster.origins("good"), "after {kills} kills");
    assert_eq!(cluster.origins("good").len(), all);
    assert_eq!(cluster.ids("some").len(), 6 * 20, "20 of each visit");
}
