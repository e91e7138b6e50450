//! Thousands of filters in one host: how long it takes to start, and what a visit costs.

use std::time::Instant;

use anyhow::Context;
use skysieve_bench::{Goal, Row};

use super::Args;
use super::bench::{Bench, median};
use super::host::Host;
use super::stream::Stream;

/// Seconds from one visit to the next. It is longer than two cores need for a visit.
const INTERVAL: u64 = 15;

/// Measures a host with each of these numbers of filters.
pub fn measure(args: &Args) -> anyhow::Result<Vec<Row>> {
    let rows = args.many.iter().map(|&filters| host(args, filters).with_context(|| format!("{filters} filters")));
    Ok(rows.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

fn host(args: &Args, filters: usize) -> anyhow::Result<Vec<Row>> {
    let bench = Bench::new(&args.brokers, args.partitions, filters)?;
    let stream = Stream::new(&bench)?;
    let cache = tempfile::tempdir()?;
    let folder = cache.path().to_str().context("a folder whose name is not text")?;
    let most = filters.to_string();
    let usual = ["--max-filters", &most];
    let cached = [&usual[..], &["--cache", folder]].concat();

    let begun = Instant::now();
    let (host, _) = start(&bench, &stream, &usual)?;
    host.stop()?;
    eprintln!("{filters} filters: started after {:.1?}, with their topics", begun.elapsed());
    let (host, without) = start(&bench, &stream, &usual)?;
    host.stop()?;
    let (host, _) = start(&bench, &stream, &cached)?;
    host.stop()?;
    let (mut host, with) = start(&bench, &stream, &cached)?;
    let idle = host.memory_peak()?;

    // The first visit creates the topics' files.
    let visits = stream.publish(&format!(
        "--interval {INTERVAL} --visits {} --alerts-per-visit {} --no-stamps --no-history --rate {}",
        args.visits + 1,
        args.visit,
        args.visit as f64 / args.spread
    ))?;
    let (mut cpu, mut lags, mut before, mut alerts) = (Vec::new(), Vec::new(), 0.0, 0);
    for visit in &visits {
        alerts += visit.delivered;
        let done = host.await_done(alerts)?;
        cpu.push(done.cpu - before);
        lags.push(done.at - visit.last_acknowledged);
        before = done.cpu;
    }
    eprintln!("{filters} filters: {cpu:.2?} s of CPU a visit, done {lags:.2?} s later");
    let slow = host.await_filters(alerts)?;
    eprintln!("{} filters were in the slow lane", slow.len());
    let peak = host.memory_peak()?;
    host.stop()?;
    let visit = format!("a visit of {} small alerts over {} s", args.visit, args.spread);
    Ok(vec![
        Row::new(format!("{filters} filters: from the start to the first fetch"), without, "s"),
        Row::new(format!("{filters} filters: the same with --cache"), with, "s"),
        Row::new(format!("{filters} filters: resident memory when the host has started"), idle, "MiB"),
        Row::new(format!("{filters} filters: the most memory, after some visits"), peak, "MiB"),
        Row::new(format!("{filters} filters: CPU for {visit}"), median(cpu.split_off(1))?, "s")
            .goal(Goal::AtMost(39.0)),
        Row::new(format!("{filters} filters: last acknowledged → last filter done"), median(lags.split_off(1))?, "s"),
    ])
}

/// Starts a host. Returns it, and the seconds until it reads the stream.
fn start<'a>(bench: &'a Bench, stream: &Stream<'_>, arguments: &[&str]) -> anyhow::Result<(Host<'a>, f64)> {
    let begun = Instant::now();
    let mut host = Host::start_with(bench, &stream.topic, arguments)?;
    host.first("the host to read", |sample| sample.ready)?;
    Ok((host, begun.elapsed().as_secs_f64()))
}
