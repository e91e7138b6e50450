//! `skysieve produce` as a process: what arrives in its topic, and what it reports.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use skysieve::kafka::{EmbeddedBroker, Options, Received, Subscriber};
use skysieve_simulate::{Config, SimulatedAlert, Simulator, Survey};
use skysieve_tests::{await_end, binary, output, python, root, shared, text};

/// A topic on real Kafka at `SKYSIEVE_TEST_KAFKA` or, failing that, on an embedded broker (which keeps 5 MB for each
/// partition).
struct Topic {
    name: String,
    options: Options,
    _embedded: Option<EmbeddedBroker>,
}

impl Topic {
    fn new() -> Topic {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("produce-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        match std::env::var("SKYSIEVE_TEST_KAFKA") {
            // The brokers create the topic.
            Ok(brokers) => Topic { name, options: Options::new(brokers), _embedded: None },
            Err(_) => {
                let broker = EmbeddedBroker::start().unwrap();
                broker.create_topic(&name, 2).unwrap();
                Topic { name, options: broker.options(), _embedded: Some(broker) }
            }
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(binary());
        command.args(["produce", "--brokers", &self.options.brokers, "--topic", &self.name]).env("RUST_LOG", "warn");
        command.args(line.split_whitespace());
        command
    }

    fn produce(&self, line: &str) -> Output {
        output(&mut self.command(line))
    }

    /// Runs the command, which must succeed, and returns the objects that it printed.
    fn report(&self, line: &str) -> Vec<Value> {
        let output = self.produce(&format!("{line} --json"));
        assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
        objects(&output)
    }

    /// Reads this many messages, and checks that there are no more.
    fn receive(&self, count: usize) -> Vec<Received> {
        let mut subscriber = Subscriber::new(&self.options, std::slice::from_ref(&self.name)).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut received = Vec::new();
        while received.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} came", received.len());
            received.extend(subscriber.next(Duration::from_millis(100)).unwrap());
        }
        assert_eq!(subscriber.next(Duration::from_millis(300)).unwrap().map(|message| message.offset), None);
        received
    }
}

