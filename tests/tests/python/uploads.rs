//! Uploads of programs, to a host on the embedded broker.

use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use skysieve::filters::hash;
use skysieve::kafka::{EmbeddedBroker, Feeder};
use skysieve_tests::host::Host;
use skysieve_tests::{alerts, binary, output, runners, text};

use super::{example, written};

const PROGRAM: [(&str, &str); 1] = [("content-type", "text/x-python")];

fn put(host: &Host, path: &str, program: &str) -> (u16, Value) {
    let answer = host.request("PUT", &format!("/api/v1/filters/{path}"), &PROGRAM, program.as_bytes());
    (answer.status, answer.json())
}

/// The config that the host keeps for a version.
fn config(host: &Host, version: &str) -> Value {
    let version: Value = serde_json::from_str(&host.get(&format!("/api/v1/filters/{version}"))).unwrap();
    serde_json::from_str(version["config"].as_str().unwrap_or_else(|| panic!("{version}"))).unwrap()
}

#[test]
fn a_program_is_uploaded_as_its_text() {
    let Some(runners) = runners() else { return };
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("alerts", 2).unwrap();
    for topic in ["faint", "mine", "t-dead-letters", "t-quotas", "t-filters", "t-modules"] {
        broker.create_topic(topic, 1).unwrap();
    }
    let runners = runners.to_str().unwrap();
    let host = Host::start(broker.brokers(), "alerts", &["--name", "t", "--runners", runners]);
    host.await_reading();

    let program = std::fs::read_to_string(example("lsst-bright")).unwrap();
    let (status, faint) = put(&host, "faint?config=magnitude%3D99&quota=1000&file=faint.py", &program);
    assert_eq!(status, 201, "{faint}");
    let runner = std::fs::read(format!("{runners}/python.wasm")).unwrap();
    assert_eq!(faint["sha256"], hash(&runner));
    let kept = config(&host, "faint/versions/1");
    assert_eq!((&kept["program"], &kept["file"]), (&program.clone().into(), &"faint.py".into()));
    assert_eq!(kept["parameters"], serde_json::json!({"magnitude": 99}));

    let sent = alerts(1, 100);
    let mut feeder = Feeder::new(&broker.options(), "alerts", 2, Arc::new(|_| 0)).unwrap();
    for (at, alert) in sent.iter().enumerate() {
        feeder.send(at as i32 % 2, Vec::new(), alert.bytes.clone().into()).unwrap();
    }
    feeder.finish().unwrap();
    host.await_done(100);
    let counts = host.filter("faint")["counts"].clone();
    assert_eq!((&counts["seen"], &counts["faulted"]), (&100.into(), &0.into()), "{counts}");
    assert!(counts["accepted"].as_u64().unwrap() > 10, "{counts}");

    // The command line does the same, and wrong programs are told where they are wrong.
    let (_folder, file) =
        written("def filter(alert, rise: float = 1.0):\n    return alert['diaSource']['snr'] > rise\n");
    let upload = |more: &[&str]| {
        output(Command::new(binary()).arg("upload").arg(&file).args(["--server", host.url()]).args(more))
    };
    let done = upload(&["--set", "rise=2.5", "--activate"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(config(&host, "mine/versions/1")["parameters"]["rise"], 2.5);
    let refused = upload(&["--set", "ries=2.5", "--activate"]);
    assert!(text(&refused.stderr).contains("did you mean rise?"), "{}", text(&refused.stderr));
    let (status, problem) = put(&host, "mine", "def filter(alert):\n    return alert[\n");
    assert_eq!(status, 422, "{problem}");
    assert!(problem.to_string().contains("mine.py, line 2: SyntaxError"), "{problem}");
}
