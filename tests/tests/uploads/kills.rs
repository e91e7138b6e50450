//! A host is killed at random moments while its filters are uploaded, changed and removed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use skysieve_tests::alerts;
use skysieve_tests::bombs::with_custom_section;
use skysieve_tests::host::{Client, Host};
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::setup::{ALL, Setup, ids, packets};

use super::{ACCEPT, judged_by, odd, sorted_ids};

/// The number of kills: 10, or as many as the soak test asks for.
fn kills() -> usize {
    std::env::var("SKYSIEVE_TEST_KILLS").map_or(10, |kills| kills.parse().expect("SKYSIEVE_TEST_KILLS is a number"))
}

const PARTITIONS: i32 = 2;

/// The alerts for each of a host's lives.
const PER_KILL: usize = 60;

/// The versions of the filter `kept`, which all accept every alert. They are told apart by their hashes.
const VERSIONS: usize = 4;

/// A change, and what it makes of the two filters: the hash by which `kept` is judged, and whether `coming` is there.
#[derive(Clone, Debug, PartialEq)]
struct State {
    kept: String,
    coming: bool,
}

struct Changes<'a> {
    modules: &'a [(String, Vec<u8>)],
    client: Client,
    /// What was acknowledged last.
    state: State,
    /// All hashes that `kept` was judged by, as far as they were acknowledged.
    history: Vec<String>,
}

impl Changes<'_> {
    /// Makes changes until the host is killed, and counts those that it has acknowledged. Returns what the one would have made
    /// that was not answered.
    fn make(&mut self, mut seed: usize, acknowledged: &AtomicUsize, is_over: &AtomicBool) -> Option<State> {
        while !is_over.load(Ordering::Relaxed) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let choice = seed >> 33;
            let (wanted, answer) = self.one(choice);
            match answer {
                Some(200 | 201) => {
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    if wanted.kept != self.state.kept {
                        self.history.push(wanted.kept.clone());
                    }
                    self.state = wanted;
                }
                // It was refused because the host had no time, for one: nothing is changed.
                Some(status) => assert!(status >= 500 || status == 404, "{status}"),
                None => return Some(wanted),
            }
        }
        None
    }

    /// One change. Returns the state that it leads to, and the status of the answer.
    fn one(&self, choice: usize) -> (State, Option<u16>) {
        let (hash, module) = &self.modules[choice / 8 % self.modules.len()];
        let (state, path) = (self.state.clone(), "/api/v1/filters");
        let ask = |method: &str, path: String, body: &[u8]| {
            self.client.request(method, &path, &[], body).ok().map(|answer| answer.status)
        };
        match choice % 4 {
            0 => (State { kept: hash.clone(), ..state }, ask("PUT", format!("{path}/kept?{ACCEPT}"), module)),
            1 => match self.numbers().into_iter().rev().find(|(_, known)| known == hash) {
                Some((number, _)) => {
                    let body = json!({ "version": number }).to_string();
                    (
                        State { kept: hash.clone(), ..state },
                        ask("POST", format!("{path}/kept/activate"), body.as_bytes()),
                    )
                }
                None => (state, ask("GET", format!("{path}/kept"), b"")),
            },
            2 => (State { coming: false, ..state }, ask("DELETE", format!("{path}/coming"), b"")),
            _ => (State { coming: true, ..state }, ask("PUT", format!("{path}/coming?{ACCEPT}"), module)),
        }
    }

    /// The numbers and hashes of the versions.
    fn numbers(&self) -> Vec<(u64, String)> {
        let answer = self.client.request("GET", "/api/v1/filters/kept/versions", &[], b"");
        let versions = answer.map(|answer| answer.body).unwrap_or_default();
        let versions: Vec<Value> = serde_json::from_str(&versions).unwrap_or_default();
        let number =
            |version: &Value| (version["number"].as_u64().unwrap(), version["sha256"].as_str().unwrap().to_owned());
        versions.iter().map(number).collect()
    }
}

fn state(host: &Host) -> State {
    let kept = host.filter("kept");
    assert_eq!(kept["state"], "active", "{kept}");
    let coming = host.request("GET", "/api/v1/filters/coming", &[], b"");
    State { kept: kept["sha256"].as_str().unwrap().to_owned(), coming: coming.status == 200 }
}

/// Whether all of `some` are in `all`, in this order.
fn is_part(some: &[String], all: &[String]) -> bool {
    let mut rest = all.iter();
    some.iter().all(|one| rest.any(|other| one == other))
}

#[test]
fn a_host_that_is_killed_keeps_what_it_has_acknowledged() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("kept");
    create_topic(&brokers, &topic, PARTITIONS);
    let setup = Setup::new("kept", &[ALL]);
    let modules: Vec<(String, Vec<u8>)> = (0..VERSIONS)
        .map(|number| {
            let module = with_custom_section(&odd(), number);
            (skysieve::filters::hash(&module), module)
        })
        .collect();
    let sent = alerts(kills() + 1, PER_KILL);
    let mut feeder = feeder(&brokers, &topic, PARTITIONS);
    let mut host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    host.upload("kept", ACCEPT, &modules[0].1);
    let first = State { kept: modules[0].0.clone(), coming: false };
    let mut changes =
        Changes { modules: &modules, client: host.client(), history: vec![first.kept.clone()], state: first };
    let mut unanswered = 0;
    for (kill, part) in sent.chunks(PER_KILL).take(kills()).enumerate() {
        let (acknowledged, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let pending = std::thread::scope(|scope| {
            let making = scope.spawn(|| changes.make(kill * 977 + 1, &acknowledged, &is_over));
            for few in part.chunks(10) {
                feed(&mut feeder, PARTITIONS, packets(few));
                std::thread::sleep(Duration::from_millis(20));
            }
            // A busy machine may need seconds for one change, and some are to be made.
            wait_for("changes", || acknowledged.load(Ordering::Relaxed) >= kill % 4);
            std::thread::sleep(Duration::from_millis(kill as u64 * 131 % 700));
            host.kill();
            is_over.store(true, Ordering::Relaxed);
            making.join().unwrap()
        });
        host = setup.start(&brokers, &topic, &[]);
        host.await_reading();
        let found = state(&host);
        assert!(
            found == changes.state || pending.as_ref() == Some(&found),
            "{found:?}: {:?}, {pending:?}",
            changes.state
        );
        unanswered += usize::from(pending.is_some());
        if found.kept != changes.state.kept {
            changes.history.push(found.kept.clone());
        }
        (changes.state, changes.client) = (found, host.client());
    }
    feed(&mut feeder, PARTITIONS, packets(&sent[kills() * PER_KILL..]));
    host.await_committed(sent.len() as i64);
    assert_eq!(host.stop().0, Some(0));
    eprintln!("{} versions in turn, {unanswered} changes without an answer", changes.history.len());
    assert!(changes.history.len() > 2 && unanswered > 0);
    let came = read_all(&brokers, &["all", "kept"].map(|name| setup.topic(name)));
    for name in ["all", "kept"] {
        assert_eq!(ids(&came, &setup.topic(name)), sorted_ids(&sent), "{name}");
    }
    for partition in 0..PARTITIONS {
        let of: Vec<_> = came
            .iter()
            .filter(|message| message.header("skysieve-partition") == Some(partition.to_string().as_bytes()))
            .cloned()
            .collect();
        let mut versions: Vec<String> =
            judged_by(&of, &setup.topic("kept")).into_iter().map(|(_, version)| version).collect();
        versions.dedup();
        assert!(is_part(&versions, &changes.history), "{versions:?} of {:?}", changes.history);
    }
}
