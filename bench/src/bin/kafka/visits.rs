//! Visits: from a visit's start to what its subscribers get, and from its last alert to the last filter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use skysieve::avro::{Decoder, Schemas};
use skysieve::kafka::{Options, Received, Subscriber};
use skysieve::pipeline::{HostSlots, Identities, host_projection};
use skysieve_bench::{Goal, Row};

use super::Args;
use super::bench::{Bench, median, now};
use super::host::Host;
use super::stream::{Stream, Visit, mean_size};

/// Which accepted alert of a visit is waited for: a filter's quota.
const NTH: usize = 20;

/// A filter that accepts fewer has to wait for its 20th alert to be sent.
const OFTEN: f64 = 0.1;

/// How long a subscriber takes to begin, and how long one waits for alerts that come late.
const SETTLE: Duration = Duration::from_secs(3);

/// When alerts came, by visit and topic; seconds since 1970.
type Arrivals = BTreeMap<(String, String), Vec<f64>>;

/// Visits `interval` seconds apart; 0: as fast as they can be sent.
pub fn measure(bench: &Bench, args: &Args, interval: f64) -> anyhow::Result<Vec<Row>> {
    let pace = if interval > 0.0 { format!("every {interval} s") } else { "back to back".to_owned() };
    let stream = Stream::new(bench)?;
    let mut host = Host::start(bench, &stream.topic)?;
    host.first("the host to read", |sample| sample.ready)?;
    let subscription = Subscription::start(bench, &host)?;
    let flags = format!("--interval {interval} --visits {} --alerts-per-visit {}", args.visits, args.visit);
    let visits = stream.publish(&flags)?;
    let alerts = visits.iter().map(|visit| visit.delivered).sum();
    host.await_done(alerts)?;
    std::thread::sleep(SETTLE);
    let arrivals = subscription.end()?;
    let often: Vec<String> = host
        .filters(alerts)?
        .iter()
        .filter(|filter| filter.accepts() >= OFTEN)
        .map(|filter| host.output(&filter.name))
        .collect();
    let memory = host.memory_peak()?;
    let lags = lags(&mut host, &visits)?;
    host.stop()?;

    let sent = visits.iter().map(|visit| visit.last_acknowledged - visit.first_read).collect();
    let mut rows = vec![
        Row::new(format!("visits of {} {pace}: mean size", args.visit), mean_size(&visits), "KB"),
        Row::new(format!("visits {pace}: made, sent, acknowledged in"), largest(sent)?, "s"),
    ];
    rows.extend(waits(&pace, &visits, &arrivals, &often)?);
    rows.push(
        Row::new(format!("last alert acknowledged → last filter done, {pace}"), largest(lags)?, "s").goal(AT_ONCE),
    );
    rows.push(Row::new(format!("host's resident memory, visits {pace}"), memory, "MiB"));
    if interval > 0.0 {
        rows.push(Row::new("prototype: start → 20th (published: 12 machines, alerts of 0.3 KB)", 5.28, "s"));
        rows.push(Row::new("prototype: last alert → last filter (published, the same)", 0.25, "s"));
    }
    Ok(rows)
}

const SOON: Goal = Goal::AtMost(0.5);
const AT_ONCE: Goal = Goal::AtMost(0.1);

/// From each visit's start to the 20th accepted alert at a subscriber, over visits and filters that got 20.
fn waits(pace: &str, visits: &[Visit], arrivals: &Arrivals, often: &[String]) -> anyhow::Result<Vec<Row>> {
    let starts: BTreeMap<&str, f64> = visits.iter().map(|visit| (&*visit.visit, visit.first_read)).collect();
    let (mut all, mut of_often) = (Vec::new(), Vec::new());
    for ((visit, topic), times) in arrivals {
        let mut times = times.clone();
        times.sort_by(f64::total_cmp);
        let start = starts.get(&**visit).with_context(|| format!("{topic}: visit {visit} was not sent"))?;
        let Some(nth) = times.get(NTH - 1) else { continue };
        all.push(nth - start);
        if often.contains(topic) {
            of_often.push(nth - start);
        }
    }
    let what = format!("start → {NTH}th accepted, {pace}");
    let some = format!("{} filters that accept ≥ {:.0} %", often.len(), OFTEN * 100.0);
    let full = all.len();
    Ok(vec![
        Row::new(format!("{what}, {some}: median"), median(of_often.clone())?, "s").goal(SOON),
        Row::new(format!("{what}, {some}: last"), largest(of_often)?, "s").goal(SOON),
        Row::new(format!("{what}, all that got {NTH} ({full} times): median"), median(all.clone())?, "s"),
        Row::new(format!("{what}, all that got {NTH} ({full} times): last"), largest(all)?, "s"),
    ])
}

/// From each visit's last acknowledgement until all its alerts are done, for every filter. Asked every 5 ms.
fn lags(host: &mut Host<'_>, visits: &[Visit]) -> anyhow::Result<Vec<f64>> {
    let mut alerts = 0;
    let mut lag = |visit: &Visit| {
        alerts += visit.delivered;
        Ok(host.await_done(alerts)?.at - visit.last_acknowledged)
    };
    visits.iter().map(&mut lag).collect()
}

fn largest(values: Vec<f64>) -> anyhow::Result<f64> {
    values.into_iter().max_by(f64::total_cmp).context("nothing was measured")
}

/// A subscriber of every filter's topic, on a thread of its own.
struct Subscription {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<anyhow::Result<Arrivals>>,
}

impl Subscription {
    fn start(bench: &Bench, host: &Host<'_>) -> anyhow::Result<Subscription> {
        let topics: Vec<String> = bench.filters.iter().map(|filter| host.output(filter)).collect();
        let mut subscriber = Subscriber::new(&Options::new(&*bench.brokers), &topics)?;
        let early = subscriber.next(SETTLE)?;
        anyhow::ensure!(early.is_none(), "an alert came before the first was sent");
        let stop = Arc::<AtomicBool>::default();
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut reader = VisitReader::new();
            let mut arrivals = Arrivals::new();
            while !told.load(Ordering::Relaxed) {
                let Some(message) = subscriber.next(Duration::from_millis(100))? else { continue };
                let at = now() - message.arrived.elapsed().as_secs_f64();
                arrivals.entry((reader.visit(&message)?, message.topic.to_string())).or_default().push(at);
            }
            Ok(arrivals)
        });
        Ok(Subscription { stop, thread })
    }

    fn end(self) -> anyhow::Result<Arrivals> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the subscriber panicked"))?
    }
}

/// Tells visits from packets.
struct VisitReader {
    schemas: Arc<Schemas>,
    decoder: Decoder,
    slots: HostSlots,
}

impl VisitReader {
    fn new() -> VisitReader {
        let schemas = Arc::new(Schemas::builtin());
        let (projection, slots) = host_projection();
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
