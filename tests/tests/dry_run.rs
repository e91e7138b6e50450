//! Dry runs on real Kafka: a filter is tried on alerts beside the stream, and nobody else notices.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::bombs::bombs;
use skysieve_tests::host::{Answer, Host};
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::pipeline::sorted;
use skysieve_tests::setup::{ALL, Setup, ids, packets};
use skysieve_tests::{alerts, check_offline, module, skysieve, text};

/// Accepts a third of the alerts.
const THIRD: &str = "mode = 'accept'\nevery = 3";
/// Takes some 20 ms for each tenth alert.
const SLOW: &str = "config=mode%3D'uneven'%0Arounds%3D20000000&fuel=1000000000&deadline_ms=10000";
/// What a dry run over 10,000 alerts beside a live visit may take here, where other tests run at the same time.
const SOON: Duration = Duration::from_secs(40);

fn odd() -> Vec<u8> {
    std::fs::read(module("odd")).unwrap()
}

/// Starts a host that reads a new topic with so many partitions.
fn start(brokers: &str, partitions: i32, arguments: &[&str]) -> (Setup, String, Host) {
    let (setup, topic) = (Setup::new("dry", &[ALL]), unique("dry"));
    create_topic(brokers, &topic, partitions);
    let host = setup.start(brokers, &topic, arguments);
    host.await_reading();
    (setup, topic, host)
}

fn send(brokers: &str, topic: &str, partitions: i32, alerts: &[SimulatedAlert]) {
    feed(&mut feeder(brokers, topic, partitions), partitions, packets(alerts));
}

