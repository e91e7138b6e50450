//! A pipeline with messages whose schemas are unknown, or not known yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use skysieve::filters::Control;
use skysieve::pipeline::{Config, Handle, MemorySink, MemorySource, Pipeline};
use skysieve_avro::{Lookup, Resolver, Schemas};
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_tests::alerts;
use skysieve_tests::kafka::wait_for;
use skysieve_tests::pipeline::config;

/// A registry that gives the same answer for each id.
#[derive(Debug)]
struct Says(Mutex<Lookup>);

impl Resolver for Says {
    fn look_up(&self, _: u32) -> Lookup {
        self.0.lock().clone()
    }
}

struct Running {
    handle: Handle,
    sink: MemorySink,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

/// Runs a pipeline over a few alerts, of which the last has an id that is not built in.
fn run(config: Config, schemas: Schemas) -> Running {
    let engine = Engine::new(&PoolConfig { filters: 2, ..PoolConfig::default() }).unwrap();
    let (pipeline, handle) = Pipeline::new(config, engine, Arc::new(schemas)).unwrap();
    let (source, sender) = MemorySource::new("alerts");
    let all = alerts(1, 3);
    all[..2].iter().for_each(|alert| sender.send(Bytes::from(alert.bytes.clone())).unwrap());
    sender.send([&[0, 0, 0, 0, 7], all[2].datum()].concat().into()).unwrap();
    drop(sender);
    let (sink, stop) = (MemorySink::default(), Arc::new(AtomicBool::new(false)));
    let (publish, stopped) = (sink.clone(), stop.clone());
    let thread = std::thread::spawn(move || pipeline.run(source, [publish], &stopped).unwrap());
    Running { handle, sink, stop, thread }
}

impl Running {
    fn await_waiting(&self, detail: &str) {
        wait_for("the pipeline to wait", || self.handle.health().waiting_for_schema);
        let health = self.handle.health();
        assert!(!health.ready && health.detail.contains(detail), "{health:?}");
    }

    /// Waits until it has ended, and returns the reasons of its dead letters.
    fn end(self) -> Vec<String> {
        self.thread.join().unwrap();
        assert!(!self.handle.health().waiting_for_schema);
        let records = self.sink.records();
        let reason = |record: &skysieve::pipeline::Record| {
            let reason = record.headers.iter().find(|header| header.name == "skysieve-reason").unwrap();
            String::from_utf8(reason.value.to_vec()).unwrap()
        };
        records.iter().filter(|record| *record.topic == *"dead").map(reason).collect()
    }
}

/// The stream waits only if the registry can't be asked, whatever is configured for unknown ids.
#[test]
fn a_registry_that_cannot_be_asked_is_waited_for() {
    let away = || Lookup::Unavailable("it answers with status 503".to_owned());
    for wait_for_schemas in [false, true] {
        let registry = Arc::new(Says(Mutex::new(away())));
        let schemas = Schemas::builtin().with_resolver(registry.clone());
        let running = run(Config { wait_for_schemas, ..config() }, schemas);
        running.await_waiting("can't be looked up: it answers with status 503 (topic alerts, partition 0, offset");
        *registry.0.lock() = Lookup::Unknown;
        // The built-in schemas are used for two of the alerts. For the third, the registry's answer is enough.
        assert_eq!(running.end(), ["schema id 7 is not known, nor does the schema registry have it"]);
    }
}

#[test]
fn without_a_registry_the_setting_counts() {
    let running = run(config(), Schemas::builtin());
    let reasons = running.end();
    assert!(reasons.len() == 1 && reasons[0].contains("schema id 7 is not known; add its folder"), "{reasons:?}");
    let running = run(Config { wait_for_schemas: true, ..config() }, Schemas::builtin());
    running.await_waiting("schema id 7 is not known; add its folder");
    let told = Instant::now();
    running.stop.store(true, Ordering::Relaxed);
    running.thread.join().unwrap();
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
}
