//! Several hosts on one stream in memory, which can be killed and started again.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use skysieve::filters::{Ceilings, Control, CpuShares, FilterError, HandOver, StreamIdentity, Upload};
use skysieve::pipeline::{
    AlertTopics, BatchLimits, Config, Handle, Message, Pipeline, PipelineError, Position, Positions, Published, Record,
    Sink, SinkError, Source, SourceError, TopicLookup, Topics,
};
use skysieve_avro::Schemas;
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_simulate::SimulatedAlert;

use crate::module;
use crate::pipeline::config;

/// The number of the stream's partitions.
pub const PARTITIONS: i32 = 3;

/// What outlives hosts: the stream, what was published, and the committed offsets of each host's live lane.
#[derive(Default)]
pub struct Stream {
    log: Mutex<Vec<Message>>,
    published: Mutex<Vec<Record>>,
    committed: Mutex<HashMap<String, Positions>>,
    commits: AtomicU64,
    /// How long a live lane waits for each batch, in milliseconds.
    pause: AtomicU64,
    /// Whether slow lanes panic when they publish.
    broken: AtomicBool,
}

impl Stream {
    /// A stream that goes on and on: some alerts, several times over, and only some in a second.
    pub fn endless(alerts: &[SimulatedAlert], times: usize) -> Stream {
        let partition_of = |id: i64| id.rem_euclid(i64::from(PARTITIONS)) as i32;
        let packets: Vec<(i32, bytes::Bytes)> =
            alerts.iter().map(|alert| (partition_of(alert.id), alert.bytes.clone().into())).collect();
        let (mut log, mut next) = (Vec::new(), [0; PARTITIONS as usize]);
        for (partition, bytes) in std::iter::repeat_n(&packets, times).flatten() {
            let (partition, offset) = (*partition, next[*partition as usize]);
            next[partition as usize] += 1;
            log.push(Message { bytes: bytes.clone(), topic: "alerts".into(), partition, offset, timestamp: None });
        }
        Stream { log: log.into(), pause: 40.into(), ..Stream::default() }
    }

