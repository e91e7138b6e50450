//! Filters that are moved between hosts, or begin in the past. Whatever happens meanwhile, each alert is judged once, and
//! the quota is that of a filter that was never moved.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use skysieve::filters::{Control, FilterError, Lane, Settings, State, Upload};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::alerts;
use skysieve_tests::memory_hosts::{MemoryHost, Stream, wait_until};
use skysieve_tests::pipeline::{sorted, with_quota};

/// Nobody is too slow for it.
const LONG: Duration = Duration::from_secs(60);
/// Filters that work for long are too slow for it now and then.
const SHORT: Duration = Duration::from_millis(5);
/// The number of alerts of a visit.
const VISIT: usize = 600;

/// A filter that publishes all that it is shown.
fn all() -> Upload {
    with_quota(1_000_000, "mode = 'accept'")
}

/// One that publishes 20 alerts of a visit, of those whose id is a multiple of 3.
fn some() -> Upload {
    with_quota(20, "mode = 'accept'\nevery = 3")
}

fn ids(alerts: &[SimulatedAlert]) -> Vec<i64> {
    alerts.iter().map(|alert| alert.id).collect()
}

/// What `some` publishes of the alerts.
fn quota_of(alerts: &[SimulatedAlert]) -> Vec<i64> {
    let of_visit =
        |visit: &[SimulatedAlert]| ids(visit).into_iter().filter(|id| id % 3 == 0).take(20).collect::<Vec<_>>();
    alerts.chunks(VISIT).flat_map(of_visit).collect()
}

#[track_caller]
fn assert_exact(stream: &Stream, alerts: &[SimulatedAlert], filters: &[&str]) {
    for filter in filters {
        let expected = if *filter == "some" { quota_of(alerts) } else { ids(alerts) };
        assert_eq!(sorted(stream.ids(filter)), sorted(expected), "{filter}");
    }
}

#[test]
fn a_filter_moves_there_and_back_while_alerts_stream() {
    let stream = Arc::new(Stream::default());
    let hosts = [("a", vec![("all", all()), ("some", some())]), ("b", vec![])];
    let [a, b] = hosts.map(|(name, filters)| MemoryHost::start(&stream, name, LONG, &filters));
    let sent = alerts(6, VISIT);
    for (at, part) in sent.chunks(150).enumerate() {
        stream.append(part);
        let (from, to) = if at % 2 == 0 { (&a, &b) } else { (&b, &a) };
        for filter in ["all", "some"] {
            from.move_filter(filter, to).unwrap();
            // It may be repeated.
            from.move_filter(filter, to).unwrap();
            assert_eq!(
                from.handle.get(filter).unwrap().state,
                State::Moved(if at % 2 == 0 { "b" } else { "a" }.to_owned())
            );
            assert_eq!(to.handle.get(filter).unwrap().state, State::Active);
        }
        assert_eq!((a.handle.list().len(), b.handle.list().len()), (2, 2));
    }
    wait_until("all alerts", || stream.ids("all").len() >= sent.len() && a.handle.get("some").unwrap().behind == 0);
    wait_until("the live lane", || a.handle.list().iter().all(|status| status.lane == Lane::Live));
    [a, b].into_iter().for_each(MemoryHost::stop);
    assert_exact(&stream, &sent, &["all", "some"]);
}

