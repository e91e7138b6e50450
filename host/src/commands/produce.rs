//! `skysieve produce`: publishes visits of alerts, from files or simulated, at a survey's cadence.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::common::{SchemaArgs, Survey, UsageError, parse_seconds};
use super::fields::FieldArgs;
use super::properties::PropertyArgs;
use super::serve::{stop_on_signal, unless_stopped};
use crate::kafka::{Options, Outbound};

mod cadence;
mod files;
mod fresh;
mod input;
mod publish;
mod recipe;
mod report;
#[cfg(test)]
mod tests;

/// Publish visits of alerts on a Kafka topic, from files or simulated, at a survey's cadence.
///
/// A file with many alerts is one visit; files with one alert each are grouped by the visit in the alert. Messages have
/// the alerts' ids as keys. Every delivery report is checked. Every flag can also be set in the environment, as
/// SKYSIEVE_ and its name. Ctrl-C waits for messages that are on their way, and prints the report.
///
/// The exit code is 0 if everything was read and delivered, otherwise 1. It is 2 for wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve produce --brokers localhost:9092 --topic alerts --simulate lsst --visits 3
  skysieve produce --brokers localhost:9092 --topic ztf alerts/ztf/visits --repeat --align
  skysieve produce --brokers localhost:9092 --topic small --simulate lsst --no-stamps --no-history --rate 250")]
pub struct ProduceArgs {
    /// Packets: files or folders (searched for *.avro, *.avro.gz) with object containers of one or many alerts or raw
    /// wire packets, either of them possibly gzipped. The codecs of containers can be null, deflate, snappy, zstandard,
    /// bzip2, xz and lz4
    #[arg(value_name = "PATH", required_unless_present = "simulate", conflicts_with = "simulate")]
    paths: Vec<PathBuf>,
    /// Simulate the alerts of a survey instead
    #[arg(long, value_name = "SURVEY", env = "SKYSIEVE_SIMULATE")]
    simulate: Option<Survey>,
    /// Seed of the simulation; the same seed makes the same alerts
    #[arg(long, value_name = "N", env = "SKYSIEVE_SEED", default_value_t = 1)]
    seed: u64,
    /// Kafka brokers to connect to first, host:port, separated by commas
    #[arg(long, value_name = "HOST:PORT", env = "SKYSIEVE_BROKERS")]
    brokers: String,
    /// The topic to publish on
    #[arg(long, env = "SKYSIEVE_TOPIC")]
    topic: String,
    #[command(flatten)]
    properties: PropertyArgs,
    #[command(flatten)]
    schemas: SchemaArgs,
    #[command(flatten)]
    named: FieldArgs,
    #[command(flatten)]
    visits: VisitArgs,
    #[command(flatten)]
    packets: PacketArgs,
    /// Number of producers that share a visit, each with its own connections
    #[arg(long, value_name = "N", env = "SKYSIEVE_PRODUCERS", default_value_t = 1,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=64))]
    producers: usize,
    /// Compression of messages
    #[arg(long, env = "SKYSIEVE_COMPRESSION", default_value = "none",
          value_parser = ["none", "gzip", "snappy", "lz4", "zstd"])]
    compression: String,
    /// Print one JSON object for each visit, and one at the end
    #[arg(long, env = "SKYSIEVE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

