//! The work of a replay or a check, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Sender, bounded, unbounded};
use parking_lot::Mutex;
use skysieve_sandbox::{Module, spawn, yield_to_others};

use super::give_way::GiveWay;
use super::measured::Measured;
use super::packets;
use super::recorder::Recorder;
use crate::filters::{CostReport, Entry, FilterError, JudgedAlerts, Settings};
use crate::jobs::{Job, JobError, JobState, JobStatus, ReplayRequest, RunningJob};
use crate::pipeline::check_upload::prepare_again;
use crate::pipeline::config::{Config, FaultLimits, OpenTopic, PipelineError, Topics};
use crate::pipeline::cost_meter::CostMeter;
use crate::pipeline::lane::{Duties, Lane};
use crate::pipeline::lane_time::LaneTime;
use crate::pipeline::load::start as start_filter;
use crate::pipeline::past::{AnySink, Nowhere, OpenedPast, Past};
use crate::pipeline::shards::Shards;
use crate::pipeline::state::PipelineState;
use crate::pipeline::totals::Totals;

/// What is to be done.
pub struct Work {
    /// The filter's name.
    pub name: String,
    /// Its module.
    pub module: Module,
    /// Its settings.
    pub settings: Settings,
    /// The topic on which accepted alerts are published.
    pub into: Option<String>,
    /// What it judges.
    pub alerts: Alerts,
    /// Whether it is measured, and the ids of accepted alerts beyond the quota are noted, too.
    pub dry_run: bool,
}

/// What is judged.
pub enum Alerts {
    /// A part of the stream's past.
    Past(Arc<dyn Past>, ReplayRequest),
    /// Files of alerts.
    Packets(Vec<Bytes>),
}

/// The lane of a replay.
struct ReplayLane {
    lane: Lane,
    entry: Arc<Entry>,
    /// The topic of accepted alerts.
    topic: Arc<str>,
    job: Arc<Job>,
    live: Arc<PipelineState>,
    /// Measures the filter's costs.
    meter: Option<Arc<Mutex<CostMeter>>>,
}

impl ReplayLane {
    /// Judges what comes from the source until it ends or the job is cancelled, and finishes the batches in progress.
    fn run(self, OpenedPast { source, mut sinks }: OpenedPast) -> Result<(), PipelineError> {
        let ReplayLane { mut lane, entry, topic, job, live, .. } = self;
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

/// Starts the work on a thread. Returns once it reads, or with the reason that it can't.
pub fn start(state: &Arc<PipelineState>, running: RunningJob, work: Work) -> Result<JobStatus, JobError> {
    let job = running.job().clone();
    let (begun, has_begun) = bounded(1);
    let (state, thread) = (state.clone(), format!("job-{}", job.id));
    spawn(&thread, move || run(&state, work, running, &begun))
        .map_err(|error| JobError::Kafka(format!("cannot start a thread: {error}")))?;
    has_begun.recv().map_err(|_| FilterError::Stopping)??;
    Ok(job.status())
}

fn run(live: &Arc<PipelineState>, work: Work, running: RunningJob, begun: &Sender<Result<(), JobError>>) {
    // Before anything else is started, so that all threads of the replay yield.
    yield_to_others();
    let job = running.job().clone();
    match open(live, work, &job) {
        Err(error) => {
            running.discard();
            // Sending fails if nobody waits any more.
            let _ = begun.send(Err(error));
        }
        Ok((lane, opened)) => {
            let _ = begun.send(Ok(()));
            let JobStatus { id, kind, filter, from, to, into, .. } = job.status();
            tracing::info!(id, ?kind, filter, from, to, into, "job begins");
            let (entry, meter) = (lane.entry.clone(), lane.meter.clone());
            let result = lane.run(opened);
            let (state, reason) = ended(live, &job, &entry, result);
            if state == JobState::Done {
                // There may be no messages before the ends, only markers of transactions.
                job.update(|status| status.partitions.iter_mut().for_each(|one| one.next = one.end));
            }
            if let Some(meter) = meter {
                let report = report(&live.config, &entry, &meter.lock());
                job.update(|status| status.cost = Some(report));
            }
            tracing::info!(id, filter, ?state, reason, "job has ended");
            running.end(state, reason);
        }
    }
}

/// What the filter costs, of what it has judged.
fn report(config: &Config, entry: &Entry, meter: &CostMeter) -> CostReport {
    let status = entry.status();
    let accepted = |counts: crate::filters::Counts| counts.accepted + counts.over_quota + counts.too_large;
    let judged = JudgedAlerts {
        counts: status.counts,
        accepted_by_visit: status.recent_visits.iter().map(|visit| accepted(visit.counts)).collect(),
        quota: entry.settings.quota.unwrap_or(config.quota),
        judging: Duration::from_secs_f64(status.seconds),
        memory: status.memory_peak.max(meter.memory_peak()),
    };
    let limits = entry.settings.limits.over(&config.limits);
    CostReport::new(meter.sample(), &judged, &entry.manifest, &limits)
}

/// Instantiates the filter anew, and opens its alerts.
fn open(live: &Arc<PipelineState>, work: Work, job: &Arc<Job>) -> Result<(ReplayLane, OpenedPast), JobError> {
    let Work { name, module, settings, into, alerts, dry_run } = work;
    let state = Arc::new(live.aside(config(&live.config, dry_run), job.cancel.clone()));
    // Without a topic to publish on, nothing is published.
    let topic: Arc<str> = into.as_deref().unwrap_or("nowhere").into();
    let prepared = prepare_again(&state, &name, &module, &settings, topic.clone())?;
    let mut opened = match alerts {
        Alerts::Past(past, request) => past.open(&request, job)?,
        Alerts::Packets(files) => {
            let source = packets::source(files, live.schemas.clone(), job.clone())?;
            OpenedPast { source: Box::new(source), sinks: Vec::new() }
        }
    };
    if let (Some(into), Some(OpenTopic(open))) = (&into, &live.config.open_topic) {
        open(into).map_err(|error| JobError::Kafka(format!("topic {into}: {error}")))?;
    }
    let meter = if dry_run {
        let filter = start_filter(&state, &module, &settings)?;
        let meter = CostMeter::new(filter, &live.schemas).map_err(|error| FilterError::Refused(error.to_string()))?;
        let meter = Arc::new(Mutex::new(meter));
        opened.source = Box::new(Measured::new(opened.source, live.schemas.clone(), meter.clone()));
        Some(meter)
    } else {
        None
    };
    let (sender, commands) = unbounded();
    let time = LaneTime { yields: true, ..LaneTime::default() };
    let thread = |error: PipelineError| JobError::Kafka(error.to_string());
    let shards = Shards::start(1, "replay", &time, &sender).map_err(thread)?;
    let mut lane = Lane::new(state.clone(), Arc::new(Totals::default()), shards, (sender, commands));
    let entry = prepared.entry.clone();
    state.register(&entry)?;
    let filter = lane.shards.run(prepared, &state.config);
    lane.add(vec![filter]);
    Ok((ReplayLane { lane, entry, topic, job: job.clone(), live: live.clone(), meter }, opened))
}

/// The settings of a replay's lane. Faults are counted: a user who runs a filter again must not fill the topic of dead
/// letters, in which others look for what has happened to live alerts.
fn config(live: &Config, dry_run: bool) -> Config {
    Config {
        shards: 1,
        faults: FaultLimits { dead_letters_per_visit: 0, ..live.faults.clone() },
        topics: Topics { quotas: None, ..live.topics.clone() },
        open_topic: None,
        dry_run,
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