/// A form of these parts, and its media type.
fn form(parts: &[(&str, &[u8])]) -> (Vec<u8>, &'static str) {
    let mut body = Vec::new();
    for (name, content) in parts {
        body.extend(format!("--boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes());
        body.extend([content, &b"\r\n"[..]].concat());
    }
    body.extend_from_slice(b"--boundary--\r\n");
    (body, "multipart/form-data; boundary=boundary")
}

fn post_form(host: &Host, path: &str, parts: &[(&str, &[u8])]) -> Answer {
    let (body, kind) = form(parts);
    host.request("POST", path, &[("content-type", kind)], &body)
}

/// Tries the filter `odd`, and waits for the end.
#[track_caller]
fn tried(host: &Host, query: &str) -> Value {
    let path = format!("/api/v1/check?wait=60&{query}");
    let answer = host.request("POST", &path, &[("content-type", "application/wasm")], &odd());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn numbers(values: &Value) -> Vec<i64> {
    sorted(values.as_array().unwrap().iter().map(|id| id.as_str().unwrap().parse().unwrap()).collect())
}

fn job_ids(host: &Host, job: &Value) -> Vec<i64> {
    let ids: Value = serde_json::from_str(&host.get(&format!("/api/v1/jobs/{}/ids", job["id"]))).unwrap();
    numbers(&ids["ids"])
}

/// The parts of two reports on costs that don't depend on time and place.
fn comparable(cost: &Value) -> Vec<&Value> {
    let names = [
        "alerts",
        "accepted",
        "pass_rate",
        "faulted",
        "visits",
        "most_accepted",
        "quota",
        "over_quota",
        "sampled",
        "fuel",
    ];
    names.iter().map(|name| &cost[name]).collect()
}

#[test]
fn a_dry_run_says_what_check_says_and_leaves_nothing_behind() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, 3, &[]);
    let all = alerts(4, 400);
    send(&brokers, &topic, 3, &all);
    host.await_committed(all.len() as i64);
    host.upload("other", "config=mode%3D'accept'", &odd());
    let registry = || {
        let names = ["filters", "modules"].map(|kind| format!("{}-{kind}", setup.name));
        read_all(&brokers, &names).len()
    };
    let before = registry();
    let checked = check_offline("odd", THIRD, &all);
    let config = "config=mode%3D'accept'%0Aevery%3D3";

    let job = tried(&host, &format!("name=third&last=1600&{config}"));
    assert_eq!((&job["kind"], &job["state"], &job["filter"]), (&json!("check"), &json!("done"), &json!("third")));
    assert_eq!(job_ids(&host, &job), numbers(&checked["accepted"]));
    assert_eq!(comparable(&job["cost"]), comparable(&checked["cost"]), "{job}");
    assert_eq!((&job["counts"]["seen"], &job["counts"]["accepted"]), (&json!(1600), &json!(80)));
    assert_eq!(job["recent_visits"].as_array().unwrap().len(), 4);

    // The same alerts in the request: one by one, or all in a file.
    let mut parts: Vec<(&str, &[u8])> = vec![("config", THIRD.as_bytes())];
    let module = odd();
    parts.push(("module", &module));
    parts.extend(all.iter().map(|alert| ("packets", &alert.bytes[..])));
    let answer = post_form(&host, "/api/v1/check?wait=60", &parts);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(job_ids(&host, &answer.json()), numbers(&checked["accepted"]));
    assert_eq!(comparable(&answer.json()["cost"]), comparable(&checked["cost"]), "{answer:?}");

    assert_eq!(registry(), before, "the registry's topics have changed");
    assert_eq!(host.request("GET", "/api/v1/filters/third", &[], b"").status, 404);
    assert_eq!(host.stop().0, Some(0));
    let came = read_all(&brokers, &[setup.topic("all"), format!("{}-dead-letters", setup.name)]);
    assert_eq!((came.len(), ids(&came, &setup.topic("all")).len()), (all.len(), all.len()));
}

#[test]
fn a_version_is_tried_from_a_terminal() {
    let Some(brokers) = kafka() else { return };
    let (_setup, topic, host) = start(&brokers, 1, &[]);
    let all = alerts(2, 300);
    send(&brokers, &topic, 1, &all);
    host.await_committed(all.len() as i64);
    host.upload("mine", "config=mode%3D'accept'%0Aevery%3D3&quota=7", &odd());
    host.upload("mine", "config=mode%3D'accept'", &odd());
    let run = |arguments: &[&str]| skysieve(["filters", "check", "--server", host.url()].iter().chain(arguments));
    let output = run(&["mine", "--version", "1", "--last", "600", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checked = check_offline("odd", THIRD, &all);
    assert_eq!(numbers(&found["accepted"]), numbers(&checked["accepted"]));
    assert_eq!(found["cost"]["fuel"], checked["cost"]["fuel"]);
    let output = run(&["mine", "--last", "100"]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed} {}", text(&output.stderr));
    let said = ["check        done", "pass rate    100.000 %", "at 10,000 alerts each 39 s"];
    assert!(said.iter().all(|text| printed.contains(text)), "{printed}");
    // It is live all the same.
    assert_eq!(
        (&host.filter("mine")["state"], &host.filter("mine")["registered"]["version"]),
        (&json!("active"), &json!(2))
    );
    for (wrong, code) in
        [(&["mine", "--version", "9"][..], 1), (&["none"], 1), (&["all"], 1), (&["mine", "--last", "0"], 2)]
    {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(code), "{wrong:?}: {}", text(&output.stderr));
    }
    assert!(text(&run(&["all"]).stderr).contains("skysieve replay all"));
}

#[test]
fn ten_thousand_alerts_are_tried_beside_a_live_visit() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, 2, &[]);
    let all = alerts(11, 1000);
    let (past, live) = all.split_at(10_000);
    send(&brokers, &topic, 2, past);
    host.await_committed(past.len() as i64);
    let begun = Instant::now();
    let took = std::thread::scope(|scope| {
        let trying = scope.spawn(|| {
            let job = tried(&host, "last=10000&config=mode%3D'accept'%0Aevery%3D3");
            (begun.elapsed(), job)
        });
        live.chunks(100).for_each(|some| send(&brokers, &topic, 2, some));
        host.await_committed(all.len() as i64);
        let (took, job) = trying.join().unwrap();
        // The last ones are those when it began, which may be some of the live ones.
        assert_eq!((&job["state"], &job["counts"]["seen"]), (&json!("done"), &json!(10_000)), "{job}");
        took
    });
    println!("a dry run over 10,000 alerts beside a live visit took {took:?}");
    assert!(took < SOON, "{took:?}");
    assert_eq!(host.stop().0, Some(0));
    let came = read_all(&brokers, &[setup.topic("all")]);
    assert_eq!(ids(&came, &setup.topic("all")), sorted(all.iter().map(|alert| alert.id).collect()));
}

