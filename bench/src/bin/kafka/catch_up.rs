//! Compares a host that catches up with a stream with a librdkafka consumer that only counts messages.

use std::time::Instant;

use anyhow::Context;
use skysieve::heap;
use skysieve_bench::{Goal, Row};

use super::bare::read;
use super::bench::{Bench, median};
use super::host::Host;
use super::stream::{Stream, mean_size};
use super::{Args, prototype};

/// The number of runs is odd, so that one of them is the median.
const RUNS: usize = 3;

/// How many visits are used to warm up, and how many times they are read.
const WARM_UP: usize = 4;

/// Simulated LSST alerts have 85 KB with cutouts and 16 KB without. With this share without cutouts the mean is 66 KB,
/// and every alert has its history.
const WITHOUT_STAMPS: f64 = 0.28;

/// One run.
struct Run {
    /// Alerts a second.
    rate: f64,
    /// Seconds of CPU an alert.
    cpu: f64,
}

/// Measures alerts per second, and CPU time compared with that of the prototype's design on the same stream.
pub fn measure(bench: &Bench, args: &Args) -> anyhow::Result<Vec<Row>> {
    let stream = Stream::new(bench)?;
    let (size, alerts) = fill(&stream, args)?;
    eprintln!("catching up: {alerts} alerts of {size:.1} KB are there");
    let (mut bare, mut hosts, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=RUNS {
        bare.push(consume(bench, &stream.topic, alerts)?);
        let host = catch_up(bench, &stream.topic, alerts)?;
        eprintln!("run {run}: host {:.0} a second, bare consumer {:.0}", host.rate, bare[run - 1]);
        hosts.push(host.rate);
        cpu.push(host.cpu);
    }
    // Hosts do the same. It applies to this whole program from here on.
    heap::keep();
    let kept = (0..RUNS).map(|_| consume(bench, &stream.topic, alerts)).collect::<anyhow::Result<_>>()?;
    let (bare, host, cpu) = (median(bare)?, median(hosts)?, median(cpu)?);
    let filters = bench.filters.len();
    let mut rows = vec![
        Row::new(format!("{alerts} alerts to catch up with, mean size"), size, "KB"),
        Row::new("a librdkafka consumer that only counts them", bare, "/s"),
        Row::new(format!("host, {filters} filters, exactly once"), host, "/s"),
        Row::new("the host's rate over the consumer's", host / bare, "×").goal(Goal::AtLeast(0.8)),
        Row::new("the consumer with an allocator that keeps freed memory, as the host has it", median(kept)?, "/s"),
    ];
    rows.extend(prototype::measure(bench, args, &stream.topic, cpu).context("the prototype in Python")?);
    Ok(rows)
}

/// Reads visits that are not measured. The broker compiles its code as it runs, which takes a quarter of the CPU at
/// first, and it creates the files of the filters' topics.
pub fn warm_up(bench: &Bench, args: &Args) -> anyhow::Result<()> {
    eprintln!("{WARM_UP} visits of {} alerts to warm up", args.visit);
    let stream = Stream::new(bench)?;
    stream.publish(&format!("--interval 0 --visits {WARM_UP} --alerts-per-visit {}", args.visit))?;
    (0..WARM_UP).try_for_each(|_| catch_up(bench, &stream.topic, (WARM_UP * args.visit) as u64).map(drop))
}

/// Sends alerts with and without cutouts at the same time. Returns their mean size in KB, and their number.
fn fill(stream: &Stream<'_>, args: &Args) -> anyhow::Result<(f64, u64)> {
    let without = (args.alerts as f64 * WITHOUT_STAMPS).round().max(1.0) as usize;
    let with = (args.alerts - without).max(1);
    // The visits are of the usual size, because quotas count by visit.
    let visits = args.alerts.div_ceil(args.visit);
    let flags =
        |alerts: usize| format!("--interval 0 --visits {visits} --alerts-per-visit {}", alerts.div_ceil(visits));
    let visits = stream.publish_together(&[&flags(with), &format!("{} --no-stamps --seed 2", flags(without))])?;
    Ok((mean_size(&visits), visits.iter().map(|visit| visit.delivered).sum()))
}

/// The rate of a host, from the first messages that it is known to have until the last one has been processed. Those
/// first messages do not count.
fn catch_up(bench: &Bench, topic: &str, alerts: u64) -> anyhow::Result<Run> {
    let mut host = Host::start(bench, topic)?;
    let first = host.first("the first message", |sample| sample.messages > 0)?;
    let last = host.await_done(alerts)?;
    host.filters(alerts)?;
    host.stop()?;
    let counted = (alerts - first.messages) as f64;
    anyhow::ensure!(counted > 0.0, "{alerts} alerts are too few: all were fetched at once");
    Ok(Run { rate: counted / (last.at - first.at), cpu: (last.cpu - first.cpu) / counted })
}

/// The rate of a plain consumer, from the first message to the last.
fn consume(bench: &Bench, topic: &str, alerts: u64) -> anyhow::Result<f64> {
    let mut started = None;
    read(bench, topic, alerts, |message| {
        std::hint::black_box(message);
        started.get_or_insert_with(Instant::now);
    })?;
    let started = started.context("no alerts")?;
    Ok((alerts - 1) as f64 / started.elapsed().as_secs_f64())
}
