//! Figures on Apache Kafka, each compared with a reference in the same run: catching up with a stream, visits at the
//! survey's cadence, the prototype's design in Python, memory, slow filters, and thousands of filters. `make bench-kafka` starts a broker and runs this.

mod bare;
mod bench;
mod catch_up;
mod host;
mod many;
mod memory;
mod process;
mod produce;
mod prototype;
mod second_lane;
mod stream;
mod subscription;
mod visits;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use skysieve_bench::{Row, record};

use bench::Bench;
use visits::Kind;

/// Measures `skysieve host` on Apache Kafka.
///
/// It measures the binary `skysieve` beside this program, with the filters of target/filters.
#[derive(Debug, Parser)]
struct Args {
    /// Address of Apache Kafka
    #[arg(long, value_name = "HOST:PORT", env = "SKYSIEVE_TEST_KAFKA")]
    brokers: String,
    /// What to measure [default: everything]
    #[arg(long = "part", value_name = "PART")]
    parts: Vec<Part>,
    /// Number of filters in a host
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one())]
    filters: usize,
    /// Number of partitions of the stream
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=64))]
    partitions: i32,
    /// Number of alerts that a host catches up with
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = at_least_one())]
    alerts: usize,
    /// Number of alerts in a visit
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = at_least_one())]
    visit: usize,
    /// Number of consecutive visits
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = at_least_one())]
    visits: usize,
    /// Seconds from the start of one visit to that of the next
    #[arg(long, value_name = "SECONDS", default_value_t = 39.0)]
    interval: f64,
    /// Seconds over which a visit's alerts are sent, in the parts that spread them
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    spread: f64,
    /// Number of alerts that arrive at once
    #[arg(long, value_name = "N", default_value_t = 40_000, value_parser = at_least_one())]
    burst: usize,
    /// Numbers of filters in hosts with many of them
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1_000, 5_000])]
    many: Vec<usize>,
    /// Numbers of filters for the prototype's design
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 5, 10, 20])]
    prototypes: Vec<usize>,
    /// Number of alerts that each of these filters reads
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = at_least_one())]
    prototype_alerts: usize,
}

fn at_least_one() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(1..=1_000_000)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Catching up with an existing stream, compared with Python's filters
    CatchUp,
    /// Making and sending a visit, compared with a producer that only sends
    Produce,
    /// Visits at the survey's cadence
    Visits,
    /// Visits at the survey's cadence, each of which is sent over some seconds
    SpreadVisits,
    /// Visits as fast as they can be sent
    BackToBack,
    /// Visits of small alerts, with which the prototype was measured
    SmallVisits,
    /// Memory when many alerts arrive at once
    Memory,
    /// One filter in the slow lane
    SecondLane,
    /// Thousands of filters
    Many,
}

/// How each kind of visit is sent.
const KINDS: [(Part, Kind); 4] = [
    (Part::Visits, Kind::Cadence),
    (Part::SpreadVisits, Kind::Spread),
    (Part::BackToBack, Kind::BackToBack),
    (Part::SmallVisits, Kind::Small),
];

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut rows = Vec::new();
    let ended = measure(&args, &mut rows);
    // If a part fails, the earlier measurements are kept.
    if !rows.is_empty() {
        record("5-kafka", &rows)?;
    }
    ended
}

fn measure(args: &Args, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let bench = Bench::new(&args.brokers, args.partitions, args.filters)?;
    let wanted = |part| args.parts.is_empty() || args.parts.contains(&part);
    // This comes first, while the allocator still has its default settings.
    if wanted(Part::Produce) {
        rows.extend(produce::measure(&bench, args.visit).context("producing")?);
    }
    let kinds: Vec<Kind> = KINDS.into_iter().filter(|(part, _)| wanted(*part)).map(|(_, kind)| kind).collect();
    if wanted(Part::CatchUp) || !kinds.is_empty() {
        catch_up::warm_up(&bench, args)?;
    }
    if wanted(Part::CatchUp) {
        rows.extend(catch_up::measure(&bench, args).context("catching up")?);
    }
    for kind in kinds {
        rows.extend(visits::measure(&bench, args, kind).with_context(|| format!("visits {}", kind.name(args)))?);
    }
    if wanted(Part::Memory) {
        rows.extend(memory::measure(&bench, args.burst).context("alerts at once")?);
    }
    if wanted(Part::SecondLane) {
        rows.extend(second_lane::measure(args).context("a second lane")?);
    }
    if wanted(Part::Many) {
        rows.extend(many::measure(args).context("many filters")?);
    }
    Ok(())
}