#[test]
fn a_dry_run_is_cancelled() {
    let Some(brokers) = kafka() else { return };
    let (_setup, topic, host) = start(&brokers, 1, &["--max-fuel", "1000000000", "--max-deadline", "10000"]);
    send(&brokers, &topic, 1, &alerts(2, 1000));
    let path = format!("/api/v1/check?last=2000&{SLOW}");
    let begun = host.request("POST", &path, &[("content-type", "application/wasm")], &odd());
    assert_eq!(begun.status, 202, "{begun:?}");
    let path = format!("/api/v1/jobs/{}", begun.json()["id"]);
    let job = || -> Value { serde_json::from_str(&host.get(&path)).unwrap() };
    wait_for("some verdicts", || job()["counts"]["seen"].as_u64().unwrap() > 0);
    let begun = Instant::now();
    let ended = host.request("DELETE", &path, &[], b"").json();
    assert_eq!(ended["state"], "cancelled", "{ended}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // There is room for the next one.
    assert_eq!(tried(&host, "last=10&config=mode%3D'accept'")["state"], "done");
}

#[test]
fn bombs_and_filters_that_fail_cost_only_their_owner_an_error() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, 1, &[]);
    let all = alerts(1, 500);
    send(&brokers, &topic, 1, &all);
    host.await_committed(all.len() as i64);
    for (name, bomb, _) in bombs() {
        let answer = host.request("POST", "/api/v1/check?wait=60", &[("content-type", "application/wasm")], &bomb);
        assert_eq!(answer.status, 422, "{name}: {answer:?}");
    }
    for mode in ["panic", "spin", "hoard"] {
        let job = tried(&host, &format!("last=500&config=mode%3D'{mode}'"));
        assert_eq!(job["state"], "failed", "{job}");
        assert!(job["reason"].as_str().unwrap().contains("suspended"), "{job}");
        assert!(!job["recent_faults"].as_array().unwrap().is_empty(), "{job}");
        assert!(job["cost"]["faulted"].as_u64().unwrap() > 0, "{job}");
    }
    assert_eq!(host.filter("all")["state"], "active");
    assert_eq!(host.stop().0, Some(0));
    assert!(read_all(&brokers, &[format!("{}-dead-letters", setup.name)]).is_empty());
}

#[test]
fn garbage_among_the_packets_is_counted_and_the_others_are_judged() {
    let Some(brokers) = kafka() else { return };
    let (_setup, _topic, host) = start(&brokers, 1, &[]);
    let all = alerts(1, 3);
    let cut = &all[1].bytes[..7];
    let module = odd();
    let parts: [(&str, &[u8]); 7] = [
        ("module", &module),
        ("config", b"mode = 'accept'"),
        ("packets", &all[0].bytes),
        ("packets", b"garbage"),
        ("packets", b""),
        ("packets", cut),
        ("packets", &all[2].bytes),
    ];
    let answer = post_form(&host, "/api/v1/check?wait=60", &parts);
    assert_eq!(answer.status, 200, "{answer:?}");
    let job = answer.json();
    assert_eq!((&job["counts"]["seen"], &job["undecodable"]), (&json!(2), &json!(3)), "{job}");
    assert_eq!(job_ids(&host, &job), sorted(vec![all[0].id, all[2].id]));
    // There is no alert in the stream.
    let path = "/api/v1/check?config=mode%3D'accept'";
    let answer = host.request("POST", path, &[("content-type", "application/wasm")], &module);
    assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("no_alerts")), "{answer:?}");
}

