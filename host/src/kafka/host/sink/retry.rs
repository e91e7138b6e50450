//! Sends a batch again until its transaction is committed.

use std::sync::atomic::Ordering;

use super::KafkaSink;
use super::too_large::Outgoing;
use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::error::{Error, Remedy};
use crate::kafka::host::start;
use crate::kafka::host::transactions::take_over;
use crate::kafka::host::watch::Stamped;
use crate::pipeline::Position;

/// What is to be done about a batch.
pub(super) enum Next {
    /// It is committed.
    Nothing,
    /// Try again at once.
    Repeat,
    /// Try again after a pause, for this reason.
    Pause(String),
    /// The producer is of no use any more, for this reason, and the batch may have been committed.
    Renew(String),
}

/// Where a group's offsets are, compared with a batch.
enum Found {
    /// Where the last commit of this host left them.
    Before,
    /// Behind the batch: it was committed.
    Behind,
    /// Another host has committed.
    Elsewhere,
}

impl KafkaSink {
    /// Tries again until it is committed. No other sink sends meanwhile.
    pub(super) fn repeat(
        &mut self,
        mut next: Next,
        batch: &mut [Outgoing],
        positions: &[Stamped],
    ) -> Result<(), Error> {
        let shared = self.shared.clone();
        let _sending = shared.sending.lock();
        shared.repeats.fetch_add(1, Ordering::Release);
        let mut backoff = Backoff::until(shared.transactions(self.number).stop());
        loop {
            match next {
                Next::Nothing => return Ok(()),
                Next::Repeat => {}
                Next::Pause(reason) => {
                    self.watch.retry(&self.because(reason));
                    backoff.pause().map_err(|_| Error::Stopped(batch.len()))?;
                }
                Next::Renew(reason) => {
                    next = self.renew(positions, reason)?;
                    continue;
                }
            }
            let tried = shared.transactions(self.number).commit(&self.parcels(batch), positions);
            next = self.settle(tried, batch)?;
        }
    }

    /// Decides what to do after an attempt.
    pub(super) fn settle(&self, tried: Result<(), Error>, batch: &mut [Outgoing]) -> Result<Next, Error> {
        let Err(error) = tried else { return Ok(Next::Nothing) };
        match error.remedy() {
            Remedy::Retry => Ok(Next::Pause(error.to_string())),
            Remedy::Shrink(large) => {
                // Each record is made smaller three times at most, and then refused.
                large.iter().try_for_each(|number| self.shrink(&mut batch[*number]))?;
                Ok(Next::Repeat)
            }
            Remedy::Renew => Ok(Next::Renew(error.to_string())),
            Remedy::GiveUp => Err(error),
        }
    }

    /// The reason, and what is known of the brokers.
    fn because(&self, reason: String) -> String {
        match self.watch.trouble() {
            Some(trouble) if !reason.contains(&trouble) => {
                format!("{reason}; no Kafka broker can be reached ({trouble})")
            }
            _ => reason,
        }
    }

    /// Makes both producers anew after one has become useless. The batch may have been committed all the same.
    ///
    /// The brokers end a transaction that takes too long, which looks to the producer as if another host had taken its
    /// place. Whether one has, the group's offsets tell. They are asked for before this host takes the name over again, so
    /// that it does not end the other, and once more after that, when nothing is on its way any more. Both ids are taken
    /// over: otherwise two hosts might publish the same, each under one id.
    fn renew(&mut self, positions: &[Stamped], reason: String) -> Result<Next, Error> {
        let [mut first, mut second] = [0, 1].map(|number| self.shared.transactions(number));
        let begun = self.found(positions).and_then(|found| match found {
            Found::Elsewhere => Err(self.fenced()),
            _ => take_over([&mut first, &mut second], &self.options),
        });
        let found = match begun.and_then(|()| self.found(positions)) {
            Ok(Found::Elsewhere) => return Err(self.fenced()),
            Err(error) if error.may_pass() => return Ok(Next::Pause(format!("{reason}; {error}"))),
            found => found?,
        };
        first.be_sure();
        second.be_sure();
        if matches!(found, Found::Before) {
            return Ok(Next::Pause(reason));
        }
        self.watch.retry(&reason);
        Ok(Next::Nothing)
    }

    /// Finds out where the group's offsets are.
    fn found(&self, positions: &[Stamped]) -> Result<Found, Error> {
        let positions: Vec<&Position> = positions.iter().map(|stamped| &stamped.position).collect();
        let partitions: Vec<_> = positions.iter().map(|position| position.topic_partition()).collect();
        let found = start::committed(&self.consumer, &partitions, &self.options)?;
        let known = |position: &Position| self.watch.group(&position.topic, position.partition);
        let found = found.into_iter().map(|committed| committed.map(|committed| committed.offset));
        let mut pairs = positions.into_iter().zip(found);
        Ok(if pairs.clone().all(|(position, found)| found == Some(position.offset)) {
            Found::Behind
        } else if pairs.all(|(position, found)| found == known(position)) {
            Found::Before
        } else {
            Found::Elsewhere
        })
    }

    fn fenced(&self) -> Error {
        Error::Fenced { name: self.name.clone() }
    }
}
