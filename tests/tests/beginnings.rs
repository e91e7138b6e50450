//! Where `skysieve consume` begins and continues, on real Kafka.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use skysieve::kafka::{HostLock, Options, StartAt, TopicSettings, Topics};
use skysieve::pipeline::{BatchLimits, Position, Record, Sink, Source};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::kafka::{Cluster, create_topic, feed, feeder, kafka, read_all, recreate_topic, unique, wait_for};
use skysieve_tests::setup::packets;
use skysieve_tests::{alerts, await_end, binary, output, text};

fn consume(brokers: &str, topic: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["consume", topic, "--brokers", brokers]).args(arguments).env("RUST_LOG", "warn");
    command
}

/// Reads to the end, and returns the lines and what was printed on stderr.
#[track_caller]
fn read(brokers: &str, topic: &str, arguments: &[&str]) -> (Vec<String>, String) {
    let output = output(&mut consume(brokers, topic, &[&["--until-end"], arguments].concat()));
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    (text(&output.stdout).lines().map(str::to_owned).collect(), told)
}

fn id(line: &str) -> i64 {
    let object: Value = serde_json::from_str(line).unwrap();
    object["id"].as_str().unwrap().parse().unwrap()
}

/// A member of a group that continues until it is stopped.
struct Member {
    process: Child,
    ids: Arc<Mutex<Vec<i64>>>,
    /// How often the group has given it a part.
    joined: Arc<AtomicUsize>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Member {
    fn join(brokers: &str, topic: &str, arguments: &[&str]) -> Member {
        let haste = ["--json", "-X", "topic.metadata.refresh.interval.ms=500"];
        let mut command = consume(brokers, topic, &[&haste, arguments].concat());
        command.env("RUST_LOG", "warn,skysieve::kafka::follow=debug").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ids: Arc<Mutex<Vec<i64>>> = Arc::default();
        let printed = ids.clone();
        let reader = std::thread::spawn(move || lines.for_each(|line| printed.lock().push(id(&line.unwrap()))));
        let told = BufReader::new(process.stderr.take().unwrap()).lines();
        let joined: Arc<AtomicUsize> = Arc::default();
        let counted = joined.clone();
        std::thread::spawn(move || {
            for line in told.map_while(Result::ok) {
                eprintln!("{line}");
                counted.fetch_add(usize::from(line.contains("its part")), Ordering::Relaxed);
            }
        });
        Member { process, ids, joined, reader: Some(reader) }
    }

    /// Waits until the group has given it its part.
    fn await_part(&self) {
        wait_for("the member to join", || self.joined.load(Ordering::Relaxed) > 0);
    }

    fn printed(&self) -> usize {
        self.ids.lock().len()
    }

    /// Stops it with Ctrl-C, and returns what it printed.
    fn leave(mut self) -> Vec<i64> {
        Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        assert_eq!(await_end(&mut self.process).code(), Some(0));
        self.reader.take().unwrap().join().unwrap();
        self.ids.lock().clone()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Fails unless the ids are those of these alerts, each of them once.
#[track_caller]
fn exactly(mut got: Vec<i64>, alerts: &[SimulatedAlert]) {
    let mut expected: Vec<i64> = alerts.iter().map(|alert| alert.id).collect();
    expected.sort_unstable();
    got.sort_unstable();
    assert_eq!(got, expected);
}

#[test]
fn the_last_messages_of_a_topic_with_transactions() {
    let Some(brokers) = kafka() else { return };
    let (name, output) = (unique("last"), unique("last-output"));
    [&name, &output].into_iter().for_each(|topic| create_topic(&brokers, topic, 1));
    let options = Options::new(&*brokers);
    // The committed positions are made up: the topic is empty, and a host would refuse to continue from them.
    let begin = || {
        let lock = HostLock::new(&options, &name).unwrap();
        lock.open(std::slice::from_ref(&name), StartAt::Earliest, (*output).into()).unwrap().1
    };
    let batch = |number: i64, count: usize| {
        let record = Record { topic: (*output).into(), key: Vec::new(), payload: "x".into(), headers: Vec::new() };
        (vec![record; count], vec![Position { topic: (*name).into(), partition: 0, offset: number }])
    };
    // These are transactions of one message each, so that every second offset is the end of a transaction.
    let [mut sink, _other] = begin();
    for number in 1..=10 {
        let (records, positions) = batch(number, 1);
        let sent = sink.send(records, positions);
        sink.commit(sent).unwrap();
    }
    // Then follows one of many messages, which is aborted when the host begins again.
    let (records, positions) = batch(11, 40);
    let _never_committed = sink.send(records, positions);
    let [mut sink, _other] = begin();
    let (records, positions) = batch(11, 2);
    let sent = sink.send(records, positions);
    sink.commit(sent).unwrap();

    // The lines behind the head of the table.
    let lines = |arguments: &[&str]| read(&brokers, &output, &[&["--decode-off"], arguments].concat()).0.split_off(1);
    let all = lines(&["--from", "earliest", "--commit", "never"]);
    assert_eq!(all.len(), 12, "{all:?}");
    let counted = read(&brokers, &output, &["--count", "--decode-off", "--from", "earliest", "--commit", "never"]).0;
    assert_eq!(counted, ["12 messages, 12 bytes, 0 undecodable"]);
    for count in [1, 2, 3, 5, 12, 13, 1000] {
        for commit in ["never", "after"] {
            let (group, count_text) = (unique("readers"), format!("-{count}"));
            let last = lines(&["--from", &count_text, "--commit", commit, "--group", &group]);
            assert_eq!(last, all[all.len().saturating_sub(count)..], "the last {count}, {commit}");
        }
    }

    // A host means the same by it.
    let offsets: Vec<i64> = read_all(&brokers, std::slice::from_ref(&output)).iter().map(|one| one.offset).collect();
    assert_eq!(offsets.len(), 12, "{offsets:?}");
    for count in [1, 2, 3, 5, 12, 13, 1000] {
        let lock = HostLock::new(&options, &format!("{name}-{count}")).unwrap();
        let from = StartAt::Last(count as i64);
        let (mut source, _sinks) = lock.open(std::slice::from_ref(&output), from, "dead".into()).unwrap();
        let expected = &offsets[offsets.len().saturating_sub(count)..];
        assert_eq!(source.watch().position(&output, 0), Some(expected[0]), "the last {count}");
        let mut messages = Vec::new();
        wait_for("the host to read them", || {
            source.fetch(&mut messages, &BatchLimits::default(), Duration::from_millis(100)).unwrap();
            messages.len() >= expected.len()
        });
        assert_eq!(messages.iter().map(|message| message.offset).collect::<Vec<_>>(), expected, "the last {count}");
    }
}

#[test]
fn the_last_messages_of_a_topic_that_was_compacted() {
    let Some(cluster) = Cluster::start("compacted", 1) else { return };
    let (brokers, topic) = (&cluster.brokers, "compacted");
    create_topic(brokers, topic, 1);
    let entity = ["--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config"];
    let compaction = "cleanup.policy=compact,segment.ms=100,min.cleanable.dirty.ratio=0.01,max.compaction.lag.ms=100";
    cluster.tool("kafka.admin.ConfigCommand", &[&entity[..], &[compaction]].concat());
    let cleaner =
        ["--alter", "--entity-type", "brokers", "--entity-default", "--add-config", "log.cleaner.backoff.ms=100"];
    cluster.tool("kafka.admin.ConfigCommand", &cleaner);
    let mut feeder = feeder(brokers, topic, 1);
    let lines = |arguments: &[&str]| {
        let given = ["--decode-off", "--commit", "never", "--group", "readers"];
        read(brokers, topic, &[&given[..], arguments].concat()).0
    };
    let mut sent = 0;
    // What is compacted lies before the last segment, which the next message begins.
    wait_for("messages to be compacted", || {
        for _ in 0..10 {
            // Each third message has a key of its own, and stays.
            let key = if sent % 3 == 0 { format!("own-{sent}") } else { "shared".to_owned() };
            feeder.send(0, key.into_bytes(), "x".into()).unwrap();
            sent += 1;
        }
        feeder.finish().unwrap();
        sent >= 30 && lines(&["--from", "earliest"]).len() <= sent * 2 / 3
    });
    for count in [1, 2, 7, sent] {
        wait_for("a look between two compactions", || {
            let before = lines(&["--from", "earliest"]);
            let last = lines(&["--from", &format!("-{count}")]);
            if lines(&["--from", "earliest"]) != before {
                return false;
            }
            let all = &before[1..];
            assert_eq!(last[1..], all[all.len().saturating_sub(count)..], "the last {count}");
            true
        });
    }
}

#[test]
fn members_that_all_begin_at_the_earliest_message_print_each_once() {
    let Some(brokers) = kafka() else { return };
    let (topic, group) = (unique("both"), unique("both-readers"));
    create_topic(&brokers, &topic, 4);
    let alerts = alerts(1, 600);
    let mut feeder = feeder(&brokers, &topic, 4);
    feed(&mut feeder, 4, packets(&alerts[..300]));
    // The group has read the topic once before, so that the beginning is not where it left off.
    assert_eq!(read(&brokers, &topic, &["--json", "--group", &group]).0.len(), 300);
    let arguments = ["--group", &group, "--from", "earliest"];
    let first = Member::join(&brokers, &topic, &arguments);
    wait_for("the first member to read", || first.printed() == 300);
    let second = Member::join(&brokers, &topic, &arguments);
    second.await_part();
    let fed = 400;
    feed(&mut feeder, 4, packets(&alerts[300..fed]));
    wait_for("these to be read", || first.printed() + second.printed() >= fed);
    assert!(second.printed() > 0, "the second member was given nothing");
    exactly([first.leave(), second.leave()].concat(), &alerts[..fed]);
    // After all members have left, `--from` applies again.
    exactly(
        read(&brokers, &topic, &["--json", "--group", &group, "--from", "earliest"])
            .0
            .iter()
            .map(|line| id(line))
            .collect(),
        &alerts[..fed],
    );
}

#[test]
fn what_comes_after_the_start_is_printed_while_topic_and_group_grow() {
    let Some(brokers) = kafka() else { return };
    for commit in ["after", "before", "never"] {
        let (topic, group) = (unique("grows"), unique("grows-readers"));
        create_topic(&brokers, &topic, 2);
        let alerts = alerts(1, 700);
        let mut feeder_of_two = feeder(&brokers, &topic, 2);
        feed(&mut feeder_of_two, 2, packets(&alerts[..100]));
        let arguments = ["--group", &group, "--from", "latest", "--commit", commit];
        let first = Member::join(&brokers, &topic, &arguments);
        first.await_part();
        let mut fed = 100;
        // The new partitions have messages before any member knows of them.
        Topics::new(&Options::new(&*brokers), TopicSettings::default()).unwrap().grow(&topic, 4).unwrap();
        let mut feeder_of_four = feeder(&brokers, &topic, 4);
        feed(&mut feeder_of_four, 4, packets(&alerts[fed..fed + 80]));
        fed += 80;
        wait_for("the new partitions to be read", || first.printed() == fed - 100);
        if commit == "never" {
            exactly(first.leave(), &alerts[100..fed]);
            continue;
        }
        let second = Member::join(&brokers, &topic, &arguments);
        second.await_part();
        feed(&mut feeder_of_four, 4, packets(&alerts[fed..fed + 100]));
        fed += 100;
        wait_for("these to be read", || first.printed() + second.printed() >= fed - 100);
        assert!(second.printed() > 0, "the second member was given nothing");
        exactly([first.leave(), second.leave()].concat(), &alerts[100..fed]);
    }
}

#[test]
fn a_group_whose_offsets_are_no_longer_there_is_told() {
    let Some(cluster) = Cluster::start("gone", 1) else { return };
    let brokers = &cluster.brokers;
    let alerts = alerts(1, 60);
    create_topic(brokers, "alerts", 1);
    feed(&mut feeder(brokers, "alerts", 1), 1, packets(&alerts[..40]));
    let json = ["--json", "--group", "readers"];
    let read_ids = |arguments: &[&str]| {
        let (lines, told) = read(brokers, "alerts", &[&json, arguments].concat());
        (lines.iter().map(|line| id(line)).collect::<Vec<i64>>(), told)
    };
    exactly(read_ids(&["--limit", "10"]).0, &alerts[..10]);

    // Retention has the same effect.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("delete.json");
    std::fs::write(&file, r#"{"partitions": [{"topic": "alerts", "partition": 0, "offset": 25}], "version": 1}"#)
        .unwrap();
    cluster.tool("org.apache.kafka.tools.DeleteRecordsCommand", &["--offset-json-file", file.to_str().unwrap()]);
    let (ids, told) = read_ids(&[]);
    exactly(ids, &alerts[25..40]);
    assert!(told.contains("gone=15") && told.contains("topic=alerts"), "{told}");
    assert_eq!(read_ids(&[]), (Vec::new(), String::new()), "it is told once");
}

#[test]
fn a_group_that_was_farther_than_the_topic_reaches_is_told() {
    let Some(brokers) = kafka() else { return };
    let (topic, group) = (unique("anew"), unique("anew-readers"));
    create_topic(&brokers, &topic, 1);
    // This is as if the topic had been longer when the group read it.
    let lock = HostLock::new(&Options::new(&*brokers), &group).unwrap();
    let [mut sink, _other] = lock.open(std::slice::from_ref(&topic), StartAt::Committed, "dead".into()).unwrap().1;
    let sent = sink.send(Vec::new(), vec![Position { topic: (*topic).into(), partition: 0, offset: 10_000 }]);
    sink.commit(sent).unwrap();
    let alerts = alerts(1, 20);
    feed(&mut feeder(&brokers, &topic, 1), 1, packets(&alerts));
    let (lines, told) = read(&brokers, &topic, &["--json", "--group", &group]);
    exactly(lines.iter().map(|line| id(line)).collect(), &alerts);
    assert!(told.contains("created anew") && told.contains("offset=10000") && told.contains("end=20"), "{told}");
}

/// The ids that a member of a group reads to the end, and what it says.
fn read_ids(brokers: &str, topic: &str, group: &str, arguments: &[&str]) -> (Vec<i64>, String) {
    let (lines, told) = read(brokers, topic, &[&["--json", "--group", group], arguments].concat());
    (lines.iter().map(|line| id(line)).collect(), told)
}

#[test]
fn a_topic_that_was_created_anew_while_nobody_read_it_is_read_from_its_beginning() {
    let Some(brokers) = kafka() else { return };
    let alerts = alerts(1, 100);
    // The new topic reaches farther than the group was in the old one.
    for arguments in [&["--commit", "after"][..], &["--commit", "before"], &["--from", "latest", "--timeout", "20"]] {
        let (topic, group) = (unique("again"), unique("again-readers"));
        create_topic(&brokers, &topic, 2);
        feed(&mut feeder(&brokers, &topic, 2), 2, packets(&alerts[..20]));
        let (ids, told) = read_ids(&brokers, &topic, &group, arguments);
        let all = if arguments[0] == "--commit" { 20 } else { 0 };
        exactly(ids, &alerts[..all]);
        assert_eq!(told, "");
        recreate_topic(&brokers, &topic, 2);
        feed(&mut feeder(&brokers, &topic, 2), 2, packets(&alerts[30..90]));
        // Kafka forgets the offsets of a deleted topic, unless they are committed once more.
        exactly(read_ids(&brokers, &topic, &group, &[]).0, &alerts[30..90]);
        feed(&mut feeder(&brokers, &topic, 2), 2, packets(&alerts[90..]));
        let (ids, told) = read_ids(&brokers, &topic, &group, &[]);
        exactly(ids, &alerts[90..]);
        assert_eq!(told, "");
    }
}

#[test]
fn offsets_of_an_earlier_topic_of_the_name_are_told_and_not_used() {
    let Some(brokers) = kafka() else { return };
    let (topic, group) = (unique("earlier"), unique("earlier-readers"));
    create_topic(&brokers, &topic, 1);
    let alerts = alerts(1, 60);
    feed(&mut feeder(&brokers, &topic, 1), 1, packets(&alerts[..20]));
    // Who reads the old topic commits once more after it was created anew.
    let lock = HostLock::new(&Options::new(&*brokers), &group).unwrap();
    let [mut sink, _other] = lock.open(std::slice::from_ref(&topic), StartAt::Committed, "dead".into()).unwrap().1;
    recreate_topic(&brokers, &topic, 1);
    let sent = sink.send(Vec::new(), vec![Position { topic: (*topic).into(), partition: 0, offset: 20 }]);
    sink.commit(sent).unwrap();
    feed(&mut feeder(&brokers, &topic, 1), 1, packets(&alerts[20..]));
    let (ids, told) = read_ids(&brokers, &topic, &group, &[]);
    exactly(ids, &alerts[20..]);
    assert!(told.contains("created anew") && told.contains(&topic), "{told}");
    assert_eq!(read_ids(&brokers, &topic, &group, &[]), (Vec::new(), String::new()), "it is told once");
}

#[test]
fn a_topic_that_is_created_anew_under_a_member_is_read_from_its_beginning() {
    let Some(brokers) = kafka() else { return };
    let alerts = alerts(1, 100);
    for commit in ["after", "before", "never"] {
        let (topic, group) = (unique("under"), unique("under-readers"));
        create_topic(&brokers, &topic, 2);
        feed(&mut feeder(&brokers, &topic, 2), 2, packets(&alerts[..20]));
        let member = Member::join(&brokers, &topic, &["--group", &group, "--commit", commit]);
        wait_for("the old topic to be read", || member.printed() == 20);
        recreate_topic(&brokers, &topic, 2);
        feed(&mut feeder(&brokers, &topic, 2), 2, packets(&alerts[20..80]));
        wait_for("the new topic to be read", || member.printed() >= 80);
        exactly(member.leave(), &alerts[..80]);
        let (ids, _) = read_ids(&brokers, &topic, &group, &[]);
        exactly(ids, if commit == "never" { &alerts[20..80] } else { &[] });
    }
}
