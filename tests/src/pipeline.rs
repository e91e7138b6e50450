//! What tests of a pipeline without Kafka share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use skysieve::filters::{Ceilings, Settings, Upload};
use skysieve::pipeline::{
    BatchLimits, Config, FaultLimits, Handle, MemorySink, MemorySource, Message, Pipeline, Record, Source, SourceError,
    Topics,
};
use skysieve_avro::Schemas;
use skysieve_sandbox::{Budget, Engine, Limits, PoolConfig};
use skysieve_survey::Surveys;

use crate::module;

/// A stream whose messages are all there from the beginning.
pub struct Ready(pub VecDeque<Message>);

impl Source for Ready {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, _: Duration) -> Result<bool, SourceError> {
        let count = limits.count.min(self.0.len());
        batch.extend(self.0.drain(..count));
        Ok(!self.0.is_empty())
    }
}

/// Settings for a few filters on the topic `alerts`. Dead letters go to `dead`.
pub fn config() -> Config {
    Config {
        shards: 2,
        batch: BatchLimits { linger: Duration::from_millis(1), ..BatchLimits::default() },
        quota: 20,
        limits: Limits::default(),
        ceilings: Ceilings::over(&Limits::default()),
        memory: Budget::default(),
        max_filters: 8,
        faults: FaultLimits::default(),
        wait_for_schemas: false,
        surveys: Surveys::default(),
        topics: Topics {
            inputs: vec!["alerts".into()],
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

/// The filter that does what its config says; see `tests/guests/odd`.
pub fn odd(config: &str) -> Upload {
    let settings = Settings { config: config.into(), ..Settings::default() };
    Upload { module: std::fs::read(module("odd")).expect("modules are built"), settings, ..Upload::default() }
}

/// The same with a quota.
pub fn with_quota(quota: u32, config: &str) -> Upload {
    let upload = odd(config);
    Upload { settings: Settings { quota: Some(quota), ..upload.settings }, ..upload }
}

/// The ids in ascending order.
pub fn sorted(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids
}

/// A pipeline for up to twelve filters, trials included.
pub fn start(config: Config) -> (Pipeline, Handle) {
    let engine = Engine::new(&PoolConfig { filters: 12, ..PoolConfig::default() }).unwrap();
    Pipeline::new(config, engine, Arc::new(Schemas::builtin())).unwrap()
}

/// Sends the packets through the filters, and returns the records and the handle.
pub fn run(config: Config, filters: &[(&str, Upload)], packets: Vec<Bytes>) -> (Vec<Record>, Handle) {
    let (mut pipeline, handle) = start(config);
    let prepared = filters.iter().map(|(name, upload)| handle.prepare(name, upload.clone()).unwrap());
    pipeline.add(prepared.collect()).unwrap();
    let (source, sender) = MemorySource::new("alerts");
    packets.into_iter().for_each(|packet| sender.send(packet).unwrap());
    drop(sender);
    let sink = MemorySink::default();
    pipeline.run(source, [sink.clone()], &AtomicBool::new(false)).unwrap();
    (sink.records(), handle)
}
