//! Compares `skysieve produce` with a librdkafka producer of messages that exist already.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};
use skysieve_bench::{Goal, Row};
use skysieve_simulate::{Config, Simulator, Survey};

use super::bench::{Bench, median};
use super::stream::{Stream, mean_size};

/// The number of runs is odd, so that one of them is the median.
const RUNS: usize = 3;

/// The number of different messages. The plain producer sends them again and again.
const MESSAGES: usize = 500;

/// The partitions of a topic with many of them. How full batches become depends on their number.
const MANY: i32 = 45;

/// Measures both with the stream's number of partitions and with many partitions.
pub fn measure(bench: &Bench, alerts: usize) -> anyhow::Result<Vec<Row>> {
    let mut rows = compare(bench, alerts, bench.partitions)?;
    rows.extend(compare(bench, alerts, MANY)?);
    Ok(rows)
}

/// Alternately makes and sends a visit, and sends as many existing messages.
fn compare(bench: &Bench, alerts: usize, partitions: i32) -> anyhow::Result<Vec<Row>> {
    let stream = Stream::with_partitions(bench, partitions)?;
    let mut simulator = Simulator::new(Survey::Lsst, Config::default());
    let messages: Vec<(String, Vec<u8>)> =
        simulator.visit(MESSAGES).map(|alert| (alert.id.to_string(), alert.bytes)).collect();
    let (mut ours, mut bare, mut size) = (Vec::new(), Vec::new(), 0.0);
    // Run 0 warms up.
    for run in 0..=RUNS {
        let sent = send(bench, &stream.topic, messages.iter().cycle().take(alerts))?;
        let visits = stream.publish(&format!("--interval 0 --alerts-per-visit {alerts}"))?;
        let made = visits.iter().map(|visit| visit.last_acknowledged - visit.first_read).sum::<f64>();
        eprintln!("run {run}: made and sent in {made:.2} s, bare producer {sent:.2} s");
        if run > 0 {
            ours.push(made);
            bare.push(sent);
        }
        size = mean_size(&visits);
    }
    let (ours, bare) = (median(ours)?, median(bare)?);
    let to = format!(", {partitions} partitions");
    Ok(vec![
        Row::new(format!("{alerts} simulated alerts{to}, mean size"), size, "KB"),
        Row::new(format!("librdkafka: ready-made messages sent and acknowledged{to}"), bare, "s"),
        Row::new(format!("skysieve produce: made, encoded, sent, acknowledged{to}"), ours, "s"),
        Row::new(format!("the latter over the former{to}"), ours / bare, "×").goal(Goal::AtMost(1.3)),
    ])
}

/// Counts acknowledged messages.
#[derive(Default)]
struct Acknowledged(AtomicU64);

impl ClientContext for Acknowledged {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        self.0.fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
    }
}

/// The seconds until everything is acknowledged.
fn send<'a>(bench: &Bench, topic: &str, messages: impl Iterator<Item = &'a (String, Vec<u8>)>) -> anyhow::Result<f64> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &bench.brokers).set("enable.idempotence", "true");
    let producer: BaseProducer<Acknowledged> = config.create_with_context(Acknowledged::default())?;
    // The producer is connected before the clock starts, as ours is.
    producer.client().fetch_metadata(Some(topic), Duration::from_secs(30))?;
    let (start, mut sent) = (Instant::now(), 0);
    for (key, payload) in messages {
        let mut record = BaseRecord::to(topic).key(key).payload(payload);
        while let Err((error, back)) = producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            anyhow::ensure!(error == full, error);
            producer.poll(Duration::from_millis(10));
            record = back;
        }
        producer.poll(Duration::ZERO);
        sent += 1;
    }
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(10));
    }
    let acknowledged = producer.context().0.load(Ordering::Relaxed);
    anyhow::ensure!(acknowledged == sent, "the bare producer: {acknowledged} of {sent} acknowledged");
    Ok(start.elapsed().as_secs_f64())
}
