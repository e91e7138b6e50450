//! What each change does, and what it leaves behind when it is refused.

use std::sync::Arc;

use super::fake::magnitude;
use super::{Host, revision, tag, upload, with_settings};
use crate::filters::{
    Control, Expected, FilterChange, FilterError, Kept, LimitOverrides, LogRecord, Settings, SettingsPatch, State,
    Upload,
};
use crate::registry::record::{INLINE, VERSIONS};
use crate::registry::{Fault, PIECE, Shared};
use skysieve_sandbox::{Level, Log};

fn set(patch: SettingsPatch) -> FilterChange {
    FilterChange::Set(patch)
}

#[test]
fn uploads_survive_a_restart() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    let config = "x".repeat(INLINE + 1);
    let settings = Settings { config: config.clone(), quota: Some(7), ..Settings::default() };
    let status = host.keeper.put("bright", with_settings("one", settings.clone())).unwrap();
    assert_eq!((revision(&status), status.kept, &status.state), ((1, Some(1), 1), Kept::Registry, &State::Active));
    host.put("rising", "two");
    drop(host);
    let host = Host::start(&shared, "a");
    assert_eq!((host.running("bright").unwrap(), host.running("rising").unwrap()), ("one".into(), "two".into()));
    assert_eq!(host.fake.running.lock()["bright"].settings, settings);
    assert_eq!(host.keeper.version("bright", 1).unwrap().config.unwrap(), config);
    // Another host does not judge them.
    assert!(Host::start(&shared, "b").running("bright").is_none());
}

#[test]
fn what_is_the_same_adds_no_version() {
    let host = Host::start(&Arc::default(), "a");
    host.put("bright", "one");
    assert_eq!((revision(&host.put("bright", "one")), host.activations()), ((1, Some(1), 1), 1));
    let settings = Settings { quota: Some(3), ..Settings::default() };
    let status = host.keeper.put("bright", with_settings("one", settings)).unwrap();
    assert_eq!((revision(&status), host.activations()), ((2, Some(1), 1), 2));
    assert_eq!(revision(&host.put("bright", "two")), (3, Some(2), 2));
    let settings = Settings { config: "x".into(), ..Settings::default() };
    let status = host.keeper.put("bright", with_settings("two", settings)).unwrap();
    assert_eq!(revision(&status), (4, Some(3), 3));
}

#[test]
fn what_a_filter_has_told_outlives_a_pause_and_not_the_filter() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    let told = |host: &Host| host.keeper.journals("bright").unwrap().logs.newest(9).records.len();
    let tell = |host: &Host| {
        let log = Log { level: Level::Info, message: "here".to_owned() };
        host.keeper.journals("bright").unwrap().logs.add(0, vec![LogRecord::new("one", &log)]);
    };
    let change = |host: &Host, change| host.keeper.change("bright", change, &Expected::Anything).unwrap();
    host.put("bright", "one");
    tell(&host);
    change(&host, FilterChange::Pause);
    assert_eq!((told(&host), host.keeper.stats("bright").unwrap().version), (1, Some(1)));
    change(&host, FilterChange::Resume);
    tell(&host);
    assert_eq!(told(&host), 2);
    // Whoever has a filter of that name later is perhaps somebody else.
    change(&host, FilterChange::Delete);
    assert!(matches!(host.keeper.journals("bright"), Err(FilterError::Unknown(_))));
    host.put("bright", "one");
    assert_eq!(told(&host), 0);
    // The same if it was another host that has removed it, and this host has not noticed.
    let other = Host::start(&shared, "b");
    for paused in [false, true] {
        tell(&host);
        if paused {
            change(&host, FilterChange::Pause);
        }
        other.follow();
        change(&other, FilterChange::Delete);
        host.put("bright", "two");
        assert_eq!(told(&host), 0, "paused: {paused}");
    }
}

