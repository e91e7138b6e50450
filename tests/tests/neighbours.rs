//! A host with 99 good filters on real Kafka, to which all kinds of villains are uploaded while visits stream. Whatever
//! these do, the good filters publish the same alerts as without them, and soon.
//!
//! Usually, visits are small, one host has the villains one after the other, and times have bounds that hold on a busy
//! machine of two cores. With `SKYSIEVE_TEST_HOSTILE=2000`, visits have so many alerts, every villain has a host of its own, and a
//! table compares visits beside it with visits without it (`make bench-hostile`).

#[path = "neighbours/figures.rs"]
mod figures;
#[path = "neighbours/stage.rs"]
mod stage;
#[path = "neighbours/villains.rs"]
mod villains;

use std::time::Duration;

use figures::{Figures, Visit, is_close, median};
use skysieve_tests::kafka::{kafka, wait_for};
use stage::{Running, Stage};
use villains::{End, TEN, Upload, Villain};

/// Alerts of a visit in `make test`.
const SMALL: usize = 300;
/// How much slower a visit may be beside a villain in `make test`, where other programs use the machine as well: it may take so
/// many times as long, and some seconds. `make bench-hostile` has the bounds of a quiet machine.
const SLOWDOWN: f64 = 4.0;
const SLACK: f64 = 2.0;
/// The throughput of bursts beside heavy filters in `make test`, as a part of that without them. It would be less than 0.05 with
/// all in one lane. The slow lane works all the time then, and other programs do as well.
const HEAVY_RATE: f64 = 0.15;
/// Alerts of such a burst in `make test`.
const HEAVY: usize = 600;
/// How many visits of each kind are measured with a villain, and without it.
const PAIRS: usize = 3;
/// SIGTERM ends a host within 5 s; the rest is for the machine.
const STOPPED: Duration = Duration::from_secs(6);

/// The number of alerts of a visit, if villains are to be measured.
fn measured() -> Option<usize> {
    std::env::var("SKYSIEVE_TEST_HOSTILE").ok().map(|alerts| alerts.parse().expect("SKYSIEVE_TEST_HOSTILE is a number"))
}

/// The alerts of a visit, and the time over which they are sent.
type Size = (usize, Duration);

/// A visit that is sent over a time, and one that is sent at once.
struct Pair {
    spread: Visit,
    burst: Visit,
}

impl Pair {
    fn send(stage: &mut Stage, running: &Running, (alerts, spread): Size) -> Pair {
        let spread = stage.visit(running, alerts, spread);
        Pair { spread, burst: stage.visit(running, alerts, Duration::ZERO) }
    }
}

/// Uploads filters at the same time, which a host accepts or refuses as expected.
fn upload(running: &Running, filters: &[Upload], end: End) {
    std::thread::scope(|scope| {
        for some in filters.chunks(filters.len().div_ceil(3)) {
            scope.spawn(move || {
                for filter in some {
                    let (status, said) = filter.send(&running.host);
                    match end {
                        End::Refused(reason) => {
                            assert!(status == 422 && said.contains(reason), "{}: {status} {said}", filter.name)
                        }
                        _ => assert!(matches!(status, 200 | 201), "{}: {status} {said}", filter.name),
                    }
                }
            });
        }
    });
}

/// Uploads a villain at the beginning of a visit. Returns this pair of visits and, until one began with all uploaded, further ones.
fn beside(stage: &mut Stage, running: &Running, villain: &Villain, (alerts, spread): Size, pairs: usize) -> Vec<Pair> {
    std::thread::scope(|scope| {
        let uploaded = scope.spawn(|| upload(running, &villain.filters, villain.end));
        let mut all = vec![Pair::send(stage, running, (alerts, spread))];
        // The last pair begins once all is uploaded, so that every filter is shown alerts.
        let mut was_uploaded = false;
        while all.len() < pairs || !was_uploaded {
            was_uploaded = uploaded.is_finished();
            all.push(Pair::send(stage, running, (alerts, spread)));
        }
        all
    })
}

/// Waits until the villain has come to its end. Returns what has become of it.
fn await_end(running: &Running, villain: &Villain) -> String {
    if let End::Refused(_) = villain.end {
        return "refused".to_owned();
    }
    let mut told = String::new();
    for filter in &villain.filters {
        let mut last = running.host.filter(&filter.name);
        let deadline = std::time::Instant::now() + Duration::from_secs(120);
        while !villain.end.is_reached(&last) {
            assert!(std::time::Instant::now() < deadline, "{} should be {:?}: {last:#}", filter.name, villain.end);
            last = running.host.filter(&filter.name);
        }
        told =
            format!("{}, {} lane, {} faults", last["state"], last["lane"], last["counts"]["faulted"]).replace('"', "");
    }
    told
}

