//! `skysieve replay`: runs a filter of a running host over past alerts.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;

use super::common::{UsageError, progress};
use super::output::{print, print_line, tell};
use super::remote::RemoteArgs;
use super::serve::stop_on_signal;
use crate::http_client::{ApiClient, ClientError, query, segment};
use crate::jobs::{JobIds, JobState, JobStatus};
use summary::Summary;

mod summary;

/// How often the host is asked how far the replay is.
const EVERY: Duration = Duration::from_millis(250);
/// How long a host that has answered before may give no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Run a filter over past alerts that are still in Kafka.
///
/// The host judges them with another instance of the filter, in the pauses of the live alerts, with the same settings and
/// with a quota of its own. Without --into, nothing is published: accepted alerts are counted, and --ids lists them. Faults
/// are counted, and described in the summary; they do not become dead letters. Ctrl-C cancels the replay.
///
/// The exit code is 0 if all alerts were judged and none faulted, 1 if not, and 2 for wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve replay bright --from 2026-05-08 --to 2026-05-09       what would it have accepted that day?
  skysieve replay bright --from 2026-05-08T22:00:00Z --ids ids.txt
  skysieve replay bright --from earliest --into bright.replay    publish that on a topic
  skysieve replay bright --from 2026-05-08 --json --server http://mirror-3:8080 | jq .counts")]
pub struct ReplayArgs {
    /// The filter's name
    #[arg(value_name = "NAME")]
    filter: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// From when on alerts are judged, by their messages' time in Kafka: a time (2026-05-09T03:00:00Z, in UTC), a day, or
    /// seconds since 1970; or earliest
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Until when, in the same forms; alerts of this time or later are not judged [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Publish accepted alerts on this topic: the filter's own with something behind it, such as NAME.replay. It is created
    /// if needed. What it had before remains
    #[arg(long, value_name = "TOPIC")]
    into: Option<String>,
    /// Write the ids of accepted alerts to this file, one on each line; - is stdout. The host keeps the first 10,000
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Print the result as one JSON object, with the ids
    #[arg(long, conflicts_with = "ids")]
    json: bool,
}

/// Begins a replay, and waits for its end.
///
/// # Errors
/// Returns an error if the host refuses it or gives no answer.
pub fn run(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let client = args.remote.client()?;
    let mut out = args.ids.as_ref().map(open).transpose()?;
    let mut parameters = vec![("from", args.from.as_str())];
    parameters.extend(args.to.iter().map(|to| ("to", to.as_str())));
    parameters.extend(args.into.iter().map(|into| ("into", into.as_str())));
    let path = format!("/api/v1/filters/{}/replay{}", segment(&args.filter), query(&parameters));
    let begun: JobStatus = client.post(&path, b"").map_err(refused)?;
    let mut replay = Replay { client: &client, id: begun.id, host: begun.host.clone(), next: 0, ids: Vec::new() };
    let status = replay.follow(begun, &stop, |ids| match &mut out {
        Some(out) => ids.iter().try_for_each(|id| writeln!(out, "{id}")),
        None => Ok(()),
    })?;
    if let Some(mut out) = out {
        out.flush().context("--ids")?;
    }
    let summary = Summary { status: &status, ids: &replay.ids };
    if args.json {
        print_line(serde_json::to_string(&summary)?);
    } else if args.ids.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        tell(&summary);
    } else {
        print(format_args!("{summary}\n"));
    }
    Ok(if status.state == JobState::Done && status.counts.faulted == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A host's refusal. What is wrong with the request itself is wrong usage.
fn refused(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Refused { status: 400 | 422, message, .. } => UsageError(message).into(),
        error => error.into(),
    }
}

fn open(path: &PathBuf) -> anyhow::Result<Box<dyn Write>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdout()));
    }
    let file = File::create(path).with_context(|| format!("--ids {}", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}

/// A replay that runs on a host.
struct Replay<'a> {
    client: &'a ApiClient,
    id: u64,
    /// The host that does it, which may be another one than the one that is asked.
    host: Option<String>,
    /// How many ids have been asked for.
    next: u64,
    ids: Vec<String>,
}

impl Replay<'_> {
    /// Waits for its end, and hands over ids as they come. Cancels it once `stop` is set.
    fn follow(
        &mut self,
        mut status: JobStatus,
        stop: &AtomicBool,
        mut take: impl FnMut(&[String]) -> std::io::Result<()>,
    ) -> anyhow::Result<JobStatus> {
        let bar = progress(status.progress().1, "replaying");
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
                    anyhow::bail!(
                        "the host does not know the replay any more: was it restarted? Begin the replay again"
                    )
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
