//! `skysieve demo`: broker, survey, host and subscribers in one process, with an accounting at the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;

use super::common::{SchemaArgs, parse_seconds};
use super::fields::FieldArgs;
use super::host::prepare;
use super::serve::{Api, check_loopback, stop_on_signal};
use crate::access::Access;
use crate::api::ApiConfig;
use crate::catalog::Catalog;
use crate::commands::output::print_line;
use crate::filters::{Ceilings, Control};
use crate::kafka::{EmbeddedBroker, Feeder, HostLock, Options, StartAt, Subscriber};
use crate::pipeline::{BatchLimits, Config, DEFAULT_PASS_RATE, DEFAULT_QUOTA, FaultLimits, Pipeline, Topics};
use skysieve_sandbox::{Budget, Engine, Limits, PoolConfig};
use skysieve_survey::Surveys;

mod account;
mod feed;
pub mod modules;
mod subscribe;
mod visits;

const INPUT: &str = "alerts";
const DEAD_LETTERS: &str = "dead-letters";
const PARTITIONS: i32 = 4;
/// How many filters besides the demo's own can be uploaded while it keeps running.
const UPLOADS: usize = 8;

/// Run the whole system in one process: an embedded broker, visits of alerts, and filters with a subscriber for each.
///
/// Ends with a summary of each visit and an accounting: every alert that a filter saw was accepted, rejected, over the
/// quota or a fault, and every accepted alert reached its subscriber exactly once and byte for byte. The exit code is 1
/// if it does not add up.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve demo                                     three simulated LSST visits of 10,000 alerts, 100 filters
  skysieve demo --packets alerts/ztf/visits         real packets instead
  skysieve demo --keep-running                      visits until Ctrl-C, status page on http://127.0.0.1:8080")]
pub struct DemoArgs {
    /// Number of filters: the examples, each with many configs
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=2000))]
    filters: usize,
    /// Number of visits to simulate
    #[arg(long, value_name = "N", default_value_t = 3)]
    visits: usize,
    /// Alerts in each simulated visit
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    alerts_per_visit: usize,
    /// Seconds from the start of one visit to that of the next (LSST: 39). A visit that takes longer delays the next
    /// one
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = parse_seconds)]
    interval: f64,
    /// Seed of the simulation; the same seed makes the same alerts
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Packets to replay instead: a folder of files with one alert each
    #[arg(long, value_name = "DIR", conflicts_with_all = ["visits", "alerts_per_visit", "seed"])]
    packets: Option<PathBuf>,
    #[command(flatten)]
    schemas: SchemaArgs,
    #[command(flatten)]
    named: FieldArgs,
    /// The folder with the examples' modules (`make filters` builds them)
    #[arg(long, value_name = "DIR", default_value = "target/filters")]
    modules: PathBuf,
    /// Continue with further visits until Ctrl-C, and serve the HTTP API
    #[arg(long)]
    keep_running: bool,
    /// Address of the HTTP API, with --keep-running. It asks for no tokens, so that it has to be one of this machine alone
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,
}

/// The API's settings: the examples are the predefined filters, too.
fn api_config(modules: &Path) -> ApiConfig {
    ApiConfig { catalog: Catalog::find(Some(modules)), ..ApiConfig::default() }
}

