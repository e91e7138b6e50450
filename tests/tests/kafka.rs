//! A host on real Kafka: bad messages, quotas over several visits, topics, partitions, and where to begin.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use skysieve::kafka::{Options, Received, TopicSettings, Topics};
use skysieve_survey::Visit;
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique};
use skysieve_tests::setup::{ALL, Setup, ids, packets};
use skysieve_tests::{alerts, shared, text};

fn header(message: &Received, name: &str) -> String {
    text(message.header(name).unwrap_or_else(|| panic!("no header {name}: {message:?}")))
}

#[test]
fn bad_messages_among_good_ones() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("bad");
    let topics = Topics::new(&Options::new(&*brokers), TopicSettings::default()).unwrap();
    topics.limited(&topic, 4_000_000).unwrap();
    let setup = Setup::new("bad", &[ALL]);
    let good = alerts(1, 1000);
    let mut bad: Vec<Vec<u8>> = vec![b"no alert at all".to_vec(), vec![0xff; 3], Vec::new(), Vec::new()];
    // These are random bytes behind a sound header, and a packet of 2 MB, more than the topic for dead letters takes.
    bad.extend((0..20u8).map(|seed| {
        let noise = (0..200u32).map(|n| (n.wrapping_mul(2_654_435_761).rotate_left(u32::from(seed)) >> 13) as u8);
        [0, 0, 0, 4, 0x4d].into_iter().chain(noise).collect()
    }));
    bad.push(vec![7; 2_000_000]);
    if let Some(shared) = shared() {
        let broken = std::fs::read_dir(shared.join("alerts/ztf/malformed")).unwrap();
        bad.extend(broken.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()));
    }
    let mut feeder = feeder(&brokers, &topic, 1);
    let mut rest = bad.iter();
    for part in good.chunks(good.len() / bad.len()) {
        feed(&mut feeder, 1, packets(part));
        feed(&mut feeder, 1, rest.next().map(|bytes| bytes.clone().into()));
    }
    feed(&mut feeder, 1, rest.map(|bytes| bytes.clone().into()));

    let host = setup.start(&brokers, &topic, &[]);
    host.await_done((good.len() + bad.len()) as u64);
    assert_eq!(host.stop().0, Some(0));
    let letters = setup.topic("dead-letters");
    let messages = read_all(&brokers, &[setup.topic("all"), letters.clone()]);
    let mut all: Vec<i64> = good.iter().map(|alert| alert.id).collect();
    all.sort_unstable();
    // One of the eight has a sound framing, and its broken part is behind all fields that are read.
    let mut judged = ids(&messages, &setup.topic("all"));
    judged.retain(|id| good.iter().any(|alert| alert.id == *id));
    assert_eq!(judged, all);
    let letters: Vec<&Received> = messages.iter().filter(|message| *message.topic == *letters).collect();
    let more = messages.len() - letters.len() - all.len();
    assert!(more <= 1, "{more}");
    assert_eq!(letters.len(), bad.len() - more);
    let mut places = BTreeSet::new();
    for letter in &letters {
        assert_eq!(header(letter, "skysieve-topic"), topic);
        assert!(header(letter, "skysieve-reason").len() > 5);
        places.insert((header(letter, "skysieve-partition"), header(letter, "skysieve-offset")));
        match letter.header("skysieve-dropped-payload") {
            Some(why) => assert!(letter.payload.is_empty() && text(why).contains("2000000 bytes"), "{letter:?}"),
            None => assert!(bad.iter().any(|bytes| letter.payload == bytes[..]), "{letter:?}"),
        }
    }
    assert_eq!(places.len(), letters.len(), "each names a message of its own");
}

#[test]
fn quotas_of_visits_that_interleave() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("visits");
    create_topic(&brokers, &topic, 16);
    let setup = Setup::new(
        "visits",
        &[
            ("all", "odd", "[config]\nmode = 'accept'"),
            ("few", "odd", "quota = 3\n[config]\nmode = 'accept'\nevery = 7"),
        ],
    );
    let all = alerts(3, 200);
    let (late, early) = all.split_first().unwrap();
    let mixed: Vec<Bytes> =
        (0..200).flat_map(|at| early[at..].iter().step_by(200)).map(|alert| alert.bytes.clone().into()).collect();
    let mut feeder = feeder(&brokers, &topic, 16);
    let host = setup.start(&brokers, &topic, &[]);
    let half = mixed.len() / 2;
    feed(&mut feeder, 16, mixed[..half].iter().cloned());
    host.await_committed(half as i64);
    assert_eq!(host.stop().0, Some(0));
    let host = setup.start(&brokers, &topic, &[]);
    feed(&mut feeder, 16, mixed[half..].iter().cloned());
    // This alert is from a visit that ended long ago.
    feed(&mut feeder, 16, packets(std::slice::from_ref(late)));
    host.await_committed(all.len() as i64);
    assert_eq!(host.stop().0, Some(0));
    let messages = read_all(&brokers, &[setup.topic("all"), setup.topic("few")]);
    for (filter, quota, every) in [("all", 20, 1), ("few", 3, 7)] {
        let ids = ids(&messages, &setup.topic(filter));
        let visits = |id: &i64| all.iter().find(|alert| alert.id == *id).unwrap().visit;
        let mut counts: BTreeMap<Visit, usize> = BTreeMap::new();
        ids.iter().for_each(|id| *counts.entry(visits(id)).or_default() += 1);
        assert!(ids.iter().all(|id| id % every == 0));
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [quota; 3], "{filter}");
    }
}

