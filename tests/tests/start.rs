//! What a host does before it reads: it compiles filters, answers requests, and can be stopped. Also, how it keeps
//! secrets.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use skysieve::kafka::EmbeddedBroker;
use skysieve_tests::host::{Host, write_filter};
use skysieve_tests::kafka::wait_for;
use skysieve_tests::{await_end, binary, module, text};

/// Writes this many filters, no two with the same bytes, so that each has to be compiled.
fn filters(folder: &Path, count: u8) {
    for number in 0..count {
        let name = format!("filter-{number}");
        write_filter(folder, &name, "lsst-bright", "");
        let path = folder.join(&name).with_extension("wasm");
        let mut module = std::fs::read(&path).unwrap();
        // A custom section: 0, its length, the length of its name, its name, and a byte.
        module.extend_from_slice(&[0, 3, 1, b'n', number]);
        std::fs::write(path, module).unwrap();
    }
}

fn broker(filters: u8) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    let outputs = (0..filters).map(|number| format!("filter-{number}"));
    for topic in
        outputs.chain(["alerts", "upload", "t-dead-letters", "t-quotas", "t-filters", "t-modules"].map(str::to_owned))
    {
        broker.create_topic(&topic, 1).unwrap();
    }
    broker
}

#[test]
fn a_host_that_compiles_answers_and_ends_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    filters(folder.path(), 100);
    // Kafka is asked later than that, so there need not be any.
    let host = Host::start("127.0.0.1:1", "alerts", &["--name", "t", "--filters", folder.path().to_str().unwrap()]);
    assert!(host.get("/health/live").contains("live"));
    let health = host.health();
    assert_eq!(health["ready"], false, "{health}");
    assert!(health["detail"].as_str().unwrap().starts_with("compiling filters: "), "{health}");
    wait_for("progress", || !host.health()["detail"].as_str().unwrap().contains(": 0 of 100"));
    let (code, took) = host.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn an_upload_waits_until_the_host_has_started() {
    let folder = tempfile::tempdir().unwrap();
    filters(folder.path(), 3);
    let broker = broker(3);
    let host = Host::start(broker.brokers(), "alerts", &["--name", "t", "--filters", folder.path().to_str().unwrap()]);
    let module = std::fs::read(module("lsst-bright")).unwrap();
    let url = format!("{}/api/v1/filters/upload", host.url());
    let reply = ureq::put(&url).content_type("application/wasm").send(module).unwrap();
    assert_eq!(reply.status(), 201);
    assert_eq!(host.health()["ready"], true);
    let names: serde_json::Value = serde_json::from_str(&host.get("/api/v1/filters")).unwrap();
    assert_eq!(names.as_array().unwrap().len(), 4);
    assert_eq!(host.stop().0, Some(0));
}

/// Brokers that a program waits for: nothing listens, nothing is ever answered, or topics can't be created.
fn useless_brokers(check: impl Fn(&str)) {
    check("127.0.0.1:1");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    check(&silent.local_addr().unwrap().to_string());
    check(EmbeddedBroker::start().unwrap().brokers());
}

/// How long a program may take to end before it has read or published anything.
const AT_ONCE: Duration = Duration::from_secs(4);

#[test]
fn a_host_that_waits_for_kafka_ends_when_told_to() {
    useless_brokers(|brokers| {
        let host = Host::start(brokers, "alerts", &["--name", "t"]);
        wait_for("Kafka being asked", || host.health()["detail"].as_str().unwrap().starts_with("asking Kafka"));
        // A second is enough for the first questions, so that it is the last one that has no answer.
        std::thread::sleep(Duration::from_secs(1));
        let (code, took) = host.stop();
        assert_eq!(code, Some(0));
        assert!(took < AT_ONCE, "{brokers}: {took:?}");
    });
}

#[test]
fn producers_and_subscribers_that_wait_for_kafka_end_when_told_to() {
    useless_brokers(|brokers| {
        for command in [
            &["consume", "absent", "--from", "-5"][..],
            &["produce", "--topic", "alerts", "--simulate", "lsst", "--visits", "2", "--align", "--interval", "86400"],
        ] {
            let mut process = Command::new(binary())
                .args(command)
                .args(["--brokers", brokers])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let threads = format!("/proc/{}/task", process.id());
            let name = |thread: std::io::Result<std::fs::DirEntry>| {
                thread.and_then(|thread| std::fs::read_to_string(thread.path().join("comm"))).unwrap_or_default()
            };
            wait_for("a client of Kafka", || {
                std::fs::read_dir(&threads).unwrap().any(|thread| name(thread).starts_with("rdk:"))
            });
            let begun = Instant::now();
            let status = Command::new("kill").arg(process.id().to_string()).status().unwrap();
            assert!(status.success());
            assert_eq!(await_end(&mut process).code(), Some(0), "{command:?} {brokers}");
            assert!(begun.elapsed() < AT_ONCE, "{command:?} {brokers}: {:?}", begun.elapsed());
        }
    });
}

#[test]
fn passwords_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kafka.properties");
    std::fs::write(&file, "sasl.password=hunter2 hunter2\nsasl.username").unwrap();
    let secret = "sasl.mechanism=PLAIN\nsasl.username=me\nsasl.password=hunter2 hunter2";
    let run = |command: &str, arguments: &[&str], variables: &[(&str, &str)]| {
        let topic = if command == "consume" { &["alerts"][..] } else { &["--topic", "alerts"] };
        let output = Command::new(binary())
            .arg(command)
            .args(["--brokers", "127.0.0.1:1"])
            .args(topic)
            .args(if command == "produce" { &["--simulate", "lsst"][..] } else { &[] })
            .args(arguments)
            .env("RUST_LOG", "debug")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!said.contains("hunter2"), "{command} {arguments:?}: {said}");
        (output.status.code(), said)
    };
    for command in ["host", "produce", "consume"] {
        let (code, said) = run(command, &["--help"], &[("SKYSIEVE_X", secret)]);
        assert!(code == Some(0) && said.contains("--kafka-config"), "{said}");
        // The second line of the file is malformed.
        let (code, said) = run(command, &[], &[("SKYSIEVE_KAFKA_CONFIG", file.to_str().unwrap())]);
        assert!(code == Some(2) && said.contains("line 2 is not KEY=VALUE"), "{said}");
        let (code, said) = run(command, &["-X", "no.such=1"], &[("SKYSIEVE_X", secret)]);
        assert!(code == Some(2) && said.contains("no.such"), "{said}");
        // All lines are read; the last one is wrong.
        let (code, said) = run(command, &[], &[("SKYSIEVE_X", &format!("{secret}\nno.such=1"))]);
        assert!(code == Some(2) && said.contains("no.such"), "{said}");
    }
}
