//! Groups faults, broken packets and messages that have the same text.

use std::collections::HashMap;

use serde::Serialize;

use super::findings::{AlertNamed, FaultFound, UndecodableFound};
use skysieve_sandbox::{FaultKind, Log};

/// How many alerts of a group are named.
const NAMED: usize = 5;

/// Faults of one kind whose messages differ only in their numbers.
#[derive(Debug, Serialize)]
pub struct FaultGroup {
    pub kind: FaultKind,
    /// The message of the first fault.
    pub message: String,
    /// The number of faults.
    pub count: u64,
    /// The first few alerts.
    pub alerts: Vec<AlertNamed>,
}

/// The same for packets that are not alerts.
#[derive(Debug)]
pub struct PacketGroup<'a> {
    pub error: &'a str,
    pub count: u64,
    /// The first few packets, each with its place.
    pub places: Vec<String>,
}

/// Groups faults, in the order of each group's first fault.
pub fn of_faults(faults: &[FaultFound]) -> Vec<FaultGroup> {
    let mut groups: Vec<FaultGroup> = Vec::new();
    let mut known = HashMap::new();
    for fault in faults {
        let at = *known.entry((fault.kind, without_numbers(&fault.message))).or_insert_with(|| {
            let (kind, message) = (fault.kind, fault.message.clone());
            groups.push(FaultGroup { kind, message, count: 0, alerts: Vec::new() });
            groups.len() - 1
        });
        groups[at].count += 1;
        if groups[at].alerts.len() < NAMED {
            groups[at].alerts.push(AlertNamed { id: fault.id.clone(), path: fault.path.clone() });
        }
    }
    groups
}

/// Groups packets, in the order of each group's first packet.
pub fn of_packets(packets: &[UndecodableFound]) -> Vec<PacketGroup<'_>> {
    let mut groups: Vec<PacketGroup<'_>> = Vec::new();
    let mut known = HashMap::new();
    for packet in packets {
        let at = *known.entry(without_numbers(&packet.why)).or_insert_with(|| {
            groups.push(PacketGroup { error: &packet.why, count: 0, places: Vec::new() });
            groups.len() - 1
        });
        groups[at].count += 1;
        if groups[at].places.len() < NAMED {
            groups[at].places.push(packet.place());
        }
    }
    groups
}

/// Messages of one level that differ only in their numbers.
#[derive(Debug)]
pub struct LogGroup<'a> {
    /// The first message.
    pub first: &'a Log,
    pub count: u64,
}

/// Groups messages, in the order of each group's first message.
pub fn of_logs(logs: &[Log]) -> Vec<LogGroup<'_>> {
    let mut groups: Vec<LogGroup<'_>> = Vec::new();
    let mut known = HashMap::new();
    for log in logs {
        let at = *known.entry((log.level.to_string(), without_numbers(&log.message))).or_insert_with(|| {
            groups.push(LogGroup { first: log, count: 0 });
            groups.len() - 1
        });
        groups[at].count += 1;
    }
    groups
}

/// The text with every number replaced, because ids and values differ from alert to alert.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            false => out.push(letter),
            true if out.ends_with('#') => {}
            true => out.push('#'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_but_for_its_numbers_is_one() {
        let fault = |id: u32, kind, message: &str| FaultFound {
            path: format!("{id}.avro"),
            id: id.to_string(),
            kind,
            message: message.to_owned(),
        };
        let mut faults: Vec<_> = (0..20).map(|id| fault(id, FaultKind::Trap, &format!("alert {id} is odd"))).collect();
        faults.insert(3, fault(7, FaultKind::Trap, "alert is even"));
        faults.push(fault(8, FaultKind::Error, "alert 8 is odd"));
        let groups = of_faults(&faults);
        let told: Vec<_> = groups.iter().map(|group| (&*group.message, group.count, group.alerts.len())).collect();
        assert_eq!(told, [("alert 0 is odd", 20, 5), ("alert is even", 1, 1), ("alert 8 is odd", 1, 1)]);
        assert_eq!(groups[0].alerts[1].path, "1.avro");
    }
}
