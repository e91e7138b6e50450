//! Visits: the time from a visit's start to what its subscribers get, and from its last alert to the last filter.

use std::collections::BTreeMap;

use anyhow::Context;
use skysieve::heap;
use skysieve_bench::{Goal, Row};

use super::Args;
use super::bench::{Bench, median};
use super::host::Host;
use super::stream::{Stream, Visit, mean_size};
use super::subscription::{Arrivals, Subscription};

/// Which accepted alert of a visit is timed: with it, a filter's quota is full.
const NTH: usize = 20;

/// A filter that accepts a smaller share of alerts has to wait until its 20th alert is sent.
const OFTEN: f64 = 0.1;

const SOON: Goal = Goal::AtMost(0.5);
const AT_ONCE: Goal = Goal::AtMost(0.1);

/// How visits are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// At the survey's cadence, each visit as fast as it can be sent.
    Cadence,
    /// At the survey's cadence, each visit over some seconds.
    Spread,
    /// One after the other as fast as they can be sent.
    BackToBack,
    /// At the survey's cadence, without cutouts and history, as the prototype was measured.
    Small,
}

/// Measures some visits, and what their subscribers get.
pub fn measure(bench: &Bench, args: &Args, kind: Kind) -> anyhow::Result<Vec<Row>> {
    let pace = &*kind.name(args);
    // A subscriber should not take more of the machine than it needs.
    heap::keep();
    eprintln!("{} visits of {} alerts, {pace}", args.visits, args.visit);
    let stream = Stream::new(bench)?;
    let mut host = Host::start(bench, &stream.topic)?;
    host.first("the host to read", |sample| sample.ready)?;
    let subscription = Subscription::start(bench)?;
    let visits = stream.publish(&kind.flags(args))?;
    let alerts = visits.iter().map(|visit| visit.delivered).sum();
    let lags = lags(&mut host, &visits)?;
    let memory = host.memory_peak()?;
    let filters = host.filters(alerts)?;
    let often = filters.iter().filter(|filter| filter.accepts() >= OFTEN).map(|filter| bench.output(&filter.name));
    let often: Vec<String> = often.collect();
    let arrivals = subscription.end(bench, &stream.topic, alerts)?;
    host.stop()?;

    let sent: Vec<f64> = visits.iter().map(|visit| visit.last_acknowledged - visit.first_read).collect();
    eprintln!("sent in {sent:.2?} s, done {lags:.2?} s later");
    let mut rows = vec![
        Row::new(format!("visits of {} {pace}: mean size", args.visit), mean_size(&visits), "KB"),
        Row::new(format!("slowest visit {pace}: made, sent, acknowledged in"), largest(sent)?, "s"),
    ];
    rows.extend(waits(pace, &visits, &arrivals, &often)?);
    rows.push(Row::new(format!("last acknowledged → last filter done, {pace}"), largest(lags)?, "s").goal(AT_ONCE));
    rows.push(Row::new(format!("host's resident memory, visits {pace}"), memory, "MiB"));
    if kind == Kind::Small {
        rows.push(Row::new("prototype, published (12 machines, 0.3 KB): start → 20th", 5.28, "s"));
        rows.push(Row::new("prototype, published: last alert → last filter", 0.25, "s"));
    }
    Ok(rows)
}

impl Kind {
    /// The name of this kind in a row.
    pub fn name(self, args: &Args) -> String {
        match self {
            Kind::Cadence => format!("every {} s", args.interval),
            Kind::Spread => format!("every {} s, sent over {} s", args.interval, args.spread),
            Kind::BackToBack => "back to back".to_owned(),
            Kind::Small => format!("small, every {} s", args.interval),
        }
    }

    /// The flags for `skysieve produce`.
    fn flags(self, args: &Args) -> String {
        let interval = if self == Kind::BackToBack { 0.0 } else { args.interval };
        let more = match self {
            Kind::Spread => format!("--rate {}", args.visit as f64 / args.spread),
            Kind::Small => "--no-stamps --no-history".to_owned(),
            Kind::Cadence | Kind::BackToBack => String::new(),
        };
        format!("--interval {interval} --visits {} --alerts-per-visit {} {more}", args.visits, args.visit)
    }
}

/// The times from each visit's start to the 20th accepted alert at a subscriber, over visits and filters that got 20,
/// and how much of that time is spent by the survey.
fn waits(pace: &str, visits: &[Visit], arrivals: &Arrivals, often: &[String]) -> anyhow::Result<Vec<Row>> {
    let starts: BTreeMap<&str, f64> = visits.iter().map(|visit| (&*visit.visit, visit.first_read)).collect();
    let (mut all, mut of_often, mut unsent) = (Vec::new(), Vec::new(), Vec::new());
    let mut of_visit: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for ((visit, topic), came) in arrivals {
        let start = starts.get(&**visit).with_context(|| format!("{topic}: visit {visit} was not sent"))?;
        let Some(nth) = came.get(NTH - 1) else { continue };
        all.push(nth.at - start);
        if often.contains(topic) {
            of_often.push(nth.at - start);
            of_visit.entry(visit).or_default().push(nth.at - start);
            unsent.push(nth.submitted - start);
        }
    }
    for (visit, waits) in of_visit {
        eprintln!(
            "visit {visit}: {NTH}th after {:.2} s, the last filter's after {:.2} s",
            median(waits.clone())?,
            largest(waits)?
        );
    }
    let what = format!("start → {NTH}th accepted, {pace}");
    let some = format!("{} filters of ≥ {:.0} %", often.len(), OFTEN * 100.0);
    let any = format!("all {} that got {NTH}", all.len());
    let delays = arrivals.values().flatten().map(|arrival| arrival.at - arrival.submitted);
    let delays: Vec<f64> = delays.collect();
    Ok(vec![
        Row::new(format!("{what}, {some}: median"), median(of_often.clone())?, "s").goal(SOON),
        Row::new(format!("{what}, {some}: last"), largest(of_often)?, "s").goal(SOON),
        Row::new("  of that, until that alert was handed to the producer: median", median(unsent)?, "s"),
        Row::new(format!("{what}, {any}: median"), median(all.clone())?, "s"),
        Row::new(format!("{what}, {any}: last"), largest(all)?, "s"),
        Row::new(format!("accepted alert, producer → subscriber, {pace}: median"), median(delays.clone())?, "s"),
        Row::new(format!("accepted alert, producer → subscriber, {pace}: last"), largest(delays)?, "s"),
    ])
}

/// The times from each visit's last acknowledgement until all its alerts have been processed for every filter. The host
/// is asked every 10 ms.
fn lags(host: &mut Host<'_>, visits: &[Visit]) -> anyhow::Result<Vec<f64>> {
    let mut alerts = 0;
    let mut lag = |visit: &Visit| {
        alerts += visit.delivered;
        Ok(host.await_done(alerts)?.at - visit.last_acknowledged)
    };
    visits.iter().map(&mut lag).collect()
}

fn largest(values: Vec<f64>) -> anyhow::Result<f64> {
    values.into_iter().max_by(f64::total_cmp).context("nothing was measured: too few alerts?")
}
