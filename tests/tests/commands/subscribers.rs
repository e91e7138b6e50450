//! Subscribers on Apache Kafka: `skysieve consume`, kcat and Python.
//!
//! These tests need a broker, whose address is in SKYSIEVE_TEST_KAFKA.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use skysieve::kafka::{Feeder, Options};
use skysieve_needs::{Need, kafka, skip};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::{alerts, await_end, binary, module, output, python, root, skysieve, text};

/// A topic of its own on the broker of this run.
struct Topic {
    brokers: String,
    name: String,
    partitions: i32,
}

impl Topic {
    /// Returns `None`, and says so, if no broker is given.
    fn create(what: &str, partitions: i32) -> Option<Topic> {
        let brokers = kafka()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let topic = Topic { brokers, name: format!("{what}-{now}"), partitions };
        topic.python("create", &[&partitions.to_string()])?;
        Some(topic)
    }

    /// Runs `subscribers.py`, and returns what it prints.
    #[track_caller]
    fn python(&self, what: &str, arguments: &[&str]) -> Option<String> {
        let script = root().join("tests/python/subscribers.py");
        let mut command = Command::new(python()?);
        let output = output(command.arg(script).args([what, &self.brokers, &self.name]).args(arguments));
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        Some(text(&output.stdout))
    }

    fn send(&self, alerts: &[SimulatedAlert]) {
        let options = Options::new(&*self.brokers);
        let mut feeder = Feeder::new(&options, &self.name, self.partitions, Arc::new(|_| i64::MAX)).unwrap();
        for (at, alert) in alerts.iter().enumerate() {
            feeder.send(at as i32 % self.partitions, Vec::new(), alert.bytes.clone().into()).unwrap();
        }
        feeder.finish().unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["consume", &self.name, "--brokers", &self.brokers, "--json"]).args(arguments);
        command
    }

    /// Reads to the end.
    #[track_caller]
    fn read(&self, group: &str, arguments: &[&str]) -> Vec<i64> {
        let output = output(self.command(&["--until-end", "--group", group]).args(arguments));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).lines().map(id).collect()
    }
}

fn id(line: impl AsRef<str>) -> i64 {
    let object: Value = serde_json::from_str(line.as_ref()).unwrap();
    object["id"].as_str().unwrap().parse().unwrap()
}

fn ids<'a>(alerts: impl IntoIterator<Item = &'a SimulatedAlert>) -> BTreeSet<i64> {
    alerts.into_iter().map(|alert| alert.id).collect()
}

/// Fails unless the ids are these, each of them once.
#[track_caller]
fn exactly(got: &[i64], expected: &BTreeSet<i64>) {
    assert_eq!((got.len(), &got.iter().copied().collect::<BTreeSet<_>>()), (expected.len(), expected));
}

/// A member of a group that continues until it is stopped.
struct Member {
    process: Child,
    reader: std::thread::JoinHandle<Vec<i64>>,
}

impl Member {
    fn join(topic: &Topic, group: &str) -> Member {
        let mut process = topic.command(&["--group", group]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || lines.map(|line| id(line.unwrap())).collect());
        Member { process, reader }
    }

    /// Stops it with Ctrl-C, and returns what it printed.
    fn leave(mut self) -> Vec<i64> {
        Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        assert_eq!(await_end(&mut self.process).code(), Some(0));
        self.reader.join().unwrap()
    }
}

