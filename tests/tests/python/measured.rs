//! What filters in Python cost, beside CPython and fastavro. With `SKYSIEVE_TEST_MEASURE=1`, figures are printed; otherwise
//! this only tests that they can be taken.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use skysieve::filters::{LANGUAGES, Program, Runners, Settings};
use skysieve_avro::alert::{Column, Field, Kind};
use skysieve_sandbox::{Engine, Filter, Limits, PoolConfig};
use skysieve_tests::{output, python, root, runners, text};

use super::example;

/// The alerts of a batch, and the detections of each history.
const ROWS: usize = 256;
const HISTORY: usize = 16;

/// The values of a field: all of them make every filter look at everything.
fn column(field: &Field) -> Column {
    let path = field.paths[0].as_str();
    let kind = match path {
        _ if path.ends_with('?') => Kind::Boolean,
        _ if path.ends_with("fid") => Kind::Int,
        _ => Kind::Double,
    };
    let mut column = Column::new(kind, field.is_list());
    let values = if column.list { ROWS * HISTORY } else { ROWS };
    for at in 0..values {
        match kind {
            Kind::Boolean => column.values.push(1),
            Kind::Int => column.values.extend(1_i32.to_le_bytes()),
            _ if path.ends_with("jd") => {
                column.values.extend((if column.list { 90.0 } else { 100.0_f64 }).to_le_bytes())
            }
            _ => column.values.extend((17.0 + at as f64 / values as f64).to_le_bytes()),
        }
    }
    if column.list {
        (1..=ROWS).for_each(|row| column.ends.extend(((row * HISTORY) as u32).to_le_bytes()));
    }
    column
}

/// Microseconds and fuel for an alert.
fn cost(filter: &mut Filter, rounds: usize) -> (f64, u64) {
    let columns: Vec<Column> = filter.manifest().fields.iter().map(column).collect();
    let columns: Vec<&Column> = columns.iter().collect();
    let mut times: Vec<(Duration, u64)> = Vec::new();
    for _ in 0..rounds {
        let begin = Instant::now();
        let evaluation = filter.evaluate(ROWS, &columns);
        times.push((begin.elapsed(), evaluation.fuel));
        assert!(evaluation.faults.is_empty(), "{:?}", evaluation.faults);
    }
    times.sort_unstable();
    let (time, fuel) = times[rounds / 4];
    (time.as_secs_f64() * 1e6 / ROWS as f64, fuel / ROWS as u64)
}

#[test]
fn the_cost_of_an_alert() {
    let (Some(runners), Some(python)) = (runners(), python()) else { return };
    let rounds = if std::env::var_os("SKYSIEVE_TEST_MEASURE").is_some() { 400 } else { 4 };
    let engine = Engine::new(&PoolConfig::for_filters(8)).unwrap();
    let module = engine.load(&Runners::new(Some(runners)).read(&LANGUAGES[0]).unwrap(), &Limits::default()).unwrap();
    let columns = |name: &str| root().join("tests/python/measured").join(name).with_extension("py");
    for file in [columns("ten_columns"), columns("ten_columns_alert"), example("named/rising"), example("rising")] {
        let name = file.strip_prefix(root()).unwrap().display();
        let text_of = std::fs::read_to_string(&file).unwrap();
        let mut settings = Settings::default();
        Program { language: &LANGUAGES[0], file: format!("{name}.py"), text: text_of }.fill(&mut settings).unwrap();
        let limits = settings.limits.over(&Limits::default());
        let begin = Instant::now();
        let mut filter = Filter::start(&module, &settings.config, &limits).unwrap();
        let start = begin.elapsed();
        let (micros, fuel) = cost(&mut filter, rounds);
        eprintln!(
            "{name}: {micros:.2} µs, {fuel} fuel an alert; start {start:.1?}; {}",
            natively(&python, &file, rounds)
        );
        assert!(fuel < 400_000, "{name}: {fuel}");
    }
}

/// What CPython and fastavro take for the same.
fn natively(python: &Path, file: &Path, rounds: usize) -> String {
    let script = root().join("tests/python/measured.py");
    let measured = output(Command::new(python).arg(script).arg(file).arg(rounds.div_ceil(10).to_string()));
    assert!(measured.status.success(), "{}", text(&measured.stderr));
    text(&measured.stdout).trim().to_owned()
}