#[test]
fn hosts_are_killed_while_filters_move() {
    let stream = Arc::new(Stream::default());
    let uneven = with_quota(1_000_000, "mode = 'uneven'");
    let folder = [("all", all()), ("some", some()), ("uneven", uneven)];
    let names = ["all", "some", "uneven"];
    let start = |name: &str| MemoryHost::start(&stream, name, SHORT, if name == "a" { &folder[..] } else { &[] });
    let mut hosts = ["a", "b"].map(|name| Some(start(name)));
    let sent = alerts(8, VISIT);
    let mut moved: BTreeMap<&str, u32> = BTreeMap::new();
    for (at, part) in sent.chunks(80).enumerate() {
        stream.append(part);
        // One of the hosts dies while the filters are on their way.
        let victim = hosts[at / 2 % 2].take().unwrap();
        let other = hosts[1 - at / 2 % 2].as_ref().unwrap();
        std::thread::scope(|scope| {
            let moving = scope.spawn(|| {
                for name in names {
                    let (a, b) = if at / 2 % 2 == 0 { (&victim, other) } else { (other, &victim) };
                    let _ = if at % 2 == 0 { a.move_filter(name, b) } else { b.move_filter(name, a) };
                }
            });
            std::thread::sleep(Duration::from_millis(at as u64 * 37 % 60));
            victim.cut_off();
            let _ = moving.join();
        });
        victim.kill();
        hosts[at / 2 % 2] = Some(start(["a", "b"][at / 2 % 2]));
        let [a, b] = hosts.each_ref().map(|host| host.as_ref().unwrap());
        for name in names {
            // What did not come to its end is repeated. The host `b` has lost the module if it was killed.
            let to_b = || match a.move_filter(name, b) {
                Err(FilterError::MovedOn(..)) => true,
                done => done.is_ok(),
            };
            let is_here = || matches!(a.handle.get(name).unwrap().state, State::Active);
            if at % 2 == 0 {
                wait_until("a move to b", to_b);
            } else if !is_here() {
                wait_until("a move back", || to_b() && b.move_filter(name, a).is_ok());
            }
            *moved.entry(name).or_default() += 1;
        }
    }
    for name in names {
        let at =
            hosts.iter().flatten().find(|host| host.handle.get(name).is_ok_and(|status| status.state == State::Active));
        let handle = &at.expect("one of the hosts has it").handle;
        wait_until("all alerts", || handle.get(name).unwrap().behind == 0);
    }
    wait_until("all alerts", || ["all", "uneven"].iter().all(|name| stream.ids(name).len() >= sent.len()));
    wait_until("the quota", || stream.ids("some").len() >= quota_of(&sent).len());
    hosts.into_iter().flatten().for_each(MemoryHost::stop);
    assert_exact(&stream, &sent, &names);
}

#[test]
fn a_new_filter_begins_in_the_past_and_catches_up() {
    let stream = Arc::new(Stream::default());
    let sent = alerts(6, VISIT);
    stream.append(&sent[..4 * VISIT]);
    let host = MemoryHost::start(&stream, "a", LONG, &[("all", all())]);
    wait_until("the first alerts", || stream.ids("all").len() >= 4 * VISIT);
    let from = |upload: Upload, from: &str| {
        let settings = Settings { from: Some(from.to_owned()), ..upload.settings };
        Upload { settings, ..upload }
    };
    // In the middle of a visit.
    host.handle.put("late", from(all(), "700")).unwrap();
    host.handle.put("some", from(some(), "0")).unwrap();
    let refused = host.handle.put("all", from(all(), "0")).unwrap_err();
    assert!(matches!(&refused, FilterError::Conflict(reason) if reason.contains("already")), "{refused}");
    assert!(matches!(host.handle.put("new", from(all(), "yesterday")), Err(FilterError::Refused(_))));
    stream.append(&sent[4 * VISIT..]);
    let is_live = |name: &str| host.handle.get(name).unwrap().lane == Lane::Live;
    wait_until("the live lane", || is_live("late") && is_live("some"));
    // A new version with the same settings goes on.
    host.handle.put("late", from(all(), "700")).unwrap();
    wait_until("all alerts", || stream.ids("late").len() >= sent.len() - 700);
    host.stop();
    assert_exact(&stream, &sent, &["all", "some"]);
    assert_eq!(sorted(stream.ids("late")), sorted(ids(&sent[700..])));
}

