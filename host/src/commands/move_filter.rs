//! `skysieve move`: hands a filter from one host to another.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::common::read_file;
use super::filters::refused;
use super::filters::show::{one_line, text_of};
use super::output::{print_line, tell};
use super::remote::RemoteArgs;
use crate::filters::{HandOver, check_name};
use crate::hosts::{FORWARDED, Mover, RemoteEnd};
use crate::http_client::{query, segment};

/// Move a filter from one host to another.
///
/// The first host lets the filter go between two alerts, and the other one goes on with the next, and with the visits'
/// quotas: subscribers of the filter's topic miss no alert and receive none twice. Both hosts read the same topics of one Kafka
/// cluster and have the same --output-prefix. Whatever fails or is killed meanwhile: run the same command again, and it is
/// completed. If the other host refuses the filter, it goes back.
///
/// If the hosts have one registry, any of them does it (--server), and --to is the other host's name. Between hosts on
/// different clusters, the filter then begins on the other one with the alerts that come from that time on. Otherwise, both
/// addresses are given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve move bright --to node2                                          hosts with one registry
  skysieve move bright --to node2 --server http://node1:8080 --force       node3, which has it, is gone for good
  skysieve move bright --from http://node1:8080 --to http://node2:8080
  skysieve move bright --from http://node1:8080 --to http://node2:8080 --json | jq .positions
  skysieve move bright --from http://node1:8080 --to http://node2:8080 --module bright.wasm
                                                    node1 was restarted, and the filter had been uploaded")]
pub struct MoveArgs {
    /// The filter's name
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: String,
    /// Address of the HTTP API of the host that has the filter, if the hosts have no registry in common
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The host that is to have it: its name (`skysieve hosts`), or with --from the address of its HTTP API
    #[arg(long, value_name = "HOST")]
    to: String,
    /// The host that is asked, unless --from is given; and the token: the owner's or an operator's, with --from an
    /// operator's at both hosts.
    #[command(flatten)]
    remote: RemoteArgs,
    /// The filter's module, if neither host has it any more: uploads are lost when a host is restarted
    #[arg(long, value_name = "FILE", requires = "from")]
    module: Option<PathBuf>,
    /// Move it even if the host that has it does not answer: it misses the alerts from where that one stopped until now. For
    /// operators
    #[arg(long, conflicts_with = "from")]
    force: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

fn parse_name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// Moves the filter.
///
/// # Errors
/// Returns an error if a host does not answer or refuses the move.
pub fn run(args: MoveArgs) -> anyhow::Result<ExitCode> {
    match &args.from {
        Some(from) => between(&args, from)?,
        None => in_registry(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks a host to move it.
fn in_registry(args: &MoveArgs) -> anyhow::Result<()> {
    let force: &[(&str, &str)] = if args.force { &[("force", "true")] } else { &[] };
    let path = format!("/api/v1/filters/{}{}", segment(&args.name), query(force));
    let body = json!({ "host": args.to }).to_string();
    let status: Value = args.remote.client()?.patch(&path, body.as_bytes()).map_err(refused)?;
    for warning in status["warnings"].as_array().into_iter().flatten() {
        tell(format_args!("warning: {}", one_line(&text_of(warning))));
    }
    match args.json {
        true => print_line(status),
        false => print_line(format_args!("{} is on host {} now", args.name, args.to)),
    }
    Ok(())
}

/// Asks both hosts, each for its own part.
fn between(args: &MoveArgs, from: &str) -> anyhow::Result<()> {
    let client = |flag, address: &str| {
        let client = args.remote.client_at(flag, address)?;
        anyhow::Ok(RemoteEnd::new(client.with_header(FORWARDED, "move"), &args.name))
    };
    let (from, to) = (client("--from", from)?, client("--to", &args.to)?);
    let module = args.module.as_deref().map(read_file).transpose().context("--module")?;
    let waits = |message: &str| tell(format_args!("{message}; asking again"));
    let handover = Mover { from: &from, to: &to, module, waits: &waits }.run()?;
    if args.json {
        let HandOver { name, id, from, to, positions, .. } = handover;
        print_line(json!({ "filter": name, "id": id, "from": from, "to": to, "positions": positions }));
    } else {
        print_line(format_args!(
            "{} is on host {} now, which goes on where {} stopped",
            args.name, handover.to, handover.from
        ));
    }
    Ok(())
}
