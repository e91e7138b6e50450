//! What is read: anything may have been written there.

use std::sync::Arc;

use super::{Host, revision, upload};
use crate::filters::{Control, FilterError, State};
use crate::registry::Shared;

#[test]
fn garbage_is_left_alone_and_shown() {
    let shared = Arc::<Shared>::default();
    Host::start(&shared, "a").put("bright", "one");
    let record = String::from_utf8(serde_json::to_vec(&record(&shared, "bright")).unwrap()).unwrap();
    for value in ["", "{}", "null", "[1", "{\"format\":1}", "{\"format\":\"x\"}", &"[".repeat(1000)] {
        shared.write(b"bright", Some(value.as_bytes()));
    }
    for (from, to) in [
        ("\"bright\"", "\"../x\""),
        ("\"active\":1", "\"active\":7"),
        ("\"revision\":1", "\"revision\":0"),
        ("\"next\":2", "\"next\":1"),
        ("\"number\":1", "\"number\":0"),
        ("\"sha256\":\"", "\"sha256\":\"x"),
        ("\"bytes\":3", "\"bytes\":99999999999"),
    ] {
        assert!(record.contains(from), "{record}");
        shared.write(b"bright", Some(record.replace(from, to).as_bytes()));
    }
    shared.write(b"other", Some(record.as_bytes()));
    shared.write(b"\xff\x00", Some(b"\xff"));
    let host = Host::start(&shared, "a");
    assert_eq!((host.keeper.list().len(), host.running("bright").unwrap()), (1, "one".to_owned()));
    let unreadable = host.keeper.health().registry.unwrap().unreadable;
    assert_eq!(unreadable.len(), 3, "{unreadable:?}");
    assert!(unreadable.iter().any(|text| text.contains("\"bright\", offset 14")), "{unreadable:?}");
    // The next change mends it.
    assert_eq!(revision(&host.put("bright", "two")), (2, Some(2), 2));
    assert_eq!(host.keeper.health().registry.unwrap().unreadable.len(), 2);
}

fn record(shared: &Arc<Shared>, name: &str) -> crate::registry::FilterRecord {
    let host = Host::start(shared, "reader");
    host.keeper.registry.catch_up().unwrap();
    let record = host.keeper.registry.records().get(name).cloned();
    (*record.unwrap()).clone()
}

#[test]
fn the_record_of_a_newer_program_is_not_lost() {
    let shared = Arc::<Shared>::default();
    shared.write(b"bright", Some(b"{\"format\":2,\"name\":\"bright\"}"));
    let host = Host::start(&shared, "a");
    assert!(matches!(host.keeper.put("bright", upload("one")), Err(FilterError::Conflict(_))));
    host.put("rising", "one");
}

#[test]
fn a_module_that_is_missing_is_told_and_comes_with_the_next_upload() {
    let shared = Arc::<Shared>::default();
    Host::start(&shared, "a").put("bright", "one");
    shared.lose_modules();
    let host = Host::start(&shared, "a");
    let status = host.keeper.get("bright").unwrap();
    assert!(matches!(&status.state, State::Refused(reason) if reason.contains("not kept")), "{:?}", status.state);
    assert_eq!(host.keeper.health().registry.unwrap().refused.len(), 1);
    host.put("bright", "two");
    assert!(matches!(host.keeper.version_module("bright", 1), Err(FilterError::NoModule(_))));
    host.put("bright", "one");
    assert_eq!(Host::start(&shared, "a").running("bright").unwrap(), "one");
}

#[test]
fn a_filter_that_is_refused_at_a_start_is_shown() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    host.put("bright", "one");
    host.put("rising", "two");
    let json = serde_json::to_string(&record(&shared, "bright")).unwrap();
    let refused = crate::filters::hash(b"refused");
    // As if what runs were refused by now.
    let json = json.replace(&crate::filters::hash(b"one"), &refused).replace("\"bytes\":3", "\"bytes\":7");
    shared.write(b"bright", Some(json.as_bytes()));
    shared.write_piece(&format!("{refused}/0/1"), b"refused");
    let host = Host::start(&shared, "a");
    let status = host.keeper.get("bright").unwrap();
    assert!(matches!(&status.state, State::Refused(reason) if reason.contains("wall-clock")), "{:?}", status.state);
    assert_eq!((host.keeper.list().len(), host.running("rising").unwrap()), (2, "two".to_owned()));
}
