//! Prints the report for people.

use std::fmt;

use super::{AcceptedReport, Report};
use crate::commands::check::groups::{self, FaultGroup, LogGroup, PacketGroup};
use crate::commands::cost::CostLines;
use crate::commands::filters::show::ParameterLines;

/// How many entries of each kind are shown.
const SHOWN: usize = 10;
/// How many characters of an annotation or message are shown.
const LETTERS: usize = 200;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "filter       {}", self.filter.description)?;
        writeln!(f, "version      {}", self.filter.sha256)?;
        writeln!(f, "config       {}", self.filter.config)?;
        if !self.filter.parameters.is_empty() {
            write!(f, "parameters\n{}", ParameterLines(&self.filter.parameters))?;
        }
        self.write_fields(f)?;
        writeln!(f, "alerts       {}", self.alerts)?;
        writeln!(f, "accepted     {}", self.accepted.len())?;
        list(f, &self.accepted_alerts, accepted)?;
        writeln!(f, "rejected     {}", self.rejected)?;
        writeln!(f, "faults       {}", self.faults.len())?;
        list(f, &self.fault_groups, fault_group)?;
        writeln!(f, "undecodable  {}", self.undecodable.len())?;
        list(f, &groups::of_packets(&self.undecodable), packet_group)?;
        let logs = self.logs.len() as u64 + self.more_logs;
        writeln!(f, "logs         {logs}")?;
        list(f, &groups::of_logs(&self.logs), log_group)?;
        self.write_costs(f)?;
        self.write_consistency(f)?;
        writeln!(f, "\n{:>20} {:>8} {:>8} {:>10}", "visit", "seen", "accepted", "over quota")?;
        list(f, &self.visits, |visit| {
            format!("{:>20} {:>8} {:>8} {:>10}", visit.visit, visit.seen, visit.accepted, visit.over_quota)
        })
    }
}

impl Report {
    /// Writes what is wrong with the fields that the filter reads.
    fn write_fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.refused {
            writeln!(f, "refused      a host that has seen such alerts refuses this filter: {why}")?;
        }
        if !self.warnings.is_empty() {
            writeln!(f, "warnings     {}", self.warnings.len())?;
            list(f, &self.warnings, String::clone)?;
        }
        Ok(())
    }

    fn write_costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", CostLines(&self.cost))?;
        writeln!(f, "decoding     {:.2} µs an alert with what a host reads of it", self.decode_micros)
    }

    fn write_consistency(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.consistent {
            return writeln!(f, "consistent   yes: same verdicts one by one and in batches");
        }
        let count = self.inconsistent.len();
        writeln!(f, "consistent   NO: {count} alerts are judged differently alone than in a batch;")?;
        writeln!(f, "             the filter keeps something from one alert to the next,")?;
        writeln!(f, "             or iterates over a HashMap: use a BTreeMap")?;
        list(f, &self.inconsistent, |alert| format!("alert {} in {}", alert.id, alert.path))
    }
}

fn accepted(alert: &AcceptedReport) -> String {
    let notes = alert.annotations.iter().map(|note| format!(" {}={}", short(&note.name), short(&note.value)));
    format!("alert {} in {}{}", alert.id, alert.path, notes.collect::<String>())
}

fn fault_group(group: &FaultGroup) -> String {
    let alerts: Vec<_> = group.alerts.iter().map(|alert| format!("alert {} in {}", alert.id, alert.path)).collect();
    let FaultGroup { kind, message, count, .. } = group;
    format!("{count} × {kind}: {}\n      {}", line(message), some(&alerts, *count))
}

fn packet_group(group: &PacketGroup<'_>) -> String {
    format!("{} × {}\n      {}", group.count, line(group.error), some(&group.places, group.count))
}

fn log_group(group: &LogGroup<'_>) -> String {
    format!("{} × {}: {}", group.count, group.first.level, short(&group.first.message))
}

/// The first of `count` items, with a note if there are more.
fn some(first: &[String], count: u64) -> String {
    let more = if count > first.len() as u64 { "\n      …" } else { "" };
    format!("{}{more}", first.join("\n      "))
}

/// Text from a filter or a packet, in one line and without anything that a terminal would obey.
fn line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// The same, cut to the length that is shown.
fn short(text: &str) -> String {
    let cut: String = text.chars().take(LETTERS).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{more}", line(&cut))
}

/// Writes the first few of `all`, and how many more there are.
fn list<T>(f: &mut fmt::Formatter<'_>, all: &[T], line: impl Fn(&T) -> String) -> fmt::Result {
    for one in all.iter().take(SHOWN) {
        writeln!(f, "  {}", line(one))?;
    }
    match all.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more (--json lists them)"),
    }
}
