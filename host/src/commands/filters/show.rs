//! Filters and versions in the form of tables, for people.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::Value;

use skysieve_sandbox::Parameter;

/// How many hexadecimal digits of a hash are shown.
const HASH: usize = 12;

/// A JSON text as it is, and anything else as JSON.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Text in one line and without anything that a terminal would obey: authors of filters have written it.
pub fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn field(value: &Value) -> String {
    one_line(&text_of(value))
}

/// A line for each filter.
pub fn list(filters: &Value) -> String {
    let mut rows =
        vec![["NAME", "STATE", "VERSION", "OWNER", "SEEN", "ACCEPTED", "FAULTED", "BEHIND"].map(String::from)];
    for filter in filters.as_array().into_iter().flatten() {
        let (registered, counts) = (&filter["registered"], &filter["counts"]);
        let version = [&registered["version"], &filter["sha256"]].into_iter().find(|version| !version.is_null());
        rows.push([
            field(&filter["name"]),
            field(&filter["state"]),
            version.map(field).unwrap_or_default().chars().take(HASH).collect(),
            field(&registered["owner"]),
            field(&counts["seen"]),
            field(&counts["accepted"]),
            field(&counts["faulted"]),
            field(&filter["behind"]),
        ]);
    }
    table(&rows)
}

/// Everything about one filter that fits on a page.
pub fn filter(filter: &Value) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name:<12} {value}");
        }
    };
    let reason = field(&filter["reason"]);
    let state =
        if reason.is_empty() { field(&filter["state"]) } else { format!("{}: {reason}", field(&filter["state"])) };
    line("filter", format!("{}: {}", field(&filter["name"]), field(&filter["description"])));
    line("state", state);
    let registered = &filter["registered"];
    if registered.is_object() {
        line("version", format!("{} of {}", field(&registered["version"]), field(&registered["versions"])));
        line("owner", field(&registered["owner"]));
        line("host", field(&registered["host"]));
        line("note", field(&registered["note"]));
    }
    line("module", field(&filter["sha256"]));
    line("lane", format!("{}, {} alerts behind", field(&filter["lane"]), field(&filter["behind"])));
    let topics: Vec<String> = filter["topics"].as_array().into_iter().flatten().map(field).collect();
    line("topics", topics.join(", "));
    let counts = &filter["counts"];
    let counted = ["seen", "accepted", "rejected", "over_quota", "faulted", "too_large"];
    line("alerts", counted.map(|name| format!("{} {}", field(&counts[name]), name.replace('_', " "))).join(", "));
    line("quota", field(&filter["settings"]["quota"]));
    // A host of another version may describe them in a way that can't be read here.
    if let Ok(parameters) = Vec::<Parameter>::deserialize(&filter["parameters"])
        && !parameters.is_empty()
    {
        line("parameters", format!("\n{}", ParameterLines(&parameters)).trim_end().to_owned());
    }
    for (name, list) in [("warning", "warnings"), ("fault", "recent_faults"), ("log", "recent_logs")] {
        for value in filter[list].as_array().into_iter().flatten() {
            line(name, field(value));
        }
    }
    text
}

/// A line for each version.
pub fn versions(versions: &Value) -> String {
    let mut rows = vec![["VERSION", "", "MODULE", "UPLOADED", "BY", "NOTE"].map(String::from)];
    for version in versions.as_array().into_iter().flatten() {
        rows.push([
            field(&version["number"]),
            if version["active"] == true { "active".to_owned() } else { String::new() },
            field(&version["sha256"]).chars().take(HASH).collect(),
            field(&version["at"]),
            field(&version["by"]),
            field(&version["note"]),
        ]);
    }
    table(&rows)
}

/// Where a filter's alerts went and what they cost: a line for each visit, newest first, and one for all.
pub fn stats(stats: &Value) -> String {
    let head = [
        "VISIT",
        "SEEN",
        "ACCEPTED",
        "REJECTED",
        "OVER QUOTA",
        "FAULTED",
        "TOO LARGE",
        "FUEL",
        "P99",
        "MAX",
        "TIME",
        "P99",
        "MAX",
    ];
    let mut rows = vec![head.map(String::from), row("all", &stats["total"])];
    for visit in stats["visits"].as_array().into_iter().flatten() {
        rows.push(row(&field(&visit["visit"]), visit));
    }
    let faults = stats["faults"].as_object().into_iter().flatten();
    let faults: Vec<String> = faults.map(|(kind, count)| format!("{} {}", field(count), one_line(kind))).collect();
    let faults = if faults.is_empty() { String::new() } else { format!("faults: {}\n", faults.join(", ")) };
    let note = "fuel and time (µs) of an alert: median, p99, max; the mean of a batch counts for each of its alerts\n";
    format!("{}{faults}{note}", table(&rows))
}

