//! Publishes one visit: some threads make messages, and others send them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, bounded};
use indicatif::ProgressBar;
use parking_lot::Mutex;

use super::cadence::pause_until;
use super::input::Visit;
use super::recipe::{Packet, Recipe, Trouble};
use super::report::Published;
use crate::commands::common::progress;
use crate::kafka::{Deliveries, Outbound};

/// How many messages a maker may be ahead.
const AHEAD: usize = 64;

/// What all visits share.
pub struct Run<'a> {
    pub recipe: &'a Recipe,
    pub outbounds: &'a [Outbound],
    pub stop: &'a AtomicBool,
    /// The largest number of alerts per second.
    pub rate: Option<f64>,
}

/// What the threads of a visit share.
struct Shared<'a> {
    run: &'a Run<'a>,
    ring: Mutex<Ring>,
    deliveries: Arc<Deliveries>,
    started: Instant,
    /// The number of messages that have been sent or may be sent now.
    sent: AtomicU64,
    unreadable: AtomicU64,
    /// The reason that no more are sent.
    failure: Mutex<Option<anyhow::Error>>,
    failed: AtomicBool,
    bar: ProgressBar,
}

/// Takes messages from the makers in turn, so that they come in the order of the alerts.
struct Ring {
    makers: Vec<Receiver<Result<Packet, Trouble>>>,
    turn: usize,
}

impl Run<'_> {
    /// Publishes a visit, and waits until every message has been delivered or has failed. Returns what happened and, if
    /// it ended early, why.
    pub fn publish(&self, visit: &Visit) -> (Published, Option<anyhow::Error>) {
        let first_read = SystemTime::now();
        let of = visit.makers();
        let (senders, makers): (Vec<_>, Vec<_>) = (0..of).map(|_| bounded(AHEAD)).unzip();
        let shared = Shared {
            run: self,
            ring: Mutex::new(Ring { makers, turn: 0 }),
            deliveries: Arc::default(),
            started: Instant::now(),
            sent: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            failure: Mutex::default(),
            failed: AtomicBool::new(false),
            bar: progress(visit.alerts as u64, &format!("visit {}", visit.label)),
        };
        let left_out = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for (maker, sender) in senders.into_iter().enumerate() {
                let (shared, left_out) = (&shared, &left_out);
                scope.spawn(move || {
                    let mut put = |packet| !shared.ended() && sender.send(packet).is_ok();
                    left_out.fetch_add(visit.make(maker, of, self.recipe, &mut put), Ordering::Relaxed);
                });
            }
            for outbound in self.outbounds {
                scope.spawn(|| shared.send(outbound));
            }
        });
        shared.bar.finish_and_clear();
        let published = Published {
            visit: visit.label.clone(),
            repeat: visit.repeat,
            left_out: left_out.into_inner(),
            unreadable: shared.unreadable.into_inner(),
            first_read,
            took: shared.started.elapsed(),
            settled: shared.deliveries.settled(),
        };
        (published, shared.failure.into_inner())
    }
}

impl Shared<'_> {
    /// Whether no more messages are to be sent.
    fn ended(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.run.stop.load(Ordering::Relaxed)
    }

    fn fail(&self, error: anyhow::Error) {
        self.failed.store(true, Ordering::Relaxed);
        self.failure.lock().get_or_insert(error);
    }

    /// Sends until the makers have ended, and waits for the acknowledgements.
    fn send(&self, outbound: &Outbound) {
        loop {
            let next = self.ring.lock().next();
            let Some(made) = next else { break };
            // Messages that have been made are still taken, so that no maker waits for ever.
            if self.ended() {
                continue;
            }
            match made {
                Ok(packet) => {
                    if !self.await_turn() {
                        continue;
                    }
                    if let Err(error) = outbound.send(&packet.key, &packet.payload, &self.deliveries) {
                        self.fail(error.into());
                    }
                    self.bar.inc(1);
                }
                Err(Trouble::Packet(why)) => {
                    self.unreadable.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!("left out: {why}");
                }
                Err(Trouble::Fatal(error)) => self.fail(error),
            }
        }
        if let Err(error) = outbound.finish(&self.deliveries) {
            self.fail(error.into());
        }
    }

    /// Waits until the rate allows one more message. Returns false if the process was asked to stop.
    fn await_turn(&self) -> bool {
        let Some(rate) = self.run.rate else { return true };
        let turn = self.sent.fetch_add(1, Ordering::Relaxed);
        pause_until(self.started + Duration::from_secs_f64(turn as f64 / rate), self.run.stop)
    }
}

impl Ring {
    fn next(&mut self) -> Option<Result<Packet, Trouble>> {
        while !self.makers.is_empty() {
            let turn = self.turn % self.makers.len();
            match self.makers[turn].recv() {
                Ok(made) => {
                    self.turn = turn + 1;
                    return Some(made);
                }
                // This maker has ended, and the next message in order is that of the next maker.
                Err(_) => {
                    self.makers.remove(turn);
                    self.turn = turn;
                }
            }
        }
        None
    }
}
