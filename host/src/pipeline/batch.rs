//! One decoded batch, which all shards share.

use std::sync::{Arc, OnceLock};

use skysieve_avro::alert::Column;
use skysieve_avro::{Decoded, Projection};
use skysieve_sandbox::{Fault, FaultKind};
use skysieve_survey::{AlertId, HostField, Surveys, Value, Visit};

use super::io::Message;
use super::kept::{Counted, KeptBytes};
use super::positions::Positions;
use super::topics::{BatchTopics, Rows};
use crate::filters::{Counts, FaultCounts, Tally, VisitTally};

/// A message that is not an alert, and the reason.
#[derive(Clone, Debug)]
pub struct Undecodable {
    /// The message's index in the batch.
    pub row: u32,
    /// What is wrong with it.
    pub error: String,
}

/// A batch of messages: the alerts in them as columns, and the fields that the host itself reads of each alert.
#[derive(Debug)]
pub struct Batch {
    /// The messages as they were read. A *row* is an index into them.
    pub messages: Vec<Message>,
    /// The columns of the alerts.
    pub decoded: Decoded,
    /// The messages that are not alerts.
    pub undecodable: Vec<Undecodable>,
    /// The ids and visits of the alerts.
    pub alerts: Identities,
    /// The topics of the messages.
    pub topics: BatchTopics,
    /// Where the lane was before the batch.
    pub begin: Arc<Positions>,
    /// Where it is behind it.
    pub end: Arc<Positions>,
    /// Counts its bytes, once a filter owes it.
    pub kept: OnceLock<Counted>,
}

impl Batch {
    /// The bytes of its messages and columns.
    pub fn bytes(&self) -> usize {
        let columns = self.decoded.groups.iter().flat_map(|group| &group.columns);
        self.messages.iter().map(|message| message.bytes.len()).sum::<usize>()
            + columns.map(Column::size).sum::<usize>()
    }

    /// Counts its bytes until it is dropped, once for all filters that owe it.
    pub fn keep(&self, all: &KeptBytes) {
        self.kept.get_or_init(|| all.keep(self.bytes()));
    }

    /// The alerts among these rows, in ascending order.
    pub fn alerts_among(&self, rows: &Rows) -> Vec<u32> {
        let all = self.decoded.groups.iter().flat_map(|group| &group.rows).copied();
        let mut among: Vec<u32> = all.filter(|&row| rows.contain(row)).collect();
        among.sort_unstable();
        among
    }

    /// What is added to a filter's record if all of these alerts are faults.
    pub fn tally_of_failure(&self, rows: &[u32]) -> Tally {
        let counts = |count| Counts { seen: count, faulted: count, ..Counts::default() };
        let shares = self.alerts.visits().iter().enumerate().filter_map(|(at, share)| {
            let count = rows.iter().filter(|row| self.alerts.visit_of(**row) == at).count() as u64;
            let tally = VisitTally { visit: share.label.to_string(), counts: counts(count) };
            (count > 0).then_some(tally)
        });
        let (count, mut fault_counts) = (rows.len() as u64, FaultCounts::default());
        rows.iter().for_each(|_| fault_counts.add(FaultKind::Host));
        Tally { counts: counts(count), visits: shares.collect(), fault_counts, more_faults: count, ..Tally::default() }
    }

    /// Logs that the host has panicked over an alert.
    pub fn tell_failure(&self, filter: &str, fault: &Fault) {
        let Message { topic, partition, offset, .. } = &self.messages[fault.row as usize];
        let message = &fault.message;
        tracing::error!(filter, %topic, partition, offset, message, "the host failed on an alert");
    }
}

/// The ids and visits of a batch's alerts.
#[derive(Debug)]
pub struct Identities {
    ids: Vec<Option<AlertId>>,
    visits: Vec<VisitShare>,
    visit_of: Vec<u32>,
}

/// The part of a batch that belongs to one exposure.
#[derive(Clone, Debug)]
pub struct VisitShare {
    /// The exposure.
    pub visit: Visit,
    /// The visit's number or time, for people.
    pub label: Arc<str>,
    /// The number of its alerts in the batch.
    pub alerts: u64,
}

/// The slots of an alert's id, its visit, and the visit's time; see [`HostField`].
pub type HostSlots = [usize; 3];

/// A projection of the host's own fields.
pub fn host_projection(surveys: &Surveys) -> (Projection, HostSlots) {
    let mut projection = Projection::new();
    let fields = [HostField::Id, HostField::Visit, HostField::VisitTime];
    let slots = fields.map(|field| surveys.add(field, &mut projection));
    (projection, slots)
}

impl Identities {
    /// Reads the ids and visits of a batch whose rows are below `rows`.
    pub fn of(decoded: &Decoded, rows: usize, slots: HostSlots) -> Identities {
        Identities::read(decoded, rows, slots, |_| None)
    }

    /// The same for a batch of these messages. For an alert without a visit, the time of its message counts.
    pub fn of_messages(decoded: &Decoded, messages: &[Message], slots: HostSlots) -> Identities {
        Identities::read(decoded, messages.len(), slots, |row| messages[row].timestamp)
    }

    fn read(decoded: &Decoded, rows: usize, slots: HostSlots, came: impl Fn(usize) -> Option<i64>) -> Identities {
        let mut ids = vec![None; rows];
        let mut visit_of = vec![0; rows];
        let mut visits = Vec::new();
        for group in &decoded.groups {
            let [id, visit, time] = slots.map(|slot| group.column(slot));
            for (at, &row) in group.rows.iter().enumerate() {
                let row = row as usize;
                ids[row] = Value::of(id, at).and_then(AlertId::of);
                let visit = Visit::of(Value::of(visit, at), Value::of(time, at)).or_minute(came(row));
                visit_of[row] = count(&mut visits, visit);
            }
        }
        Identities { ids, visits, visit_of }
    }

    /// The exposures, in the order in which they first appear.
    pub fn visits(&self) -> &[VisitShare] {
        &self.visits
    }

    /// The index in `visits` of the visit that the alert in `row` is from.
    pub fn visit_of(&self, row: u32) -> usize {
        self.visit_of[row as usize] as usize
    }

    /// The number of alerts without a visit.
    pub fn without_visit(&self) -> u64 {
        self.visits.iter().filter(|share| !share.visit.is_known()).map(|share| share.alerts).sum()
    }

    /// The id of the alert in `row`, if it has one.
    pub fn id(&self, row: u32) -> Option<&AlertId> {
        self.ids[row as usize].as_ref()
    }

    /// The alert's id as text, for people and keys. Empty if the alert has none.
    pub fn id_text(&self, row: u32) -> String {
        self.id(row).map(AlertId::to_string).unwrap_or_default()
    }
}

/// Counts one alert of `visit`, and returns the visit's index in `visits`. Visits seldom interleave, so the newest is
/// checked first.
fn count(visits: &mut Vec<VisitShare>, visit: Visit) -> u32 {
    let at = visits.iter().rposition(|share| share.visit == visit).unwrap_or_else(|| {
        visits.push(VisitShare { visit, label: visit.to_string().into(), alerts: 0 });
        visits.len() - 1
    });
    visits[at].alerts += 1;
    at as u32
}
