//! What the slow lane costs when it holds one filter: the stream is read and decoded twice.

use anyhow::Context;
use skysieve_bench::{Row, root};

use super::Args;
use super::bench::Bench;
use super::host::Host;
use super::stream::Stream;

/// Works for some milliseconds on each tenth alert, which is longer than [`SLICE`] for nearly every batch.
const SLOW: &str =
    "[config]\nmode = 'heavy'\nevery = 10\nrounds = 2000000\n[limits]\nfuel = 1000000000\ndeadline_ms = 60000\n";
const SLICE: &str = "4";

/// Seconds from one visit to the next. It is longer than two cores need for a visit.
const INTERVAL: u64 = 20;

/// Measures the CPU for a visit without that filter, with it in the live lane, and with it in the slow lane.
pub fn measure(args: &Args) -> anyhow::Result<Vec<Row>> {
    let without = Bench::new(&args.brokers, args.partitions, args.filters)?;
    let alone = visits(&without, args, &[], false).context("without a slow filter")?;
    let mut with = Bench::new(&args.brokers, args.partitions, args.filters)?;
    let module = root().join("target/filters/odd.wasm");
    std::fs::copy(&module, with.folder.path().join("slow.wasm"))
        .with_context(|| format!("{} is missing: `skysieve build tests/guests/odd` builds it", module.display()))?;
    std::fs::write(with.folder.path().join("slow.toml"), SLOW)?;
    with.filters.push("slow".to_owned());
    // In such a slice, it stays in the live lane.
    let live = visits(&with, args, &["--slice", "10000"], false).context("in the live lane")?;
    let slow = visits(&with, args, &["--slice", SLICE], true).context("in the slow lane")?;
    let visit = format!("CPU for a visit of {} alerts, {} filters", args.visit, args.filters);
    Ok(vec![
        Row::new(&*visit, alone, "s"),
        Row::new("  and one that takes long, in the live lane", live, "s"),
        Row::new("  and that one in the slow lane", slow, "s"),
        Row::new("  what the slow lane costs", slow - live, "s"),
    ])
}

/// The seconds of CPU that a host uses for a visit.
fn visits(bench: &Bench, args: &Args, arguments: &[&str], is_slow: bool) -> anyhow::Result<f64> {
    let stream = Stream::new(bench)?;
    let mut host = Host::start_with(bench, &stream.topic, arguments)?;
    host.first("the host to read", |sample| sample.ready)?;
    let visits = stream.publish(&format!(
        "--interval {INTERVAL} --visits {} --alerts-per-visit {}",
        args.visits + 1,
        args.visit
    ))?;
    let alerts = visits.iter().map(|visit| visit.delivered).sum();
    let slow = host.await_filters(alerts)?;
    anyhow::ensure!(is_slow != slow.is_empty(), "in the slow lane: {slow:?}");
    // The first visit creates the topics' files.
    let first = visits.first().context("no visit")?.delivered;
    let before = host.first("the second visit", |sample| sample.messages > first)?.cpu;
    let used = (host.cpu()? - before) / args.visits as f64;
    eprintln!("{used:.2} s of CPU a visit, {arguments:?}");
    host.stop()?;
    Ok(used)
}
