//! Panics of the host while a shard judges a batch.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use skysieve_avro::Schemas;
use skysieve_sandbox::{Accepted, Budget, Engine, Fault, FaultKind, Filter, Limits, PoolConfig};
use skysieve_simulate::{Simulator, Survey};
use skysieve_survey::Surveys;

use super::super::config::{Config, FaultLimits, Topics};
use super::super::decode::BatchDecoder;
use super::super::io::{BatchLimits, Message};
use super::super::judge::{Judge, Verdicts};
use super::super::kept::KeptBytes;
use super::super::positions::Positions;
use super::super::topics::{FilterTopics, Rows};
use super::*;
use crate::filters::{Ceilings, Counts, Entry, Settings, State};

/// A filter that accepts everything.
fn module() -> Vec<u8> {
    let text = include_str!("../../../../tests/src/guest.wat");
    let manifest = "\\00".repeat(28);
    wat::parse_str(
        text.replace("ITEMS", "").replace("FIRST", "").replace("MANIFEST", "1024").replace("DATA", &manifest),
    )
    .unwrap()
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&PoolConfig { filters: 10, ..PoolConfig::default() }).unwrap())
}

fn config() -> Config {
    Config {
        shards: 1,
        batch: BatchLimits::default(),
        quota: 5,
        limits: Limits::default(),
        ceilings: Ceilings::over(&Limits::default()),
        memory: Budget::default(),
        max_filters: 8,
        faults: FaultLimits::default(),
        wait_for_schemas: false,
        surveys: Surveys::default(),
        topics: Topics {
            inputs: vec!["a".into(), "b".into()],
            output_prefix: String::new(),
            dead_letters: "dead".into(),
            quotas: None,
        },
        open_topic: None,
        trial_pass_rate: 0.2,
        max_shadows: 2,
        dry_run: false,
        alert_topics: None,
    }
}

/// Two visits of alerts in topic `a`, and filters.
struct Stream {
    schemas: Arc<Schemas>,
    decoder: BatchDecoder,
    messages: Vec<Message>,
}

/// The alerts of each visit.
const ALERTS: usize = 8;

impl Stream {
    fn new() -> Stream {
        let schemas = Arc::new(Schemas::builtin());
        let decoder = BatchDecoder::new(schemas.clone(), Surveys::default(), Arc::default(), 1 << 28);
        let simulated = skysieve_simulate::Config { stamps: false, ..skysieve_simulate::Config::default() };
        let mut lsst = Simulator::new(Survey::Lsst, simulated);
        let alerts = (0..2).flat_map(|_| lsst.visit(ALERTS)).zip(0i64..);
        let message = |(alert, offset): (skysieve_simulate::SimulatedAlert, i64)| Message {
            bytes: alert.bytes.into(),
            topic: "a".into(),
            partition: 0,
            offset,
            timestamp: None,
        };
        let messages = alerts.map(message).collect();
        Stream { schemas, decoder, messages }
    }

    fn batch(&mut self, rows: std::ops::Range<usize>) -> Batch {
        self.decoder.decode(self.messages[rows].to_vec(), |_, _| ()).0
    }

    fn filter(&mut self, name: &str) -> RunningFilter {
        let module = engine().load(&module(), &Limits::default()).unwrap();
        let filter = Filter::start(&module, "", &Limits::default()).unwrap();
        let entry = Arc::new(Entry::new(name, &filter, Settings::default()));
        let judge = Judge::new(filter, &mut self.decoder.set_filters([&entry].into_iter())).unwrap();
        let (named, config) = (["a".to_owned()], config());
        let topics = FilterTopics::new(&named, &config.topics.inputs, &[], &self.schemas);
        RunningFilter::new(entry, name.into(), judge, topics, &config)
    }
}

fn published(outcome: &Outcome) -> Vec<u32> {
    outcome.outputs.iter().map(|output| output.row).collect()
}

fn failed(outcome: &Outcome) -> Vec<(u32, FaultKind)> {
    outcome.faults.iter().map(|report| (report.fault.row, report.fault.kind)).collect()
}

fn used(outcome: &Outcome) -> Vec<u32> {
    outcome.counters.iter().map(|counter| counter.used).collect()
}

/// The filter's counts, which add up, for all alerts and for each visit.
fn counts(filter: &RunningFilter) -> Counts {
    let status = filter.entry.status();
    assert_eq!(status.state, State::Active);
    assert!(status.counts.adds_up() && status.recent_visits.iter().all(|visit| visit.counts.adds_up()));
    status.counts
}

