//! Shadows: which version is one is kept, and the pipeline runs it as long as its filter runs.

use std::sync::Arc;

use super::{Host, revision, tag, upload, with_settings};
use crate::filters::{
    Control, Expected, FilterChange, FilterError, Settings, SettingsPatch, ShadowState, Status, Upload,
};
use crate::registry::Shared;
use crate::registry::record::VERSIONS;

const ANY: Expected = Expected::Anything;

impl Host {
    /// A host with a filter of which version 1 is active, and two more versions.
    fn with_versions(shared: &Arc<Shared>) -> Host {
        let host = Host::start(shared, "a");
        host.put("bright", "one");
        for module in ["two", "three"] {
            host.keeper.change("bright", FilterChange::AddVersion(Box::new(upload(module))), &ANY).unwrap();
        }
        host
    }

    fn shadow(&self, version: u32) -> Result<Status, FilterError> {
        self.keeper.change("bright", FilterChange::Shadow { version, most: None }, &ANY)
    }

    /// The shadow that the pipeline runs.
    fn runs(&self) -> Option<(u32, String)> {
        let shadows = self.fake.shadows.lock();
        shadows.get("bright").map(|(version, upload)| (*version, String::from_utf8(upload.module.clone()).unwrap()))
    }
}

fn two() -> Option<(u32, String)> {
    Some((2, "two".to_owned()))
}

#[test]
fn a_shadow_survives_restarts_and_changes_of_settings_until_it_is_ended() {
    let shared = Arc::<Shared>::default();
    let host = Host::with_versions(&shared);
    let status = host.shadow(2).unwrap();
    assert_eq!((status.registered.unwrap().shadow, host.runs(), host.activations()), (Some(2), two(), 1));
    assert_eq!(host.keeper.shadow("bright").unwrap().active_version, Some(1));
    // The pipeline ends it with every change of its filter.
    let patch = SettingsPatch { quota: Some(Some(7)), ..SettingsPatch::default() };
    host.keeper.change("bright", FilterChange::Set(patch), &ANY).unwrap();
    assert_eq!((host.runs(), host.activations()), (two(), 2));
    assert_eq!(host.fake.shadows.lock()["bright"].1.settings.quota, Some(7));
    *host.fake.suspended.lock() = Some("bright".to_owned());
    host.keeper.change("bright", FilterChange::Resume, &ANY).unwrap();
    assert_eq!((host.runs(), host.activations()), (two(), 3));
    host.keeper.change("bright", FilterChange::Pause, &ANY).unwrap();
    let ShadowState::Waiting(reason) = host.keeper.shadow("bright").unwrap().state else { panic!("it runs") };
    assert_eq!((host.runs(), &*reason), (None, "its filter is paused"));
    host.keeper.change("bright", FilterChange::Resume, &ANY).unwrap();
    assert_eq!(host.runs(), two());
    drop(host);
    let host = Host::start(&shared, "a");
    host.keeper.follow_waiting();
    assert_eq!(host.runs(), two());
    host.keeper.change("bright", FilterChange::EndShadow, &ANY).unwrap();
    assert_eq!(host.runs(), None);
    for change in [FilterChange::EndShadow, FilterChange::ActivateShadow { force: false }] {
        assert!(matches!(host.keeper.change("bright", change, &ANY), Err(FilterError::NoShadow(_))));
    }
    assert!(matches!(host.keeper.shadow("bright"), Err(FilterError::NoShadow(_))));
    assert!(matches!(host.keeper.shadow("nothing"), Err(FilterError::Unknown(_))));
}

