//! `skysieve host`: the filter host, with Kafka as input and output and an HTTP API.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

mod access;
mod api;
mod args;
mod ceilings;
mod compile;
mod cpu;
mod end;
mod hosts;
mod machine;
mod others;
mod registry;

pub use args::{HostArgs, MAX_FILTERS, REPLAYS};
pub use ceilings::SHARE;
pub(super) use compile::prepare;
use end::end_in_time;
use others::OtherHosts;
use registry::Filters;

use super::serve::{Api, stop_on_signal, unless_stopped};
use crate::access::{Access, AuditSink};
use crate::filters::read_folder;
use crate::kafka::{
    HostLock, KafkaAlertTopics, KafkaPast, KafkaSink, KafkaSource, LostOffsets, Options, StartAt, Topics,
};
use crate::pipeline::{Config, Handle, OpenTopic, Pipeline, PipelineError, SlowLane, TopicLookup};
use skysieve_sandbox::{Engine, PoolConfig};

/// What comes behind the host's name in the slow lane's consumer group and transactional ids. No topic's name may contain
/// it, and so no host's.
const SLOW: &str = "#slow";

/// Runs the host until it is told to stop.
///
/// # Errors
/// Returns an error if the host can't start, or can't go on.
pub fn run(args: HostArgs) -> anyhow::Result<ExitCode> {
    let access = args.access.check(&args)?;
    let stop = stop_on_signal()?;
    let finished = Arc::new(AtomicBool::new(false));
    end_in_time(stop.clone(), finished.clone()).context("cannot start a thread")?;
    let options = Options {
        transaction_timeout: Duration::from_secs(args.transaction_timeout),
        compression: args.compression,
        ..args.properties.options(&args.brokers, &stop, Options::check_host)?
    };
    let schemas = Arc::new(args.schemas.load()?);
    let surveys = args.named.surveys()?;
    let uploads = match &args.filters {
        Some(folder) => read_folder(folder).with_context(|| format!("--filters {}", folder.display()))?,
        None => Vec::new(),
    };
    let topics = Arc::new(Topics::new(&options, args.topic_settings())?);
    let pool = PoolConfig::for_filters(args.max_filters + args.replays + args.shadows);
    let engine = Engine::for_uploads(&pool, Duration::from_secs(args.compile_time), args.cache.as_deref())?;
    let lookup = TopicLookup(Arc::new(KafkaAlertTopics::new(&options, &args.name, &args.topics)));
    let config = Config { alert_topics: Some(lookup), ..args.pipeline(open_topic(topics.clone()), surveys) };
    let (pipeline, slow, handle) = Pipeline::with_slow_lane(config, args.slice(), args.max_lag(), engine, schemas)?;
    // From here on the API answers, while filters are compiled and Kafka is asked. Uploads wait until the stream is
    // read.
    let filters = Filters::new(&args, &options, &handle, uploads.iter().map(|(name, _)| name.clone()).collect())?;
    let others = OtherHosts::new(&args, uploads.len())?;
    let audit = args.access.audit(&args, &options)?;
    let sink = audit.clone().map(|audit| -> Arc<dyn AuditSink> { audit });
    let access = Access { tokens: filters.tokens(), audit: sink, ..access };
    let config = args.api.config(others.hosts.clone(), args.other_hosts.name())?;
    let has_tls = config.tls.is_some();
    let api = Api::start(&args.api.listen, config, access.clone(), filters.control())?;
    others.listens(&args, api.address, has_tls);
    tracing::info!(listening = %api.address, name = args.name, topics = args.topics.join(","), "host");

    let handles = (handle.clone(), filters.clone(), access, others.clone());
    let ended = start_and_read(args, &options, topics, (pipeline, slow), handles, uploads);
    finished.store(ended.is_ok(), Ordering::Relaxed);
    others.close();
    filters.close();
    handle.stop();
    api.stop();
    if let Some(audit) = audit {
        audit.finish();
    }
    match ended? {
        Ended::Stopped => tracing::info!("stopped before the stream was read"),
        Ended::Read => tracing::info!("everything that was judged is published and committed"),
    }
    Ok(ExitCode::SUCCESS)
}

/// How far a host came before it was told to stop.
enum Ended {
    Stopped,
    Read,
}

