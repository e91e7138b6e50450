//! `skysieve demo` runs the whole system, and its accounting adds up.

use std::path::Path;

use skysieve_tests::{modules, shared, skysieve, text};

fn demo(arguments: &[&Path]) -> String {
    let modules = modules();
    let fixed = ["demo".as_ref(), "--modules".as_ref(), modules.as_path(), "--interval=0".as_ref()];
    let output = skysieve(fixed.iter().chain(arguments));
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("everything adds up"), "{said}");
    said
}

#[test]
fn simulated_visits_add_up() {
    let said = demo(&["--visits=2".as_ref(), "--alerts-per-visit=500".as_ref(), "--filters=20".as_ref()]);
    assert!(said.contains("1000 alerts") && said.contains("seen 20000 = "), "{said}");
}

#[test]
fn real_packets_add_up() {
    let Some(shared) = shared() else { return };
    let visits = shared.join("alerts/ztf/visits");
    let said = demo(&["--filters=100".as_ref(), "--packets".as_ref(), &visits]);
    assert!(said.contains("499 alerts") && said.contains("seen 49900 = "), "{said}");
}

#[test]
fn modules_that_are_missing_are_named() {
    let output = skysieve(["demo", "--modules", "/no/such/folder"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("/no/such/folder") && error.contains("make filters"), "{error}");
}