fn delete(running: &Running, villain: &Villain) {
    if let End::Refused(_) = villain.end {
        return;
    }
    for filter in &villain.filters {
        let url = format!("{}/api/v1/filters/{}", running.host.url(), filter.name);
        assert_eq!(ureq::delete(url).call().unwrap().status(), 200, "{}", filter.name);
    }
}

/// Prints the figures of visits beside a villain, each divided by those of visits without it.
fn print_row(name: &str, what: &str, beside: &Figures, alone: &Figures) {
    let time = |beside: f64, alone: f64| {
        let close = if is_close(beside, alone) { ' ' } else { '!' };
        format!("{beside:6.3} /{alone:6.3} s{close}")
    };
    let close = if beside.rate >= 0.9 * alone.rate { ' ' } else { '!' };
    println!(
        "{name:20} {what:6} {:5.2}{close} | {} | {} | {} | {} | {:5.0} MiB",
        beside.rate / alone.rate,
        time(beside.twentieth[0], alone.twentieth[0]),
        time(beside.twentieth[1], alone.twentieth[1]),
        time(beside.lag, alone.lag),
        time(beside.p99, alone.p99),
        beside.memory,
    );
}

const HEADER: &str = "villain              visit  rate  | median 20th      | last 20th        | lag              | p99              | memory";

/// Whether visits of so many alerts beside a villain lasted about as long as without one, by the bounds of `make test`.
fn assert_not_held_up(name: &str, alerts: usize, beside: &Figures, alone: &Figures) {
    let took = alerts as f64 / beside.rate;
    let bound = SLOWDOWN * alerts as f64 / alone.rate + SLACK;
    assert!(took < bound, "{name}: a visit of {alerts} alerts took {took:.1} s, {alone:?}");
    for (beside, alone) in [(beside.twentieth[1], alone.twentieth[1]), (beside.lag, alone.lag)] {
        assert!(beside < SLOWDOWN * alone + SLACK, "{name}: {beside:.2} s, {alone:.2} s without");
    }
}

/// The medians of spread visits and of bursts.
fn medians<'a>(stage: &Stage, pairs: impl IntoIterator<Item = &'a Pair>) -> [Figures; 2] {
    let arrivals = stage.arrivals();
    let figures = pairs.into_iter().map(|pair| [&pair.spread, &pair.burst].map(|visit| visit.figures(&arrivals)));
    let (spread, burst): (Vec<_>, Vec<_>) = figures.map(|[spread, burst]| (spread, burst)).unzip();
    [median(&spread), median(&burst)]
}

#[test]
fn villains_cost_their_neighbours_nothing() {
    let Some(brokers) = kafka() else { return };
    if measured().is_some() {
        return;
    }
    let size = (SMALL, Duration::from_millis(300));
    let mut stage = Stage::new(&brokers, 99, &[]);
    let running = stage.start();
    Pair::send(&mut stage, &running, size);
    let before = running.host.memory();
    let (mut alone, mut measured) = (Vec::new(), Vec::new());
    let all = villains::all();
    for (number, villain) in all.iter().enumerate() {
        if number.is_multiple_of(5) {
            alone.push(Pair::send(&mut stage, &running, size));
        }
        let pairs = beside(&mut stage, &running, villain, size, 1);
        measured.push((villain.name, pairs, await_end(&running, villain)));
        delete(&running, villain);
    }
    heavy_filters_are_exact(&mut stage, &running, (HEAVY, size.1));
    let after = running.host.memory();
    let ten = ten(&all);
    measured.push((ten.name, beside(&mut stage, &running, &ten, size, 1), String::new()));
    let took = stop_in_visit(&mut stage, running, SMALL);

    let alone = medians(&stage, &alone);
    println!("{HEADER}");
    for (name, pairs, end) in &measured {
        let figures = medians(&stage, pairs);
        for ((what, beside), alone) in ["spread", "burst"].iter().zip(figures).zip(alone) {
            print_row(name, what, &beside, &alone);
            assert_not_held_up(name, SMALL, &beside, &alone);
        }
        println!("{:20} {end}", "");
    }
    println!("memory before {} MiB, after {} MiB; SIGTERM {took:.1?}", before >> 20, after >> 20);
    assert!(after < before + (300 << 20), "memory went from {before} to {after} bytes");
    let running = stage.start();
    stage.assert_same_without_villains(running);
}

/// Ten villains of different kinds.
fn ten(all: &[Villain]) -> Villain {
    let filters: Vec<Upload> =
        all.iter().filter(|villain| TEN.contains(&villain.name)).flat_map(|villain| villain.filters.clone()).collect();
    assert_eq!(filters.len(), TEN.len());
    Villain { name: "ten at once", filters, end: End::Active }
}

