//! How much memory a host needs if far more arrives than it can judge at once.

use skysieve_bench::{Goal, Row};

use super::bench::Bench;
use super::host::Host;
use super::stream::{Stream, mean_size};

/// A visit with this many alerts is there when the host starts, because it could not arrive any faster.
pub fn measure(bench: &Bench, alerts: usize) -> anyhow::Result<Vec<Row>> {
    let stream = Stream::new(bench)?;
    let visits = stream.publish(&format!("--interval 0 --alerts-per-visit {alerts}"))?;
    let mut host = Host::start(bench, &stream.topic)?;
    host.first("the host to read", |sample| sample.ready)?;
    let before = host.memory_peak()?;
    host.await_done(alerts as u64)?;
    host.filters(alerts as u64)?;
    let peak = host.memory_peak()?;
    host.stop()?;
    let filters = bench.filters.len();
    Ok(vec![
        Row::new(format!("{alerts} alerts at once, mean size"), mean_size(&visits), "KB"),
        Row::new(format!("host's resident memory with {filters} filters, when it starts to read"), before, "MiB"),
        Row::new(format!("the most while {alerts} alerts arrive at once"), peak, "MiB").goal(Goal::AtMost(1024.0)),
    ])
}
