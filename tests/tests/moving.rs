//! On real Kafka, filters that are moved between hosts or begin in the past publish exactly what they would have published
//! otherwise, whatever happens to the hosts.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use skysieve_simulate::SimulatedAlert;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::setup::{ALL, Filter, Setup, ids, packets};
use skysieve_tests::{alerts, binary, output, text};

/// Two filters, which accept every alert and every other one. The second has a quota.
const FILTERS: [Filter; 2] = [ALL, ("limited", "odd", "quota = 20\n[config]\nmode = 'accept'\nevery = 2")];

/// The number of moves during which hosts are killed: 12, or as many as the soak test asks for.
fn moves() -> u64 {
    std::env::var("SKYSIEVE_TEST_MOVES").map_or(12, |moves| moves.parse().expect("SKYSIEVE_TEST_MOVES is a number"))
}

fn sorted_ids<'a>(alerts: impl IntoIterator<Item = &'a SimulatedAlert>) -> Vec<i64> {
    let mut ids: Vec<i64> = alerts.into_iter().map(|alert| alert.id).collect();
    ids.sort_unstable();
    ids
}

/// The command that moves a filter.
fn mover(filter: &str, from: &Host, to: &Host) -> Command {
    let mut command = Command::new(binary());
    command.args(["move", filter, "--from", from.url(), "--to", to.url(), "--json"]);
    command
}

fn move_filter(filter: &str, from: &Host, to: &Host) -> Output {
    let output = output(&mut mover(filter, from, to));
    eprintln!("{}{}", text(&output.stdout), text(&output.stderr));
    output
}

/// A second host, without filters of its own, whose filters have the same topics.
fn second(setup: &Setup, brokers: &str, topic: &str) -> Host {
    let (name, prefix) = (format!("{}-b", setup.name), setup.prefix());
    let host = Host::start(brokers, topic, &["--name", &name, "--output-prefix", &prefix]);
    host.await_reading();
    host
}

fn is_active(host: &Host, filter: &str) -> bool {
    host.filter(filter)["state"] == "active"
}

#[test]
fn filters_move_there_and_back_while_visits_stream() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("moving");
    create_topic(&brokers, &topic, 1);
    let setup = Setup::new("moving", &FILTERS);
    let a = setup.start(&brokers, &topic, &[]);
    let b = second(&setup, &brokers, &topic);
    a.await_reading();
    // They are never moved.
    let others = Setup::new("staying", &FILTERS);
    let c = others.start(&brokers, &topic, &[]);
    c.await_reading();
    let sent = alerts(4, 400);
    let mut feeder = feeder(&brokers, &topic, 1);
    std::thread::scope(|scope| {
        let feeding = scope.spawn(|| {
            for few in sent.chunks(20) {
                feed(&mut feeder, 1, packets(few));
                std::thread::sleep(Duration::from_millis(60));
            }
        });
        for round in 0.. {
            let (from, to) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
            for filter in ["all", "limited"] {
                assert!(move_filter(filter, from, to).status.success());
                assert!(is_active(to, filter) && from.filter(filter)["state"] == "moved");
            }
            if round % 2 == 1 && feeding.is_finished() {
                break;
            }
        }
    });
    for host in [&a, &c] {
        host.await_committed(sent.len() as i64);
        wait_for("all alerts", || ["all", "limited"].iter().all(|filter| host.filter(filter)["behind"] == 0));
    }
    // A host that has another filter of that name does not take it, and the first one keeps it.
    let refused = move_filter("all", &a, &c);
    assert!(!refused.status.success() && text(&refused.stderr).contains("prefix"), "{}", text(&refused.stderr));
    assert!(is_active(&a, "all"));
    for host in [a, b, c] {
        assert_eq!(host.stop().0, Some(0));
    }
    let outputs = |setup: &Setup| ["all", "limited"].map(|filter| setup.topic(filter));
    let (moved, stayed) = (outputs(&setup), outputs(&others));
    let came = read_all(&brokers, &[&moved[..], &stayed[..]].concat());
    for (moved, stayed) in moved.iter().zip(&stayed) {
        assert_eq!(ids(&came, moved), ids(&came, stayed));
    }
    assert_eq!(ids(&came, &moved[0]), sorted_ids(&sent));
    assert_eq!(ids(&came, &moved[1]).len(), 4 * 20);
}

