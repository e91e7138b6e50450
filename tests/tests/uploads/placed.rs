//! Several hosts with one registry: any of them answers for all, and new filters go to the host with the fewest.

use std::process::Command;

use serde_json::{Value, json};
use skysieve_tests::host::{Answer, Host};
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::setup::{ids, packets};
use skysieve_tests::{alerts, binary, module, text};

use super::{ACCEPT, change, odd, sorted_ids};

/// Some hosts on one topic, with one registry, each of which knows the others.
pub(super) struct Hosts {
    pub(super) brokers: String,
    /// The topic, with which all names begin.
    pub(super) topic: String,
    pub(super) hosts: Vec<Host>,
}

impl Hosts {
    /// Starts hosts of these names. `None` if there is no Kafka for tests.
    pub(super) fn start(name: &str, names: &[&str]) -> Option<Hosts> {
        let brokers = kafka()?;
        let topic = unique(name);
        create_topic(&brokers, &topic, 1);
        let mut all = Hosts { brokers, topic, hosts: Vec::new() };
        all.hosts = names.iter().map(|name| all.begin(name, &[])).collect();
        all.hosts.iter().for_each(Host::await_reading);
        for host in &all.hosts {
            wait_for("hosts to know each other", || live(host).len() == names.len());
        }
        Some(all)
    }

    /// Starts a host.
    pub(super) fn begin(&self, name: &str, more: &[&str]) -> Host {
        let topic = &self.topic;
        let [filters, modules] = ["filters", "modules"].map(|kind| format!("{topic}-{kind}"));
        let prefix = format!("{topic}-");
        let arguments = [
            "--name",
            &self.name(name),
            "--output-prefix",
            &prefix,
            "--registry-filters",
            &filters,
            "--registry-modules",
            &modules,
        ];
        Host::start(&self.brokers, topic, &[&arguments[..], more].concat())
    }

    /// The whole name of a host.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.topic)
    }

    pub(super) fn stop(self) {
        for host in self.hosts {
            assert_eq!(host.stop().0, Some(0));
        }
    }
}

fn listed(host: &Host) -> Vec<Value> {
    serde_json::from_str(&host.get("/api/v1/hosts")).unwrap()
}

/// The names of the hosts that live.
fn live(host: &Host) -> Vec<String> {
    let all = listed(host).into_iter().filter(|host| host["live"] == true);
    all.map(|host| host["name"].as_str().unwrap().to_owned()).collect()
}

fn put(host: &Host, name: &str, query: &str, headers: &[(&str, &str)]) -> Answer {
    host.request("PUT", &format!("/api/v1/filters/{name}?{ACCEPT}{query}"), headers, &odd())
}

#[test]
fn a_host_answers_for_another_one() {
    let Some(all) = Hosts::start("answers", &["a", "b"]) else { return };
    let [a, b] = [&all.hosts[0], &all.hosts[1]];
    let created = put(a, "it", &format!("&host={}", all.name("b")), &[("if-none-match", "*")]);
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.json()["registered"]["host"], all.name("b"));
    assert_eq!(put(a, "it", "", &[("if-none-match", "*")]).status, 412);
    // The host that has passed it on knows it at once.
    let elsewhere: Vec<Value> = serde_json::from_str(&a.get("/api/v1/filters")).unwrap();
    assert_eq!((&elsewhere[0]["state"], &elsewhere[0]["reason"]), (&json!("elsewhere"), &json!(all.name("b"))));
    assert_eq!(elsewhere[0]["registered"]["live"], true);
    let of_a: Vec<Value> = serde_json::from_str(&a.get(&format!("/api/v1/filters?host={}", all.name("a")))).unwrap();
    assert!(of_a.is_empty(), "{of_a:?}");
    let sent = alerts(1, 100);
    feed(&mut feeder(&all.brokers, &all.topic, 1), 1, packets(&sent));
    wait_for("verdicts of the other host", || a.filter("it")["counts"]["seen"] == 100);
    all.hosts.iter().for_each(|host| host.await_committed(100));
    let topic = format!("{}-it", all.topic);
    assert_eq!(ids(&read_all(&all.brokers, std::slice::from_ref(&topic)), &topic), sorted_ids(&sent));
    // A change is in effect when it is answered.
    let tag = created.tag;
    let paused = a.request("POST", "/api/v1/filters/it/pause", &[("if-match", &tag)], b"");
    assert_eq!((paused.status, b.filter("it")["state"].clone()), (200, json!("paused")), "{paused:?}");
    assert_eq!(a.request("POST", "/api/v1/filters/it/resume", &[("if-match", &tag)], b"").status, 412);
    change(a, "POST", "it/resume", &Value::Null);
    // A job is asked about at any host, too.
    let job = a.request("POST", "/api/v1/filters/it/replay?from=earliest", &[], b"");
    assert_eq!((job.status, job.json()["host"].clone()), (202, json!(all.name("b"))), "{job:?}");
    let job = format!("/api/v1/jobs/{}?host={}", job.json()["id"], all.name("b"));
    wait_for("the replay", || a.request("GET", &job, &[], b"").json()["state"] == "done");
    assert_eq!(a.get("/api/v1/jobs"), "[]");
    // Another host's filter is not taken by naming this one.
    let refused = put(a, "it", &format!("&host={}", all.name("a")), &[]);
    assert!(refused.status == 409 && refused.body.contains("skysieve move"), "{refused:?}");
    change(a, "DELETE", "it", &Value::Null);
    assert_eq!(b.request("GET", "/api/v1/filters/it", &[], b"").status, 404);
    all.stop();
}

