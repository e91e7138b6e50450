//! `skysieve host`: the filter host. Kafka in and out, an HTTP API beside.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::common::{LimitArgs, SchemaArgs, UsageError};
use super::serve::{Api, stop_on_signal};
use crate::filters::read_folder;
use crate::kafka::{KafkaSink, KafkaSource, Options};
use crate::pipeline::{BatchLimits, Config, DEFAULT_QUOTA, FaultLimits, Handle, Pipeline, Prepared, Topics};
use crate::sandbox::{Engine, PoolConfig};

/// Run users' filters over a Kafka topic of alerts.
///
/// Every flag can also be set in the environment, as SKYSIEVE_ and its name. What a filter accepts is published on the
/// topic of its name; messages that are no alert, and filters' faults, on the dead-letter topic. SIGTERM or Ctrl-C
/// finishes what was read, and commits it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve host --brokers localhost:9092 --topic lsst-alerts --filters filters/
  skysieve host --brokers kafka:9093 --topic ztf -X security.protocol=SASL_SSL -X sasl.mechanism=SCRAM-SHA-512 \\
      -X sasl.username=me -X sasl.password=…
  curl -T bright.wasm http://localhost:8080/api/v1/filters/bright")]
pub struct HostArgs {
    /// Kafka brokers to begin with, host:port, separated by commas
    #[arg(long, value_name = "HOST:PORT", env = "SKYSIEVE_BROKERS")]
    brokers: String,
    /// A topic of alerts; may be given several times
    #[arg(long = "topic", value_name = "TOPIC", env = "SKYSIEVE_TOPIC", value_delimiter = ',', required = true)]
    topics: Vec<String>,
    /// This host's name, which is its consumer group: hosts of different names each see the whole stream
    #[arg(long, env = "SKYSIEVE_NAME", default_value = "skysieve")]
    name: String,
    /// A folder of filters to start with: NAME.wasm, beside it NAME.toml with [config], quota and [limits]
    #[arg(long, value_name = "DIR", env = "SKYSIEVE_FILTERS")]
    filters: Option<PathBuf>,
    /// Where the HTTP API listens
    #[arg(long, value_name = "ADDR", env = "SKYSIEVE_LISTEN", default_value = "127.0.0.1:8080")]
    listen: String,
    /// A property handed to librdkafka; may be given several times (in the environment: separated by spaces)
    #[arg(short = 'X', value_name = "KEY=VALUE", env = "SKYSIEVE_X", value_delimiter = ' ', value_parser = parse_property)]
    properties: Vec<(String, String)>,
    #[command(flatten)]
    schemas: SchemaArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Accepted alerts published per visit and filter, unless set for the filter
    #[arg(long, value_name = "N", env = "SKYSIEVE_QUOTA", default_value_t = DEFAULT_QUOTA)]
    quota: u32,
    /// Filters that there may be at a time
    #[arg(long, value_name = "N", env = "SKYSIEVE_MAX_FILTERS", default_value_t = 1000,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    max_filters: usize,
    /// Put before a filter's name to make its topic's
    #[arg(long, value_name = "TEXT", env = "SKYSIEVE_OUTPUT_PREFIX", default_value = "")]
    output_prefix: String,
    /// Topic of dead letters [default: NAME-dead-letters]
    #[arg(long, value_name = "TOPIC", env = "SKYSIEVE_DEAD_LETTERS")]
    dead_letters: Option<String>,
    /// Threads that run filters [default: one a core]
    #[arg(long, value_name = "N", env = "SKYSIEVE_THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

pub(super) fn parse_property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a property is KEY=VALUE".to_owned()),
    }
}

/// Runs the host until it is told to stop.
///
/// # Errors
/// When it can't be started, or the stream can't go on.
pub fn run(args: HostArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let options = Options { overrides: args.properties.clone(), stop: stop.clone(), ..Options::new(&*args.brokers) };
    options.check().map_err(|error| UsageError(error.to_string()))?;
    let schemas = Arc::new(args.schemas.load()?);
    let spare = 8; // A filter that is replaced is there twice for a moment.
    let pool = PoolConfig { filters: (args.max_filters + spare) as u32, ..PoolConfig::default() };
    let (mut pipeline, handle) = Pipeline::new(args.pipeline(), Engine::new(&pool)?, schemas)?;
    if let Some(folder) = &args.filters {
        let uploads = read_folder(folder).with_context(|| format!("--filters {}", folder.display()))?;
        let of = uploads.len();
        let prepared = prepare(&handle, uploads);
        tracing::info!(loaded = prepared.len(), of, folder = %folder.display(), "filters");
        pipeline.add(prepared)?;
    }
    let api = Api::start(&args.listen, Arc::new(handle))?;
    tracing::info!(listening = %api.address, name = args.name, topics = args.topics.join(","), "host");
    let source = KafkaSource::new(&options, &args.name, &args.topics)?;
    let sink = KafkaSink::new(&options)?;
    let ended = pipeline.run(source, sink, &stop);
    api.stop();
    ended?;
    tracing::info!("everything that was read is published and committed");
    Ok(ExitCode::SUCCESS)
}

impl HostArgs {
    fn pipeline(&self) -> Config {
        let dead_letters = self.dead_letters.clone().unwrap_or_else(|| format!("{}-dead-letters", self.name));
        Config {
            shards: self.threads.map_or_else(cores, usize::from),
            batch: BatchLimits::default(),
            quota: self.quota,
            limits: self.limits.limits(),
            max_filters: self.max_filters,
            faults: FaultLimits::default(),
            topics: Topics {
                inputs: self.topics.clone(),
                output_prefix: self.output_prefix.clone(),
                dead_letters: dead_letters.into(),
            },
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Checks and compiles filters on all cores. One that is refused is said and left out: it is no reason to keep the
/// others' authors waiting.
pub(super) fn prepare<I>(handle: &Handle, uploads: I) -> Vec<Prepared>
where
    I: IntoIterator<Item = (String, Result<crate::filters::Upload, crate::filters::FilterError>)>,
    I::IntoIter: Send,
{
    let uploads = std::sync::Mutex::new(uploads.into_iter().enumerate());
    let prepared = std::sync::Mutex::new(std::collections::BTreeMap::new());
    let work = || {
        loop {
            let next = uploads.lock().ok().and_then(|mut uploads| uploads.next());
            let Some((at, (name, upload))) = next else { break };
            match upload.and_then(|upload| handle.prepare(&name, upload)) {
                Ok(filter) => drop(prepared.lock().map(|mut prepared| prepared.insert(at, filter))),
                Err(error) => tracing::error!(filter = name, %error, "filter refused"),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(work);
        }
    });
    prepared.into_inner().unwrap_or_default().into_values().collect()
}
