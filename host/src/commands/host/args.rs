//! The command line of `skysieve host`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::access::AccessArgs;
use super::api::ApiArgs;
use super::ceilings::CeilingArgs;
use super::cores;
use super::cpu::{CpuArgs, share};
use super::hosts::OtherHostsArgs;
use super::registry::RegistryArgs;
use crate::commands::common::{LimitArgs, LogFormat, SchemaArgs};
use crate::commands::fields::FieldArgs;
use crate::commands::properties::PropertyArgs;
use crate::filters::Ceilings;
use crate::kafka::{Compression, LostOffsets, StartAt, TopicSettings};
use crate::pipeline::{
    BatchLimits, Config, DEFAULT_PASS_RATE, DEFAULT_QUOTA, FaultLimits, MAX_LAG, OpenTopic, SHADOWS, SLICE, Topics,
};
use skysieve_sandbox::limits::COMPILE_TIME;
use skysieve_survey::Surveys;

/// How many filters there may be at the same time, unless `--max-filters` is given.
pub const MAX_FILTERS: usize = 1000;

/// How many replays may run at the same time, unless `--replays` is given.
pub const REPLAYS: usize = 2;

/// Run users' filters over a Kafka topic of alerts.
///
/// Every flag can also be set in the environment, as SKYSIEVE_ and its name, or as SKYSIEVE_NAME_FILE by a file whose
/// content is the value (for secrets), or in a file (--config). Alerts that a filter accepts are published
/// on the topic of its name; messages that are not alerts, and filters' faults, go to the dead-letter topic. For
/// subscribers that read committed messages (isolation.level=read_committed, the default of librdkafka but not of
/// Java), every alert is judged exactly once. SIGTERM or Ctrl-C finishes and commits what was read. A host that is
/// started with the name of a running one takes over from it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve host --brokers localhost:9092 --topic lsst-alerts --filters filters/ --open    for this machine's users
  openssl rand -hex 32 > operator.token                                 the first operator's token, then
  skysieve host --brokers kafka:9093 --topic ztf --kafka-config kafka.properties --listen 0.0.0.0:8080 \\
    --operator-token-file operator.token                                with user, password, TLS
  curl -T bright.wasm http://localhost:8080/api/v1/filters/bright -H \"Authorization: Bearer $SKYSIEVE_TOKEN\"")]
