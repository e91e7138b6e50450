//! Gives new ids, visits and times to alerts that are published again.

use std::ops::RangeInclusive;

use skysieve_avro::Change;
use skysieve_avro::alert::Kind;
use skysieve_survey::{AlertId, Layout, Place};

/// The difference between Julian dates and modified ones; alerts' times may be either.
const MJD: f64 = 2_400_000.5;

/// The ids, visits and times of the alerts in the first pass, so that no later alert is mistaken for one of them.
#[derive(Debug, Default)]
pub struct Seen {
    last_id: Option<i64>,
    visits: Option<RangeInclusive<i64>>,
    times: Option<RangeInclusive<f64>>,
}

/// What identifies an alert, as far as the alert has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// Its id.
    pub id: Option<AlertId>,
    /// The number of its exposure.
    pub visit: Option<i64>,
    /// When its source was seen, as a Julian date or a modified one.
    pub time: Option<f64>,
}

impl Seen {
    /// Records an alert.
    pub fn note(&mut self, alert: &Identity) {
        self.last_id = self.last_id.max(alert.id.as_ref().and_then(AlertId::number));
        if let Some(visit) = alert.visit {
            let seen = self.visits.take().unwrap_or(visit..=visit);
            self.visits = Some(visit.min(*seen.start())..=visit.max(*seen.end()));
        }
        if let Some(time) = alert.time.filter(|time| time.is_finite()) {
            let time = if time > MJD { time - MJD } else { time };
            let seen = self.times.take().unwrap_or(time..=time);
            self.times = Some(time.min(*seen.start())..=time.max(*seen.end()));
        }
    }

    /// Returns the changes for alerts of a later pass, where 1 is the first repeat. `before` is an upper limit for the
    /// number of alerts since the first pass.
    ///
    /// The numbers of visits are moved by more than the range that they span, and times accordingly by whole days. Ids
    /// continue from the last one: ZTF's contain the time, and would soon exceed 64 bits if they were moved. Ids and
    /// visits that are text get the number of the pass appended.
    pub fn fresh(&self, pass: u64, before: u64) -> Fresh {
        let span = self.visits.as_ref().map_or(0, |seen| seen.end().wrapping_sub(*seen.start()));
        let days = self.times.as_ref().map_or(0.0, |seen| (seen.end() - seen.start()).floor());
        Fresh {
            pass,
            first_id: self.last_id.unwrap_or(0).wrapping_add(1).wrapping_add(before as i64),
            visits: span.wrapping_add(1).wrapping_mul(pass as i64),
            days: (days + 1.0) * pass as f64,
        }
    }
}

/// The changes in the alerts of one visit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fresh {
    pass: u64,
    first_id: i64,
    visits: i64,
    days: f64,
}

impl Fresh {
    /// The id of the visit's alert with that index, for ids that are numbers.
    pub fn id(&self, index: usize) -> i64 {
        self.first_id.wrapping_add(index as i64)
    }

    /// The key of the alert with that index, whose id was `id`.
    pub fn key(&self, index: usize, id: Option<&AlertId>) -> String {
        match id {
            Some(AlertId::Text(id)) => format!("{id}-{}", self.pass),
            _ => self.id(index).to_string(),
        }
    }

    /// The changes in the alert with that index.
    pub fn edits<'l>(&self, index: usize, layout: &'l Layout) -> impl Iterator<Item = (&'l str, Change)> {
        let all = |paths: &'l [String], change| paths.iter().map(move |path| (path.as_str(), change));
        let append = |place: &Option<Place>, change| match place.as_ref().map(|place| place.kind) {
            Some(Kind::Text | Kind::Bytes) => Change::Append(self.pass),
            _ => change,
        };
        let ids = all(&layout.ids, append(&layout.id, Change::Put(self.id(index))));
        let visits = all(&layout.visits, append(&layout.visit, Change::Add(self.visits)));
        ids.chain(visits).chain(all(&layout.times, Change::AddReal(self.days)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: i64, visit: i64, time: f64) -> Identity {
        Identity { id: Some(AlertId::Number(id)), visit: Some(visit), time: Some(time) }
    }

    #[test]
    fn what_is_fresh_was_not_there_before() {
        let mut seen = Seen::default();
        for alert in [alert(7, 100, 60_000.9), alert(5, 103, 60_001.4), Identity::default()] {
            seen.note(&alert);
        }
        assert_eq!(seen.fresh(1, 0), Fresh { pass: 1, first_id: 8, visits: 4, days: 1.0 });
        assert_eq!(seen.fresh(3, 40), Fresh { pass: 3, first_id: 48, visits: 12, days: 3.0 });
        // This Julian date is at the same time.
        seen.note(&alert(6, 100, 60_003.4 + MJD));
        assert_eq!(seen.fresh(1, 0).days, 3.0);
    }

    #[test]
    fn numbers_at_the_end_of_their_range() {
        let mut seen = Seen::default();
        for alert in [alert(i64::MAX, i64::MIN, f64::NAN), alert(0, i64::MAX, 1e300)] {
            seen.note(&alert);
        }
        let fresh = seen.fresh(u64::MAX, u64::MAX);
        assert_eq!(fresh.id(usize::MAX), i64::MAX.wrapping_sub(1));
        assert_eq!(Seen::default().fresh(2, 10), Fresh { pass: 2, first_id: 11, visits: 2, days: 2.0 });
    }
}
