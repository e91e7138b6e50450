//! The end of an alert's path: passes outputs and dead letters to a sink, in the order of the batches.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use parking_lot::Mutex;

use super::batch::Batch;
use super::channels::{Command, Pending};
use super::commit_order::{CommitOrder, Ticket};
use super::config::{PipelineError, Topics};
use super::io::Sink;
use super::totals::Totals;
use super::transaction_batch::TransactionBatch;

/// The longest pause between two commits; after that, the sink is given an empty transaction. Even a host that has
/// nothing to publish has to commit: this is how it learns whether another host has taken its place, and it keeps Kafka
/// from forgetting its offsets.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Batches on their way to the sinks, which take them in turn.
pub struct Publisher<'a> {
    topics: &'a Topics,
    totals: &'a Totals,
    /// Receives batches that no sink has taken yet.
    pending: Mutex<Receiver<Pending>>,
    order: CommitOrder,
    /// Takes the filters that have left the lane.
    left: Sender<Command>,
    /// Topics for which a log message has said that they do not take accepted alerts.
    too_large: Mutex<HashSet<Arc<str>>>,
}

impl<'a> Publisher<'a> {
    /// A publisher for the batches that come from `pending`.
    pub fn new(
        topics: &'a Topics,
        totals: &'a Totals,
        pending: Receiver<Pending>,
        left: Sender<Command>,
    ) -> Publisher<'a> {
        let (pending, too_large) = (Mutex::new(pending), Mutex::default());
        Publisher { topics, totals, pending, order: CommitOrder::new(), left, too_large }
    }

    /// Publishes batches in their order, taking turns with other threads that do the same with other sinks. Ends when
    /// there are no more batches, before a batch that lacks verdicts, or when one of the sinks fails. Published batches
    /// are sent to `done`, so that their buffers can be reused.
    ///
    /// # Errors
    /// Returns [`PipelineError::Sink`] or [`PipelineError::ThreadLost`].
    pub fn publish<K: Sink>(&self, sink: &mut K, done: &Sender<Arc<Batch>>) -> Result<(), PipelineError> {
        while let Some((ticket, mut transaction, sent)) = self.send(sink)? {
            if !ticket.wait() {
                // Another sink has failed, and its error is the one to report.
                return Ok(());
            }
            let begun = Instant::now();
            let published = sink.commit(sent)?;
            self.totals.add_transaction(transaction.judging, transaction.sending + begun.elapsed());
            self.tell_too_large(transaction.count_too_large(&published.too_large));
            self.totals.add_published(transaction.batches.len(), transaction.messages, transaction.dead_letters);
            for filter in transaction.leaving {
                // Sending fails if the loop has ended; the next start reads where the filter is.
                let _ = self.left.send(Command::Left(Box::new(filter)));
            }
            transaction.then.into_iter().for_each(|then| then());
            ticket.committed();
            for batch in transaction.batches {
                // Sending fails if the loop has ended.
                let _ = done.send(batch);
            }
        }
        Ok(())
    }

    /// Warns, once for each topic, that topics do not take accepted alerts.
    fn tell_too_large(&self, topics: Vec<Arc<str>>) {
        let mut told = self.too_large.lock();
        for topic in topics.into_iter().filter(|topic| !told.contains(topic)).collect::<Vec<_>>() {
            tracing::warn!(
                %topic,
                "accepted alerts are too large for the topic: they are dead letters without payload, and counted as \
                 too_large; raise the topic's max.message.bytes"
            );
            told.insert(topic);
        }
    }

    /// Sends the next batches while the other sinks wait. All batches that arrived in the meantime are sent together.
    fn send<K: Sink>(&self, sink: &mut K) -> Result<Option<(Ticket<'_>, TransactionBatch, K::Sent)>, PipelineError> {
        let mut pending = self.pending.lock();
        let mut transaction = TransactionBatch::default();
        let ticket = select! {
            recv(*pending) -> first => {
                let Ok(first) = first else { return Ok(None) };
                let ticket = self.order.take();
                if !transaction.add(first, self.topics)? {
                    ticket.give_back();
                    end_before_incomplete(&mut pending);
                    return Ok(None);
                }
                ticket
            }
            recv(self.order.broken) -> _ => return Ok(None),
            default(KEEP_ALIVE) => self.order.take(),
        };
        while transaction.has_room()
            && let Ok(next) = pending.try_recv()
        {
            if !transaction.add(next, self.topics)? {
                end_before_incomplete(&mut pending);
            }
        }
        let (records, positions) =
            (std::mem::take(&mut transaction.records), std::mem::take(&mut transaction.positions));
        let begun = Instant::now();
        let sent = sink.send(records, positions);
        transaction.sending = begun.elapsed();
        Ok(Some((ticket, transaction, sent)))
    }
}

/// Lets no more batches come: one lacks verdicts, and those behind it must not be published before it is.
fn end_before_incomplete(pending: &mut Receiver<Pending>) {
    tracing::warn!(
        "a filter was interrupted, because its host or its replay was stopped: its batch is not published now"
    );
    *pending = bounded(0).1;
}
