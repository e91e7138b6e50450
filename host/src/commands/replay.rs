//! `skysieve replay`: runs a filter of a running host over past alerts.

use std::process::ExitCode;

use clap::Args;

use super::common::UsageError;
use super::job::{FollowedJob, JobOutput};
use super::remote::RemoteArgs;
use super::serve::stop_on_signal;
use crate::http_client::{ClientError, query, segment};
use crate::jobs::JobStatus;

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
    /// seconds since 1970; earliest; or -N for the last N alerts
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: String,
    /// Until when, in the same forms; alerts of this time or later are not judged [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Publish accepted alerts on this topic: the filter's own with something behind it, such as NAME.replay. It is created
    /// if needed. What it had before remains
    #[arg(long, value_name = "TOPIC")]
    into: Option<String>,
    #[command(flatten)]
    output: JobOutput,
}

/// Begins a replay, and waits for its end.
///
/// # Errors
/// Returns an error if the host refuses it or gives no answer.
pub fn run(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let client = args.remote.client()?;
    let mut parameters = vec![("from", args.from.as_str())];
    parameters.extend(args.to.iter().map(|to| ("to", to.as_str())));
    parameters.extend(args.into.iter().map(|into| ("into", into.as_str())));
    let path = format!("/api/v1/filters/{}/replay{}", segment(&args.filter), query(&parameters));
    let begun: JobStatus = client.post(&path, b"").map_err(refused)?;
    args.output.follow(FollowedJob::new(&client, begun, "replaying"), &stop)
}

/// A host's refusal of a job. What is wrong with the request itself is wrong usage.
pub(super) fn refused(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Refused { status: 400 | 422, message, .. } => UsageError(message).into(),
        error => error.into(),
    }
}