#[test]
fn hosts_are_killed_while_filters_move() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("moves");
    create_topic(&brokers, &topic, 3);
    let setup = Setup::new("moves", &FILTERS);
    let start = |number: usize| match number {
        0 => {
            let host = setup.start(&brokers, &topic, &[]);
            host.await_reading();
            host
        }
        _ => second(&setup, &brokers, &topic),
    };
    let mut hosts = [Some(start(0)), Some(start(1))];
    let sent = alerts(4, 50 * moves() as usize);
    let mut feeder = feeder(&brokers, &topic, 3);
    let mut interrupted = 0;
    for (round, part) in (0..moves()).zip(sent.chunks(sent.len().div_ceil(moves() as usize))) {
        let (from, to) = (round as usize % 2, 1 - round as usize % 2);
        let (before, behind) = part.split_at(part.len() / 2);
        feed(&mut feeder, 3, packets(before));
        let filters = ["all", "limited"];
        let mut movers = filters.map(|filter| {
            let (from, to) = (hosts[from].as_ref().unwrap(), hosts[to].as_ref().unwrap());
            mover(filter, from, to).stdout(Stdio::null()).spawn().unwrap()
        });
        feed(&mut feeder, 3, packets(behind));
        // The kill may hit any step of a move, on either side, or come after it.
        std::thread::sleep(Duration::from_millis(round * 67 % 450));
        let victim = round as usize / 2 % 2;
        hosts[victim].take().unwrap().kill();
        interrupted += movers.iter_mut().filter_map(|mover| (!mover.wait().unwrap().success()).then_some(())).count();
        hosts[victim] = Some(start(victim));
        for filter in filters {
            wait_for("the move", || complete(filter, &hosts, from, to));
        }
    }
    assert!(moves() < 8 || interrupted > 0, "no move was interrupted");
    let at = (moves() % 2) as usize;
    let hosts = hosts.map(Option::unwrap);
    for filter in ["all", "limited"] {
        wait_for("all alerts", || is_active(&hosts[at], filter) && hosts[at].filter(filter)["behind"] == 0);
    }
    hosts.iter().for_each(|host| host.await_committed(sent.len() as i64));
    wait_for("all alerts", || ["all", "limited"].iter().all(|filter| hosts[at].filter(filter)["behind"] == 0));
    for host in hosts {
        assert_eq!(host.stop().0, Some(0));
    }
    let outputs = ["all", "limited"].map(|filter| setup.topic(filter));
    let came = read_all(&brokers, &outputs);
    assert_eq!(ids(&came, &outputs[0]), sorted_ids(&sent), "{interrupted} moves were interrupted");
    for visit in sent.chunks(sent.len() / 4) {
        let accepted: Vec<i64> = sorted_ids(visit).into_iter().filter(|id| id % 2 == 0).collect();
        let of_visit: Vec<i64> = ids(&came, &outputs[1]).into_iter().filter(|id| accepted.contains(id)).collect();
        assert_eq!(of_visit.len(), 20, "of {}", accepted.len());
        assert!(of_visit.windows(2).all(|pair| pair[0] != pair[1]), "an alert came twice: {of_visit:?}");
    }
}

/// Completes a move that was interrupted. Only the first host has the filter in its folder: the other one loses an uploaded
/// module when it is killed, and gets it again from the first.
fn complete(filter: &str, hosts: &[Option<Host>; 2], from: usize, to: usize) -> bool {
    let [a, b] = hosts.each_ref().map(|host| host.as_ref().unwrap());
    if from == 1 && b.filter(filter)["code"] == "unknown_filter" && !move_filter(filter, a, b).status.success() {
        return false;
    }
    move_filter(filter, hosts[from].as_ref().unwrap(), hosts[to].as_ref().unwrap()).status.success()
}

#[test]
fn a_filter_that_begins_in_the_past_publishes_what_one_from_then_on_has_published() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("past");
    create_topic(&brokers, &topic, 1);
    let setup = Setup::new("past", &FILTERS);
    let sent = alerts(4, 600);
    let (first, rest) = sent.split_at(1000);
    let (second, last) = rest.split_at(1000);
    let mut feeder = feeder(&brokers, &topic, 1);
    feed(&mut feeder, 1, packets(first));
    std::thread::sleep(Duration::from_millis(50));
    let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().to_string();
    std::thread::sleep(Duration::from_millis(50));
    feed(&mut feeder, 1, packets(second));
    // A filter in the folder of a host that has read all that begins with what comes, or in the past.
    let host = setup.start(&brokers, &topic, &[]);
    host.await_committed(2000);
    assert_eq!(host.stop().0, Some(0));
    setup.add(("folder", "odd", "from = 'earliest'\nquota = 20\n[config]\nmode = 'accept'\nevery = 2"));
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    let upload = |name: &str, query: &str| {
        let module = std::fs::read(skysieve_tests::module("odd")).unwrap();
        let url = format!("{}/api/v1/filters/{name}?{query}", host.url());
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut reply = agent.put(url).content_type("application/wasm").send(&module).unwrap();
        (reply.status().as_u16(), reply.body_mut().read_to_string().unwrap())
    };
    let accept = "config=mode%3D'accept'&quota=1000000";
    for (name, from) in [("since", &*then), ("last", "-200"), ("early", "earliest"), ("late", "latest")] {
        let (status, answer) = upload(name, &format!("{accept}&from={from}"));
        assert!(status == 201 && answer.contains("\"lane\":\"slow\""), "{status} {answer}");
    }
    let (status, answer) = upload("quota", "config=mode%3D'accept'%0Aevery%3D2&from=earliest");
    assert_eq!(status, 201, "{answer}");
    assert_eq!(upload("all", &format!("{accept}&from=earliest")).0, 409);
    let (status, answer) = upload("new", &format!("{accept}&from=yesterday"));
    assert!(status == 422 && answer.contains("earliest"), "{answer}");
    feed(&mut feeder, 1, packets(last));
    let names = ["since", "last", "early", "late", "quota", "folder"];
    host.await_committed(sent.len() as i64);
    wait_for("the alerts", || names.iter().all(|name| host.filter(name)["behind"] == 0));
    wait_for("the live lane", || {
        ["since", "early", "quota", "folder"].iter().all(|name| host.filter(name)["lane"] == "live")
    });
    assert_eq!(host.stop().0, Some(0));
    // It has begun once, and not again at another start.
    let host = setup.start(&brokers, &topic, &[]);
    host.await_reading();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(host.stop().0, Some(0));
    let outputs: Vec<String> = names.iter().chain(&["all", "limited"]).map(|name| setup.topic(name)).collect();
    let came = read_all(&brokers, &outputs);
    let of = |name: &str| ids(&came, &setup.topic(name));
    assert_eq!(of("early"), sorted_ids(&sent));
    assert_eq!(of("since"), sorted_ids(rest));
    assert_eq!(of("last"), sorted_ids(&sent[1800..]));
    assert_eq!(of("late"), sorted_ids(last));
    for name in ["quota", "folder"] {
        assert_eq!(of(name), of("limited"), "{name}");
    }
    assert_eq!(of("limited").len(), 4 * 20);
}
