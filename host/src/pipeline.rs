//! The path of an alert: decode, evaluate, limit, publish. This part knows nothing about Kafka: messages come from a
//! [`Source`], and records go to a [`Sink`].
//!
//! Each box is a thread or a group of threads; each arrow is a channel, with the type that is sent through it
//! (`channels`).
//!
//! ```text
//!                    API's threads, each with a Handle
//!                              │  Command: put or delete a filter; the answer comes back
//!                              ▼
//!  Source ─ Messages ─▶ ┌───────────┐  Job: judge this Arc<Batch>  ┌──────────────────────┐
//!                       │ the loop  │ ───────────────────────────▶ │ shards: each owns    │
//!                       │ (lane):   │      (one channel a shard)   │ some RunningFilters  │
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
//! A batch is published when all shards have judged it, and committed in the order of the batches (`commit_order`).
//! While a batch is being published, the next ones are decoded and judged. The threads share a few things without a
//! channel: the list of filters is in `state`, and the counts are in `totals`. Both are only locked for moments.
//!
//! All of that is a *lane*. A host has two of them, each with its own source, threads and sinks:
//!
//! ```text
//!                  Left: it took too long, as of the begin of a batch; that is committed
//!  live lane ───────────────────────────────────────────────────────────────────────────▶ slow lane
//!  (live)    ◀─────────────────────────────────────────────────────────────────────────── (slow)
//!                  Join: it was quick for a while, and has come to where batches are kept for it
//! ```
//!
//! Each replay and each check has a lane of its own beside these.
//!
//! A filter in the slow lane has a position of its own, which is published in the transaction of each batch
//! (`lane_record`). It takes batches and judges them in turns, within its share of a processor. The slow lane comes back for
//! a filter that was left behind; the others skip what they have judged.
//!
//! | module | does |
//! | --- | --- |
//! | `io` | messages, records, positions; the traits [`Source`] and [`Sink`] |
//! | `memory` | a source and a sink in memory, for tests |
//! | `config` | the settings of a pipeline, and the errors that end it |
//! | `run` | makes the lanes |
//! | `lane` | the loop: fetches, decodes, passes batches to shards and publishers |
//! | `live`, `slow` | the two lanes' duties: uploads, and filters that change lanes |
//! | `positions`, `place` | how far a lane has come, and from where on a filter is judged in it |
//! | `lane_record` | the record of where a filter is judged |
//! | `moving`, `release`, `handing_over` | filters that go to another host, or come from there, or begin in the past |
//! | `alert_topics` | what is asked about the topics of alerts, beyond reading them |
//! | `lane_time`, `pace`, `lag` | the time that filters have in a lane, how quick one is, whether it falls behind |
//! | `owed`, `kept`, `cpu_share` | the batches that a slow filter has taken, their bytes, and how much of a processor it may use |
//! | `costly` | which filters have to leave the live lane because they take too long together |
//! | `rounds`, `standings` | which filters the slow lane reads for, and where they are |
//! | `meetings`, `arrivals`, `expected` | how a filter joins the live lane while the stream goes on |
//! | `batcher`, `batch_size` | decide which messages are in the next batch, and how many |
//! | `decode`, `batch` | turn messages into a decoded batch, with the alerts' ids and visits |
//! | `channels` | the types that are sent between the threads |
//! | `shards`, `shard` | the threads that judge, and the assignment of filters to them |
//! | `running_filter`, `judge` | one filter on one batch |
//! | `running_filter/shadow` | a version that judges what the active one judges, and is compared with it |
//! | `cost_meter` | measures what alerts cost one filter |
//! | `account`, `quota` | what its verdicts lead to: the quota, the accounting |
//! | `failing`, `log_rate` | bound what a filter that fails or logs too much can cost |
//! | `topics` | decides which topics' alerts a filter is shown |
//! | `outcome` | the results of filters for a batch |
//! | `panics` | finds the alert to blame if the host itself panics |
//! | `publish`, `transaction_batch`, `commit_order` | pass batches to the sinks, in order, several in a transaction |
//! | `records` | makes the records to publish: accepted alerts, dead letters, counters of quotas |
//! | `replay`, `past` | the lane in which a filter judges past alerts once more, or is checked |
//! | `handle`, `check_upload`, `load`, `ready` | check, compile, upload and delete filters from other threads |
//! | `recent`, `trial` | the newest alerts, on which uploads are tried |
//! | `stopping` | cancels filters that are still judging when the host has to stop |
//! | `state`, `totals` | the state and the counts that all threads share |

mod account;
mod alert_topics;
mod arrivals;
mod batch;
mod batch_size;
mod batcher;
mod channels;
mod check_upload;
mod commit_order;
mod config;
mod cost_meter;
mod costly;
mod cpu_share;
mod decode;
mod expected;
mod failing;
mod handing_over;
mod handle;
mod io;
mod judge;
mod kept;
mod lag;
mod lane;
mod lane_record;
mod lane_time;
mod live;
mod load;
mod log_rate;
mod meetings;
mod memory;
mod moving;
mod outcome;
mod owed;
mod pace;
mod panics;
mod past;
mod place;
mod positions;
mod publish;
mod quota;
mod ready;
mod recent;
mod records;
mod release;
mod replay;
mod rounds;
mod run;
mod running_filter;
mod shard;
mod shards;
mod slots;
mod slow;
mod standings;
mod state;
mod stopping;
mod topics;
mod totals;
mod transaction_batch;
mod trial;

pub use alert_topics::{AlertTopics, TopicLookup};
pub use batch::{Batch, HostSlots, Identities, Undecodable, VisitShare, host_projection};
pub use check_upload::{NewShadow, Prepared};
pub use config::{
    Config, DEADLINE_STRIKES, DEFAULT_PASS_RATE, DEFAULT_QUOTA, FAILING_ALERTS, FaultLimits, MAX_LAG, OpenTopic,
    PipelineError, SHADOWS, SLICE, STRIKE_TIME, TopicOpener, Topics,
};
pub use cost_meter::CostMeter;
pub use costly::CHEAP as CHEAP_ALERT;
pub use handle::Handle;
pub use io::{
    BatchLimits, Condition, Header, Message, Monitor, Position, Published, Record, Sink, SinkError, Source,
    SourceError, TopicPartition,
};
pub use judge::{Judge, Verdicts};
pub use kept::MOST as BYTES_OWED;
pub use log_rate::{LOG_BURST, LOGS_A_SECOND};
pub use memory::{MemorySink, MemorySource};
pub use owed::MOST as BATCHES_OWED;
pub use past::{AnySink, OpenedPast, Past};
pub use positions::Positions;
pub use ready::Ready;
pub use recent::RECENT_ALERTS;
pub use replay::TOPIC_LETTERS;
pub use run::Pipeline;
pub use running_filter::ALERTS_OWED_BY_SHADOWS;
pub use slow::SlowLane;