#[test]
fn a_suspended_filter_is_active_again_when_it_is_uploaded_or_resumed() {
    let host = Host::with_folder(&Arc::default(), "a", &["shipped"]);
    host.put("bright", "one");
    *host.fake.suspended.lock() = Some("bright".to_owned());
    assert_eq!(host.put("bright", "one").state, State::Active);
    for name in ["bright", "shipped"] {
        *host.fake.suspended.lock() = Some(name.to_owned());
        let status = host.keeper.change(name, FilterChange::Resume, &Expected::Anything).unwrap();
        assert_eq!(status.state, State::Active);
    }
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    for module in ["refused", "full"] {
        assert!(host.keeper.put("bright", upload(module)).is_err());
        assert!(matches!(host.keeper.get("bright"), Err(FilterError::Unknown(_))), "{module}");
        assert!(shared.pieces().is_empty());
    }
    let long = Upload { note: "x".repeat(1001), ..upload("one") };
    assert!(matches!(host.keeper.put("bright", long), Err(FilterError::Refused(_))));
    // What was there before remains.
    host.put("bright", "one");
    assert!(matches!(host.keeper.put("bright", upload("full")), Err(FilterError::Full(_))));
    let status = host.keeper.get("bright").unwrap();
    assert_eq!((revision(&status), host.running("bright").unwrap()), ((3, Some(1), 1), "one".to_owned()));
    assert_eq!(shared.pieces().len(), 1);
}

#[test]
fn versions_are_added_activated_and_rolled_back() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    let any = Expected::Anything;
    let add = |module: &str| host.keeper.change("new", FilterChange::AddVersion(Box::new(upload(module))), &any);
    assert_eq!((add("one").unwrap().state, host.running("new")), (State::Inactive, None));
    add("two").unwrap();
    let activate = |number| host.keeper.change("new", FilterChange::Activate { version: number, force: false }, &any);
    assert_eq!((revision(&activate(2).unwrap()), host.running("new").unwrap()), ((3, Some(2), 2), "two".to_owned()));
    assert_eq!((revision(&activate(1).unwrap()), host.running("new").unwrap()), ((4, Some(1), 2), "one".to_owned()));
    assert_eq!(revision(&activate(1).unwrap()), (4, Some(1), 2));
    assert!(matches!(activate(3), Err(FilterError::NoVersion(_, 3))));
    let versions = host.keeper.versions("new").unwrap();
    assert_eq!(
        versions.iter().map(|version| (version.number, version.active)).collect::<Vec<_>>(),
        [(1, true), (2, false)]
    );
    assert_eq!((&*versions[1].description, &versions[1].fields), ("two", &vec!["a.b".to_owned(), "c".to_owned()]));
    assert_eq!(versions[1].parameters, [magnitude()]);
    let inactive = Host::start(&shared, "b").keeper.get("new").unwrap();
    assert_eq!(inactive.parameters, [magnitude()]);
    assert_eq!(**host.keeper.version_module("new", 2).unwrap(), *b"two");
}

#[test]
fn settings_are_changed_and_filters_paused() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    let any = Expected::Anything;
    let from = Settings { from: Some("earliest".into()), ..Settings::default() };
    host.keeper.put("bright", with_settings("one", from)).unwrap();
    let limits = LimitOverrides { fuel: Some(9), ..LimitOverrides::default() };
    let patch = SettingsPatch { quota: Some(Some(5)), limits: Some(limits), ..SettingsPatch::default() };
    host.keeper.change("bright", set(patch), &any).unwrap();
    let now = || host.fake.running.lock()["bright"].settings.clone();
    assert_eq!((now().quota, now().limits.fuel, now().from.as_deref()), (Some(5), Some(9), Some("earliest")));
    host.keeper.change("bright", set(SettingsPatch { quota: Some(None), ..SettingsPatch::default() }), &any).unwrap();
    assert_eq!((now().quota, now().limits.fuel), (None, Some(9)));
    let nothing = SettingsPatch { quota: Some(Some(0)), ..SettingsPatch::default() };
    assert!(matches!(host.keeper.change("bright", set(nothing), &any), Err(FilterError::Refused(_))));

    assert_eq!(host.keeper.change("bright", FilterChange::Pause, &any).unwrap().state, State::Paused);
    assert_eq!(host.running("bright"), None);
    // An upload does not end the pause, nor does a restart.
    assert_eq!(host.put("bright", "two").state, State::Paused);
    let host = Host::start(&shared, "a");
    assert_eq!((host.running("bright"), host.keeper.list()[0].state.clone()), (None, State::Paused));
    assert_eq!(host.keeper.change("bright", FilterChange::Resume, &any).unwrap().state, State::Active);
    // It has begun before, and does not begin in the past once more.
    assert_eq!(host.fake.running.lock()["bright"].settings.from, None);
    assert_eq!(host.running("bright").unwrap(), "two");
}