#[test]
fn a_filter_of_the_folder_begins_in_the_past_once() {
    let stream = Arc::new(Stream::default());
    let sent = alerts(6, VISIT);
    stream.append(&sent[..2 * VISIT]);
    let late = Upload { settings: Settings { from: Some("100".to_owned()), ..all().settings }, ..all() };
    let start = |folder: &[(&str, Upload)]| MemoryHost::start(&stream, "a", LONG, folder);
    let host = start(&[("all", all())]);
    wait_until("the first alerts", || stream.ids("all").len() >= 2 * VISIT);
    host.stop();
    let both = [("all", all()), ("late", late)];
    // It is killed at several moments: before anything is committed, in the slow lane, in the live lane.
    for (kill, part) in sent[2 * VISIT..4 * VISIT].chunks(150).enumerate() {
        let host = start(&both);
        stream.append(part);
        std::thread::sleep(Duration::from_millis(kill as u64 * 20));
        host.kill();
    }
    let host = start(&both);
    // Since its start, it has to be quick for a thousand alerts.
    stream.append(&sent[4 * VISIT..]);
    wait_until("the live lane", || {
        stream.ids("late").len() >= sent.len() - 100 && host.handle.get("late").unwrap().lane == Lane::Live
    });
    // It is remembered that it has begun, also when it is where the live lane is.
    host.stop();
    let host = start(&both);
    wait_until("the start", || host.handle.health().ready);
    std::thread::sleep(Duration::from_millis(300));
    host.stop();
    assert_eq!(sorted(stream.ids("late")), sorted(ids(&sent[100..])));
    assert_exact(&stream, &sent, &["all"]);
}

#[test]
fn a_host_refuses_what_it_can_not_go_on_with() {
    let stream = Arc::new(Stream::default());
    let sent = alerts(1, VISIT);
    let [a, b] = [("a", vec![("all", all())]), ("b", vec![("here", all())])]
        .map(|(name, filters)| MemoryHost::start(&stream, name, LONG, &filters));
    stream.append(&sent);
    assert!(matches!(a.handle.release("all", "a"), Err(FilterError::Refused(_))));
    assert!(matches!(a.handle.release("none", "b"), Err(FilterError::Unknown(_))));
    wait_until("the filters", || a.handle.release("all", "b").is_ok());
    assert!(matches!(a.handle.release("all", "c"), Err(FilterError::Conflict(_))));
    assert!(matches!(a.handle.put("all", all()), Err(FilterError::Conflict(_))));
    let handover = a.handle.release("all", "b").unwrap();
    let put = |change: &dyn Fn(&mut skysieve::filters::HandOver)| {
        let mut changed = Box::new(handover.clone());
        change(&mut changed);
        let name = changed.name.clone();
        b.handle.put(&name, Upload { handover: Some(changed), ..all() }).unwrap_err().to_string()
    };
    for (said, wanted) in [
        (put(&|changed| changed.to = "c".to_owned()), "it is for host \"c\""),
        (put(&|changed| changed.sha256 = "abc".to_owned()), "the module is not the one"),
        (put(&|changed| changed.topic = "x-all".to_owned()), "--output-prefix"),
        (put(&|changed| changed.stream.cluster = Some("other".to_owned())), "different Kafka clusters"),
        (put(&|changed| changed.positions.clear()), "its positions"),
        (put(&|changed| changed.published.push(("x".to_owned(), 1))), "no visit \"x\""),
        (
            put(&|changed| (changed.name, changed.topic) = ("here".to_owned(), "here".to_owned())),
            "has a filter \"here\" already",
        ),
    ] {
        assert!(said.contains(wanted), "{said}");
    }
    // The host that has let it go may take it back.
    a.handle.put("all", Upload { handover: Some(Box::new(handover)), ..all() }).unwrap();
    wait_until("all alerts", || stream.ids("all").len() >= VISIT);
    // What was moved away can be forgotten.
    a.move_filter("all", &b).unwrap();
    assert_eq!(a.handle.delete("all").unwrap().state, State::Moved("b".to_owned()));
    wait_until("the deletion", || stream.table("quotas-a").iter().all(|(key, _)| key != b"all/@lane"));
    assert!(matches!(a.handle.get("all"), Err(FilterError::Unknown(_))));
    [a, b].into_iter().for_each(MemoryHost::stop);
    assert_exact(&stream, &sent, &["all"]);
}