#[test]
fn schemas_mixed_in_one_topic() {
    let Some(brokers) = kafka() else { return };
    let Some(shared) = shared() else { return };
    let read = |path: &str| Bytes::from(std::fs::read(shared.join("alerts").join(path)).unwrap());
    let folder = |path: &str| {
        let mut files: Vec<_> =
            std::fs::read_dir(shared.join("alerts").join(path)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| Bytes::from(std::fs::read(path).unwrap()))
    };
    let lsst = ["v7_1", "v9_0", "v10_0", "v11_1"].map(|version| read(&format!("lsst/wire/lsst.{version}.avro")));
    let ztf: Vec<Bytes> = folder("ztf/visits").take(20).chain(folder("ztf/packets")).collect();
    let topic = unique("mixed");
    create_topic(&brokers, &topic, 3);
    // `odd` names alternatives for all surveys, but LSST's schemas lack what `bright` requires.
    let setup = Setup::new(
        "mixed",
        &[
            ("all", "odd", "quota = 1000\n[config]\nmode = 'accept'"),
            ("bright", "bright", "quota = 1000\n[config]\nmagnitude = 99.0"),
        ],
    );
    let mut feeder = feeder(&brokers, &topic, 3);
    let mut packets: Vec<Bytes> = ztf.clone();
    for (at, packet) in lsst.iter().enumerate() {
        packets.insert(at * 13, packet.clone());
    }
    feed(&mut feeder, 3, packets.clone());
    let host = setup.start(&brokers, &topic, &[]);
    host.await_done(packets.len() as u64);
    let (all, bright) = (host.filter("all"), host.filter("bright"));
    assert_eq!(host.stop().0, Some(0));
    let counts = |status: &Value| ["seen", "accepted", "faulted"].map(|name| status["counts"][name].as_u64().unwrap());
    let n = packets.len() as u64;
    assert_eq!(counts(&all), [n, n, 0]);
    assert_eq!(counts(&bright), [n, n - 4, 4]);
    let messages = read_all(&brokers, &[setup.topic("dead-letters")]);
    assert_eq!(messages.len(), 4);
    assert!(
        messages
            .iter()
            .all(|letter| header(letter, "skysieve-kind") == "field" && header(letter, "skysieve-filter") == "bright")
    );
}

#[test]
fn partitions_that_are_added() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("grows");
    create_topic(&brokers, &topic, 1);
    let setup = Setup::new("grows", &[ALL]);
    let all = alerts(1, 60);
    let host = setup.start(&brokers, &topic, &[]);
    feed(&mut feeder(&brokers, &topic, 1), 1, packets(&all[..30]));
    host.await_done(30);
    Topics::new(&Options::new(&*brokers), TopicSettings::default()).unwrap().grow(&topic, 3).unwrap();
    feed(&mut feeder(&brokers, &topic, 3), 3, packets(&all[30..]));
    host.await_done(60);
    assert_eq!(host.health()["partitions"].as_array().unwrap().len(), 3);
    assert_eq!(host.stop().0, Some(0));
    assert_eq!(ids(&read_all(&brokers, &[setup.topic("all")]), &setup.topic("all")).len(), 60);
}

#[test]
fn where_to_begin_and_topics_that_are_missing() {
    let Some(brokers) = kafka() else { return };
    let topic = unique("begin");
    create_topic(&brokers, &topic, 1);
    let filter = [("all", "odd", "quota = 100000\n[config]\nmode = 'accept'")];
    let all = alerts(1, 60);
    let mut feeder = feeder(&brokers, &topic, 1);
    feed(&mut feeder, 1, packets(&all[..30]));

    let setup = Setup::new("begin", &filter);
    let host = setup.start(&brokers, &topic, &["--no-create-topics"]);
    let (status, log) = host.ended();
    assert!(status.code() == Some(1) && log.contains(&setup.topic("dead-letters")), "{log}");

    let host = setup.start(&brokers, &topic, &["--from", "latest"]);
    host.await_reading();
    feed(&mut feeder, 1, packets(&all[30..]));
    host.await_done(30);
    assert_eq!(host.stop().0, Some(0));
    let mut late: Vec<i64> = all[30..].iter().map(|alert| alert.id).collect();
    late.sort_unstable();
    assert_eq!(ids(&read_all(&brokers, &[setup.topic("all")]), &setup.topic("all")), late);

    let host = setup.start(&brokers, &topic, &["--from", "2026-01-01T00:00:00Z"]);
    host.await_done(60);
    assert_eq!(host.stop().0, Some(0));
    let host = Setup::new("absent", &filter).start(&brokers, &unique("nowhere"), &[]);
    let (status, log) = host.ended();
    assert!(status.code() == Some(1) && log.contains("no such topic"), "{log}");
}
