//! Publishes the accepted alerts of a replay, and records in its job what is done.

use std::sync::Arc;

use crate::filters::Entry;
use crate::jobs::Job;
use crate::pipeline::io::{Position, Published, Record, Sink, SinkError};
use crate::pipeline::totals::Totals;

/// A sink that passes accepted alerts on to another one, and nothing else.
pub struct Recorder<K> {
    sink: K,
    entry: Arc<Entry>,
    /// The topic of accepted alerts.
    topic: Arc<str>,
    job: Arc<Job>,
    /// The counts of the replay's lane.
    totals: Arc<Totals>,
}

/// What was sent.
pub struct SentAndNoted<T> {
    sent: T,
    /// The indices of the records that were passed on, among those that came.
    passed: Vec<usize>,
    ids: Vec<String>,
    positions: Vec<Position>,
}

impl<K> Recorder<K> {
    pub fn new(sink: K, entry: Arc<Entry>, topic: Arc<str>, job: Arc<Job>, totals: Arc<Totals>) -> Recorder<K> {
        Recorder { sink, entry, topic, job, totals }
    }

    fn note(&self, ids: Vec<String>, positions: &[Position]) {
        self.job.add_ids(ids);
        let (filter, lane) = (self.entry.status(), self.totals.health());
        self.job.update(|status| {
            for Position { topic, partition, offset } in positions {
                let of = status.partitions.iter_mut().find(|one| one.partition == *partition && *one.topic == **topic);
                of.into_iter().for_each(|one| one.next = one.next.max(*offset));
            }
            status.counts = filter.counts;
            status.recent_visits = filter.recent_visits;
            status.messages = lane.messages;
            status.undecodable = lane.undecodable;
            status.recent_faults = filter.recent_faults;
            status.recent_logs = filter.recent_logs;
        });
    }
}

impl<K: Sink> Sink for Recorder<K> {
    type Sent = SentAndNoted<K::Sent>;

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent {
        let accepted = records.into_iter().enumerate().filter(|(_, record)| record.topic == self.topic);
        let (passed, records): (Vec<usize>, Vec<Record>) = accepted.unzip();
        let ids = records.iter().map(|record| String::from_utf8_lossy(&record.key).into_owned()).collect();
        let sent = self.sink.send(records, positions.clone());
        SentAndNoted { sent, passed, ids, positions }
    }

    fn commit(&mut self, sent: Self::Sent) -> Result<Published, SinkError> {
        let SentAndNoted { sent, passed, mut ids, positions } = sent;
        let Published { too_large } = self.sink.commit(sent)?;
        for at in too_large.iter().rev() {
            ids.remove(*at);
        }
        self.note(ids, &positions);
        Ok(Published { too_large: too_large.into_iter().map(|at| passed[at]).collect() })
    }
}
