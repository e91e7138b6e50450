//! Filters that take too long leave the live lane, go on in the slow one, and come back. Whatever happens in between,
//! each alert is judged once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skysieve::filters::{Control, Lane, Upload};
use skysieve::pipeline::Handle;
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::alerts;
use skysieve_tests::memory_hosts::{MemoryHost, Stream, wait_until};
use skysieve_tests::pipeline::{sorted, with_quota};

const SLICE: Duration = Duration::from_millis(5);

/// Starts the host, and waits until `until` says that it is enough.
fn run(stream: &Arc<Stream>, filters: &[(&str, Upload)], mut until: impl FnMut(&Handle) -> bool) -> MemoryHost {
    let host = MemoryHost::start(stream, "host", SLICE, filters);
    wait_until("all of it", || until(&host.handle));
    host
}

/// The ids of all alerts, which a filter that accepts everything publishes.
fn ids_of(alerts: &[SimulatedAlert]) -> Vec<i64> {
    sorted(alerts.iter().map(|alert| alert.id).collect())
}

#[test]
fn a_slow_filter_goes_on_in_the_slow_lane_and_the_others_do_not_wait() {
    let stream = Arc::new(Stream::default());
    let all = alerts(2, 1500);
    for some in all.chunks(500) {
        stream.append(some);
        stream.send(0, b"not an alert".to_vec());
    }
    let filters =
        [("good", with_quota(1_000_000, "mode = 'accept'")), ("slow", with_quota(1_000_000, "mode = 'uneven'"))];
    let mut was_slow = false;
    run(&stream, &filters, |handle| {
        was_slow |= handle.get("slow").unwrap().lane == Lane::Slow;
        filters.iter().all(|(name, _)| stream.ids(name).len() >= all.len())
    })
    .stop();
    assert!(was_slow, "the filter should have been too slow for a slice of {SLICE:?}");
    for (name, _) in &filters {
        assert_eq!(sorted(stream.ids(name)), ids_of(&all), "{name}");
    }
    // Both lanes read them.
    assert_eq!(stream.count("dead"), 6);
}

#[test]
fn a_filter_that_is_quick_again_comes_back() {
    let stream = Arc::new(Stream::default());
    let all = alerts(4, 1500);
    stream.append(&all[..1500]);
    // It spins on alerts of the first visit only, which have these ids.
    let last = all[..1500].iter().map(|alert| alert.id).max().unwrap();
    assert!(all[1500..].iter().all(|alert| alert.id > last));
    let config = format!("mode = 'uneven'\nbelow = {last}");
    let filters = [("early", with_quota(1_000_000, &config))];
    let mut fed = 1500;
    run(&stream, &filters, |handle| {
        let early = handle.get("early").unwrap();
        let seen = stream.ids("early").len();
        if seen == fed && fed < all.len() {
            assert!(fed > 1500 || early.lane == Lane::Slow, "the filter should have been too slow");
            stream.append(&all[fed..][..1500]);
            fed += 1500;
        }
        // In the live lane, its position is no longer kept.
        let is_kept = stream.table("quotas-host").iter().any(|(key, _)| key.ends_with(b"@lane"));
        seen == all.len() && early.lane == Lane::Live && !is_kept
    })
    .stop();
    assert_eq!(fed, all.len());
    assert_eq!(sorted(stream.ids("early")), ids_of(&all));
}

#[test]
fn a_host_that_is_killed_while_filters_change_lanes_loses_and_doubles_nothing() {
    let stream = Arc::new(Stream::default());
    let all = alerts(6, 1000);
    let last = all[..3000].iter().map(|alert| alert.id).max().unwrap();
    let filters = [
        ("good", with_quota(1_000_000, "mode = 'accept'")),
        ("slow", with_quota(1_000_000, "mode = 'uneven'")),
        ("early", with_quota(1_000_000, &format!("mode = 'uneven'\nbelow = {last}"))),
        ("some", with_quota(20, "mode = 'uneven'\nevery = 3")),
    ];
    let mut lanes = BTreeMap::new();
    let mut look = |handle: &Handle| {
        for status in handle.list() {
            *lanes.entry((status.name, status.lane == Lane::Slow)).or_insert(0) += 1;
        }
    };
    let mut kills = 0;
    for part in all.chunks(500) {
        stream.append(part);
        for _ in 0..4 {
            let (before, mut started) = (stream.commits(), None);
            run(&stream, &filters, |handle| {
                look(handle);
                // If nothing is left to be judged, commits are rare.
                stream.commits() > before + kills % 7
                    || started.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(700)
            })
            .kill();
            kills += 1;
        }
    }
    run(&stream, &filters, |handle| {
        look(handle);
        filters[..3].iter().all(|(name, _)| stream.ids(name).len() >= all.len()) && stream.ids("some").len() >= 6 * 20
    })
    .stop();
    for (name, _) in &filters[..3] {
        assert_eq!(sorted(stream.ids(name)), ids_of(&all), "{name} after {kills} kills");
    }
    assert_eq!(stream.ids("some").len(), 6 * 20, "20 of each visit");
    assert!(lanes.contains_key(&("slow".to_owned(), true)), "{lanes:?}");
}
