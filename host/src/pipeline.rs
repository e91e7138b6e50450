//! The way of an alert: decode, evaluate, limit, publish. This room knows no Kafka: messages come from a [`Source`], and
//! records go to a [`Sink`].
//!
//! Each box is a thread, or several of a kind; each arrow is a channel, with what goes through it (`channels`).
//!
//! ```text
//!                    API's threads, each with a Handle
//!                              │  Command: put or delete a filter; the answer comes back
//!                              ▼
//!  Source ─ Messages ─▶ ┌───────────┐  Job: judge this Arc<Batch>  ┌──────────────────────┐
//!                       │ the loop  │ ───────────────────────────▶ │ shards: each owns    │
//!                       │ (run):    │      (one channel a shard)   │ some RunningFilters  │
//!                       │ batcher,  │                              └──────────────────────┘
//!                       │ decoder   │                                         │  Outcome: outputs, faults, counters
//!                       │           │                                         ▼  (one channel a batch)
//!                       │           │  Pending: at most 4 batches  ┌──────────────────────┐
//!                       │           │ ───────────────────────────▶ │ publishers: one for  │ ─ Records, Positions ─▶ Sink
//!                       └───────────┘                              │ each Sink, in turn   │
//!                              ▲                                   └──────────────────────┘
//!                              └── Arc<Batch>, published: its buffers are used again ──┘
//! ```
//!
//! A batch is published when all shards have judged it, and committed in the batches' order (`commit_order`). While a batch
//! is published, the next ones are decoded and judged. What threads share without a channel is in `state` (which filters
//! there are) and `totals` (counts); both are locked for moments only.
//!
//! | module | does |
//! | --- | --- |
//! | `io` | messages, records, positions; the traits [`Source`] and [`Sink`] |
//! | `memory` | a source and a sink in memory, for tests |
//! | `config` | a pipeline's settings, and the errors by which it ends |
//! | `run` | the loop: fetch, decode, hand to the shards and the publishers; uploads between two batches |
//! | `batcher`, `growth` | which messages are in the next batch, and how many |
//! | `decode`, `batch` | messages to a decoded batch, with the alerts' ids and visits |
//! | `channels` | what crosses between the threads |
//! | `shards`, `shard` | the threads that judge, and which filter is on which |
//! | `running_filter`, `judge`, `quota` | one filter over a batch: verdicts, the quota, the accounts |
//! | `topics` | which topics' alerts a filter is shown |
//! | `outcome` | what filters made of a batch |
//! | `panics` | where the host itself panics: the alert to blame is found |
//! | `publish`, `transaction_batch`, `commit_order` | batches to the sinks, several in a transaction, in their order |
//! | `records` | what is published: accepted alerts, dead letters, counters of quotas |
//! | `handle`, `prepared` | the filters from outside: checked, compiled, uploaded, deleted |
//! | `state`, `totals` | the state and the counts that all threads share |

mod batch;
mod batcher;
mod channels;
mod commit_order;
mod config;
mod decode;
mod growth;
mod handle;
mod io;
mod judge;
mod memory;
mod outcome;
mod panics;
mod prepared;
mod publish;
mod quota;
mod records;
mod run;
mod running_filter;
mod shard;
mod shards;
mod state;
mod topics;
mod totals;
mod transaction_batch;

pub use batch::{Batch, HostSlots, Identities, Undecodable, VisitShare, host_projection};
pub use config::{Config, DEADLINE_STRIKES, DEFAULT_QUOTA, FaultLimits, OpenTopic, PipelineError, TopicOpener, Topics};
pub use handle::Handle;
pub use io::{
    BatchLimits, Condition, Header, Message, Monitor, Position, Published, Record, Sink, SinkError, Source,
    SourceError, TopicPartition,
};
pub use judge::{Judge, Verdicts};
pub use memory::{MemorySink, MemorySource};
pub use prepared::Prepared;
pub use run::Pipeline;
