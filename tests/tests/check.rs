//! `skysieve check` as an astronomer meets it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use skysieve_tests::{alerts, module, shared, skysieve, text};

/// Runs `check --json`; the exit code and the object.
fn check(filter: &str, config: &str, paths: &[PathBuf]) -> (i32, Value) {
    let mut arguments = vec!["check".into(), module(filter).into_os_string(), "--json".into()];
    if !config.is_empty() {
        arguments.extend(["--config".into(), config.into()]);
    }
    arguments.extend(paths.iter().map(|path| path.clone().into_os_string()));
    let output = skysieve(arguments);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)));
    (output.status.code().expect("it ended by itself"), report)
}

/// A folder of simulated packets, one a file, and their ids.
fn packets(count: usize) -> (tempfile::TempDir, Vec<i64>) {
    let folder = tempfile::tempdir().unwrap();
    let alerts = alerts(1, count);
    for alert in &alerts {
        std::fs::write(folder.path().join(format!("{}.avro", alert.id)), &alert.bytes).unwrap();
    }
    (folder, alerts.iter().map(|alert| alert.id).collect())
}

fn ids(report: &Value) -> Vec<i64> {
    let ids = report["accepted"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().expect("ids are strings").parse().unwrap()).collect()
}

#[test]
fn the_examples_accept_the_reference_ids() {
    let Some(shared) = shared() else { return };
    let reference: BTreeMap<String, Vec<i64>> =
        serde_json::from_slice(&std::fs::read(shared.join("reference/accepted.json")).unwrap()).unwrap();
    assert_eq!(reference.len(), 7);
    let paths = ["visits", "packets"].map(|folder| shared.join("alerts/ztf").join(folder));
    for (filter, expected) in reference {
        let (code, report) = check(&filter, "", &paths);
        assert_eq!(ids(&report), expected, "{filter}");
        assert_eq!((code, &report["alerts"], &report["consistent"]), (0, &538.into(), &true.into()), "{filter}");
    }
}

#[test]
fn one_filter_reads_lsst_alerts_of_many_versions() {
    let Some(shared) = shared() else { return };
    let (code, report) = check("lsst-bright", "", &[shared.join("alerts/lsst/wire")]);
    assert_eq!((code, &report["alerts"]), (0, &11.into()), "{report}");
    assert_eq!(report["faults"], Value::Array(vec![]));
}

#[test]
fn broken_packets_are_named_and_the_others_judged() {
    let Some(shared) = shared() else { return };
    let paths = ["malformed", "packets"].map(|folder| shared.join("alerts/ztf").join(folder));
    let (code, report) = check("bright", "", &paths);
    let broken = report["undecodable"].as_array().unwrap();
    assert_eq!((code, broken.len(), &report["alerts"]), (1, 8, &39.into()));
    for packet in broken {
        assert!(packet["path"].as_str().unwrap().contains("malformed"), "{packet}");
        assert!(!packet["error"].as_str().unwrap().is_empty());
    }
}

#[test]
fn everything_seen_is_accounted_for() {
    let (folder, all) = packets(300);
    let (code, report) = check("odd", "mode = 'annotate'\nevery = 3", &[folder.path().into()]);
    let expected: Vec<i64> = all.iter().copied().filter(|id| id % 3 == 0).collect();
    assert_eq!((code, ids(&report)), (0, expected.clone()));
    assert_eq!(report["rejected"], 300 - expected.len() as u64);
    let visit = &report["visits"][0];
    assert_eq!((&visit["seen"], &visit["accepted"]), (&300.into(), &expected.len().into()));
    assert_eq!(visit["over_quota"], expected.len() as u64 - 20);
    let fuel = &report["fuel"];
    assert!(0 < fuel["min"].as_u64().unwrap() && fuel["max"].as_u64().unwrap() < fuel["limit"].as_u64().unwrap());
    assert_eq!(report["filter"]["fields"][0]["paths"][0], "diaSourceId");
}

#[test]
fn a_filter_that_remembers_is_caught() {
    let (folder, _) = packets(40);
    let (code, report) = check("odd", "mode = 'remember'", &[folder.path().into()]);
    assert_eq!((code, &report["consistent"]), (1, &false.into()));
}

#[test]
fn uneven_costs_change_no_verdict() {
    let (folder, all) = packets(300);
    let (code, report) = check("odd", "mode = 'uneven'", &[folder.path().into()]);
    assert_eq!((code, ids(&report).len(), &report["consistent"]), (0, all.len(), &true.into()));
}

#[test]
fn only_the_culprits_fault() {
    let (folder, all) = packets(300);
    for (mode, kind) in [("panic", "trap"), ("spin", "fuel"), ("hoard", "memory"), ("error", "error")] {
        let (code, report) = check("odd", &format!("mode = '{mode}'\nevery = 50"), &[folder.path().into()]);
        let mut faulted: Vec<i64> = Vec::new();
        for fault in report["faults"].as_array().unwrap() {
            assert_eq!(fault["kind"], kind, "{mode}: {fault}");
            faulted.push(fault["id"].as_str().unwrap().parse().unwrap());
        }
        faulted.sort_unstable();
        let expected: Vec<i64> = all.iter().copied().filter(|id| id % 50 == 0).collect();
        assert_eq!((code, faulted), (1, expected), "{mode}");
        assert_eq!(report["rejected"], 300 - report["faults"].as_array().unwrap().len() as u64, "{mode}");
    }
}

#[test]
fn gzip_and_threads_make_no_difference() {
    let (folder, all) = packets(200);
    let gzipped = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let target = gzipped.path().join(path.file_name().unwrap()).with_extension("avro.gz");
        let gzip = std::process::Command::new("gzip").arg("-c").arg(&path).output().unwrap();
        std::fs::write(target, gzip.stdout).unwrap();
    }
    for jobs in ["1", "3"] {
        let output = skysieve([
            "check".as_ref(),
            module("odd").as_os_str(),
            "--config=mode = 'accept'".as_ref(),
            "--json".as_ref(),
            "--jobs".as_ref(),
            jobs.as_ref(),
            gzipped.path().as_os_str(),
        ]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(ids(&report), all);
    }
}

#[test]
fn a_path_that_the_alerts_lack_is_told_with_its_neighbours() {
    let (folder, _) = packets(3);
    let (code, report) = check("bright", "", &[folder.path().into()]);
    let faults = report["faults"].as_array().unwrap();
    assert_eq!((code, faults.len()), (1, 3));
    assert_eq!(faults[0]["kind"], "field");
    let message = faults[0]["message"].as_str().unwrap();
    assert!(message.contains("candidate.magpsf") && message.contains("lsst.v11_1.alert"), "{message}");
}

#[test]
fn wrong_usage_says_what_to_do() {
    let run = |arguments: &[&Path]| {
        let output = skysieve(std::iter::once(Path::new("check")).chain(arguments.iter().copied()));
        (output.status.code(), text(&output.stderr))
    };
    let (empty, odd) = (tempfile::tempdir().unwrap(), module("odd"));
    let (code, error) = run(&[&odd]);
    assert_eq!(code, Some(2));
    assert!(error.contains("PATH"), "{error}");
    let (code, error) = run(&[&odd, empty.path()]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no packets"), "{error}");
    let (code, error) = run(&["nowhere.wasm".as_ref(), empty.path()]);
    assert_eq!(code, Some(2), "{error}");
    let (folder, _) = packets(1);
    let (code, error) = run(&[&odd, "--config=mood = 'x'".as_ref(), folder.path()]);
    assert_eq!(code, Some(1));
    assert!(error.contains("mood") && error.contains("odd.wasm"), "{error}");
}