pub struct HostArgs {
    /// A TOML file of settings: the flags' names, each with its value, and a table [kafka] of properties for librdkafka. The
    /// command line and the environment take precedence
    #[arg(long, value_name = "FILE", env = "SKYSIEVE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Kafka brokers to connect to first, host:port, separated by commas
    #[arg(long, value_name = "HOST:PORT", env = "SKYSIEVE_BROKERS")]
    pub brokers: String,
    /// A topic of alerts; may be given several times
    #[arg(long = "topic", value_name = "TOPIC", env = "SKYSIEVE_TOPIC", value_delimiter = ',', required = true)]
    pub topics: Vec<String>,
    /// This host's name, which is also its consumer group and gives its transactional ids (NAME and NAME#2). Hosts with
    /// different names each see the whole stream; a second host with the same name takes over from the first
    #[arg(long, env = "SKYSIEVE_NAME", default_value = "skysieve", value_parser = parse_name)]
    pub name: String,
    /// Where to begin: committed (where the host of this name left off, or else at the oldest message), earliest,
    /// latest, -N (the last N messages of each partition), or a time (2026-05-09T03:00:00Z, or seconds since 1970). All
    /// but committed apply to every start
    #[arg(long, value_name = "WHERE", env = "SKYSIEVE_FROM", allow_hyphen_values = true, default_value_t)]
    pub from: StartAt,
    /// What to do if the committed offset is no longer in the topic (its messages were deleted before they were read,
    /// or the offsets are gone): stop, or continue with the earliest message and count what is lost
    #[arg(long, value_name = "WHAT", env = "SKYSIEVE_ON_LOST_OFFSETS", value_enum, default_value = "stop")]
    on_lost_offsets: OnLostOffsets,
    /// A folder of filters to start with: NAME.wasm and, beside it, NAME.toml with config, quota, from and [limits]
    #[arg(long, value_name = "DIR", env = "SKYSIEVE_FILTERS")]
    pub filters: Option<PathBuf>,
    /// The HTTP API.
    #[command(flatten)]
    pub api: ApiArgs,
    /// Who may use it.
    #[command(flatten)]
    pub access: AccessArgs,
    /// Properties for librdkafka.
    #[command(flatten)]
    pub properties: PropertyArgs,
    /// Schemas other than the built-in ones.
    #[command(flatten)]
    pub schemas: SchemaArgs,
    /// Fields of id, visit and time.
    #[command(flatten)]
    pub named: FieldArgs,
    /// What to do with alerts of an unknown schema if no --schema-registry is given: write each to the dead letters, or
    /// wait until the host is started with their schema. With a registry, alerts whose schema it lacks go to the dead
    /// letters, and the stream waits while it can't be asked
    #[arg(long, value_name = "WHAT", env = "SKYSIEVE_UNKNOWN_SCHEMA", value_enum, default_value = "dead-letter")]
    unknown_schema: UnknownSchema,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    ceilings: CeilingArgs,
    /// Accepted alerts to publish for each visit and filter, unless the filter has its own quota
    #[arg(long, value_name = "N", env = "SKYSIEVE_QUOTA", default_value_t = DEFAULT_QUOTA,
          value_parser = clap::value_parser!(u32).range(1..))]
    quota: u32,
    /// Largest number of filters at the same time
    #[arg(long, value_name = "N", env = "SKYSIEVE_MAX_FILTERS", default_value_t = MAX_FILTERS,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub max_filters: usize,
    /// Seconds that compiling a filter may take
    #[arg(long, value_name = "SECONDS", env = "SKYSIEVE_COMPILE_TIME", default_value_t = COMPILE_TIME.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub compile_time: u64,
    /// Memory that the fields of one batch of alerts may take, in MiB. A batch that needs more is cut; several batches
    /// are on their way at a time
    #[arg(long, value_name = "MIB", env = "SKYSIEVE_BATCH_MEMORY", default_value_t = BatchLimits::default().columns >> 20,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=2048))]
    batch_memory: usize,
    /// A folder for compiled filters, so that the next start is quicker. It is created for this user alone: who can write
    /// into it can run code in the host
    #[arg(long, value_name = "DIR", env = "SKYSIEVE_CACHE")]
    pub cache: Option<PathBuf>,
    /// Milliseconds of CPU time that a filter may take for a batch of alerts. One that takes longer goes on in the slow
    /// lane, where it may fall behind, and comes back when it is quick again
    #[arg(long, value_name = "MS", env = "SKYSIEVE_SLICE", default_value_t = SLICE.as_millis() as u64,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    slice: u64,
    /// Seconds by which a filter in the slow lane may fall behind the live alerts before it is suspended
    #[arg(long, value_name = "SECONDS", env = "SKYSIEVE_MAX_LAG", default_value_t = MAX_LAG.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..))]
    max_lag: u64,
    /// Replays of filters over past alerts that may run at the same time
    #[arg(long, value_name = "N", env = "SKYSIEVE_REPLAYS", default_value_t = REPLAYS,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=64))]
    pub replays: usize,
    /// Versions of filters that may run beside the active ones at the same time, as their shadows
    #[arg(long, value_name = "N", env = "SKYSIEVE_SHADOWS", default_value_t = SHADOWS,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=1000))]
    pub shadows: usize,
    /// Warn of an uploaded filter that accepts more than this share of recent alerts, on which it is tried
    #[arg(long, value_name = "SHARE", env = "SKYSIEVE_TRIAL_PASS_RATE", default_value_t = DEFAULT_PASS_RATE,
          value_parser = share)]
    pub trial_pass_rate: f64,
    #[command(flatten)]
    cpu: CpuArgs,
    /// Prefix that is put before a filter's name to make the name of its topic
    #[arg(long, value_name = "TEXT", env = "SKYSIEVE_OUTPUT_PREFIX", default_value = "")]
    pub output_prefix: String,
    /// Topic for dead letters [default: NAME-dead-letters]
    #[arg(long, value_name = "TOPIC", env = "SKYSIEVE_DEAD_LETTERS")]
    dead_letters: Option<String>,
    /// Topic for the quotas' counters, which restarts need [default: NAME-quotas]
    #[arg(long, value_name = "TOPIC", env = "SKYSIEVE_QUOTAS")]
    quotas: Option<String>,
    /// Where uploaded filters are kept.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Other hosts with the same registry.
    #[command(flatten)]
    pub other_hosts: OtherHostsArgs,
    #[command(flatten)]
    topic_settings: TopicArgs,
    /// Seconds after which the brokers abort the transaction of a batch; the batch is then tried again
    #[arg(long, value_name = "SECONDS", env = "SKYSIEVE_TRANSACTION_TIMEOUT", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=900))]
    pub transaction_timeout: u64,
    /// Compression of accepted alerts and dead letters: none, gzip, snappy, lz4 or zstd. Messages that are too large
    /// for their topic are compressed with zstd in any case
    #[arg(long, value_name = "CODEC", env = "SKYSIEVE_COMPRESSION", default_value_t = Compression::None)]
    pub compression: Compression,
    /// Form of the log on stderr
    #[arg(long, value_name = "FORM", env = "SKYSIEVE_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Number of threads that run filters [default: one for each core]
    #[arg(long, value_name = "N", env = "SKYSIEVE_THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// What to do if the committed offset is no longer in the topic.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OnLostOffsets {
    /// The host stops, and names the partitions.
    Stop,
    /// The host continues with the earliest message.
    Earliest,
}

