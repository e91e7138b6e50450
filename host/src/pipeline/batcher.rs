//! What is judged next: the last alerts of a visit before the first of the one behind it.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::Batch;
use super::growth::Growth;
use super::io::{BatchLimits, Message, Source, SourceError, TopicPartition};
use skysieve_survey::Visit;

/// Messages since a visit was last set apart, before another one is: of visits that are smaller, as in nights that are read
/// again, some would begin in each batch, and all batches be small.
const APART: usize = 1000;

/// Visits that are remembered: those whose alerts come interleaved begin once.
const KNOWN: usize = 64;

/// Takes messages from a source, and decides how many a batch has.
///
/// Of a visit's first alerts filters accept many, which takes long to publish. If visits follow each other without a pause,
/// the last alerts of one would wait for that if they were in one batch with the first of the next, or behind it.
pub struct Batcher {
    limits: BatchLimits,
    growth: Growth,
    /// The newest last.
    known: VecDeque<Visit>,
    /// Since a visit was set apart.
    fetched: usize,
    apart: Option<Apart>,
    /// The last batch was of those set apart.
    given_back: bool,
    ended: bool,
}

/// What is behind the begin of a visit, until all of it was judged.
#[derive(Default)]
struct Apart {
    visits: Vec<Visit>,
    /// Where they have begun: all that comes from there is behind.
    partitions: Vec<TopicPartition>,
    messages: VecDeque<Message>,
}

impl Batcher {
    /// `limits`: those of a batch.
    pub fn new(limits: &BatchLimits) -> Batcher {
        let (limits, growth, known) = (limits.clone(), Growth::new(limits), VecDeque::new());
        Batcher { limits, growth, known, fetched: 0, apart: None, given_back: false, ended: false }
    }

    /// Whether all of a stream that has an end was taken.
    pub fn is_over(&self) -> bool {
        self.ended && self.apart.is_none()
    }

    /// Whether the last batch is to be published before what was set apart of it.
    pub fn ends_visit(&self) -> bool {
        self.apart.is_some() && !self.given_back
    }

    /// The messages of the next batch. Waits at most `wait` for the first; none came when there are none.
    ///
    /// # Errors
    /// The source's.
    pub fn next<S: Source>(&mut self, source: &mut S, wait: Duration) -> Result<Vec<Message>, SourceError> {
        let mut messages = Vec::new();
        self.given_back = false;
        let Some(apart) = &mut self.apart else {
            self.ended = !source.fetch(&mut messages, self.growth.limits(), wait)?;
            self.growth.fetched(&messages);
            self.fetched += messages.len();
            return Ok(messages);
        };
        if !self.ended && apart.bytes() < 2 * self.limits.bytes {
            // In other partitions there may be more of the visit before.
            let at_once = BatchLimits { linger: Duration::ZERO, ..self.limits.clone() };
            self.ended = !source.fetch(&mut messages, &at_once, Duration::ZERO)?;
        }
        if messages.is_empty() {
            messages = apart.take(self.growth.limits());
            self.given_back = true;
            self.growth.grow();
            self.apart.take_if(|apart| apart.messages.is_empty());
        }
        Ok(messages)
    }

    /// Takes out of the last batch what is behind the begin of a visit; it comes later, in small batches. Whether there was
    /// any: the batch is then to be decoded again, and may be empty.
    ///
    /// In each partition all is taken that is behind the visit's first alert there. So partitions keep their order.
    pub fn set_apart(&mut self, batch: &mut Batch) -> bool {
        let begun = self.begun(batch);
        if self.given_back || self.apart.is_none() && (begun.is_empty() || self.fetched < APART) {
            return false;
        }
        if self.apart.is_none() {
            self.growth.restart();
        }
        self.fetched = 0;
        let apart = self.apart.get_or_insert_default();
        apart.visits.extend(begun);
        apart.take_from(batch)
    }

    /// Visits of which these are the first alerts.
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

    /// Whether there was anything to take.
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
