//! Commands whose reader goes away (`skysieve … | head`), or whose output can't be written.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use skysieve::kafka::EmbeddedBroker;
use skysieve_tests::{alerts, binary, module, text};

/// The code that a shell reports for a program that was ended by SIGPIPE.
const READER_GONE: i32 = 141;

/// Runs a command into a pipe from which some lines or none are read. Returns its status and what it printed on stderr.
fn into_head(arguments: &[&str], lines: usize) -> (ExitStatus, String) {
    let mut command = Command::new(binary());
    let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::with_capacity(1, child.stdout.take().unwrap());
    for _ in 0..lines {
        reader.read_line(&mut String::new()).unwrap();
    }
    drop(reader);
    let output = child.wait_with_output().unwrap();
    (output.status, text(&output.stderr))
}

#[track_caller]
fn is_quiet(arguments: &[&str], lines: usize, codes: &[i32]) {
    let (status, said) = into_head(arguments, lines);
    assert!(!said.contains("panicked") && !said.contains("error"), "{arguments:?}: {said}");
    assert!(status.code().is_some_and(|code| codes.contains(&code)), "{arguments:?}: {status}, {said}");
}

/// A folder with packets.
fn packets(folder: &Path) -> String {
    for alert in alerts(1, 20) {
        std::fs::write(folder.join(format!("{}.avro", alert.id)), alert.bytes).unwrap();
    }
    folder.to_str().unwrap().to_owned()
}

#[test]
fn commands_end_quietly_when_nobody_reads() {
    let folder = tempfile::tempdir().unwrap();
    let packets = packets(folder.path());
    let filter = module("lsst-bright");
    let filter = filter.to_str().unwrap();
    is_quiet(&["check", filter, &packets], 0, &[READER_GONE]);
    is_quiet(&["check", filter, "--json", &packets], 0, &[READER_GONE]);
    let project = folder.path().join("mine");
    is_quiet(&["new", project.to_str().unwrap()], 0, &[READER_GONE]);
    assert!(project.join("Cargo.toml").is_file(), "the project is there nevertheless");
    for command in ["demo", "new", "build", "check", "host", "produce", "consume"] {
        is_quiet(&[command, "--help"], 0, &[0]);
        is_quiet(&["help", command], 1, &[0]);
    }
}

#[test]
fn streams_end_quietly_when_nobody_reads() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("alerts", 1).unwrap();
    let brokers = ["--brokers", broker.brokers()];
    let visits = ["--topic", "alerts", "--simulate", "lsst", "--interval", "0", "--alerts-per-visit", "10"];
    let produce = |more: &[&'static str]| [&["produce"], &brokers[..], &visits, more].concat();
    is_quiet(&produce(&["--visits", "100000"]), 1, &[READER_GONE]);
    is_quiet(&produce(&["--visits", "100000", "--json"]), 1, &[READER_GONE]);
    let consume = |more: &[&'static str]| [&["consume", "alerts", "--from", "earliest"], &brokers[..], more].concat();
    is_quiet(&consume(&["--until-end"]), 0, &[0]);
    is_quiet(&consume(&["--json", "--until-end"]), 0, &[0]);
    is_quiet(&consume(&["--count", "--until-end"]), 0, &[0]);
}

#[test]
fn a_closed_stderr_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.avro"), "no packet").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let arguments = ["check".into(), module("lsst-bright"), folder.path().to_owned()];
    let output = Command::new(binary()).args(arguments).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
}

#[test]
fn a_full_disk_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let full = |arguments: &[&str]| {
        let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(binary()).args(arguments).stdout(full).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = full(&["new", folder.path().join("mine").to_str().unwrap()]);
    assert!(code == Some(1) && said.contains("cannot write to stdout") && !said.contains("panicked"), "{said}");
}
