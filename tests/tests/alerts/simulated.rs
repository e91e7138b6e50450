//! Simulated alerts as read by astronomers' own tools and by the examples.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use skysieve_simulate::{Config, Population, SimulatedAlert, Simulator, Survey};
use skysieve_tests::{module, python, root, shared, skysieve, text};

/// Alerts of two visits of a survey that are 12 minutes apart.
fn alerts(survey: Survey, stamps: bool, alerts_per_visit: usize) -> Vec<SimulatedAlert> {
    let config = |skip| Config { seed: 7, skip, stamps, ..Config::default() };
    [0, 18].iter().flat_map(|&skip| Simulator::new(survey, config(skip)).visit(alerts_per_visit)).collect()
}

fn write(folder: &Path, alerts: &[SimulatedAlert]) {
    for alert in alerts {
        std::fs::write(folder.join(format!("{}.avro", alert.id)), &alert.bytes).unwrap();
    }
}

/// Real packets of the version that is simulated, if they are on this machine.
fn real_ztf() -> Vec<PathBuf> {
    let names = ["2695378462115010012.avro", "ztf_20250302_programid1_ZTF17aaarzyp_2982177112815010003.v4_02.avro"];
    shared().map_or_else(Vec::new, |shared| names.map(|name| shared.join("alerts/ztf/packets").join(name)).into())
}

#[test]
fn python_reads_what_is_made() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut index = Vec::new();
    for (survey, name) in [(Survey::Lsst, "lsst"), (Survey::Ztf, "ztf")] {
        let alerts = alerts(survey, true, 150);
        write(folder.path(), &alerts);
        index.extend(alerts.iter().map(|alert| {
            let population = format!("{:?}", alert.population);
            json!({"survey": name, "file": format!("{}.avro", alert.id), "id": alert.id, "population": population})
        }));
    }
    std::fs::write(folder.path().join("index.json"), Value::from(index).to_string()).unwrap();
    let output = Command::new(python)
        .arg(root().join("tests/python/simulated.py"))
        .arg(folder.path())
        .arg(root().join("schema/lsst/lsst.v11_1.alert.avsc"))
        .args(real_ztf())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |survey: &str, what: &str| seen[survey][what].as_u64().unwrap();
    for survey in ["lsst", "ztf"] {
        assert_eq!(count(survey, "alerts"), 300);
        assert!((20..100).contains(&count(survey, "asteroids")), "{seen}");
        assert!(count(survey, "measured") > 50, "{seen}");
    }
    assert!(count("lsst", "previous") == 60 && count("lsst", "forced") > 90, "{seen}");
    assert!(count("ztf", "previous") > 10 && count("ztf", "limits") > 15 && count("ztf", "forced") > 15, "{seen}");
}

#[test]
fn the_examples_find_what_they_look_for_in_ztf() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = alerts(Survey::Ztf, false, 400);
    write(folder.path(), &alerts);
    let of: BTreeMap<String, Population> =
        alerts.iter().map(|alert| (alert.id.to_string(), alert.population)).collect();
    for filter in ["asteroid", "bright", "clean", "cone", "new", "rising", "transient"] {
        let output =
            skysieve(["check".as_ref(), module(filter).as_os_str(), "--json".as_ref(), folder.path().as_ref()]);
        assert!(output.status.success(), "{filter}: {}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["alerts"], &report["faults"]), (&800.into(), &json!([])), "{filter}");
        let accepted: Vec<Population> =
            report["accepted"].as_array().unwrap().iter().map(|id| of[id.as_str().unwrap()]).collect();
        assert!((5..700).contains(&accepted.len()), "{filter} accepts {} of 800", accepted.len());
        let all = |population| of.values().filter(|of| **of == population).count();
        let found = |population| accepted.iter().filter(|of| **of == population).count();
        match filter {
            "asteroid" => assert_eq!(
                (found(Population::Asteroid), accepted.len()),
                (all(Population::Asteroid), all(Population::Asteroid))
            ),
            "clean" => assert_eq!(found(Population::Artefact), 0),
            "new" => assert_eq!(found(Population::Artefact), all(Population::Artefact)),
            "rising" | "transient" => {
                assert!(found(Population::Supernova) > 3, "{filter} finds too few supernovae");
                assert_eq!(found(Population::Artefact) + found(Population::Asteroid), 0, "{filter}");
            }
            _ => {}
        }
        eprintln!("{filter}: {} of 800", accepted.len());
    }
}