#[test]
fn filters_in_the_folder_are_not_changed() {
    let shared = Arc::<Shared>::default();
    Host::start(&shared, "a").put("shipped", "other");
    let host = Host::with_folder(&shared, "a", &["shipped"]);
    let any = Expected::Anything;
    let refused = host.keeper.put("shipped", upload("one")).unwrap_err().to_string();
    assert!(refused.contains("folder") && refused.contains("--filters"), "{refused}");
    for change in [
        FilterChange::Pause,
        FilterChange::Activate { version: 1, force: false },
        FilterChange::AddVersion(Box::new(upload("one"))),
    ] {
        assert!(matches!(host.keeper.change("shipped", change, &any), Err(FilterError::Conflict(_))));
    }
    assert!(matches!(host.keeper.delete("shipped"), Err(FilterError::Conflict(_))));
    let status = host.keeper.get("shipped").unwrap();
    assert_eq!(
        (status.kept, status.registered, host.running("shipped").unwrap()),
        (Kept::Folder, None, "folder".to_owned())
    );
}

#[test]
fn modules_are_kept_once_and_as_long_as_they_are_used() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    let large = "m".repeat(2 * PIECE + 1);
    host.put("one", &large);
    host.put("two", &large);
    assert_eq!((shared.pieces().len(), shared.pieces_written()), (3, 3));
    host.put("one", "small");
    host.keeper.delete("two").unwrap();
    // The first version of the first filter uses it.
    assert_eq!(shared.pieces().len(), 4);
    host.keeper.delete("one").unwrap();
    assert!(shared.pieces().is_empty());
    assert!(matches!(host.keeper.delete("one"), Err(FilterError::Unknown(_))));
}

#[test]
fn the_oldest_versions_go_when_there_are_too_many() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    let any = Expected::Anything;
    host.put("bright", "0");
    for number in 1..VERSIONS + 5 {
        let change = FilterChange::AddVersion(Box::new(upload(&number.to_string())));
        host.keeper.change("bright", change, &any).unwrap();
    }
    let numbers: Vec<u32> = host.keeper.versions("bright").unwrap().iter().map(|version| version.number).collect();
    assert_eq!((numbers.len(), numbers[0], numbers[1]), (VERSIONS, 1, 7));
    assert_eq!(shared.pieces().len(), VERSIONS);
}

#[test]
fn changes_are_meant_for_a_revision() {
    let host = Host::start(&Arc::default(), "a");
    let put = |module: &str, expected: &Expected| {
        host.keeper.put("bright", Upload { expected: expected.clone(), ..upload(module) })
    };
    assert!(matches!(put("one", &Expected::Present), Err(FilterError::Unknown(_))));
    let first = put("one", &Expected::Absent).unwrap();
    let second = put("two", &tag(&first)).unwrap();
    let error = put("three", &tag(&first)).unwrap_err().to_string();
    assert!(error.contains("at revision 2") && error.contains("revision 1-"), "{error}");
    assert!(matches!(put("one", &Expected::Absent), Err(FilterError::Changed { .. })));
    put("three", &Expected::Revision("2".into())).unwrap();
    assert!(host.keeper.change("bright", FilterChange::Delete, &tag(&second)).is_err());
    host.keeper.delete("bright").unwrap();
    // Another filter of the name has other tags.
    let anew = put("one", &Expected::Absent).unwrap();
    assert_eq!(revision(&anew).0, revision(&first).0);
    assert!(matches!(put("two", &tag(&first)), Err(FilterError::Changed { .. })));
}

#[test]
fn a_change_is_made_once_whatever_becomes_of_the_commit() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    for fault in [Fault::Lost, Fault::Unanswered] {
        shared.fail(&[fault, fault]);
        let first = host.keeper.put("bright", upload("one")).unwrap();
        shared.fail(&[fault]);
        let second = host.keeper.put("bright", Upload { expected: tag(&first), ..upload("two") }).unwrap();
        assert_eq!(revision(&second), (2, Some(2), 2), "{fault:?}");
        shared.fail(&[fault]);
        host.keeper.change("bright", FilterChange::Delete, &tag(&second)).unwrap();
        assert!(shared.pieces().is_empty());
    }
}