#[test]
fn a_shadow_ends_when_a_version_becomes_active() {
    let host = Host::with_versions(&Arc::default());
    host.shadow(2).unwrap();
    let status = host.keeper.change("bright", FilterChange::ActivateShadow { force: false }, &ANY).unwrap();
    assert_eq!((revision(&status).1, status.registered.unwrap().shadow, host.runs()), (Some(2), None, None));
    assert_eq!(host.running("bright").unwrap(), "two");
    host.shadow(1).unwrap();
    host.keeper.change("bright", FilterChange::Activate { version: 3, force: false }, &ANY).unwrap();
    assert_eq!(host.runs(), None);
    host.shadow(1).unwrap();
    // The same version as before, with another quota.
    let settings = Settings { quota: Some(3), ..Settings::default() };
    host.keeper.put("bright", with_settings("three", settings)).unwrap();
    assert_eq!(host.runs(), Some((1, "one".to_owned())));
    host.put("bright", "four");
    assert_eq!(host.runs(), None);
}

#[test]
fn what_can_not_be_a_shadow_changes_nothing() {
    let host = Host::with_versions(&Arc::default());
    let before = host.keeper.get("bright").unwrap();
    assert!(matches!(host.shadow(9), Err(FilterError::NoVersion(_, 9))));
    assert!(matches!(host.shadow(1), Err(FilterError::Conflict(_))));
    let stale = host.keeper.change("bright", FilterChange::Shadow { version: 2, most: None }, &tag(&before));
    assert!(stale.is_ok());
    let stale = host.keeper.change("bright", FilterChange::Shadow { version: 3, most: None }, &tag(&before));
    assert!(matches!(stale, Err(FilterError::Changed { .. })) && host.runs() == two());
    // The pipeline has no room for it.
    let full = Upload { note: "too many".to_owned(), ..upload("full") };
    host.keeper.change("bright", FilterChange::AddVersion(Box::new(full)), &ANY).unwrap();
    assert!(matches!(host.shadow(4), Err(FilterError::FullOfShadows(3))));
    assert_eq!(host.keeper.get("bright").unwrap().registered.unwrap().shadow, Some(2));
    host.keeper.change("bright", FilterChange::Pause, &ANY).unwrap();
    assert!(matches!(host.shadow(3), Err(FilterError::Conflict(_))));
}

#[test]
fn a_user_has_so_many_shadows_and_no_more() {
    let host = Host::with_versions(&Arc::default());
    host.put("rising", "one");
    host.keeper.change("rising", FilterChange::AddVersion(Box::new(upload("two"))), &ANY).unwrap();
    let shadow =
        |name: &str, version| host.keeper.change(name, FilterChange::Shadow { version, most: Some(1) }, &ANY).map(drop);
    shadow("bright", 2).unwrap();
    // Another version in its place is not one more.
    shadow("bright", 3).unwrap();
    let Err(FilterError::OverLimit(said)) = shadow("rising", 2) else { panic!("it is one too many") };
    assert!(said.contains("--shadows-per-user"), "{said}");
    host.keeper.change("bright", FilterChange::EndShadow, &ANY).unwrap();
    shadow("rising", 2).unwrap();
}

#[test]
fn the_version_of_a_shadow_is_kept_and_follows_its_filter() {
    let shared = Arc::<Shared>::default();
    let host = Host::with_versions(&shared);
    host.shadow(2).unwrap();
    for number in 0..VERSIONS {
        let version = FilterChange::AddVersion(Box::new(upload(&format!("more {number}"))));
        host.keeper.change("bright", version, &ANY).unwrap();
    }
    let kept: Vec<u32> = host.keeper.versions("bright").unwrap().iter().map(|version| version.number).collect();
    assert_eq!((kept.len(), &kept[..2], host.runs()), (VERSIONS, &[1, 2][..], two()));
    let other = Host::start(&shared, "b");
    let patch = SettingsPatch { host: Some("b".to_owned()), ..SettingsPatch::default() };
    host.keeper.change("bright", FilterChange::Set(patch), &ANY).unwrap();
    assert_eq!(host.runs(), None);
    other.follow();
    assert_eq!(other.runs(), two());
    assert!(matches!(host.shadow(kept[VERSIONS - 1]), Err(FilterError::Conflict(_))));
}
