//! On real Kafka, nothing is lost and nothing is duplicated, whatever is killed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use skysieve::kafka::Received;
use skysieve_simulate::SimulatedAlert;
use skysieve_survey::Visit;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{Cluster, create_topic, feed, feeder, kafka, read_all, unique};
use skysieve_tests::setup::{Setup, packets};
use skysieve_tests::{alerts, module, skysieve, text};

const FILTERS: i64 = 100;
/// The number of filters whose verdicts are those of `skysieve check`; the others accept ids that a number divides.
const CHECKED: i64 = 4;

/// A host with a hundred filters, without a quota or with the usual one.
fn setup(name: &str, quota: Option<u32>) -> Setup {
    let setup = Setup::new(name, &[]);
    let quota = quota.map(|quota| format!("quota = {quota}\n")).unwrap_or_default();
    for number in 0..FILTERS - CHECKED {
        let settings = format!("{quota}[config]\nmode = 'accept'\nevery = {}", number + 1);
        setup.add((&format!("odd-{number}"), "odd", &settings));
    }
    for number in 0..CHECKED {
        let settings = format!("{quota}[config]\n{}", brightness(number));
        setup.add((&format!("bright-{number}"), "lsst-bright", &settings));
    }
    setup
}

fn brightness(number: i64) -> String {
    format!("magnitude = {}.0", 19 + number)
}

fn names() -> Vec<String> {
    let odd = (0..FILTERS - CHECKED).map(|number| format!("odd-{number}"));
    odd.chain((0..CHECKED).map(|number| format!("bright-{number}"))).collect()
}

/// For each filter, ids with their visits, in ascending order.
type Accepted = BTreeMap<String, Vec<(i64, Visit)>>;

/// The ids that each filter accepts.
fn accepted(alerts: &[SimulatedAlert]) -> Accepted {
    let folder = tempfile::tempdir().unwrap();
    for alert in alerts {
        std::fs::write(folder.path().join(format!("{}.avro", alert.id)), &alert.bytes).unwrap();
    }
    let visits: BTreeMap<i64, Visit> = alerts.iter().map(|alert| (alert.id, alert.visit)).collect();
    let with_visits = |ids: Vec<i64>| ids.into_iter().map(|id| (id, visits[&id])).collect();
    let odd = |number: i64| visits.keys().copied().filter(|id| id % (number + 1) == 0).collect();
    let bright = |number: i64| {
        let module = module("lsst-bright");
        let (module, folder) = (module.to_str().unwrap(), folder.path().to_str().unwrap());
        let output = skysieve(["check", module, "--config", &brightness(number), "--json", folder]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["accepted"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().parse().unwrap()).collect()
    };
    let odd = (0..FILTERS - CHECKED).map(|number| (format!("odd-{number}"), with_visits(odd(number))));
    let bright = (0..CHECKED).map(|number| (format!("bright-{number}"), with_visits(bright(number))));
    odd.chain(bright).collect()
}

/// The ids that arrived on each topic, in ascending order, with their visits.
fn came(messages: &[Received], prefix: &str, alerts: &[SimulatedAlert]) -> Accepted {
    let packets: BTreeMap<i64, &SimulatedAlert> = alerts.iter().map(|alert| (alert.id, alert)).collect();
    let mut came: Accepted = names().into_iter().map(|name| (name, Vec::new())).collect();
    for message in messages {
        let id: i64 = text(&message.key).parse().unwrap();
        let alert = packets[&id];
        assert_eq!(message.payload, alert.bytes, "alert {id} is not what was sent");
        let name = message.topic.strip_prefix(prefix).unwrap();
        came.get_mut(name).unwrap().push((id, alert.visit));
    }
    came.values_mut().for_each(|ids| ids.sort_unstable());
    came
}

/// Checks that the topic of each filter has exactly the ids that it accepts, none missing and none twice.
fn assert_exact(brokers: &str, prefix: &str, alerts: &[SimulatedAlert], accepted: &Accepted) {
    let topics: Vec<String> = names().iter().map(|name| format!("{prefix}{name}")).collect();
    let came = came(&read_all(brokers, &topics), prefix, alerts);
    assert!(accepted["bright-3"].len() > accepted["bright-0"].len(), "the filters differ");
    for (name, accepted) in accepted {
        assert_eq!(&came[name], accepted, "{name}");
    }
}

/// Checks that, for each visit, the topic of each filter has `quota` of the ids that it accepts, or all of them if they
/// are fewer.
fn assert_quotas(brokers: &str, prefix: &str, alerts: &[SimulatedAlert], accepted: &Accepted, quota: usize) {
    let topics: Vec<String> = names().iter().map(|name| format!("{prefix}{name}")).collect();
    let came = came(&read_all(brokers, &topics), prefix, alerts);
    for (name, accepted) in accepted {
        let ids = &came[name];
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{name} has an alert twice: {ids:?}");
        assert!(ids.iter().all(|id| accepted.contains(id)), "{name} has an alert that it did not accept");
        let of = |ids: &[(i64, Visit)]| {
            let mut counts: BTreeMap<Visit, usize> = BTreeMap::new();
            ids.iter().for_each(|(_, visit)| *counts.entry(*visit).or_default() += 1);
            counts
        };
        let expected: BTreeMap<Visit, usize> =
            of(accepted).into_iter().map(|(visit, n)| (visit, n.min(quota))).collect();
        assert_eq!(of(ids), expected, "{name}");
    }
}

/// The number of kills: 10, or as many as the soak test asks for.
fn kills() -> usize {
    std::env::var("SKYSIEVE_TEST_KILLS").map_or(10, |kills| kills.parse().expect("SKYSIEVE_TEST_KILLS is a number"))
}

#[test]
fn a_host_that_is_killed_again_and_again() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("killed");
    create_topic(&brokers, &topic, 4);
    let (free, limited) = (setup("free", Some(u32::MAX)), setup("limited", None));
    let per_kill = 300;
    let alerts = alerts(2, (kills() + 1) * per_kill / 2);
    let mut feeder = feeder(&brokers, &topic, 4);
    for (kill, part) in alerts.chunks(per_kill).enumerate() {
        let hosts = [free.start(&brokers, &topic, &[]), limited.start(&brokers, &topic, &[])];
        hosts.iter().for_each(Host::await_reading);
        for few in part.chunks(30) {
            feed(&mut feeder, 4, packets(few));
            std::thread::sleep(Duration::from_millis(10));
        }
        if kill < kills() {
            // The kill may hit any of the batches in progress.
            std::thread::sleep(Duration::from_millis(kill as u64 * 37 % 150));
            hosts.into_iter().for_each(Host::kill);
        } else {
            hosts.iter().for_each(|host| host.await_committed(alerts.len() as i64));
            for host in hosts {
                let (code, took) = host.stop();
                assert!(code == Some(0) && took < Duration::from_secs(5), "{code:?} after {took:?}");
            }
        }
    }
    let accepted = accepted(&alerts);
    assert_exact(&brokers, &free.prefix(), &alerts, &accepted);
    assert_quotas(&brokers, &limited.prefix(), &alerts, &accepted, 20);
}