/// Runs the demo.
///
/// # Errors
/// Returns an error if a part of it can't be started, or fails.
pub fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    check_loopback("--listen", &args.listen)?;
    let stop = stop_on_signal()?;
    let schemas = Arc::new(args.schemas.load_patiently(stop.clone())?);
    let surveys = args.named.surveys()?;
    let mut survey = visits::Survey::open(&args, &schemas, &surveys)?;
    let filters = modules::choose(&args.modules, survey.is_ztf(), args.filters)?;
    let names: Vec<String> = filters.iter().map(|(name, _)| name.clone()).collect();
    print_line(format_args!("{} filters from {}", names.len(), args.modules.display()));

    let pool = PoolConfig::for_filters(names.len() + UPLOADS);
    // The examples are the user's own, so they may take as long as they need.
    let engine = Engine::for_uploads(&pool, Duration::from_secs(600), None)?;
    let (mut pipeline, handle) = Pipeline::new(config(names.len(), surveys), engine, schemas)?;
    let uploads = filters.into_iter().map(|(name, upload)| (name, Ok(upload))).collect();
    let Some(prepared) = prepare(&handle, uploads, &stop) else { return Ok(ExitCode::SUCCESS) };
    if prepared.len() < names.len() {
        return Err(anyhow!("{} filters were refused", names.len() - prepared.len()));
    }
    pipeline.add(prepared)?;

    let broker = start_broker(&names)?;
    let options = Options { stop: stop.clone(), ..broker.options() };
    let api = match args.keep_running {
        true => Some(Api::start(&args.listen, api_config(&args.modules), Access::open(), Arc::new(handle.clone()))?),
        false => None,
    };
    print_line(format_args!(
        "embedded broker at {} (any Kafka client can subscribe), topics: the filters' names",
        broker.brokers()
    ));
    if let Some(api) = &api {
        print_line(format_args!("status page and API at http://{}/", api.address));
    }

    let lock = HostLock::new(&broker.options(), "demo")?;
    let (source, sinks) = lock.open(&[INPUT.to_owned()], StartAt::Committed, DEAD_LETTERS.into())?;
    let watch = source.watch();
    let consumed = Arc::new(move |partition| watch.position(INPUT, partition).unwrap_or(0));
    let feeder = Feeder::new(&options, INPUT, PARTITIONS, consumed)?;
    let ended = AtomicBool::new(false);
    let (fed, received) = std::thread::scope(|scope| {
        let host = scope.spawn(|| -> anyhow::Result<()> {
            let ran = pipeline.run(source, sinks, &ended);
            // Threads that wait for the host learn that it has ended.
            ended.store(true, Ordering::Relaxed);
            Ok(ran?)
        });
        let mut topics = names.clone();
        topics.push(DEAD_LETTERS.to_owned());
        let subscriber = Subscriber::new(&broker.options(), &topics)?;
        let (handle, ended) = (&handle, &ended);
        let reading = scope.spawn(move || subscribe::receive(subscriber, handle, ended));
        let fed = feed::feed(&mut survey, feeder, handle, &args, &stop, ended);
        ended.store(true, Ordering::Relaxed);
        let lost = |_| anyhow!("a thread ended unexpectedly; please report this");
        host.join().map_err(lost)?.context("the host has failed")?;
        let received = reading.join().map_err(lost)??;
        Ok::<_, anyhow::Error>((fed?, received))
    })?;
    if let Some(api) = api {
        api.stop();
    }
    let adds_up = account::report(&fed, &received, &handle.list(), &handle.health());
    Ok(if adds_up { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn config(filters: usize, surveys: Surveys) -> Config {
    Config {
        shards: std::thread::available_parallelism().map_or(1, usize::from),
        batch: BatchLimits::default(),
        quota: DEFAULT_QUOTA,
        limits: Limits::default(),
        ceilings: Ceilings::over(&Limits::default()),
        memory: Budget::default(),
        max_filters: filters + UPLOADS,
        faults: FaultLimits::default(),
        wait_for_schemas: false,
        surveys,
        topics: Topics {
            inputs: vec![INPUT.to_owned()],
            output_prefix: String::new(),
            dead_letters: DEAD_LETTERS.into(),
            quotas: None,
        },
        open_topic: None,
        trial_pass_rate: DEFAULT_PASS_RATE,
        max_shadows: 0,
        dry_run: false,
        alert_topics: None,
    }
}

fn start_broker(filters: &[String]) -> anyhow::Result<EmbeddedBroker> {
    let broker = EmbeddedBroker::start()?;
    broker.create_topic(INPUT, PARTITIONS)?;
    for topic in filters.iter().map(String::as_str).chain([DEAD_LETTERS]) {
        broker.create_topic(topic, 1)?;
    }
    Ok(broker)
}
