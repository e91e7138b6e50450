//! An alert's way: decode, evaluate, limit, publish. Knows no Kafka: messages come from a [`Source`] and go to a
//! [`Sink`].

mod batch;
mod config;
mod decode;
mod feed;
mod growth;
mod handle;
mod io;
mod judge;
mod letters;
mod memory;
mod publish;
mod quota;
mod resident;
mod run;
mod shard;
mod totals;
mod turns;

pub use crate::filters::PartitionLag;
pub use batch::{Batch, HostSlots, Identities, Undecodable, VisitShare, host_projection};
pub use config::{Config, DEFAULT_QUOTA, FaultLimits, OpenTopic, PipelineError, TopicOpener, Topics};
pub use handle::{Handle, Prepared};
pub use io::{
    BatchLimits, Condition, Header, Message, Monitor, Position, Record, Sink, SinkError, Source, SourceError,
};
pub use judge::{Judge, Verdicts};
pub use memory::{MemorySink, MemorySource};
pub use run::Pipeline;