fn objects(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Small alerts, as `--simulate lsst --no-stamps --no-history` makes them.
fn small(alerts: usize) -> Vec<SimulatedAlert> {
    let config = Config { stamps: false, history: false, ..Config::default() };
    Simulator::new(Survey::Lsst, config).visit(alerts).collect()
}

fn write(folder: &Path, alerts: &[SimulatedAlert]) {
    for alert in alerts {
        std::fs::write(folder.join(format!("{}.avro", alert.id)), &alert.bytes).unwrap();
    }
}

fn key(message: &Received) -> String {
    text(&message.key)
}

const SMALL: &str = "--simulate lsst --no-stamps --no-history --interval 0";

#[test]
fn simulated_visits_arrive_with_their_ids_as_keys() {
    let topic = Topic::new();
    let report = topic.report(&format!("{SMALL} --visits 2 --alerts-per-visit 300"));
    let received = topic.receive(600);
    let sent: BTreeMap<String, Vec<u8>> =
        small(300).into_iter().map(|alert| (alert.id.to_string(), alert.bytes)).collect();
    let first = received.iter().filter(|message| sent.get(&key(message)).is_some_and(|sent| *sent == message.payload));
    assert_eq!(first.count(), 300);
    assert_eq!(received.iter().map(key).collect::<BTreeSet<_>>().len(), 600);

    assert_eq!(report.len(), 3);
    for visit in &report[..2] {
        assert_eq!((&visit["delivered"], &visit["undelivered"]), (&300.into(), &0.into()));
        let time = |name: &str| visit[name].as_f64().unwrap();
        assert!(time("first_read") <= time("last_submitted") && time("last_submitted") <= time("last_acknowledged"));
        assert!(time("alerts_per_second") > 1.0 && time("megabytes_per_second") > 0.0);
    }
    let bytes: usize = received.iter().map(|message| message.payload.len()).sum();
    assert_eq!(report[2]["total"]["delivered"], 600);
    assert_eq!(report[2]["total"]["bytes"], bytes);
}

#[test]
fn one_producer_keeps_the_order_and_several_share_a_visit() {
    let topic = Topic::new();
    topic.report(&format!("{SMALL} --alerts-per-visit 300"));
    let mut partitions: BTreeMap<i32, Vec<(i64, String)>> = BTreeMap::new();
    for message in topic.receive(300) {
        partitions.entry(message.partition).or_default().push((message.offset, key(&message)));
    }
    let order: Vec<String> = small(300).iter().map(|alert| alert.id.to_string()).collect();
    for messages in partitions.values_mut() {
        messages.sort_unstable();
        let of_partition: BTreeSet<&String> = messages.iter().map(|(_, key)| key).collect();
        let expected: Vec<&String> = order.iter().filter(|key| of_partition.contains(key)).collect();
        assert_eq!(messages.iter().map(|(_, key)| key).collect::<Vec<_>>(), expected);
    }

    let shared = Topic::new();
    shared.report(&format!("{SMALL} --alerts-per-visit 301 --producers 3 --compression zstd"));
    assert_eq!(shared.receive(301).iter().map(key).collect::<BTreeSet<_>>().len(), 301);
}

#[test]
fn the_visits_of_people() {
    let topic = Topic::new();
    let output =
        topic.produce("--simulate lsst --no-stamps --no-history --alerts-per-visit 20 --interval 0.0001 --encode-off");
    let (said, warned) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{warned}");
    for part in ["visit 2026", "first read 20", "last submitted 20", "last acknowledged 20", "20 alerts", "MB/s"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(said.contains("1 visits, 20 alerts delivered") && said.contains("0 not delivered"), "{said}");
    assert!(warned.contains("longer than the interval of 0.0001 s"), "{warned}");
    let ids: BTreeSet<String> = small(20).iter().map(|alert| alert.id.to_string()).collect();
    for message in topic.receive(20) {
        let alert: Value = serde_json::from_slice(&message.payload).unwrap();
        assert!(ids.contains(&alert["diaSourceId"].to_string()) && alert["cutoutScience"].is_null());
    }
}

#[test]
fn files_repeat_with_fresh_ids() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small(50));
    std::fs::write(folder.path().join("none.avro"), b"Obj\x01 but no more").unwrap();
    let topic = Topic::new();
    let line = format!("{} --interval 0 --alerts-per-visit 40", folder.path().display());
    let output = topic.produce(&format!("{line} --repeat --max-repeats 2 --json"));
    assert_eq!(output.status.code(), Some(1), "a packet was unreadable");
    assert!(text(&output.stderr).contains("none.avro"), "{}", text(&output.stderr));
    let report = objects(&output);
    let visits: Vec<_> = report[..3]
        .iter()
        .map(|visit| (visit["repeat"].as_u64().unwrap(), visit["left_out"].as_u64().unwrap()))
        .collect();
    assert_eq!(visits, [(0, 10), (1, 10), (2, 10)]);
    let total = &report[3]["total"];
    assert_eq!((&total["unreadable"], &total["left_out"], &total["delivered"]), (&1.into(), &30.into(), &120.into()));
    let keys: BTreeSet<String> = topic.receive(120).iter().map(key).collect();
    assert_eq!(keys.len(), 120);

    std::fs::remove_file(folder.path().join("none.avro")).unwrap();
    let as_is = Topic::new();
    as_is.report(&format!("{line} --repeat --as-is --visits 2"));
    assert_eq!(as_is.receive(80).iter().map(key).collect::<BTreeSet<_>>().len(), 40);
}

#[test]
fn what_is_not_delivered_is_counted() {
    let topic = Topic::new();
    let config = Config { stamps: false, ..Config::default() };
    let sizes: Vec<usize> = Simulator::new(Survey::Lsst, config).visit(100).map(|alert| alert.bytes.len()).collect();
    let limit = sizes.iter().max().unwrap() - 100;
    // The size of a message includes its key and librdkafka's overhead.
    let too_large = sizes.iter().filter(|size| **size + 19 + 300 > limit).count();
    let line = "--simulate lsst --no-stamps --alerts-per-visit 100 --json";
    let output = topic.produce(&format!("{line} -X message.max.bytes={limit}"));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let total = &objects(&output)[1]["total"];
    let (delivered, undelivered) = (total["delivered"].as_u64().unwrap(), total["undelivered"].as_u64().unwrap());
    assert!((1..=too_large as u64).contains(&undelivered), "{total}");
    assert_eq!(delivered + undelivered, 100);
    let error = text(&output.stderr);
    assert!(error.contains(&format!("{undelivered} alerts were not delivered, the first with id ")), "{error}");
    topic.receive(delivered as usize);
}

