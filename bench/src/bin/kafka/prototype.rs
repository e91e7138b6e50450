//! The cost of the prototype's design, which has a Python process for each filter, compared with ours.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context;
use serde::Deserialize;
use skysieve_bench::{Row, root};

use super::Args;
use super::bench::Bench;

/// The seconds from one LSST visit to the next, and the number of alerts in a visit.
const INTERVAL: f64 = 39.0;
const VISIT: f64 = 10_000.0;

/// The output of `prototype.py`.
#[derive(Deserialize)]
struct Report {
    /// The seconds of CPU of each process.
    cpu: Vec<f64>,
    /// The seconds from the first process's start to the last one's end.
    wall: f64,
    topics: Vec<String>,
}

/// Measures CPU and time of a visit for some numbers of filters. `ours` is the seconds of CPU that the host used for
/// each alert.
pub fn measure(bench: &Bench, args: &Args, topic: &str, ours: f64) -> anyhow::Result<Vec<Row>> {
    let python = python()?;
    let (alerts, cores) = (args.prototype_alerts, std::thread::available_parallelism()?.get() as f64);
    let scale = VISIT / alerts as f64;
    let (mut rows, mut dearest) = (Vec::new(), 0.0);
    for &filters in &args.prototypes {
        eprintln!("prototype: {filters} filters in Python, {alerts} alerts");
        let report = run(&python, bench, topic, filters, alerts)?;
        bench.delete(&report.topics);
        let cpu = report.cpu.iter().sum::<f64>() / filters as f64 * scale;
        dearest = cpu.max(dearest);
        let what = format!("Python × {filters}, a visit (scaled from {alerts} alerts)");
        rows.push(Row::new(format!("{what}: CPU a filter"), cpu, "s"));
        rows.push(Row::new(format!("{what}: wall clock"), report.wall * scale, "s"));
    }
    let (filters, visit) = (bench.filters.len(), ours * VISIT);
    rows.extend([
        Row::new(
            format!("Python, filters that {INTERVAL} s of {cores} cores are enough for"),
            cores * INTERVAL / dearest,
            "",
        ),
        Row::new(format!("host, {filters} filters, a visit: CPU a filter"), visit / filters as f64, "s"),
        Row::new(format!("host, {filters} filters, a visit: CPU in all"), visit, "s"),
        Row::new("CPU a filter, Python over host", dearest * filters as f64 / visit, "×"),
    ]);
    Ok(rows)
}

fn run(python: &PathBuf, bench: &Bench, topic: &str, filters: usize, alerts: usize) -> anyhow::Result<Report> {
    let mut command = Command::new(python);
    command.arg(root().join("bench/python/prototype.py")).args(["--brokers", &bench.brokers, "--topic", topic]);
    command.args(["--name", &bench.name("python"), "--filters", &filters.to_string()]);
    command.args(["--alerts", &alerts.to_string(), "--schemas"]).arg(root().join("schema/lsst"));
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    anyhow::ensure!(output.status.success(), "prototype.py: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A Python interpreter with the packages that the prototype uses.
fn python() -> anyhow::Result<PathBuf> {
    let output = Command::new(root().join("scripts/python-env")).stderr(Stdio::inherit()).output()?;
    anyhow::ensure!(output.status.success(), "scripts/python-env: {}", output.status);
    let path = str::from_utf8(&output.stdout).context("a path in UTF-8")?;
    Ok(PathBuf::from(path.trim()))
}
