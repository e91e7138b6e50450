//! Shadows on real Kafka: a version runs beside the active one on the live stream, is compared with it alert by alert, and
//! nobody else notices.

use serde_json::{Value, json};
use skysieve_simulate::SimulatedAlert;
use skysieve_tests::host::{Answer, Host};
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::pipeline::sorted;
use skysieve_tests::setup::{ALL, Setup, packets};
use skysieve_tests::{alerts, check_offline, module, skysieve, text};

const PARTITIONS: i32 = 3;
/// Short enough that filters leave the live lane, and shadows owe what they have not judged.
const SLICE: [&str; 2] = ["--slice", "1"];

/// Two configs that accept different alerts, and some that are the same.
const OLD: &str = "mode = 'accept'\nevery = 3";
const NEW: &str = "mode = 'accept'\nevery = 2";

fn odd() -> Vec<u8> {
    std::fs::read(module("odd")).unwrap()
}

/// A query with a config, which is percent-encoded.
fn config(text: &str) -> String {
    let text = text.replace('\n', "%0A").replace('=', "%3D").replace(' ', "%20").replace('\'', "%27");
    format!("config={text}")
}

/// A host with a filter `mine`, and `twin`, which is the same and never has a shadow.
struct Stage {
    setup: Setup,
    topic: String,
    brokers: String,
    host: Host,
}

impl Stage {
    fn new(brokers: &str, partitions: i32, arguments: &[&str], active: &str) -> Stage {
        let (setup, topic) = (Setup::new("shadow", &[ALL]), unique("shadow"));
        create_topic(brokers, &topic, partitions);
        let host = setup.start(brokers, &topic, arguments);
        host.await_reading();
        for name in ["mine", "twin"] {
            host.upload(name, &format!("{}&fuel=10000000", config(active)), &odd());
        }
        Stage { setup, topic, brokers: brokers.to_owned(), host }
    }

    fn send(&self, partitions: i32, alerts: &[SimulatedAlert]) {
        feed(&mut feeder(&self.brokers, &self.topic, partitions), partitions, packets(alerts));
    }

    /// Adds a version of `mine`. Returns its number.
    fn add(&self, text: &str) -> u64 {
        let path = format!("/api/v1/filters/mine/versions?{}", config(text));
        let answer = self.host.request("POST", &path, &[("content-type", "application/wasm")], &odd());
        assert_eq!(answer.status, 201, "{answer:?}");
        let versions: Value = serde_json::from_str(&self.host.get("/api/v1/filters/mine/versions")).unwrap();
        versions.as_array().unwrap().last().unwrap()["number"].as_u64().unwrap()
    }

    fn begin(&self, version: u64) -> Answer {
        let body = json!({ "version": version }).to_string();
        self.host.request("POST", "/api/v1/filters/mine/shadow", &[], body.as_bytes())
    }

    fn shadow(&self) -> Value {
        serde_json::from_str(&self.host.get("/api/v1/filters/mine/shadow")).unwrap()
    }

    /// Waits until so many alerts were compared.
    fn await_compared(&self, alerts: usize) -> Value {
        wait_for("verdicts of the shadow", || {
            let shadow = self.shadow();
            assert_eq!(shadow["state"], "running", "{shadow}");
            shadow["seen"].as_u64().unwrap() >= alerts as u64
        });
        self.shadow()
    }

    /// Ends the host. Returns the ids on the topics of `mine` and `twin`, in their order.
    fn end(self) -> [Vec<i64>; 2] {
        let Stage { setup, brokers, host, .. } = self;
        assert_eq!(host.stop().0, Some(0));
        ["mine", "twin"].map(|name| {
            let came = read_all(&brokers, &[setup.topic(name)]);
            came.iter().map(|message| text(&message.key).parse().unwrap()).collect()
        })
    }

    /// Ends the host. The topics of `mine` and `twin` have to be the same, with so many alerts.
    #[track_caller]
    fn end_alike(self, published: usize) {
        let [mine, twin] = self.end();
        assert_eq!((mine.len(), mine), (published, twin));
    }
}

fn numbers(ids: &Value) -> Vec<i64> {
    sorted(ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().parse().unwrap()).collect())
}

/// Checks a comparison against what `skysieve check` says of both versions.
#[track_caller]
fn assert_same_as_checks(shadow: &Value, alerts: &[SimulatedAlert], [old, new]: [&str; 2]) {
    let [old, new] = [old, new].map(|config| numbers(&check_offline("odd", config, alerts)["accepted"]));
    let both: Vec<i64> = old.iter().filter(|id| new.contains(id)).copied().collect();
    let only = |these: &[i64]| these.iter().filter(|id| !both.contains(id)).copied().collect::<Vec<i64>>();
    for (kind, expected) in [("both", both.clone()), ("only_active", only(&old)), ("only_shadow", only(&new))] {
        let found = &shadow[kind];
        assert_eq!(numbers(&found["ids"]), expected, "{kind}");
        assert_eq!((&found["count"], &found["left_out"]), (&json!(expected.len()), &json!(0)), "{kind}");
    }
    assert_eq!(shadow["seen"], alerts.len(), "{shadow}");
    assert_eq!((&shadow["active"]["accepted"], &shadow["shadow"]["accepted"]), (&json!(old.len()), &json!(new.len())));
}

