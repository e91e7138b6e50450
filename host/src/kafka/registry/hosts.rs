//! The topic in which the hosts of a registry announce themselves.
//!
//! Announcements are plain messages, without a transaction: whoever announces itself keeps nobody from changing filters.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::reader::Reader;
use crate::hosts::{Directory, EVERY};
use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::host::topics::{TopicSettings, Topics};
use crate::kafka::librdkafka::deliveries::Deliveries;
use crate::kafka::librdkafka::publisher::{Outgoing, Publisher, Settings};

/// How long brokers may be out of reach before that is said.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after the brokers refused something.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the end waits until the others are told.
const GRACE: Duration = Duration::from_secs(1);

/// Announces a host, and listens to others, on a thread.
pub struct HostsTopic {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl HostsTopic {
    /// Begins to announce what the directory says of this host, on this topic, which is created if it is not there. What
    /// comes goes into the directory. `describe` is asked before each announcement, and may change what is said.
    ///
    /// # Errors
    /// Returns an error if no thread can be started.
    pub fn start(
        options: &Options,
        topic: &str,
        settings: TopicSettings,
        directory: Arc<Directory>,
        describe: impl FnMut(&Directory) + Send + 'static,
    ) -> io::Result<HostsTopic> {
        let stop = Arc::<AtomicBool>::default();
        let options = Options { patience: PATIENCE, ..options.clone() };
        let topic: Arc<str> = topic.into();
        let mut talk = Talk { options, topic, settings, directory, stop: stop.clone(), describe };
        let thread = thread::Builder::new().name("hosts".to_owned()).spawn(move || talk.run())?;
        Ok(HostsTopic { stop, thread })
    }

    /// Tells the others that this host has stopped, if the brokers answer.
    pub fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        while !self.thread.is_finished() && begun.elapsed() < 2 * GRACE {
            thread::sleep(TICK);
        }
    }
}

struct Talk<F> {
    options: Options,
    topic: Arc<str>,
    settings: TopicSettings,
    directory: Arc<Directory>,
    stop: Arc<AtomicBool>,
    describe: F,
}

/// What is needed to talk.
struct Open {
    publisher: Publisher,
    reader: Reader,
    deliveries: Arc<Deliveries>,
    /// When the next announcement is due.
    due: Instant,
}

impl<F: FnMut(&Directory)> Talk<F> {
    fn run(&mut self) {
        let (mut open, mut trouble) = (None, String::new());
        while !self.is_stopping() {
            match self.talk(&mut open) {
                Ok(()) if trouble.is_empty() => {}
                Ok(()) => {
                    tracing::info!("hosts with the same registry are heard again");
                    trouble.clear();
                }
                Err(_) if self.is_stopping() => {}
                Err(error) => {
                    let now = error.to_string();
                    if now != trouble {
                        tracing::warn!(error = now, "hosts with the same registry are not heard; trying on");
                        trouble = now;
                    }
                    self.pause();
                }
            }
        }
        if let Some(open) = open {
            self.say_goodbye(&open);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.options.stopping()
    }

    fn talk(&mut self, open: &mut Option<Open>) -> Result<(), Error> {
        let open = match open {
            Some(open) => open,
            None => open.insert(self.open()?),
        };
        if Instant::now() >= open.due {
            open.due = Instant::now() + EVERY;
            self.announce(open)?;
        }
        let directory = &self.directory;
        let has_waited =
            open.reader.follow(&mut |raw| directory.hear(&raw.key, raw.value.as_deref(), raw.time.unwrap_or(0)))?;
        if !has_waited {
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn open(&self) -> Result<Open, Error> {
        Topics::new(&self.options, self.settings.clone())?.hosts(&self.topic)?;
        let publisher = Publisher::new(&self.options, &Settings { grace: GRACE, ..Settings::default() })?;
        let reader = Reader::new(&self.options, &self.topic)?;
        Ok(Open { publisher, reader, deliveries: Arc::default(), due: Instant::now() })
    }

    /// Announces this host, unless an earlier announcement still waits for the brokers. Does not wait itself.
    fn announce(&mut self, open: &mut Open) -> Result<(), Error> {
        if open.deliveries.settled().outstanding > 0 {
            return Ok(());
        }
        let before = std::mem::take(&mut open.deliveries);
        (self.describe)(&self.directory);
        let own = self.directory.own();
        let payload = serde_json::to_vec(&own).expect("it is made of text and numbers");
        let message =
            Outgoing { topic: &self.topic, partition: Some(0), key: own.name.as_bytes(), payload: Some(&payload) };
        open.publisher.send(&message, &open.deliveries)?;
        open.publisher.explain(&before, &self.topic)
    }

    fn say_goodbye(&self, open: &Open) {
        let name = self.directory.own().name;
        let message = Outgoing { topic: &self.topic, partition: Some(0), key: name.as_bytes(), payload: None };
        let told = Arc::<Deliveries>::default();
        // The others find out without it, too, only later.
        let _ = open.publisher.send(&message, &told).and_then(|()| open.publisher.finish(&told));
    }

    fn pause(&self) {
        let begun = Instant::now();
        while begun.elapsed() < PAUSE && !self.is_stopping() {
            thread::sleep(TICK);
        }
    }
}
