//! Where a filter's alerts went, what they cost and why it failed, from a terminal.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use skysieve_tests::kafka::{feed, feeder, wait_for};
use skysieve_tests::setup::packets;
use skysieve_tests::{alerts, binary};

use super::terminal::Terminal;

/// Counts by name.
fn counts(stats: &Value) -> BTreeMap<String, u64> {
    let counts = stats["counts"].as_object().unwrap();
    counts.iter().map(|(name, count)| (name.clone(), count.as_u64().unwrap())).collect()
}

#[test]
fn statistics_add_up_by_visit_and_in_all() {
    let Some(terminal) = Terminal::start() else { return };
    // About every third alert, of which 5 in a visit are published; and it fails on a few of them.
    let sent = alerts(3, 200);
    let mut chosen: Vec<i64> = sent.iter().map(|alert| alert.id).filter(|id| id % 3 == 0).collect();
    chosen.sort_unstable();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, format!("quota = 5\n[config]\nmode = 'panic'\nevery = 3\nbelow = {}", chosen[5])).unwrap();
    terminal.upload(&["--config-file", file.to_str().unwrap(), "--activate"]);
    feed(&mut feeder(&terminal.brokers, &terminal.topic, 1), 1, packets(&sent));
    wait_for("alerts", || terminal.host.filter("mine")["counts"]["seen"] == 600);
    let stats = terminal.json(&["filters", "stats", "mine"]);
    let visits = stats["visits"].as_array().unwrap();
    assert_eq!(visits.len(), 3, "{stats}");
    let mut sums = BTreeMap::<String, u64>::new();
    for part in visits.iter().chain([&stats["total"]]) {
        let counts = counts(part);
        let others: u64 = counts.iter().filter(|(name, _)| *name != "seen").map(|(_, count)| count).sum();
        assert_eq!(counts["seen"], others, "{part}");
        for (measure, most) in [("fuel", 10_000_000.0), ("micros", 1e7)] {
            let [median, p99, max] =
                ["median", "p99", "max"].map(|name| part[measure][name].as_f64().unwrap_or_else(|| panic!("{part}")));
            assert!(0.0 < median && median <= p99 && p99 <= max && max < most, "{part}");
        }
    }
    for visit in visits {
        let counts = counts(visit);
        assert_eq!((counts["seen"], counts["accepted"]), (200, 5), "{visit}");
        counts.into_iter().for_each(|(name, count)| *sums.entry(name).or_default() += count);
    }
    assert_eq!(sums, counts(&stats["total"]));
    assert_eq!(sums["accepted"] + sums["over_quota"], chosen.len() as u64 - 6);
    assert_eq!((sums["faulted"], &stats["faults"]["trap"]), (6, &6.into()), "{stats}");
    let table = terminal.print(&["filters", "stats", "mine"]);
    assert!(table.lines().count() == 7 && table.contains("OVER QUOTA"), "{table}");
    assert!(table.lines().nth(1).unwrap().starts_with("all "), "{table}");
}

#[test]
fn faults_name_the_authors_functions_and_logs_come_as_lines() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.upload(&["--config", "mode = 'panic'", "--activate"]);
    terminal.send(2, "mine", 2);
    let page = terminal.json(&["filters", "faults", "mine"]);
    let newest = &page["faults"][0];
    assert_eq!(
        (&newest["kind"], &newest["topic"], &newest["partition"]),
        (&"trap".into(), &(*terminal.topic).into(), &0.into())
    );
    assert!(newest["offset"].as_i64() > page["faults"][1]["offset"].as_i64(), "{page}");
    assert!(newest["backtrace"].as_str().unwrap().contains("odd::dislike"), "{page}");
    let shown = terminal.print(&["filters", "faults", "mine", "--last", "1"]);
    assert!(shown.contains(newest["alert"].as_str().unwrap()) && shown.contains("    0x"), "{shown}");

    // Another version tells on in the same place.
    terminal.upload(&["--config", "mode = 'annotate'", "--activate"]);
    let arguments = ["filters", "logs", "mine", "--follow", "--json", "--server", terminal.host.url()];
    let mut follower = Command::new(binary()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    // First what was told before.
    for _ in 0..2 {
        let log = next();
        assert!(log["level"] == "error" && log["message"].as_str().unwrap().starts_with("panicked at"), "{log}");
    }
    terminal.send(3, "mine", 3);
    for _ in 0..3 {
        let log = next();
        assert!(log["level"] == "info" && log["message"].as_str().unwrap().starts_with("met "), "{log}");
        assert!(log["time"].as_str().unwrap().ends_with('Z'), "{log}");
    }
    assert_eq!(terminal.json(&["filters", "faults", "mine"])["faults"], page["faults"]);
    // When the filter goes, the stream ends, and there is no other one.
    terminal.print(&["filters", "delete", "mine"]);
    assert_eq!(follower.wait().unwrap().code(), Some(1));
}
