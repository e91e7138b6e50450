//! Filters in Python accept what others do that look for the same.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use skysieve_tests::{module, runners, shared, skysieve, text};

use super::{example, report};

const ZTF: [&str; 7] = ["asteroid", "bright", "clean", "cone", "new", "rising", "transient"];
const LSST: [&str; 5] = ["lsst-bright", "lsst-cone", "lsst-moving", "lsst-new", "lsst-rising"];

fn ids(report: &Value) -> Vec<i64> {
    let ids = report["accepted"].as_array().unwrap().iter();
    let mut ids: Vec<i64> = ids.map(|id| id.as_str().unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// Both forms of an example, on the same alerts.
fn both_forms(runners: &Path, name: &str, more: &[&str]) -> [Vec<i64>; 2] {
    [name.to_owned(), format!("named/{name}")].map(|name| {
        let report = report(runners, &example(&name), more);
        assert_eq!((&report["faults"], &report["consistent"]), (&Value::Array(vec![]), &true.into()), "{name}");
        assert_eq!(report["warnings"], Value::Array(vec![]), "{name}");
        ids(&report)
    })
}

/// What the example in Rust accepts.
fn in_rust(name: &str, more: &[&str]) -> Vec<i64> {
    let module = module(name);
    let arguments = ["check".as_ref(), module.as_os_str(), "--json".as_ref()];
    let output = skysieve(arguments.into_iter().chain(more.iter().map(std::ffi::OsStr::new)));
    ids(&serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr))))
}

#[test]
fn real_alerts_are_accepted_as_by_the_reference() {
    let (Some(runners), Some(shared)) = (runners(), shared()) else { return };
    let text = std::fs::read_to_string(shared.join("reference/accepted.json")).unwrap();
    let expected: BTreeMap<String, Vec<i64>> = serde_json::from_str(&text).unwrap();
    let folders = ["visits", "packets"].map(|folder| shared.join("alerts/ztf").join(folder).display().to_string());
    for name in ZTF {
        let mut expected = expected[name].clone();
        expected.sort_unstable();
        let forms = both_forms(&runners, name, &folders.each_ref().map(String::as_str));
        assert!(forms.iter().all(|form| *form == expected), "{name}");
    }
}

#[test]
fn simulated_alerts_of_ztf_are_accepted_as_in_rust() {
    let Some(runners) = runners() else { return };
    let alerts = ["--simulate", "ztf", "--alerts", "300"];
    for name in ZTF {
        let expected = in_rust(name, &alerts);
        assert!(both_forms(&runners, name, &alerts).iter().all(|form| *form == expected), "{name}");
        assert!(!expected.is_empty(), "{name}");
    }
}

#[test]
fn alerts_of_lsst_are_accepted_as_in_rust() {
    let Some(runners) = runners() else { return };
    let alerts = std::env::var("SKYSIEVE_TEST_ALERTS").unwrap_or_else(|_| "400".to_owned());
    for name in LSST {
        let mut all = vec![vec!["--simulate".to_owned(), "lsst".to_owned(), "--alerts".to_owned(), alerts.clone()]];
        all.extend(shared().map(|shared| vec![shared.join("alerts/lsst/wire").display().to_string()]));
        for alerts in all {
            let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
            let report = report(&runners, &example(name), &alerts);
            assert_eq!(report["faults"], Value::Array(vec![]), "{name}");
            assert_eq!(ids(&report), in_rust(name, &alerts), "{name}");
        }
    }
}
