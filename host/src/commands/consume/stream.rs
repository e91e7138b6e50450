//! The loop: fetch, take, print, acknowledge.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::anyhow;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::take::Taker;
use super::{CommitArg, ConsumeArgs};
use crate::commands::output;
use crate::kafka::{FetchLimits, Follower, PartitionEnd};
use crate::pipeline::Message;

/// Messages and bytes that are taken between two looks at everything else.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 32 << 20;
/// How long to wait for a message before that.
const WAIT: Duration = Duration::from_millis(100);
/// How much longer than asked for `--timeout` waits when the group gives this member nothing to read.
const JOINING: Duration = Duration::from_secs(30);

/// What there was.
#[derive(Default)]
pub struct Total {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that are not alerts, or of which not everything could be saved.
    pub bad: u64,
}

impl Total {
    /// A line for people, or for programs.
    pub fn report(&self, json: bool) -> String {
        let Total { messages, bytes, bad } = self;
        match json {
            true => format!("{{\"messages\":{messages},\"bytes\":{bytes},\"undecodable\":{bad}}}\n"),
            false => format!("{messages} messages, {bytes} bytes, {bad} undecodable\n"),
        }
    }
}

/// Follows the stream to the end that was asked for.
///
/// # Errors
/// When it can't go on.
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
    /// Whether someone still reads what is printed.
    open: bool,
    /// Why the stream can't go on.
    failure: Option<anyhow::Error>,
}

impl Stream<'_> {
    fn complete(&self) -> bool {
        self.args.limit.is_some_and(|limit| self.total.messages >= limit)
    }

    /// Takes the messages that are there, or waits for one. Whether there was any.
    fn step(&mut self) -> anyhow::Result<bool> {
        let left = self.args.limit.map_or(BATCH as u64, |limit| limit - self.total.messages);
        let limits = FetchLimits { count: BATCH.min(left as usize), bytes: BATCH_BYTES, wait: WAIT };
        let mut messages = Vec::new();
        self.follower.fetch(&mut messages, limits)?;
        // When the group's partitions are shared out again, the messages come again, here or to another member.
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

    /// Waits while the registry can't be asked for a message's schema. `false`: told to stop before, or no answer came within
    /// `--timeout`.
    fn await_schema(&mut self, message: &Message) -> anyhow::Result<bool> {
        let (begun, mut told) = (Instant::now(), false);
        while let Some(obstacle) = self.taker.obstacle(message) {
            // What was taken before is not held back, nor taken again.
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

    /// Prints what was taken.
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
            // `| head` has had enough. What it did not read is not committed.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.open = false,
            printed => printed?,
        }
        Ok(())
    }
}

/// An end of a partition in the prototype's form.
fn monitor_line(end: &PartitionEnd) -> String {
    let PartitionEnd { topic, partition, offset, time } = end;
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    format!("topic:{topic}, partition:{partition}, status:end, offset:{offset}, key:None, time:{time:.3}\n")
}

/// Rate and lag on a terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} messages, {per_sec}, {msg}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