#[test]
fn uploads_at_one_address_are_spread_over_the_hosts() {
    let Some(all) = Hosts::start("spread", &["a", "b", "c"]) else { return };
    let asked = &all.hosts[1];
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let client = asked.client();
            scope.spawn(move || {
                for number in (thread..20).step_by(2) {
                    let path = format!("/api/v1/filters/f{number}?{ACCEPT}");
                    let answer = client.request("PUT", &path, &[], &odd()).unwrap();
                    assert_eq!(answer.status, 201, "{answer:?}");
                }
            });
        }
    });
    let mut counts: Vec<u64> = listed(asked).iter().map(|host| host["filters"].as_u64().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [6, 7, 7]);
    let filters: Vec<Value> = serde_json::from_str(&asked.get("/api/v1/filters")).unwrap();
    assert_eq!(filters.len(), 20);
    for filter in filters {
        let name = filter["name"].as_str().unwrap();
        assert_eq!(asked.filter(name)["state"], "active", "{name}");
    }
    // Two hosts are asked at once for a new filter of one name: one of them creates it.
    let clients = [all.hosts[0].client(), all.hosts[2].client()];
    let created = std::thread::scope(|scope| {
        let threads = clients.each_ref().map(|client| {
            scope.spawn(move || {
                let path = format!("/api/v1/filters/one?{ACCEPT}");
                client.request("PUT", &path, &[("if-none-match", "*")], &odd()).unwrap().status
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(matches!(created, [201, 412] | [412, 201]), "{created:?}");
    all.stop();
}

#[test]
fn of_a_dead_host_it_is_said_that_it_is_dead() {
    let Some(mut all) = Hosts::start("dead", &["a", "b"]) else { return };
    let name = all.name("b");
    assert_eq!(put(&all.hosts[0], "it", &format!("&host={name}"), &[]).status, 201);
    all.hosts.remove(1).kill();
    let a = &all.hosts[0];
    // Before its death is known, and after.
    let status = a.filter("it");
    assert_eq!((&status["state"], &status["reason"]), (&json!("elsewhere"), &json!(name)), "{status}");
    wait_for("its death", || live(a).len() == 1);
    let status = a.filter("it");
    assert_eq!((&status["state"], &status["registered"]["live"]), (&json!("elsewhere"), &json!(false)), "{status}");
    assert!(status["warnings"][0].as_str().unwrap().contains(&name), "{status}");
    let replay = a.request("POST", "/api/v1/filters/it/replay?from=earliest", &[], b"");
    assert!(replay.status == 502 && replay.json()["code"] == "host_unreachable", "{replay:?}");
    // A change is kept, and takes effect when the host is back.
    change(a, "PATCH", "it", &json!({ "quota": 7 }));
    assert_eq!(put(a, "new", "", &[]).json()["registered"]["host"], all.name("a"));
    let refused = put(a, "there", &format!("&host={name}"), &[]);
    assert!(refused.status == 502 && refused.json()["code"] == "host_unreachable", "{refused:?}");
    let b = all.begin("b", &[]);
    b.await_reading();
    assert_eq!(b.filter("it")["settings"]["quota"], 7);
    wait_for("its return", || a.filter("it")["state"] == "active");
    // A host that stops says so.
    assert_eq!(b.stop().0, Some(0));
    assert_eq!(live(a).len(), 1);
    all.stop();
}

#[test]
fn a_request_is_passed_on_once_and_to_the_right_host() {
    let Some(all) = Hosts::start("loops", &["a"]) else { return };
    // They announce each other's address, so that each would pass requests on for ever.
    let a = &all.hosts[0];
    let wrong = all.begin("wrong", &["--advertise", a.url()]);
    wrong.await_reading();
    wait_for("the other host", || live(a).len() == 2);
    let answer = put(&wrong, "it", &format!("&host={}", all.name("wrong")), &[]);
    assert_eq!(answer.status, 201, "{answer:?}");
    wait_for("the filter", || a.filter("it")["state"] == "elsewhere");
    let refused = a.request("POST", "/api/v1/filters/it/replay?from=earliest", &[], b"");
    assert!(refused.status == 502 && refused.body.contains("somebody else answers"), "{refused:?}");
    let misled = a.request("GET", "/api/v1/filters/it", &[("skysieve-to", "another")], b"");
    assert!(misled.status == 421 && misled.json()["code"] == "another_host", "{misled:?}");
    // The host whose address is wrong is left out.
    for name in ["one", "two", "three"] {
        assert_eq!(put(a, name, "", &[]).json()["registered"]["host"], all.name("a"));
    }
    assert_eq!(wrong.stop().0, Some(0));
    all.stop();
}

#[test]
fn filters_change_hosts_by_patch_while_visits_stream() {
    let Some(all) = Hosts::start("patched", &["a", "b", "c"]) else { return };
    let [a, b, c] = ["a", "b", "c"].map(|name| all.name(name));
    let asked = &all.hosts[2];
    assert_eq!(put(asked, "it", &format!("&host={a}"), &[]).status, 201);
    let sent = alerts(4, 400);
    let mut feeder = feeder(&all.brokers, &all.topic, 1);
    let rounds = std::thread::scope(|scope| {
        let feeding = scope.spawn(|| {
            for few in sent.chunks(20) {
                feed(&mut feeder, 1, packets(few));
                std::thread::sleep(std::time::Duration::from_millis(60));
            }
        });
        let mut rounds = 0;
        // The host that is asked is neither of them, or one of them.
        for to in [&b, &a, &c, &b].into_iter().cycle() {
            let moved = change(asked, "PATCH", "it", &json!({ "host": to }));
            assert_eq!((&moved["registered"]["host"], &moved["state"]), (&json!(to), &json!("active")), "{moved}");
            assert_eq!(moved["warnings"], json!([]));
            rounds += 1;
            if feeding.is_finished() {
                break;
            }
        }
        rounds
    });
    eprintln!("{rounds} moves");
    all.hosts.iter().for_each(|host| host.await_committed(sent.len() as i64));
    wait_for("all alerts", || asked.filter("it")["behind"] == 0);
    let topic = format!("{}-it", all.topic);
    assert_eq!(ids(&read_all(&all.brokers, std::slice::from_ref(&topic)), &topic), sorted_ids(&sent));
    // A revision that is no longer the newest one moves nothing.
    let body = json!({ "host": a }).to_string();
    let late = asked.request("PATCH", "/api/v1/filters/it", &[("if-match", "\"1\"")], body.as_bytes());
    assert_eq!(late.status, 412, "{late:?}");
    // What is paused has no position.
    change(asked, "POST", "it/pause", &Value::Null);
    for to in [&a, &b, &c] {
        let moved = change(asked, "PATCH", "it", &json!({ "host": to }));
        assert_eq!((&moved["registered"]["host"], &moved["state"]), (&json!(to), &json!("paused")), "{moved}");
    }
    assert_eq!(change(asked, "POST", "it/resume", &Value::Null)["state"], "active");
    all.stop();
}

#[test]
fn a_filter_of_a_dead_host_moves_only_by_force() {
    let Some(mut all) = Hosts::start("forced", &["a", "b"]) else { return };
    assert_eq!(put(&all.hosts[0], "it", &format!("&host={}", all.name("b")), &[]).status, 201);
    all.hosts.remove(1).kill();
    let a = &all.hosts[0];
    let body = json!({ "host": all.name("a") }).to_string();
    let patch = |query: &str| a.request("PATCH", &format!("/api/v1/filters/it{query}"), &[], body.as_bytes());
    let refused = patch("");
    assert!(refused.status == 502 && refused.body.contains("--force"), "{refused:?}");
    let moved = patch("?force=true").json();
    assert_eq!((&moved["state"], &moved["registered"]["host"]), (&json!("active"), &json!(all.name("a"))), "{moved}");
    assert!(moved["warnings"][0].as_str().unwrap().contains("does not answer"), "{moved}");
    let b = all.begin("b", &[]);
    b.await_reading();
    wait_for("the hosts to know each other", || live(&b).len() == 2);
    assert_eq!(
        b.request("GET", "/api/v1/filters/it", &[("skysieve-forwarded", "t")], b"").json()["state"],
        "elsewhere"
    );
    assert_eq!(b.filter("it")["state"], "active");
    assert_eq!(b.stop().0, Some(0));
    all.stop();
}

#[test]
fn the_other_host_checks_the_token_itself() {
    let folder = tempfile::tempdir().unwrap();
    let operator = folder.path().join("token");
    std::fs::write(&operator, "the-first-operators-token-of-a-test").unwrap();
    let Some(brokers) = kafka() else { return };
    let topic = unique("rights");
    create_topic(&brokers, &topic, 1);
    let mut all = Hosts { brokers, topic, hosts: Vec::new() };
    let file = operator.to_str().unwrap();
    let hosts = ["a", "b"].map(|name| all.begin(name, &["--operator-token-file", file]));
    hosts.iter().for_each(Host::await_reading);
    let bearer = |token: &str| format!("Bearer {token}");
    let chief = bearer("the-first-operators-token-of-a-test");
    let ask = |host: &Host, token: &str, method: &str, path: &str, body: &[u8]| {
        host.request(method, &format!("/api/v1/{path}"), &[("authorization", token)], body)
    };
    let user = |name: &str| {
        let body = json!({ "user": name, "role": "author" }).to_string();
        let made = ask(&hosts[0], &chief, "POST", "tokens", body.as_bytes());
        assert_eq!(made.status, 201, "{made:?}");
        bearer(made.json()["token"].as_str().unwrap())
    };
    let (ada, bob) = (user("ada"), user("bob"));
    for host in &hosts {
        wait_for("hosts and tokens to be known", || {
            let listed = ask(host, &bob, "GET", "hosts", b"");
            listed.status == 200
                && listed.json().as_array().unwrap().iter().filter(|host| host["live"] == true).count() == 2
        });
    }
    let [a, b] = [&hosts[0], &hosts[1]];
    let (of_a, of_b) = (all.name("a"), all.name("b"));
    let created = ask(a, &ada, "PUT", &format!("filters/hers?{ACCEPT}&host={of_b}"), &odd());
    assert_eq!((created.status, created.json()["registered"]["owner"].clone()), (201, json!("ada")), "{created:?}");
    let to_a = json!({ "host": of_a }).to_string();
    for (method, path, body) in [
        ("GET", "filters/hers", &b""[..]),
        ("POST", "filters/hers/pause", b""),
        ("POST", "filters/hers/replay?from=earliest", b""),
        ("DELETE", "filters/hers", b""),
        ("PATCH", "filters/hers", to_a.as_bytes()),
        ("POST", "filters/hers/release", br#"{"to": "x"}"#),
    ] {
        for host in [a, b] {
            let answer = ask(host, &bob, method, path, body);
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(ask(a, &bob, "PUT", &format!("filters/hers?{ACCEPT}"), &odd()).status, 409);
    assert_eq!(ask(a, &bob, "GET", "filters", b"").body, "[]");
    assert_eq!(ask(a, "Bearer sky_none", "GET", "filters/hers", b"").status, 401);
    // The owner moves it, with a token of an author.
    let moved = ask(b, &ada, "PATCH", "filters/hers", to_a.as_bytes());
    assert_eq!((moved.status, moved.json()["registered"]["host"].clone()), (200, json!(of_a)), "{moved:?}");
    assert_eq!(ask(a, &ada, "GET", "filters/hers", b"").json()["state"], "active");
    all.hosts.extend(hosts);
    all.stop();
}

#[test]
fn hosts_are_listed_and_chosen_from_a_terminal() {
    let Some(all) = Hosts::start("terminal", &["a", "b"]) else { return };
    let [a, b] = ["a", "b"].map(|name| all.name(name));
    let asked = all.hosts[0].url();
    let run = |arguments: &[&str]| {
        let output = Command::new(binary()).args(arguments).args(["--server", asked]).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let module = module("odd");
    let upload = ["upload", module.to_str().unwrap(), "--name", "it", "--activate", "--on", &b];
    assert!(run(&[&upload[..], &["--config", "mode = 'accept'"]].concat()).contains("version 1 is active"));
    let table = run(&["hosts"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].starts_with(&a) && lines[1].contains("live") && lines[1].ends_with(asked), "{table}");
    assert!(lines[2].starts_with(&b) && lines[2].contains(" 1  http://"), "{table}");
    assert!(run(&["filters", "show", "it"]).contains("active"));
    assert_eq!(run(&["move", "it", "--to", &a]), format!("it is on host {a} now\n"));
    assert_eq!(all.hosts[0].filter("it")["registered"]["host"], a);
    all.stop();
}
