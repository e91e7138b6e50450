//! What is printed about a job.

use std::fmt;

use serde::Serialize;

use crate::commands::cost::CostLines;
use crate::filters::Counts;
use crate::jobs::{JobKind, JobState, JobStatus};

/// How many faults are shown.
const SHOWN: usize = 5;

/// The result of a job: as JSON with the ids, and for people without.
#[derive(Serialize)]
pub struct Summary<'a> {
    /// The job.
    #[serde(flatten)]
    pub status: &'a JobStatus,
    /// The ids of accepted alerts, in the place of their number.
    #[serde(rename = "accepted")]
    pub ids: &'a [String],
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JobStatus { filter, sha256, from, to, into, state, reason, remark, .. } = self.status;
        let state = match state {
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Cancelled => "cancelled",
            JobState::Failed => "FAILED",
        };
        let (done, of) = self.status.progress();
        let reason = reason.as_ref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
        let kind = match self.status.kind {
            JobKind::Replay => "replay",
            JobKind::Check => "check",
        };
        writeln!(f, "{kind:<12} {state}{reason}")?;
        writeln!(f, "filter       {filter}, version {}", sha256.get(..12).unwrap_or(sha256))?;
        writeln!(f, "alerts from  {from} to {to}: {done} of {of} offsets in {:.1} s", self.status.seconds)?;
        let JobStatus { counts, undecodable, lost, more_ids, recent_faults, .. } = self.status;
        let Counts { seen, accepted, rejected, over_quota, faulted, too_large } = counts;
        write!(
            f,
            "judged       {seen}: {accepted} accepted, {rejected} rejected, {over_quota} over quota, {faulted} faulted"
        )?;
        for (count, what) in [(too_large, "too large"), (undecodable, "not alerts"), (lost, "deleted meanwhile")] {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        match (into, self.status.kind) {
            (Some(into), _) => write!(f, "\npublished    on topic {into}")?,
            (None, JobKind::Replay) => write!(f, "\npublished    nowhere (--into TOPIC does)")?,
            (None, JobKind::Check) => {}
        }
        if let Some(cost) = &self.status.cost {
            write!(f, "\n{}", CostLines(cost).to_string().trim_end())?;
        }
        if *more_ids > 0 {
            write!(f, "\nids          the first {} are known, {more_ids} more are not", self.ids.len())?;
        }
        if let Some(remark) = remark {
            write!(f, "\nremark       {}", line(remark))?;
        }
        for fault in recent_faults.iter().rev().take(SHOWN).rev() {
            write!(f, "\nfault        {}", line(fault))?;
        }
        Ok(())
    }
}

/// Text in one line and without anything that a terminal would obey.
fn line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