#[test]
fn a_rate_is_kept_and_an_interrupt_ends_cleanly() {
    let topic = Topic::new();
    let begun = Instant::now();
    topic.report(&format!("{SMALL} --alerts-per-visit 21 --rate 50"));
    assert!(begun.elapsed() >= Duration::from_millis(400));

    let line = format!("{SMALL} --alerts-per-visit 100 --rate 100 --repeat --json");
    let mut process = topic.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    let rest: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(await_end(&mut process).code(), Some(0));
    let total = &rest.last().unwrap()["total"];
    let delivered = total["delivered"].as_u64().unwrap();
    assert!((100..10_000).contains(&delivered) && total["undelivered"] == 0, "{total}");
    topic.receive(21 + delivered as usize);
}

/// fastavro reads ZTF packets, all of one visit, in any framing.
#[test]
fn python_reads_what_was_changed() {
    let (Some(shared), Some(python)) = (shared(), python()) else { return };
    let files = [("lsst/wire", ""), ("ztf/packets", "--framing container"), ("lsst/wire", "--framing container")];
    for (folder, more) in files {
        let source = shared.join("alerts").join(folder);
        let count = std::fs::read_dir(&source).unwrap().count();
        let topic = Topic::new();
        topic.report(&format!("{} --interval 0 --repeat --max-repeats 1 --no-stamps {more}", source.display()));
        let folder = tempfile::tempdir().unwrap();
        for (at, message) in topic.receive(2 * count).iter().enumerate() {
            std::fs::write(folder.path().join(format!("{at}-{}.avro", key(message))), &message.payload).unwrap();
        }
        let script = root().join("tests/python/produced.py");
        let arguments: [PathBuf; 4] = [script, source, folder.path().to_owned(), root().join("schema/lsst")];
        let output = Command::new(&python).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(text(&output.stdout).trim(), format!("{count} as they were, {count} fresh"));
    }
}

#[test]
fn wrong_usage_says_what_to_do() {
    let run = |line: &str| {
        let arguments = ["produce", "--brokers", "127.0.0.1:1", "--topic", "t"];
        let output = Command::new(binary()).args(arguments).args(line.split_whitespace()).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(empty.path().join("a.avro"), "no alert").unwrap();
    let none = empty.path().display().to_string();
    for (line, said) in [
        ("", "PATH"),
        ("--simulate lsst alerts", "cannot be used with"),
        ("/no/such/folder", "/no/such/folder"),
        (&none, "holds an alert"),
        ("--simulate lsst --schema-id 5", "--framing"),
        ("--simulate lsst --schema-id 5 --framing container", "--framing confluent"),
        ("--simulate lsst --encode-off --framing container", "cannot be used with"),
        ("--simulate lsst -X no.such.thing=1", "no.such.thing"),
        ("--simulate ztf --alerts-per-visit 1000000", "at most"),
    ] {
        let (code, error) = run(line);
        assert!(code == Some(2) && error.contains(said), "{line}: {code:?} {error}");
    }
}

#[test]
fn flags_come_from_the_environment() {
    let topic = Topic::new();
    let output = Command::new(binary())
        .arg("produce")
        .env("SKYSIEVE_BROKERS", &topic.options.brokers)
        .env("SKYSIEVE_TOPIC", &topic.name)
        .env("SKYSIEVE_SIMULATE", "lsst")
        .env("SKYSIEVE_NO_STAMPS", "1")
        .env("SKYSIEVE_NO_HISTORY", "yes")
        .env("SKYSIEVE_ENCODE_OFF", "false")
        .env("SKYSIEVE_ALERTS_PER_VISIT", "10")
        .env("SKYSIEVE_JSON", "true")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let expected: BTreeMap<String, Vec<u8>> =
        small(10).into_iter().map(|alert| (alert.id.to_string(), alert.bytes)).collect();
    let received = topic.receive(10);
    assert!(received.iter().all(|message| expected[&key(message)] == message.payload));
}
