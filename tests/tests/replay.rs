//! Replays on real Kafka: a filter of a running host judges past alerts once more, and nobody else notices.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::pipeline::sorted;
use skysieve_tests::setup::{ALL, Filter, Setup, ids, packets};
use skysieve_tests::{alerts, binary, check_offline, module, skysieve, text};

/// Accepts a third of the alerts, and has the usual quota.
const THIRD: Filter = ("third", "odd", "[config]\nmode = 'accept'\nevery = 3");
/// The config of that filter.
const THIRD_CONFIG: &str = "mode = 'accept'\nevery = 3";
/// Takes some 20 ms for each tenth alert, and accepts all.
const SLOW: Filter = (
    "slow",
    "odd",
    "quota = 1000000\n[config]\nmode = 'uneven'\nrounds = 20000000\n[limits]\nfuel = 1000000000\ndeadline_ms = 10000",
);
/// Fails on each alert.
const FAILS: Filter = ("fails", "odd", "[config]\nmode = 'panic'");
/// Much longer than it takes on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Milliseconds since 1970, at which no message came.
fn between_messages() -> String {
    let pause = || std::thread::sleep(Duration::from_millis(20));
    pause();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    pause();
    now.to_string()
}

/// Starts a host that reads a new topic with one partition.
fn start(brokers: &str, filters: &[Filter], arguments: &[&str]) -> (Setup, String, Host) {
    let (setup, topic) = (Setup::new("replay", filters), unique("past"));
    create_topic(brokers, &topic, 1);
    let host = setup.start(brokers, &topic, arguments);
    host.await_reading();
    (setup, topic, host)
}

fn send(brokers: &str, topic: &str, alerts: &[SimulatedAlert]) {
    feed(&mut feeder(brokers, topic, 1), 1, packets(alerts));
}

/// Runs `skysieve replay` until it ends.
fn replay(host: &Host, arguments: &[&str]) -> Output {
    skysieve(["replay", "--host", host.url()].iter().chain(arguments))
}

