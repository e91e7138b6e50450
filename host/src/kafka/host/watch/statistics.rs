//! How far partitions were read, by librdkafka's statistics.

use std::time::{Duration, Instant};

use super::{Entry, Watch};
use crate::kafka::librdkafka::statistics::{PartitionStatistics, Statistics};

/// A transaction that is open for so long is reported. Those of a host take a second.
const LONG: Duration = Duration::from_secs(10);

impl Watch {
    /// Takes in librdkafka's statistics.
    pub(in crate::kafka) fn statistics(&self, json: &[u8]) {
        let Some(statistics) = Statistics::parse(json) else { return };
        if statistics.is_connected() {
            self.0.connection.works();
        }
        for (topic, partition, offsets) in statistics.partitions() {
            self.update(topic, partition, |entry| entry.learn(offsets));
        }
        self.tell_open_transactions();
    }

    fn tell_open_transactions(&self) {
        for (topic, of) in &mut *self.0.topics.lock() {
            for (partition, entry) in &mut of.partitions {
                let behind = entry.behind_open();
                if let Some((offset, since, told)) = &mut entry.open
                    && since.elapsed() >= LONG
                    && !std::mem::replace(told, true)
                {
                    tracing::warn!(
                        %topic,
                        partition,
                        offset,
                        messages = behind,
                        "a producer's transaction is open since that offset: what is behind it is read once it ends \
                         (kafka-transactions.sh find-hanging)"
                    );
                }
            }
        }
    }

    /// Describes a partition in which a transaction has been open for long, if there is one.
    pub(super) fn open_transaction(&self) -> Option<String> {
        let topics = self.0.topics.lock();
        let mut entries = topics.iter().flat_map(|(topic, of)| of.partitions.iter().map(move |of| (topic, of)));
        entries.find_map(|(topic, (partition, entry))| {
            let (offset, since, _) = entry.open?;
            let behind = entry.behind_open();
            (since.elapsed() >= LONG).then(|| {
                format!(
                    "topic {topic}, partition {partition}: a producer's transaction is open since offset {offset}; up to \
                     {behind} messages wait for its end"
                )
            })
        })
    }
}

impl Entry {
    fn learn(&mut self, offsets: &PartitionStatistics) {
        let stable = offsets.stable();
        let high = offsets.high().or(stable);
        self.high = high.or(self.high);
        let (Some(high), Some(stable)) = (high, stable) else { return };
        self.open = match self.open {
            _ if stable >= high => None,
            Some((offset, since, told)) if offset == stable => Some((offset, since, told)),
            _ => Some((stable, Instant::now(), false)),
        };
        self.read_up_to = self.position.filter(|_| offsets.is_read_up_to(stable)).map(|position| (position, stable));
    }

    fn behind_open(&self) -> i64 {
        self.open.zip(self.high).map_or(0, |((offset, ..), high)| (high - offset).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Position;

    fn lag(position: i64, offsets: &str) -> (Option<i64>, Option<i64>) {
        let watch = Watch::default();
        watch.begin(&Position { topic: "ztf".into(), partition: 0, offset: position }, Some(position));
        watch.statistics(format!(r#"{{"topics":{{"ztf":{{"partitions":{{"0":{offsets}}}}}}}}}"#).as_bytes());
        let entry = watch.0.topics.lock()["ztf"].partitions[&0].open.map(|(offset, ..)| offset);
        (watch.lags()[0].behind(), entry)
    }

    #[test]
    fn markers_of_transactions_are_no_lag_and_what_waits_for_an_open_one_is() {
        let offsets = |hi, ls, next, queued| {
            format!(r#"{{"hi_offset":{hi},"ls_offset":{ls},"next_offset":{next},"fetchq_cnt":{queued}}}"#)
        };
        assert_eq!(lag(10, &offsets(11, 11, 11, 0)), (Some(0), None), "a marker");
        assert_eq!(lag(10, &offsets(11, 11, 11, 1)), (Some(1), None), "a message not handed over");
        assert_eq!(lag(10, &offsets(11, 11, 10, 0)), (Some(1), None), "a message not fetched");
        assert_eq!(lag(10, &offsets(14, 11, 11, 0)), (Some(3), Some(11)), "an open transaction behind a marker");
        assert_eq!(lag(10, &offsets(14, 10, 10, 0)), (Some(4), Some(10)), "an open transaction");
        assert_eq!(lag(10, &offsets(-1001, -1001, -1001, 0)), (None, None), "nothing is known yet");
    }
}
