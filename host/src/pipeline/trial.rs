//! Tries a filter on the newest alerts before it becomes active. The live lane knows nothing of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skysieve_avro::{Decoder, Schemas};
use skysieve_sandbox::{CpuTime, Fault, FaultKind, Filter, Limits, Module, Slice, spawn};
use skysieve_survey::{Surveys, Visit};

use super::batch::{Identities, host_projection};
use super::cost_meter::CostMeter;
use super::io::Message;
use super::judge::{Judge, Verdicts};
use super::load::start;
use super::state::PipelineState;
use super::topics::FilterTopics;
use crate::filters::{CostReport, Counts, FilterError, JudgedAlerts, Settings, Trial, TrialOutcome};

/// With fewer alerts, a filter is not tried: they say too little.
const FEWEST: usize = 10;
/// The CPU time that judging them may take, and the time of measuring. An upload is live within two seconds.
const TIME: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(100));
/// From which share of a limit on a filter is warned of.
const NEAR: f64 = 0.8;

/// Tries a filter, as far as that is asked for.
///
/// # Errors
/// Returns [`FilterError::Trial`] if it fails on all alerts, and that is not to be overlooked.
pub fn try_out(
    state: &PipelineState,
    trial: Trial,
    (module, settings): (&Module, &Settings),
    topics: &FilterTopics,
) -> Result<TrialOutcome, FilterError> {
    if trial == Trial::Without {
        return Ok(TrialOutcome::default());
    }
    let tried = match Tried::of(state, module, settings, topics) {
        Ok(tried) => tried,
        Err(why) => {
            return Ok(TrialOutcome { warnings: vec![format!("it was not tried on alerts: {why}")], cost: None });
        }
    };
    if let Some(reason) = tried.refusal().filter(|_| trial == Trial::MayRefuse) {
        return Err(FilterError::Trial(reason));
    }
    Ok(TrialOutcome { warnings: tried.warnings(state.config.trial_pass_rate), cost: Some(tried.cost) })
}

/// What was found out.
struct Tried {
    cost: CostReport,
    /// How many faults are the filter's own.
    own_faults: u64,
    last_fault: String,
}

/// What is needed to find it out, on a thread of its own.
struct Work {
    schemas: Arc<Schemas>,
    surveys: Surveys,
    messages: Vec<Message>,
    /// Two instances: one judges, the other one is measured.
    filters: [Filter; 2],
    quota: u32,
    limits: Limits,
}

impl Tried {
    /// Returns why nothing was found out, if so.
    fn of(state: &PipelineState, module: &Module, settings: &Settings, topics: &FilterTopics) -> Result<Tried, String> {
        let seen = state.seen_topics();
        let is_shown = |message: &Message| {
            let index = seen.iter().position(|topic| topic.name == message.topic);
            topics.shows_all() || index.is_some_and(|index| topics.shows(&seen, index))
        };
        let mut messages = state.recent.all();
        messages.retain(is_shown);
        if messages.len() < FEWEST {
            return Err(format!("this host has seen fewer than {FEWEST} alerts for it since its start"));
        }
        let start = || start(state, module, settings).map_err(|error| error.to_string());
        let work = Work {
            schemas: state.schemas.clone(),
            surveys: state.config.surveys.clone(),
            messages,
            filters: [start()?, start()?],
            quota: settings.quota.unwrap_or(state.config.quota),
            limits: settings.limits.over(&state.config.limits),
        };
        // It does not yield: on a busy machine, its author would wait, and it is over soon.
        let thread = spawn("trial", move || work.run());
        let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
        thread.join().map_err(|_| "the host failed on it; its log says why".to_owned())?
    }

    fn refusal(&self) -> Option<String> {
        let CostReport { alerts, .. } = self.cost;
        (alerts > 0 && self.own_faults == alerts).then(|| {
            format!(
                "it fails on all of the {alerts} newest alerts, the last: {}; force=true activates it nevertheless",
                self.last_fault
            )
        })
    }

