//! `skysieve move`: hands a filter from one host to another.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};

use super::output::{print_line, tell};
use super::remote::TokenFile;
use crate::filters::{HandOver, HostInfo, check_name};
use crate::http_client::{ApiClient, ClientError, segment};

/// How often a host is asked again that has no time just now, and the pause before that.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Move a filter from one host to another on the same Kafka cluster.
///
/// The first host lets the filter go between two alerts, and the other one goes on with the next, and with the visits'
/// quotas: subscribers of the filter's topic miss no alert and receive none twice. Both hosts read the same topics and have
/// the same --output-prefix. Whatever fails or is killed meanwhile: run the same command again, and it is completed. If the
/// other host refuses the filter, it goes back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve move bright --from http://node1:8080 --to http://node2:8080
  skysieve move bright --from http://node1:8080 --to http://node2:8080 --json | jq .positions
  skysieve move bright --from http://node1:8080 --to http://node2:8080 --module bright.wasm
                                                    node1 was restarted, and the filter had been uploaded")]
pub struct MoveArgs {
    /// The filter's name
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: String,
    /// Address of the HTTP API of the host that has the filter
    #[arg(long, value_name = "URL")]
    from: String,
    /// Address of the HTTP API of the host that is to have it
    #[arg(long, value_name = "URL")]
    to: String,
    /// The token of an operator, at both hosts.
    #[command(flatten)]
    token: TokenFile,
    /// The filter's module, if neither host has it any more: uploads are lost when a host is restarted
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
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
    let (from, to) = (args.token.client("--from", &args.from)?, args.token.client("--to", &args.to)?);
    let mover = Mover { path: format!("/api/v1/filters/{}", segment(&args.name)), args: &args, from, to };
    let handover = mover.run()?;
    if args.json {
        let HandOver { name, id, from, to, positions, .. } = handover;
        print_line(json!({ "filter": name, "id": id, "from": from, "to": to, "positions": positions }));
    } else {
        print_line(format_args!(
            "{} is on host {} now, which goes on where {} stopped",
            args.name, handover.to, handover.from
        ));
    }
    Ok(ExitCode::SUCCESS)
}

struct Mover<'a> {
    args: &'a MoveArgs,
    /// Where the filter is in a host's API.
    path: String,
    from: ApiClient,
    to: ApiClient,
}

impl Mover<'_> {
    fn run(&self) -> anyhow::Result<HandOver> {
        let (from, to) = (self.host(&self.from, "--from")?, self.host(&self.to, "--to")?);
        self.check(&from, &to)?;
        let request = json!({ "to": to.name }).to_string();
        let released = again(|| self.from.post::<HandOver>(&format!("{}/release", self.path), request.as_bytes()));
        let handover = released.with_context(|| format!("host {} does not let the filter go", from.name))?;
        if self.status(&self.to)?.is_none_or(|status| !is_move(&status, &handover.id)) {
            self.hand_over(&handover)?;
        }
        let confirmation = json!({ "id": handover.id }).to_string();
        let confirmed = again(|| self.from.post::<Value>(&format!("{}/confirm", self.path), confirmation.as_bytes()));
        confirmed
            .with_context(|| format!("host {} has the filter, but this could not be said to {}", to.name, from.name))?;
        Ok(handover)
    }

    /// Refuses a move that can't succeed, before anything has changed.
    fn check(&self, from: &HostInfo, to: &HostInfo) -> anyhow::Result<()> {
        if from.name == to.name {
            return Err(anyhow!("both addresses are those of host {}", from.name));
        }
        if from.output_prefix != to.output_prefix {
            let (one, other) = (&from.output_prefix, &to.output_prefix);
            return Err(anyhow!("the hosts' topics have different prefixes: {one:?} and {other:?} (--output-prefix)"));
        }
        if let Some(difference) = from.stream.difference(&to.stream) {
            return Err(anyhow!("the hosts read different streams: {difference}"));
        }
        let there = self.status(&self.to)?.filter(|status| status["state"] != "moved");
        let is_here = self.status(&self.from)?.is_some_and(|status| status["state"] != "moved");
        match there {
            Some(_) if is_here => Err(anyhow!("host {} has another filter of that name", to.name)),
            _ => Ok(()),
        }
    }

    fn hand_over(&self, handover: &HandOver) -> anyhow::Result<()> {
        let module = self.module(handover)?;
        let document = serde_json::to_vec(handover)?;
        let parts = [("module", &module[..]), ("handover", &document[..])];
        let Err(error) = again(|| self.to.put_form::<Value>(&self.path, &parts)) else { return Ok(()) };
        let refused = format!("host {} does not take the filter", handover.to);
        // 410: it has come there, and has gone on since.
        if !matches!(&error, ClientError::Refused { status: 400 | 409 | 413 | 422 | 507, .. }) {
            return Err(error).context(refused);
        }
        // It is certain that the other host does not have it.
        let back = again(|| self.from.put_form::<Value>(&self.path, &parts));
        back.with_context(|| format!("{refused} ({error}), and {} does not take it back", handover.from))?;
        Err(error).context(format!("{refused}, and it was given back to {}", handover.from))
    }

    /// The module, from whoever has it.
    fn module(&self, handover: &HandOver) -> anyhow::Result<Vec<u8>> {
        if let Some(file) = &self.args.module {
            return std::fs::read(file).with_context(|| format!("--module {}", file.display()));
        }
        for client in [&self.from, &self.to] {
            match client.get_bytes(&format!("{}/module", self.path)) {
                Ok(module) if crate::filters::hash(&module) == handover.sha256 => return Ok(module),
                Ok(_) | Err(ClientError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(anyhow!(
            "neither host has the filter's module any more (SHA-256 {}): give it with --module",
            handover.sha256
        ))
    }

    fn host(&self, client: &ApiClient, option: &str) -> anyhow::Result<HostInfo> {
        again(|| client.get("/api/v1/host")).context(option.to_owned())
    }

    /// The status of the filter on a host, if there is one.
    fn status(&self, client: &ApiClient) -> anyhow::Result<Option<Value>> {
        match client.get(&self.path) {
            Ok(status) => Ok(Some(status)),
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a filter has come by this move, and is still there.
fn is_move(status: &Value, id: &str) -> bool {
    status["origin"]["moved"] == *id && status["state"] != "moved"
}

/// Asks again as long as the host has no time.
fn again<T>(ask: impl Fn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    for tried in 1.. {
        match ask() {
            Err(ClientError::Refused { status: 429 | 503, message, .. }) if tried < TRIES => {
                tell(format_args!("{message}; asking again"));
                std::thread::sleep(PAUSE);
            }
            answer => return answer,
        }
    }
    unreachable!("the last answer was returned")
}
