//! `skysieve consume` as subscribers use it, on the embedded broker.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use skysieve::kafka::{EmbeddedBroker, Feeder};
use skysieve_simulate::{Config, SimulatedAlert, Simulator, Survey};
use skysieve_tests::{alerts, await_end, binary, root, shared, skysieve, text};

/// The session timeout is how long the mock cluster waits for the other members after one has left. It must be more
/// than the 3 s of the cluster's first wait, and the same for all members of a group, because the cluster forgets
/// members while they wait.
const HASTE: [&str; 4] = ["-X", "session.timeout.ms=4000", "-X", "heartbeat.interval.ms=100"];

/// A broker with alerts in the two partitions of `alerts`.
fn broker(packets: &[&[u8]]) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("alerts", 2).unwrap();
    send(&broker, packets);
    broker
}

fn send(broker: &EmbeddedBroker, packets: &[&[u8]]) {
    let mut feeder = Feeder::new(&broker.options(), "alerts", 2, Arc::new(|_| i64::MAX)).unwrap();
    for (at, packet) in packets.iter().enumerate() {
        feeder.send(at as i32 % 2, Vec::new(), packet.to_vec().into()).unwrap();
    }
    feeder.finish().unwrap();
}

fn bytes(alerts: &[SimulatedAlert]) -> Vec<&[u8]> {
    alerts.iter().map(|alert| &*alert.bytes).collect()
}

fn ids(alerts: &[SimulatedAlert]) -> BTreeSet<i64> {
    alerts.iter().map(|alert| alert.id).collect()
}

fn consume(broker: &EmbeddedBroker, arguments: &[&str]) -> Output {
    let given = ["consume", "alerts", "--brokers", broker.brokers(), "--group", "readers"];
    skysieve(given.iter().chain(&HASTE).chain(arguments))
}