#[test]
fn hosts_of_one_name_started_on_top_of_each_other() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("twins");
    create_topic(&brokers, &topic, 2);
    let setup = setup("twin", Some(u32::MAX));
    let alerts = alerts(1, 900);
    let mut feeder = feeder(&brokers, &topic, 2);
    let mut first = setup.start(&brokers, &topic, &[]);
    first.await_reading();
    for part in alerts.chunks(300) {
        feed(&mut feeder, 2, packets(&part[..150]));
        let second = setup.start(&brokers, &topic, &[]);
        feed(&mut feeder, 2, packets(&part[150..]));
        // If the first one has not begun to read yet either, it may be the one that is left.
        let (left, (status, log)) = first.or_ended(second);
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("has taken over") && log.contains("--name"), "{log}");
        first = left;
    }
    first.await_committed(alerts.len() as i64);
    assert_eq!(first.stop().0, Some(0));
    assert_exact(&brokers, &setup.prefix(), &alerts, &accepted(&alerts));
}

#[test]
fn a_broker_that_is_killed_and_comes_back() {
    let Some(cluster) = Cluster::start("reborn", 1) else { return };
    let setup = setup("reborn", Some(u32::MAX));
    create_topic(&cluster.brokers, "alerts", 2);
    let alerts = alerts(1, 1500);
    let mut feeder = feeder(&cluster.brokers, "alerts", 2);
    let host = setup.start(&cluster.brokers, "alerts", &[]);
    host.await_reading();
    for part in alerts.chunks(500) {
        feed(&mut feeder, 2, packets(part));
        cluster.kill(1);
        cluster.revive();
    }
    host.await_committed(alerts.len() as i64);
    assert_eq!(host.stop().0, Some(0));
    assert_exact(&cluster.brokers, &setup.prefix(), &alerts, &accepted(&alerts));
}

#[test]
fn one_of_three_brokers_killed_for_good() {
    let Some(cluster) = Cluster::start("three", 3) else { return };
    let setup = setup("three", Some(u32::MAX));
    create_topic(&cluster.brokers, "alerts", 6);
    let alerts = alerts(1, 1200);
    let mut feeder = feeder(&cluster.brokers, "alerts", 6);
    let host = setup.start(&cluster.brokers, "alerts", &[]);
    host.await_reading();
    feed(&mut feeder, 6, packets(&alerts[..400]));
    std::thread::scope(|scope| {
        scope.spawn(|| cluster.kill(2));
        feed(&mut feeder, 6, packets(&alerts[400..]));
    });
    host.await_committed(alerts.len() as i64);
    assert_eq!(host.stop().0, Some(0));
    assert_exact(&cluster.brokers, &setup.prefix(), &alerts, &accepted(&alerts));
}

#[test]
fn a_mirror_that_is_killed_and_comes_back() {
    let Some(hub) = Cluster::start("hub", 1) else { return };
    let mirror = hub.beside("mirror");
    let setup = setup("mirrored", Some(u32::MAX));
    create_topic(&hub.brokers, "alerts", 2);
    let alerts = alerts(1, 1200);
    let mut feeder = feeder(&hub.brokers, "alerts", 2);
    let maker = hub.mirror(&mirror, "alerts");
    feed(&mut feeder, 2, packets(&alerts[..400]));
    maker.await_topic("alerts");
    let host = setup.start(&mirror.brokers, "alerts", &[]);
    host.await_committed(1);
    feed(&mut feeder, 2, packets(&alerts[400..800]));
    maker.kill();
    feed(&mut feeder, 2, packets(&alerts[800..]));
    maker.revive();
    // The offsets of a mirror have gaps, because the markers of its transactions take some.
    host.await_done(alerts.len() as u64);
    assert_eq!(host.stop().0, Some(0));
    assert_exact(&mirror.brokers, &setup.prefix(), &alerts, &accepted(&alerts));
}
