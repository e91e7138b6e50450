//! How alerts change on their way to a topic.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use serde_json::Value;

use super::input::Input;
use super::recipe::{Packet, Recipe, Trouble};
use super::*;
use skysieve_avro::Schemas;
use skysieve_simulate::{self, Config, SimulatedAlert, Simulator};
use skysieve_survey::Surveys;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ProduceArgs,
}

fn args(line: &str) -> ProduceArgs {
    Line::parse_from(format!("produce --brokers b --topic t {line}").split_whitespace()).args
}

/// The messages that would be sent, visit by visit, and the errors.
struct Sent {
    visits: Vec<(String, Vec<Packet>)>,
    left_out: u64,
    trouble: Vec<String>,
    schemas: Arc<Schemas>,
}

fn sent(line: &str) -> Sent {
    let args = args(line);
    let schemas = Arc::new(Schemas::builtin());
    let recipe = Recipe::new(&args.packets, args.simulate.is_none(), &schemas, args.named.surveys().unwrap());
    let (mut input, _) = Input::open(&args, &recipe).unwrap();
    let mut sent = Sent { visits: Vec::new(), left_out: 0, trouble: Vec::new(), schemas };
    while let Some(visit) = input.next_visit() {
        let mut packets = Vec::new();
        let mut put = |packet: Result<Packet, Trouble>| {
            match packet {
                Ok(packet) => packets.push(packet),
                Err(Trouble::Packet(why)) => sent.trouble.push(why),
                Err(Trouble::Fatal(error)) => sent.trouble.push(format!("fatal: {error:#}")),
            }
            true
        };
        sent.left_out += visit.make(0, 1, &recipe, &mut put);
        sent.visits.push((visit.label, packets));
    }
    sent
}

impl Sent {
    fn packets(&self) -> impl Iterator<Item = &Packet> {
        self.visits.iter().flat_map(|(_, packets)| packets)
    }

    fn keys(&self) -> Vec<&str> {
        self.packets().map(|packet| packet.key.as_str()).collect()
    }

    /// The alerts as JSON.
    fn alerts(&self) -> Vec<Value> {
        self.packets().map(|packet| json(&self.schemas, &packet.payload)).collect()
    }
}

fn json(schemas: &Schemas, message: &[u8]) -> Value {
    let mut out = Vec::new();
    schemas.json(&schemas.frame(message).unwrap(), &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// Finds the paths at which two values differ, and the values there.
fn differences(one: &Value, other: &Value, path: &str, found: &mut BTreeMap<String, (Value, Value)>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            one.iter().for_each(|(key, value)| differences(value, &other[key], &format!("{path}.{key}"), found));
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).for_each(|(one, other)| differences(one, other, &format!("{path}[]"), found));
        }
        _ if one != other => drop(found.insert(path.to_owned(), (one.clone(), other.clone()))),
        _ => {}
    }
}

fn compare(one: &Value, other: &Value) -> BTreeMap<String, (Value, Value)> {
    let mut found = BTreeMap::new();
    differences(one, other, "", &mut found);
    found
}

fn simulated(alerts: usize, stamps: bool) -> Vec<SimulatedAlert> {
    let config = Config { stamps, ..Config::default() };
    Simulator::new(skysieve_simulate::Survey::Lsst, config).visit(alerts).collect()
}

/// Makes a folder with one file for each alert.
fn folder(alerts: &[SimulatedAlert]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    for alert in alerts {
        fs::write(folder.path().join(format!("{}.avro", alert.id)), &alert.bytes).unwrap();
    }
    let path = folder.path().display().to_string();
    (folder, path)
}

/// Files of LSST's versions and of ZTF's, if they are on this machine.
fn real() -> Option<Vec<PathBuf>> {
    let shared = skysieve_needs::alerts()?;
    Some(["lsst/wire", "ztf/packets"].map(|folder| shared.join("alerts").join(folder)).into())
}

#[test]
fn simulated_alerts_are_sent_as_they_are() {
    let sent = sent("--simulate lsst --alerts-per-visit 20 --visits 2");
    let expected = simulated(20, true);
    assert_eq!(sent.visits.len(), 2);
    assert_eq!(sent.visits[0].0, expected[0].visit.to_string());
    for (packet, alert) in sent.packets().zip(&expected) {
        assert_eq!((&packet.key, &packet.payload), (&alert.id.to_string(), &alert.bytes));
    }
    assert_ne!(sent.visits[0].1, sent.visits[1].1);
}

