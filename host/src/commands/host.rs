//! `skysieve host`: the filter host. Kafka in and out, an HTTP API beside.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

mod args;

pub use args::HostArgs;

use super::common::UsageError;
use super::serve::{Api, stop_on_signal};
use crate::filters::read_folder;
use crate::kafka::{HostLock, Options, Topics};
use crate::pipeline::{Handle, OpenTopic, Pipeline, Prepared};
use skysieve_sandbox::{Engine, PoolConfig};

/// Runs the host until it is told to stop.
///
/// # Errors
/// When it can't be started, or the stream can't go on.
pub fn run(args: HostArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let options = Options {
        overrides: args.properties.clone(),
        stop: stop.clone(),
        transaction_timeout: Duration::from_secs(args.transaction_timeout),
        ..Options::new(&*args.brokers)
    };
    options.check_host().map_err(|error| UsageError(error.to_string()))?;
    let schemas = Arc::new(args.schemas.load()?);
    let topics = Arc::new(Topics::new(&options, args.topic_settings())?);
    let spare = 8; // A filter that is replaced is there twice for a moment.
    let pool = PoolConfig { filters: (args.max_filters + spare) as u32, ..PoolConfig::default() };
    let (mut pipeline, handle) =
        Pipeline::new(args.pipeline(open_topic(topics.clone())), Engine::new(&pool)?, schemas)?;
    let filters = load(&args, &handle)?;
    let api = Api::start(&args.listen, Arc::new(handle))?;
    tracing::info!(listening = %api.address, name = args.name, topics = args.topics.join(","), "host");

    topics.own(&args.dead_letters(), &args.quotas())?;
    topics.outputs(&filters.iter().map(|filter| &*filter.topic).collect::<Vec<_>>())?;
    // From here on no other host of this name can publish.
    let lock = HostLock::new(&options, &args.name)?;
    let counters = lock.table(&args.quotas())?;
    let counters = pipeline.restore(counters.iter().map(|(key, value)| (&key[..], &value[..])));
    pipeline.add(filters)?;
    let (source, sinks) = lock.open(&args.topics, args.from, args.dead_letters().into())?;
    tracing::info!(from = %args.from, counters, "reading");
    let ended = pipeline.run(source, sinks, &stop);
    api.stop();
    ended?;
    tracing::info!("everything that was read is published and committed");
    Ok(ExitCode::SUCCESS)
}

fn open_topic(topics: Arc<Topics>) -> OpenTopic {
    OpenTopic(Arc::new(move |topic| topics.outputs(&[topic]).map_err(|error| error.to_string())))
}

/// The filters that the host starts with.
fn load(args: &HostArgs, handle: &Handle) -> anyhow::Result<Vec<Prepared>> {
    let Some(folder) = &args.filters else { return Ok(Vec::new()) };
    let uploads = read_folder(folder).with_context(|| format!("--filters {}", folder.display()))?;
    let of = uploads.len();
    let prepared = prepare(handle, uploads);
    tracing::info!(loaded = prepared.len(), of, folder = %folder.display(), "filters");
    Ok(prepared)
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
