//! `skysieve hosts`: the hosts that share a registry.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::filters::refused;
use super::filters::show::text_of;
use super::output::{print, print_line};
use super::remote::RemoteArgs;

/// List the hosts that share a registry of filters.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve hosts
  skysieve hosts --server http://node1:8080
  skysieve hosts --json | jq -r '.[] | select(.live | not) | .name'      those that say nothing any more")]
pub struct HostsArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
}

/// Lists the hosts.
///
/// # Errors
/// Returns an error if the host refuses it or gives no answer.
pub fn run(args: &HostsArgs) -> anyhow::Result<ExitCode> {
    let hosts: Value = args.remote.client()?.get("/api/v1/hosts").map_err(refused)?;
    match args.json {
        true => print_line(&hosts),
        false => print(table(&hosts)),
    }
    Ok(ExitCode::SUCCESS)
}

fn table(hosts: &Value) -> String {
    let all: Vec<&Value> = hosts.as_array().into_iter().flatten().collect();
    let width = all.iter().map(|host| text_of(&host["name"]).chars().count()).max().unwrap_or(0).max(4);
    let line = |name: &str, state: &str, filters: &str, rest: &str| {
        format!("{name:width$}  {state:10}  {filters:>7}  {rest}").trim_end().to_owned() + "\n"
    };
    let mut out = line("NAME", "STATE", "FILTERS", "ADDRESS");
    for host in all {
        let state = if host["live"] == true { "live".to_owned() } else { silent(&host["silent"]) };
        let address = host["url"].as_str().unwrap_or("(none: --advertise)");
        out += &line(&text_of(&host["name"]), &state, &host["filters"].to_string(), address);
    }
    out
}

/// For how long a host has said nothing.
fn silent(seconds: &Value) -> String {
    match seconds.as_f64() {
        None => "unknown".to_owned(),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.0} s ago"),
        Some(seconds) if seconds < 7200.0 => format!("{:.0} min ago", seconds / 60.0),
        Some(seconds) => format!("{:.0} h ago", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_for_each_host() {
        let hosts = json!([
            {"name": "node1", "live": true, "filters": 12, "url": "http://node1:8080", "silent": 0.5},
            {"name": "node10", "live": false, "filters": 3, "url": null, "silent": 600.0},
            {"name": "gone", "live": false, "filters": 1, "url": null, "silent": null}
        ]);
        let expected = "\
NAME    STATE       FILTERS  ADDRESS
node1   live             12  http://node1:8080
node10  10 min ago        3  (none: --advertise)
gone    unknown           1  (none: --advertise)
";
        assert_eq!(table(&hosts), expected);
    }
}
