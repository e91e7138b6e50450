//! `skysieve filters check`: tries a version of a filter on recent alerts.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::name_of;
use crate::commands::job::{FollowedJob, JobOutput};
use crate::commands::remote::RemoteArgs;
use crate::commands::replay::refused;
use crate::commands::serve::stop_on_signal;
use crate::http_client::{ApiClient, query, segment};
use crate::jobs::{JobStatus, LAST};

/// Try a version of a filter on recent alerts: what it accepts, and what it costs.
///
/// The host judges them with another instance of the filter, in the pauses of the live alerts. Nothing is published. The ids
/// of all accepted alerts are listed, also of those beyond the quota. Ctrl-C cancels the check.
///
/// The exit code is 0 if all alerts were judged and none faulted, 1 if not, and 2 for wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve filters check bright                         the active version, on the last 1000 alerts
  skysieve filters check bright --version 3 --last 10000 --ids ids.txt
  skysieve filters check bright --from 2026-05-08T22:00:00Z --to 2026-05-09 --json | jq .cost.summary")]
pub struct CheckVersionArgs {
    /// The filter's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// The version's number [default: the active one]
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Judge the last N alerts of the stream
    #[arg(long, value_name = "N", default_value_t = LAST.1, conflicts_with = "from",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(LAST.0)))]
    last: u32,
    /// Judge alerts from this time on, by their messages' time in Kafka: a time (2026-05-09T03:00:00Z, in UTC), a day, or
    /// seconds since 1970; or earliest
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when, in the same forms; alerts of this time or later are not judged [default: now]
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    #[command(flatten)]
    output: JobOutput,
}

/// Begins a check, and waits for its end.
///
/// # Errors
/// Returns an error if the host refuses it or gives no answer.
pub fn run(args: &CheckVersionArgs) -> anyhow::Result<ExitCode> {
    name_of(&args.name)?;
    let stop = stop_on_signal()?;
    let client = args.remote.client()?;
    let path = format!("/api/v1/filters/{}", segment(&args.name));
    let version = match args.version {
        Some(version) => version,
        None => active(&client, &path, &args.name)?,
    };
    let last = args.last.to_string();
    let mut parameters = Vec::new();
    match &args.from {
        Some(from) => parameters.push(("from", from.as_str())),
        None => parameters.push(("last", last.as_str())),
    }
    parameters.extend(args.to.iter().map(|to| ("to", to.as_str())));
    let path = format!("{path}/versions/{version}/check{}", query(&parameters));
    let begun: JobStatus = client.post(&path, b"").map_err(refused)?;
    args.output.follow(FollowedJob::new(&client, begun, "checking"), &stop)
}

/// The number of the active version.
fn active(client: &ApiClient, path: &str, name: &str) -> anyhow::Result<u32> {
    let status: Value = client.get(path).map_err(refused)?;
    let registered = &status["registered"];
    anyhow::ensure!(
        registered.is_object(),
        "{name} has no versions, because it is not in the registry: skysieve replay {name} --from TIME tries it"
    );
    let version = registered["version"].as_u64().and_then(|version| u32::try_from(version).ok());
    version.ok_or_else(|| anyhow::anyhow!("none of the versions of {name} is active: choose one by --version"))
}
