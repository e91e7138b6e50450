//! One decoded batch, shared by the shards that judge it.

use std::sync::Arc;

use skysieve_avro::alert::Column;
use skysieve_avro::{Decoded, Projection};
use skysieve_survey::{Visit, host_fields};

use super::io::Message;
use super::topics::BatchTopics;

/// A message that is not an alert, and why.
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
    /// The messages as they came. A *row* is an index into them.
    pub messages: Vec<Message>,
    /// The alerts' columns.
    pub decoded: Decoded,
    /// The messages that are not alerts.
    pub undecodable: Vec<Undecodable>,
    /// The alerts' ids and visits.
    pub alerts: Identities,
    /// The topics of the messages.
    pub topics: BatchTopics,
}

/// The ids and visits of a batch's alerts.
#[derive(Debug)]
pub struct Identities {
    ids: Vec<Option<i64>>,
    visits: Vec<VisitShare>,
    visit_of: Vec<u32>,
}

/// One exposure's part of a batch.
#[derive(Clone, Debug)]
pub struct VisitShare {
    /// The exposure.
    pub visit: Visit,
    /// The visit's number or time, for people.
    pub label: Arc<str>,
    /// How many of its alerts are in the batch.
    pub alerts: u64,
}

/// The slots of [`skysieve_survey::host_fields`].
pub type HostSlots = [usize; 3];

/// A projection of the host's own fields.
pub fn host_projection() -> (Projection, HostSlots) {
    let mut projection = Projection::new();
    let slots = host_fields().map(|field| projection.add(&field).expect("the host's own fields are well-formed"));
    (projection, slots)
}

impl Identities {
    /// Reads the ids and visits of a batch whose rows are below `rows`.
    pub fn of(decoded: &Decoded, rows: usize, slots: HostSlots) -> Identities {
        let mut ids = vec![None; rows];
        let mut visit_of = vec![0; rows];
        let mut visits = Vec::new();
        for group in &decoded.groups {
            let [id, number, date] = slots.map(|slot| &group.columns[slot]);
            for (at, &row) in group.rows.iter().enumerate() {
                ids[row as usize] = long(id, at);
                visit_of[row as usize] = count(&mut visits, Visit::of(long(number, at), double(date, at)));
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

    /// The id of the alert in `row`, if it has one.
    pub fn id(&self, row: u32) -> Option<i64> {
        self.ids[row as usize]
    }

    /// The alert's id as text, for people and keys. Empty if the alert has none.
    pub fn id_text(&self, row: u32) -> String {
        self.id(row).map(|id| id.to_string()).unwrap_or_default()
    }
}

/// Counts one alert of `visit`, and returns the visit's index in `visits`. Visits seldom interleave, so the newest is looked at
/// first.
fn count(visits: &mut Vec<VisitShare>, visit: Visit) -> u32 {
    let at = visits.iter().rposition(|share| share.visit == visit).unwrap_or_else(|| {
        visits.push(VisitShare { visit, label: visit.to_string().into(), alerts: 0 });
        visits.len() - 1
    });
    visits[at].alerts += 1;
    at as u32
}

fn long(column: &Column, at: usize) -> Option<i64> {
    eight_bytes(column, at).map(i64::from_le_bytes)
}

fn double(column: &Column, at: usize) -> Option<f64> {
    eight_bytes(column, at).map(f64::from_le_bytes)
}

fn eight_bytes(column: &Column, at: usize) -> Option<[u8; 8]> {
    if column.present.get(at) == Some(&0) {
        return None;
    }
    column.values.get(at * 8..at * 8 + 8)?.try_into().ok()
}