/// Reads to the end, and returns the lines.
#[track_caller]
fn read(broker: &EmbeddedBroker, arguments: &[&str]) -> Vec<String> {
    let output = consume(broker, &[&["--until-end"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

fn objects(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn ids_of(lines: &[String]) -> BTreeSet<i64> {
    objects(lines).iter().map(|object| object["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// A subscriber that continues until it is stopped. It is killed when it goes out of scope.
struct Running(Child);

impl Running {
    fn start(broker: &EmbeddedBroker, arguments: &[&str]) -> Running {
        let given = ["consume", "alerts", "--brokers", broker.brokers(), "--json"];
        let command = &mut Command::new(binary());
        Running(command.args(given).args(HASTE).args(arguments).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap()).lines().map_while(Result::ok)
    }

    fn interrupt(&self) {
        Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
    }

    /// Returns the exit code once it has ended by itself.
    fn end(&mut self) -> Option<i32> {
        await_end(&mut self.0).code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_group_goes_on_where_it_left_off_unless_told_where_to_begin() {
    let all = alerts(1, 100);
    let broker = broker(&bytes(&all));
    let first = read(&broker, &["--json", "--limit", "30"]);
    assert_eq!(first.len(), 30);
    let rest = read(&broker, &["--json"]);
    assert_eq!((rest.len(), &ids_of(&first) | &ids_of(&rest)), (70, ids(&all)));
    assert_eq!(read(&broker, &["--json"]), Vec::<String>::new());

    let last: BTreeSet<i64> = ids(&all[86..]);
    assert_eq!(ids_of(&read(&broker, &["--json", "--from", "-7", "--commit", "never"])), last);
    assert_eq!(read(&broker, &["--json", "--from", "latest"]).len(), 0);
    let every = read(&broker, &["--json", "--from", "earliest", "--every", "7"]);
    assert_eq!(every.len(), 15);
    let line = &objects(&every)[0];
    let alert = all.iter().find(|alert| line["id"].as_str().unwrap().parse() == Ok(alert.id)).unwrap();
    assert_eq!(
        (&line["topic"], &line["offset"], &line["bytes"]),
        (&"alerts".into(), &0.into(), &alert.bytes.len().into())
    );
    assert!(line["ra"].is_f64() && line["dec"].is_f64() && line["visit"].is_i64(), "{line}");
}

#[test]
fn commits_before_printing_or_never() {
    let all = alerts(1, 60);
    let broker = broker(&bytes(&all));
    for _ in 0..2 {
        assert_eq!(
            read(&broker, &["--commit", "never", "--count"]),
            [format!("60 messages, {} bytes, 0 undecodable", all.iter().map(|alert| alert.bytes.len()).sum::<usize>())]
        );
    }
    assert_eq!(read(&broker, &["--commit", "before", "--limit", "25", "--json"]).len(), 25);
    assert_eq!(read(&broker, &["--commit", "before", "--json"]).len(), 35);
    assert_eq!(read(&broker, &["--json"]).len(), 0);
}

#[test]
fn an_interrupt_commits_what_was_printed() {
    let all = alerts(1, 80);
    let broker = broker(&bytes(&all[..50]));
    let mut running = Running::start(&broker, &["--group", "readers"]);
    let mut lines = running.lines();
    let mut printed: Vec<String> = lines.by_ref().take(50).collect();
    running.interrupt();
    printed.extend(lines);
    assert_eq!((running.end(), ids_of(&printed)), (Some(0), ids(&all[..50])));
    send(&broker, &bytes(&all[50..]));
    assert_eq!(ids_of(&read(&broker, &["--json"])), ids(&all[50..]), "and nothing else");
}

#[test]
fn a_reader_that_has_enough_ends_it() {
    let all = alerts(1, 200);
    let broker = broker(&bytes(&all));
    let mut running = Running::start(&broker, &["--group", "readers"]);
    let mut lines = running.lines();
    assert!(lines.next().is_some());
    drop(lines);
    let more = alerts(2, 20);
    // The command finds out that the pipe is broken when it writes to it.
    send(&broker, &bytes(&more));
    assert_eq!(running.end(), Some(0));
}

#[test]
fn members_of_a_group_share_the_stream() {
    let all = alerts(1, 400);
    let broker = broker(&[]);
    let patience = ["--timeout", "8"];
    let mut members: Vec<Running> = ["ours", "ours", "theirs"]
        .iter()
        .map(|group| Running::start(&broker, &[&["--group", group][..], &patience].concat()))
        .collect();
    let readers: Vec<_> = members
        .iter_mut()
        .map(|member| {
            let lines = member.lines();
            std::thread::spawn(move || lines.collect::<Vec<String>>())
        })
        .collect();
    // Until both members have joined, one of them has everything, so alerts keep coming for a while.
    let begun = Instant::now();
    for batch in all.chunks(20) {
        send(&broker, &bytes(batch));
        std::thread::sleep(Duration::from_millis(500).saturating_sub(begun.elapsed() / 40));
    }
    let printed: Vec<Vec<String>> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    members.iter_mut().for_each(|member| assert_eq!(member.end(), Some(0)));
    assert!(!printed[0].is_empty() && !printed[1].is_empty(), "one member had nothing");
    assert_eq!(&ids_of(&printed[0]) | &ids_of(&printed[1]), ids(&all));
    assert_eq!((printed[2].len(), ids_of(&printed[2])), (400, ids(&all)), "another group has all of it");
}

#[test]
fn fields_as_a_table_and_as_json() {
    let all: Vec<SimulatedAlert> = Simulator::new(Survey::Lsst, Config::default()).visit(20).collect();
    let broker = broker(&bytes(&all));
    let fields =
        "diaSourceId,diaSource,diaSource.psfFlux,prvDiaForcedSources[].psfFlux,cutoutScience,diaSource.psfFlix";
    let output = consume(&broker, &["--until-end", "--commit", "never", "--json", "--fields", fields]);
    assert_eq!(output.status.code(), Some(0));
    let warnings = text(&output.stderr);
    assert_eq!(warnings.matches("lsst.v11_1.alert has no diaSource.psfFlix").count(), 1, "{warnings}");
    assert!(warnings.contains("diaSource.psfFlux"), "{warnings}");
    let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    let objects = objects(&lines);
    let got: BTreeSet<i64> = objects.iter().map(|object| object["diaSourceId"].as_i64().unwrap()).collect();
    assert_eq!((lines.len(), got), (20, ids(&all)));
    for object in &objects {
        assert_eq!(object["diaSource"]["psfFlux"], object["diaSource.psfFlux"]);
        assert_eq!(object["diaSource"]["diaSourceId"], object["diaSourceId"]);
        assert!(object["cutoutScience"].as_u64().unwrap() > 3000, "{object}");
        let history = &object["prvDiaForcedSources[].psfFlux"];
        assert!(history.is_null() || history.as_array().is_some_and(|history| history.iter().all(Value::is_number)));
        assert!(object["diaSource.psfFlix"].is_null());
        assert_eq!(object.as_object().unwrap().len(), 6);
    }

    let table = read(&broker, &["--commit", "never", "--fields", "diaSourceId,diaSource.band"]);
    assert_eq!(
        (table.len(), table[0].split_whitespace().collect::<Vec<_>>()),
        (21, vec!["diaSourceId", "diaSource.band"])
    );
    assert!(table[1..].iter().all(|row| row.split_whitespace().count() == 2), "{table:?}");
    let whole = read(&broker, &["--commit", "never", "--json", "--fields", "*", "--bytes", "base64", "--limit", "1"]);
    let alert: Value = serde_json::from_str(&whole[0]).unwrap();
    assert!(alert["cutoutDifference"].as_str().unwrap().starts_with("U0lNUExFI"), "FITS begins with SIMPLE");
    assert!(alert["diaObject"].is_object() || alert["ssSource"].is_object());
}

#[test]
fn what_is_no_alert_is_told_and_the_stream_goes_on() {
    let all = alerts(1, 10);
    let mut packets = bytes(&all);
    let unknown = [&[0, 0, 0, 0, 9][..], &all[0].bytes[5..]].concat();
    let cut = &all[1].bytes[..200];
    packets.splice(3..3, [&b"rubbish"[..], &[], &unknown, cut]);
    let broker = broker(&packets);
    let output = consume(&broker, &["--until-end", "--json"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!((lines.len(), ids_of(&lines)), (10, ids(&all)));
    for (partition, offset, reason) in [
        (1, 1, "rubbish"),
        (0, 2, "the message is empty"),
        (1, 2, "schema id 9 is not known"),
        (0, 3, "lsst.v11_1.alert"),
    ] {
        let place = format!("topic alerts, partition {partition}, offset {offset}: ");
        let line = errors.lines().find(|line| line.starts_with(&place)).unwrap_or_else(|| panic!("{place}{errors}"));
        assert!(line.contains(reason), "{line}");
    }
    assert_eq!(errors.lines().filter(|line| line.starts_with("topic ")).count(), 4, "{errors}");
    let plain = read(&broker, &["--from", "earliest", "--decode-off"]);
    assert_eq!((plain.len(), plain[0].split_whitespace().count()), (15, 4), "{plain:?}");
}

#[test]
fn cutouts_and_packets_are_saved() {
    let [lsst, ztf] = [Survey::Lsst, Survey::Ztf]
        .map(|survey| Simulator::new(survey, Config::default()).visit(3).collect::<Vec<SimulatedAlert>>());
    let broker = broker(&[bytes(&lsst), bytes(&ztf)].concat());
    let folders = ["stamps", "fits", "packets"].map(|_| tempfile::tempdir().unwrap());
    let [stamps, fits, packets] = folders.each_ref().map(|folder| folder.path().to_str().unwrap());
    let lines = read(&broker, &["--commit", "never", "--stamps", stamps, "--save", packets]);
    assert!(lines.is_empty(), "what is saved is not printed: {lines:?}");
    assert_eq!(read(&broker, &["--stamps", fits, "--fits", "--json"]).len(), 6);
    let list = |folder: &str| -> BTreeSet<String> {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    };
    let expected = |zipped: &str| -> BTreeSet<String> {
        let kinds = ["science", "template", "difference"];
        let all = lsst.iter().map(|alert| (alert.id, "fits")).chain(ztf.iter().map(|alert| (alert.id, zipped)));
        all.flat_map(|(id, ending)| kinds.map(|kind| format!("{id}_{kind}.{ending}"))).collect()
    };
    assert_eq!((list(stamps), list(fits)), (expected("fits.gz"), expected("fits")));
    for name in list(fits) {
        assert!(std::fs::read(format!("{fits}/{name}")).unwrap().starts_with(b"SIMPLE  ="), "{name}");
    }
    assert_eq!(list(packets).len(), 6);
    assert_eq!(std::fs::read(format!("{packets}/alerts-1-0.avro")).unwrap(), lsst[1].bytes);
}

#[test]
fn the_monitor_tells_the_ends_as_the_prototype_did() {
    let all = alerts(1, 30);
    let broker = broker(&bytes(&all));
    broker.create_topic("others", 2).unwrap();
    let arguments = ["consume", "alerts", "others", "--monitor", "--until-end", "--brokers", broker.brokers()];
    let begun = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let output = skysieve(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut ends = BTreeSet::new();
    for line in text(&output.stdout).lines() {
        let (end, time) = line.split_once(", key:None, time:").unwrap_or_else(|| panic!("{line}"));
        let time: f64 = time.parse().unwrap();
        assert!((begun..begun + 60.0).contains(&time), "{line}");
        ends.insert(end.to_owned());
    }
    let line =
        |topic: &str, partition, offset| format!("topic:{topic}, partition:{partition}, status:end, offset:{offset}");
    let expected = [("alerts", 15), ("others", 0)]
        .iter()
        .flat_map(|(topic, offset)| [line(topic, 0, *offset), line(topic, 1, *offset)]);
    assert_eq!(ends, expected.collect());
}

#[test]
fn real_packets_of_every_version() {
    let Some(shared) = shared() else { return };
    let folders = ["alerts/lsst/wire", "alerts/ztf/packets", "alerts/ztf/malformed"];
    let mut packets = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(shared.join(folder)).unwrap() {
            packets.push(std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    let broker = broker(&packets);
    let stamps = tempfile::tempdir().unwrap();
    let stamps = stamps.path().to_str().unwrap();
    let output = consume(&broker, &["--until-end", "--json", "--fields", "*", "--stamps", stamps, "--fits"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().filter(|line| line.starts_with("topic alerts, ")).count(), 8, "{errors}");
    let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), packets.len() - 8);
    let objects = objects(&lines);
    assert_eq!(objects.iter().filter(|alert| alert["candidate"]["magpsf"].is_f64()).count(), 39);
    assert!(std::fs::read_dir(stamps).unwrap().count() >= 39 * 3);
}

#[test]
fn a_registry_tells_the_schemas_of_other_ids() {
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://me:hush@{}", registry.local_addr().unwrap());
    let avsc = std::fs::read_to_string(root().join("schema/lsst/lsst.v11_1.alert.avsc")).unwrap();
    let answer = Value::from_iter([("schema", avsc)]).to_string();
    std::thread::spawn(move || {
        for connection in registry.incoming() {
            let mut connection = connection.unwrap();
            let lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let found =
                head[0].starts_with("GET /schemas/ids/900001 ") && head.iter().any(|line| line.contains("Basic"));
            let absent = r#"{"error_code": 40403, "message": "Schema not found"}"#.to_owned();
            let (status, body) = if found { ("200 OK", &answer) } else { ("404 Not Found", &absent) };
            let length = body.len();
            write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                .unwrap();
        }
    });
    let all = alerts(1, 6);
    let of = |id: u32| all.iter().map(move |alert| [&[0][..], &id.to_be_bytes(), &alert.bytes[5..]].concat());
    let packets: Vec<Vec<u8>> = of(900_001).chain(of(900_002).take(1)).collect();
    let broker = broker(&packets.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let output = consume(&broker, &["--until-end", "--json", "--schema-registry", &url]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(ids_of(&lines), ids(&all));
    assert!(errors.contains("schema id 900002 is not known") && !errors.contains("hush"), "{errors}");
}

#[test]
fn wrong_usage_says_what_to_do() {
    let run = |arguments: &[&str]| {
        let output = skysieve(["consume"].iter().chain(arguments));
        (output.status.code(), text(&output.stderr))
    };
    let somewhere = ["alerts", "--brokers", "127.0.0.1:1"];
    for (arguments, expected) in [
        (&["alerts"][..], "--brokers"),
        (&["--brokers", "127.0.0.1:1"], "TOPIC"),
        (&["--from", "yesterday"], "a time like 2026-"),
        (&["--fields", "a..b"], "empty name"),
        (&["--monitor", "--json"], "--json"),
        (&["--fits"], "--stamps"),
        (&["-X", "no.such=1"], "no.such"),
        (&["--schema-registry", "ftp://me:hush@sky"], "--schema-registry"),
    ] {
        let arguments = if expected == "--brokers" || expected == "TOPIC" {
            arguments.to_vec()
        } else {
            [&somewhere, arguments].concat()
        };
        let (code, error) = run(&arguments);
        assert!(
            code == Some(2) && error.contains(expected) && !error.contains("hush"),
            "{arguments:?} {code:?} {error}"
        );
    }
}
