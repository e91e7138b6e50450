//! The topic in which changes are recorded.
//!
//! Whoever makes a change does not wait for it: records go through a queue to a thread, which publishes them, and waits for
//! brokers that are away. If so many wait that the queue is full, further ones are in the log only, and are counted as lost.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::access::{AuditCounts, AuditSink};
use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::host::topics::{TopicSettings, Topics};
use crate::kafka::librdkafka::deliveries::Deliveries;
use crate::kafka::librdkafka::publisher::{Outgoing, Publisher, Settings};

/// How many records may wait.
const QUEUE: usize = 10_000;
/// How many records are published together.
const BATCH: usize = 100;
/// The pause after the brokers did not take records.
const PAUSE: Duration = Duration::from_secs(5);
/// How long brokers may be out of reach before that is said.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end waits for what is on its way.
const GRACE: Duration = Duration::from_secs(3);

/// The topic in which changes are recorded.
pub struct AuditTopic {
    records: Sender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    published: AtomicU64,
    lost: AtomicU64,
    /// Records that are neither published nor lost yet.
    waiting: AtomicU64,
    /// Whether it was said that the queue is full.
    is_full: AtomicBool,
}

impl AuditTopic {
    /// Publishes records on this topic, which is created with the first record.
    ///
    /// # Errors
    /// Returns an error if no thread can be started.
    pub fn start(options: &Options, topic: &str, settings: TopicSettings) -> io::Result<AuditTopic> {
        let (records, queue) = bounded(QUEUE);
        let shared = Arc::<Shared>::default();
        let options = Options { patience: PATIENCE, ..options.clone() };
        let mut writer = Writer { options, topic: topic.to_owned(), settings, publisher: None, shared: shared.clone() };
        thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&queue))?;
        Ok(AuditTopic { records, shared })
    }

    /// Waits a moment for what is on its way.
    pub fn finish(&self) {
        let begun = Instant::now();
        while self.shared.waiting.load(Ordering::Relaxed) > 0 && begun.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl AuditSink for AuditTopic {
    fn publish(&self, record: Vec<u8>) {
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let is_full = self.records.try_send(record).is_err();
        if is_full {
            self.shared.lose(1);
        }
        if self.shared.is_full.swap(is_full, Ordering::Relaxed) != is_full {
            match is_full {
                true => tracing::error!(
                    "too many records of changes wait for the brokers: further ones are in the log only"
                ),
                false => tracing::info!("records of changes are published again"),
            }
        }
    }

    fn counts(&self) -> AuditCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        AuditCounts { published: of(&self.shared.published), lost: of(&self.shared.lost) }
    }
}

impl Shared {
    fn lose(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
        self.waiting.fetch_sub(records, Ordering::Relaxed);
    }
}

/// Publishes what is in the queue.
struct Writer {
    options: Options,
    topic: String,
    settings: TopicSettings,
    /// Once the topic is there.
    publisher: Option<Publisher>,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&mut self, queue: &Receiver<Vec<u8>>) {
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            batch.extend(queue.try_iter().take(BATCH - 1));
            let mut trouble = String::new();
            while let Err(error) = self.publish(&mut batch) {
                if self.options.stopping() {
                    break;
                }
                let now = error.to_string();
                if now != trouble {
                    tracing::warn!(error = now, "records of changes wait for the brokers; trying on");
                    trouble = now;
                }
                self.pause();
            }
            self.shared.lose(batch.len() as u64);
        }
    }

    /// Publishes records. Those that the brokers have not acknowledged remain.
    fn publish(&mut self, batch: &mut Vec<Vec<u8>>) -> Result<(), Error> {
        let publisher = match &self.publisher {
            Some(publisher) => publisher,
            None => {
                Topics::new(&self.options, self.settings.clone())?.audit(&self.topic)?;
                let settings = Settings { grace: GRACE, ..Settings::default() };
                self.publisher.insert(Publisher::new(&self.options, &settings)?)
            }
        };
        let message = |payload| Outgoing { topic: &self.topic, partition: None, key: b"", payload: Some(payload) };
        let sent: Vec<Arc<Deliveries>> = batch.iter().map(|_| Arc::default()).collect();
        let tried = batch.iter().zip(&sent).try_for_each(|(record, sent)| publisher.send(&message(record), sent));
        let finished = tried.and_then(|()| sent.iter().try_for_each(|sent| publisher.finish(sent)));
        let mut delivered = sent.iter().map(|sent| sent.settled().delivered > 0);
        let before = batch.len();
        batch.retain(|_| !delivered.next().unwrap_or(false));
        let done = (before - batch.len()) as u64;
        self.shared.published.fetch_add(done, Ordering::Relaxed);
        self.shared.waiting.fetch_sub(done, Ordering::Relaxed);
        finished?;
        sent.iter().try_for_each(|sent| publisher.explain(sent, &self.topic))
    }

    fn pause(&self) {
        let begun = Instant::now();
        while begun.elapsed() < PAUSE && !self.options.stopping() {
            thread::sleep(TICK);
        }
    }
}
