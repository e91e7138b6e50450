//! An alert is as fastavro gives it: nulls, null arrays and empty ones are told apart, and random programs come to the same.
//!
//! `SKYSIEVE_TEST_PROGRAMS=300` runs as many random programs (6 otherwise).

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};
use skysieve_tests::{output, python, root, runners, text};

use super::{report, written};

/// Shows what an alert has in a form that tells everything apart.
const PROGRAM: &str = r#"
def filter(alert):
    history = alert["prv_candidates"]
    limits = history if history is None else [None if p["magpsf"] is None else p["fid"] for p in history]
    cutout = alert["cutoutScience"]
    stamp = cutout if cutout is None else cutout["stampData"]
    now = alert["candidate"]
    return {"limits": repr(limits), "name": repr(now["ssnamenr"]), "id": repr(alert["candid"]),
            "stamp": repr(stamp), "count": str(len(history or [])), "star": repr(now.get("sgscore1"))}
"#;

/// Runs one of the scripts in Python, which must succeed.
fn run(python: &Path, script: &str, arguments: &[&str]) -> String {
    let script = root().join("tests/python").join(script);
    let output = output(Command::new(python).arg(script).args(arguments));
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Alerts with all kinds of nulls, and what is needed to judge them.
struct Comparison {
    python: PathBuf,
    runners: PathBuf,
    folder: tempfile::TempDir,
}

impl Comparison {
    fn new() -> Option<Comparison> {
        let (runners, python, folder) = (runners()?, python()?, tempfile::tempdir().unwrap());
        run(&python, "natively.py", &["make", folder.path().to_str().unwrap()]);
        Some(Comparison { python, runners, folder })
    }

    /// Compares the annotations of all alerts.
    fn compare(&self, program: &Path) {
        let folder = self.folder.path().to_str().unwrap();
        let natively = run(&self.python, "natively.py", &["run", program.to_str().unwrap(), folder]);
        let natively: Value = serde_json::from_str(&natively).unwrap();
        let report = report(&self.runners, program, &[folder]);
        let said = std::fs::read_to_string(program).unwrap();
        assert_eq!(report["faults"], Value::Array(vec![]), "{said}");
        let accepted = report["accepted_alerts"].as_array().unwrap();
        assert_eq!(accepted.len(), natively.as_object().unwrap().len(), "{said}");
        for alert in accepted {
            let pairs = alert["annotations"].as_array().unwrap().iter();
            let found: Map<String, Value> =
                pairs.map(|pair| (pair["name"].as_str().unwrap().to_owned(), pair["value"].clone())).collect();
            let id = alert["id"].as_str().unwrap();
            assert_eq!(Value::Object(found), natively[id], "{id}: {said}");
        }
    }
}

#[test]
fn an_alert_is_as_fastavro_gives_it() {
    let Some(comparison) = Comparison::new() else { return };
    let (_folder, file) = written(PROGRAM);
    comparison.compare(&file);
}

#[test]
fn random_programs_come_to_the_same() {
    let Some(comparison) = Comparison::new() else { return };
    let count = std::env::var("SKYSIEVE_TEST_PROGRAMS").map_or(6, |count| count.parse().unwrap());
    for seed in 0..count {
        let (_folder, file) = written("");
        run(&comparison.python, "random_programs.py", &[&format!("{seed}"), file.to_str().unwrap()]);
        comparison.compare(&file);
    }
}