#[test]
fn an_alert_that_can_not_be_accounted_for_is_a_fault() {
    let mut stream = Stream::new();
    let mut filter = stream.filter("all");
    let batch = stream.batch(0..ALERTS);
    // The host has both accepted the third alert and failed on it, which can't be.
    let accepted = (0..6).map(|row| Accepted { row, annotations: Vec::new() });
    let fault = |row| Fault { row, kind: FaultKind::Trap, message: "trap".to_owned(), backtrace: None };
    let verdicts = Verdicts {
        seen: ALERTS as u64,
        accepted: accepted.collect(),
        faults: vec![fault(2), fault(6), fault(7)],
        ..Verdicts::default()
    };
    let mut outcome = Outcome::default();
    filter.settle(&batch, &Rows::All, &verdicts, Duration::ZERO, &mut outcome);
    assert_eq!(published(&outcome), [0, 1, 3, 4, 5]);
    assert_eq!(failed(&outcome), [(2, FaultKind::Host), (6, FaultKind::Trap), (7, FaultKind::Trap)]);
    assert!(outcome.faults[0].fault.message.contains("an alert has one verdict"));
    assert_eq!(used(&outcome), [5]);
    assert_eq!(counts(&filter), Counts { seen: 8, accepted: 5, faulted: 3, ..Counts::default() });
}

#[test]
fn the_filter_goes_on_with_the_counters_that_were_published() {
    let mut stream = Stream::new();
    let mut filter = stream.filter("all");
    let (first, second) = (Arc::new(stream.batch(0..3)), Arc::new(stream.batch(0..2 * ALERTS)));
    let mut broken = stream.batch(0..ALERTS);
    // The last alert is missing where the host looks up ids and visits.
    broken.alerts = stream.batch(0..ALERTS - 1).alerts;
    let broken = Arc::new(broken);
    let mut outcomes = [(); 3].map(|()| Outcome::default());
    process(&mut filter, &first, &LaneTime::default(), &mut outcomes[0]).unwrap();
    process(&mut filter, &broken, &LaneTime::default(), &mut outcomes[1]).unwrap();
    process(&mut filter, &second, &LaneTime::default(), &mut outcomes[2]).unwrap();
    assert_eq!(outcomes.each_ref().map(published), [vec![0, 1, 2], vec![0, 1], (8..13).collect()]);
    assert_eq!(outcomes.each_ref().map(failed), [vec![], vec![(7, FaultKind::Host)], vec![]]);
    assert_eq!(outcomes.each_ref().map(used), [vec![3], vec![5], vec![5]]);
    let all = Counts { seen: 3 + 8 + 16, accepted: 10, over_quota: 5 + 8 + 3, faulted: 1, ..Counts::default() };
    assert_eq!(counts(&filter), all);
}

#[test]
fn a_panic_over_a_filter_fails_that_filter_alone() {
    let mut stream = Stream::new();
    let mut filters = ["one", "other"].map(|name| stream.filter(name));
    let mut batch = Arc::new(stream.batch(0..ALERTS));
    let mut outcome = Outcome::default();
    process(&mut filters[0], &batch, &LaneTime::default(), &mut outcome).unwrap();
    // Topics are looked up for a filter before it is shown any alert.
    Arc::get_mut(&mut batch).unwrap().topics.seen = Arc::new([]);
    process(&mut filters[1], &batch, &LaneTime::default(), &mut outcome).unwrap();
    assert_eq!(published(&outcome), [0, 1, 2, 3, 4]);
    assert_eq!(failed(&outcome), (0..ALERTS as u32).map(|row| (row, FaultKind::Host)).collect::<Vec<_>>());
    assert!(outcome.faults.iter().all(|report| report.entry.name == "other"));
    assert_eq!(counts(&filters[0]).accepted, 5);
    let status = filters[1].entry.status();
    assert!(status.counts.adds_up() && status.counts.faulted == ALERTS as u64);
    let State::Suspended(reason) = status.state else { panic!("it is not suspended") };
    assert!(reason.contains("the host panicked"), "{reason}");
}

#[test]
fn batches_that_are_owed_are_counted_once_until_the_last_filter_has_judged_them() {
    let mut stream = Stream::new();
    let kept = KeptBytes::default();
    let mut filters = [stream.filter("a"), stream.filter("b")];
    let mut batch = stream.batch(0..ALERTS);
    Arc::make_mut(&mut batch.end).advance(&batch.messages);
    let batch = Arc::new(batch);
    for filter in &mut filters {
        filter.judge_from(Positions::default());
        filter.take(&batch, 1, &kept);
    }
    assert_eq!(kept.bytes(), batch.bytes());
    assert!(batch.bytes() > batch.messages.iter().map(|message| message.bytes.len()).sum());
    drop(batch);
    let [first, second] = filters;
    drop(first);
    assert!(kept.bytes() > 0);
    drop(second);
    assert_eq!(kept.bytes(), 0);
}