#[test]
fn a_shadow_finds_what_two_checks_find_over_three_visits_and_becomes_active() {
    let Some(brokers) = kafka() else { return };
    let stage = Stage::new(&brokers, PARTITIONS, &[], OLD);
    let all = alerts(4, 400);
    let (before, visits) = all.split_at(400);
    stage.send(PARTITIONS, before);
    stage.host.await_committed(400);
    let version = stage.add(NEW);
    let answer = stage.begin(version);
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("running")), "{answer:?}");
    for visit in visits.chunks(400) {
        stage.send(PARTITIONS, visit);
    }
    let shadow = stage.await_compared(visits.len());
    assert_same_as_checks(&shadow, visits, [OLD, NEW]);
    // It says from where on: behind the visit before.
    let since = shadow["since"][&stage.topic].as_object().unwrap();
    assert_eq!(since.values().map(|offset| offset.as_i64().unwrap()).sum::<i64>(), 400, "{shadow}");
    let of_visits = shadow["visits"].as_array().unwrap();
    assert_eq!(of_visits.len(), 3, "{shadow}");
    let sum = |name: &str| of_visits.iter().map(|visit| visit[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("seen"), sum("only_shadow")), (1200, shadow["only_shadow"]["count"].as_u64().unwrap()));
    let fuel = |of: &str| shadow[of]["fuel"].as_u64().unwrap();
    assert!(fuel("active") > 0 && fuel("shadow") > 0 && shadow["shadow"]["faulted"] == 0, "{shadow}");
    // Begun once more, it goes on.
    assert_eq!(stage.begin(version).json()["seen"], 1200);

    let run = |arguments: &[&str]| {
        skysieve(["filters", "shadow", "mine", "--server", stage.host.url()].iter().chain(arguments))
    };
    let printed = text(&run(&[]).stdout);
    assert!(printed.contains("1200 compared, 0 to come") && printed.contains("\n+ "), "{printed}");
    let found: Value = serde_json::from_slice(&run(&["--json"]).stdout).unwrap();
    assert_eq!(found["only_shadow"], shadow["only_shadow"]);
    let output = run(&["--activate"]);
    assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(0), "mine: active, version 2\n"));
    let output = run(&["--stop"]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("no shadow"), "{output:?}");
    let status = stage.host.filter("mine")["registered"].clone();
    assert_eq!((&status["version"], &status["shadow"]), (&json!(2), &Value::Null), "{status}");
    assert_eq!(stage.host.request("GET", "/api/v1/filters/mine/shadow", &[], b"").status, 404);
    // What was published until then is what the other filter has published: 20 alerts of each visit.
    stage.end_alike(80);
}

#[test]
fn a_shadow_goes_with_its_filter_to_the_slow_lane() {
    let Some(brokers) = kafka() else { return };
    // It works for long on some alerts of the first visit, and is quick on the others.
    let all = alerts(5, 280);
    let middle = all[..280].iter().map(|alert| alert.id).max().unwrap();
    // What they differ in is less than the ids that are kept.
    let old = format!("mode = 'uneven'\nbelow = {middle}");
    let new = format!("{old}\nevery = 3");
    let stage = Stage::new(&brokers, PARTITIONS, &[&SLICE[..], &["--quota", "100000"]].concat(), &old);
    let version = stage.add(&new);
    assert_eq!(stage.begin(version).status, 200);
    let mut lanes = Vec::new();
    for few in all.chunks(50) {
        stage.send(PARTITIONS, few);
        std::thread::sleep(std::time::Duration::from_millis(150));
        lanes.push(stage.host.filter("mine")["lane"].clone());
    }
    let shadow = stage.await_compared(all.len());
    assert_same_as_checks(&shadow, &all, [&old, &new]);
    assert!(lanes.contains(&json!("slow")), "{lanes:?}");
    for name in ["mine", "twin"] {
        wait_for("verdicts", || stage.host.filter(name)["counts"]["seen"] == all.len());
    }
    let ids = sorted(all.iter().map(|alert| alert.id).collect());
    assert_eq!(stage.end().map(sorted), [ids.clone(), ids]);
}

