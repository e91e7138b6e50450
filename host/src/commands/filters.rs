//! `skysieve filters`: the filters of a running host.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::common::UsageError;
use super::output::{print, print_line};
use super::remote::{ListArgs, RemoteArgs};
use crate::filters::check_name;
use crate::http_client::{ApiClient, ClientError, segment};

mod check;
mod newest;
mod shadow;
pub mod show;

use newest::{Kind, NewestArgs};

/// List, show and change the filters of a running host.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve filters list
  skysieve filters show bright
  skysieve filters versions bright --server http://node1:8080
  skysieve filters rollback bright             the version before the active one
  skysieve filters stats bright                where did its alerts go, and what do they cost?
  skysieve filters faults bright --last 5      on which alerts did it fail, and where in the module?
  skysieve filters logs bright --follow        as they come, until Ctrl-C
  skysieve filters check bright --version 3 --last 10000      what would it accept, and what does it cost?
  skysieve filters shadow bright --version 4   what would it accept of the live stream?
  skysieve filters list --json | jq '.[] | select(.state != \"active\") | .name'")]
pub struct FiltersArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all filters, a line each
    List(ListArgs),
    /// Show one filter: its state, its settings, and where its alerts went
    Show(OneArgs),
    /// List the versions of a filter
    Versions(OneArgs),
    /// Make a version of a filter the active one
    Activate(ActivateArgs),
    /// Make the version before the active one the active one
    Rollback(OneArgs),
    /// Let a filter judge nothing until it is resumed
    Pause(OneArgs),
    /// Let a filter judge again that was paused, or suspended because it failed
    Resume(OneArgs),
    /// Try a version of a filter on recent alerts, beside the stream: what it accepts, and what it costs
    Check(check::CheckVersionArgs),
    /// Let a version run beside the active one on the live stream, and show what both accept
    Shadow(shadow::ShadowArgs),
    /// Remove a filter with all of its versions
    Delete(OneArgs),
    /// Show where the alerts of a filter went and what they cost, by visit
    Stats(OneArgs),
    /// Show the newest faults of a filter, each with where it happened in the module
    Faults(NewestArgs),
    /// Show the newest log messages of a filter
    Logs(NewestArgs),
}

#[derive(Debug, Args)]
struct OneArgs {
    /// The filter's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ActivateArgs {
    #[command(flatten)]
    one: OneArgs,
    /// The version's number
    #[arg(value_name = "VERSION")]
    version: u32,
    /// Activate it even if it fails on all recent alerts, on which the host tries it
    #[arg(long)]
    force: bool,
}

/// Does what the command line asks for.
///
/// # Errors
/// Returns an error if the host refuses it or gives no answer.
pub fn run(args: FiltersArgs) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::List(ListArgs { remote, json }) => {
            let filters: Value = remote.client()?.get("/api/v1/filters").map_err(refused)?;
            output(json, &filters, show::list);
        }
        Action::Show(one) => one.ask("", |client, path| client.get(path), show::filter)?,
        Action::Versions(one) => one.ask("/versions", |client, path| client.get(path), show::versions)?,
        Action::Activate(ActivateArgs { one, version, force }) => one.activate(version, force)?,
        Action::Rollback(one) => {
            let version = one.version_before()?;
            // It was active before, and is wanted back at once.
            one.activate(version, true)?;
        }
        Action::Pause(one) => one.ask("/pause", |client, path| client.post(path, b""), show::change)?,
        Action::Resume(one) => one.ask("/resume", |client, path| client.post(path, b""), show::change)?,
        Action::Check(args) => return check::run(&args),
        Action::Shadow(args) => shadow::run(&args)?,
        Action::Delete(one) => {
            one.ask("", ApiClient::delete, |status| format!("{}: deleted\n", show::text_of(&status["name"])))?
        }
        Action::Stats(one) => one.ask("/stats", |client, path| client.get(path), show::stats)?,
        Action::Faults(newest) => newest.print(Kind::Faults)?,
        Action::Logs(newest) => newest.print(Kind::Logs)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl OneArgs {
    /// Asks about the filter, and prints the answer.
    fn ask(
        &self,
        path: &str,
        ask: impl FnOnce(&ApiClient, &str) -> Result<Value, ClientError>,
        shown: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<()> {
        let answer = ask(&self.remote.client()?, &self.path(path)?).map_err(refused)?;
        output(self.json, &answer, shown);
        Ok(())
    }

    fn path(&self, path: &str) -> Result<String, UsageError> {
        name_of(&self.name)?;
        Ok(format!("/api/v1/filters/{}{path}", segment(&self.name)))
    }

    fn activate(&self, version: u32, force: bool) -> anyhow::Result<()> {
        let body = json!({"version": version, "force": force}).to_string();
        self.ask("/activate", |client, path| client.post(path, body.as_bytes()), show::change)
    }

    /// The number of the version that was uploaded before the active one.
    fn version_before(&self) -> anyhow::Result<u32> {
        let versions: Value = self.remote.client()?.get(&self.path("/versions")?).map_err(refused)?;
        let versions: Vec<&Value> = versions.as_array().into_iter().flatten().collect();
        let active = versions.iter().position(|version| version["active"] == true);
        let before =
            active.and_then(|active| active.checked_sub(1)).and_then(|before| versions[before]["number"].as_u64());
        let before = before.and_then(|number| u32::try_from(number).ok());
        before.ok_or_else(|| anyhow::anyhow!("{}: there is no version before the active one", self.name))
    }
}

fn output(json: bool, answer: &Value, shown: impl FnOnce(&Value) -> String) {
    match json {
        true => print_line(answer),
        false => print(shown(answer)),
    }
}

/// Refuses what can't be a filter's name, without asking a host.
///
/// # Errors
/// Returns a [`UsageError`].
pub fn name_of(name: &str) -> Result<(), UsageError> {
    check_name(name).map_err(|error| UsageError(error.to_string()))
}

/// A host's refusal. What is wrong with the request itself is wrong usage.
pub fn refused(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Refused { status: 400, message, .. } => UsageError(message).into(),
        error => error.into(),
    }
}
