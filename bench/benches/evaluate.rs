//! The cost of evaluation: 1, 100 and 1,000 filters on batches of 256 alerts, with fuel and deadlines; the start of a
//! filter; and the memory of idle filters. Times are CPU times of this thread, except for the first verdict, which uses
//! all cores.
//!
//! `ten-columns` is a filter in text form that reads ten columns of doubles. The examples in `target/filters` are
//! measured as well if they are built.

use std::path::Path;
use std::time::Instant;

use skysieve_avro::alert::{Column, Field, Kind};
use skysieve_bench::{Goal, Row, record, thread_cpu};
use skysieve_sandbox::{Engine, Filter, Limits, Module, PoolConfig, spawn};

/// The filter in text form.
const SIMPLE: &str = "ten-columns";
/// The number of alerts in a batch.
const ROWS: usize = 256;
/// The number of batches that are used in turn, so that no filter sees the same bytes twice in a row.
const BATCHES: usize = 4;
/// The number of rounds of each measurement. The median of them counts.
const ROUNDS: usize = 7;

fn main() -> anyhow::Result<()> {
    // `cargo bench` passes `--bench`. `cargo test` does not, and needs no figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let measured = spawn("evaluate", move || {
        let mut rows = Vec::new();
        measure(&mut |row| rows.push(row))?;
        record("2-evaluate", &rows)
    })?;
    measured.join().expect("no panic")
}

fn measure(report: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let engine = Engine::new(&PoolConfig::default())?;
    for (name, bytes) in modules()? {
        let begin = Instant::now();
        let module = engine.load(&bytes, &Limits::default())?;
        let columns = columns(&Filter::start(&module, "", &Limits::default())?.manifest().fields);
        first(&module, &columns)?;
        let what = format!("{name}: module to first verdict");
        report(Row::new(what, begin.elapsed().as_secs_f64(), "s").goal(Goal::AtMost(2.0)));

        report(start(&name, &module)?);
        for count in [1, 100, 1000] {
            let value = evaluate(&module, count, &columns)?;
            let row = Row::new(format!("{name}: an alert and filter, {count} filters"), value, "ns");
            report(if name == SIMPLE { row.goal(Goal::AtMost(40.0)) } else { row });
        }
        for count in [100, 1000] {
            let value = idle(&module, count, &columns)?;
            let what = format!("{name}: memory of an idle filter beyond the first, {count} filters");
            report(Row::new(what, value, "KiB").goal(Goal::AtMost(256.0)));
        }
    }
    Ok(())
}

/// The filter in text form, and the examples that are built.
fn modules() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut modules = vec![(SIMPLE.to_owned(), wat::parse_file(root.join("filters/ten-columns.wat"))?)];
    for name in ["bright", "rising"] {
        if let Ok(bytes) = std::fs::read(root.join("../target/filters").join(name).with_extension("wasm")) {
            modules.push((name.to_owned(), bytes));
        }
    }
    Ok(modules)
}

/// Nanoseconds for each alert and filter.
fn evaluate(module: &Module, count: usize, batches: &[Vec<Column>]) -> anyhow::Result<f64> {
    let mut filters = start_many(module, count)?;
    let mut pass = |batch: usize| -> anyhow::Result<()> {
        let columns: Vec<&Column> = batches[batch % BATCHES].iter().collect();
        for filter in &mut filters {
            let evaluation = filter.evaluate(ROWS, &columns);
            anyhow::ensure!(evaluation.faults.is_empty(), "{:?}", evaluation.faults);
        }
        Ok(())
    };
    let passes = (20_000 / count).max(8);
    let mut rounds = [0; ROUNDS];
    (0..BATCHES).try_for_each(&mut pass)?;
    for round in &mut rounds {
        let begin = thread_cpu()?;
        (0..passes).try_for_each(&mut pass)?;
        *round = thread_cpu()? - begin;
    }
    rounds.sort_unstable();
    Ok(rounds[ROUNDS / 2] as f64 / (passes * count * ROWS) as f64)
}

