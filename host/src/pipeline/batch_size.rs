//! Decides how large the next batch may be.

use super::io::{BatchLimits, Message};

/// The size of the first batch after a pause, in bytes.
const FIRST: usize = 512 << 10;

/// The size of the first batch of a visit that follows another without a pause, in bytes. A smaller batch would gain
/// nothing.
const AT_ONCE: usize = 2 << 20;

/// Makes batches grow. The first batches of a visit are small, so that the alerts accepted from them are published
/// while others are judged. If a stream does not pause, its batches are as large as allowed, because large batches cost
/// less.
#[derive(Debug)]
pub struct BatchSize {
    most: usize,
    limits: BatchLimits,
}

impl BatchSize {
    /// Starts with small batches. `limits` are those of a fully grown batch.
    pub fn new(limits: &BatchLimits) -> BatchSize {
        let mut size = BatchSize { most: limits.bytes, limits: limits.clone() };
        size.limits.bytes = size.first();
        size
    }

    /// The limits of the next batch.
    pub fn limits(&self) -> &BatchLimits {
        &self.limits
    }

    /// Takes into account what was fetched within the limits: after a full batch the next one is larger, and any other
    /// batch means a pause.
    pub fn fetched(&mut self, messages: &[Message]) {
        let bytes: usize = messages.iter().map(|message| message.bytes.len()).sum();
        // The next message did not fit, and it may be a large one.
        let full = messages.len() >= self.limits.count || bytes > self.limits.bytes / 2;
        if full { self.grow() } else { self.limits.bytes = self.first() }
    }

    /// Lets the next batch be larger.
    pub fn grow(&mut self) {
        self.limits.bytes = self.limits.bytes.saturating_mul(2).min(self.most);
    }

    /// Starts again for the first batch of a visit whose alerts have arrived already.
    pub fn restart(&mut self) {
        self.limits.bytes = AT_ONCE.min(self.most);
    }

    fn first(&self) -> usize {
        FIRST.min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    fn messages(count: usize, bytes: usize) -> Vec<Message> {
        let message =
            |offset| Message { bytes: vec![0; bytes].into(), topic: "t".into(), partition: 0, offset, timestamp: None };
        (0..count as i64).map(message).collect()
    }

    #[test]
    fn batches_grow_while_they_are_full() {
        let limits = BatchLimits { linger: Duration::ZERO, ..BatchLimits::default() };
        let mut size = BatchSize::new(&limits);
        let mut after = |messages: Vec<Message>| {
            size.fetched(&messages);
            size.limits().bytes >> 10
        };
        assert_eq!(after(vec![]), 512);
        assert_eq!(after(messages(6, 85_000)), 1024);
        assert_eq!(after(messages(12, 85_000)), 2048);
        assert_eq!(after(messages(24, 85_000)), 4096);
        assert_eq!(after(messages(48, 85_000)), 8192);
        assert_eq!(after(messages(96, 85_000)), 8192);
        // A batch is also full if it has the largest number of messages.
        assert_eq!(after(messages(256, 700)), 8192);
        // A smaller batch means that the stream has paused.
        assert_eq!(after(messages(3, 85_000)), 512);
    }

    #[test]
    fn batches_never_grow_beyond_what_was_asked_for() {
        let mut size = BatchSize::new(&BatchLimits { bytes: 1000, ..BatchLimits::default() });
        assert_eq!(size.limits().bytes, 1000);
        size.fetched(&[Message {
            bytes: Bytes::from(vec![0; 5000]),
            topic: "t".into(),
            partition: 0,
            offset: 0,
            timestamp: None,
        }]);
        assert_eq!(size.limits().bytes, 1000);
    }
}
