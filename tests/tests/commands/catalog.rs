//! Predefined filters and profiles, from a terminal, on a running host.

use std::process::{Command, Output};

use serde_json::{Value, json};
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, unique, wait_for};
use skysieve_tests::setup::{ALL, Setup, packets};
use skysieve_tests::{alerts, binary, module, modules, skysieve, text};

/// A host with the examples as predefined filters, and a profile `here` that names it.
struct Predefined {
    host: Host,
    topic: String,
    brokers: String,
    folder: tempfile::TempDir,
    _setup: Setup,
}

impl Predefined {
    fn start() -> Option<Predefined> {
        let (brokers, topic, setup) = (kafka()?, unique("catalog"), Setup::new("catalog", &[ALL]));
        create_topic(&brokers, &topic, 1);
        let modules = modules();
        let host = setup.start(&brokers, &topic, &["--catalog", modules.to_str().unwrap()]);
        host.await_reading();
        let folder = tempfile::tempdir().unwrap();
        let profiles = format!("[profile.here]\nserver = \"{}\"\ntoken_file = \"my.token\"\n", host.url());
        std::fs::write(folder.path().join("config.toml"), profiles).unwrap();
        std::fs::write(folder.path().join("my.token"), "sky_not_asked_for").unwrap();
        Some(Predefined { host, topic, brokers, folder, _setup: setup })
    }

    /// Runs a command that knows the host from the user's profiles alone.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(arguments).env("SKYSIEVE_PROFILES", self.folder.path().join("config.toml"));
        command.env_remove("SKYSIEVE_SERVER").env_remove("SKYSIEVE_TOKEN").env_remove("SKYSIEVE_TOKEN_FILE");
        command.output().unwrap()
    }

    #[track_caller]
    fn print(&self, arguments: &[&str]) -> String {
        let output = self.run(&[arguments, &["--profile", "here"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(&[arguments, &["--profile", "here"]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }
}

fn find<'a>(entries: &'a Value, name: &str) -> &'a Value {
    entries.as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap()
}

#[test]
fn a_predefined_filter_judges_what_its_parameters_say() {
    let Some(predefined) = Predefined::start() else { return };
    let entries: Value = serde_json::from_str(&predefined.print(&["catalog", "--json"])).unwrap();
    let bright = find(&entries, "lsst-bright");
    assert_eq!((&bright["survey"], &bright["fields"][0]), (&json!("LSST"), &json!("diaSource.psfFlux")), "{bright}");
    let magnitude = json!({"name": "magnitude", "kind": "number", "default": 22.0, "required": false,
        "description": "The limit, as an AB magnitude; smaller is brighter."});
    assert_eq!(bright["parameters"][0], magnitude);
    assert_eq!(find(&entries, "bright")["survey"], "ZTF");
    // The same, without a host. One that can't be described without a config is listed with the reason.
    let modules = modules();
    let offline = skysieve(["catalog", "--folder", modules.to_str().unwrap(), "--json"]);
    let offline: Value = serde_json::from_slice(&offline.stdout).unwrap();
    assert_eq!(find(&offline, "lsst-bright"), bright);
    assert!(find(&offline, "odd")["refused"].as_str().unwrap().contains("mode"), "{offline}");

    let upload = ["upload", "--predefined", "lsst-bright", "--name", "mine", "--activate", "--set", "magnitude=19"];
    assert!(predefined.print(&upload).starts_with("mine: version 1 is active"));
    let filter = predefined.host.filter("mine");
    assert_eq!((&filter["settings"]["config"], &filter["sha256"]), (&json!("magnitude = 19.0\n"), &bright["sha256"]));
    assert_eq!(filter["parameters"][0], magnitude);
    let shown = predefined.print(&["filters", "show", "mine"]);
    assert!(shown.contains("magnitude  number, 22.0  The limit"), "{shown}");

    let sent = alerts(1, 300);
    feed(&mut feeder(&predefined.brokers, &predefined.topic, 1), 1, packets(&sent));
    wait_for("alerts", || predefined.host.filter("mine")["counts"]["seen"] == 300);
    let expected = skysieve_tests::check_offline("lsst-bright", "magnitude = 19.0", &sent);
    let counts = &predefined.host.filter("mine")["counts"];
    let accepted = counts["accepted"].as_u64().unwrap() + counts["over_quota"].as_u64().unwrap();
    assert_eq!(accepted, expected["accepted"].as_array().unwrap().len() as u64);
}

#[test]
fn what_can_not_be_set_is_refused_and_leaves_nothing() {
    let Some(predefined) = Predefined::start() else { return };
    let upload =
        |set: &str| predefined.refused(&["upload", "--predefined", "lsst-bright", "--name", "mine", "--set", set]);
    assert!(upload("magnitud=20").contains("did you mean magnitude?"), "{}", upload("magnitud=20"));
    assert!(upload("magnitude=bright").contains("\"bright\" is not a number"), "{}", upload("magnitude=bright"));
    let said = predefined.refused(&["upload", "--predefined", "lsst-brihgt", "--name", "mine"]);
    assert!(said.contains("did you mean lsst-bright?"), "{said}");
    // A filter that is not predefined describes its parameters, too, even those that it must be given.
    let odd = module("odd");
    let odd = odd.to_str().unwrap();
    let said = predefined.refused(&["upload", odd, "--name", "mine", "--set", "mode=accept", "--set", "evry=3"]);
    assert!(said.contains("evry"), "{said}");
    assert!(predefined.refused(&["filters", "show", "mine"]).contains("there is no filter \"mine\""));
    predefined.print(&["upload", odd, "--name", "mine", "--set", "mode=accept", "--set", "every=3", "--activate"]);
    assert_eq!(predefined.host.filter("mine")["settings"]["config"], "every = 3\nmode = \"accept\"\n");

    // A filter is created over HTTP once.
    let create = json!({"name": "bright-20", "predefined": "lsst-bright", "parameters": {"magnitude": 20}});
    let kind = [("content-type", "application/json")];
    let post = || predefined.host.request("POST", "/api/v1/filters", &kind, create.to_string().as_bytes());
    assert_eq!((post().status, post().status), (201, 409));
    assert_eq!(predefined.host.filter("bright-20")["settings"]["config"], "magnitude = 20.0\n");
}

#[test]
fn profiles_name_hosts_with_their_tokens() {
    let Some(predefined) = Predefined::start() else { return };
    let output = predefined.run(&["filters", "list", "--profile", "here"]);
    assert!(output.status.success() && text(&output.stdout).contains("all "), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("chmod 600") && text(&output.stderr).contains("my.token"));
    let wrong = |arguments: &[&str]| {
        let output = predefined.run(&[&["filters", "list"], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr)
    };
    assert!(wrong(&["--profile", "there"]).contains("there is no profile \"there\""));
    assert!(wrong(&["--profile", "here", "--server", "http://other:1"]).contains("give one of them"));
}
