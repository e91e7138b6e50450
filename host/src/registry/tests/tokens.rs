//! Tokens beside the filters, owners, and how much they may have.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Host, revision, upload};
use crate::access::{NewToken, Role, Token, TokenRecord};
use crate::filters::{Allowance, Control, Expected, FilterChange, FilterError, SettingsPatch, Upload};
use crate::registry::{Fault, Shared};

fn token(user: &str) -> (Token, TokenRecord) {
    let token = Token::new().unwrap();
    let new = NewToken { user: user.to_owned(), role: Role::Author, expires: None, note: String::new() };
    let record = new.record(&token, "operator", SystemTime::now()).unwrap();
    (token, record)
}

/// An upload by a user, who may have so many filters and bytes.
fn by(user: &str, module: &str, filters: usize, bytes: u64) -> Upload {
    let expected = Expected::OwnedBy(user.to_owned(), Box::default());
    Upload { by: user.to_owned(), allowance: Some(Allowance { filters, bytes }), expected, ..upload(module) }
}

#[test]
fn every_host_knows_a_token_until_it_is_revoked() {
    let shared = Arc::<Shared>::default();
    let (a, b) = (Host::start(&shared, "a"), Host::start(&shared, "b"));
    a.put("bright", "one");
    let (ada, record) = token("ada");
    a.keeper.tokens().add(record.clone()).unwrap();
    b.follow();
    let found = b.keeper.tokens().find(ada.id()).unwrap().unwrap();
    assert!(found.hash.matches(ada.text()) && found.user == "ada");
    assert!(matches!(b.keeper.tokens().add(record), Err(FilterError::Conflict(_))));
    // Neither a filter nor garbage.
    for host in [&a, &b] {
        let health = host.keeper.health().registry.unwrap();
        assert_eq!((health.unreadable, health.refused), (Vec::<String>::new(), Vec::new()));
    }
    assert_eq!((a.keeper.list().len(), b.keeper.list().len()), (1, 0));
    let started = Host::start(&shared, "c");
    assert_eq!(started.keeper.tokens().list().unwrap().len(), 1);
    b.keeper.tokens().revoke(ada.id()).unwrap();
    for host in [&a, &started] {
        host.follow();
        assert!(host.keeper.tokens().find(ada.id()).unwrap().is_none());
        assert!(matches!(host.keeper.tokens().revoke(ada.id()), Err(FilterError::NoToken(_))));
    }
    assert!(Host::start(&shared, "d").keeper.tokens().list().unwrap().is_empty());
}

#[test]
fn a_token_that_was_answered_is_there_and_filters_are_written_beside_it() {
    let shared = Arc::<Shared>::default();
    let host = Host::start(&shared, "a");
    let tokens = host.keeper.tokens();
    for fault in [Fault::Lost, Fault::Unanswered] {
        let (ada, record) = token("ada");
        shared.fail(&[fault]);
        tokens.add(record).unwrap();
        assert_eq!(revision(&host.put("bright", ada.id())).0, if fault == Fault::Lost { 1 } else { 2 });
        shared.fail(&[fault]);
        tokens.revoke(ada.id()).unwrap();
        assert!(tokens.find(ada.id()).unwrap().is_none());
    }
    assert!(Host::start(&shared, "b").keeper.tokens().list().unwrap().is_empty());
}

#[test]
fn what_is_no_token_is_left_alone_and_named() {
    let shared = Arc::<Shared>::default();
    Host::start(&shared, "a").put("bright", "one");
    let (ada, record) = token("ada");
    let json = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = serde_json::to_value(&record).unwrap();
        change(&mut json);
        json.to_string()
    };
    let key = format!("@token/{}", ada.id());
    let newer = json(&|json| json["format"] = 2.into());
    let cases = [
        (key.as_str(), newer.clone()),
        ("@token/000000000000", json(&|_| ())),
        ("@token/000000000001", json(&|json| json["hash"] = "00".into())),
        ("@token/000000000002", "{}".to_owned()),
        (ada.id(), json(&|_| ())),
        ("@else/000000000003", json(&|_| ())),
    ];
    for (key, value) in &cases {
        shared.write(key.as_bytes(), Some(value.as_bytes()));
    }
    let host = Host::start(&shared, "a");
    let unreadable = host.keeper.health().registry.unwrap().unreadable;
    assert_eq!(unreadable.len(), cases.len(), "{unreadable:?}");
    assert!(host.keeper.tokens().list().unwrap().is_empty() && host.running("bright").is_some());
    // What a newer program has written is not changed.
    assert!(matches!(host.keeper.tokens().add(record.clone()), Err(FilterError::Conflict(_))));
    assert!(!unreadable.join("").contains(&String::from(record.hash.clone())));
}