    /// Lets the publishers of slow lanes panic from now on.
    pub fn break_slow_lanes(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// The number of its messages.
    pub fn messages(&self) -> usize {
        self.log.lock().len()
    }

    /// The partitions and offsets of the alerts on a topic, in order.
    pub fn origins(&self, topic: &str) -> Vec<(i32, i64)> {
        let published = self.published.lock();
        let on = published.iter().filter(|record| &*record.topic == topic);
        let header = |record: &Record, name: &str| {
            let header = record.headers.iter().find(|header| header.name == name).unwrap();
            std::str::from_utf8(&header.value).unwrap().parse::<i64>().unwrap()
        };
        let mut origins: Vec<(i32, i64)> =
            on.map(|record| (header(record, "skysieve-partition") as i32, header(record, "skysieve-offset"))).collect();
        origins.sort_unstable();
        origins
    }

    /// Appends alerts.
    pub fn append(&self, alerts: &[SimulatedAlert]) {
        for alert in alerts {
            self.send(alert.id.rem_euclid(i64::from(PARTITIONS)) as i32, alert.bytes.clone());
        }
    }

    /// Appends a message to a partition.
    pub fn send(&self, partition: i32, bytes: Vec<u8>) {
        let mut log = self.log.lock();
        let offset = log.iter().filter(|message| message.partition == partition).count() as i64;
        log.push(Message { bytes: bytes.into(), topic: "alerts".into(), partition, offset, timestamp: None });
    }

    /// How often something was committed.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// The number of records on a topic.
    pub fn count(&self, topic: &str) -> usize {
        self.published.lock().iter().filter(|record| &*record.topic == topic).count()
    }

    /// The ids on a topic, in their order.
    pub fn ids(&self, topic: &str) -> Vec<i64> {
        let published = self.published.lock();
        let on = published.iter().filter(|record| &*record.topic == topic);
        on.map(|record| std::str::from_utf8(&record.key).unwrap().parse().unwrap()).collect()
    }

    /// How often it was published that a filter of the host `host` is judged in the slow lane from now on.
    pub fn departures(&self, host: &str, filter: &str) -> usize {
        let (topic, key) = (format!("quotas-{host}"), format!("{filter}/@lane"));
        let published = self.published.lock();
        let records = published.iter().filter(|record| *record.topic == *topic && record.key == key.as_bytes());
        let in_slow_lane: Vec<bool> = records.map(|record| record.payload.starts_with(br#"{"lane":"slow""#)).collect();
        in_slow_lane.chunk_by(|one, next| one == next).filter(|same| same[0]).count()
    }

    /// The last record of each key of a topic, by the time of its last change.
    pub fn table(&self, topic: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let published = self.published.lock();
        let records: Vec<&Record> = published.iter().filter(|record| &*record.topic == topic).collect();
        let last: HashMap<&[u8], usize> =
            records.iter().enumerate().map(|(at, record)| (&record.key[..], at)).collect();
        let kept = records.iter().enumerate().filter(|(at, record)| last[&record.key[..]] == *at);
        kept.filter(|(_, record)| !record.payload.is_empty())
            .map(|(_, record)| (record.key.clone(), record.payload.to_vec()))
            .collect()
    }
}

/// Reads the log from where it is told to.
struct LogSource {
    stream: Arc<Stream>,
    at: Option<Positions>,
    /// How long it waits for each batch.
    pause: Duration,
}

impl Source for LogSource {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        let at = self.at.as_mut().expect("nothing is fetched before it is said from where");
        let log = self.stream.log.lock();
        let is_next =
            |message: &&Message| at.get("alerts", message.partition).is_none_or(|next| message.offset >= next);
        let some: Vec<Message> = log.iter().filter(is_next).take(limits.count).cloned().collect();
        drop(log);
        std::thread::sleep(self.pause);
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

/// Commits while the host is alive.
struct LogSink {
    stream: Arc<Stream>,
    dead: Arc<AtomicBool>,
    /// The host's name, for its live lane.
    host: Option<String>,
}

impl Sink for LogSink {
    type Sent = (Vec<Record>, Vec<Position>);

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent {
        (records, positions)
    }

    fn commit(&mut self, (records, positions): Self::Sent) -> Result<Published, SinkError> {
        assert!(self.host.is_some() || !self.stream.broken.load(Ordering::Relaxed), "the slow lane was broken");
        let mut published = self.stream.published.lock();
        if self.dead.load(Ordering::Relaxed) {
            return Err(SinkError("the host was killed".to_owned()));
        }
        self.stream.commits.fetch_add(1, Ordering::Relaxed);
        published.extend(records);
        if let Some(host) = &self.host {
            let mut committed = self.stream.committed.lock();
            let committed = committed.get_mut(host).expect("it was set when the host was started");
            positions.into_iter().for_each(|position| committed.set(position));
        }
        Ok(Published::default())
    }
}

/// Knows where the stream begins and ends.
struct LogTopics {
    stream: Arc<Stream>,
    host: String,
}

impl AlertTopics for LogTopics {
    fn host(&self) -> &str {
        &self.host
    }

    fn identity(&self) -> Result<StreamIdentity, String> {
        let topics = BTreeMap::from([("alerts".to_owned(), Some("1".to_owned()))]);
        Ok(StreamIdentity { cluster: Some("memory".to_owned()), topics })
    }

    fn check(&self, from: &str) -> Result<(), String> {
        if from.parse::<i64>().is_ok() { Ok(()) } else { Err("it is not a number of alerts".to_owned()) }
    }

    /// Behind so many alerts of the whole stream.
    fn positions(&self, from: &str) -> Result<Positions, String> {
        let mut positions: Positions = (0..PARTITIONS).map(|partition| at(partition, 0)).collect();
        positions.advance(&self.stream.log.lock()[..from.parse().map_err(|_| "no number")?]);
        Ok(positions)
    }
}

fn at(partition: i32, offset: i64) -> Position {
    Position { topic: "alerts".into(), partition, offset }
}

/// A host that runs.
pub struct MemoryHost {
    /// Its filters.
    pub handle: Handle,
    name: String,
    stream: Arc<Stream>,
    dead: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    lanes: [JoinHandle<Result<(), PipelineError>>; 2],
}

impl MemoryHost {
    /// Starts a host with these filters of the module `odd`, where the host of this name was stopped or killed. In the slow
    /// lane, they may use a whole processor.
    pub fn start(stream: &Arc<Stream>, name: &str, slice: Duration, filters: &[(&str, Upload)]) -> MemoryHost {
        let cpu = CpuShares { each: 1.0, of: BTreeMap::new(), total: 2.0 };
        MemoryHost::start_within(cpu, stream, name, slice, filters)
    }

    /// The same with other shares of a processor.
    pub fn start_within(
        cpu: CpuShares,
        stream: &Arc<Stream>,
        name: &str,
        slice: Duration,
        filters: &[(&str, Upload)],
    ) -> MemoryHost {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        let engine = ENGINE.get_or_init(|| Engine::new(&PoolConfig { filters: 80, ..PoolConfig::default() }).unwrap());
        let quotas = format!("quotas-{name}");
        let lookup = LogTopics { stream: stream.clone(), host: name.to_owned() };
        let config = Config {
            ceilings: Ceilings { cpu, ..config().ceilings },
            max_filters: 20,
            topics: Topics { quotas: Some(quotas.as_str().into()), ..config().topics },
            batch: BatchLimits { count: 100, linger: Duration::from_millis(1), ..BatchLimits::default() },
            alert_topics: Some(TopicLookup(Arc::new(lookup))),
            ..config()
        };
        let schemas = Arc::new(Schemas::builtin());
        let (mut pipeline, slow, handle) =
            Pipeline::with_slow_lane(config, slice, Duration::from_secs(3600), engine.clone(), schemas).unwrap();
        let table = stream.table(&quotas);
        pipeline.restore(table.iter().map(|(key, value)| (&key[..], &value[..])));
        let prepare = |(name, upload): &(&str, Upload)| {
            // They can be read again, as those in a folder.
            let file = Some(module("odd"));
            handle.prepare(name, Upload { file, ..upload.clone() }).unwrap()
        };
        pipeline.add(filters.iter().map(prepare).collect()).unwrap();
        let begin = || (0..PARTITIONS).map(|partition| at(partition, 0)).collect();
        let committed = stream.committed.lock().entry(name.to_owned()).or_insert_with(begin).clone();
        let (dead, stop) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let pause = Duration::from_millis(stream.pause.load(Ordering::Relaxed));
        let source = |at, pause| LogSource { stream: stream.clone(), at, pause };
        let sinks = |host: Option<&str>| {
            [0, 1].map(|_| LogSink { stream: stream.clone(), dead: dead.clone(), host: host.map(str::to_owned) })
        };
        let (of_slow, sinks_of_slow, stop_slow) = (source(None, Duration::ZERO), sinks(None), stop.clone());
        let (of_live, sinks_of_live, stop_live) = (source(Some(committed), pause), sinks(Some(name)), stop.clone());
        let lanes = [
            std::thread::spawn(move || pipeline.run(of_live, sinks_of_live, &stop_live)),
            std::thread::spawn(move || slow.run(of_slow, sinks_of_slow, &stop_slow)),
        ];
        MemoryHost { handle, name: name.to_owned(), stream: stream.clone(), dead, stop, lanes }
    }

    /// Lets it commit nothing any more, and ends it.
    pub fn kill(self) {
        self.cut_off();
        let _ = self.end();
    }

    /// Lets it commit nothing any more.
    pub fn cut_off(&self) {
        let _published = self.stream.published.lock();
        self.dead.store(true, Ordering::Relaxed);
        // Whoever waits for it is told that it ends.
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Lets it commit what it has read, and ends it.
    pub fn stop(self) {
        for ended in self.end() {
            ended.unwrap();
        }
    }

    /// Ends it. Returns what the live lane and the slow one say about that.
    pub fn end(self) -> [Result<(), PipelineError>; 2] {
        self.stop.store(true, Ordering::Relaxed);
        self.lanes.map(|lane| lane.join().unwrap())
    }

    /// Moves a filter to another host, as `skysieve move` does. The module may be read from either.
    pub fn move_filter(&self, name: &str, to: &MemoryHost) -> Result<(), FilterError> {
        let handover = self.handle.release(name, &to.name)?;
        // It goes through JSON on its way.
        let handover: Box<HandOver> = serde_json::from_str(&serde_json::to_string(&handover).unwrap()).unwrap();
        let module = self.handle.module(name).or_else(|_| to.handle.module(name))?.to_vec();
        let id = handover.id.clone();
        to.handle.put(name, Upload { module, handover: Some(handover), ..Upload::default() })?;
        self.handle.confirm(name, &id).map(drop)
    }
}

/// Waits until `done`, for at most two minutes.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
