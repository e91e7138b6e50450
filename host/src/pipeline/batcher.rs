//! Decides which messages are judged next. The last alerts of a visit come before the first alerts of the next visit.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::Batch;
use super::batch_size::BatchSize;
use super::io::{BatchLimits, Message, Source, SourceError, TopicPartition};
use skysieve_survey::Visit;

/// How many messages must be fetched after a visit was set apart before the next visit is. When a host catches up with
/// nights of small visits, a visit begins in every batch; without this limit, all batches would be small.
const APART: usize = 1000;

/// How many visits are remembered, so that visits with interleaved alerts begin only once.
const KNOWN: usize = 64;

/// Takes messages from a source, and decides how many of them are in a batch.
///
/// Filters accept many of the first alerts of a visit, and these take long to publish. If visits follow each other
/// without a pause, the last alerts of one visit would have to wait for that if they were in the same batch as the
/// first alerts of the next visit, or behind it.
pub struct Batcher {
    limits: BatchLimits,
    size: BatchSize,
    /// The visits that have begun, newest last.
    known: VecDeque<Visit>,
    /// The number of messages fetched since a visit was set apart.
    fetched: usize,
    apart: Option<Apart>,
    /// Messages for which the last batch had no room.
    put_back: VecDeque<Message>,
    /// Whether the last batch was taken from the messages that were set apart.
    given_back: bool,
    ended: bool,
}

/// The messages from the beginning of a visit on, until all of them have been judged.
#[derive(Default)]
struct Apart {
    visits: Vec<Visit>,
    /// The partitions in which these visits have begun. Every further message from them is behind the beginning.
    partitions: Vec<TopicPartition>,
    messages: VecDeque<Message>,
}

impl Batcher {
    /// Makes a batcher whose batches stay within `limits`.
    pub fn new(limits: &BatchLimits) -> Batcher {
        let (limits, size, known) = (limits.clone(), BatchSize::new(limits), VecDeque::new());
        let put_back = VecDeque::new();
        Batcher { limits, size, known, fetched: 0, apart: None, put_back, given_back: false, ended: false }
    }

    /// Whether the stream has ended and all of its messages have been taken.
    pub fn is_over(&self) -> bool {
        self.ended && self.apart.is_none() && self.put_back.is_empty()
    }

    /// Whether the last batch has to be published before the messages that were set apart.
    pub fn ends_visit(&self) -> bool {
        self.apart.is_some() && !self.given_back
    }

    /// Returns the messages of the next batch. Waits at most `wait` for the first message, and returns none if none
    /// arrived.
    ///
    /// # Errors
    /// Returns the source's error if the stream can't go on.
    pub fn next<S: Source>(&mut self, source: &mut S, wait: Duration) -> Result<Vec<Message>, SourceError> {
        let mut messages: Vec<Message> = self.put_back.drain(..).collect();
        self.given_back = false;
        if !messages.is_empty() {
            return Ok(messages);
        }
        let Some(apart) = &mut self.apart else {
            self.ended = !source.fetch(&mut messages, self.size.limits(), wait)?;
            self.size.fetched(&messages);
            self.fetched += messages.len();
            return Ok(messages);
        };
        if !self.ended && apart.bytes() < 2 * self.limits.bytes {
            // Other partitions may have more alerts of the previous visit.
            let at_once = BatchLimits { linger: Duration::ZERO, ..self.limits.clone() };
            self.ended = !source.fetch(&mut messages, &at_once, Duration::ZERO)?;
        }
        if messages.is_empty() {
            messages = apart.take(self.size.limits());
            self.given_back = true;
            self.size.grow();
            self.apart.take_if(|apart| apart.messages.is_empty());
        }
        Ok(messages)
    }

    /// Takes back the last messages of a batch, for which it had no room. They are the first of the next one.
    pub fn put_back(&mut self, messages: Vec<Message>) {
        match &mut self.apart {
            Some(apart) if self.given_back => messages.into_iter().rev().for_each(|m| apart.messages.push_front(m)),
            _ => messages.into_iter().rev().for_each(|message| self.put_back.push_front(message)),
        }
    }

    /// Removes the messages from the beginning of a visit on from the last batch; they follow later, in small batches.
    /// Returns whether there were any. If so, the batch must be decoded again, and may be empty.
    ///
    /// In each partition, all messages from the visit's first alert on are removed, so that partitions keep their
    /// order.
    pub fn set_apart(&mut self, batch: &mut Batch) -> bool {
        let begun = self.begun(batch);
        if self.given_back || self.apart.is_none() && (begun.is_empty() || self.fetched < APART) {
            return false;
        }
        if self.apart.is_none() {
            self.size.restart();
        }
        self.fetched = 0;
        let apart = self.apart.get_or_insert_default();
        apart.visits.extend(begun);
        apart.take_from(batch)
    }

    /// The visits whose first alerts are in this batch.
    fn begun(&mut self, batch: &Batch) -> Vec<Visit> {
        let visits = batch.alerts.visits().iter().map(|share| share.visit);
        let begun: Vec<Visit> = visits.filter(|visit| !self.known.contains(visit)).collect();
        self.known.extend(&begun);
        self.known.drain(..self.known.len().saturating_sub(KNOWN));
        begun
    }
}

impl Apart {
    fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.bytes.len()).sum()
    }

    fn take(&mut self, limits: &BatchLimits) -> Vec<Message> {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while let Some(message) = self.messages.pop_front_if(|message| {
            bytes += message.bytes.len();
            messages.is_empty() || messages.len() < limits.count && bytes <= limits.bytes
        }) {
            messages.push(message);
        }
        messages
    }

    /// Moves messages out of the batch. Returns whether there were any to move.
    fn take_from(&mut self, batch: &mut Batch) -> bool {
        let Batch { messages, decoded, alerts, .. } = batch;
        let mut begins = vec![false; messages.len()];
        for &row in decoded.groups.iter().flat_map(|group| &group.rows) {
            begins[row as usize] = self.visits.contains(&alerts.visits()[alerts.visit_of(row)].visit);
        }
        let all = messages.len();
        for (message, begins) in std::mem::take(messages).into_iter().zip(begins) {
            let partition = message.topic_partition();
            let known = self.partitions.contains(&partition);
            if begins && !known {
                self.partitions.push(partition);
            }
            match begins || known {
                true => self.messages.push_back(message),
                false => messages.push(message),
            }
        }
        messages.len() < all
    }
}