    fn warnings(&self, most: f64) -> Vec<String> {
        let CostReport { alerts, accepted, faulted, pass_rate, quota, memory, memory_limit, fuel, .. } = &self.cost;
        let mut warnings = Vec::new();
        if *pass_rate > most {
            let (percent, most) = (pass_rate * 100.0, most * 100.0);
            warnings.push(format!(
                "it accepts {accepted} of the {alerts} newest alerts, {percent:.0} %, which is more than {most:.0} %: {quota} \
                 of a visit are published"
            ));
        }
        if *faulted > 0 {
            warnings
                .push(format!("it fails on {faulted} of the {alerts} newest alerts, the last: {}", self.last_fault));
        }
        let is_near = |used: u64, limit: u64| used as f64 > limit as f64 * NEAR;
        if is_near(fuel.max, fuel.limit) {
            warnings.push(format!("one of the newest alerts took {} of {} fuel", fuel.max, fuel.limit));
        }
        if is_near(*memory, *memory_limit) {
            warnings.push(format!("it took {memory} of {memory_limit} bytes of memory for the newest alerts"));
        }
        warnings
    }
}

impl Work {
    fn run(self) -> Result<Tried, String> {
        let Work { schemas, surveys, messages, filters: [judged, measured], quota, limits } = self;
        let (mut projection, slots) = host_projection(&surveys);
        let manifest = judged.manifest().clone();
        let mut judge = Judge::new(judged, &mut projection).map_err(|error| error.to_string())?;
        let mut decoder = Decoder::new(schemas.clone(), projection);
        for (row, message) in (0u32..).zip(&messages) {
            // What is not an alert is none of the filter's business, and what the batch has no room for is left out.
            let _ = schemas.frame(&message.bytes).and_then(|alert| decoder.push(row, &alert));
        }
        let decoded = decoder.finish();
        let alerts = Identities::of_messages(&decoded, &messages, slots);
        let begun = CpuTime::now();
        let verdicts = judge.judge_within(&decoded, None, Some(Slice::of(TIME.0)));
        let judging = begun.elapsed();
        let slow =
            |_| format!("judging the {} newest ones takes longer than {} ms", messages.len(), TIME.0.as_millis());
        let verdicts = verdicts.map_err(slow)?;
        let meter = measure(measured, &schemas, &messages)?;
        let memory = judge.filter().memory_peak().max(meter.memory_peak());
        let judged = count(&verdicts, &alerts, quota, (judging, memory));
        Ok(Tried {
            cost: CostReport::new(meter.sample(), &judged, &manifest, &limits),
            own_faults: verdicts.faults.iter().filter(|fault| is_own(fault)).count() as u64,
            last_fault: verdicts.faults.last().map(describe).unwrap_or_default(),
        })
    }
}

/// Measures as many of the alerts as there is time for.
fn measure(filter: Filter, schemas: &Arc<Schemas>, messages: &[Message]) -> Result<CostMeter, String> {
    let mut meter = CostMeter::new(filter, schemas).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    for message in messages.iter().rev().take_while(|_| begun.elapsed() < TIME.1) {
        if let Ok(alert) = schemas.frame(&message.bytes) {
            meter.measure(&alert);
        }
    }
    Ok(meter)
}

/// The schema is to blame for fields that it lacks, and the host for its own failures.
fn is_own(fault: &Fault) -> bool {
    !matches!(fault.kind, FaultKind::Field | FaultKind::Host)
}

fn describe(fault: &Fault) -> String {
    format!("{}: {}", fault.kind, fault.message)
}

fn count(verdicts: &Verdicts, alerts: &Identities, quota: u32, (judging, memory): (Duration, usize)) -> JudgedAlerts {
    let mut by_visit: HashMap<Visit, u64> = alerts.visits().iter().map(|share| (share.visit, 0)).collect();
    for accepted in &verdicts.accepted {
        *by_visit.entry(alerts.visits()[alerts.visit_of(accepted.row)].visit).or_default() += 1;
    }
    let over = |(visit, accepted): (&Visit, &u64)| {
        if visit.is_known() { accepted.saturating_sub(quota.into()) } else { 0 }
    };
    let over_quota = by_visit.iter().map(over).sum();
    let (accepted, faulted) = (verdicts.accepted.len() as u64, verdicts.faults.len() as u64);
    let counts = Counts {
        seen: verdicts.seen,
        accepted: accepted - over_quota,
        rejected: verdicts.seen - accepted - faulted,
        over_quota,
        faulted,
        too_large: 0,
    };
    JudgedAlerts { counts, accepted_by_visit: by_visit.into_values().collect(), quota, judging, memory }
}
