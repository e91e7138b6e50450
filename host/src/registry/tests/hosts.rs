//! Several hosts with one registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Host, revision, tag, upload};
use crate::filters::{Control, Expected, FilterChange, FilterError, HandOver, State, Upload};
use crate::registry::Shared;

#[test]
fn a_host_follows_what_another_one_changes() {
    let shared = Arc::<Shared>::default();
    let (a, b) = (Host::start(&shared, "a"), Host::start(&shared, "b"));
    let any = Expected::Anything;
    a.put("bright", "one");
    b.follow();
    assert_eq!(b.keeper.get("bright").unwrap().state, State::Elsewhere("a".to_owned()));
    assert!(b.keeper.list().is_empty());
    b.put("bright", "two");
    assert_eq!((a.running("bright").unwrap(), b.running("bright")), ("one".to_owned(), None));
    a.follow();
    assert_eq!(a.running("bright").unwrap(), "two");
    b.keeper.change("bright", FilterChange::Pause, &any).unwrap();
    a.follow();
    assert_eq!((a.running("bright"), a.keeper.get("bright").unwrap().state), (None, State::Paused));
    b.keeper.change("bright", FilterChange::Resume, &any).unwrap();
    b.keeper.change("bright", FilterChange::Activate { version: 1, force: false }, &any).unwrap();
    a.follow();
    assert_eq!(a.running("bright").unwrap(), "one");
    b.keeper.delete("bright").unwrap();
    a.follow();
    assert!(a.running("bright").is_none() && a.keeper.get("bright").is_err());
}

#[test]
fn of_two_writers_none_loses_an_update() {
    let shared = Arc::<Shared>::default();
    let hosts = [Host::start(&shared, "a"), Host::start(&shared, "b")];
    hosts[0].put("bright", "0");
    const CHANGES: usize = 100;
    std::thread::scope(|scope| {
        for (at, host) in hosts.iter().enumerate() {
            scope.spawn(move || {
                for number in 0..CHANGES {
                    loop {
                        host.keeper.registry.catch_up().unwrap();
                        let expected = tag(&host.keeper.get("bright").unwrap());
                        let module = format!("{at}-{number}");
                        match host.keeper.put("bright", Upload { expected, ..upload(&module) }) {
                            Ok(_) => break,
                            Err(FilterError::Changed { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
    });
    for host in &hosts {
        host.follow();
    }
    let [a, b] = hosts.each_ref().map(|host| revision(&host.keeper.get("bright").unwrap()));
    assert_eq!((a, b), ((201, Some(201), 100), (201, Some(201), 100)));
    assert_eq!(hosts[0].keeper.versions("bright").unwrap(), hosts[1].keeper.versions("bright").unwrap());
    let newest = hosts[0].keeper.versions("bright").unwrap().pop().unwrap();
    assert_eq!(hosts[0].running("bright").unwrap(), newest.description);
}

fn take(host: &Host, handover: &HandOver, module: &str) -> Result<State, FilterError> {
    let handover = Some(Box::new(handover.clone()));
    host.keeper.put(&handover.clone().unwrap().name, Upload { handover, ..upload(module) }).map(|status| status.state)
}

#[test]
fn a_filter_that_moves_belongs_to_the_host_that_has_taken_it() {
    let shared = Arc::<Shared>::default();
    let (a, b) = (Host::start(&shared, "a"), Host::start(&shared, "b"));
    a.put("bright", "one");
    a.put("bright", "two");
    let handover = a.keeper.release("bright", "b").unwrap();
    assert!(matches!(a.keeper.get("bright").unwrap().state, State::Moved(_)));
    for _ in 0..2 {
        assert_eq!(take(&b, &handover, "two").unwrap(), State::Active);
    }
    a.keeper.confirm("bright", &handover.id).unwrap();
    a.follow();
    // The versions have come along.
    assert_eq!(
        (revision(&b.keeper.get("bright").unwrap()), b.running("bright").unwrap()),
        ((3, Some(2), 2), "two".into())
    );
    assert_eq!(b.activations(), 2);
    let (a, b) = (Host::start(&shared, "a"), Host::start(&shared, "b"));
    assert_eq!((a.running("bright"), b.running("bright").unwrap()), (None, "two".to_owned()));
}

#[test]
fn a_filter_moves_between_registries() {
    let (a, shared) = (Host::start(&Arc::default(), "a"), Arc::<Shared>::default());
    let b = Host::start(&shared, "b");
    a.put("bright", "one");
    let handover = a.keeper.release("bright", "b").unwrap();
    take(&b, &handover, "one").unwrap();
    assert!(a.keeper.versions("bright").is_ok());
    a.keeper.confirm("bright", &handover.id).unwrap();
    assert!(a.keeper.versions("bright").is_err());
    assert_eq!(Host::start(&shared, "b").running("bright").unwrap(), "one");
}

#[test]
fn a_filter_of_another_host_is_not_taken() {
    let shared = Arc::<Shared>::default();
    let [a, b, c] = ["a", "b", "c"].map(|name| Host::start(&shared, name));
    c.put("bright", "one");
    let other = Host::start(&Arc::default(), "a");
    other.put("bright", "two");
    let handover = other.keeper.release("bright", "b").unwrap();
    assert!(matches!(take(&b, &handover, "two"), Err(FilterError::Conflict(_))));
    assert!(b.running("bright").is_none());
    assert!(matches!(a.keeper.release("bright", "b"), Err(FilterError::Conflict(_) | FilterError::Unknown(_))));
}

#[test]
fn a_host_that_stops_changes_nothing_any_more() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    host.keeper.close();
    assert!(matches!(host.keeper.put("bright", upload("one")), Err(FilterError::Stopping)));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let following = scope.spawn(|| host.keeper.follow(&stop));
        stop.store(true, Ordering::Relaxed);
        following.join().unwrap();
    });
}
