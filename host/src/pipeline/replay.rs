//! A replay: a filter judges past alerts, in a lane of its own. It is another instance of the filter, with counters of its
//! own, so that the live one knows nothing of it.

mod give_way;
mod recorder;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Sender, bounded, unbounded};
use skysieve_sandbox::yield_to_others;

use super::check_upload::prepare_again;
use super::config::{Config, FaultLimits, OpenTopic, PipelineError, Topics};
use super::lane::{Duties, Lane};
use super::lane_time::LaneTime;
use super::past::{AnySink, Nowhere, OpenedPast, Past};
use super::shards::Shards;
use super::state::PipelineState;
use super::totals::Totals;
use crate::filters::{Entry, FilterError, check_name};
use crate::jobs::{Job, JobError, JobKind, JobState, JobStatus, ReplayRequest, RunningJob};
use give_way::GiveWay;
use recorder::Recorder;

/// The longest name of a topic.
pub const TOPIC_LETTERS: usize = 249;

/// The lane of a replay.
struct ReplayLane {
    lane: Lane,
    entry: Arc<Entry>,
    /// The topic of accepted alerts.
    topic: Arc<str>,
    job: Arc<Job>,
    live: Arc<PipelineState>,
}

impl ReplayLane {
    /// Judges what comes from the source until it ends or the job is cancelled, and finishes the batches in progress.
    fn run(self, OpenedPast { source, mut sinks }: OpenedPast) -> Result<(), PipelineError> {
        let ReplayLane { mut lane, entry, topic, job, live } = self;
        let stop = job.stop.clone();
        let source = GiveWay::new(source, live.totals.clone(), stop.clone());
        if sinks.is_empty() {
            sinks.push(AnySink::new(Nowhere));
        }
        let totals = lane.totals.clone();
        let recorder = |sink| Recorder::new(sink, entry.clone(), topic.clone(), job.clone(), totals.clone());
        let sinks: Vec<_> = sinks.into_iter().map(recorder).collect();
        lane.run(&mut Replay { entry: entry.clone(), live }, source, sinks, &stop)
    }
}

struct Replay {
    entry: Arc<Entry>,
    live: Arc<PipelineState>,
}

impl Duties for Replay {
    const READS_ALWAYS: bool = true;
    const TELLS_WHAT_IS_NO_ALERT: bool = false;

    fn obey(&mut self, lane: &mut Lane) {
        // No commands come. A filter that is suspended judges nothing any more, and a host that stops has no time.
        if !self.entry.is_active() || self.live.cancel.is_cancelled() {
            lane.end();
        }
    }
}

/// Begins a replay. Returns once it reads, or with the reason that it can't.
pub fn begin(state: &Arc<PipelineState>, name: &str, request: ReplayRequest) -> Result<JobStatus, JobError> {
    check_name(name)?;
    let past = state.past().ok_or(JobError::Unsupported(
        "this host runs no replays: it is a demo, has only just started, or was started with --replays 0",
    ))?;
    let entry = state.entries().get(name).cloned().ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
    if let Some(into) = &request.into {
        check_into(state, name, into).map_err(JobError::Into)?;
    }
    let status = status(&entry, &request);
    let running = state.jobs.begin(state.cancel.child(), status, |running| {
        match running.iter().find(|job| job.into.is_some() && job.into == request.into) {
            Some(job) => Err(JobError::Into(format!("job {} is publishing on this topic", job.id))),
            None => Ok(()),
        }
    })?;
    let job = running.job().clone();
    let (begun, has_begun) = bounded(1);
    let (state, work_name) = (state.clone(), format!("replay-{}", job.id));
    let work = move || run(&state, &*past, &entry, &request, running, &begun);
    std::thread::Builder::new()
        .name(work_name)
        .spawn(work)
        .map_err(|error| JobError::Kafka(format!("cannot start a thread: {error}")))?;
    has_begun.recv().map_err(|_| FilterError::Stopping)??;
    Ok(job.status())
}

/// Does the work of a replay, on a thread of its own.
fn run(
    live: &Arc<PipelineState>,
    past: &dyn Past,
    entry: &Entry,
    request: &ReplayRequest,
    running: RunningJob,
    begun: &Sender<Result<(), JobError>>,
) {
    // Before anything else is started, so that all threads of the replay yield.
    yield_to_others();
    let job = running.job().clone();
    match open(live, past, entry, request, &job) {
        Err(error) => {
            running.discard();
            // Sending fails if nobody waits any more.
            let _ = begun.send(Err(error));
        }
        Ok((lane, opened)) => {
            let _ = begun.send(Ok(()));
            let (id, filter, replayed) = (job.id, &entry.name, lane.entry.clone());
            tracing::info!(id, filter, from = request.from, to = request.to, into = request.into, "replay");
            let result = lane.run(opened);
            let (state, reason) = ended(live, &job, &replayed, result);
            if state == JobState::Done {
                // There may be no messages before the ends, only markers of transactions.
                job.update(|status| status.partitions.iter_mut().for_each(|one| one.next = one.end));
            }
            tracing::info!(id, filter, ?state, reason, "replay has ended");
            running.end(state, reason);
        }
    }
}

