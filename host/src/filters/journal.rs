//! What a filter has to tell, the newest first to be read and the oldest first to be forgotten. Readers follow it at their own
//! pace, and are told what they have missed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Something that is told.
pub trait JournalRecord {
    /// Sets by which id readers know it.
    fn set_id(&mut self, id: String);

    /// About how many bytes of memory it takes.
    fn bytes(&self) -> usize;
}

/// The newest records of one kind. Their number and bytes are limited.
#[derive(Debug)]
pub struct Journal<T> {
    /// Tells this journal's ids from those of an earlier one.
    epoch: u64,
    most: usize,
    most_bytes: usize,
    kept: Mutex<Kept<T>>,
    /// The number of the record that comes next.
    next: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept<T> {
    /// The records with their numbers. Numbers are missing of records that were left out.
    records: VecDeque<(u64, Arc<T>)>,
    bytes: usize,
    next: u64,
}

/// What was read of a journal.
#[derive(Debug)]
pub struct JournalPage<T> {
    /// The records, oldest first.
    pub records: Vec<Arc<T>>,
    /// How many there were that are not kept.
    pub missed: u64,
    /// The number from which to read on.
    pub next: u64,
}

impl<T: JournalRecord> Journal<T> {
    /// An empty journal that keeps so many records, with so many bytes.
    pub fn new(most: usize, most_bytes: usize) -> Journal<T> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = u64::try_from(since.as_micros()).unwrap_or_default();
        let kept = Kept { records: VecDeque::new(), bytes: 0, next: 0 };
        Journal { epoch, most, most_bytes, kept: Mutex::new(kept), next: watch::Sender::new(0) }
    }

    /// Adds records, before which so many were left out.
    pub fn add(&self, left_out: u64, records: Vec<T>) {
        if left_out == 0 && records.is_empty() {
            return;
        }
        let mut kept = self.kept.lock();
        kept.next += left_out;
        for mut record in records {
            record.set_id(format!("{:x}-{}", self.epoch, kept.next));
            kept.bytes += record.bytes();
            let number = kept.next;
            kept.records.push_back((number, Arc::new(record)));
            kept.next += 1;
        }
        while kept.records.len() > self.most || kept.bytes > self.most_bytes {
            let Some((_, oldest)) = kept.records.pop_front() else { break };
            kept.bytes -= oldest.bytes();
        }
        self.next.send_replace(kept.next);
    }

    /// At most `most` records from that number on, oldest first.
    pub fn read(&self, from: u64, most: usize) -> JournalPage<T> {
        let kept = self.kept.lock();
        let begin = kept.records.partition_point(|(number, _)| *number < from);
        let end = (begin + most).min(kept.records.len());
        let next = kept.records.get(end).map_or(kept.next, |(number, _)| *number).max(from);
        let records: Vec<Arc<T>> = kept.records.range(begin..end).map(|(_, record)| record.clone()).collect();
        JournalPage { missed: next - from - records.len() as u64, records, next }
    }

    /// The newest records, at most `most`, oldest first.
    pub fn newest(&self, most: usize) -> JournalPage<T> {
        let kept = self.kept.lock();
        let begin = kept.records.len().saturating_sub(most);
        let records: Vec<Arc<T>> = kept.records.range(begin..).map(|(_, record)| record.clone()).collect();
        JournalPage { missed: kept.next - kept.records.len() as u64, records, next: kept.next }
    }

    /// The number of the record that comes behind the one with this id. `None`: this journal has not given it.
    pub fn behind(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let (epoch, number) = (u64::from_str_radix(epoch, 16).ok()?, number.parse::<u64>().ok()?);
        (epoch == self.epoch && number < self.kept.lock().next).then(|| number + 1)
    }

    /// Tells when there is more to read. It fails when the journal is no more.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Text(String, &'static str);

    impl JournalRecord for Text {
        fn set_id(&mut self, id: String) {
            self.0 = id;
        }

        fn bytes(&self) -> usize {
            self.1.len()
        }
    }

    fn texts(page: &JournalPage<Text>) -> (String, u64, u64) {
        (page.records.iter().map(|record| record.1).collect(), page.missed, page.next)
    }

    fn text(text: &'static str) -> Vec<Text> {
        vec![Text(String::new(), text)]
    }

    #[test]
    fn a_reader_is_told_what_it_has_missed() {
        let journal = Journal::new(3, 1000);
        let watch = journal.watch();
        assert_eq!(texts(&journal.read(0, 10)), (String::new(), 0, 0));
        ["a", "b"].into_iter().for_each(|letter| journal.add(0, text(letter)));
        assert!(watch.has_changed().unwrap());
        assert_eq!(texts(&journal.read(0, 10)), ("ab".to_owned(), 0, 2));
        assert_eq!(texts(&journal.read(0, 1)), ("a".to_owned(), 0, 1));
        ["c", "d", "e"].into_iter().for_each(|letter| journal.add(0, text(letter)));
        assert_eq!(texts(&journal.read(0, 10)), ("cde".to_owned(), 2, 5));
        assert_eq!(texts(&journal.read(1, 2)), ("cd".to_owned(), 1, 4));
        // What was left out is missing where it was.
        journal.add(7, text("f"));
        assert_eq!(texts(&journal.read(4, 10)), ("ef".to_owned(), 7, 13));
        assert_eq!(texts(&journal.read(4, 1)), ("e".to_owned(), 7, 12));
        assert_eq!(texts(&journal.newest(2)), ("ef".to_owned(), 10, 13));
        assert_eq!(texts(&journal.read(13, 10)), (String::new(), 0, 13));
        drop(journal);
        assert!(watch.has_changed().is_err());
    }

    #[test]
    fn bytes_are_limited() {
        let journal = Journal::new(100, 5);
        ["aa", "bb", "c", "dd"].into_iter().for_each(|letters| journal.add(0, text(letters)));
        assert_eq!(texts(&journal.newest(10)), ("bbcdd".to_owned(), 1, 4));
        journal.add(0, text("much too long"));
        assert_eq!(texts(&journal.newest(10)), (String::new(), 5, 5));
    }

    #[test]
    fn ids_are_those_of_one_journal() {
        let (journal, other) = (Journal::new(3, 1000), Journal { epoch: 7, ..Journal::<Text>::new(3, 1000) });
        ["a", "b", "c", "d"].into_iter().for_each(|letter| journal.add(0, text(letter)));
        let page = journal.newest(2);
        let ids: Vec<&str> = page.records.iter().map(|record| &*record.0).collect();
        assert_eq!(ids.iter().map(|id| journal.behind(id)).collect::<Vec<_>>(), [Some(3), Some(4)]);
        assert_eq!(other.behind(ids[0]), None);
        for id in ["", "-", "7", "7-", "7-0", "7-x", "x-7", "7-99999999999999999999999"] {
            assert_eq!(other.behind(id), None, "{id}");
        }
    }
}
