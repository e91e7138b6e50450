//! The main loop: fetch messages, take them, print them, acknowledge them.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::anyhow;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::take::Taker;
use super::{CommitArg, ConsumeArgs};
use crate::commands::output;
use crate::kafka::{FetchLimits, Follower, PartitionEnd};
use crate::pipeline::{Message, TopicPartition};

/// How many messages and bytes are taken before everything else is looked after.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 32 << 20;
/// How long to wait for a message before everything else is looked after.
const WAIT: Duration = Duration::from_millis(100);
/// How much longer `--timeout` waits if the group gives this member nothing to read.
const JOINING: Duration = Duration::from_secs(30);

/// What was read.
#[derive(Default)]
pub struct Total {
    /// The number of messages.
    pub messages: u64,
    /// The number of their bytes.
    pub bytes: u64,
    /// The number of messages that are not alerts, or that could not be saved completely.
    pub bad: u64,
}

impl Total {
    /// Formats the totals, for people or as JSON.
    pub fn report(&self, json: bool) -> String {
        let Total { messages, bytes, bad } = self;
        match json {
            true => format!("{{\"messages\":{messages},\"bytes\":{bytes},\"undecodable\":{bad}}}\n"),
            false => format!("{messages} messages, {bytes} bytes, {bad} undecodable\n"),
        }
    }
}

/// Follows the stream until the end that was asked for.
///
/// # Errors
/// Returns an error if the stream can't go on.
pub fn follow(args: &ConsumeArgs, follower: Follower, taker: Taker, stop: &AtomicBool) -> anyhow::Result<Total> {
    let before = matches!(args.commit, CommitArg::Before);
    let mut stream =
        Stream { args, stop, before, follower, taker, total: Total::default(), bar: bar(), open: true, failure: None };
    let begun = Instant::now();
    let mut last = None;
    while stream.open && stream.failure.is_none() && !stop.load(Ordering::Relaxed) && !stream.complete() {
        if stream.step()? || last.is_none() && stream.follower.is_member() {
            last = Some(Instant::now());
        }
        let waited = last.map_or_else(|| begun.elapsed().saturating_sub(JOINING), |last| last.elapsed());
        if args.timeout.is_some_and(|timeout| waited >= timeout) || args.until_end && stream.follower.at_end() {
            break;
        }
    }
    stream.bar.finish_and_clear();
    if let Some(saved) = stream.taker.saved() {
        tracing::info!("{saved}");
    }
    stream.follower.close()?;
    stream.failure.map_or(Ok(stream.total), Err)
}

struct Stream<'a> {
    args: &'a ConsumeArgs,
    stop: &'a AtomicBool,
    /// Whether messages are acknowledged before they are taken.
    before: bool,
    follower: Follower,
    taker: Taker,
    total: Total,
    bar: ProgressBar,
    /// Whether the output still has a reader.
    open: bool,
    /// Why the stream can't go on.
    failure: Option<anyhow::Error>,
}

impl Stream<'_> {
    fn complete(&self) -> bool {
        self.args.limit.is_some_and(|limit| self.total.messages >= limit)
    }

    /// Takes the messages that have arrived, or waits for one. Returns whether there were any.
    fn step(&mut self) -> anyhow::Result<bool> {
        let left = self.args.limit.map_or(BATCH as u64, |limit| limit - self.total.messages);
        let limits = FetchLimits { count: BATCH.min(left as usize), bytes: BATCH_BYTES, wait: WAIT };
        let mut messages = Vec::new();
        self.follower.fetch(&mut messages, limits)?;
        // If the group's partitions are being reassigned, these messages come again, here or to another member.
        if self.before && !self.follower.acknowledge(&messages)? {
            return Ok(true);
        }
        for (at, message) in messages.iter().enumerate() {
            if !self.await_schema(message)? {
                messages.truncate(at);
                break;
            }
            self.take(message)?;
        }
        let ends = self.follower.ends();
        if self.args.monitor {
            ends.iter().for_each(|end| self.taker.out.extend_from_slice(monitor_line(end).as_bytes()));
        }
        self.print()?;
        if !self.before && self.open {
            self.follower.acknowledge(&messages)?;
        }
        self.bar.set_position(self.total.messages);
        if let Some(behind) = self.follower.behind() {
            self.bar.set_message(format!("{}, {behind} behind", HumanBytes(self.total.bytes)));
        }
        self.bar.tick();
        Ok(!messages.is_empty())
    }

    /// Waits while the registry can't be asked for a message's schema. Returns `false` if it was told to stop, or if
    /// `--timeout` passed without an answer.
    fn await_schema(&mut self, message: &Message) -> anyhow::Result<bool> {
        let (begun, mut told) = (Instant::now(), false);
        while let Some(obstacle) = self.taker.obstacle(message) {
            // What was taken before must not be held back, nor taken again.
            self.print()?;
            if self.stop.load(Ordering::Relaxed) || !self.open {
                return Ok(false);
            }
            if self.args.timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
                let Message { topic, partition, offset, .. } = message;
                self.failure = Some(anyhow!("topic {topic}, partition {partition}, offset {offset}: {obstacle}"));
                return Ok(false);
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("waiting for a schema: {obstacle}");
            }
            std::thread::sleep(WAIT);
        }
        Ok(true)
    }

    fn take(&mut self, message: &Message) -> anyhow::Result<()> {
        let number = self.total.messages;
        self.total.messages += 1;
        self.total.bytes += message.bytes.len() as u64;
        if self.args.monitor || !number.is_multiple_of(self.args.every) {
            return Ok(());
        }
        let complaints = self.taker.take(message)?;
        if !complaints.is_empty() {
            self.total.bad += 1;
            let Message { topic, partition, offset, .. } = message;
            let place = format!("topic {topic}, partition {partition}, offset {offset}");
            let tell = |why: &String| output::tell(format_args!("{place}: {why}"));
            self.bar.suspend(|| complaints.iter().for_each(tell));
        }
        Ok(())
    }

    /// Prints the lines of the messages that were taken.
    fn print(&mut self) -> anyhow::Result<()> {
        let out = &mut self.taker.out;
        if out.is_empty() {
            return Ok(());
        }
        let printed = self.bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(out).and_then(|()| stdout.flush())
        });
        out.clear();
        match printed {
            // A reader such as `| head` has had enough. Messages that it did not read are not committed.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.open = false,
            printed => printed?,
        }
        Ok(())
    }
}

/// The line for the end of a partition, in the form of the prototype.
fn monitor_line(end: &PartitionEnd) -> String {
    let PartitionEnd { partition: TopicPartition { topic, partition }, offset, time } = end;
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    format!("topic:{topic}, partition:{partition}, status:end, offset:{offset}, key:None, time:{time:.3}\n")
}

/// Shows rate and lag on a terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} messages, {per_sec}, {msg}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