/// Instantiates the filter anew, and opens its alerts.
fn open(
    live: &Arc<PipelineState>,
    past: &dyn Past,
    entry: &Entry,
    request: &ReplayRequest,
    job: &Arc<Job>,
) -> Result<(ReplayLane, OpenedPast), JobError> {
    let state = Arc::new(live.aside(config(&live.config), job.cancel.clone()));
    // Without a topic to publish on, nothing is published.
    let topic: Arc<str> = request.into.as_deref().unwrap_or("nowhere").into();
    let prepared = prepare_again(&state, entry, topic.clone())?;
    let opened = past.open(request, job)?;
    if let (Some(into), Some(OpenTopic(open))) = (&request.into, &live.config.open_topic) {
        open(into).map_err(|error| JobError::Kafka(format!("topic {into}: {error}")))?;
    }
    let (sender, commands) = unbounded();
    let time = LaneTime { yields: true, ..LaneTime::default() };
    let thread = |error: PipelineError| JobError::Kafka(error.to_string());
    let shards = Shards::start(1, "replay", &time, &sender).map_err(thread)?;
    let mut lane = Lane::new(state.clone(), Arc::new(Totals::default()), shards, (sender, commands));
    let entry = prepared.entry.clone();
    state.register(&entry)?;
    let filter = lane.shards.run(prepared, &state.config);
    lane.add(vec![filter]);
    let live = live.clone();
    Ok((ReplayLane { lane, entry, topic, job: job.clone(), live }, opened))
}

/// The settings of a replay's lane. Faults are counted: a user who runs a filter again must not fill the topic of dead
/// letters, in which others look for what has happened to live alerts.
fn config(live: &Config) -> Config {
    Config {
        shards: 1,
        faults: FaultLimits { dead_letters_per_visit: 0, ..live.faults.clone() },
        topics: Topics { quotas: None, ..live.topics.clone() },
        open_topic: None,
        ..live.clone()
    }
}

/// How a replay has ended, and why.
fn ended(
    live: &PipelineState,
    job: &Job,
    entry: &Entry,
    result: Result<(), PipelineError>,
) -> (JobState, Option<String>) {
    if let Some(reason) = entry.suspended() {
        return (JobState::Failed, Some(format!("the filter was suspended: {reason}")));
    }
    match result {
        Err(error) => (JobState::Failed, Some(error.to_string())),
        Ok(()) if live.cancel.is_cancelled() => (JobState::Cancelled, Some("the host was stopped".to_owned())),
        Ok(()) if job.stop.load(Ordering::Relaxed) => (JobState::Cancelled, Some("it was cancelled".to_owned())),
        Ok(()) => (JobState::Done, None),
    }
}

/// Checks whether a replay of a filter may publish on a topic: only on one whose name begins with that of the filter's own
/// topic, and that has no other use. So nobody can publish as somebody else's filter.
fn check_into(state: &PipelineState, name: &str, into: &str) -> Result<(), String> {
    let topics = &state.config.topics;
    let own = format!("{}{name}", topics.output_prefix);
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let behind = into.strip_prefix(&own).unwrap_or_default();
    if !behind.starts_with(['.', '-', '_']) || behind.len() < 2 || !into.chars().all(is_allowed) {
        let into: String = into.chars().take(TOPIC_LETTERS).collect();
        return Err(format!(
            "{into:?} is not a topic for a replay of {name}: that is {own} with something behind it, such as {own}.replay \
             (letters, digits, '.', '_' and '-')"
        ));
    }
    if into.len() > TOPIC_LETTERS {
        return Err(format!("the topic's name has {} characters; Kafka allows {TOPIC_LETTERS}", into.len()));
    }
    let of_host = topics.output(&into[topics.output_prefix.len()..]).is_none();
    let is_filters = state.entries().keys().any(|other| into == format!("{}{other}", topics.output_prefix));
    if of_host || is_filters {
        return Err(format!("{into} is a topic that this host uses for something else"));
    }
    Ok(())
}

fn status(entry: &Entry, request: &ReplayRequest) -> JobStatus {
    JobStatus {
        from: request.from.clone(),
        to: request.to.clone().unwrap_or_else(|| "latest".to_owned()),
        into: request.into.clone(),
        owner: request.owner.clone(),
        ..JobStatus::begin(JobKind::Replay, &entry.name, &entry.sha256)
    }
}