fn start_and_read(
    args: HostArgs,
    options: &Options,
    topics: Arc<Topics>,
    lanes: (Pipeline, SlowLane),
    handles: (Handle, Filters, Access, OtherHosts),
    uploads: Vec<compile::Named>,
) -> anyhow::Result<Ended> {
    let of_start = options.clone();
    let started = unless_stopped(&options.stop, move || start(&args, &of_start, &topics, lanes, &handles, uploads));
    let Some((live, slow)) = started? else { return Ok(Ended::Stopped) };
    read(live, slow, &options.stop)?;
    Ok(Ended::Read)
}

/// Compiles filters and asks Kafka for what the pipeline has to know.
fn start(
    args: &HostArgs,
    options: &Options,
    topics: &Topics,
    (mut pipeline, slow): (Pipeline, SlowLane),
    (handle, registered, access, others): &(Handle, Filters, Access, OtherHosts),
    uploads: Vec<compile::Named>,
) -> anyhow::Result<((Pipeline, Ends), (SlowLane, Ends))> {
    let of = uploads.len();
    let mut filters = prepare(handle, uploads, &options.stop).context("stopped")?;
    if let Some(folder) = &args.filters {
        tracing::info!(loaded = filters.len(), of, folder = %folder.display(), "filters");
    }
    handle.starting("asking Kafka for topics, counters and positions");
    // From here on, no other host of this name can publish. This happens before topics are created, because a cluster
    // that is busy creating a thousand topics takes long to say who coordinates a name.
    let mut lock = HostLock::new(options, &args.name)?;
    let mut slow_lock = HostLock::new(options, &format!("{}{SLOW}", args.name))?;
    filters.extend(registered.prepare(options, args.max_filters.saturating_sub(filters.len()))?);
    access::check_somebody(access, registered)?;
    handle.starting("asking Kafka for topics, counters and positions");
    topics.own(&args.dead_letters(), &args.quotas())?;
    topics.outputs(&filters.iter().map(|filter| &*filter.topic).collect::<Vec<_>>())?;
    let counters = lock.table(&args.quotas())?;
    lock.on_lost_offsets(args.on_lost_offsets(), !counters.is_empty());
    let counters = pipeline.restore(counters.iter().map(|(key, value)| (&key[..], &value[..])));
    if args.from != StartAt::Committed {
        pipeline.begin_anew();
    }
    pipeline.add(filters)?;
    registered.open(options)?;
    others.open(args, options, handle)?;
    slow_lock.on_lost_offsets(LostOffsets::Earliest, false);
    let aside = slow_lock.open_without_reading(&args.topics, &args.quotas(), args.dead_letters().into())?;
    let ahead = lock.open(&args.topics, args.from, args.dead_letters().into())?;
    if args.replays > 0 {
        handle.allow_replays(Arc::new(past(args, options)), args.replays);
    }
    tracing::info!(from = %args.from, counters, "reading");
    Ok(((pipeline, ahead), (slow, aside)))
}

/// Where the alerts of a lane come from, and where they go.
type Ends = (KafkaSource, [KafkaSink; 2]);

/// Runs both lanes until `stop` is set. If one of them fails, the other one ends, too.
fn read(
    (pipeline, (source, sinks)): (Pipeline, Ends),
    (slow, (slow_source, slow_sinks)): (SlowLane, Ends),
    stop: &AtomicBool,
) -> Result<(), PipelineError> {
    std::thread::scope(|scope| {
        let run = || {
            let _ends_both = EndsBoth(stop);
            slow.run(slow_source, slow_sinks, stop)
        };
        let slow = std::thread::Builder::new().name("slow-lane".to_owned()).spawn_scoped(scope, run);
        let slow = slow.map_err(PipelineError::Thread)?;
        let ends_both = EndsBoth(stop);
        let live = pipeline.run(source, sinks, stop);
        drop(ends_both);
        live.and(slow.join().map_err(|_| PipelineError::ThreadLost)?)
    })
}

/// Lets both lanes end as soon as one of them has, even by a panic.
struct EndsBoth<'a>(&'a AtomicBool);

impl Drop for EndsBoth<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Where replays read, and as whom they publish.
fn past(args: &HostArgs, options: &Options) -> KafkaPast {
    KafkaPast {
        options: options.clone(),
        name: args.name.clone(),
        topics: args.topics.clone(),
        counted_at: args.quotas(),
        dead_letters: args.dead_letters().into(),
    }
}

fn open_topic(topics: Arc<Topics>) -> OpenTopic {
    OpenTopic(Arc::new(move |topic| topics.outputs(&[topic]).map_err(|error| error.to_string())))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