#[test]
fn simulated_ztf() {
    let sent = sent("--simulate ztf --alerts-per-visit 5");
    assert_eq!(sent.visits[0].0, sent.alerts()[0]["candidate"]["jd"].to_string());
    let confluent = super::tests::sent("--simulate ztf --alerts-per-visit 5 --framing confluent --schema-id 9");
    for (packet, other) in sent.packets().zip(confluent.packets()) {
        assert!(packet.payload.starts_with(b"Obj\x01") && other.payload.starts_with(&[0, 0, 0, 0, 9]));
        let alert = sent.schemas.frame(&packet.payload).unwrap();
        assert_eq!((&packet.key, &alert.datum[..]), (&other.key, &other.payload[5..]));
    }
    assert_eq!(confluent.packets().count(), 5);
    let without = super::tests::sent("--simulate ztf --alerts-per-visit 1 --framing confluent");
    assert!(without.trouble[0].starts_with("fatal: ") && without.trouble[0].contains("--schema-id"));
}

#[test]
fn a_simulated_survey_goes_on_or_begins_again() {
    let visits = |line: &str| sent(&format!("--simulate lsst --alerts-per-visit 1 {line}")).visits;
    let on = visits("--repeat --max-repeats 2");
    assert_eq!(on.len(), 3);
    assert!(on[0] != on[1] && on[1] != on[2]);
    let again = visits("--repeat --max-repeats 2 --as-is");
    assert!(again.len() == 3 && again[0] == again[1] && again[1] == again[2]);
    assert_eq!(visits("--repeat --visits 2").len(), 2);
}

#[test]
fn framings_there_and_back() {
    let container = sent("--simulate lsst --alerts-per-visit 5 --framing container");
    let files = tempfile::tempdir().unwrap();
    for packet in container.packets() {
        assert!(packet.payload.starts_with(b"Obj\x01"));
        fs::write(files.path().join(format!("{}.avro", packet.key)), &packet.payload).unwrap();
    }
    let path = files.path().display();
    let mut back = sent(&format!("{path} --framing confluent")).visits.remove(0).1;
    let mut expected: Vec<_> =
        simulated(5, true).into_iter().map(|alert| (alert.id.to_string(), alert.bytes)).collect();
    back.sort_by(|one, other| one.key.cmp(&other.key));
    expected.sort();
    let back: Vec<_> = back.into_iter().map(|packet| (packet.key, packet.payload)).collect();
    assert_eq!(back, expected);
    let numbered = sent(&format!("{path} --framing confluent --schema-id 258"));
    assert!(numbered.packets().all(|packet| packet.payload.starts_with(&[0, 0, 0, 1, 2])));
}

#[test]
fn a_schema_without_a_number_needs_one() {
    let Some(real) = real() else { return };
    let line = |more: &str| format!("{} --framing confluent --visits 1 {more}", real[1].display());
    let sent_without = sent(&line(""));
    let trouble = &sent_without.trouble[0];
    assert!(
        trouble.starts_with("fatal: ") && trouble.contains("ztf.alert") && trouble.contains("--schema-id"),
        "{trouble}"
    );
    assert!(sent(&line("--schema-id 4")).packets().all(|packet| packet.payload.starts_with(&[0, 0, 0, 0, 4])));
}

