//! What became of messages that were published.

use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex};
use rdkafka::error::RDKafkaErrorCode;

/// Keeps count of messages, as librdkafka's delivery reports say what became of them.
#[derive(Default)]
pub struct Deliveries {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    settled: Settled,
    first_failure: Option<RDKafkaErrorCode>,
}

/// Counts of messages.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Handed to librdkafka.
    pub submitted: u64,
    /// Neither acknowledged nor failed yet.
    pub outstanding: u64,
    /// Acknowledged by the brokers.
    pub delivered: u64,
    /// Bytes of the payloads that were acknowledged.
    pub bytes: u64,
    /// When the last of them was handed over.
    pub last_submitted: Option<SystemTime>,
    /// When the last acknowledgement came.
    pub last_acknowledged: Option<SystemTime>,
    /// The messages that were not delivered, by reason.
    pub undelivered: Vec<Undelivered>,
}

/// Messages that were not delivered, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The reason in librdkafka's words.
    pub reason: String,
    /// How many there are.
    pub count: u64,
    /// The key of the first.
    pub first_key: String,
}

impl Deliveries {
    /// What became of the messages so far.
    pub fn settled(&self) -> Settled {
        self.state.lock().settled.clone()
    }

    /// How many messages are neither acknowledged nor failed yet.
    pub(super) fn outstanding(&self) -> u64 {
        self.state.lock().settled.outstanding
    }

    /// Why the first message that failed did so.
    pub(super) fn first_failure(&self) -> Option<RDKafkaErrorCode> {
        self.state.lock().first_failure
    }

    /// Takes note that a message was handed to librdkafka.
    pub(super) fn expect(&self) {
        let settled = &mut self.state.lock().settled;
        settled.submitted += 1;
        settled.outstanding += 1;
        settled.last_submitted = Some(SystemTime::now());
    }

    /// Takes note that a message was acknowledged, whose payload has so many bytes.
    pub(super) fn deliver(&self, bytes: usize) {
        let mut state = self.state.lock();
        let settled = &mut state.settled;
        settled.outstanding -= 1;
        settled.delivered += 1;
        settled.bytes += bytes as u64;
        settled.last_acknowledged = Some(SystemTime::now());
        drop(state);
        self.changed.notify_all();
    }

    /// Takes note that a message failed.
    pub(super) fn fail(&self, code: RDKafkaErrorCode, key: &[u8]) {
        let mut state = self.state.lock();
        state.first_failure.get_or_insert(code);
        let settled = &mut state.settled;
        settled.outstanding -= 1;
        let reason = code.to_string();
        match settled.undelivered.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.count += 1,
            None => {
                let first_key = String::from_utf8_lossy(key).into_owned();
                settled.undelivered.push(Undelivered { reason, count: 1, first_key });
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until no more than `rest` messages are outstanding, and returns how many are.
    pub(super) fn wait(&self, rest: u64, timeout: Duration) -> u64 {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| state.settled.outstanding > rest, timeout);
        state.settled.outstanding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_reason() {
        let deliveries = Deliveries::default();
        (0..4).for_each(|_| deliveries.expect());
        deliveries.deliver(80);
        deliveries.fail(RDKafkaErrorCode::MessageTimedOut, b"17");
        deliveries.fail(RDKafkaErrorCode::MessageSizeTooLarge, b"18");
        deliveries.fail(RDKafkaErrorCode::MessageTimedOut, b"19");
        assert_eq!(deliveries.wait(0, Duration::from_secs(20)), 0);
        assert_eq!(deliveries.first_failure(), Some(RDKafkaErrorCode::MessageTimedOut));
        let settled = deliveries.settled();
        assert_eq!((settled.submitted, settled.delivered, settled.bytes), (4, 1, 80));
        let counts: Vec<_> = settled.undelivered.iter().map(|one| (one.count, &*one.first_key)).collect();
        assert_eq!(counts, [(2, "17"), (1, "18")]);
    }
}