#[test]
fn a_name_that_has_become_another_s_is_not_changed() {
    let host = Host::start(&Arc::default(), "a");
    let owned_by = |user: &str| Expected::OwnedBy(user.to_owned(), Box::default());
    assert_eq!(host.keeper.put("bright", by("ada", "one", 9, 99)).unwrap().registered.unwrap().owner, "ada");
    let refused = host.keeper.put("bright", by("bob", "two", 9, 99));
    assert!(matches!(refused, Err(FilterError::Taken(_))), "{refused:?}");
    let changes = [
        FilterChange::Pause,
        FilterChange::Delete,
        FilterChange::Activate { version: 1, force: false },
        FilterChange::Set(SettingsPatch { quota: Some(Some(3)), ..SettingsPatch::default() }),
        FilterChange::AddVersion(Box::new(upload("two"))),
    ];
    for change in changes {
        let refused = host.keeper.change("bright", change, &owned_by("bob"));
        assert!(matches!(refused, Err(FilterError::Taken(_))), "{refused:?}");
    }
    assert_eq!(revision(&host.keeper.get("bright").unwrap()).0, 1);
    let give = |owner: &str| {
        let patch = SettingsPatch { owner: Some(owner.to_owned()), ..SettingsPatch::default() };
        host.keeper.change("bright", FilterChange::Set(patch), &Expected::Anything)
    };
    assert!(matches!(give("b o b"), Err(FilterError::Refused(_))));
    let activations = host.activations();
    assert_eq!(give("bob").unwrap().registered.unwrap().owner, "bob");
    assert_eq!(host.activations(), activations);
    assert!(matches!(host.keeper.put("bright", by("ada", "two", 9, 99)), Err(FilterError::Taken(_))));
    assert!(host.keeper.change("bright", FilterChange::Delete, &owned_by("bob")).is_ok());
    // Then the name is free.
    host.keeper.put("bright", by("ada", "two", 9, 99)).unwrap();
}

#[test]
fn users_have_so_many_filters_and_bytes_whichever_host_they_ask() {
    let shared = Arc::<Shared>::default();
    let (a, b) = (Host::start(&shared, "a"), Host::start(&shared, "b"));
    let over = |result: Result<_, FilterError>| matches!(result, Err(FilterError::OverLimit(_)));
    a.keeper.put("one", by("ada", "0123456789", 2, 25)).unwrap();
    b.keeper.put("two", by("ada", "0123456789", 2, 25)).unwrap();
    assert!(over(a.keeper.put("three", by("ada", "0123456789", 2, 25))));
    a.keeper.put("three", by("bob", "0123456789", 2, 25)).unwrap();
    // What is shared counts once.
    b.keeper.put("one", by("ada", "another ten", 2, 25)).unwrap();
    assert!(over(a.keeper.put("two", by("ada", "the third one", 2, 25))));
    let version = FilterChange::AddVersion(Box::new(by("ada", "the third one", 2, 25)));
    assert!(over(a.keeper.change("two", version, &Expected::Anything)));
    assert!(!shared.pieces().iter().any(|piece| piece.starts_with(&crate::filters::hash(b"the third one"))));
    // What is there stays if the limit is lowered, and what adds nothing is not refused.
    a.keeper.put("two", by("ada", "0123456789", 0, 0)).unwrap();
    let patch = SettingsPatch { quota: Some(Some(3)), ..SettingsPatch::default() };
    a.keeper.change("two", FilterChange::Set(patch), &Expected::Anything).unwrap();
    a.keeper.delete("one").unwrap();
    b.keeper.put("two", by("ada", "the third one", 2, 25)).unwrap();
    a.keeper.put("four", upload(&"x".repeat(1000))).unwrap();
}