/// The result of a replay, which has to succeed.
#[track_caller]
fn replayed(host: &Host, arguments: &[&str]) -> Value {
    let output = replay(host, &[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{} {}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn numbers(values: &Value) -> Vec<i64> {
    let of = |id: &Value| id.as_str().unwrap().parse().unwrap();
    sorted(values.as_array().unwrap().iter().map(of).collect())
}

fn ids_of(alerts: &[SimulatedAlert]) -> Vec<i64> {
    sorted(alerts.iter().map(|alert| alert.id).collect())
}

/// Sends a request, and returns the status and the body.
fn send_request(host: &Host, method: &str, path: &str) -> (u16, Value) {
    let answer = host.request(method, &format!("/api/v1/{path}"), &[], b"");
    (answer.status, answer.json())
}

/// Begins a replay of everything. Returns its number.
fn begin(host: &Host, filter: &str, query: &str) -> u64 {
    let (status, job) = send_request(host, "POST", &format!("filters/{filter}/replay?from=earliest{query}"));
    assert_eq!(status, 202, "{job}");
    job["id"].as_u64().unwrap()
}

fn job(host: &Host, id: u64) -> Value {
    send_request(host, "GET", &format!("jobs/{id}")).1
}

#[test]
fn a_replay_of_a_span_says_what_check_says_and_publishes_that_and_the_live_filters_go_on() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, &[ALL, THIRD], &[]);
    let all = alerts(5, 200);
    let (before, rest) = all.split_at(200);
    let (span, after) = rest.split_at(400);
    send(&brokers, &topic, before);
    let from = between_messages();
    send(&brokers, &topic, span);
    let to = between_messages();
    send(&brokers, &topic, &after[..200]);
    let checked = check_offline("odd", THIRD_CONFIG, span);

    // Live alerts come meanwhile.
    let live = std::thread::spawn({
        let (brokers, topic, live) = (brokers.clone(), topic.clone(), after[200..].to_vec());
        move || live.chunks(20).for_each(|some| send(&brokers, &topic, some))
    });
    let found = replayed(&host, &["third", "--from", &from, "--to", &to]);
    assert_eq!(numbers(&found["accepted"]), numbers(&checked["published"]));
    assert_eq!(numbers(&found["accepted"]).len(), 40, "20 of each visit");
    let counts = &found["counts"];
    let accepted = checked["accepted"].as_array().unwrap().len() as u64;
    assert_eq!((counts["seen"].as_u64(), counts["accepted"].as_u64()), (Some(400), Some(40)));
    assert_eq!(counts["over_quota"].as_u64(), Some(accepted - 40));
    assert_eq!((&found["state"], &found["messages"], &found["into"]), (&"done".into(), &400.into(), &Value::Null));
    assert_eq!(found["partitions"][0]["next"], found["partitions"][0]["end"]);

    let into = format!("{}.replay", setup.topic("third"));
    let found = replayed(&host, &["third", "--from", &from, "--to", &to, "--into", &into]);
    assert_eq!(numbers(&found["accepted"]), numbers(&checked["published"]));
    let published = read_all(&brokers, std::slice::from_ref(&into));
    assert_eq!(ids(&published, &into), numbers(&checked["published"]));
    for message in &published {
        let id: i64 = text(&message.key).parse().unwrap();
        let alert = span.iter().find(|alert| alert.id == id).unwrap();
        assert_eq!(message.payload, alert.bytes, "{id}");
        assert_eq!(text(message.header("skysieve-filter").unwrap()), "third");
    }

    live.join().unwrap();
    host.await_done(all.len() as u64);
    let topics = ["all", "third"].map(|filter| setup.topic(filter));
    let outputs = read_all(&brokers, &topics);
    assert_eq!(ids(&outputs, &topics[0]), ids_of(&all));
    assert_eq!(ids(&outputs, &topics[1]), numbers(&check_offline("odd", THIRD_CONFIG, &all)["published"]));
    assert_eq!(host.filter("third")["counts"]["seen"], all.len());
    assert_eq!(host.stop().0, Some(0));
}

#[test]
fn the_ids_are_written_to_a_file_and_the_summary_is_printed() {
    let Some(brokers) = kafka() else { return };
    let (_setup, topic, host) = start(&brokers, &[THIRD], &[]);
    let all = alerts(2, 100);
    send(&brokers, &topic, &all);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids.txt");
    let output = replay(&host, &["third", "--from", "earliest", "--ids", file.to_str().unwrap()]);
    let printed = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{printed}");
    assert!(printed.contains("done") && printed.contains("200: 40 accepted"), "{printed}");
    let ids = |text: String| sorted(text.lines().map(|id| id.parse().unwrap()).collect());
    let expected = numbers(&check_offline("odd", THIRD_CONFIG, &all)["published"]);
    assert_eq!(ids(std::fs::read_to_string(file).unwrap()), expected);
    let output = replay(&host, &["third", "--from", "earliest", "--ids", "-"]);
    assert_eq!(ids(text(&output.stdout)), expected);
    assert!(text(&output.stderr).contains("200: 40 accepted"));
}

#[test]
fn all_partitions_of_all_topics_are_read_to_their_ends_also_where_transactions_end() {
    let Some(brokers) = kafka() else { return };
    // The topic of a filter ends with a marker of a transaction, and has some within.
    let (setup, topic, host) = start(&brokers, &[ALL], &["--partitions", "3"]);
    let all = alerts(2, 150);
    let (first, second) = all.split_at(150);
    send(&brokers, &topic, first);
    host.await_done(150);
    let other = unique("other");
    create_topic(&brokers, &other, 2);
    feed(&mut feeder(&brokers, &other, 2), 2, packets(second));

    let later = Setup::new("later", &[ALL]);
    let topics = format!("{},{other}", setup.topic("all"));
    let reader = later.start(&brokers, &topics, &["--from", "latest"]);
    reader.await_reading();
    let found = replayed(&reader, &["all", "--from", "earliest"]);
    assert_eq!(numbers(&found["accepted"]), ids_of(&all));
    assert_eq!((&found["messages"], found["partitions"].as_array().unwrap().len()), (&300.into(), 5));
    assert_eq!(host.stop().0, Some(0));
    assert_eq!(reader.stop().0, Some(0));
}

#[test]
fn a_slow_filters_replay_holds_nobody_up_and_is_cancelled_at_once() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, &[ALL, SLOW], &["--max-lag", "100000"]);
    let all = alerts(8, 500);
    let (past, live) = all.split_at(3500);
    send(&brokers, &topic, past);
    host.await_done(past.len() as u64);
    let into = format!("{}.replay", setup.topic("slow"));
    let id = begin(&host, "slow", &format!("&into={into}"));

    let begun = Instant::now();
    for (at, some) in live.chunks(100).enumerate() {
        send(&brokers, &topic, some);
        host.await_done((past.len() + 100 * (at + 1)) as u64);
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    wait_for("some of the replay", || job(&host, id)["counts"]["seen"].as_u64().unwrap() > 0);

    let begun = Instant::now();
    let (status, ended) = send_request(&host, "DELETE", &format!("jobs/{id}"));
    assert_eq!((status, &ended["state"]), (200, &"cancelled".into()), "{ended}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(ended["counts"]["seen"].as_u64().unwrap() < past.len() as u64, "{ended}");
    // What it had said until then is published, and nothing else.
    let found = send_request(&host, "GET", &format!("jobs/{id}/ids")).1;
    let published = ids(&read_all(&brokers, std::slice::from_ref(&into)), &into);
    assert_eq!(published, numbers(&found["ids"]));
    assert_eq!(published.len() as u64, ended["counts"]["accepted"].as_u64().unwrap());
    assert_eq!(ids(&read_all(&brokers, &[setup.topic("all")]), &setup.topic("all")), ids_of(&all));
}

#[test]
fn interrupting_the_command_cancels_the_replay() {
    let Some(brokers) = kafka() else { return };
    let (_setup, topic, host) = start(&brokers, &[SLOW], &[]);
    send(&brokers, &topic, &alerts(4, 1000));
    let command = ["replay", "slow", "--host", host.url(), "--from", "earliest"];
    let process = Command::new(binary()).args(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the replay to begin", || {
        job(&host, 1).get("counts").is_some_and(|counts| counts["seen"].as_u64().unwrap() > 0)
    });
    Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("cancelled"), "{}", text(&output.stdout));
    assert_eq!(job(&host, 1)["state"], "cancelled");
}

