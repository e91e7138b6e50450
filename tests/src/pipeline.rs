//! What tests of a pipeline without Kafka share.

use std::collections::VecDeque;
use std::time::Duration;

use skysieve::filters::{Ceilings, Settings, Upload};
use skysieve::pipeline::{BatchLimits, Config, FaultLimits, Message, Source, SourceError, Topics};
use skysieve_sandbox::{Budget, Limits};
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
    }
}

/// The filter that does what its config says; see `tests/guests/odd`.
pub fn odd(config: &str) -> Upload {
    let settings = Settings { config: config.into(), ..Settings::default() };
    Upload { module: std::fs::read(module("odd")).expect("modules are built"), settings, ..Upload::default() }
}
