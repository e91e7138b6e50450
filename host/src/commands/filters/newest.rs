//! `skysieve filters faults` and `logs`: what a filter has told, and what it tells from now on.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::{OneArgs, refused, show};
use crate::commands::output::{print, print_line, tell};
use crate::commands::serve::stop_on_signal;
use crate::http_client::{ApiClient, ClientError, ServerEvent};

/// The pause before a stream that has ended is followed on.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether the command was stopped.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(super) struct NewestArgs {
    #[command(flatten)]
    one: OneArgs,
    /// How many of the newest are shown, 0 to 1000; by default, all that the host has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=1000))]
    last: Option<u16>,
    /// Wait for more, until Ctrl-C. With --json, each is a line
    #[arg(long)]
    follow: bool,
}

/// What is read of a filter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Faults,
    Logs,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Faults => "faults",
            Kind::Logs => "logs",
        }
    }

    fn text(self, record: &Value) -> String {
        match self {
            Kind::Faults => show::fault(record),
            Kind::Logs => show::log(record),
        }
    }
}

impl NewestArgs {
    /// Prints the newest records, newest last, and then those that come.
    pub(super) fn print(&self, kind: Kind) -> anyhow::Result<()> {
        let query = self.last.map(|last| format!("?limit={last}")).unwrap_or_default();
        let (client, path) = (self.one.remote.client()?, self.one.path(&format!("/{}{query}", kind.name()))?);
        if self.follow {
            return self.follow(client, path, kind);
        }
        let page: Value = client.get(&path).map_err(refused)?;
        if self.one.json {
            print_line(page);
            return Ok(());
        }
        page[kind.name()].as_array().into_iter().flatten().rev().for_each(|record| print(kind.text(record)));
        if page["missed"].as_u64().is_some_and(|missed| missed > 0) {
            tell(format_args!("{} earlier ones are not shown", page["missed"]));
        }
        Ok(())
    }

    fn follow(&self, client: ApiClient, path: String, kind: Kind) -> anyhow::Result<()> {
        let stop = stop_on_signal()?;
        let (sender, events) = channel();
        // It may wait for the host for long, so that it is left behind at the end.
        std::thread::Builder::new().name("events".to_owned()).spawn(move || follow(&client, &path, &sender))?;
        while !stop.load(Ordering::Relaxed) {
            match events.recv_timeout(LOOK) {
                Ok(event) => self.print_event(&event.map_err(refused)?, kind),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(())
    }

    fn print_event(&self, event: &ServerEvent, kind: Kind) {
        let record: Value = serde_json::from_str(&event.data).unwrap_or_default();
        match &*event.event {
            "missed" => match record["count"].as_u64() {
                Some(count) => tell(format_args!("{count} were missed")),
                None => tell("the filter or its host has begun anew, and some may have been missed"),
            },
            _ if self.one.json => print_line(record),
            _ => print(kind.text(&record)),
        }
    }
}

/// Sends events on, until they are refused. A stream that ends is followed on behind its last event.
fn follow(client: &ApiClient, path: &str, events: &Sender<Result<ServerEvent, ClientError>>) {
    let (mut last, mut has_begun) = (None::<String>, false);
    loop {
        match client.events(path, last.as_deref()) {
            Ok(stream) => {
                has_begun = true;
                for event in stream.map_while(Result::ok) {
                    last = event.id.clone().or(last);
                    if events.send(Ok(event)).is_err() {
                        return;
                    }
                }
            }
            Err(error) if has_begun && may_pass(&error) => {}
            Err(error) => {
                let _ = events.send(Err(error));
                return;
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether a host may answer otherwise later, as when it is started anew.
fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::NoAnswer { .. } => true,
        ClientError::Refused { status, .. } | ClientError::NotAHost { status, .. } => *status == 429 || *status >= 500,
    }
}