#[test]
fn a_failing_filters_replay_ends_with_the_reason_and_without_dead_letters() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, &[ALL], &["--replays", "1"]);
    let all = alerts(1, 400);
    send(&brokers, &topic, &all);
    host.await_done(400);
    // It comes later, so that it has not seen any of these.
    let url = format!("{}/api/v1/filters/fails?force=true&config=mode='panic'", host.url());
    ureq::put(&url).content_type("application/wasm").send(std::fs::read(module("odd")).unwrap()).unwrap();
    let output = replay(&host, &[FAILS.0, "--from", "earliest", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["state"], "failed", "{found}");
    assert!(found["reason"].as_str().unwrap().contains("suspended"), "{found}");
    assert!(!found["recent_faults"].as_array().unwrap().is_empty(), "{found}");
    assert_eq!(
        (&host.filter("fails")["state"], &host.filter("fails")["counts"]["seen"]),
        (&"active".into(), &0.into())
    );
    // There is room for the next one again.
    assert_eq!(numbers(&replayed(&host, &["all", "--from", "earliest"])["accepted"]), ids_of(&all));
    assert_eq!(host.stop().0, Some(0));
    assert!(read_all(&brokers, &[format!("{}-dead-letters", setup.name)]).is_empty());
}

#[test]
fn what_can_not_be_replayed_is_refused_with_the_reason() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, &[ALL, SLOW], &["--replays", "1"]);
    send(&brokers, &topic, &alerts(4, 1000));
    let later = between_messages();
    let refused = |path: &str, status: u16, code: &str, said: &str| {
        let answer = send_request(&host, "POST", &format!("filters/{path}"));
        assert_eq!((answer.0, answer.1["code"].as_str()), (status, Some(code)), "{path}: {}", answer.1);
        assert!(answer.1["detail"].as_str().unwrap().contains(said), "{path}: {}", answer.1);
    };
    refused("none/replay?from=earliest", 404, "unknown_filter", "none");
    refused("all/replay?from=yesterday", 400, "bad_query", "2026-05-09T03:00:00Z");
    refused("all/replay?from=2026-05-09&to=2026-05-08", 400, "bad_query", "is not before");
    refused("all/replay?from=2020-01-01&to=2020-01-02", 404, "no_alerts", "the oldest message there is of 20");
    refused(&format!("all/replay?from={later}"), 404, "no_alerts", &topic);
    let into = |topic: &str| format!("all/replay?from=earliest&into={topic}");
    for wrong in
        [&topic, &setup.topic("slow"), &setup.topic("all"), "other", &setup.topic("all-"), &setup.topic("all.%C3%A4")]
    {
        refused(&into(wrong), 422, "bad_into", "is not a topic for a replay of all");
    }
    let output = replay(&host, &["all", "--from", "2026-05-09", "--to", "2026-05-08"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("is not before"), "{}", text(&output.stderr));
    assert_eq!(replay(&host, &["none", "--from", "earliest"]).status.code(), Some(1));

    let id = begin(&host, "slow", "");
    refused("all/replay?from=earliest", 429, "busy", "--replays");
    let begun = Instant::now();
    assert_eq!(host.filter("slow")["state"], "active");
    assert_eq!(job(&host, id)["state"], "running");
    // A host that is told to stop does not wait for replays.
    assert_eq!(host.stop().0, Some(0));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}