#[test]
fn an_upload_is_tried_on_the_newest_alerts_before_it_is_active() {
    let Some(brokers) = kafka() else { return };
    let (setup, topic, host) = start(&brokers, 1, &["--trial-pass-rate", "0.5"]);
    let put = |name: &str, query: &str| {
        let path = format!("/api/v1/filters/{name}?{query}");
        host.request("PUT", &path, &[], &odd())
    };
    let warnings =
        |answer: &Answer| -> Vec<String> { serde_json::from_value(answer.json()["warnings"].clone()).unwrap() };
    // There is nothing to try it on.
    let answer = put("early", "config=mode%3D'panic'");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(warnings(&answer)[0].contains("was not tried"), "{answer:?}");

    let all = alerts(2, 200);
    send(&brokers, &topic, 1, &all[..200]);
    host.await_committed(200);
    let answer = put("fails", "config=mode%3D'panic'");
    let (said, code) = (answer.json()["detail"].to_string(), answer.json()["code"].clone());
    assert_eq!((answer.status, code), (422, json!("trial_failed")), "{answer:?}");
    assert!(said.contains("all of the 100 newest alerts") && said.contains("force=true"), "{said}");
    assert_eq!(host.request("GET", "/api/v1/filters/fails", &[], b"").status, 404);
    let answer = put("fails", "config=mode%3D'panic'&force=true");
    assert_eq!((answer.status, &answer.json()["state"]), (201, &json!("active")), "{answer:?}");
    assert!(warnings(&answer)[0].contains("fails on 100 of the 100"), "{answer:?}");

    let answer = put("greedy", "config=mode%3D'accept'");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(warnings(&answer)[0].contains("100 %, which is more than 50 %"), "{answer:?}");
    let answer = put("greedy", "config=mode%3D'accept'%0Aevery%3D3");
    assert_eq!((answer.status, warnings(&answer)), (200, vec![]), "{answer:?}");
    let version = |number: u32| -> Value {
        serde_json::from_str(&host.get(&format!("/api/v1/filters/greedy/versions/{number}"))).unwrap()
    };
    let cost = version(2)["cost"].clone();
    // As many are measured as there is time for.
    assert!(cost["alerts"] == 100 && (1..=100).contains(&cost["sampled"].as_u64().unwrap()), "{cost}");
    let most = check_offline("odd", THIRD, &all[100..200])["cost"]["fuel"]["max"].as_u64().unwrap();
    assert!((1..=most).contains(&cost["fuel"]["max"].as_u64().unwrap()), "{cost}");

    // A version is kept whatever its trial finds, and refused when it is to be active.
    let path = "/api/v1/filters/greedy/versions?config=mode%3D'error'";
    let answer = host.request("POST", path, &[("content-type", "application/wasm")], &odd());
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(version(3)["cost"]["faulted"], 100);
    let activate =
        |body: &Value| host.request("POST", "/api/v1/filters/greedy/activate", &[], body.to_string().as_bytes());
    let answer = activate(&json!({"version": 3}));
    assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("trial_failed")), "{answer:?}");
    assert_eq!(host.filter("greedy")["registered"]["version"], 2);
    assert_eq!(activate(&json!({"version": 3, "force": true})).status, 200);
    assert_eq!(activate(&json!({"version": 1})).status, 200);

    // The costs are there after a restart.
    assert_eq!(host.stop().0, Some(0));
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    let kept: Value = serde_json::from_str(&host.get("/api/v1/filters/greedy/versions/2")).unwrap();
    assert_eq!(kept["cost"], cost);
}
