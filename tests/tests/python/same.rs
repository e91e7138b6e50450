//! The same verdicts and the same fuel, whatever the batches, and in every process.

use std::path::Path;
use std::sync::Arc;

use skysieve::filters::{LANGUAGES, Program, Runners, Settings};
use skysieve_avro::alert::Column;
use skysieve_avro::{Decoder, Group, Projection, Schemas};
use skysieve_sandbox::{Accepted, Engine, Filter, Limits, PoolConfig};
use skysieve_simulate::{Config, Simulator, Survey};
use skysieve_tests::runners;

use super::{example, report};

/// The number of alerts.
const ALERTS: usize = 256;

#[test]
fn two_processes_agree_on_verdicts_and_fuel() {
    let Some(runners) = runners() else { return };
    let alerts = ["--simulate", "ztf", "--alerts", "300", "--jobs", "1"];
    for name in ["rising", "named/rising", "transient"] {
        let [one, other] = [0, 1].map(|_| report(&runners, &example(name), &alerts));
        assert_eq!(one["accepted_alerts"], other["accepted_alerts"], "{name}");
        assert_eq!(one["cost"]["fuel"], other["cost"]["fuel"], "{name}: {}", one["cost"]);
    }
}

#[test]
fn batches_of_any_size_have_the_same_verdicts() {
    let Some(runners) = runners() else { return };
    let engine = Engine::new(&PoolConfig::for_filters(8)).unwrap();
    let module = engine.load(&Runners::new(Some(runners)).read(&LANGUAGES[0]).unwrap(), &Limits::default()).unwrap();
    for name in ["rising", "named/rising", "transient", "new"] {
        let (config, limits) = runs(&example(name));
        let start = || Filter::start(&module, &config, &limits).unwrap();
        let group = decoded(&start());
        let columns: Vec<&Column> = (0..start().manifest().fields.len()).map(|slot| group.column(slot)).collect();
        let judge = |chunk: usize| {
            let evaluation = start().evaluate_by(chunk, ALERTS, &columns);
            assert!(evaluation.faults.is_empty(), "{name}: {:?}", evaluation.faults);
            (evaluation.accepted, evaluation.fuel)
        };
        let (accepted, fuel): (Vec<Accepted>, u64) = judge(ALERTS);
        assert!(!accepted.is_empty(), "{name}");
        assert_eq!(judge(ALERTS).1, fuel, "{name}");
        for chunk in [1, 7, 100] {
            assert_eq!(judge(chunk).0, accepted, "{name} in batches of {chunk}");
        }
    }
}

/// The config and the limits of a program.
fn runs(file: &Path) -> (String, Limits) {
    let text = std::fs::read_to_string(file).unwrap();
    let mut settings = Settings::default();
    Program { language: &LANGUAGES[0], file: "example.py".to_owned(), text }.fill(&mut settings).unwrap();
    let limits = settings.limits.over(&Limits::default());
    (settings.config, limits)
}

/// What the filter reads of simulated alerts.
fn decoded(filter: &Filter) -> Group {
    let mut projection = Projection::new();
    for (slot, field) in filter.manifest().fields.iter().enumerate() {
        assert_eq!(projection.add(field), Ok(slot));
    }
    let schemas = Arc::new(Schemas::builtin());
    let mut decoder = Decoder::new(Arc::clone(&schemas), projection);
    let alerts = Simulator::new(Survey::Ztf, Config { stamps: false, ..Config::default() }).visit(ALERTS);
    for (row, alert) in (0..).zip(alerts) {
        decoder.push(row, &schemas.frame(&alert.bytes).unwrap()).unwrap();
    }
    let mut groups = decoder.finish().groups;
    assert_eq!(groups.len(), 1);
    groups.remove(0)
}
