//! The past of the stream, for replays: where its alerts come from, and where those that are accepted go.

use std::any::Any;
use std::sync::Arc;

use super::io::{Position, Published, Record, Sink, SinkError, Source};
use crate::jobs::{Job, JobError, ReplayRequest};

/// The past of the stream.
pub trait Past: Send + Sync {
    /// Opens a part of it, and sets the job's progress to its beginning. Nothing is read yet.
    ///
    /// # Errors
    /// Returns [`JobError::Time`], [`JobError::Order`], [`JobError::NoAlerts`] or [`JobError::Kafka`].
    fn open(&self, request: &ReplayRequest, job: &Arc<Job>) -> Result<OpenedPast, JobError>;
}

/// A part of the past that is ready to be read.
pub struct OpenedPast {
    /// Its alerts. It ends.
    pub source: Box<dyn Source>,
    /// Where accepted alerts are published, by several sinks in turn. Without one, nothing is published.
    pub sinks: Vec<AnySink>,
}

/// A sink of any type.
pub struct AnySink(Box<dyn Erased>);

impl AnySink {
    /// Forgets the type of a sink.
    pub fn new<K: Sink<Sent: 'static> + 'static>(sink: K) -> AnySink {
        AnySink(Box::new(sink))
    }
}

type Sent = Box<dyn Any + Send>;

/// What a sink does, whatever the type of what it has sent.
trait Erased: Send {
    fn send_any(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Sent;
    fn commit_any(&mut self, sent: Sent) -> Result<Published, SinkError>;
}

impl<K: Sink<Sent: 'static>> Erased for K {
    fn send_any(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Sent {
        Box::new(self.send(records, positions))
    }

    fn commit_any(&mut self, sent: Sent) -> Result<Published, SinkError> {
        self.commit(*sent.downcast().expect("it was sent by this sink"))
    }
}

impl Sink for AnySink {
    type Sent = Sent;

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Sent {
        self.0.send_any(records, positions)
    }

    fn commit(&mut self, sent: Sent) -> Result<Published, SinkError> {
        self.0.commit_any(sent)
    }
}

/// A sink that publishes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Sink for Nowhere {
    type Sent = ();

    fn send(&mut self, _: Vec<Record>, _: Vec<Position>) {}

    fn commit(&mut self, (): ()) -> Result<Published, SinkError> {
        Ok(Published::default())
    }
}
