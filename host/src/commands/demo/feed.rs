//! Publishes the demo's visits at their cadence, and waits until each of them has been processed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::visits::Survey;
use super::{DemoArgs, PARTITIONS};
use crate::commands::common::progress;
use crate::commands::output::print_line;
use crate::filters::Control;
use crate::kafka::Feeder;
use crate::pipeline::Handle;

/// How much time the host may need for what it was sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A packet that was published; it is identified by partition and offset.
pub struct Sent {
    /// The number of its visit.
    pub visit: usize,
    /// The CRC-32 of the packet.
    pub checksum: u32,
}

/// A visit that was published.
pub struct FedVisit {
    /// The name of the visit, for people.
    pub label: String,
    /// The number of its packets.
    pub packets: u64,
    /// When its first packet was sent.
    pub started: Instant,
    /// The time from there to the acknowledgement of the last packet.
    pub sending: Duration,
    /// The time from there until the host had published everything.
    pub lag: Duration,
}

/// Everything that was published.
#[derive(Default)]
pub struct Fed {
    /// The visits, in order.
    pub visits: Vec<FedVisit>,
    /// The packets, by partition and offset.
    pub sent: Vec<Vec<Sent>>,
    /// The number of bytes in all packets.
    pub bytes: u64,
}

/// Publishes one visit after the other until there are no more, `stop` is set, or the host has `ended`.
///
/// # Errors
/// Returns an error if a packet can't be read or delivered, or if the host makes no progress.
pub fn feed(
    survey: &mut Survey,
    mut feeder: Feeder,
    host: &Handle,
    args: &DemoArgs,
    stop: &AtomicBool,
    ended: &AtomicBool,
) -> anyhow::Result<Fed> {
    let mut fed = Fed { sent: (0..PARTITIONS).map(|_| Vec::new()).collect(), ..Fed::default() };
    let stopped = || stop.load(Ordering::Relaxed) || ended.load(Ordering::Relaxed);
    let mut due = Instant::now();
    while !stopped() {
        let Some(visit) = survey.next_visit() else { break };
        let started = Instant::now();
        let bar = progress(visit.count as u64, &format!("visit {}", visit.label));
        let mut packets = 0;
        for packet in visit.packets {
            if stopped() {
                break;
            }
            let packet = packet?;
            let partition = (packets % PARTITIONS as u64) as i32;
            let sent = Sent { visit: fed.visits.len(), checksum: crc32fast::hash(&packet) };
            fed.sent[partition as usize].push(sent);
            fed.bytes += packet.len() as u64;
            feeder.send(partition, Vec::new(), packet)?;
            packets += 1;
            bar.inc(1);
        }
        let total = feeder.finish()?;
        let sent = Instant::now();
        await_host(host, total, ended)?;
        bar.finish_and_clear();
        fed.visits.push(FedVisit {
            label: visit.label,
            packets,
            started,
            sending: sent - started,
            lag: sent.elapsed(),
        });
        tell(&fed, host);
        due += Duration::from_secs_f64(args.interval);
        pause_until(due, &stopped);
        due = due.max(Instant::now());
    }
    if args.keep_running {
        print_line("no more visits; Ctrl-C ends");
        pause_until(Instant::now() + Duration::from_secs(u32::MAX.into()), &stopped);
    }
    Ok(fed)
}

fn tell(fed: &Fed, host: &Handle) {
    let Some(visit) = fed.visits.last() else { return };
    let accepted: u64 = host.list().iter().map(|filter| filter.counts.accepted).sum();
    print_line(format_args!(
        "visit {}: {} alerts sent in {:.2} s, done {:.0} ms after the last; {accepted} accepted so far",
        visit.label,
        visit.packets,
        visit.sending.as_secs_f64(),
        visit.lag.as_secs_f64() * 1e3,
    ));
}

/// Waits until the host has processed everything that was sent.
fn await_host(host: &Handle, sent: u64, ended: &AtomicBool) -> anyhow::Result<()> {
    let (mut before, mut moved) = (0, Instant::now());
    loop {
        let done = host.health().done;
        if done >= sent || ended.load(Ordering::Relaxed) {
            return Ok(());
        }
        if done > before {
            (before, moved) = (done, Instant::now());
        } else if moved.elapsed() > PATIENCE {
            return Err(anyhow!("the host makes no progress: {done} of {sent} messages are done"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn pause_until(due: Instant, stopped: &impl Fn() -> bool) {
    while !stopped() && Instant::now() < due {
        std::thread::sleep(Duration::from_millis(20).min(due.saturating_duration_since(Instant::now())));
    }
}
