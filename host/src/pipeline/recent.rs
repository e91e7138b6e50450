//! The newest messages of the live lane, on which uploads are tried.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::io::Message;

/// How many messages are kept, and how many are copied in a second. Copying all of a busy stream would hold it up.
pub const RECENT_ALERTS: usize = 100;
/// How many bytes of them are kept.
const BYTES: usize = 16 << 20;
/// See [`RECENT_ALERTS`].
const PERIOD: Duration = Duration::from_secs(1);

/// The newest messages, or nearly the newest of a busy stream.
#[derive(Default)]
pub struct RecentAlerts(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    messages: VecDeque<Message>,
    bytes: usize,
    /// When this period began, and how many messages were copied in it.
    began: Option<Instant>,
    copied: usize,
}

impl RecentAlerts {
    /// Keeps copies of the last ones of these messages. The messages themselves would hold on to buffers of the client that
    /// has fetched them.
    pub fn note(&self, messages: &[Message]) {
        let mut kept = self.0.lock();
        if kept.began.is_none_or(|began| began.elapsed() >= PERIOD) {
            (kept.began, kept.copied) = (Some(Instant::now()), 0);
        }
        let count = messages.len().min(RECENT_ALERTS - kept.copied);
        kept.copied += count;
        for message in &messages[messages.len() - count..] {
            kept.push(message);
        }
    }

    /// Those that are kept, oldest first.
    pub fn all(&self) -> Vec<Message> {
        self.0.lock().messages.iter().cloned().collect()
    }
}

impl Kept {
    fn push(&mut self, message: &Message) {
        if message.bytes.len() > BYTES {
            return;
        }
        self.bytes += message.bytes.len();
        self.messages.push_back(Message { bytes: Bytes::copy_from_slice(&message.bytes), ..message.clone() });
        while self.messages.len() > RECENT_ALERTS || self.bytes > BYTES {
            let oldest = self.messages.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(offsets: std::ops::Range<i64>, bytes: usize) -> Vec<Message> {
        let message =
            |offset| Message { bytes: vec![7; bytes].into(), topic: "t".into(), partition: 0, offset, timestamp: None };
        offsets.map(message).collect()
    }

    fn offsets(recent: &RecentAlerts) -> (Option<i64>, Option<i64>, usize) {
        let all = recent.all();
        (all.first().map(|first| first.offset), all.last().map(|last| last.offset), all.len())
    }

    #[test]
    fn the_newest_are_kept_and_not_more_are_copied_than_in_a_second() {
        let recent = RecentAlerts::default();
        recent.note(&messages(0..60, 10));
        assert_eq!(offsets(&recent), (Some(0), Some(59), 60));
        recent.note(&messages(60..200, 10));
        assert_eq!(offsets(&recent), (Some(0), Some(199), 100));
        recent.note(&messages(200..300, 10));
        assert_eq!(offsets(&recent).1, Some(199));
        recent.0.lock().began = Instant::now().checked_sub(PERIOD);
        recent.note(&messages(300..500, 10));
        assert_eq!(offsets(&recent), (Some(400), Some(499), 100));
    }

    #[test]
    fn large_ones_make_room_for_each_other() {
        let recent = RecentAlerts::default();
        recent.note(&messages(0..10, BYTES / 4));
        assert_eq!(offsets(&recent), (Some(6), Some(9), 4));
        recent.note(&messages(10..11, BYTES + 1));
        assert_eq!(offsets(&recent), (Some(6), Some(9), 4));
    }
}