/// When to publish, and how much.
#[derive(Debug, Args)]
struct VisitArgs {
    /// Largest number of alerts in a visit; further alerts in a file are left out
    #[arg(long, value_name = "N", env = "SKYSIEVE_ALERTS_PER_VISIT", default_value_t = 10_000,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    alerts_per_visit: usize,
    /// Number of visits to publish in total [default: those of the files, or one if simulated; with --repeat, as
    /// many as --max-repeats allows]
    #[arg(long, value_name = "N", env = "SKYSIEVE_VISITS", value_parser = clap::value_parser!(u64).range(1..))]
    visits: Option<u64>,
    /// Seconds from the start of one visit to that of the next. A visit that takes longer delays the next one
    #[arg(long, value_name = "SECONDS", env = "SKYSIEVE_INTERVAL", default_value = "39", value_parser = parse_seconds)]
    interval: f64,
    /// Start visits when the clock (UTC) is at a multiple of the interval
    #[arg(long, env = "SKYSIEVE_ALIGN", value_parser = FalseyValueParser::new())]
    align: bool,
    /// Largest number of alerts per second
    #[arg(long, value_name = "N", env = "SKYSIEVE_RATE", value_parser = parse_rate)]
    rate: Option<f64>,
    /// Start again after the last visit; a simulated survey continues with its next visit
    #[arg(long, env = "SKYSIEVE_REPEAT", value_parser = FalseyValueParser::new())]
    repeat: bool,
    /// How many times to start again
    #[arg(long, value_name = "N", env = "SKYSIEVE_MAX_REPEATS", default_value_t = 2215)]
    max_repeats: u64,
    /// Leave ids, visits and times as they are on repeats. Otherwise each repeat gives an alert a new id and its visit
    /// a new number and a time that is whole days later; the alert's history stays the same
    #[arg(long, env = "SKYSIEVE_AS_IS", value_parser = FalseyValueParser::new())]
    as_is: bool,
}

/// What to do with each alert.
#[derive(Debug, Args)]
struct PacketArgs {
    /// Leave out cutouts
    #[arg(long, env = "SKYSIEVE_NO_STAMPS", value_parser = FalseyValueParser::new())]
    no_stamps: bool,
    /// Leave out previous and forced sources
    #[arg(long, env = "SKYSIEVE_NO_HISTORY", value_parser = FalseyValueParser::new())]
    no_history: bool,
    /// Send JSON instead of Avro: an object for each alert, with bytes in base64
    #[arg(long, env = "SKYSIEVE_ENCODE_OFF", value_parser = FalseyValueParser::new(), conflicts_with = "framing")]
    encode_off: bool,
    /// Send each alert in Confluent's wire format or in an object container [default: as it is; simulated: as the
    /// survey does]
    #[arg(long, env = "SKYSIEVE_FRAMING")]
    framing: Option<Framing>,
    /// The schema id for Confluent's wire format [default: LSST's number, major × 100 + minor]
    #[arg(long, value_name = "ID", env = "SKYSIEVE_SCHEMA_ID", requires = "framing")]
    schema_id: Option<u32>,
}

/// How alerts are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
enum Framing {
    Confluent,
    Container,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (1e-3..=1e9).contains(&rate) => Ok(rate),
        _ => Err("0.001 to 1000000000 alerts per second".to_owned()),
    }
}

/// Publishes the visits one after the other.
///
/// # Errors
/// Returns an error if nothing can be read, or if Kafka can't be reached or refuses the messages.
pub fn run(args: ProduceArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let options = args.properties.options(&args.brokers, &stop, Options::check)?;
    if args.packets.schema_id.is_some() && args.packets.framing != Some(Framing::Confluent) {
        return Err(UsageError("--schema-id is for --framing confluent".to_owned()).into());
    }
    let schemas = Arc::new(args.schemas.load_patiently(stop.clone())?);
    let recipe = recipe::Recipe::new(&args.packets, args.simulate.is_none(), &schemas, args.named.surveys()?);
    let (mut input, unreadable) = input::Input::open(&args, &recipe)?;
    let mut report = report::Report::new(args.json, unreadable);
    let (topic, compression, producers) = (args.topic.clone(), args.compression.clone(), args.producers);
    let connect = move || Ok(Outbound::several(&options, &topic, &compression, producers)?);
    let outbounds = unless_stopped(&stop, connect)?.unwrap_or_default();
    let visits = &args.visits;
    let mut cadence = cadence::Cadence::new(Duration::from_secs_f64(visits.interval), visits.align);
    let run = publish::Run { recipe: &recipe, outbounds: &outbounds, stop: &stop, rate: visits.rate };
    while !stop.load(Ordering::Relaxed)
        && let Some(visit) = input.next_visit()
    {
        if !cadence.wait(&stop) {
            break;
        }
        let (published, error) = run.publish(&visit);
        report.visit(&published, cadence.late());
        if let Some(error) = error {
            report.end();
            return Err(error);
        }
    }
    Ok(if report.end() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
