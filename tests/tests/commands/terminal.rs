//! Filters of a running host, from a terminal: uploaded, listed, changed and removed.

use std::process::{Command, Stdio};

use serde_json::Value;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, unique, wait_for};
use skysieve_tests::setup::{ALL, Setup, packets};
use skysieve_tests::{alerts, binary, module, skysieve, text};

/// A host that reads a topic, and what `skysieve` prints about it.
pub(super) struct Terminal {
    pub(super) host: Host,
    pub(super) topic: String,
    pub(super) brokers: String,
    _setup: Setup,
}

impl Terminal {
    pub(super) fn start() -> Option<Terminal> {
        let (brokers, topic, setup) = (kafka()?, unique("terminal"), Setup::new("terminal", &[ALL]));
        create_topic(&brokers, &topic, 1);
        let host = setup.start(&brokers, &topic, &[]);
        host.await_reading();
        Some(Terminal { host, topic, brokers, _setup: setup })
    }

    /// Runs a command, and returns its exit code, and what it printed on stdout and stderr.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = skysieve(arguments.iter().copied().chain(["--server", self.host.url()]));
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// What a command prints that has to succeed.
    #[track_caller]
    pub(super) fn print(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        out
    }

    #[track_caller]
    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.print(&[arguments, &["--json"]].concat())).unwrap()
    }

    pub(super) fn upload(&self, more: &[&str]) -> String {
        let odd = module("odd");
        self.print(&[&["upload", odd.to_str().unwrap(), "--name", "mine"], more].concat())
    }

    /// Sends alerts, and waits until a filter has judged `seen` in all.
    pub(super) fn send(&self, count: usize, filter: &str, seen: u64) {
        feed(&mut feeder(&self.brokers, &self.topic, 1), 1, packets(&alerts(1, count)));
        wait_for("alerts", || self.host.filter(filter)["counts"]["seen"] == seen);
    }
}

#[test]
fn from_an_upload_to_a_rollback() {
    let Some(terminal) = Terminal::start() else { return };
    let Terminal { host, .. } = &terminal;
    assert!(terminal.upload(&["--config", "mode = 'accept'", "--activate"]).starts_with("mine: version 1 is active"));
    terminal.send(30, "mine", 30);
    let list = terminal.print(&["filters", "list"]);
    let line = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{list}"));
    assert!(line("mine ").contains("active") && line("mine ").contains("30"), "{list}");
    assert!(line("all ").contains("active"), "{list}");

    // A version that is not active changes nothing.
    let said = terminal.upload(&["--config", "mode = 'accept'", "--set", "every=3", "--note", "fewer"]);
    assert!(said.contains("2 versions are kept") && said.contains("activate mine"), "{said}");
    assert_eq!(host.filter("mine")["registered"]["version"], 1);
    assert!(terminal.print(&["filters", "activate", "mine", "2"]).contains("active, version 2"));
    let versions = terminal.json(&["filters", "versions", "mine"]);
    let numbers: Vec<_> = versions.as_array().unwrap().iter().map(|version| &version["number"]).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!((&versions[1]["note"], &versions[1]["active"]), (&"fewer".into(), &true.into()), "{versions}");
    assert_eq!(host.filter("mine")["settings"]["config"], "every = 3\nmode = \"accept\"\n");
    assert!(terminal.print(&["filters", "versions", "mine"]).contains("fewer"));
    assert!(terminal.print(&["filters", "rollback", "mine"]).contains("active, version 1"));
    let (code, _, err) = terminal.run(&["filters", "rollback", "mine"]);
    assert!(code == 1 && err.contains("no version before"), "{err}");

    assert!(terminal.print(&["filters", "pause", "mine"]).contains("paused"));
    assert!(terminal.print(&["filters", "show", "mine"]).contains("state        paused"));
    assert!(terminal.print(&["filters", "resume", "mine"]).contains("active"));
    assert!(terminal.print(&["filters", "delete", "mine"]).contains("deleted"));
    let (code, _, err) = terminal.run(&["filters", "show", "mine"]);
    assert!(code == 1 && err.contains("there is no filter \"mine\""), "{err}");
}