/// Evaluates one batch with a new filter.
fn first(module: &Module, batches: &[Vec<Column>]) -> anyhow::Result<()> {
    let columns: Vec<&Column> = batches[0].iter().collect();
    let evaluation = Filter::start(module, "", &Limits::default())?.evaluate(ROWS, &columns);
    anyhow::ensure!(evaluation.faults.is_empty(), "{:?}", evaluation.faults);
    Ok(())
}

/// Measures taking an instance from the pool and describing it, including its end, which makes room for the next one.
fn start(name: &str, module: &Module) -> anyhow::Result<Row> {
    const STARTS: u64 = 2000;
    let mut rounds = [0; ROUNDS];
    for round in &mut rounds {
        let begin = thread_cpu()?;
        for _ in 0..STARTS {
            drop(Filter::start(module, "", &Limits::default())?);
        }
        *round = (thread_cpu()? - begin) / STARTS;
    }
    rounds.sort_unstable();
    let value = rounds[ROUNDS / 2] as f64 / 1e3;
    Ok(match name {
        SIMPLE => Row::new(format!("{name}: instance from the pool, described"), value, "µs").goal(Goal::AtMost(20.0)),
        // Most of this time is spent by the filter itself on reading its config.
        _ => Row::new(format!("{name}: instance from the pool, config read, described"), value, "µs"),
    })
}

/// KiB of resident memory for each filter after the first, once it has seen one batch.
fn idle(module: &Module, count: usize, batches: &[Vec<Column>]) -> anyhow::Result<f64> {
    let columns: Vec<&Column> = batches[0].iter().collect();
    let run = |count: usize| -> anyhow::Result<Vec<Filter>> {
        let mut filters = start_many(module, count)?;
        filters.iter_mut().for_each(|filter| drop(filter.evaluate(ROWS, &columns)));
        Ok(filters)
    };
    let first = run(1)?;
    let before = resident()?;
    let filters = run(count)?;
    let after = resident()?;
    drop((first, filters));
    Ok((after.saturating_sub(before)) as f64 / 1024.0 / count as f64)
}

fn start_many(module: &Module, count: usize) -> anyhow::Result<Vec<Filter>> {
    (0..count).map(|_| Ok(Filter::start(module, "", &Limits::default())?)).collect()
}

/// The resident memory of this process in bytes (`/proc/self/statm`, second field, in pages of 4 KiB).
fn resident() -> anyhow::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(1).unwrap_or_default();
    Ok(pages.parse::<u64>()? * 4096)
}

/// Batches of random values for the fields of a filter.
fn columns(fields: &[Field]) -> Vec<Vec<Column>> {
    let mut state = 1;
    (0..BATCHES).map(|_| fields.iter().map(|field| column(field, &mut state)).collect()).collect()
}

/// A column with one value for each row, or ten if the field goes through an array.
fn column(field: &Field, state: &mut u64) -> Column {
    let kind = if field.kind == Kind::Any { Kind::Double } else { field.kind };
    let mut column = Column::new(kind, field.is_list());
    let values = if column.list { 10 } else { 1 };
    for row in 0..ROWS {
        (0..values).for_each(|_| push(&mut column, random(state)));
        if column.list {
            column.ends.extend_from_slice(&(((row + 1) * values) as u32).to_le_bytes());
        }
    }
    column
}

/// Appends a value; numbers are between 0 and 30.
fn push(column: &mut Column, value: u64) {
    let value = (value % 3000) as f64 / 100.0;
    match column.kind {
        Kind::Boolean => column.values.push((value as u8) & 1),
        Kind::Int => column.values.extend_from_slice(&(value as i32).to_le_bytes()),
        Kind::Long => column.values.extend_from_slice(&(value as i64).to_le_bytes()),
        Kind::Float => column.values.extend_from_slice(&(value as f32).to_le_bytes()),
        Kind::Double | Kind::Any => column.values.extend_from_slice(&value.to_le_bytes()),
        Kind::Text | Kind::Bytes => {
            column.values.extend_from_slice(b"ZTF18abcdefg");
            column.offsets.extend_from_slice(&(column.values.len() as u32).to_le_bytes());
        }
    }
}

/// Xorshift (Marsaglia 2003), which is good enough here.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