fn row(name: &str, stats: &Value) -> [String; 13] {
    let of = |group: &str, name: &str| match &stats[group][name] {
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or_default()),
        other => field(other),
    };
    let [fuel, micros] = ["fuel", "micros"].map(|group| ["median", "p99", "max"].map(|name| of(group, name)));
    let [seen, accepted, rejected, over_quota, faulted, too_large] =
        ["seen", "accepted", "rejected", "over_quota", "faulted", "too_large"].map(|name| of("counts", name));
    let ([f50, f99, fmax], [t50, t99, tmax]) = (fuel, micros);
    [name.to_owned(), seen, accepted, rejected, over_quota, faulted, too_large, f50, f99, fmax, t50, t99, tmax]
}

/// A fault, and below it a line for each function that was being called.
pub fn fault(fault: &Value) -> String {
    let [time, topic, partition, offset, alert, kind, message] =
        ["time", "topic", "partition", "offset", "alert", "kind", "message"].map(|name| field(&fault[name]));
    // Not every alert has an id.
    let alert = if alert.is_empty() { String::new() } else { format!(" {alert}") };
    let mut text = format!("{time} alert{alert} ({topic}/{partition}/{offset}): {kind}: {message}\n");
    for frame in text_of(&fault["backtrace"]).lines() {
        text.push_str(&format!("    {}\n", one_line(frame)));
    }
    text
}

/// A log message in a line.
pub fn log(log: &Value) -> String {
    let [time, level, message] = ["time", "level", "message"].map(|name| field(&log[name]));
    format!("{time} {level}: {message}\n")
}

/// What a filter is after a change.
pub fn change(filter: &Value) -> String {
    let version = &filter["registered"]["version"];
    let version = if version.is_null() { String::new() } else { format!(", version {version}") };
    format!("{}: {}{version}\n", field(&filter["name"]), field(&filter["state"]))
}

/// Columns that are as wide as their widest text; the last one has no end.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A line for each parameter, for people.
pub struct ParameterLines<'a>(pub &'a [Parameter]);

impl fmt::Display for ParameterLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|parameter| parameter.name.len()).max().unwrap_or(0);
        for Parameter { name, kind, default, required, description } in self.0 {
            let value = match default {
                Some(value) => value.to_toml(),
                None if *required => "must be given".to_owned(),
                None => "may be left out".to_owned(),
            };
            let line = format!("  {name:<width$}  {}, {value}  {description}", kind.name());
            writeln!(f, "{}", one_line(line.trim_end()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_have_a_line_for_each() {
        let filters = json!([
            {"name": "bright", "state": "active", "sha256": "0123456789abcdef", "behind": 0,
             "counts": {"seen": 10_000, "accepted": 20, "faulted": 0},
             "registered": {"version": 3, "owner": "ada"}},
            {"name": "odd", "state": "suspended", "sha256": "0123456789abcdef", "behind": 7,
             "counts": {"seen": 5, "accepted": 1, "faulted": 4}},
        ]);
        let expected = "\
NAME    STATE      VERSION       OWNER  SEEN   ACCEPTED  FAULTED  BEHIND
bright  active     3             ada    10000  20        0        0
odd     suspended  0123456789ab         5      1         4        7
";
        assert_eq!(list(&filters), expected);
        let versions_of = json!([{"number": 1, "active": true, "sha256": "0123456789abcdef", "at": "2026-05-09T03:00:00Z",
             "by": "ada", "note": "a\u{1b}[2Jb"}]);
        assert!(versions(&versions_of).ends_with("1        active  0123456789ab  2026-05-09T03:00:00Z  ada  a [2Jb\n"));
    }

    #[test]
    fn statistics_and_faults_are_for_reading() {
        let alerts = json!({
            "counts": {"seen": 20, "accepted": 1, "rejected": 16, "over_quota": 1, "faulted": 2, "too_large": 0},
            "fuel": {"median": 900, "p99": 1000, "max": 1100}, "micros": {"median": 0.5, "p99": 1.25, "max": 20.0}
        });
        let mut visit = alerts.clone();
        visit["visit"] = json!("2024111900094");
        let text = stats(&json!({"total": alerts, "faults": {"fuel": 1, "trap": 1}, "visits": [visit]}));
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let numbers = ["20", "1", "16", "1", "2", "0", "900", "1000", "1100", "0.50", "1.25", "20.00"];
        assert_eq!((lines[1][0], &lines[1][1..], lines[2][0]), ("all", &numbers[..], "2024111900094"), "{text}");
        assert!(text.contains("faults: 1 fuel, 1 trap\n"), "{text}");

        let told = json!({
            "time": "2026-05-09T03:00:00.000Z", "topic": "ztf", "partition": 3, "offset": 17, "alert": "1701", "kind": "trap",
            "message": "unreachable\u{1b}[2J", "backtrace": "0x0000ab mine::slope\n0x0000cd mine::judge\n"
        });
        let expected = "2026-05-09T03:00:00.000Z alert 1701 (ztf/3/17): trap: unreachable [2J\n    0x0000ab mine::slope\n    \
                        0x0000cd mine::judge\n";
        assert_eq!(fault(&told), expected);
        let told = json!({"time": "2026-05-09T03:00:00.000Z", "level": "warn", "message": "a\nb"});
        assert_eq!(log(&told), "2026-05-09T03:00:00.000Z warn: a b\n");
    }
}
