//! Filters in Python, from their text to their verdicts.

mod abuse;
mod alike;
mod errors;
mod measured;
mod nulls;
mod same;
mod uploads;

use std::path::{Path, PathBuf};

use serde_json::Value;
use skysieve_tests::{check_text, root, text};

/// An example in Python.
fn example(name: &str) -> PathBuf {
    root().join("examples/python").join(name).with_extension("py")
}

/// The report of a check, which must have been possible.
#[track_caller]
fn report(runners: &Path, program: &Path, more: &[&str]) -> Value {
    let output = check_text(runners, program, more);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", program.display(), text(&output.stderr)))
}

/// Writes a program to a file in a new folder.
fn written(program: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.py");
    std::fs::write(&file, program).unwrap();
    (folder, file)
}

/// The report of a check of this program on simulated alerts of ZTF.
#[track_caller]
fn on_ztf(runners: &Path, program: &str, more: &[&str]) -> Value {
    let (_folder, file) = written(program);
    report(runners, &file, &[&["--simulate", "ztf", "--alerts", "40"], more].concat())
}

/// Why the program is refused.
#[track_caller]
fn refusal(runners: &Path, program: &str, more: &[&str]) -> String {
    let (_folder, file) = written(program);
    let output = check_text(runners, &file, [&["--simulate", "ztf", "--alerts", "5"], more].concat());
    assert!(!output.status.success(), "{program}: {}", text(&output.stdout));
    text(&output.stderr)
}

/// The reasons of the faults, each once.
fn faults(report: &Value) -> Vec<&str> {
    let mut reasons: Vec<&str> =
        report["faults"].as_array().unwrap().iter().map(|fault| fault["message"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}