/// Sends SIGTERM after a visit was sent. Returns how long the end took.
fn stop_in_visit(stage: &mut Stage, running: Running, alerts: usize) -> Duration {
    stage.send(alerts, Duration::ZERO);
    let (code, took) = running.host.stop();
    assert!(code == Some(0) && took < STOPPED, "{code:?} after {took:?}");
    took
}

/// Many filters take long for each alert, and together far longer than a slice. They publish all alerts in their order. The
/// others hardly notice them once it is known who takes long; what the visits cost in which that is found out is only printed.
fn heavy_filters_are_exact(stage: &mut Stage, running: &Running, size: Size) {
    let mut send = |count| (0..count).map(|_| Pair::send(stage, running, size)).collect::<Vec<Pair>>();
    let alone = send(PAIRS);
    let before = running.host.memory();
    let heavy = villains::heavy(50);
    upload(running, &heavy.filters, heavy.end);
    let begun = stage.sent().len();
    let mut send = |count| (0..count).map(|_| Pair::send(stage, running, size)).collect::<Vec<Pair>>();
    let (first, pairs) = (send(1), send(PAIRS));
    let names: Vec<String> = heavy.filters.iter().map(|filter| filter.name.clone()).collect();
    let status = || names.iter().map(|name| running.host.filter(name)).collect::<Vec<_>>();
    let slow = status().iter().filter(|status| status["lane"] == "slow").count();
    println!("{slow} heavy filters are in the slow lane");
    let sent = stage.sent()[begun..].to_vec();
    wait_for("the heavy filters", || status().iter().all(|status| status["counts"]["accepted"] == sent.len()));
    let after = running.host.memory();
    for (name, ids) in stage.ids(&names) {
        assert!(ids == sent, "{name} published {} of {} alerts, or not in their order", ids.len(), sent.len());
    }
    let [first, pairs, alone] = [first, pairs, alone].map(|pairs| medians(stage, &pairs));
    for (what, at) in [("spread", 0), ("burst", 1)] {
        print_row("heavy, first", what, &first[at], &alone[at]);
        print_row(heavy.name, what, &pairs[at], &alone[at]);
        assert_not_held_up(heavy.name, size.0, &pairs[at], &alone[at]);
    }
    let (beside, alone) = (pairs[1].rate, alone[1].rate);
    assert!(beside > HEAVY_RATE * alone, "beside heavy filters {beside:.0} alerts/s, {alone:.0} without");
    println!("memory without the heavy filters {} MiB, with them {} MiB", before >> 20, after >> 20);
    assert!(after < before + (300 << 20), "memory went from {before} to {after} bytes");
    delete(running, &heavy);
}

/// Each villain with a host of its own, which is stopped while a visit is there.
#[test]
fn villains_are_measured() {
    let (Some(alerts), Some(brokers)) = (measured(), kafka()) else { return };
    let size = (alerts, Duration::from_secs(1));
    let mut stage = Stage::new(&brokers, 99, &["--compile-time", "30"]);
    let running = stage.start();
    (0..3).for_each(|_| drop(Pair::send(&mut stage, &running, size)));
    assert_eq!(running.host.stop().0, Some(0));
    let mut all = villains::all();
    all.push(ten(&all));
    all.push(villains::uploads());
    println!("{HEADER}");
    for villain in &all {
        let running = stage.start();
        Pair::send(&mut stage, &running, size);
        let alone: Vec<Pair> = (0..PAIRS).map(|_| Pair::send(&mut stage, &running, size)).collect();
        let pairs = beside(&mut stage, &running, villain, size, PAIRS + 1);
        let end = if villain.name == "ten at once" { String::new() } else { await_end(&running, villain) };
        let took = stop_in_visit(&mut stage, running, alerts);
        let alone = medians(&stage, &alone);
        let [first, _] = medians(&stage, &pairs[..1]);
        let [spread, burst] = medians(&stage, &pairs[1..]);
        print_row(villain.name, "first", &first, &alone[0]);
        print_row("", "spread", &spread, &alone[0]);
        print_row("", "burst", &burst, &alone[1]);
        println!("{:20} {end}; SIGTERM {took:.1?}", "");
    }
    let running = stage.start();
    stage.assert_same_without_villains(running);
}

/// Half of a hundred filters take long for each alert.
#[test]
fn honest_filters_are_measured() {
    let (Some(alerts), Some(brokers)) = (measured(), kafka()) else { return };
    let size = (alerts, Duration::from_secs(1));
    let mut stage = Stage::new(&brokers, 50, &[]);
    let running = stage.start();
    (0..3).for_each(|_| drop(Pair::send(&mut stage, &running, size)));
    println!("{HEADER}");
    heavy_filters_are_exact(&mut stage, &running, size);
    stage.assert_same_without_villains(running);
}