#[test]
fn a_shadow_that_misbehaves_is_stopped_and_hurts_nobody() {
    let Some(brokers) = kafka() else { return };
    let stage = Stage::new(&brokers, 1, &[], OLD);
    let (all, modes) = (alerts(6, 300), ["panic", "spin", "hoard", "error", "heavy"]);
    for (mode, visit) in modes.iter().zip(all.chunks(300)) {
        let more = if *mode == "heavy" { "\nrounds = 2000000" } else { "" };
        let version = stage.add(&format!("mode = '{mode}'{more}"));
        assert_eq!(stage.begin(version).status, 200);
        for few in visit.chunks(100) {
            stage.send(1, few);
        }
        wait_for("the shadow to be stopped", || stage.shadow()["state"] == "stopped" || *mode == "heavy");
        let shadow = stage.shadow();
        if *mode != "heavy" {
            let said = |name: &str| !shadow[name].as_array().unwrap().is_empty();
            assert!(shadow["reason"].is_string(), "{mode}: {shadow}");
            assert!(*mode == "spin" || said("recent_faults"), "{mode}: {shadow}");
            assert_eq!((&shadow["both"]["count"], &shadow["only_shadow"]["count"]), (&json!(0), &json!(0)), "{shadow}");
        }
    }
    stage.send(1, &all[1500..]);
    stage.host.await_committed(all.len() as i64);
    wait_for("verdicts", || stage.host.filter("mine")["counts"]["seen"] == all.len());
    for name in ["mine", "twin", "all"] {
        let status = stage.host.filter(name);
        assert_eq!((&status["state"], &status["lane"]), (&json!("active"), &json!("live")), "{status}");
        assert_eq!((&status["counts"]["seen"], &status["counts"]["faulted"]), (&json!(all.len()), &json!(0)));
    }
    // One that was stopped can be begun anew.
    let version = stage.add(NEW);
    assert_eq!(stage.begin(version).json()["state"], "running");
    let dead = format!("{}-dead-letters", stage.setup.name);
    stage.end_alike(6 * 20);
    assert!(read_all(&brokers, &[dead]).is_empty());
}

#[test]
fn a_shadow_is_there_again_after_a_restart_and_begins_anew() {
    let Some(brokers) = kafka() else { return };
    let stage = Stage::new(&brokers, PARTITIONS, &[], OLD);
    let all = alerts(2, 300);
    let version = stage.add(NEW);
    stage.begin(version);
    stage.send(PARTITIONS, &all[..300]);
    stage.await_compared(300);
    let Stage { setup, topic, brokers, host } = stage;
    host.kill();
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    let stage = Stage { setup, topic, brokers, host };
    wait_for("the shadow", || stage.shadow()["state"] == "running");
    stage.send(PARTITIONS, &all[300..]);
    let shadow = stage.await_compared(300);
    assert_same_as_checks(&shadow, &all[300..], [OLD, NEW]);
    let since = shadow["since"][&stage.topic].as_object().unwrap();
    assert_eq!(since.values().map(|offset| offset.as_i64().unwrap()).sum::<i64>(), 300, "{shadow}");
    // A change of its filter's settings is none of its verdicts, and it goes on, from where that is.
    let answer = stage.host.request("PATCH", "/api/v1/filters/mine", &[], br#"{"quota": 20}"#);
    assert_eq!((answer.status, stage.shadow()["seen"].as_u64()), (200, Some(0)), "{answer:?}");
    stage.end_alike(40);
}

#[test]
fn there_is_room_for_so_many_shadows() {
    let Some(brokers) = kafka() else { return };
    let stage = Stage::new(&brokers, 1, &["--shadows", "1"], OLD);
    let version = stage.add(NEW);
    assert_eq!(stage.begin(version).status, 200);
    let refused = |answer: Answer, status: u16, code: &str| {
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{answer:?}");
    };
    let post = |path: &str, query: &str, body: &[u8]| {
        stage.host.request(
            "POST",
            &format!("/api/v1/filters/{path}{query}"),
            &[("content-type", "application/wasm")],
            body,
        )
    };
    assert_eq!(post("twin/versions", &format!("?{}", config(NEW)), &odd()).status, 201);
    refused(post("twin/shadow", "", br#"{"version": 2}"#), 507, "full");
    refused(post("twin/shadow", "", br#"{"version": 1}"#), 409, "conflict");
    refused(post("twin/shadow", "", br#"{"version": 7}"#), 404, "unknown_version");
    refused(post("all/shadow", "", br#"{"version": 1}"#), 409, "conflict");
    let ended = stage.host.request("DELETE", "/api/v1/filters/mine/shadow", &[], b"");
    assert_eq!((ended.status, &ended.json()["version"]), (200, &json!(version)), "{ended:?}");
    refused(stage.host.request("DELETE", "/api/v1/filters/mine/shadow", &[], b""), 404, "no_shadow");
    assert_eq!(post("twin/shadow", "", br#"{"version": 2}"#).status, 200);
    assert_eq!(stage.host.filter("twin")["registered"]["shadow"], 2);
}
