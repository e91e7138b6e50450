//! `skysieve consume`: subscribes to topics of alerts, and prints, watches, counts or saves them.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::common::SchemaArgs;
use super::fields::FieldArgs;
use super::properties::PropertyArgs;
use super::serve::{stop_on_signal, unless_stopped};
use crate::kafka::{Acknowledge, FollowConfig, Follower, Options, StartAt};
use skysieve_avro::BlobStyle;

mod files;
mod lines;
mod stream;
mod table;
mod take;
mod view;

/// Subscribe to topics of alerts: print, watch, count or save them.
///
/// Prints one line for each alert, until Ctrl-C. Members of a consumer group share the stream: two with the same
/// --group get different alerts, two with different groups each get all of them. The group remembers how far it has
/// read.
///
/// Messages that are not alerts are reported on stderr and the stream goes on, but the exit code is 1 in the end. A
/// batch of messages that can't be read ends the command with exit code 1. Exit code 2 means wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve consume my-filter                                        on the brokers of SKYSIEVE_BROKERS
  skysieve consume my-filter --fields diaSource.ra,diaSource.dec,diaSource.psfFlux
  skysieve consume my-filter --json --fields 'prvDiaSources[].psfFlux' | jq .
  skysieve consume my-filter --from earliest --until-end --commit never --save packets/ --stamps cutouts/
  skysieve consume my-filter --from 2026-11-21T23:00:00Z --every 100
  skysieve consume lsst-alerts --monitor")]
pub struct ConsumeArgs {
    /// Topics, or patterns that begin with ^
    #[arg(value_name = "TOPIC", required = true)]
    topics: Vec<String>,
    /// Kafka brokers to connect to first, host:port, separated by commas
    #[arg(long, value_name = "HOST:PORT", env = "SKYSIEVE_BROKERS")]
    brokers: String,
    /// What to print of each alert: fields (candidate.magpsf), whole records (diaSource), fields through arrays
    /// (prv_candidates[].magpsf), or * for everything; separated by commas
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    fields: Vec<String>,
    /// Print JSON, one object on each line, instead of a table. NaN becomes null
    #[arg(long)]
    json: bool,
    /// How to print bytes, such as cutouts
    #[arg(long, value_name = "HOW", default_value = "length")]
    bytes: BytesArg,
    /// Take only every Nth message, and skip the others
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Save cutouts in this folder as ID_science.fits.gz, ID_template…, ID_difference…, gzipped as in the alert
    #[arg(long, value_name = "DIR")]
    stamps: Option<PathBuf>,
    /// Gunzip cutouts, and save them as ID_science.fits
    #[arg(long, requires = "stamps")]
    fits: bool,
    /// Save packets in this folder, unchanged, as TOPIC-PARTITION-OFFSET.avro, which `skysieve check` can read
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Print only the number of messages, at the end
    #[arg(long, conflicts_with_all = ["fields", "monitor"])]
    count: bool,
    /// Don't decode alerts: print the positions and sizes of messages
    #[arg(long, conflicts_with_all = ["fields", "stamps"])]
    decode_off: bool,
    /// Print only when the end of a partition is reached, with its offset and time
    #[arg(long, conflicts_with_all = ["fields", "json", "stamps", "save", "every", "decode_off"])]
    monitor: bool,
    /// The consumer group [default: this machine's name]
    #[arg(long, env = "SKYSIEVE_GROUP")]
    group: Option<String>,
    /// Where to begin, however far the group has read: earliest, latest, a time (2026-11-22T03:00:00Z, or seconds since
    /// 1970), or -N for the last N messages of each partition. This applies once for a group: a member that joins
    /// others continues where they are [default: where the group left off, or earliest]
    #[arg(long, value_name = "WHERE", allow_hyphen_values = true)]
    from: Option<StartAt>,
    /// End when every partition has been read to its end
    #[arg(long)]
    until_end: bool,
    /// End after N messages
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// End when no message has arrived for this long
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<std::time::Duration>,
    /// When to commit a message's offset: after it was printed (after a crash, some messages are repeated), before
    /// (after a crash, some are lost), or never
    #[arg(long, value_name = "WHEN", default_value = "after")]
    commit: CommitArg,
    #[command(flatten)]
    schemas: SchemaArgs,
    #[command(flatten)]
    named: FieldArgs,
    #[command(flatten)]
    properties: PropertyArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CommitArg {
    After,
    Before,
    Never,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum BytesArg {
    /// The number of bytes
    Length,
    /// The bytes in base64
    Base64,
}

impl BytesArg {
    fn style(self) -> BlobStyle {
        match self {
            BytesArg::Length => BlobStyle::Length,
            BytesArg::Base64 => BlobStyle::Base64,
        }
    }
}

fn parse_seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    std::time::Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Follows the topics until it is told to stop, or until the end that was asked for.
///
/// # Errors
/// Returns an error if the topics can't be read, or if what is to be saved can't be written.
pub fn run(args: ConsumeArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let options = args.properties.options(&args.brokers, &stop, Options::check)?;
    let taker = take::Taker::new(&args)?;
    let follow = args.follow()?;
    let subscribe = move || Ok(Follower::new(&options, &follow)?);
    let Some(follower) = unless_stopped(&stop, subscribe)? else { return Ok(ExitCode::SUCCESS) };
    let total = stream::follow(&args, follower, taker, &stop)?;
    if args.count {
        // Writing fails if the reader has closed the pipe and does not want to know.
        let _ = std::io::stdout().write_all(total.report(args.json).as_bytes());
    }
    Ok(if total.bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl ConsumeArgs {
    fn follow(&self) -> anyhow::Result<FollowConfig> {
        Ok(FollowConfig {
            group: self.group.clone().map_or_else(machine_name, Ok)?,
            topics: self.topics.clone(),
            start: self.from.unwrap_or(StartAt::Committed),
            acknowledge: match self.commit {
                CommitArg::After => Acknowledge::After,
                CommitArg::Before => Acknowledge::Before,
                CommitArg::Never => Acknowledge::Never,
            },
            prompt_ends: self.monitor || self.until_end,
        })
    }

    /// Whether a line is printed for every message.
    fn prints(&self) -> bool {
        let saves = self.stamps.is_some() || self.save.is_some();
        !self.count && !self.monitor && (!saves || self.json || !self.fields.is_empty())
    }
}

/// The name of this machine, as the shell knows it.
fn machine_name() -> anyhow::Result<String> {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"].map(|path| std::fs::read_to_string(path).ok());
    let names = [std::env::var("HOSTNAME").ok()].into_iter().chain(files).flatten();
    let mut named = names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    named.next().context("this machine has no name to call the consumer group by: give --group")
}
