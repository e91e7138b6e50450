//! An alert's way: decode, evaluate, limit, publish. Knows no Kafka: messages come from a [`Source`] and go to a
//! [`Sink`].

mod io;

pub use io::{BatchLimits, Header, Message, Position, Record, Sink, SinkError, Source, SourceError};
