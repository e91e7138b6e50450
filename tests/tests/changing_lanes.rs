//! On real Kafka, filters that are too slow for the live lane and come back lose nothing and publish nothing twice,
//! whatever happens to their host.

use std::time::Duration;

use skysieve_simulate::SimulatedAlert;
use skysieve_tests::alerts;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique, wait_for};
use skysieve_tests::setup::{ALL, Setup, ids, packets};

const PARTITIONS: i32 = 3;
/// Short enough that filters leave the live lane often.
const SLICE: [&str; 2] = ["--slice", "3"];
/// The alerts for each of a host's lives.
const PER_KILL: usize = 150;

/// The number of kills: 10, or as many as the soak test asks for.
fn kills() -> usize {
    std::env::var("SKYSIEVE_TEST_KILLS").map_or(10, |kills| kills.parse().expect("SKYSIEVE_TEST_KILLS is a number"))
}

fn sorted_ids(alerts: &[SimulatedAlert]) -> Vec<i64> {
    let mut ids: Vec<i64> = alerts.iter().map(|alert| alert.id).collect();
    ids.sort_unstable();
    ids
}

/// The settings of a filter that accepts everything, after working long on some of the alerts.
fn uneven(quota: u32, more: &str) -> String {
    format!("quota = {quota}\n[config]\nmode = 'uneven'\n{more}")
}

/// Waits until all filters have judged all of the stream.
fn await_all(host: &Host, filters: &[&str], alerts: usize) {
    host.await_committed(alerts as i64);
    wait_for("slow filters", || filters.iter().all(|filter| host.filter(filter)["behind"] == 0));
}

#[test]
fn a_host_that_is_killed_while_filters_change_lanes() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("lanes");
    create_topic(&brokers, &topic, PARTITIONS);
    let alerts = alerts(3, (kills() + 1) * PER_KILL / 3);
    // It is slow for the first half of the alerts.
    let middle = alerts[..alerts.len() / 2].iter().map(|alert| alert.id).max().unwrap();
    let slow = uneven(1_000_000, "");
    let early = uneven(1_000_000, &format!("below = {middle}"));
    let limited = uneven(20, "every = 2");
    let others = [("slow", "odd", &*slow), ("early", "odd", &early), ("limited", "odd", &limited)];
    let setup = Setup::new("lanes", &[&[ALL], &others[..]].concat());
    let filters = ["all", "slow", "early", "limited"];
    let mut feeder = feeder(&brokers, &topic, PARTITIONS);
    let mut was_slow = [false; 4];
    for (kill, part) in alerts.chunks(PER_KILL).enumerate() {
        let host = setup.start(&brokers, &topic, &SLICE);
        host.await_reading();
        for few in part.chunks(30) {
            feed(&mut feeder, PARTITIONS, packets(few));
            std::thread::sleep(Duration::from_millis(20));
        }
        // The kill may hit any of the batches in progress, in either lane.
        std::thread::sleep(Duration::from_millis(kill as u64 * 37 % 400));
        for (filter, was_slow) in filters.iter().zip(&mut was_slow) {
            *was_slow |= host.filter(filter)["lane"] == "slow";
        }
        if kill < kills() {
            host.kill();
        } else {
            await_all(&host, &filters, alerts.len());
            let (code, took) = host.stop();
            assert!(code == Some(0) && took < Duration::from_secs(6), "{code:?} after {took:?}");
        }
    }
    assert!(was_slow[1] && was_slow[2], "no filter was slow: {was_slow:?}");
    let outputs = filters.map(|filter| setup.topic(filter));
    let came = read_all(&brokers, &outputs);
    for output in &outputs[..3] {
        assert_eq!(ids(&came, output), sorted_ids(&alerts), "{output}");
    }
    for visit in alerts.chunks(alerts.len() / 3) {
        let accepted: Vec<i64> = sorted_ids(visit).into_iter().filter(|id| id % 2 == 0).collect();
        let came = ids(&came, &outputs[3]);
        let of_visit: Vec<i64> = came.into_iter().filter(|id| accepted.contains(id)).collect();
        assert_eq!(of_visit.len(), 20, "of {}", accepted.len());
        assert!(of_visit.windows(2).all(|pair| pair[0] != pair[1]), "an alert came twice: {of_visit:?}");
    }
}

#[test]
fn a_slow_filter_is_suspended_when_it_has_fallen_too_far_behind_and_a_better_version_catches_up() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("behind");
    create_topic(&brokers, &topic, PARTITIONS);
    let setup = Setup::new("behind", &[ALL]);
    let limits = ["--max-lag", "2", "--max-fuel", "10000000000", "--max-deadline", "60000"];
    let host = setup.start(&brokers, &topic, &[&SLICE[..], &limits].concat());
    host.await_reading();
    let upload = |settings: &str| {
        let module = std::fs::read(skysieve_tests::module("odd")).unwrap();
        let url = format!("{}/api/v1/filters/mine?quota=1000000&fuel=10000000000&deadline_ms=60000", host.url());
        let request = ureq::put(url).query("config", settings).content_type("application/wasm");
        assert!(request.send(&module).unwrap().status().is_success());
    };
    upload("mode = 'uneven'\nrounds = 400000000");
    let alerts = alerts(1, 1500);
    let mut feeder = feeder(&brokers, &topic, PARTITIONS);
    for few in alerts.chunks(20) {
        feed(&mut feeder, PARTITIONS, packets(few));
        std::thread::sleep(Duration::from_millis(80));
    }
    wait_for("the suspension", || host.filter("mine")["state"] == "suspended");
    let reason = host.filter("mine")["reason"].to_string();
    assert!(reason.contains("--max-lag"), "{reason}");
    let seen = host.filter("mine")["counts"]["seen"].as_u64().unwrap();
    assert!(seen < alerts.len() as u64, "it has seen {seen} alerts");
    upload("mode = 'accept'");
    await_all(&host, &["mine"], alerts.len());
    wait_for("the live lane", || host.filter("mine")["lane"] == "live");
    assert_eq!(host.stop().0, Some(0));
    let output = setup.topic("mine");
    assert_eq!(ids(&read_all(&brokers, std::slice::from_ref(&output)), &output), sorted_ids(&alerts));
}
