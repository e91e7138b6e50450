//! Filters that take too long leave the live lane, go on in the slow one, and come back. Whatever happens in between,
//! each alert is judged once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skysieve::filters::{Control, CpuShares, Lane, LimitOverrides, Settings, Upload};
use skysieve::pipeline::{Handle, PipelineError};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::alerts;
use skysieve_tests::memory_hosts::{MemoryHost, PARTITIONS, Stream, wait_until};
use skysieve_tests::pipeline::{sorted, with_quota};

const SLICE: Duration = Duration::from_millis(5);

/// Starts the host, and waits until `until` says that it is enough.
fn run(stream: &Arc<Stream>, filters: &[(&str, Upload)], mut until: impl FnMut(&Handle) -> bool) -> MemoryHost {
    let host = MemoryHost::start(stream, "host", SLICE, filters);
    wait_until("all of it", || until(&host.handle));
    host
}

/// The same with other shares of a processor.
fn run_within(
    cpu: CpuShares,
    stream: &Arc<Stream>,
    filters: &[(&str, Upload)],
    mut until: impl FnMut(&Handle) -> bool,
) {
    let host = MemoryHost::start_within(cpu, stream, "host", SLICE, filters);
    wait_until("all of it", || until(&host.handle));
    host.stop();
}

/// A filter of the operator's that works for so many rounds on some of the alerts.
fn heavy(rounds: u64) -> Upload {
    let limits = LimitOverrides { fuel: Some(1 << 40), deadline_ms: Some(60_000), ..LimitOverrides::default() };
    let upload = with_quota(1_000_000, &format!("mode = 'uneven'\nrounds = {rounds}"));
    Upload { settings: Settings { limits, ..upload.settings }, by_operator: true, ..upload }
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

#[test]
fn slow_filters_wait_for_each_other_no_longer_than_a_turn() {
    let stream = Arc::new(Stream::default());
    let all = alerts(2, 1500);
    stream.append(&all);
    // The first one needs many times as long.
    let filters = [("endless", heavy(50_000_000)), ("slow", heavy(3_000_000)), ("other", heavy(3_000_000))];
    let shares = CpuShares { each: 1.0, of: [("endless".to_owned(), 0.25)].into(), total: 2.0 };
    let mut used: f64 = 0.0;
    run_within(shares.clone(), &stream, &filters, |handle| {
        used = used.max(handle.get("endless").unwrap().cpu_used);
        !stream.ids("endless").is_empty() && ["slow", "other"].iter().all(|name| stream.ids(name).len() == all.len())
    });
    let far = stream.ids("endless").len();
    assert!(far > 0 && far < all.len() / 2, "it has judged {far} of {}", all.len());
    assert!(used > 0.0, "{used}");
    for name in ["slow", "other"] {
        assert_eq!(sorted(stream.ids(name)), ids_of(&all), "{name}");
    }
    // Its own place was kept, and it gets there with more time.
    let heavy = [("endless", with_quota(1_000_000, "mode = 'accept'"))];
    run(&stream, &heavy, |_| stream.ids("endless").len() >= all.len()).stop();
    assert_eq!(sorted(stream.ids("endless")), ids_of(&all));
}

#[test]
fn a_filter_in_the_slow_lane_uses_no_more_than_its_share() {
    let stream = Arc::new(Stream::default());
    let all = alerts(1, 3000);
    stream.append(&all);
    let filters = [("greedy", heavy(10_000_000))];
    let shares = CpuShares { each: 0.9, of: [("greedy".to_owned(), 0.1)].into(), total: 2.0 };
    let (mut began, mut most) = (None, 0.0f64);
    run_within(shares, &stream, &filters, |handle| {
        let status = handle.get("greedy").unwrap();
        assert_eq!(status.cpu_share, 0.1);
        let since = began.get_or_insert_with(Instant::now).elapsed();
        if since > Duration::from_secs(6) {
            most = most.max(status.cpu_used);
        }
        since > Duration::from_secs(9)
    });
    // At once, it may use what is due to it in a second, and an alert that is begun is judged to the end.
    assert!(most > 0.04 && most < 0.2, "it used {most}");
    assert!(stream.ids("greedy").len() < all.len());
}

/// A stream without a pause, and the last id of the first of its visits, which come again and again.
fn endless_stream(times: usize) -> (Arc<Stream>, i64) {
    let all = alerts(6, 500);
    let last = all[..500].iter().map(|alert| alert.id).max().unwrap();
    (Arc::new(Stream::endless(&all, times)), last)
}

#[test]
fn a_filter_joins_the_live_lane_while_the_stream_goes_on() {
    let (stream, _) = endless_stream(20);
    let filters = [("good", with_quota(1_000_000, "mode = 'accept'")), ("first", heavy(3_000_000))];
    run(&stream, &filters, |handle| handle.get("first").unwrap().lane == Lane::Slow).stop();
    // From now on, it is quick.
    let filters =
        [("good", with_quota(1_000_000, "mode = 'accept'")), ("first", with_quota(1_000_000, "mode = 'accept'"))];
    let mut is_slow = false;
    run(&stream, &filters, |handle| {
        let first = handle.get("first").unwrap();
        is_slow |= first.lane == Lane::Slow;
        is_slow && first.lane == Lane::Live
    })
    .stop();
    let all = stream.messages();
    let (good, first) = (stream.origins("good"), stream.origins("first"));
    assert!(good.len() < all, "the stream has come to an end");
    // In the slow lane, it may have come further than the live one is.
    for partition in 0..PARTITIONS {
        let of = |origins: &[(i32, i64)]| -> Vec<i64> {
            origins.iter().filter(|origin| origin.0 == partition).map(|origin| origin.1).collect()
        };
        let (good, first) = (of(&good), of(&first));
        assert_eq!(first, (0..first.len() as i64).collect::<Vec<_>>());
        assert!(first.len() >= good.len(), "{} of {}", first.len(), good.len());
    }
}

#[test]
fn a_host_that_is_killed_while_filters_join_loses_and_doubles_nothing() {
    let (stream, last) = endless_stream(12);
    let filters = [
        ("good", with_quota(1_000_000, "mode = 'accept'")),
        ("early", with_quota(1_000_000, &format!("mode = 'uneven'\nbelow = {last}"))),
        ("some", with_quota(20, &format!("mode = 'uneven'\nbelow = {last}\nevery = 3"))),
    ];
    let (mut kills, mut joined) = (0, 0);
    let all = stream.messages();
    while stream.origins("good").len() < all - 2000 {
        let (mut was, mut at_end) = (Lane::Live, None);
        run(&stream, &filters, |handle| {
            let lane = handle.get("early").unwrap().lane;
            if was == Lane::Slow && lane == Lane::Live {
                joined += 1;
                at_end.get_or_insert_with(|| stream.commits() + kills % 5);
            }
            was = lane;
            let commits = stream.commits();
            at_end.is_some_and(|at_end| commits >= at_end) || stream.origins("good").len() == all
        })
        .kill();
        kills += 1;
    }
    run(&stream, &filters, |_| {
        stream.origins("early").len() >= all
            && stream.origins("good").len() >= all
            && stream.ids("some").len() >= 6 * 20
    })
    .stop();
    assert!(joined > 0);
    assert_eq!(stream.origins("early"), stream.origins("good"), "after {kills} kills");
    assert_eq!(stream.origins("good").len(), all);
    assert_eq!(stream.ids("some").len(), 6 * 20, "20 of each visit");
}

#[test]
fn a_panic_in_the_slow_lane_is_seen_in_the_health_and_ends_it_with_an_error() {
    let stream = Arc::new(Stream::default());
    stream.append(&alerts(1, 500));
    let filters = [("slow", heavy(3_000_000))];
    let host = run(&stream, &filters, |handle| {
        handle.health().ready && handle.get("slow").unwrap().lane == Lane::Slow && !stream.ids("slow").is_empty()
    });
    stream.break_slow_lanes();
    wait_until("the health says so", || !host.handle.health().ready);
    let detail = host.handle.health().detail;
    assert!(detail.starts_with("the slow lane: a thread of the pipeline ended unexpectedly"), "{detail}");
    let [live, slow] = host.end();
    live.unwrap();
    assert!(matches!(slow, Err(PipelineError::ThreadLost)), "{slow:?}");
}

#[test]
fn filters_that_take_too_long_together_leave_the_live_lane_and_the_cheap_ones_stay() {
    let slice = Duration::from_millis(20);
    let stream = Arc::new(Stream::default());
    let all = alerts(6, 1000);
    stream.append(&all);
    let name = |kind: &str, number: usize| format!("{kind}-{number}");
    let heavy = with_quota(1_000_000, "mode = 'heavy'\nrounds = 20000");
    let cheap: Vec<String> = (0..6).map(|number| name("cheap", number)).collect();
    let costly: Vec<String> = (0..8).map(|number| name("costly", number)).collect();
    let mut filters: Vec<(&str, Upload)> =
        cheap.iter().map(|name| (&**name, with_quota(1_000_000, "mode = 'accept'"))).collect();
    filters.extend(costly.iter().map(|name| (&**name, heavy.clone())));
    let host = MemoryHost::start(&stream, "host", slice, &filters);
    let most = |handle: &Handle| {
        let is_slow = |name: &&String| handle.get(name).unwrap().lane == Lane::Slow;
        costly.iter().filter(is_slow).count()
    };
    let mut slow = 0;
    wait_until("all of it", || {
        slow = slow.max(most(&host.handle));
        filters.iter().all(|(name, _)| stream.ids(name).len() >= all.len())
    });
    let took = |name: &str| {
        let status = host.handle.get(name).unwrap();
        status.seconds * 1e6 / status.counts.seen as f64
    };
    println!("{:.0} us for an alert, {:.0} us if cheap; {slow} in the slow lane", took(&costly[0]), took(&cheap[0]));
    host.stop();
    // Each is within its slice. On each of the two shards, one of four may stay, or two if the machine is quick.
    assert!(slow >= 4, "{slow} of {}", costly.len());
    for (name, _) in &filters {
        assert_eq!(sorted(stream.ids(name)), ids_of(&all), "{name}");
    }
    for name in &cheap {
        assert_eq!(stream.departures("host", name), 0, "{name}");
    }
    for name in &costly {
        assert!(stream.departures("host", name) <= 1, "{name} went to and fro");
    }
}
