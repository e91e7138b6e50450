//! `skysieve filters shadow`: a version that runs beside the active one on the live stream.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{OneArgs, output, refused, show};
use crate::http_client::query;

/// How many ids of each kind are printed.
const PRINTED: usize = 20;

/// Let a version run beside the active one on the live stream, and show what both accept.
///
/// The shadow judges the same alerts as the active version and publishes nothing. Without --version, --stop and --activate, what
/// both have accepted so far is shown: the newest 20 alerts of each kind, or the newest 1000 with --json.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve filters shadow bright --version 3          begin: version 3 beside the active one
  skysieve filters shadow bright                      what do they accept?
  skysieve filters shadow bright --json | jq -r '.only_shadow.ids[]'
  skysieve filters shadow bright --activate           the shadow becomes the active version
  skysieve filters shadow bright --stop")]
pub struct ShadowArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Make this version the shadow, in place of an earlier one
    #[arg(long, value_name = "N", group = "action")]
    version: Option<u32>,
    /// End the shadow
    #[arg(long, group = "action")]
    stop: bool,
    /// Make the shadow the active version
    #[arg(long, group = "action")]
    activate: bool,
    /// Activate it even if it fails on all recent alerts, on which the host tries it
    #[arg(long, requires = "activate")]
    force: bool,
}

/// Does what the command line asks for.
///
/// # Errors
/// Returns an error if the host refuses it or gives no answer.
pub fn run(args: &ShadowArgs) -> anyhow::Result<()> {
    let ShadowArgs { one, version, stop, activate, force } = args;
    let (client, path) = (one.remote.client()?, one.path("/shadow")?);
    let answer: Value = match version {
        Some(version) => client.post(&path, json!({ "version": version }).to_string().as_bytes()),
        None if *stop => client.delete(&path),
        None if *activate => {
            let force = if *force { query(&[("force", "true")]) } else { String::new() };
            client.post(&format!("{path}/activate{force}"), b"")
        }
        None => client.get(&path),
    }
    .map_err(refused)?;
    output(one.json, &answer, if *activate { show::change } else { shown });
    Ok(())
}

/// A shadow on a page.
fn shown(shadow: &Value) -> String {
    let field = |value: &Value| show::one_line(&show::text_of(value));
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name:<12} {value}");
        }
    };
    let reason = field(&shadow["reason"]);
    let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
    line("filter", field(&shadow["filter"]));
    line("shadow", format!("version {}, {}{reason}", field(&shadow["version"]), field(&shadow["state"])));
    line("active", format!("version {}", field(&shadow["active_version"])));
    line("begun", field(&shadow["begun"]));
    line("since", since(&shadow["since"]));
    line("alerts", format!("{} compared, {} to come", field(&shadow["seen"]), field(&shadow["behind"])));
    for (name, key) in [("both", "both"), ("only active", "only_active"), ("only shadow", "only_shadow")] {
        line(name, format!("{} accepted", field(&shadow[key]["count"])));
    }
    for name in ["active", "shadow"] {
        line(&format!("{name} did"), done(&shadow[name]));
    }
    for (name, list) in [("warning", "warnings"), ("fault", "recent_faults"), ("log", "recent_logs")] {
        shadow[list].as_array().into_iter().flatten().for_each(|value| line(name, field(value)));
    }
    for (sign, key) in [('-', "only_active"), ('+', "only_shadow")] {
        let ids: Vec<String> = shadow[key]["ids"].as_array().into_iter().flatten().map(field).collect();
        let newest = &ids[ids.len().saturating_sub(PRINTED)..];
        for id in newest {
            let _ = writeln!(text, "{sign} {id}");
        }
        let older = shadow[key]["count"].as_u64().unwrap_or(0).saturating_sub(newest.len() as u64);
        if older > 0 {
            let _ = writeln!(text, "{sign} and {older} before; --json has {}", ids.len());
        }
    }
    text
}

/// Where it began: the offset of each partition.
fn since(offsets: &Value) -> String {
    let topics = offsets.as_object().into_iter().flatten();
    let partitions = topics.flat_map(|(topic, partitions)| {
        let offsets = partitions.as_object().into_iter().flatten();
        offsets.map(move |(partition, offset)| format!("{}/{partition} {offset}", show::one_line(topic)))
    });
    partitions.collect::<Vec<_>>().join(", ")
}

/// What one of the versions did.
fn done(tally: &Value) -> String {
    let number = |name: &str| tally[name].as_u64().unwrap_or(0);
    let seconds = tally["seconds"].as_f64().unwrap_or(0.0);
    format!("{} accepted, {} faulted, {} fuel, {seconds:.3} s", number("accepted"), number("faulted"), number("fuel"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_printed_as_in_a_patch() {
        let ids: Vec<String> = (0..21).map(|id| id.to_string()).collect();
        let shadow = json!({"filter": "bright", "version": 3, "active_version": 2, "state": "stopped", "reason": "too\nslow",
            "since": {"ztf": {"0": 17, "1": 4}}, "seen": 100, "behind": 0,
            "both": {"count": 5, "ids": []}, "only_active": {"count": 21, "ids": ids, "left_out": 0},
            "only_shadow": {"count": 1, "ids": ["7\u{1b}"], "left_out": 0},
            "active": {"accepted": 26, "faulted": 0, "fuel": 9, "seconds": 0.5}});
        let text = shown(&shadow);
        for said in [
            "shadow       version 3, stopped: too slow\n",
            "since        ztf/0 17, ztf/1 4\n",
            "only active  21 accepted\n",
            "active did   26 accepted, 0 faulted, 9 fuel, 0.500 s\n",
            "- 20\n- and 1 before; --json has 21\n+ 7 \n",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
        assert!(!text.contains("- 0\n"), "{text}");
    }
}
