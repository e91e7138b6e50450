//! The demo's subscribers. They read every filter's topic as anyone would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::DEAD_LETTERS;
use crate::filters::Control;
use crate::kafka::{Received, Subscriber};
use crate::pipeline::Handle;

/// How long messages may still arrive after the host has ended.
const PATIENCE: Duration = Duration::from_secs(20);

/// An accepted alert as its subscriber received it.
pub struct Arrival {
    /// The filter's topic.
    pub topic: Arc<str>,
    /// The partition and offset from which the alert was read.
    pub origin: Option<(usize, usize)>,
    /// The CRC-32 of the message.
    pub checksum: u32,
    /// When it arrived.
    pub at: Instant,
}

/// What the subscribers received.
#[derive(Default)]
pub struct Subscribed {
    /// The accepted alerts.
    pub arrivals: Vec<Arrival>,
    /// The number of dead letters.
    pub dead_letters: u64,
}

/// Reads until the host has ended and everything that it published has arrived.
///
/// # Errors
/// Returns an error if reading fails, or if something that was published does not arrive.
pub fn receive(mut subscriber: Subscriber, host: &Handle, ended: &AtomicBool) -> anyhow::Result<Subscribed> {
    let mut got = Subscribed::default();
    let mut last = Instant::now();
    loop {
        if let Some(message) = subscriber.next(Duration::from_millis(100))? {
            last = Instant::now();
            got.add(&message);
            continue;
        }
        if ended.load(Ordering::Relaxed) && !host.health().ready {
            let accepted: u64 = host.list().iter().map(|filter| filter.counts.accepted).sum();
            if got.arrivals.len() as u64 >= accepted && got.dead_letters >= host.health().dead_letters {
                return Ok(got);
            }
            if last.elapsed() > PATIENCE {
                return Err(anyhow!("{} of {accepted} accepted alerts reached the subscribers", got.arrivals.len()));
            }
        } else {
            last = Instant::now();
        }
    }
}

impl Subscribed {
    fn add(&mut self, message: &Received) {
        if &*message.topic == DEAD_LETTERS {
            self.dead_letters += 1;
            return;
        }
        let number = |name: &str| std::str::from_utf8(message.header(name)?).ok()?.parse::<usize>().ok();
        self.arrivals.push(Arrival {
            topic: message.topic.clone(),
            origin: number("skysieve-partition").zip(number("skysieve-offset")),
            checksum: crc32fast::hash(&message.payload),
            at: message.arrived,
        });
    }
}
