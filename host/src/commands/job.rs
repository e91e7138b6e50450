//! Waits for the end of a job on a running host, and prints its result.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;

use super::common::progress;
use super::output::{print, print_line, tell};
use crate::http_client::{ApiClient, ClientError, query};
use crate::jobs::{JobIds, JobState, JobStatus};
use summary::Summary;

mod summary;

/// How often the host is asked how far the job is.
const EVERY: Duration = Duration::from_millis(250);
/// How long a host that has answered before may give no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is printed about a job.
#[derive(Debug, Args)]
pub struct JobOutput {
    /// Write the ids of accepted alerts to this file, one on each line; - is stdout. The host keeps the first 10,000
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Print the result as one JSON object, with the ids
    #[arg(long, conflicts_with = "ids")]
    json: bool,
}

impl JobOutput {
    /// Waits for the end of a job, and prints its result. Returns success if all alerts were judged and none faulted.
    ///
    /// # Errors
    /// Returns an error if the host gives no answer.
    pub fn follow(&self, mut job: FollowedJob<'_>, stop: &AtomicBool) -> anyhow::Result<ExitCode> {
        let mut out = self.ids.as_ref().map(open).transpose()?;
        let status = job.follow(stop, |ids| match &mut out {
            Some(out) => ids.iter().try_for_each(|id| writeln!(out, "{id}")),
            None => Ok(()),
        })?;
        if let Some(mut out) = out {
            out.flush().context("--ids")?;
        }
        let summary = Summary { status: &status, ids: &job.ids };
        if self.json {
            print_line(serde_json::to_string(&summary)?);
        } else if self.ids.as_ref().is_some_and(|path| path.as_os_str() == "-") {
            tell(&summary);
        } else {
            print(format_args!("{summary}\n"));
        }
        let is_well = status.state == JobState::Done && status.counts.faulted == 0;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn open(path: &PathBuf) -> anyhow::Result<Box<dyn Write>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdout()));
    }
    let file = File::create(path).with_context(|| format!("--ids {}", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}

/// A job that runs on a host.
pub struct FollowedJob<'a> {
    client: &'a ApiClient,
    begun: JobStatus,
    /// What it is doing, for people.
    doing: &'static str,
    id: u64,
    /// The host that does it, which may be another one than the one that is asked.
    host: Option<String>,
    /// How many ids have been asked for.
    next: u64,
    ids: Vec<String>,
}

impl<'a> FollowedJob<'a> {
    /// A job that has begun.
    pub fn new(client: &'a ApiClient, begun: JobStatus, doing: &'static str) -> FollowedJob<'a> {
        FollowedJob { client, id: begun.id, host: begun.host.clone(), begun, doing, next: 0, ids: Vec::new() }
    }

    /// Waits for its end, and hands over ids as they come. Cancels it once `stop` is set.
    fn follow(
        &mut self,
        stop: &AtomicBool,
        mut take: impl FnMut(&[String]) -> std::io::Result<()>,
    ) -> anyhow::Result<JobStatus> {
        let mut status = self.begun.clone();
        let bar = progress(status.progress().1, self.doing);
        loop {
            show(&bar, &status);
            if status.ids > self.next {
                let ids: JobIds = self.ask("/ids", &[("from", &self.next.to_string())])?;
                take(&ids.ids).context("cannot write the ids")?;
                self.next = ids.next;
                self.ids.extend(ids.ids);
            }
            if status.state != JobState::Running {
                bar.finish_and_clear();
                return Ok(status);
            }
            if stop.load(Ordering::Relaxed) {
                status = self.client.delete(&self.path("", &[]))?;
                if status.state == JobState::Running {
                    std::thread::sleep(EVERY);
                }
                continue;
            }
            std::thread::sleep(EVERY);
            status = self.ask("", &[])?;
        }
    }

    /// Where the job, or something about it, is in the API.
    fn path(&self, about: &str, parameters: &[(&str, &str)]) -> String {
        let host = self.host.iter().map(|host| ("host", &**host));
        let parameters: Vec<(&str, &str)> = parameters.iter().copied().chain(host).collect();
        format!("/api/v1/jobs/{}{about}{}", self.id, query(&parameters))
    }

    /// Asks about the job. A host that gives no answer is asked again for a while.
    fn ask<T: serde::de::DeserializeOwned>(&self, about: &str, parameters: &[(&str, &str)]) -> anyhow::Result<T> {
        let path = self.path(about, parameters);
        let begun = Instant::now();
        loop {
            match self.client.get(&path) {
                Ok(answer) => return Ok(answer),
                Err(ClientError::NoAnswer { .. }) if begun.elapsed() < PATIENCE => std::thread::sleep(EVERY),
                Err(ClientError::Refused { status: 404, .. }) => {
                    anyhow::bail!("the host does not know the job any more: was it restarted? Begin it again")
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn show(bar: &ProgressBar, status: &JobStatus) {
    let (done, of) = status.progress();
    bar.set_length(of);
    bar.set_position(done);
}