#[test]
fn faults_are_shown_and_followed() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.upload(&["--config", "mode = 'panic'", "--activate"]);
    terminal.send(1, "mine", 1);
    let faults = terminal.print(&["filters", "faults", "mine"]);
    let count = |text: &str| text.lines().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(count(&faults), 1, "{faults}");
    let arguments = ["filters", "faults", "mine", "--follow", "--server", terminal.host.url()];
    let follower = Command::new(binary()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    terminal.send(2, "mine", 3);
    std::thread::sleep(std::time::Duration::from_secs(4));
    let end = Command::new("kill").args(["-s", "INT", &follower.id().to_string()]).status().unwrap();
    let output = follower.wait_with_output().unwrap();
    assert!(end.success() && output.status.success(), "{:?}", output.status);
    assert_eq!(count(&text(&output.stdout)), 3, "{}", text(&output.stdout));
}

#[test]
fn all_settings_of_a_file_arrive() {
    let Some(terminal) = Terminal::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let limits = "[limits]\nfuel = 1000000\nmemory = 8388608\ndeadline_ms = 100";
    std::fs::write(&file, format!("quota = 7\ncpu_share = 0.01\n[config]\nmode = 'accept'\n{limits}")).unwrap();
    terminal.upload(&["--config-file", file.to_str().unwrap(), "--set", "every=3", "--activate"]);
    let settings = terminal.host.filter("mine")["settings"].take();
    assert_eq!((&settings["quota"], &settings["cpu_share"]), (&7.into(), &0.01.into()), "{settings}");
    let limits = serde_json::json!({"fuel": 1_000_000, "memory": 8 << 20, "deadline_ms": 100});
    assert_eq!(settings["limits"], limits, "{settings}");
    let mut config: Vec<&str> = settings["config"].as_str().unwrap().lines().collect();
    config.sort_unstable();
    assert_eq!(config, ["every = 3", "mode = \"accept\""]);
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let Some(terminal) = Terminal::start() else { return };
    let odd = module("odd");
    let odd = odd.to_str().unwrap();
    for (arguments, code, says) in [
        (&["upload", odd, "--name", "../etc", "--activate"][..], 2, "\"../etc\" is not a filter's name"),
        (&["upload", "/no/such.wasm", "--activate"], 1, "cannot read /no/such.wasm"),
        (&["upload", odd, "--name", "mine", "--set", "every"], 2, "--set \"every\" is not KEY=VALUE"),
        (
            &["upload", odd, "--name", "mine", "--config", "mode = 'nothing of the sort'", "--activate"],
            1,
            "nothing of the sort",
        ),
        (&["upload", odd, "--name", "all", "--activate"], 1, "folder"),
        (&["filters", "activate", "mine", "1"], 1, "there is no filter \"mine\""),
        (&["filters", "delete", "all"], 1, "folder"),
    ] {
        let (got, out, err) = terminal.run(arguments);
        assert!(got == code && out.is_empty() && err.contains(says), "{arguments:?}: {got} {out} {err}");
    }
    let filters = terminal.json(&["filters", "list"]);
    assert_eq!(filters.as_array().unwrap().len(), 1, "{filters}");
    let output = skysieve(["filters", "list", "--server", "http://127.0.0.1:1"]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("no host answers at http://127.0.0.1:1"));
}

#[test]
fn shells_complete_and_man_shows_pages() {
    let complete = skysieve(["completions", "bash"]);
    assert!(complete.status.success() && text(&complete.stdout).contains("rollback"));
    let folder = tempfile::tempdir().unwrap();
    assert!(skysieve(["man", folder.path().to_str().unwrap()]).status.success());
    for page in ["skysieve.1", "skysieve-host.1", "skysieve-filters-rollback.1"] {
        let page = std::fs::read_to_string(folder.path().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(page.contains(".SH NAME"), "{page}");
    }
    assert!(!folder.path().join("skysieve-compile-module.1").exists());
}
