//! A subscriber to every filter's topic.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use rdkafka::Message;
use skysieve::kafka::{Options, Received, Subscriber};
use skysieve::pipeline::{HostSlots, Identities, host_projection};
use skysieve_avro::{Decoder, Schemas};
use skysieve_survey::Surveys;

use super::bare;
use super::bench::{Bench, now};

/// How long a subscriber takes to begin, and how long to wait for late alerts.
const SETTLE: Duration = Duration::from_secs(3);

/// A partition of the stream, and an offset.
type Place = (i32, i64);

/// An accepted alert that a subscriber received. Times are in seconds since 1970.
pub struct Arrival {
    /// When it arrived.
    pub at: f64,
    /// When the survey passed it to its producer, to the millisecond.
    pub submitted: f64,
}

/// The alerts of a visit (the first key) that arrived on a filter's topic (the second key), in the order of their
/// arrival.
pub type Arrivals = BTreeMap<(String, String), Vec<Arrival>>;

/// Where in the stream the alerts were, and when they arrived.
type Places = BTreeMap<(String, String), Vec<(Place, f64)>>;

/// Reads on a thread of its own.
pub struct Subscription {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Places>>,
}

impl Subscription {
    /// Starts to read everything that arrives on the filters' topics from now on.
    pub fn start(bench: &Bench) -> anyhow::Result<Subscription> {
        let topics: Vec<String> = bench.filters.iter().map(|filter| bench.output(filter)).collect();
        let mut subscriber = Subscriber::from_now_on(&Options::new(&*bench.brokers), &topics)?;
        let early = subscriber.next(SETTLE)?;
        anyhow::ensure!(early.is_none(), "an alert came before the first was sent");
        let stop = Arc::<AtomicBool>::default();
        let told = stop.clone();
        let thread = std::thread::spawn(move || follow(&mut subscriber, &told));
        Ok(Subscription { stop, thread })
    }

    /// Waits for late alerts. `alerts` is the number of alerts in `topic`, which is the stream.
    pub fn end(self, bench: &Bench, topic: &str, alerts: u64) -> anyhow::Result<Arrivals> {
        std::thread::sleep(SETTLE);
        self.stop.store(true, Ordering::Relaxed);
        let places = self.thread.join().map_err(|_| anyhow::anyhow!("the subscriber panicked"))??;
        let mut submitted: HashMap<Place, f64> = HashMap::new();
        bare::read(bench, topic, alerts, |message| {
            let time = message.timestamp().to_millis().unwrap_or_default();
            submitted.insert((message.partition(), message.offset()), time as f64 / 1e3);
        })?;
        let arrival = |(place, at)| {
            let submitted = submitted.get(&place).with_context(|| format!("{place:?} is not in the stream"))?;
            Ok(Arrival { at, submitted: *submitted })
        };
        places
            .into_iter()
            .map(|(key, came)| Ok((key, came.into_iter().map(arrival).collect::<anyhow::Result<_>>()?)))
            .collect()
    }
}

fn follow(subscriber: &mut Subscriber, stop: &AtomicBool) -> anyhow::Result<Places> {
    let mut reader = VisitReader::new();
    let mut places = Places::new();
    while !stop.load(Ordering::Relaxed) {
        let Some(message) = subscriber.next(Duration::from_millis(100))? else { continue };
        let at = now() - message.arrived.elapsed().as_secs_f64();
        let place = (number(&message, "skysieve-partition")?, number(&message, "skysieve-offset")?);
        let key = (reader.visit(&message)?, message.topic.to_string());
        places.entry(key).or_default().push((place, at));
    }
    Ok(places)
}

fn number<T: std::str::FromStr>(message: &Received, header: &str) -> anyhow::Result<T> {
    let text = message.header(header).and_then(|value| str::from_utf8(value).ok());
    text.and_then(|text| text.parse().ok()).with_context(|| format!("{}: no {header}", message.topic))
}

/// Reads the visits of packets.
struct VisitReader {
    schemas: Arc<Schemas>,
    decoder: Decoder,
    slots: HostSlots,
}

impl VisitReader {
    fn new() -> VisitReader {
        let schemas = Arc::new(Schemas::builtin());
        let (projection, slots) = host_projection(&Surveys::default());
        VisitReader { decoder: Decoder::new(schemas.clone(), projection), schemas, slots }
    }

    fn visit(&mut self, message: &Received) -> anyhow::Result<String> {
        self.decoder.push(0, &self.schemas.frame(&message.payload)?)?;
        let decoded = self.decoder.finish();
        let label = Identities::of(&decoded, 1, self.slots).visits()[0].label.to_string();
        self.decoder.recycle(decoded);
        Ok(label)
    }
}