#[test]
fn members_come_and_go_and_nothing_is_lost_or_doubled() {
    let Some(topic) = Topic::create("shared", 8) else { return };
    let all = alerts(1, 1200);
    let mut chunks = all.chunks(25);
    let mut send = |seconds: u64| {
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            chunks.next().into_iter().for_each(|chunk| topic.send(chunk));
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let first = Member::join(&topic, "ours");
    send(3);
    let second = Member::join(&topic, "ours");
    send(4);
    let third = Member::join(&topic, "ours");
    send(4);
    let mut printed = vec![first.leave()];
    send(3);
    printed.push(third.leave());
    send(3);
    for chunk in chunks {
        topic.send(chunk);
    }
    printed.push(second.leave());
    assert!(printed.iter().all(|printed| !printed.is_empty()), "a member had nothing");
    let mut got = printed.concat();
    got.extend(topic.read("ours", &[]));
    exactly(&got, &ids(&all));
    exactly(&topic.read("theirs", &[]), &ids(&all));
}

#[test]
fn from_a_time_or_so_many_from_the_end() {
    let Some(topic) = Topic::create("times", 2) else { return };
    let all = alerts(1, 40);
    topic.send(&all[..20]);
    std::thread::sleep(Duration::from_millis(1100));
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    topic.send(&all[20..]);
    let never = ["--commit", "never", "--from"];
    let from = |place: &str| topic.read("g", &[&never[..], &[place]].concat());
    exactly(&from(&format!("{time:.3}")), &ids(&all[20..]));
    exactly(&from("-3"), &ids(&all[34..]));
    exactly(&from("earliest"), &ids(&all));
    exactly(&from("latest"), &BTreeSet::new());
    exactly(&from("2037-01-01"), &BTreeSet::new());
    assert_eq!(topic.read("g", &["--limit", "30"]).len(), 30, "nothing was committed");
    assert_eq!(topic.read("g", &[]).len(), 10);
}

#[test]
fn the_end_behind_transactions() {
    let Some(topic) = Topic::create("transactions", 1) else { return };
    let Some(other) = Topic::create("others", 1) else { return };
    let all = alerts(1, 5);
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for alert in &all {
        let path = folder.path().join(alert.id.to_string());
        std::fs::write(&path, &alert.bytes).unwrap();
        files.push(path.to_str().unwrap().to_owned());
    }
    topic.python("transactions", &files.iter().map(String::as_str).collect::<Vec<_>>());
    other.send(&all[..1]);
    let begun = Instant::now();
    exactly(&topic.read("g", &[]), &ids(&all));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    // These are five alerts with a marker behind each, and five aborted ones with a single marker behind them.
    let arguments = ["consume", &topic.name, &other.name, "--monitor", "--until-end", "--brokers", &topic.brokers];
    let said = text(&skysieve(arguments.iter().chain(&["--group", "m"])).stdout);
    let ends: BTreeSet<&str> =
        said.lines().filter_map(|line| line.split_once(", key:None, time:")).map(|(end, _)| end).collect();
    let line = |topic: &Topic, offset| format!("topic:{}, partition:0, status:end, offset:{offset}", topic.name);
    let expected = [line(&topic, 16), line(&other, 1)];
    assert_eq!(ends, expected.iter().map(String::as_str).collect());
}

#[test]
fn a_header_whose_name_is_not_text_does_no_harm() {
    let Some(topic) = Topic::create("headers", 1) else { return };
    let Some(kcat) = kcat() else { return };
    let all = alerts(1, 1);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &all[0].bytes).unwrap();
    let mut command = Command::new(kcat);
    command.args(["-P", "-b", &topic.brokers, "-t", &topic.name, "-H"]);
    command.arg(std::ffi::OsStr::from_bytes(b"\xff\xfe=\xff")).arg(file.path());
    assert!(command.status().unwrap().success());
    exactly(&topic.read("g", &[]), &ids(&all));
}

/// kcat, if it is installed; otherwise says that it is not.
fn kcat() -> Option<&'static str> {
    let found = Command::new("kcat").arg("-V").output().is_ok_and(|output| output.status.success());
    if !found {
        skip(Need::Kcat, "install the package kcat");
    }
    found.then_some("kcat")
}

/// The process of a host, which is killed when this goes out of scope.
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn any_client_reads_a_filters_topic() {
    let Some(input) = Topic::create("input", 2) else { return };
    let Some(output) = Topic::create("accepted", 1) else { return };
    let letters = Topic::create("letters", 1).unwrap();
    let all = alerts(1, 60);
    input.send(&all);
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(module("odd"), folder.path().join(&output.name).with_extension("wasm")).unwrap();
    let settings = "quota = 1000\n[config]\nmode = 'accept'";
    std::fs::write(folder.path().join(&output.name).with_extension("toml"), settings).unwrap();
    let mut host = Command::new(binary());
    host.args(["host", "--brokers", &input.brokers, "--topic", &input.name, "--name", &input.name]);
    host.args(["--listen", "127.0.0.1:0", "--open", "--dead-letters", &letters.name, "--filters"]).arg(folder.path());
    let _host = Host(host.spawn().unwrap());

    let schema = root().join("schema/lsst/lsst.v11_1.alert.avsc");
    let read = output.python("read", &["60", schema.to_str().unwrap()]).unwrap();
    let read: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    exactly(&read.iter().map(|alert| alert["id"].as_i64().unwrap()).collect::<Vec<_>>(), &ids(&all));
    for alert in &read {
        assert_eq!(alert["key"], alert["id"].to_string());
        assert_eq!(
            (&alert["headers"]["skysieve-filter"], &alert["headers"]["skysieve-topic"]),
            (&output.name.clone().into(), &input.name.clone().into())
        );
    }
    exactly(&output.read("g", &[]), &ids(&all));

    let Some(kcat) = kcat() else { return };
    let format = "%k %S %h\n";
    let said =
        run(Command::new(kcat).args(["-C", "-e", "-q", "-b", &output.brokers, "-t", &output.name, "-f", format]));
    let said = text(&said.stdout);
    let keys: Vec<i64> = said.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    exactly(&keys, &ids(&all));
    let header = format!("skysieve-filter={}", output.name);
    assert!(said.lines().all(|line| line.contains(&header)), "{said}");

    // kcat saves a packet byte for byte.
    let arguments = ["-C", "-e", "-q", "-c", "1", "-D", "", "-b", &output.brokers, "-t", &output.name];
    let packet = run(Command::new(kcat).args(arguments)).stdout;
    assert!(all.iter().any(|alert| alert.bytes == packet), "{} bytes are no packet that was sent", packet.len());
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = output(command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}