/// What to do with alerts of an unknown schema.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum UnknownSchema {
    /// Each becomes a dead letter.
    DeadLetter,
    /// The stream waits until the host is started with their schema.
    Wait,
}

/// What to do about missing topics.
#[derive(Clone, Copy, Debug, Args)]
struct TopicArgs {
    /// Create no topics; those of filters, dead letters, quotas and the registry must exist
    #[arg(long, env = "SKYSIEVE_NO_CREATE_TOPICS")]
    no_create_topics: bool,
    /// Number of partitions of a filter's topic when it is created
    #[arg(long, value_name = "N", env = "SKYSIEVE_PARTITIONS", default_value_t = 1,
          value_parser = clap::value_parser!(i32).range(1..=1000))]
    partitions: i32,
    /// Number of copies of each partition when a topic is created [default: that of the brokers]
    #[arg(long, value_name = "N", env = "SKYSIEVE_REPLICATION", value_parser = clap::value_parser!(i32).range(1..=100))]
    replication: Option<i32>,
    /// Hours for which accepted alerts and dead letters are kept, in topics that are created
    #[arg(long, value_name = "HOURS", env = "SKYSIEVE_RETENTION_HOURS", default_value_t = 168,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    retention_hours: u64,
}

/// Parses a name, and refuses it if its transactional ids could be those of another host.
fn parse_name(text: &str) -> Result<String, String> {
    match text.contains('#') {
        true => Err("a host's name can't contain #, which marks the second transactional id".to_owned()),
        false => Ok(text.to_owned()),
    }
}

impl HostArgs {
    /// The topic for dead letters.
    pub fn dead_letters(&self) -> String {
        self.dead_letters.clone().unwrap_or_else(|| format!("{}-dead-letters", self.name))
    }

    /// The topic for the quotas' counters.
    pub fn quotas(&self) -> String {
        self.quotas.clone().unwrap_or_else(|| format!("{}-quotas", self.name))
    }

    /// The CPU time that a filter may take for a batch.
    pub fn slice(&self) -> Duration {
        Duration::from_millis(self.slice)
    }

    /// How far a filter may fall behind.
    pub fn max_lag(&self) -> Duration {
        Duration::from_secs(self.max_lag)
    }

    /// What to do if the committed offset is no longer in the topic.
    pub fn on_lost_offsets(&self) -> LostOffsets {
        match self.on_lost_offsets {
            OnLostOffsets::Stop => LostOffsets::Stop,
            OnLostOffsets::Earliest => LostOffsets::Earliest,
        }
    }

    /// How missing topics are created.
    pub fn topic_settings(&self) -> TopicSettings {
        let TopicArgs { no_create_topics, partitions, replication, retention_hours } = self.topic_settings;
        TopicSettings {
            create: !no_create_topics,
            partitions,
            replication: replication.unwrap_or(-1),
            retention: Duration::from_secs(retention_hours * 3600),
            inputs: self.topics.clone(),
        }
    }

    /// The settings of the pipeline.
    pub fn pipeline(&self, open_topic: OpenTopic, surveys: Surveys) -> Config {
        Config {
            shards: self.threads.map_or_else(cores, usize::from),
            batch: BatchLimits { columns: self.batch_memory << 20, ..BatchLimits::default() },
            quota: self.quota,
            ceilings: Ceilings { cpu: self.cpu.shares(), ..self.ceilings.over(&self.limits.limits()) },
            memory: self.ceilings.budget(),
            limits: self.limits.limits(),
            max_filters: self.max_filters,
            faults: FaultLimits::default(),
            wait_for_schemas: matches!(self.unknown_schema, UnknownSchema::Wait),
            surveys,
            topics: Topics {
                inputs: self.topics.clone(),
                output_prefix: self.output_prefix.clone(),
                dead_letters: self.dead_letters().into(),
                quotas: Some(self.quotas().into()),
            },
            open_topic: Some(open_topic),
            trial_pass_rate: self.trial_pass_rate,
            max_shadows: self.shadows,
            dry_run: false,
            alert_topics: None,
        }
    }
}