#[test]
fn repeats_are_fresh_and_differ_in_nothing_else() {
    let (_folder, path) = folder(&simulated(12, true));
    let sent = sent(&format!("{path} --repeat --max-repeats 2"));
    assert_eq!(sent.visits.len(), 3);
    let alerts = sent.alerts();
    let mut ids = sent.keys();
    for (at, alert) in alerts.iter().enumerate() {
        let original = &alerts[at % 12];
        let repeat = (at / 12) as f64;
        let changes = compare(original, alert);
        let id = &alert["diaSourceId"];
        assert_eq!(ids[at], id.to_string());
        for (path, (before, after)) in &changes {
            let more = after.as_f64().unwrap_or_default() - before.as_f64().unwrap_or_default();
            match path.as_str() {
                ".diaSourceId" | ".diaSource.diaSourceId" | ".ssSource.diaSourceId" => assert_eq!(after, id),
                ".diaSource.visit" => assert_eq!(more, repeat),
                ".diaSource.midpointMjdTai" | ".diaSource.timeProcessedMjdTai" | ".diaObject.lastDiaSourceMjdTai" => {
                    assert_eq!(more, repeat, "{path}");
                }
                _ => panic!("{path} has changed: {before} → {after}"),
            }
        }
        assert!(at < 12 || changes.len() >= 5, "{changes:?}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 36, "no id comes twice");
    let as_is = super::tests::sent(&format!("{path} --repeat --max-repeats 2 --as-is"));
    assert!(as_is.visits.iter().all(|visit| visit.1 == sent.visits[0].1));
}

/// The paths of an alert's own id, visit and times, for LSST and ZTF.
const FRESH: [&str; 14] = [
    "diaSourceId",
    "alertId",
    "candid",
    "diaSource.diaSourceId",
    "ssSource.diaSourceId",
    "candidate.candid",
    "diaSource.visit",
    "diaSource.ccdVisitId",
    "diaSource.midpointMjdTai",
    "diaSource.midPointTai",
    "diaSource.timeProcessedMjdTai",
    "diaObject.lastDiaSourceMjdTai",
    "candidate.jd",
    "candidate.jdendhist",
];

#[test]
fn repeats_of_real_alerts() {
    let Some(real) = real() else { return };
    for folder in real {
        let sent = sent(&format!("{} --repeat --max-repeats 2", folder.display()));
        let alerts = sent.alerts();
        let count = alerts.len() / 3;
        assert!(count > 5 && sent.trouble.is_empty(), "{:?}", sent.trouble);
        let mut ids = sent.keys();
        for (at, alert) in alerts.iter().enumerate().skip(count) {
            let changes = compare(&alerts[at % count], alert);
            let id =
                ["diaSourceId", "alertId", "candid"].into_iter().find(|id| changes.contains_key(&format!(".{id}")));
            assert_eq!(alert[id.unwrap()].to_string(), ids[at], "{changes:?}");
            for path in changes.keys() {
                assert!(FRESH.contains(&&path[1..]), "{path} has changed");
            }
            let visit = [".diaSource.visit", ".diaSource.ccdVisitId", ".candidate.jd"];
            assert!(visit.iter().any(|visit| changes.contains_key(*visit)), "{changes:?}");
        }
        // Alerts from independent simulations share their ids.
        let originals: HashSet<_> = ids.drain(..count).collect();
        let fresh: HashSet<_> = ids.into_iter().collect();
        assert!(fresh.len() == 2 * count && fresh.is_disjoint(&originals), "{fresh:?}");
    }
}

#[test]
fn cutouts_and_histories_are_left_out() {
    let originals = simulated(12, true);
    let (_folder, path) = folder(&originals);
    let schemas = Schemas::builtin();
    let originals: BTreeMap<_, _> =
        originals.iter().map(|alert| (alert.id.to_string(), json(&schemas, &alert.bytes))).collect();
    let mut bare = 0;
    for (flag, named) in [("--no-stamps", "cutout"), ("--no-history", "prv"), ("--no-stamps --no-history", "")] {
        for (packet, alert) in {
            let sent = sent(&format!("{path} {flag}"));
            let alerts = sent.alerts();
            sent.visits.into_iter().flat_map(|visit| visit.1).zip(alerts).collect::<Vec<_>>()
        } {
            for (path, (before, after)) in compare(&originals[&packet.key], &alert) {
                assert!(path.starts_with(&format!(".{named}")) && !before.is_null() && after.is_null(), "{path}");
                bare += 1;
            }
        }
    }
    assert!(bare >= 12 * 6, "{bare}");
}

#[test]
fn real_alerts_without_cutouts() {
    let Some(real) = real() else { return };
    let sent = sent(&format!("{} --no-stamps --no-history", real[1].display()));
    let largest = sent.packets().map(|packet| packet.payload.len()).max().unwrap();
    // The schema alone takes some 20 KB.
    assert!(largest < 40_000, "{largest}");
    assert!(sent.alerts().iter().all(|alert| alert["cutoutScience"].is_null() && alert["candidate"]["jd"].is_f64()));
    assert!(sent.alerts().iter().all(|alert| {
        let history = &alert["prv_candidates"];
        history.is_null() || history.as_array().is_some_and(Vec::is_empty)
    }));
}

#[test]
fn json_instead_of_avro() {
    let sent = sent("--simulate lsst --alerts-per-visit 3 --encode-off");
    for (packet, alert) in sent.packets().zip(simulated(3, true)) {
        let object: Value = serde_json::from_slice(&packet.payload).unwrap();
        assert_eq!(object["diaSource"]["visit"].to_string(), alert.visit.to_string());
        assert_eq!(object, json(&sent.schemas, &alert.bytes));
    }
}

#[test]
fn a_file_of_many_alerts_is_a_visit() {
    let schemas = Schemas::builtin();
    let schema = schemas.by_id(1101).unwrap();
    let alerts: Vec<_> = simulated(10, false);
    // Containers of one alert each are combined: the head once, followed by a block for each alert.
    let wrapper = schemas.container(schema).unwrap();
    let empty = wrapper.wrap(&[]);
    let head = &empty[..empty.len() - 18];
    let mut file = head.to_vec();
    for alert in &alerts {
        file.extend(&wrapper.wrap(&alert.bytes[5..])[head.len()..]);
    }
    let folder = tempfile::tempdir().unwrap();
    let many = folder.path().join("visit.avro");
    fs::write(&many, &file).unwrap();
    fs::write(folder.path().join("one.avro"), &alerts[0].bytes).unwrap();
    fs::write(folder.path().join("none.avro"), "no packet").unwrap();
    fs::write(folder.path().join("zzz.txt"), "looked over").unwrap();

    let sent = sent(&format!("{} --alerts-per-visit 7 --framing confluent", folder.path().display()));
    assert_eq!(sent.visits.len(), 2, "a file of many, and the visit of the other");
    assert_eq!((sent.visits[0].1.len(), sent.visits[1].1.len(), sent.left_out), (7, 1, 3));
    assert!(sent.visits[0].1.iter().zip(&alerts).all(|(packet, alert)| packet.payload == alert.bytes));
    let as_is = super::tests::sent(&many.display().to_string());
    assert!(as_is.packets().all(|packet| packet.payload.starts_with(b"Obj\x01")));
    assert_eq!(as_is.packets().count(), 10);

    // The file is cut off within the last alert.
    fs::write(&many, &file[..file.len() - 100]).unwrap();
    let cut = super::tests::sent(&many.display().to_string());
    assert_eq!((cut.packets().count(), cut.trouble.len()), (9, 1));
    assert!(cut.trouble[0].contains("visit.avro"), "{:?}", cut.trouble);
}

#[test]
fn a_visit_is_shared_without_loss() {
    let (_folder, path) = folder(&simulated(11, false));
    let args = args(&path);
    let recipe = Recipe::new(&args.packets, true, &Arc::new(Schemas::builtin()), Surveys::default());
    let visit = Input::open(&args, &recipe).unwrap().0.next_visit().unwrap();
    let keys = |maker, of| {
        let mut keys = Vec::new();
        let mut put = |packet: Result<Packet, Trouble>| {
            keys.push(packet.unwrap().key);
            true
        };
        visit.make(maker, of, &recipe, &mut put);
        keys
    };
    let (all, shares) = (keys(0, 1), [keys(0, 3), keys(1, 3), keys(2, 3)]);
    assert!(all.iter().enumerate().all(|(index, key)| shares[index % 3][index / 3] == *key));
}

/// Makes a container of alerts with a single text field, which has these bytes.
fn texts(alerts: &[&[u8]]) -> Vec<u8> {
    let schema = br#"{"type":"record","name":"a","fields":[{"name":"t","type":"string"}]}"#;
    let content: Vec<u8> = alerts.iter().flat_map(|text| [&[2 * text.len() as u8][..], text].concat()).collect();
    let length = [((2 * schema.len() as u8) & 0x7f) | 0x80, (schema.len() >> 6) as u8];
    let counts = [2 * alerts.len() as u8, 2 * content.len() as u8];
    [&b"Obj\x01\x02\x16avro.schema"[..], &length, schema, &[0], &[7; 16], &counts, &content, &[7; 16]].concat()
}

#[test]
fn a_bad_alert_of_a_file_is_told_and_the_others_are_sent() {
    for (alerts, good) in [([&b"x"[..], b"\xff", b"y"], ["x", "y"]), ([&b"\xff"[..], b"x", b"y"], ["x", "y"])] {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), texts(&alerts)).unwrap();
        let sent = sent(&file.path().display().to_string());
        assert_eq!(sent.alerts().iter().map(|alert| alert["t"].as_str().unwrap()).collect::<Vec<_>>(), good);
        let number = 1 + alerts.iter().position(|text| *text == b"\xff").unwrap();
        let told = format!(
            "{}: alert {number} of the file: a, byte 0 of the alert: t: it is not UTF-8",
            file.path().display()
        );
        assert_eq!(sent.trouble, [told]);
    }
}
