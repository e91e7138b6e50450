//! The end of the demo: what happened in each visit, and whether every alert is accounted for.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::feed::{Fed, Sent};
use super::subscribe::{Arrival, Subscribed};
use crate::commands::output::print_line;
use crate::filters::{Counts, Status};
use crate::health::Health;

/// The accepted alert whose arrival is timed: with it, a quota is full.
const TIMED: usize = 20;

/// Prints the table and the accounting. Returns whether it adds up.
pub fn report(fed: &Fed, received: &Subscribed, filters: &[Status], health: &Health) -> bool {
    let mut complaints = Vec::new();
    let arrivals = sort_out(fed, received, &mut complaints);
    print_visits(fed, &arrivals);
    check_filters(filters, health, received, &mut complaints);
    check_messages(fed, received, health, &mut complaints);
    print_accounting(fed, received, filters, health);
    for complaint in complaints.iter().take(20) {
        print_line(format_args!("WRONG: {complaint}"));
    }
    match complaints.len() {
        0 => print_line("everything adds up"),
        wrong => print_line(format_args!("the accounting does not add up: {wrong} complaints")),
    }
    complaints.is_empty()
}

/// Sorts arrivals by visit and filter. Alerts that arrived twice, were changed, or were never sent are complaints.
fn sort_out<'a>(
    fed: &Fed,
    received: &'a Subscribed,
    complaints: &mut Vec<String>,
) -> Vec<HashMap<&'a str, Vec<&'a Arrival>>> {
    let mut sorted: Vec<HashMap<&str, Vec<&Arrival>>> = fed.visits.iter().map(|_| HashMap::new()).collect();
    let mut met = HashSet::new();
    for arrival in &received.arrivals {
        let find = |(partition, offset): (usize, usize)| fed.sent.get(partition)?.get(offset);
        let Some(&Sent { visit, checksum }) = arrival.origin.and_then(find) else {
            complaints.push(format!("{}: an alert that was never sent ({:?})", arrival.topic, arrival.origin));
            continue;
        };
        if checksum != arrival.checksum {
            complaints.push(format!("{}: the alert of {:?} was changed on its way", arrival.topic, arrival.origin));
        }
        if !met.insert((&*arrival.topic, arrival.origin)) {
            complaints.push(format!("{}: the alert of {:?} arrived twice", arrival.topic, arrival.origin));
        }
        // A visit that was cut short by Ctrl-C has no line in the table.
        if let Some(filters) = sorted.get_mut(visit) {
            filters.entry(&arrival.topic).or_default().push(arrival);
        }
    }
    sorted
}

fn print_visits(fed: &Fed, arrivals: &[HashMap<&str, Vec<&Arrival>>]) {
    print_line(format_args!(
        "\n{:>20} {:>8} {:>8} {:>9}  {:^26} {:>8}",
        "visit", "alerts", "sent", "filters", "start to 20th accepted", "lag"
    ));
    print_line(format_args!("{:>38} {:>9}  {:>8} {:>8} {:>8}", "", "with 20", "min", "median", "max"));
    for (visit, filters) in fed.visits.iter().zip(arrivals) {
        let mut times: Vec<Duration> = filters
            .values()
            .filter_map(|arrivals| {
                let mut at: Vec<_> = arrivals.iter().map(|arrival| arrival.at).collect();
                at.sort_unstable();
                Some(at.get(TIMED - 1)?.saturating_duration_since(visit.started))
            })
            .collect();
        times.sort_unstable();
        let at = |part: usize| {
            let time = times.get((times.len().max(1) - 1) * part / 2);
            time.map_or_else(|| "-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()))
        };
        print_line(format_args!(
            "{:>20} {:>8} {:>6.2} s {:>9}  {:>8} {:>8} {:>8} {:>5.0} ms",
            visit.label,
            visit.packets,
            visit.sending.as_secs_f64(),
            times.len(),
            at(0),
            at(1),
            at(2),
            visit.lag.as_secs_f64() * 1e3,
        ));
    }
}

/// Checks that every filter saw every alert, that its counts add up in total and by visit, and that its subscriber got
/// what it accepted.
fn check_filters(filters: &[Status], health: &Health, received: &Subscribed, complaints: &mut Vec<String>) {
    let mut got: HashMap<&str, u64> = HashMap::new();
    for arrival in &received.arrivals {
        *got.entry(&arrival.topic).or_default() += 1;
    }
    for Status { name, counts, state, recent_visits, .. } in filters {
        let mut say = |what: String| complaints.push(format!("{name}: {what} ({counts:?})"));
        if !counts.adds_up() {
            say("accepted, rejected, over quota, faulted and too large are not all that was seen".to_owned());
        }
        if let Some(wrong) = recent_visits.iter().find(|visit| !visit.counts.adds_up()) {
            say(format!("visit {} does not add up: {:?}", wrong.visit, wrong.counts));
        }
        if *state == crate::filters::State::Active && counts.seen != health.alerts {
            say(format!("not all {} alerts were seen", health.alerts));
        }
        let got = got.get(name.as_str()).copied().unwrap_or(0);
        if got != counts.accepted {
            say(format!("the subscriber got {got}"));
        }
    }
}

fn check_messages(fed: &Fed, received: &Subscribed, health: &Health, complaints: &mut Vec<String>) {
    let sent: usize = fed.sent.iter().map(Vec::len).sum();
    if health.messages != sent as u64 {
        complaints.push(format!("{sent} packets were sent, {} read", health.messages));
    }
    if health.alerts + health.undecodable != health.messages {
        complaints.push(format!(
            "{} alerts and {} undecodable packets are not {} messages",
            health.alerts, health.undecodable, health.messages
        ));
    }
    if received.dead_letters != health.dead_letters {
        complaints.push(format!("{} of {} dead letters arrived", received.dead_letters, health.dead_letters));
    }
}

fn print_accounting(fed: &Fed, received: &Subscribed, filters: &[Status], health: &Health) {
    let mut total = Counts::default();
    filters.iter().for_each(|filter| total += filter.counts);
    let seconds: f64 = filters.iter().map(|filter| filter.seconds).sum();
    let verdict_time = seconds * 1e9 / total.seen.max(1) as f64;
    print_line(format_args!(
        "\n{} packets ({:.0} MB), {} alerts, {} undecodable; {} filters, {verdict_time:.0} ns per alert and filter",
        health.messages,
        fed.bytes as f64 / 1e6,
        health.alerts,
        health.undecodable,
        filters.len(),
    ));
    print_line(format_args!(
        "seen {} = accepted {} + rejected {} + over quota {} + faulted {} + too large {}; subscribers got {}",
        total.seen,
        total.accepted,
        total.rejected,
        total.over_quota,
        total.faulted,
        total.too_large,
        received.arrivals.len(),
    ));
}
